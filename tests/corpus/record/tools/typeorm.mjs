// TypeORM.
import { step, url, use, schema } from "./_steps.mjs";
use("reflect-metadata");
const { DataSource, EntitySchema, Table, TableColumn, TableIndex, In, Like, Not, IsNull, MoreThan } = use("typeorm");
const User = new EntitySchema({ name: "User", columns: { id: { type: "int", primary: true, generated: "increment" }, name: { type: "varchar", unique: true }, data: { type: "jsonb", nullable: true }, tags: { type: "text", array: true, default: "{}" }, role: { type: "enum", enum: ["a", "b"], default: "a" }, created: { type: "timestamptz", createDate: true }, version: { type: "int", version: true } }, relations: { posts: { type: "one-to-many", target: "Post", inverseSide: "user", cascade: true } }, indices: [{ columns: ["role", "name"] }] });
const Post = new EntitySchema({ name: "Post", columns: { id: { type: "uuid", primary: true, generated: "uuid" }, title: { type: "text", comment: "shown" }, price: { type: "numeric", precision: 8, scale: 2, default: 0 }, gone: { type: "timestamp", deleteDate: true, nullable: true } }, relations: { user: { type: "many-to-one", target: "User", inverseSide: "posts", onDelete: "CASCADE" }, likers: { type: "many-to-many", target: "User", joinTable: true } }, checks: [{ expression: "price >= 0" }] });
class First1700000000000 {
  name = "First1700000000000";
  async up(q) {
    await q.createTable(new Table({ name: "extra", columns: [{ name: "id", type: "serial", isPrimary: true }, { name: "n", type: "int", isNullable: true }], uniques: [{ columnNames: ["n"] }] }), true);
    await q.addColumn("extra", new TableColumn({ name: "note", type: "varchar", isNullable: true })); await q.changeColumn("extra", "note", new TableColumn({ name: "remark", type: "text", isNullable: true })); await q.createIndex("extra", new TableIndex({ name: "en", columnNames: ["n"] })); await q.renameTable("extra", "more"); await q.hasColumn("more", "n"); await q.getTables(["more"]); await q.getViews([]);
  }
  async down(q) { await q.dropTable("more", true); }
}
const options = { type: "postgres", url, entities: [User, Post], migrations: [First1700000000000], installExtensions: false, uuidExtension: "pgcrypto" };
for (const [label, more] of [["", {}], [" with schema", { schema }]]) {
  const db = new DataSource({ ...options, ...more });
  if (!(await step(`initialize${label}`, () => db.initialize()))) continue;
  await step(`synchronize${label}`, () => db.synchronize());
  await step(`synchronize again${label}`, () => db.synchronize());
  await step(`migrations${label}`, async () => { await db.showMigrations(); await db.runMigrations({ transaction: "each" }); });
  const users = db.getRepository("User"), posts = db.getRepository("Post");
  await step(`write${label}`, async () => { const ada = await users.save({ name: "Ada", data: { a: 1 }, tags: ["x"], posts: [{ title: "p" }, { title: "q" }] }); await users.insert([{ name: "Bo" }, { name: "Cy" }]); await users.upsert([{ name: "Bo", role: "b" }], ["name"]); ada.role = "b"; await users.save(ada); await users.update({ name: Like("C%") }, { data: () => "'{}'" }); await posts.softDelete({ title: "q" }); await posts.restore({ title: "q" }); await posts.save({ ...(await posts.findOneBy({ title: "p" })), likers: [ada] }); await users.increment({ name: "Bo" }, "version", 1); await users.delete({ name: "Cy" }); });
  await step(`read${label}`, async () => { await users.find({ relations: { posts: true }, where: { posts: { price: Not(MoreThan(5)) } }, order: { id: "DESC" }, take: 2 }); await users.findAndCount({ where: [{ name: In(["Ada"]) }, { data: IsNull() }] }); await users.createQueryBuilder("u").leftJoinAndSelect("u.posts", "p").where("u.data @> :d", { d: { a: 1 } }).orderBy("p.price", "ASC", "NULLS LAST").getMany(); await users.createQueryBuilder("u").select("u.role", "role").addSelect("count(*)", "n").groupBy("u.role").getRawMany(); await posts.find({ withDeleted: true, relations: { likers: true } }); await users.exists({ where: { name: "Ada" } }); await users.createQueryBuilder("u").distinctOn(["u.role"]).getMany(); await db.query("SELECT version()"); });
  for (const level of [undefined, "SERIALIZABLE"]) await step(`transaction ${level}${label}`, () => db.transaction(...(level ? [level] : []), async (m) => { await m.getRepository("User").createQueryBuilder("u").setLock("pessimistic_write").setOnLocked("skip_locked").getOne(); await m.transaction(async (n) => n.getRepository("User").count()); }));
  await step(`stream${label}`, async () => { const s = await users.createQueryBuilder("u").stream(); for await (const _ of s); });
  await step(`undo${label}`, () => db.undoLastMigration());
  await step(`createSchema${label}`, () => db.createQueryRunner().createSchema(schema, true));
  await step(`clear${label}`, () => db.getRepository("Post").createQueryBuilder().delete().execute());
  await step(`dropDatabase${label}`, () => db.dropDatabase());
  await db.destroy();
}
process.exit();
