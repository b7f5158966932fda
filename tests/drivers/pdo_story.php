<?php
// PHP's PDO as a tenant through the proxy. A line for each thing proved; story.py says what is in the environment.

const TURNS = 10;
const CLIENTS = 8;

final class Tenant
{
    public function __construct(public string $dsn, public string $marker) {}

    public function open(array $options = []): PDO
    {
        $url = parse_url($this->dsn);
        $dsn = sprintf('pgsql:host=%s;port=%d;dbname=%s', $url['host'], $url['port'], ltrim($url['path'], '/'));
        return new PDO($dsn, $url['user'], rawurldecode($url['pass']), $options + [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    }
}

$alpha = new Tenant(getenv('DSN'), getenv('MARKER'));
$beta = new Tenant(getenv('OTHER_DSN'), getenv('OTHER_MARKER'));

function check(bool $held, string $why): void
{
    if (!$held) {
        fwrite(STDERR, "FAILED: $why\n");
        exit(1);
    }
}

function equal(mixed $found, mixed $wanted, string $what): void
{
    check($found === $wanted, "$what: " . json_encode($found) . ', not ' . json_encode($wanted));
}

function fails(string $state, callable $work, string $what): void
{
    try {
        $work();
    } catch (PDOException $error) {
        equal((string) $error->getCode(), $state, "SQLSTATE of $what ({$error->getMessage()})");
        return;
    }
    check(false, "$what: no error");
}

function values(PDO $db, string $sql, array $parameters = []): array
{
    $statement = $db->prepare($sql);
    $statement->execute($parameters);
    return $statement->columnCount() ? $statement->fetchAll(PDO::FETCH_COLUMN) : [];
}

function own(array $bodies, Tenant $tenant, string $where): void
{
    check(in_array($tenant->marker, $bodies, true), "$where: {$tenant->marker} is missing in " . json_encode($bodies));
    foreach ($bodies as $body) {
        check(!str_starts_with($body, 'marker of') || $body === $tenant->marker, "$where: row of another tenant: $body");
    }
}

/** What one of many clients does, in a process of its own. */
function client(Tenant $tenant, string $number): void
{
    $db = $tenant->open();
    echo "logged in\n";
    fgets(STDIN);
    for ($turn = 0; $turn < TURNS; $turn++) {
        $db->beginTransaction();
        echo values($db, 'SELECT pg_backend_pid()')[0], ' ';
        values($db, 'INSERT INTO shared VALUES (?)', ["{$tenant->marker} $number $turn"]);
        own(values($db, 'SELECT body FROM notes'), $tenant, "client $number");
        $db->commit();
    }
}

if ($argc > 1) {
    client([$alpha, $beta][(int) $argv[1]], $argv[2]);
    exit(0);
}

$begin = microtime(true);
function proved(string $words): void
{
    global $begin;
    printf("ok: %s (at %.1f s)\n", $words, microtime(true) - $begin);
}

$db = $alpha->open();
$other = $alpha->open();
printf("client: PDO pgsql of PHP %s (libpq %s)\n", PHP_VERSION, $db->getAttribute(PDO::ATTR_CLIENT_VERSION));

$db->exec('CREATE TABLE crud (id serial PRIMARY KEY, name text NOT NULL UNIQUE, picture bytea)');
$insert = $db->prepare('INSERT INTO crud (name) VALUES (:name)');
foreach (['ash', 'birch', 'cedar'] as $place => $name) {
    $insert->execute(['name' => $name]);
}
equal(values($db, 'UPDATE crud SET name = ? WHERE id = ? RETURNING name', ['oak', 1]), ['oak'], 'UPDATE');
equal($db->exec("DELETE FROM crud WHERE name = 'cedar'"), 1, 'DELETE');
$picture = $db->prepare("UPDATE crud SET picture = ? WHERE name = 'oak'");
$picture->bindValue(1, "\x00\x01\xff", PDO::PARAM_LOB);
$picture->execute();
equal(stream_get_contents(values($db, "SELECT picture FROM crud WHERE name = 'oak'")[0]), "\x00\x01\xff", 'bytes');
own(values($db, 'SELECT body FROM notes'), $alpha, 'notes');
proved('rows are created, read, updated and deleted');

// It asks for lastval() or currval(), which only the session knows that inserted.
$insert->execute(['name' => 'date']);
equal($db->lastInsertId(), '4', 'lastInsertId()');
equal($db->lastInsertId('crud_id_seq'), '4', 'lastInsertId() of a sequence');
$insert->execute(['name' => 'date palm']);
equal(values($other, "INSERT INTO crud (name) VALUES ('elm') RETURNING id"), [6], 'another client');
equal($db->lastInsertId(), '5', 'lastInsertId() after it');
$db->beginTransaction();
$insert->execute(['name' => 'fir']);
equal($db->lastInsertId(), '7', 'lastInsertId() in a transaction');
$db->commit();
proved('lastInsertId()');

$db->beginTransaction();
$insert->execute(['name' => 'kept']);
$db->exec('SAVEPOINT part');
fails('23505', fn () => $insert->execute(['name' => 'kept']), 'a unique constraint');
fails('25P02', fn () => values($db, 'SELECT 1'), 'a statement after an error');
$db->exec('ROLLBACK TO SAVEPOINT part');
$db->commit();
$db->beginTransaction();
$db->exec('DELETE FROM crud');
$db->rollBack();
equal(values($db, "SELECT count(*)::text FROM crud WHERE name = 'kept'"), ['1'], 'after ROLLBACK');
proved('transactions and savepoints');

// PDO prepares each statement on the server, and says DEALLOCATE when the object goes.
for ($n = 0; $n < 50; $n++) {
    equal(values($n % 2 ? $db : $other, "SELECT ?::int + $n", [$n]), [2 * $n], 'prepared statement');
}
$quotient = $db->prepare('SELECT 6 / ?::int');
for ($n = 0; $n < 3; $n++) {
    fails('22012', fn () => $quotient->execute([0]), 'a prepared statement');
    $quotient->execute([2]);
    equal($quotient->fetchColumn(), 3, 'prepared statement after an error');
    values($other, 'SELECT 1');
}
unset($quotient);
$emulating = $alpha->open([PDO::ATTR_EMULATE_PREPARES => true]);
equal(values($emulating, 'SELECT ?::int', [7]), [7], 'emulated');
$unnamed = $alpha->open([PDO::PGSQL_ATTR_DISABLE_PREPARES => true]);
equal(values($unnamed, 'SELECT ?::int', [7]), [7], 'without prepared statements');
proved('prepared statements');

$db->exec('CREATE TABLE goods (id int, name text)');
$rows = array_map(fn ($n) => "$n\tgood\n", range(0, 4999));
check($db->pgsqlCopyFromArray('goods', $rows), 'COPY in');
equal(count($db->pgsqlCopyToArray('goods')), 5000, 'COPY out');
fails('22P02', fn () => $db->pgsqlCopyFromArray('goods', ["x\ty\n"]), 'COPY of what is no row');
equal(values($db, 'SELECT count(*)::text FROM goods'), ['5000'], 'after a COPY that failed');
proved('COPY both ways, and one that fails');

$db->exec("SET statement_timeout = '100ms'");
fails('57014', fn () => $db->query('SELECT pg_sleep(60)'), 'a query past its time');
$db->exec('RESET statement_timeout');
foreach ([
    'SELEC 1' => '42601', 'SELECT * FROM nowhere' => '42P01', 'INSERT INTO crud (name) VALUES (NULL)' => '23502',
    'SELECT 1 / 0' => '22012', 'SELECT * FROM tenant_of_somebody_else.notes' => '42501',
] as $sql => $state) {
    fails($state, fn () => $db->exec($sql), $sql);
    fails($state, fn () => values($db, $sql), "$sql, prepared");
    equal(values($db, 'SELECT 1'), [1], "after $sql");
}
proved('errors leave the connection usable');

$schema = values($db, 'SELECT current_schema()')[0];
$db->exec("SET search_path TO \"$schema\"");
$db->exec("SET NAMES 'UTF8'");
$db->exec("SET TIME ZONE 'Asia/Tokyo'");
values($other, 'SELECT 1');
equal(values($db, "SELECT current_setting('search_path') || current_setting('TimeZone')"), ["{$schema}Asia/Tokyo"], 'settings');
check(values($other, 'SHOW TimeZone') !== ['Asia/Tokyo'], "another client's time zone");
$db->exec('RESET ALL');
proved('settings');

$db->exec('CREATE TABLE changing (a int)');
$star = $db->prepare('SELECT * FROM changing');
for ($n = 0; $n < 8; $n++) {
    $star->execute();
    equal($star->columnCount(), $n < 5 ? 1 : 2, 'columns');
    $n === 4 && $other->exec('ALTER TABLE changing ADD b int');
}
unset($star);
proved('tables that change under prepared statements');

if (getenv('LISTENS') === '1') {
    $stranger = $beta->open();
    $db->exec('LISTEN news');
    $stranger->exec('LISTEN news');
    $other->exec("NOTIFY news, 'first'");
    values($other, 'SELECT pg_notify(?, ?)', ['news', 'second']);
    $heard = [];
    for ($patience = microtime(true) + 10; count($heard) < 2 && microtime(true) < $patience;) {
        $one = $db->pgsqlGetNotify(PDO::FETCH_ASSOC, 1000);
        $one && $heard[] = $one['payload'];
    }
    equal($heard, ['first', 'second'], 'what was heard');
    equal($stranger->pgsqlGetNotify(PDO::FETCH_ASSOC, 100), false, 'what another tenant hears');
    $db->exec('UNLISTEN *');
    proved('LISTEN and NOTIFY');
}

// Each client is a process of its own. All are logged in before the first transaction.
foreach ([$alpha, $beta] as $place => $tenant) {
    $tenant->open()->exec('CREATE TABLE shared (name text)');
    for ($number = 0; $number < CLIENTS; $number++) {
        $process = proc_open([PHP_BINARY, __FILE__, (string) $place, (string) $number], [['pipe', 'r'], ['pipe', 'w']], $pipes);
        $clients[$place][] = [$process, ...$pipes];
    }
}
foreach (array_merge(...$clients) as [, , $says]) {
    equal(fgets($says), "logged in\n", 'a client');
}
foreach (array_merge(...$clients) as [, $hears]) {
    fwrite($hears, "go on\n");
}
foreach ([$alpha, $beta] as $place => $tenant) {
    $met = [];
    foreach ($clients[$place] as $number => [$process, , $says]) {
        foreach (explode(' ', trim(stream_get_contents($says))) as $pid) {
            $met[$pid][] = $number;
        }
        equal(proc_close($process), 0, "exit code of client $number");
    }
    check(count($met) <= (int) getenv('SERVER_CONNECTIONS'), count($met) . ' server processes served ' . CLIENTS . ' clients');
    check(max(array_map(fn ($numbers) => count(array_unique($numbers)), $met)) > 1, 'nobody shared');
    $names = values($tenant->open(), 'SELECT DISTINCT name FROM shared');
    equal(count($names), CLIENTS * TURNS, 'rows written by all');
    foreach ($names as $name) {
        check(str_starts_with($name, $tenant->marker), "row of another tenant: $name");
    }
}
proved('many connections share few server connections');

echo "== ordinary work is done\n";
fgets(STDIN);
// It declares them WITH HOLD.
$db->beginTransaction();
$scrolled = $db->prepare('SELECT id FROM goods ORDER BY id', [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
$scrolled->execute();
equal($scrolled->fetch(PDO::FETCH_COLUMN, PDO::FETCH_ORI_ABS, 11), 10, 'scrolled forward');
equal($scrolled->fetch(PDO::FETCH_COLUMN, PDO::FETCH_ORI_PRIOR), 9, 'scrolled back');
$scrolled->closeCursor();
unset($scrolled);
$db->commit();
proved('cursors that are scrolled');

$db->exec('CREATE TEMP TABLE mine AS SELECT 1 AS a');
equal(values($db, 'TABLE mine'), [1], 'its temporary table');
$db->exec('DROP TABLE mine');
values($db, 'SELECT pg_advisory_lock(42)');
equal(values($db, 'SELECT pg_advisory_unlock(42)'), [true], 'its lock');
proved('temporary tables and advisory locks');
