// node-postgres logs in with TLS, verified, and says who it is.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { env } = process;
const pg = createRequire(env.NODE_PATH + "/")("pg");
const certificate = env.LOGIN_CERT && { cert: readFileSync(env.LOGIN_CERT, "utf8"), key: readFileSync(env.LOGIN_KEY, "utf8") };
const client = new pg.Client({
  host: "127.0.0.1", port: Number(env.LOGIN_PORT), database: env.LOGIN_DATABASE, user: env.LOGIN_USER, password: env.LOGIN_PASSWORD,
  ssl: { ca: readFileSync(env.LOGIN_CA, "utf8"), servername: env.LOGIN_HOST, ...certificate },
});
await client.connect();
console.log((await client.query("SELECT current_user")).rows[0].current_user);
await client.end();
