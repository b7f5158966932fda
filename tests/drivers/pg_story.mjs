// node-postgres with its cursors and streams, as a tenant through the proxy. A line for each thing proved.

import {
  CLIENTS, LISTENS, SLEEP, SLEEPERS, cancelEnds, copies, dsn, equal, fails, hears, own, share, tell, tenants, use, version,
} from "./story.mjs";

const pg = use("pg");
const Cursor = use("pg-cursor");
const QueryStream = use("pg-query-stream");

const pool = new pg.Pool({ connectionString: dsn, max: 4 });

async function connected(work, options = {}) {
  const client = new pg.Client({ connectionString: dsn, ...options });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function rowsAreCreatedReadUpdatedAndDeleted() {
  await pool.query("CREATE TABLE crud (id serial PRIMARY KEY, name text NOT NULL UNIQUE, j jsonb, a int[])");
  const insert = "INSERT INTO crud (name, j, a) VALUES ($1, $2, $3) RETURNING *";
  equal((await pool.query(insert, ["ash", { x: 1 }, [1, 2]])).rows[0], { id: 1, name: "ash", j: { x: 1 }, a: [1, 2] }, "INSERT");
  await Promise.all(Array.from({ length: 50 }, (_, n) => pool.query(insert, [`many ${n}`, null, null])));
  equal((await pool.query("UPDATE crud SET name = 'oak' WHERE id = $1", [1])).rowCount, 1, "UPDATE");
  equal((await pool.query("DELETE FROM crud WHERE name LIKE $1", ["many 4%"])).rowCount, 11, "DELETE");
  equal((await pool.query({ text: "SELECT count(*)::int FROM crud", rowMode: "array" })).rows, [[40]], "SELECT");
  const several = await pool.query("BEGIN; INSERT INTO crud (name) VALUES ('two'); COMMIT; SELECT 7 AS n");
  equal(several.map((one) => one.command), ["BEGIN", "INSERT", "COMMIT", "SELECT"], "several statements");
  own((await pool.query("SELECT body FROM notes")).rows.map((row) => row.body), "notes");
}

async function transactionsAndSavepoints() {
  const client = await pool.connect();
  await client.query("BEGIN");
  await client.query("INSERT INTO crud (name) VALUES ($1)", ["kept"]);
  await client.query("SAVEPOINT s");
  await fails("23505", () => client.query("INSERT INTO crud (name) VALUES ($1)", ["kept"]), "a unique constraint");
  await fails("25P02", () => client.query("SELECT 1"), "a statement after an error");
  await client.query("ROLLBACK TO SAVEPOINT s");
  await client.query("COMMIT");
  await client.query("BEGIN ISOLATION LEVEL SERIALIZABLE");
  await client.query("DELETE FROM crud");
  await client.query("ROLLBACK");
  const { rows } = await client.query("SELECT count(*)::int AS n FROM crud WHERE name = 'kept'");
  equal(rows[0].n, 1, "after ROLLBACK");
  client.release();
}

async function namedStatements() {
  await Promise.all(Array.from({ length: 200 }, async (_, n) => {
    const { rows } = await pool.query({ name: `plus ${n % 10}`, text: `SELECT $1::int + ${n % 10} AS n`, values: [n] });
    equal(rows[0].n, n + n % 10, "named statement");
  }));
  const quotient = (n) => pool.query({ name: "quotient", text: "SELECT 6 / $1::int AS n", values: [n] });
  for (let turn = 0; turn < 5; turn++) {
    await fails("22012", () => quotient(0), "a named statement");
    equal((await quotient(2)).rows[0].n, 3, "named statement after an error");
  }
}

/** All queries are written at once; each has its own Sync. */
async function pipelines() {
  await connected(async (client) => {
    const plus = (n) => client.query({ name: `piped ${n % 5}`, text: `SELECT $1::int + ${n % 5} AS n`, values: [n] });
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => plus(n)));
    equal(answers.map(({ rows }) => rows[0].n), answers.map((_, n) => n + n % 5), "pipelined answers");
    const mixed = await Promise.allSettled([
      client.query("BEGIN"), client.query("INSERT INTO crud (name) VALUES ($1)", ["piped"]), client.query("SELECT 1 / $1::int", [0]),
      client.query("SELECT 1"), client.query("ROLLBACK"), plus(1),
    ]);
    equal(mixed.map((one) => one.reason?.code ?? one.status), ["fulfilled", "fulfilled", "22012", "25P02", "fulfilled", "fulfilled"], "an error in a pipeline");
  }, { pipeline: true });
}

async function cursorsAndStreams() {
  const client = await pool.connect();
  const cursor = client.query(new Cursor("SELECT generate_series(1, $1::int) AS n", [250]));
  equal((await cursor.read(100)).length, 100, "the first rows of a cursor");
  equal((await cursor.read(1000)).length, 150, "its other rows");
  await cursor.close();
  const left = client.query(new Cursor("SELECT generate_series(1, $1::int) AS n", [1000]));
  equal((await left.read(1))[0].n, 1, "a cursor that is left");
  await left.close();
  let sum = 0;
  for await (const row of client.query(new QueryStream("SELECT generate_series(1, 1000) AS n", [], { batchSize: 99 }))) sum += row.n;
  equal(sum, 500500, "a stream of rows");
  client.release();
}

async function copiesBothWays() {
  const client = await pool.connect();
  await copies(client);
  client.release();
}

async function cancels() {
  await connected(async (client) => {
    const sleeper = new pg.Query(SLEEP);
    await connected((stranger) => cancelEnds(
      () => new Promise((_, no) => client.query(sleeper.once("error", no))),
      async () => (await pool.query(SLEEPERS)).rows[0].n,
      // On a connection of its own.
      () => new pg.Client({ connectionString: dsn }).cancel(client, sleeper),
      [pool, stranger].map((bystander) => () => bystander.query("SELECT pg_sleep(0.3)")),
    ), { connectionString: tenants[1].dsn });
    equal((await client.query("SELECT 'usable' AS word")).rows[0].word, "usable", "after a cancel");
  });
  await connected(
    (client) => fails("57014", () => client.query("SELECT pg_sleep(60)"), "a query past its time"),
    { statement_timeout: 100 },
  );
}

async function errorsLeaveTheConnectionUsable() {
  const client = await pool.connect();
  for (const [sql, code] of [
    ["SELEC 1", "42601"], ["SELECT * FROM nowhere", "42P01"], ["INSERT INTO crud (name) VALUES (NULL)", "23502"],
    ["SELECT 1 / 0", "22012"], ["SELECT 'x'::int", "22P02"], ["SELECT * FROM tenant_of_somebody_else.notes", "42501"],
  ]) {
    await fails(code, () => client.query(sql), sql);
    await fails(code, () => client.query({ text: sql, values: [], name: `failing ${code}` }), `${sql}, prepared`);
    equal((await client.query("SELECT $1::int AS n", [1])).rows[0].n, 1, `after ${sql}`);
  }
  client.release();
}

async function settings() {
  const show = async (client, name) => (await client.query(`SELECT current_setting($1) AS it`, [name])).rows[0].it;
  const options = { application_name: "a story", options: "-c lock_timeout=4321", idle_in_transaction_session_timeout: 9000 };
  await connected(async (client) => {
    const { rows: [{ it: schema }] } = await client.query("SELECT current_schema() AS it");
    await client.query(`SET search_path TO "${schema}", global`);
    await client.query("SET TIME ZONE 'Asia/Tokyo'");
    await pool.query("SELECT 1");
    equal(await show(client, "TimeZone"), "Asia/Tokyo", "its time zone");
    equal(await show(client, "lock_timeout"), "4321ms", "from its options");
    equal(await show(client, "idle_in_transaction_session_timeout"), "9s", "from its configuration");
    equal(await show(client, "application_name"), "a story", "its name");
    equal(await show(client, "search_path"), `${schema}, global`, "its search_path");
    equal(await show(pool, "lock_timeout"), "0", "another client's");
    await client.query("DISCARD ALL");
    equal(await show(client, "lock_timeout"), "4321ms", "after DISCARD ALL");
  }, options);
}

async function tablesThatChangeUnderNamedStatements() {
  await connected(async (client) => {
    await client.query("CREATE TABLE changing (a int); INSERT INTO changing VALUES (1)");
    const read = async () => (await client.query({ name: "changing", text: "SELECT * FROM changing WHERE a = $1", values: [1] })).rows[0];
    for (let turn = 0; turn < 8; turn++) equal(await read(), { a: 1 }, "before ALTER");
    await pool.query("ALTER TABLE changing ADD b int DEFAULT 2");
    equal(await read(), { a: 1, b: 2 }, "after another's ALTER");
    await client.query("ALTER TABLE changing ADD c int DEFAULT 3");
    equal(await read(), { a: 1, b: 2, c: 3 }, "after its own ALTER");
    await pool.query("ALTER TABLE changing ALTER b TYPE text");
    equal(await read(), { a: 1, b: "2", c: 3 }, "after a new type");
  });
}

async function listensAndNotifies() {
  const [listener, stranger] = tenants.map((tenant) => new pg.Client(tenant.dsn));
  for (const client of [listener, stranger]) await client.connect();
  await hears(listener, stranger, () => pool.query("BEGIN; NOTIFY news, 'first'; SELECT pg_notify('news', 'second'); COMMIT"));
  await Promise.all([listener.end(), stranger.end()]);
}

async function poolsShareFewServerConnections() {
  const pools = new Map(tenants.map((tenant) => [tenant, new pg.Pool({ connectionString: tenant.dsn, max: CLIENTS })]));
  for (const each of pools.values()) await each.query("CREATE TABLE shared (name text)");
  await share(async (tenant, number, turn) => {
    const client = await pools.get(tenant).connect();
    // The first turns are all there before one ends.
    await client.query("BEGIN");
    const { rows: [{ pid }] } = await client.query({ name: "pid", text: "SELECT pg_backend_pid() AS pid" });
    await client.query({ name: "add", text: "INSERT INTO shared VALUES ($1)", values: [`${tenant.marker} ${number} ${turn}`] });
    own((await client.query("SELECT body FROM notes")).rows.map((row) => row.body), `client ${number}`, tenant.marker);
    await client.query("COMMIT");
    client.release();
    return pid;
  }, async (tenant) => (await pools.get(tenant).query("SELECT DISTINCT name FROM shared")).rows.map((row) => row.name));
  for (const each of pools.values()) {
    equal(each.totalCount, CLIENTS, "connections of a pool");
    await each.end();
  }
}

async function temporaryTablesAndAdvisoryLocks() {
  await connected(async (client) => {
    await client.query("CREATE TEMP TABLE mine AS SELECT 1 AS a");
    equal((await client.query("TABLE mine")).rows, [{ a: 1 }], "its temporary table");
    await fails("42P01", () => pool.query("TABLE mine"), "another's temporary table");
    await client.query("DROP TABLE mine");
    await client.query("SELECT pg_advisory_lock($1)", [42]);
    equal((await pool.query("SELECT pg_try_advisory_lock(42) AS it")).rows[0].it, false, "a lock that another client holds");
    await client.query("SELECT pg_advisory_unlock($1)", [42]);
  });
}

await tell(
  [version("pg"), version("pg-cursor"), version("pg-query-stream"), version("pg-copy-streams")].join(", "),
  [
    ["rows are created, read, updated and deleted", rowsAreCreatedReadUpdatedAndDeleted],
    ["transactions and savepoints", transactionsAndSavepoints],
    ["named statements", namedStatements],
    ["pipelines, with an error in one", pipelines],
    ["cursors and streams", cursorsAndStreams],
    ["COPY both ways, and one that fails", copiesBothWays],
    ["cancel, and a time limit", cancels],
    ["errors leave the connection usable", errorsLeaveTheConnectionUsable],
    ["settings", settings],
    ["tables that change under named statements", tablesThatChangeUnderNamedStatements],
    ["LISTEN and NOTIFY", listensAndNotifies, LISTENS],
    ["pools share few server connections", poolsShareFewServerConnections],
  ],
  [["temporary tables and advisory locks", temporaryTablesAndAdvisoryLocks]],
  () => pool.end(),
);
