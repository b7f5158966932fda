// Kysely and node-pg-migrate.
import fs from "node:fs";
import path from "node:path";
import { step, url, use, schema } from "./_steps.mjs";
const { Kysely, PostgresDialect, sql, Migrator } = use("kysely"), pg = use("pg");
const pgm = use("node-pg-migrate"), runner = pgm.runner ?? pgm.default ?? pgm;
const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 2 }), cursor: use("pg-cursor") }) });
const provider = { async getMigrations() { return { a: { async up(k) { await k.schema.createTable("users").addColumn("id", "serial", (c) => c.primaryKey()).addColumn("name", "text", (c) => c.unique().notNull()).addColumn("at", "timestamptz", (c) => c.defaultTo(sql`now()`)).execute(); await k.schema.createIndex("by_at").on("users").column("at desc").execute(); await k.schema.alterTable("users").addColumn("n", "integer").execute(); }, async down(k) { await k.schema.dropTable("users").ifExists().execute(); } } }; } };
for (const [label, more] of [["", {}], ["named ", { migrationTableSchema: schema, migrationTableName: "km", migrationLockTableName: "kl" }]]) {
  const migrator = new Migrator({ db, provider, ...more });
  const check = (result) => { if (result.error) throw result.error; };
  await step(`${label}kysely migrate`, async () => check(await migrator.migrateToLatest()));
  await step(`${label}kysely list`, () => migrator.getMigrations());
  if (label) continue;
  await step("kysely queries", async () => {
    await db.insertInto("users").values([{ name: "Ada" }, { name: "Bo" }]).onConflict((c) => c.column("name").doUpdateSet((e) => ({ n: e.ref("excluded.n") }))).returningAll().execute();
    await db.selectFrom("users as u").innerJoinLateral((e) => e.selectFrom("users").select("id as x").limit(1).as("l"), (j) => j.onTrue()).selectAll("u").where("u.id", "in", [1, 2]).forUpdate().skipLocked().execute();
    await db.with("q", (d) => d.deleteFrom("users").where("id", "=", 9).returning("id")).selectFrom("q").selectAll().execute(); await db.updateTable("users").set({ n: 1 }).where("id", "=", 1).executeTakeFirst();
    await db.mergeInto("users as t").using("users as s", "s.id", "t.id").whenMatched().thenDoNothing().execute(); await db.withSchema(schema).selectFrom("users").select((e) => e.fn.countAll().as("c")).executeTakeFirst();
    await db.transaction().setIsolationLevel("repeatable read").execute((t) => t.selectFrom("users").select("id").execute()); for await (const _ of db.selectFrom("users").select("id").stream(1)); await db.introspection.getTables(); await db.introspection.getSchemas();
  });
  await step("kysely down", async () => check(await migrator.migrateDown()));
}
fs.mkdirSync("pgm", { recursive: true });
fs.writeFileSync("pgm/1700000000000_first.cjs", `exports.up = (p) => { p.createType("mood", ["a", "b"]); p.createTable("things", { id: "id", name: { type: "text", notNull: true }, mood: "mood" }, { comment: "x" }); p.createIndex("things", "name", { method: "btree" }); p.addColumns("things", { n: { type: "int", default: 1 } }); p.createFunction("touch", [], { returns: "trigger", language: "plpgsql" }, "BEGIN RETURN NEW; END"); p.createTrigger("things", "stamp", { when: "BEFORE", operation: "UPDATE", level: "ROW", function: "touch" }); p.createView("tv", {}, "SELECT id FROM things"); p.sql("INSERT INTO things (name) VALUES ('a')"); };`);
for (const [label, more] of [["", {}], ["named ", { schema, createSchema: true, migrationsTable: "pgm2", dir: path.resolve("pgm") }]]) {
  const options = { databaseUrl: url, dir: path.resolve("pgm"), migrationsTable: "pgmigrations", log: () => {}, ...more };
  await step(`${label}node-pg-migrate up`, () => runner({ ...options, direction: "up" }));
  await step(`${label}node-pg-migrate down`, () => runner({ ...options, direction: "down", count: 1 }));
}
await db.destroy();
process.exit();
