// Prisma's client with its JavaScript driver adapter. Its schema engine (migrate, db push, db pull) is a
// program that the package downloads from a host of its own, so it is not recorded; the tables are made here.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { step, url, use, schema } from "./_steps.mjs";
fs.symlinkSync(path.join(process.env.RECORD_CACHE, "node/node_modules"), "node_modules");
fs.writeFileSync("schema.prisma", `
generator client {
  provider = "prisma-client-js"
  output   = "./generated"
}
datasource db {
  provider = "postgresql"
}
enum Role {
  A
  B
}
model User {
  id Int @id @default(autoincrement())
  name String @unique
  role Role @default(A)
  data Json?
  tags String[]
  at DateTime @default(now())
  posts Post[]
}
model Post {
  id String @id @default(uuid())
  title String
  price Decimal @default(0)
  user User @relation(fields: [userId], references: [id], onDelete: Cascade)
  userId Int
  @@index([userId, title])
}
`);
fs.writeFileSync("prisma.config.ts", `export default { schema: "./schema.prisma", datasource: { url: ${JSON.stringify(url)} } };`);
const cli = (...words) => step(`prisma ${words.join(" ")}`, async () => {
  // Any program in the schema engine's place: generating the client does not run it.
  const environment = { ...process.env, CHECKPOINT_DISABLE: "1", PRISMA_HIDE_UPDATE_MESSAGE: "1", PRISMA_SCHEMA_ENGINE_BINARY: "/bin/true" };
  const done = spawnSync("node", ["node_modules/prisma/build/index.js", ...words], { encoding: "utf8", timeout: 60000, env: environment });
  if (done.status) throw new Error((done.stdout + done.stderr).replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "").slice(-250));
});
await cli("generate");
const { PrismaClient } = createRequire(path.resolve("x.js"))("./generated");
const { PrismaPg } = use("@prisma/adapter-pg"), pg = use("pg");
const setup = new pg.Client({ connectionString: url, application_name: "setup" });
await setup.connect();
await setup.query(`CREATE TYPE "Role" AS ENUM ('A', 'B'); CREATE TABLE "User" (id serial PRIMARY KEY, name text UNIQUE NOT NULL, role "Role" NOT NULL DEFAULT 'A', data jsonb, tags text[], at timestamp(3) NOT NULL DEFAULT now()); CREATE TABLE "Post" (id text PRIMARY KEY, title text NOT NULL, price decimal(65,30) NOT NULL DEFAULT 0, "userId" int NOT NULL REFERENCES "User" ON DELETE CASCADE)`);
await setup.end();
// Without the schema named it writes `public.` before every table.
for (const [label, more] of [["", undefined], ["named ", { schema }]]) {
  const db = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 2 }, more) });
  await step(`${label}write`, async () => {
    const ada = await db.user.create({ data: { name: `Ada${label}`, data: { a: 1 }, tags: ["x"], posts: { create: [{ title: "p" }, { title: "q", price: "3" }] } }, include: { posts: true } });
    await db.user.createMany({ data: [{ name: `Bo${label}` }, { name: `Ada${label}` }], skipDuplicates: true }); await db.user.createManyAndReturn({ data: [{ name: `Cy${label}` }] }); await db.user.upsert({ where: { name: `Bo${label}` }, create: { name: "Bo" }, update: { role: "B" } });
    await db.user.update({ where: { id: ada.id }, data: { tags: { push: "y" }, posts: { updateMany: { where: {}, data: { price: { increment: 1 } } } } } }); await db.user.updateMany({ where: { name: { startsWith: "A" } }, data: { role: "A" } }); await db.post.deleteMany({ where: { price: { gt: 100 } } }); await db.user.delete({ where: { name: `Cy${label}` } });
  });
  await step(`${label}read`, async () => {
    await db.user.findMany({ where: { posts: { some: { price: { gte: 0 } } }, OR: [{ name: { contains: "a", mode: "insensitive" } }, { tags: { hasSome: ["x"] } }] }, include: { posts: { orderBy: { title: "desc" }, take: 1 }, _count: true }, skip: 0, take: 5, orderBy: [{ at: "asc" }] }); await db.user.findFirst({ where: { data: { path: ["a"], equals: 1 } } });
    await db.user.findUnique({ where: { name: "x" } }); await db.user.groupBy({ by: ["role"], _count: true, _max: { at: true }, having: { id: { _count: { gt: 0 } } } }); await db.post.aggregate({ _sum: { price: true }, _avg: { price: true } }); await db.user.count({ where: { NOT: { role: "B" } } }); await db.user.findMany({ distinct: ["role"], cursor: { id: 1 }, where: { id: { in: [1, 2, 3] } } });
    await db.$queryRaw`SELECT * FROM "User" WHERE id = ${1}`; await db.$executeRaw`UPDATE "Post" SET price = price WHERE false`;
  });
  await step(`${label}transactions`, async () => { await db.$transaction([db.user.count(), db.post.count()], { isolationLevel: "Serializable" }); await db.$transaction(async (tx) => { await tx.user.count(); await tx.post.findFirst(); }, { isolationLevel: "RepeatableRead" }); });
  await db.$disconnect();
}
process.exit();
