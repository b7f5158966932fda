// Sequelize.
import { step, url, use, schema } from "./_steps.mjs";
const { Sequelize, DataTypes, Op, QueryTypes, fn, col } = use("sequelize");
// By default it writes `public.` before some names; with the schema named it does not.
for (const [label, more] of [["", {}], ["named ", { schema }]]) {
const db = new Sequelize(url, { logging: false, dialect: "postgres", dialectOptions: { statement_timeout: 20000 }, timezone: "+02:00", ...more });
const User = db.define("user", { name: { type: DataTypes.STRING, unique: true, allowNull: false }, data: DataTypes.JSONB, tags: DataTypes.ARRAY(DataTypes.TEXT), role: DataTypes.ENUM("a", "b"), born: DataTypes.DATEONLY, range: DataTypes.RANGE(DataTypes.INTEGER), key: { type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4 } }, { indexes: [{ fields: ["role"], where: { role: "a" } }, { fields: ["tags"], using: "gin" }], comment: "people" });
const Post = db.define("post", { title: DataTypes.TEXT, price: DataTypes.DECIMAL(8, 2), at: DataTypes.DATE }, { paranoid: true, underscored: true });
User.hasMany(Post, { onDelete: "CASCADE" }); Post.belongsTo(User); User.belongsToMany(Post, { through: "liked", as: "likes" });
await step(label + "authenticate", () => db.authenticate());
await step(label + "sync", () => db.sync());
await step(label + "sync alter", () => db.sync({ alter: true }));
await step(label + "write", async () => {
  const [ada] = await User.bulkCreate([{ name: "Ada", data: { a: { b: 1 } }, tags: ["x"] }, { name: "Bo" }], { updateOnDuplicate: ["data"], returning: true });
  await ada.createPost({ title: "p", price: 1 }); await User.upsert({ name: "Ada", role: "a" }); await User.findOrCreate({ where: { name: "Cy" }, defaults: { role: "b" } });
  await User.update({ role: "b" }, { where: { name: { [Op.iLike]: "a%" } }, returning: true }); ada.name = "Ada L"; await ada.save(); await ada.reload(); await Post.increment("price", { by: 2, where: { id: 1 } }); await Post.destroy({ where: { id: 9 } });
});
await step(label + "read", async () => {
  await User.findAll({ include: [{ model: Post, where: { price: { [Op.gte]: 0 } }, required: false }], order: [["id", "DESC"]], limit: 3 });
  await User.findAndCountAll({ where: { data: { a: { b: 1 } }, tags: { [Op.overlap]: ["x"] } } }); await User.findAll({ attributes: ["role", [fn("COUNT", col("id")), "n"]], group: ["role"], having: db.literal("count(id) > 0") });
  await User.findByPk(1); await User.max("id"); await User.count({ distinct: true }); await Post.sum("price"); await User.findOne({ where: { [Op.or]: [{ name: { [Op.regexp]: "^A" } }, { range: { [Op.contains]: 3 } }] } });
  await User.findAll({ include: [{ model: Post, separate: true }], subQuery: false }); await User.findAll({ include: [{ association: "likes" }] });
  await db.query("SELECT * FROM users WHERE id = $id", { bind: { id: 1 }, type: QueryTypes.SELECT }); await db.query("SELECT * FROM users WHERE id IN (:ids)", { replacements: { ids: [1, 2] }, type: QueryTypes.SELECT });
});
for (const isolationLevel of ["READ COMMITTED", "SERIALIZABLE"]) await step(label + `transaction ${isolationLevel}`, () => db.transaction({ isolationLevel, deferrable: isolationLevel === "SERIALIZABLE" ? Sequelize.Deferrable.SET_DEFERRED() : undefined }, async (transaction) => { await User.findOne({ transaction, lock: transaction.LOCK.UPDATE, skipLocked: true }); await db.transaction({ transaction }, async () => {}); }));
const q = db.getQueryInterface();
await step(label + "describe", async () => { await q.describeTable("users"); await q.showAllTables(); await q.showIndex("users"); await q.getForeignKeyReferencesForTable("posts"); await q.showAllSchemas(); await db.databaseVersion(); await q.tableExists("users"); });
await step(label + "alter", async () => { await q.addColumn("posts", "note", DataTypes.STRING); await q.changeColumn("posts", "note", { type: DataTypes.TEXT, allowNull: true, defaultValue: "x" }); await q.renameColumn("posts", "note", "remark"); await q.removeColumn("posts", "remark"); await q.addIndex("posts", ["title"], { concurrently: true, name: "t" }); await q.removeIndex("posts", "t"); await q.addConstraint("posts", { fields: ["title"], type: "unique", name: "u" }); await q.showConstraint("posts", "u"); await q.removeConstraint("posts", "u"); await q.changeColumn("users", "role", { type: DataTypes.ENUM("a", "b", "c") }); await q.createFunction("f", [], "int", "plpgsql", "RETURN 1;"); await q.dropFunction("f", []); await q.bulkDelete("posts", { id: 1 }); });
await step(label + "truncate", () => Post.truncate({ cascade: true, restartIdentity: true }));
await step(label + "own schema by name", () => User.schema(schema).findAll());
await step(label + "create schema", () => db.createSchema(schema));
await step(label + "drop", () => db.drop());
await step(label + "drop schema", () => db.dropSchema(schema));
await db.close();
}
process.exit();
