// drizzle-orm, its migrator, and drizzle-kit (push, introspect).
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { step, url, use, schema } from "./_steps.mjs";
const pg = use("pg"), { drizzle } = use("drizzle-orm/node-postgres"), { migrate } = use("drizzle-orm/node-postgres/migrator");
const { pgTable, serial, text, integer, jsonb, timestamp, pgEnum, index } = use("drizzle-orm/pg-core");
const { eq, and, gt, sql, desc, relations, count } = use("drizzle-orm");

fs.symlinkSync(path.join(process.env.RECORD_CACHE, "node/node_modules"), "node_modules");
fs.writeFileSync("schema.mjs", `
import { pgTable, serial, text, integer, jsonb, timestamp, pgEnum, index, uniqueIndex, pgView, check } from "drizzle-orm/pg-core";
import { sql } from "drizzle-orm";
export const role = pgEnum("role", ["a", "b"]);
export const users = pgTable("users", { id: serial("id").primaryKey(), name: text("name").notNull().unique(), role: role("role").default("a"), data: jsonb("data"), tags: text("tags").array(), at: timestamp("at", { withTimezone: true }).defaultNow() }, (t) => [index("by_role").on(t.role, t.name), check("named", sql\`\${t.name} <> ''\`)]);
export const posts = pgTable("posts", { id: integer("id").primaryKey().generatedAlwaysAsIdentity(), user: integer("user").references(() => users.id, { onDelete: "cascade" }), title: text("title") });
export const v = pgView("v").as((q) => q.select({ id: users.id }).from(users));
`);
const config = (name, more) => fs.writeFileSync(name, `export default { dialect: "postgresql", schema: "./schema.mjs", out: "./drizzle", dbCredentials: { url: ${JSON.stringify(url)} }, ${more} };`);
config("plain.config.mjs", "");
config("own.config.mjs", `schemaFilter: ["${schema}"], migrations: { schema: "${schema}", table: "drizzle_migrations" }`);
const kit = (...words) => step(`drizzle-kit ${words.join(" ")}`, async () => {
  const done = spawnSync("node", ["node_modules/drizzle-kit/bin.cjs", ...words], { encoding: "utf8", timeout: 40000, input: "" });
  if (done.status) throw new Error((done.stdout + done.stderr).replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "").slice(-300));
});
await kit("generate", "--config=plain.config.mjs");
await kit("migrate", "--config=plain.config.mjs");
await kit("migrate", "--config=own.config.mjs");
await kit("push", "--force", "--config=plain.config.mjs");
await kit("push", "--force", "--config=own.config.mjs");
await kit("pull", "--config=plain.config.mjs");
await kit("pull", "--config=own.config.mjs");

const { users, posts } = await import(pathToFileURL(path.resolve("schema.mjs")));
const pool = new pg.Pool({ connectionString: url, max: 2 });
const userRelations = relations(users, ({ many }) => ({ posts: many(posts) })), postRelations = relations(posts, ({ one }) => ({ owner: one(users, { fields: [posts.user], references: [users.id] }) }));
const db = drizzle(pool, { schema: { users, posts, userRelations, postRelations } });
await step("migrate to drizzle", () => migrate(db, { migrationsFolder: "./drizzle" }));
await step("migrate to own schema", () => migrate(db, { migrationsFolder: "./drizzle", migrationsSchema: schema }));
await step("tables by hand", async () => { for (const file of fs.readdirSync("drizzle").filter((f) => f.endsWith(".sql"))) for (const one of fs.readFileSync(`drizzle/${file}`, "utf8").split("--> statement-breakpoint")) await pool.query(one.replaceAll('"public".', "")).catch(() => {}); });
await step("queries", async () => {
  await db.insert(users).values([{ name: "Ada", data: { a: 1 }, tags: ["x"] }, { name: "Bo" }]).returning();
  await db.insert(users).values({ name: "Ada" }).onConflictDoUpdate({ target: users.name, set: { role: "b" } });
  await db.insert(users).values({ name: "Ada" }).onConflictDoNothing(); await db.insert(posts).values({ user: 1, title: "p" });
  await db.select().from(users).leftJoin(posts, eq(posts.user, users.id)).where(and(gt(users.id, 0), sql`${users.data}->>'a' = '1'`)).orderBy(desc(users.id)).limit(2);
  await db.select({ role: users.role, n: count() }).from(users).groupBy(users.role); await db.query.users.findMany({ with: { posts: true }, where: (u, o) => o.like(u.name, "A%"), limit: 3 }); await db.query.posts.findFirst({ with: { owner: true } });
  await db.update(users).set({ name: sql`upper(${users.name})` }).where(eq(users.id, 1)).returning({ id: users.id }); const q = db.$with("q").as(db.select({ id: users.id }).from(users)); await db.with(q).select().from(q);
  await db.transaction(async (tx) => { await tx.select().from(users).for("update", { skipLocked: true }); await tx.transaction(async (t) => t.delete(posts)); }, { isolationLevel: "serializable", accessMode: "read write", deferrable: true });
  await db.select().from(users).where(eq(users.name, sql.placeholder("name"))).prepare("by_name").execute({ name: "x" }); await db.$count(users); await db.execute(sql`select 1`); await db.refreshMaterializedView?.call;
});
await pool.end();
process.exit();
