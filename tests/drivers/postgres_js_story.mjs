// postgres.js as a tenant through the proxy. A line for each thing proved.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  CLIENTS, LISTENS, dsn, equal, fails, own, share, sleep, tell, tenants, until, use, version,
} from "./story.mjs";

const postgres = use("postgres");
const quiet = { onnotice: () => {} };
const sql = postgres(dsn, { max: 4, ...quiet });

async function rowsAreCreatedReadUpdatedAndDeleted() {
  await sql`CREATE TABLE crud (id serial PRIMARY KEY, name text NOT NULL UNIQUE, j jsonb, a int[])`;
  const names = Array.from({ length: 50 }, (_, n) => ({ name: `many ${n}` }));
  equal((await sql`INSERT INTO crud ${sql(names, "name")} RETURNING id`).length, 50, "INSERT");
  const [row] = await sql`INSERT INTO crud ${sql({ name: "ash", j: sql.json({ x: 1 }), a: [1, 2] })} RETURNING name, j, a`;
  equal(row, { name: "ash", j: { x: 1 }, a: [1, 2] }, "INSERT of an object");
  equal((await sql`UPDATE crud SET ${sql({ name: "oak" }, "name")} WHERE name = ${"ash"}`).count, 1, "UPDATE");
  equal((await sql`DELETE FROM crud WHERE id IN ${sql([1, 2, 3])}`).count, 3, "DELETE");
  equal(await sql`SELECT count(*)::int AS n FROM crud`.values(), [[48]], "SELECT");
  const [first, second] = await sql`SELECT 1 AS n; SELECT 2 AS n`.simple();
  equal([first[0].n, second[0].n], [1, 2], "two statements in one");
  own((await sql`SELECT body FROM notes`).map((note) => note.body), "notes");
}

async function transactionsAndSavepoints() {
  await sql.begin(async (tx) => {
    await tx`INSERT INTO crud (name) VALUES ('kept')`;
    await fails("23505", () => tx.savepoint((part) => part`INSERT INTO crud (name) VALUES ('kept')`), "a unique constraint");
    await tx`SELECT 1`;
  });
  const undone = sql.begin("isolation level serializable", async (tx) => {
    await tx`INSERT INTO crud (name) VALUES ('undone')`;
    // Both are on the way before the first one fails.
    await Promise.all([tx`SELECT 1 / 0`, tx`SELECT 1`]);
  });
  await fails("22012", () => undone, "a transaction");
  equal((await sql`SELECT name FROM crud WHERE name IN ('kept', 'undone')`).map((row) => row.name), ["kept"], "after ROLLBACK");
}

async function preparedStatementsInPipelines() {
  const one = postgres(dsn, { max: 1, ...quiet });
  const answers = await Promise.all(Array.from({ length: 300 }, (_, n) => one.unsafe(`SELECT $1::int + ${n % 30} AS n`, [n], { prepare: true })));
  equal(answers.map((rows) => rows[0].n), answers.map((_, n) => n + n % 30), "pipelined answers");
  const mixed = await Promise.allSettled([5, 0, 4].map((n) => one`SELECT 100 / ${n}::int AS n`));
  equal(mixed.map((answer) => answer.reason?.code ?? answer.value[0].n), [20, "22012", 25], "an error in a pipeline");
  equal((await one`SELECT * FROM crud WHERE id = ${1}`.describe()).types, [23], "types of parameters");
  const unnamed = postgres(dsn, { max: 1, prepare: false, ...quiet });
  equal((await unnamed`SELECT ${7}::int AS n`)[0].n, 7, "without prepared statements");
  await Promise.all([one.end(), unnamed.end()]);
}

async function cursorsAndPortions() {
  const sizes = [];
  await sql`SELECT generate_series(1, ${250}::int)`.cursor(100, (rows) => { sizes.push(rows.length); });
  equal(sizes, [100, 100, 50], "portions");
  for await (const [row] of sql`SELECT generate_series(1, 1000) AS n`.cursor()) if (row.n === 3) break;
  let sum = 0;
  await sql`SELECT generate_series(1, 1000) AS n`.forEach((row) => { sum += row.n; });
  equal(sum, 500500, "row by row");
}

async function copiesBothWays() {
  await sql`CREATE TABLE goods (id int, name text)`;
  const lines = Array.from({ length: 10000 }, (_, n) => `${n}\tgood\n`);
  await pipeline(Readable.from(lines), await sql`COPY goods FROM STDIN`.writable());
  let out = "";
  for await (const piece of await sql`COPY (SELECT id FROM goods ORDER BY id DESC LIMIT 2) TO STDOUT`.readable()) out += piece;
  equal(out, "9999\n9998\n", "COPY out");
}

async function cancels() {
  const sleeper = sql`SELECT pg_sleep(60)`.execute();
  const caught = fails("57014", () => sleeper, "a cancelled query");
  const runs = (word) => sql`SELECT FROM pg_stat_activity WHERE usename = session_user AND wait_event = 'PgSleep' AND query = ${word}`;
  await until("it runs", async () => (await runs("SELECT pg_sleep(60)")).count);
  sleeper.cancel();
  await caught;
  equal((await sql`SELECT 'usable' AS word`)[0].word, "usable", "after a cancel");
}

async function errorsLeaveTheConnectionUsable() {
  const one = postgres(dsn, { max: 1, ...quiet });
  for (const [text, code] of [
    ["SELEC 1", "42601"], ["SELECT * FROM nowhere", "42P01"], ["INSERT INTO crud (name) VALUES (NULL)", "23502"],
    ["SELECT 1 / 0", "22012"], ["SELECT * FROM tenant_of_somebody_else.notes", "42501"],
  ]) {
    await fails(code, () => one.unsafe(text), text);
    await fails(code, () => one.unsafe(text, [], { prepare: true }), `${text}, prepared`);
    equal((await one`SELECT ${1}::int AS n`)[0].n, 1, `after ${text}`);
  }
  await one.end();
}

async function settings() {
  const connection = { application_name: "a story", statement_timeout: 59000, search_path: "global" };
  const one = postgres(dsn, { max: 1, ...quiet, connection });
  const reserved = await one.reserve();
  await reserved`SET TIME ZONE 'Asia/Tokyo'`;
  await sql`SELECT 1`;
  const [row] = await reserved`SELECT current_setting('TimeZone') AS a, current_setting('statement_timeout') AS b, current_setting('search_path') AS c, current_setting('application_name') AS d`;
  equal(Object.values(row), ["Asia/Tokyo", "59s", "global", "a story"], "settings");
  reserved.release();
  await one.end();
}

async function tablesThatChangeUnderPreparedStatements() {
  const one = postgres(dsn, { max: 1, ...quiet });
  await one`CREATE TABLE changing (a int)`;
  await one`INSERT INTO changing VALUES (1)`;
  const read = async () => (await one`SELECT * FROM changing WHERE a = ${1}`)[0];
  for (let turn = 0; turn < 8; turn++) equal(await read(), { a: 1 }, "before ALTER");
  await sql`ALTER TABLE changing ADD b int DEFAULT 2`;
  equal(await read(), { a: 1, b: 2 }, "after ALTER");
  equal(await read(), { a: 1, b: 2 }, "again after ALTER");
  await one.end();
}

async function listensAndNotifies() {
  const stranger = postgres(tenants[1].dsn, quiet);
  const heard = [];
  const { unlisten } = await sql.listen("news", (payload) => heard.push(payload));
  await stranger.listen("news", (payload) => heard.push(`strange ${payload}`));
  await sql.notify("news", "first");
  await sql.begin((tx) => tx`SELECT pg_notify(${"news"}, ${"second"})`);
  await until("it is heard", async () => { await sleep(10); return heard.length >= 2; });
  await sleep(100);
  equal(heard, ["first", "second"], "what was heard");
  await unlisten();
  await stranger.end();
}

async function poolsShareFewServerConnections() {
  const pools = new Map(tenants.map((tenant) => [tenant, postgres(tenant.dsn, { max: CLIENTS, ...quiet })]));
  for (const each of pools.values()) await each`CREATE TABLE shared (name text)`;
  await share((tenant, number, turn) => pools.get(tenant).begin(async (tx) => {
    const [{ pid }] = await tx`SELECT pg_backend_pid() AS pid`;
    await tx`INSERT INTO shared VALUES (${`${tenant.marker} ${number} ${turn}`})`;
    own((await tx`SELECT body FROM notes`).map((row) => row.body), `client ${number}`, tenant.marker);
    return pid;
  }), async (tenant) => (await pools.get(tenant)`SELECT DISTINCT name FROM shared`).map((row) => row.name));
  for (const each of pools.values()) await each.end();
}

async function temporaryTables() {
  const reserved = await sql.reserve();
  await reserved`CREATE TEMP TABLE mine AS SELECT 1 AS a`;
  equal((await reserved`TABLE mine`)[0], { a: 1 }, "its temporary table");
  await reserved`DROP TABLE mine`;
  reserved.release();
}

await tell(
  version("postgres"),
  [
    ["rows are created, read, updated and deleted", rowsAreCreatedReadUpdatedAndDeleted],
    ["transactions and savepoints", transactionsAndSavepoints],
    ["prepared statements in pipelines", preparedStatementsInPipelines],
    ["cursors and portions", cursorsAndPortions],
    ["COPY both ways", copiesBothWays],
    ["cancel", cancels],
    ["errors leave the connection usable", errorsLeaveTheConnectionUsable],
    ["settings", settings],
    ["tables that change under prepared statements", tablesThatChangeUnderPreparedStatements],
    ["LISTEN and NOTIFY", listensAndNotifies, LISTENS],
    ["pools share few server connections", poolsShareFewServerConnections],
  ],
  [["temporary tables", temporaryTables]],
  () => sql.end(),
);
