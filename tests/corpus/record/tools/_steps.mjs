// Steps of a Node tool: each says `ok name` or `FAIL name: why`, and the next one goes on.
import { createRequire } from "node:module";

const require_ = createRequire(`${process.env.RECORD_CACHE}/node/package.json`);

/** A package of the cache. */
export const use = (name) => require_(name);

export async function step(name, work) {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error("took too long")), 40000); });
  try {
    const result = await Promise.race([work(), late]);
    console.log(`ok ${name}`);
    return result;
  } catch (error) {
    const cause = error.cause ? ` / ${error.cause.message ?? error.cause}` : "";
    console.log(`FAIL ${name}: ${String(error.message ?? error).replace(/\s+/g, " ").slice(0, 300)}${cause}`);
  } finally {
    clearTimeout(timer);
  }
}

export const url = process.env.DATABASE_URL;
export const { PGHOST: host, PGUSER: user, PGPASSWORD: password, PGDATABASE: database } = process.env;
export const port = Number(process.env.PGPORT);
export const schema = process.env.RECORD_SCHEMA;
