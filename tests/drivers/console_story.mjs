// node-postgres at the admin console, by the simple and the extended protocol. CONSOLE_DSN says where, TENANT whom it shows.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const pg = createRequire(path.join(process.env.NODE_PATH, "x"))("pg");
const { CONSOLE_DSN, TENANT } = process.env;
const tell = (what) => console.log(`ok: ${what}`);

const client = new pg.Client({ connectionString: CONSOLE_DSN });
const notices = [];
client.on("notice", (notice) => notices.push(notice.message));
await client.connect();

const ways = { simple: "SHOW POOLS", extended: { text: "SHOW POOLS", values: [] }, prepared: { name: "pools", text: "SHOW POOLS" } };
for (const [how, query] of Object.entries(ways)) {
  for (let again = 0; again < 2; again++) {
    const row = (await client.query(query)).rows.find((one) => one.database === TENANT);
    assert.equal(typeof row.sv_idle, "number", how);
  }
  tell(`SHOW POOLS with types, ${how}`);
}
const several = await client.query("SHOW VERSION; SHOW STATE");
assert.deepEqual(several.map((one) => one.command), ["SHOW", "SHOW"]);
tell("several statements");
await assert.rejects(client.query("SELECT 1"), { code: "42601" });
await assert.rejects(client.query("SHOW POOLS WHERE x = $1", [1]), { code: "42601" });
await client.query("BEGIN");
await client.query(`PAUSE ${TENANT}`);
await client.query(`RESUME ${TENANT}`);
await client.query("COMMIT");
await client.query("SHOW HELP");
assert.ok(notices.length > 0);
tell("errors, commands and notices");
await client.end();

const pool = new pg.Pool({ connectionString: CONSOLE_DSN, max: 2 });
const versions = await Promise.all(Array.from({ length: 6 }, () => pool.query({ text: "SHOW VERSION", values: [] })));
assert.ok(versions.every((one) => one.rows[0].version.startsWith("pgtenant")));
await pool.end();
tell("a pool");
