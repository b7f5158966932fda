// What the Node stories share; story.py says the same for Python, and what is in the environment.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const require_ = createRequire(`${process.env.NODE_PATH}/story`);

/** A package that setup.sh has installed. */
export const use = (name) => require_(name);
export const version = (name) =>
  `${name} ${JSON.parse(readFileSync(`${process.env.NODE_PATH}/${name}/package.json`, "utf8")).version}`;

const { DSN, MARKER, OTHER_DSN, OTHER_MARKER } = process.env;
const SERVER_CONNECTIONS = Number(process.env.SERVER_CONNECTIONS);
export const tenants = [{ dsn: DSN, marker: MARKER }, { dsn: OTHER_DSN, marker: OTHER_MARKER }];
export const dsn = DSN;

// Of each tenant, at once.
export const CLIENTS = 8;
export const TURNS = 10;

// What the proxy can do by now.
const LISTENS = process.env.LISTENS === "1";

export function check(held, why) {
  if (!held) throw new Error(`FAILED: ${why}`);
}

export function equal(found, wanted, what) {
  const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)];
  check(one === other, `${what}: ${one}, not ${other}`);
}

/** The work fails with this SQLSTATE. */
export async function fails(code, work, what) {
  try {
    await work();
  } catch (error) {
    const cause = error.cause ?? error.parent ?? error;
    if (!cause.code) throw error;
    return equal(cause.code, code, `SQLSTATE of ${what}: ${cause.message}`);
  }
  check(false, `${what}: no error`);
}

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Asks again until it is so. */
export async function until(what, ask) {
  const patience = Date.now() + 10_000;
  while (!(await ask())) check(Date.now() < patience, `waited in vain until ${what}`);
}

// A statement to be cancelled, and how many of this tenant's are running.
export const SLEEP = "SELECT pg_sleep(60)";
export const SLEEPERS = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = session_user AND wait_event = 'PgSleep' AND query = '${SLEEP}'`;

/** What sleeps ends with 57014 soon after `cancel()`; it does not hit the bystanders' statements. */
export async function cancelEnds(asleep, sleepers, cancel, bystanders) {
  const ended = fails("57014", asleep, "a cancelled statement");
  await until("it runs", sleepers);
  const busy = Promise.all(bystanders.map((bystander) => bystander()));
  // By then most often all of them run.
  await sleep(100);
  const called = Date.now();
  cancel();
  await ended;
  check(Date.now() - called < 10_000, "a cancel that took long");
  await busy;
}

/** A listener of each tenant; `speak()` says first and second, which only the first one hears. */
export async function hears(listener, stranger, speak) {
  const heard = [];
  for (const client of [listener, stranger]) {
    client.on("notification", (note) => heard.push([client === listener, note.channel, note.payload]));
    await client.query("LISTEN news");
  }
  await speak();
  await until("it is heard", async () => { await sleep(10); return heard.length >= 2; });
  await sleep(100);
  equal(heard, [[true, "news", "first"], [true, "news", "second"]], "what was heard");
  for (const client of [listener, stranger]) await client.query("UNLISTEN news");
}

/** COPY both ways with a driver's connection, and one that fails. */
export async function copies(client) {
  const { from: copyFrom, to: copyTo } = use("pg-copy-streams");
  await client.query("CREATE TABLE goods (id int, name text)");
  const lines = Array.from({ length: 10000 }, (_, n) => `${n}\tgood\n`);
  await pipeline(Readable.from(lines), client.query(copyFrom("COPY goods FROM STDIN")));
  let out = "";
  for await (const piece of client.query(copyTo("COPY (SELECT id FROM goods ORDER BY id DESC LIMIT 2) TO STDOUT"))) out += piece;
  equal(out, "9999\n9998\n", "COPY out");
  const broken = () => pipeline(Readable.from(["x\n"]), client.query(copyFrom("COPY goods FROM STDIN")));
  await fails("22P02", broken, "COPY of what is no row");
  equal((await client.query("SELECT count(*)::int AS n FROM goods")).rows[0].n, 10000, "after a COPY that failed");
}

/** All of the table `notes`: this tenant's marker is among them, and nobody else's. */
export function own(bodies, where, marker = MARKER) {
  check(bodies.includes(marker), `${where}: ${marker} is missing in ${bodies}`);
  equal(bodies.filter((body) => body.startsWith("marker of") && body !== marker), [], `${where}: rows of other tenants`);
}

/** `turn(tenant, number, turn)` is a transaction of one client, and gives the server process it met. */
export async function share(turn, names) {
  let arrived = 0;
  let open;
  const together = new Promise((done) => { open = done; });
  const one = async (tenant, number) => {
    const met = [];
    for (let n = 0; n < TURNS; n++) {
      met.push(await turn(tenant, number, n));
      if (n === 0) {
        if (++arrived === 2 * CLIENTS) open();
        await together;
      }
    }
    return met;
  };
  const all = tenants.map((tenant) => Promise.all(Array.from({ length: CLIENTS }, (_, number) => one(tenant, number))));
  for (const [tenant, work] of tenants.map((tenant, place) => [tenant, all[place]])) {
    const pids = await work;
    const seen = [...new Set(pids.flat())];
    check(seen.length <= SERVER_CONNECTIONS, `${seen.length} server processes served ${pids.length} clients`);
    check(seen.some((pid) => pids.filter((met) => met.includes(pid)).length > 1), "nobody shared");
    const rows = await names(tenant);
    equal(new Set(rows).size, CLIENTS * TURNS, "rows written by all");
    equal(rows.filter((name) => !name.startsWith(tenant.marker)), [], "rows of another tenant");
  }
}

/** Steps are `[words, work]`; those of the first list are ordinary work. */
export async function tell(client, ordinary, special, end) {
  console.log(`client: ${client}, Node ${process.versions.node}`);
  const begin = Date.now();
  const late = setTimeout(() => { console.error("FAILED: took too long"); process.exit(1); }, 90_000);
  const each = async (steps) => {
    for (const [words, work, has = true] of steps) {
      if (!has) continue;
      await work();
      console.log(`ok: ${words} (at ${((Date.now() - begin) / 1000).toFixed(1)} s)`);
    }
  };
  try {
    await each(ordinary);
    console.log("== ordinary work is done");
    await new Promise((done) => process.stdin.once("data", done).once("end", done));
    process.stdin.destroy();
    await each(special);
    await end();
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
  clearTimeout(late);
}

export { LISTENS };
