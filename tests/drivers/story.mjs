// What the Node stories share; story.py says the same for Python, and what is in the environment.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

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
