// node-postgres logs in with TLS, verified, and says who it is.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { env } = process;
const pg = createRequire(env.NODE_PATH + "/")("pg");
const read = (name) => (env[name] ? readFileSync(env[name], "utf8") : undefined);
const client = new pg.Client({
  host: "127.0.0.1", port: Number(env.LOGIN_PORT), database: env.LOGIN_DATABASE, user: env.LOGIN_USER, password: env.LOGIN_PASSWORD,
  options: env.LOGIN_OPTIONS || undefined, enableChannelBinding: true,
  ssl: { ca: read("LOGIN_CA"), cert: read("LOGIN_CERTIFICATE"), key: read("LOGIN_KEY"), servername: env.LOGIN_HOST },
});
await client.connect();
console.log((await client.query("SELECT current_user")).rows[0].current_user);
await client.end();
