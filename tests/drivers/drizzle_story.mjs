// Drizzle on node-postgres, as a tenant through the proxy. A line for each thing proved.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CLIENTS, LISTENS, SLEEP, SLEEPERS, cancelEnds, copies, equal, fails, hears, own, share, tell, tenants, use, version,
} from "./story.mjs";

const pg = use("pg");
const { drizzle } = use("drizzle-orm/node-postgres");
const { migrate } = use("drizzle-orm/node-postgres/migrator");
const { integer, jsonb, pgTable, serial, text } = use("drizzle-orm/pg-core");
const { count, desc, eq, gt, relations, sql } = use("drizzle-orm");

const notes = pgTable("notes", { id: serial("id").primaryKey(), body: text("body") });
const users = pgTable("users", { id: serial("id").primaryKey(), name: text("name").notNull().unique(), data: jsonb("data"), tags: text("tags").array() });
const posts = pgTable("posts", { id: integer("id").primaryKey().generatedAlwaysAsIdentity(), user: integer("user").references(() => users.id, { onDelete: "cascade" }), title: text("title") });
const userPosts = relations(users, ({ many }) => ({ posts: many(posts) }));
const postUser = relations(posts, ({ one }) => ({ owner: one(users, { fields: [posts.user], references: [users.id] }) }));

const open = (tenant, max) => {
  const pool = new pg.Pool({ connectionString: tenant.dsn, max });
  return drizzle(pool, { schema: { notes, users, posts, userPosts, postUser } });
};
const db = open(tenants[0], 4);

/** The folder that drizzle-kit would have written; its table of migrations is in the tenant's own schema. */
async function migrationsRun() {
  const folder = mkdtempSync(join(tmpdir(), "drizzle-"));
  mkdirSync(join(folder, "meta"));
  writeFileSync(join(folder, "meta/_journal.json"), JSON.stringify({
    version: "7", dialect: "postgresql", entries: [{ idx: 0, version: "7", when: 1700000000000, tag: "0000_first", breakpoints: true }],
  }));
  writeFileSync(join(folder, "0000_first.sql"), [
    `CREATE TABLE "users" ("id" serial PRIMARY KEY NOT NULL, "name" text NOT NULL, "data" jsonb, "tags" text[], CONSTRAINT "users_name_unique" UNIQUE("name"))`,
    `CREATE TABLE "posts" ("id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, "user" integer, "title" text)`,
    `ALTER TABLE "posts" ADD CONSTRAINT "posts_user_users_id_fk" FOREIGN KEY ("user") REFERENCES "users"("id") ON DELETE cascade`,
  ].join(";\n--> statement-breakpoint\n"));
  try {
    const [{ schema }] = (await db.execute(sql`SELECT current_schema() AS schema`)).rows;
    for (let turn = 0; turn < 2; turn++) await migrate(db, { migrationsFolder: folder, migrationsSchema: schema });
    equal((await db.execute(sql`SELECT count(*)::int AS n FROM __drizzle_migrations`)).rows, [{ n: 1 }], "migrations");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function rowsAreCreatedReadUpdatedAndDeleted() {
  const [ada] = await db.insert(users).values([{ name: "Ada", data: { a: 1 }, tags: ["x"] }, { name: "Bo" }]).returning();
  await db.insert(users).values({ name: "Ada" }).onConflictDoUpdate({ target: users.name, set: { tags: ["y"] } });
  await db.insert(posts).values(Array.from({ length: 30 }, (_, n) => ({ user: ada.id, title: `T${n}` })));
  const joined = await db.select().from(users).leftJoin(posts, eq(posts.user, users.id)).where(gt(users.id, 0)).orderBy(desc(posts.id)).limit(5);
  equal(joined.length, 5, "join");
  const nested = await db.query.users.findMany({ with: { posts: { limit: 3 } }, where: (user, { like }) => like(user.name, "A%") });
  equal([nested[0].tags, nested[0].posts.length], [["y"], 3], "with its posts");
  equal((await db.query.posts.findFirst({ with: { owner: true } })).owner.name, "Ada", "with its owner");
  await db.update(users).set({ name: sql`upper(${users.name})` }).where(eq(users.id, ada.id));
  equal((await db.delete(posts).where(eq(posts.title, "T0")).returning()).length, 1, "DELETE");
  equal(await db.select({ n: count() }).from(posts), [{ n: 29 }], "count");
  own((await db.select().from(notes)).map((note) => note.body), "notes");
}

async function transactionsAndSavepoints() {
  await db.transaction(async (tx) => {
    await tx.select().from(users).for("update", { skipLocked: true });
    await tx.insert(users).values({ name: "kept" });
    await fails("23505", () => tx.transaction((part) => part.insert(users).values({ name: "kept" })), "a unique constraint");
  }, { isolationLevel: "serializable", accessMode: "read write" });
  await fails("22012", () => db.transaction(async (tx) => {
    await tx.insert(users).values({ name: "undone" });
    await tx.execute(sql`SELECT 1 / 0`);
  }), "a transaction");
  equal((await db.select().from(users).where(sql`name IN ('kept', 'undone')`)).length, 1, "after ROLLBACK");
}

async function preparedStatements() {
  const byName = db.select().from(users).where(eq(users.name, sql.placeholder("name"))).prepare("by_name");
  const answers = await Promise.all(Array.from({ length: 100 }, () => byName.execute({ name: "Bo" })));
  equal(answers.filter(([user]) => user.name === "Bo").length, 100, "prepared statement");
}

async function errorsLeaveTheConnectionUsable() {
  for (const [text, code] of [["SELEC 1", "42601"], ["SELECT * FROM nowhere", "42P01"], ["TABLE tenant_x.notes", "42501"]]) {
    await fails(code, () => db.execute(sql.raw(text)), text);
    equal((await db.execute(sql`SELECT ${1}::int AS n`)).rows[0].n, 1, `after ${text}`);
  }
}

async function tablesThatChangeUnderPreparedStatements() {
  const all = db.select().from(posts).where(gt(posts.id, sql.placeholder("id"))).prepare("all_posts");
  const star = () => db.$client.query({ name: "star", text: "SELECT * FROM posts WHERE id > $1", values: [0] });
  for (let turn = 0; turn < 8; turn++) await Promise.all([all.execute({ id: 0 }), star()]);
  await db.execute(sql`ALTER TABLE posts ADD extra int`);
  equal((await all.execute({ id: 0 })).length, 29, "columns by name");
  equal((await star()).fields.length, 4, "all columns");
}

/** With clients of the pools beneath: Drizzle has no such thing itself. */
async function withClients(databases, work) {
  const clients = await Promise.all(databases.map((each) => each.$client.connect()));
  await work(...clients);
  for (const client of clients) client.release();
}

async function rowsAreCopied() {
  await withClients([db], copies);
}

async function statementsAreCancelled() {
  const other = open(tenants[1], 1);
  await withClients([db], async (client) => {
    const one = drizzle(client);
    await cancelEnds(
      () => one.execute(sql.raw(SLEEP)),
      async () => (await db.execute(sql.raw(SLEEPERS))).rows[0].n,
      () => new pg.Client(tenants[0].dsn).cancel(client, client.activeQuery),
      [db, other].map((bystander) => () => bystander.execute(sql`SELECT pg_sleep(0.3)`)),
    );
    equal((await one.execute(sql`SELECT 'usable' AS word`)).rows[0].word, "usable", "after a cancel");
  });
  await other.$client.end();
}

async function notificationsAreHeard() {
  const other = open(tenants[1], 1);
  await withClients([db, other], (listener, stranger) => hears(listener, stranger, () => db.transaction(async (tx) => {
    await tx.execute(sql`NOTIFY news, 'first'`);
    await tx.execute(sql`SELECT pg_notify('news', ${"second"})`);
  })));
  await other.$client.end();
}

async function poolsShareFewServerConnections() {
  const pools = new Map(tenants.map((tenant) => [tenant, open(tenant, CLIENTS)]));
  const table = pgTable("shared", { name: text("name") });
  for (const each of pools.values()) await each.execute(sql`CREATE TABLE shared (name text)`);
  await share((tenant, number, turn) => pools.get(tenant).transaction(async (tx) => {
    const { rows: [{ pid }] } = await tx.execute(sql`SELECT pg_backend_pid() AS pid`);
    await tx.insert(table).values({ name: `${tenant.marker} ${number} ${turn}` });
    own((await tx.select().from(notes)).map((note) => note.body), `client ${number}`, tenant.marker);
    return pid;
  }), async (tenant) => (await pools.get(tenant).selectDistinct().from(table)).map((row) => row.name));
  for (const each of pools.values()) await each.$client.end();
}

await tell(
  `${version("drizzle-orm")} with ${version("pg")}`,
  [
    ["migrations run", migrationsRun],
    ["rows are created, read, updated and deleted", rowsAreCreatedReadUpdatedAndDeleted],
    ["transactions and savepoints", transactionsAndSavepoints],
    ["prepared statements", preparedStatements],
    ["errors leave the connection usable", errorsLeaveTheConnectionUsable],
    ["tables that change under prepared statements", tablesThatChangeUnderPreparedStatements],
    ["COPY both ways with the driver's client, and one that fails", rowsAreCopied],
    ["cancelled, and nobody else's", statementsAreCancelled],
    ["LISTEN and NOTIFY", notificationsAreHeard, LISTENS],
    ["pools share few server connections", poolsShareFewServerConnections],
  ],
  [],
  () => db.$client.end(),
);
