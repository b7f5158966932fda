// Sequelize as a tenant through the proxy. A line for each thing proved.

import {
  CLIENTS, LISTENS, SLEEP, SLEEPERS, cancelEnds, copies, equal, fails, hears, own, share, tell, tenants, use, version,
} from "./story.mjs";

const pg = use("pg");
const { DataTypes, Op, QueryTypes, Sequelize, col, fn } = use("sequelize");

function open(tenant, max) {
  const db = new Sequelize(tenant.dsn, { logging: false, dialect: "postgres", pool: { max }, timezone: "+02:00" });
  const Author = db.define("author", {
    name: { type: DataTypes.STRING, unique: true, allowNull: false }, meta: DataTypes.JSONB, tags: DataTypes.ARRAY(DataTypes.TEXT),
  });
  const Book = db.define("book", { title: DataTypes.TEXT, price: DataTypes.DECIMAL(8, 2), kind: DataTypes.ENUM("novel", "poems") }, { paranoid: true });
  Author.hasMany(Book, { onDelete: "CASCADE" });
  Book.belongsTo(Author);
  const Note = db.define("note", { body: DataTypes.TEXT }, { timestamps: false });
  const Shared = db.define("shared", { name: DataTypes.TEXT }, { timestamps: false, freezeTableName: true });
  return { db, Author, Book, Note, Shared };
}

const { db, Author, Book, Note } = open(tenants[0], 4);

async function tablesAreMade() {
  await db.authenticate();
  await Author.sync();
  for (let turn = 0; turn < 2; turn++) await Book.sync({ alter: turn === 1 });
  const q = db.getQueryInterface();
  equal(Object.keys(await q.describeTable("authors")), ["id", "name", "meta", "tags", "createdAt", "updatedAt"], "columns");
  await q.addColumn("books", "note", DataTypes.STRING);
  await q.changeColumn("books", "note", { type: DataTypes.TEXT, defaultValue: "x" });
  await q.removeColumn("books", "note");
  await q.addIndex("books", ["title"], { concurrently: true, name: "by_title" });
  equal((await q.showIndex("books")).map((index) => index.name).sort(), ["books_pkey", "by_title"], "indexes");
}

async function objectsAreCreatedReadUpdatedAndDeleted() {
  const [ada] = await Author.bulkCreate([{ name: "Ada", meta: { a: { b: 1 } }, tags: ["x"] }, { name: "Bo" }], { returning: true });
  await Book.bulkCreate(Array.from({ length: 30 }, (_, n) => ({ title: `T${n}`, price: n, kind: "novel", authorId: ada.id })));
  await Author.upsert({ name: "Ada", tags: ["y"] });
  const found = await Author.findOne({ where: { meta: { a: { b: 1 } }, tags: { [Op.overlap]: ["y"] } }, include: [{ model: Book, where: { price: { [Op.gte]: 20 } } }] });
  equal([found.name, found.books.length], ["Ada", 10], "JSON, array, join");
  found.name = "Ada Lovelace";
  await found.save();
  await Book.increment("price", { by: 2, where: { title: "T1" } });
  equal(Number((await Book.findOne({ where: { title: "T1" } })).price), 3, "increment");
  await Book.destroy({ where: { title: "T0" } });
  equal(await Book.count(), 29, "softly deleted");
  const groups = await Book.findAll({ attributes: ["kind", [fn("COUNT", col("id")), "n"]], group: ["kind"], raw: true });
  equal(groups, [{ kind: "novel", n: "29" }], "GROUP BY");
  const bound = await db.query("SELECT name FROM authors WHERE name = $name", { bind: { name: "Bo" }, type: QueryTypes.SELECT });
  equal(bound, [{ name: "Bo" }], "bound parameter");
  own((await Note.findAll()).map((note) => note.body), "notes");
}

async function transactionsAndSavepoints() {
  await db.transaction({ isolationLevel: "SERIALIZABLE" }, async (transaction) => {
    await Author.findOne({ transaction, lock: transaction.LOCK.UPDATE, skipLocked: true });
    await Author.create({ name: "kept" }, { transaction });
    const nested = () => db.transaction({ transaction }, (part) => Author.create({ name: "kept" }, { transaction: part }));
    await fails("23505", nested, "a unique constraint");
  });
  await fails("22012", () => db.transaction(async (transaction) => {
    await Author.create({ name: "undone" }, { transaction });
    await db.query("SELECT 1 / 0", { transaction });
  }), "a transaction");
  equal(await Author.count({ where: { name: ["kept", "undone"] } }), 1, "after ROLLBACK");
}

async function errorsLeaveTheConnectionUsable() {
  for (const [text, code] of [["SELEC 1", "42601"], ["SELECT * FROM nowhere", "42P01"], ["TABLE tenant_x.notes", "42501"]]) {
    await fails(code, () => db.query(text), text);
    equal((await db.query("SELECT 1 AS n", { type: QueryTypes.SELECT }))[0].n, 1, `after ${text}`);
  }
}

async function ownSchemaByName() {
  const [{ schema }] = await db.query("SELECT current_schema() AS schema", { type: QueryTypes.SELECT });
  equal(await Book.schema(schema).count(), 29, "a model with a schema");
  await db.query(`SET search_path TO "${schema}"`);
  own((await Note.schema(schema).findAll({ searchPath: schema })).map((note) => note.body), "notes by their schema");
}

async function tablesThatChange() {
  await Promise.all([1, 2, 3, 4].map(() => db.query("SELECT * FROM books")));
  await db.getQueryInterface().addColumn("books", "pages", { type: DataTypes.INTEGER });
  equal("pages" in (await db.query("SELECT * FROM books", { type: QueryTypes.SELECT }))[0], true, "a new column");
}

/** Each is a transaction that makes a temporary function, calls it and drops it. */
async function findsOrCreates() {
  for (let turn = 0; turn < 3; turn++) equal((await Author.findOrCreate({ where: { name: "Cy" } }))[1], turn === 0, "findOrCreate");
}

/** With the driver's clients beneath: Sequelize has no such thing itself. */
async function withClients(databases, work) {
  const clients = await Promise.all(databases.map((each) => each.connectionManager.getConnection()));
  await work(...clients);
  clients.forEach((client, place) => databases[place].connectionManager.releaseConnection(client));
}

async function rowsAreCopied() {
  await withClients([db], copies);
}

async function statementsAreCancelled() {
  const { db: other } = open(tenants[1], 1);
  const transaction = await db.transaction();
  const client = transaction.connection;
  await cancelEnds(
    () => db.query(SLEEP, { transaction }),
    async () => (await db.query(SLEEPERS, { type: QueryTypes.SELECT }))[0].n,
    () => new pg.Client(tenants[0].dsn).cancel(client, client.activeQuery),
    [db, other].map((bystander) => () => bystander.query("SELECT pg_sleep(0.3)")),
  );
  await fails("25P02", () => db.query("SELECT 1", { transaction }), "a statement after a cancel");
  await transaction.rollback();
  // It is idle in the pool by now.
  equal((await client.query("SELECT 'usable' AS word")).rows[0].word, "usable", "after a cancel");
  await other.close();
}

async function notificationsAreHeard() {
  const { db: other } = open(tenants[1], 1);
  await withClients([db, other], (listener, stranger) => hears(listener, stranger, () => db.transaction(async (transaction) => {
    await db.query("NOTIFY news, 'first'", { transaction });
    await db.query("SELECT pg_notify('news', $1)", { bind: ["second"], transaction });
  })));
  await other.close();
}

async function poolsShareFewServerConnections() {
  const pools = new Map(tenants.map((tenant) => [tenant, open(tenant, CLIENTS)]));
  for (const each of pools.values()) await each.Shared.sync();
  await share((tenant, number, turn) => {
    const each = pools.get(tenant);
    return each.db.transaction(async (transaction) => {
      const [{ pid }] = await each.db.query("SELECT pg_backend_pid() AS pid", { transaction, type: QueryTypes.SELECT });
      await each.Shared.create({ name: `${tenant.marker} ${number} ${turn}` }, { transaction });
      own((await each.Note.findAll({ transaction })).map((note) => note.body), `client ${number}`, tenant.marker);
      return pid;
    });
  }, async (tenant) => (await pools.get(tenant).Shared.findAll()).map((row) => row.name));
  for (const each of pools.values()) await each.db.close();
}

await tell(
  `${version("sequelize")} with ${version("pg")}`,
  [
    ["tables are made and altered", tablesAreMade],
    ["objects are created, read, updated and deleted", objectsAreCreatedReadUpdatedAndDeleted],
    ["transactions and savepoints", transactionsAndSavepoints],
    ["errors leave the connection usable", errorsLeaveTheConnectionUsable],
    ["the own schema by its name", ownSchemaByName],
    ["findOrCreate", findsOrCreates],
    ["tables that change", tablesThatChange],
    ["COPY both ways with the driver's client, and one that fails", rowsAreCopied],
    ["cancelled, and nobody else's", statementsAreCancelled],
    ["LISTEN and NOTIFY", notificationsAreHeard, LISTENS],
    ["pools share few server connections", poolsShareFewServerConnections],
  ],
  [],
  () => db.close(),
);
