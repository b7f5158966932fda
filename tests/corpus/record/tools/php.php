<?php
// PHP: PDO, the pgsql functions, Doctrine DBAL and ORM's schema tool.
error_reporting(E_ALL & ~E_DEPRECATED);
$e = getenv();
function step(string $name, callable $work) {
    try { $r = $work(); echo "ok $name\n"; return $r; }
    catch (\Throwable $error) { echo "FAIL $name: ", substr(preg_replace('/\s+/', ' ', $error->getMessage()), 0, 300), "\n"; }
}
$pdo = new PDO("pgsql:host={$e['PGHOST']};port={$e['PGPORT']};dbname={$e['PGDATABASE']}", $e['PGUSER'], $e['PGPASSWORD'], [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
step('pdo', function () use ($pdo) {
    $pdo->exec('CREATE TABLE notes (id serial PRIMARY KEY, body text, b bytea)');
    foreach ([false, true] as $emulate) {
        $s = $pdo->prepare('INSERT INTO notes (body) VALUES (:body) RETURNING id', [PDO::ATTR_EMULATE_PREPARES => $emulate]); $s->execute(['body' => "it's"]); $s->execute(['body' => 'b']);
        $s = $pdo->prepare('SELECT * FROM notes WHERE id = ? AND body IS NOT NULL', [PDO::ATTR_EMULATE_PREPARES => $emulate]); $s->execute([1]); $s->fetchAll(); $s->getColumnMeta(0);
    }
    $pdo->prepare('SELECT 1', [PDO::PGSQL_ATTR_DISABLE_PREPARES => true])->execute();
    $pdo->beginTransaction(); $pdo->rollBack(); $pdo->beginTransaction(); $pdo->commit();
    $s = $pdo->prepare('SELECT * FROM notes', [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]); $s->execute(); $s->fetch(PDO::FETCH_ASSOC, PDO::FETCH_ORI_LAST); $s->closeCursor();
    $pdo->pgsqlCopyFromArray('notes', ["7\tx\t\\N"]); $pdo->pgsqlCopyToArray('notes'); $pdo->getAttribute(PDO::ATTR_SERVER_INFO);
});
step('pdo last id', function () use ($pdo) { $pdo->exec("INSERT INTO notes (body) VALUES ('c')"); $pdo->lastInsertId(); });
step('pdo last id of a sequence', function () use ($pdo) { $pdo->exec("INSERT INTO notes (body) VALUES ('d')"); $pdo->lastInsertId('notes_id_seq'); });
step('pdo large object', function () use ($pdo) { $pdo->beginTransaction(); $oid = $pdo->pgsqlLOBCreate(); $pdo->pgsqlLOBUnlink($oid); $pdo->commit(); });
if ($pdo->inTransaction()) $pdo->rollBack();
step('pgsql', function () {
    $c = pg_connect('sslmode=disable'); pg_query_params($c, 'SELECT * FROM notes WHERE id = $1', [1]); pg_prepare($c, 'p', 'SELECT $1::int'); pg_execute($c, 'p', [1]);
    pg_meta_data($c, 'notes'); pg_insert($c, 'notes', ['body' => 'x']); pg_select($c, 'notes', ['id' => 1]); pg_update($c, 'notes', ['body' => 'y'], ['id' => 1]); pg_delete($c, 'notes', ['id' => 99]); pg_copy_to($c, 'notes'); pg_copy_from($c, 'notes', ["8\tx\t\\N\n"]); pg_field_table(pg_query($c, 'SELECT id FROM notes'), 0); pg_close($c);
});
require_once '/usr/share/php/Doctrine/DBAL/autoload.php';
use Doctrine\DBAL\DriverManager;
use Doctrine\DBAL\Schema\Schema;
$db = DriverManager::getConnection(['driver' => 'pdo_pgsql', 'host' => $e['PGHOST'], 'port' => $e['PGPORT'], 'user' => $e['PGUSER'], 'password' => $e['PGPASSWORD'], 'dbname' => $e['PGDATABASE'], 'charset' => 'utf8']);
$schema = new Schema();
$users = $schema->createTable('users'); $users->addColumn('id', 'integer', ['autoincrement' => true]); $users->addColumn('name', 'string', ['length' => 50, 'comment' => 'shown']); $users->addColumn('data', 'json', ['notnull' => false]); $users->setPrimaryKey(['id']); $users->addUniqueIndex(['name']); $users->setComment('people');
$posts = $schema->createTable('posts'); $posts->addColumn('id', 'guid'); $posts->addColumn('user_id', 'integer'); $posts->addColumn('price', 'decimal', ['precision' => 8, 'scale' => 2, 'default' => 0]); $posts->setPrimaryKey(['id']); $posts->addForeignKeyConstraint($users, ['user_id'], ['id'], ['onDelete' => 'CASCADE']); $schema->createSequence('numbers');
step('dbal create', function () use ($db, $schema) { foreach ($schema->toSql($db->getDatabasePlatform()) as $sql) $db->executeStatement($sql); });
step('dbal introspect', function () use ($db, $schema) {
    $m = $db->createSchemaManager(); $now = $m->introspectSchema(); $m->listTableNames(); $m->listTables(); $m->listViews(); $m->listSequences(); $m->listSchemaNames(); $m->listTableIndexes('users'); $m->listTableForeignKeys('posts'); $m->listTableColumns('tenant_alpha.users'); $m->tablesExist(['users']); $m->listDatabases();
    $m->createComparator()->compareSchemas($now, $schema);
});
step('dbal queries', function () use ($db) {
    $db->insert('users', ['name' => 'Ada', 'data' => '{}']); $db->lastInsertId(); $db->update('users', ['name' => 'Al'], ['id' => 1]); $db->fetchAllAssociative('SELECT * FROM users WHERE id IN (?)', [[1, 2]], [\Doctrine\DBAL\Connection::PARAM_INT_ARRAY]); $db->delete('users', ['id' => 9]);
    $db->createQueryBuilder()->select('u.*')->from('users', 'u')->leftJoin('u', 'posts', 'p', 'p.user_id = u.id')->where('u.name LIKE :n')->setParameter('n', 'A%')->orderBy('u.id')->setMaxResults(3)->setFirstResult(1)->executeQuery()->fetchAllAssociative();
    $db->setNestTransactionsWithSavepoints(true); $db->transactional(function ($c) { $c->transactional(fn ($d) => $d->fetchOne('SELECT 1')); }); $db->setTransactionIsolation(4); $db->getDatabase(); $db->fetchOne($db->getDatabasePlatform()->getDummySelectSQL());
});
step('dbal alter', function () use ($db, $schema) { $m = $db->createSchemaManager(); $from = $m->introspectTable('users'); $to = clone $from; $to->addColumn('age', 'integer', ['default' => 0]); $to->getColumn('name')->setLength(80)->setNotnull(false); $to->addIndex(['age'], 'by_age'); foreach ($db->getDatabasePlatform()->getAlterTableSQL($m->createComparator()->compareTables($from, $to)) as $sql) $db->executeStatement($sql); $m->dropTable('posts'); $m->dropSequence('numbers'); });
step('dbal drop', function () use ($db, $schema) { foreach ($db->createSchemaManager()->introspectSchema()->toDropSql($db->getDatabasePlatform()) as $sql) $db->executeStatement($sql); });
