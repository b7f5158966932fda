// MikroORM.
import path from "node:path";
import { step, url, use, schema } from "./_steps.mjs";
const { MikroORM, EntitySchema } = use("@mikro-orm/postgresql"), { Migrator } = use("@mikro-orm/migrations");
const User = new EntitySchema({ name: "User", properties: { id: { type: "number", primary: true }, name: { type: "string", unique: true }, data: { type: "json", nullable: true }, tags: { type: "string[]", nullable: true }, role: { enum: true, items: ["a", "b"], default: "a" }, posts: { kind: "1:m", entity: "Post", mappedBy: "user" } }, indexes: [{ properties: ["role", "name"] }] });
const Post = new EntitySchema({ name: "Post", properties: { id: { type: "uuid", primary: true, defaultRaw: "gen_random_uuid()" }, title: { type: "text", comment: "x" }, user: { kind: "m:1", entity: "User", deleteRule: "cascade" }, version: { type: "number", version: true } } });
for (const [label, more] of [["", {}], ["named ", { schema }]]) {
  const orm = await step(`${label}init`, () => MikroORM.init({ clientUrl: url, entities: [User, Post], extensions: [Migrator], migrations: { path: path.resolve(`mikro-${label.trim() || "plain"}`), snapshot: false, emit: "cjs" }, debug: false, allowGlobalContext: true, schemaGenerator: { skipTables: ["countries", "global.countries"], ignoreSchema: ["global", "pgtenant"], disableForeignKeys: false }, ...more }));
  if (!orm) continue;
  await step(`${label}connected`, () => orm.checkConnection());
  await step(`${label}ensure database`, () => orm.getSchemaGenerator().ensureDatabase());
  await step(`${label}update schema`, () => orm.getSchemaGenerator().updateSchema());
  await step(`${label}update schema again`, () => orm.getSchemaGenerator().updateSchema());
  await step(`${label}migration create`, () => orm.getMigrator().createMigration(undefined, true));
  await step(`${label}migration up`, () => orm.getMigrator().up());
  await step(`${label}migration list`, async () => { await orm.getMigrator().getExecutedMigrations(); await orm.getMigrator().checkMigrationNeeded(); });
  await step(`${label}write`, async () => { const em = orm.em.fork(); const u = em.create("User", { name: "Ada", data: { a: 1 }, tags: ["x"] }); em.create("Post", { title: "p", user: u }); em.create("Post", { title: "q", user: u }); await em.flush(); u.name = "Ada L"; await em.flush(); await em.upsert("User", { name: "Bo", role: "b" }); await em.upsertMany("User", [{ name: "Bo" }, { name: "Cy" }]); await em.nativeUpdate("User", { name: "Cy" }, { role: "b" }); await em.nativeDelete("User", { name: "Cy" }); });
  await step(`${label}read`, async () => { const em = orm.em.fork(); await em.find("User", { posts: { title: "p" } }, { populate: ["posts"], orderBy: { id: "desc" }, limit: 2 }); await em.find("Post", { user: { name: { $like: "A%" } } }, { populate: ["user"], strategy: "joined" }); await em.findAndCount("User", { data: { a: 1 }, tags: { $overlap: ["x"] } }); await em.createQueryBuilder("User", "u").select(["u.role", "u.name"]).groupBy(["u.role", "u.name"]).execute(); await em.count("User"); });
  await step(`${label}transaction`, () => orm.em.fork().transactional(async (em) => { await em.find("User", {}, { lockMode: 7 }); await em.transactional(async (i) => i.count("User")); }, { isolationLevel: "serializable" }));
  await step(`${label}clear`, () => orm.getSchemaGenerator().clearDatabase());
  await step(`${label}drop`, () => orm.getSchemaGenerator().dropSchema({ dropMigrationsTable: true }));
  await orm.close(true);
}
process.exit();
