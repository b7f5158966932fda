// Knex and Objection.
import fs from "node:fs";
import path from "node:path";
import { step, url, use, schema } from "./_steps.mjs";
const knex = use("knex").knex ?? use("knex"), { Model } = use("objection");

fs.mkdirSync("migrations", { recursive: true });
fs.writeFileSync(path.resolve("migrations/1_first.cjs"), `
exports.up = (knex) => knex.schema.createTable("users", (t) => { t.increments("id"); t.string("name").notNullable().unique(); t.jsonb("data").defaultTo("{}"); t.specificType("tags", "text[]"); t.enu("role", ["a", "b"], { useNative: true, enumName: "role_kind" }); t.timestamps(true, true); t.index(["name", "role"], "by_name"); t.comment("people"); })
  .createTable("posts", (t) => { t.uuid("id").primary(); t.integer("user_id").unsigned().references("users.id").onDelete("CASCADE"); t.text("title").comment("x"); t.decimal("price", 8, 2).checkPositive(); })
  .alterTable("posts", (t) => { t.string("slug", 50).nullable(); t.renameColumn("title", "headline"); t.bigInteger("n").defaultTo(0); })
  .alterTable("posts", (t) => { t.text("slug").notNullable().alter(); t.dropColumn("n"); t.unique(["slug"], { deferrable: "deferred" }); })
  .createView("v", (v) => { v.columns(["id"]); v.as(knex("users").select("id")); });
exports.down = (knex) => knex.schema.dropView("v").dropTableIfExists("posts").dropTable("users").raw("DROP TYPE role_kind");`);
fs.mkdirSync("seeds", { recursive: true });
fs.writeFileSync(path.resolve("seeds/a.cjs"), `exports.seed = (knex) => knex("users").del().then(() => knex("users").insert([{ name: "Ada" }, { name: "Bo" }]));`);
const config = { client: "pg", connection: url, pool: { min: 0, max: 2 }, migrations: { directory: path.resolve("migrations"), loadExtensions: [".cjs"] }, seeds: { directory: path.resolve("seeds"), loadExtensions: [".cjs"] } };
const db = knex(config);
await step("migrate latest", () => db.migrate.latest());
await step("migrate again", () => db.migrate.latest());
await step("migrate list", () => db.migrate.list());
await step("seed", () => db.seed.run());
await step("has", async () => { await db.schema.hasTable("users"); await db.schema.hasColumn("users", "name"); await db("users").columnInfo(); });
await step("queries", async () => {
  await db("users").insert({ name: "Cy", data: { a: 1 }, tags: ["x"] }).returning("*");
  await db("users").insert([{ name: "Di" }, { name: "Ada" }]).onConflict("name").merge(["data"]).returning("id");
  await db("users").insert({ name: "Ada" }).onConflict().ignore();
  await db("users").where("name", "like", "A%").orWhereRaw("data @> ?", [{ a: 1 }]).orderBy("id").limit(2).offset(1);
  await db("users").whereJsonPath("data", "$.a", "=", 1).whereIn("id", [1, 2]).first();
  await db("users as u").leftJoin("posts as p", "p.user_id", "u.id").groupBy("u.id").count("p.id as n").select("u.name").having("u.id", ">", 0);
  await db.with("x", db("users").select("id")).from("x").select("*").union(db("users").select("id"));
  await db("users").update({ name: db.raw("upper(name)") }).where({ id: 1 }).returning("id");
  await db("users").increment("id", 0).where({ id: 1 }); await db("users").distinctOn("role").orderBy("role");
  await db.select(db.raw("row_number() over (partition by role order by id)")).from("users"); await db("posts").del(); await db("posts").truncate();
  await db.withSchema(schema).from("users").select("name");
});
await step("transaction", () => db.transaction(async (t) => { await t("users").forUpdate().skipLocked().first(); await t.transaction((u) => u("users").forShare().noWait()); await t.raw("SET LOCAL statement_timeout = 1000"); }, { isolationLevel: "serializable", readOnly: false }));
await step("stream", async () => { for await (const _ of db("users").select("*").stream()); });
await step("schema", async () => {
  await db.schema.withSchema(schema).createTable("extra", (t) => { t.bigIncrements(); });
  await db.schema.renameTable("extra", "more"); await db.schema.createMaterializedView("m", (v) => v.as(db("users").select("id"))); await db.schema.refreshMaterializedView("m"); await db.schema.dropMaterializedView("m"); await db.schema.dropTable("more");
});
await step("create schema", () => db.schema.createSchemaIfNotExists(schema));
await step("extension", () => db.raw('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"'));

Model.knex(db);
class User extends Model {
  static tableName = "users"; static jsonAttributes = ["data"];
  static get relationMappings() { return { posts: { relation: Model.HasManyRelation, modelClass: Post, join: { from: "users.id", to: "posts.user_id" } } }; }
}
class Post extends Model { static tableName = "posts"; }
await step("objection", async () => {
  await User.query().insertGraph({ name: "Eve", posts: [{ id: "5f0c9b0e-0000-4000-8000-000000000001", headline: "h", slug: "s", price: 1 }] });
  await User.query().withGraphFetched("posts").where("users.id", ">", 0); await User.query().withGraphJoined("posts").whereNotNull("posts.id");
  await User.query().upsertGraph({ id: 1, name: "Ann", posts: [] }); await User.query().patchAndFetchById(1, { name: "Al" });
  await User.query().page(0, 2); await User.relatedQuery("posts").for(1).resultSize(); await User.query().deleteById(2); await User.transaction((t) => User.query(t).findOne({ name: "Al" }));
});
await step("rollback", () => db.migrate.rollback(undefined, true));
await step("force free", () => db.migrate.forceFreeMigrationsLock());
await db.destroy();
process.exit();
