// node-postgres with its cursors and streams, and postgres.js.
import { step, url, use } from "./_steps.mjs";
const pg = use("pg"), Cursor = use("pg-cursor"), QueryStream = use("pg-query-stream"), postgres = use("postgres");

const client = new pg.Client(url);
await step("pg connect", () => client.connect());
await step("pg create", () => client.query("CREATE TABLE notes (id serial PRIMARY KEY, body text, at timestamptz DEFAULT now(), j jsonb, a int[])"));
await step("pg insert", () => client.query("INSERT INTO notes (body, j, a) VALUES ($1, $2, $3) RETURNING *", ["a", { x: 1 }, [1, 2]]));
await step("pg prepared", () => client.query({ name: "one", text: "SELECT * FROM notes WHERE id = $1", values: [1], rowMode: "array" }));
await step("pg many statements", () => client.query("BEGIN; INSERT INTO notes (body) VALUES ('b'); COMMIT; SELECT count(*) FROM notes"));
await step("pg cursor", async () => { const c = client.query(new Cursor("SELECT * FROM notes WHERE id > $1", [0])); await c.read(1); await c.close(); });
await step("pg stream", async () => { for await (const _ of client.query(new QueryStream("SELECT * FROM generate_series($1::int, $2::int)", [1, 300], { batchSize: 50 }))); });
await client.end();
const pool = new pg.Pool({ connectionString: url, max: 3, statement_timeout: 5000, idle_in_transaction_session_timeout: 5000, query_timeout: 5000, application_name: "app" });
await step("pool", () => Promise.all([1, 2, 3, 4].map((n) => pool.query("SELECT $1::int + 1 AS n", [n]))));
await pool.end();

const sql = postgres(url, { max: 2, onnotice: () => {}, idle_timeout: 2 });
await step("postgres.js types", () => sql`SELECT 1 AS x`);
await step("postgres.js insert", () => sql`INSERT INTO notes ${sql([{ body: "c" }, { body: "d" }], "body")} RETURNING id`);
await step("postgres.js array", () => sql`SELECT * FROM notes WHERE id IN ${sql([1, 2, 3])} AND a = ${sql.array([1, 2], 1007)}`);
await step("postgres.js json", () => sql`UPDATE notes SET j = ${sql.json({ a: 1 })}, ${sql({ body: "z" }, "body")} WHERE id = ${1}`);
await step("postgres.js begin", () => sql.begin("isolation level repeatable read", async (tx) => { await tx`SELECT 1`; await tx.savepoint((s) => s`SELECT 2`); }));
await step("postgres.js cursor", () => sql`SELECT * FROM notes`.cursor(2, () => {}));
await step("postgres.js forEach", () => sql`SELECT * FROM notes ORDER BY id`.forEach(() => {}));
await step("postgres.js simple", () => sql`SELECT 1; SELECT 2`.simple());
await step("postgres.js unsafe", () => sql.unsafe("SELECT * FROM notes WHERE id = $1", [1], { prepare: true }));
await step("postgres.js describe", () => sql`SELECT * FROM notes WHERE id = ${1}`.describe());
await step("postgres.js copy", async () => { const out = await sql`COPY notes (body) TO STDOUT`.readable(); for await (const _ of out); });
await step("postgres.js reserve", async () => { const one = await sql.reserve(); await one`SELECT 1`; one.release(); });
await step("postgres.js listen", () => sql.listen("news", () => {}));
await step("postgres.js notify", () => sql.notify("news", "x"));
await sql.end({ timeout: 1 });
process.exit();
