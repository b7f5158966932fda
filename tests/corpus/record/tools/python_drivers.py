"""psycopg2, psycopg 3 and asyncpg without anything above them."""

import asyncio
import io
import os

import asyncpg
import psycopg
import psycopg2
import psycopg2.extras
from _steps import astep, step

URL = os.environ["DATABASE_URL"]


def old():
    conn = psycopg2.connect(URL)
    with conn, conn.cursor() as cur:
        cur.execute("CREATE TABLE items (id serial PRIMARY KEY, name text, j jsonb, a int[])")
        psycopg2.extras.execute_values(cur, "INSERT INTO items (name, a) VALUES %s", [("a", [1]), ("b'; --", [2])])
        psycopg2.extras.execute_batch(cur, "INSERT INTO items (name) VALUES (%s)", [("c",), ("d",)])
        cur.execute("SELECT * FROM items WHERE name = ANY(%s) AND j IS NOT DISTINCT FROM %s", (["a"], None))
        cur.copy_expert("COPY items (name) FROM STDIN WITH (FORMAT csv)", io.StringIO("x\ny\n"))
        cur.copy_to(io.StringIO(), "items"); cur.copy_from(io.StringIO("z\n"), "items", columns=("name",))
        psycopg2.extras.register_hstore; psycopg2.extras.register_uuid()
    with conn, conn.cursor("named") as cur:
        cur.execute("SELECT * FROM items"); cur.fetchmany(2); cur.scroll(-1) if cur.scrollable else None; cur.fetchall()
    with conn, conn.cursor("scrolling", scrollable=True, withhold=True) as cur:
        cur.execute("SELECT * FROM items"); cur.fetchone(); cur.scroll(1); cur.fetchall()
    conn.set_session(isolation_level="SERIALIZABLE", readonly=True, deferrable=True); conn.cursor().execute("SELECT 1"); conn.rollback()
    conn.set_session(isolation_level="DEFAULT", readonly=None, deferrable=None, autocommit=True); conn.cursor().execute("SELECT 1"); conn.reset()
    conn.autocommit = False; conn.set_client_encoding("UTF8"); conn.cursor().callproc("lower", ["X"]); conn.close()


def two_phase():
    conn = psycopg2.connect(URL); conn.tpc_begin(conn.xid(1, "a", "b")); conn.cursor().execute("SELECT 1"); conn.tpc_prepare(); conn.tpc_rollback(); conn.close()


def new():
    with psycopg.connect(URL) as conn:
        conn.execute("SELECT %s::int + 1", [1], prepare=True); conn.execute("SELECT * FROM items WHERE name = %(n)s", {"n": "a"})
        with conn.cursor() as cur:
            cur.executemany("INSERT INTO items (name) VALUES (%s) RETURNING id", [("p",), ("q",)], returning=True)
            with cur.copy("COPY items (name, a) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["text", "int4[]"]); copy.write_row(["r", [1, 2]])
            with cur.copy("COPY (SELECT name FROM items WHERE id > %s) TO STDOUT", [0]) as copy:
                list(copy.rows())
        with conn.transaction(), conn.transaction("inner"), conn.transaction():
            conn.execute("SELECT 1")
        with conn.cursor("server side", scrollable=True) as cur:
            cur.execute("SELECT * FROM items WHERE id > %s", [0]); cur.fetchmany(2); cur.scroll(0, "absolute"); list(cur)
        with conn.pipeline():
            conn.execute("SELECT 1"); conn.execute("UPDATE items SET name = %s WHERE id = %s", ["x", 1])
        conn.commit(); conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ; conn.read_only = True; conn.deferrable = True; conn.execute("SELECT 1"); conn.rollback()
        from psycopg.types import TypeInfo
        from psycopg.types.composite import CompositeInfo
        from psycopg.types.enum import EnumInfo
        from psycopg.types.range import RangeInfo
        from psycopg.types.multirange import MultirangeInfo
        conn.read_only = None; conn.deferrable = None; conn.isolation_level = None
        conn.execute("CREATE TYPE mood AS ENUM ('a'); CREATE TYPE pair AS (x int, y text); CREATE TYPE span AS RANGE (subtype = float8)")
        TypeInfo.fetch(conn, "hstore"); EnumInfo.fetch(conn, "mood"); CompositeInfo.fetch(conn, "pair"); RangeInfo.fetch(conn, "span"); MultirangeInfo.fetch(conn, "span_multirange")
        list(conn.cursor().stream("SELECT * FROM items"))


async def asynchronous():
    conn = await asyncpg.connect(URL)
    await conn.execute("CREATE TABLE things (id serial PRIMARY KEY, m mood, p pair, s span, h text[], j jsonb)")
    await conn.fetch("SELECT m, p, s, h FROM things WHERE id = $1", 1); await conn.fetchval("SELECT $1::mood", "a"); await conn.fetch("SELECT $1::pair[]", [(1, "x")])
    await conn.set_type_codec("jsonb", encoder=str, decoder=str, schema="pg_catalog"); await conn.set_builtin_type_codec("mood", schema="tenant_alpha", codec_name="text") if False else None
    await conn.executemany("INSERT INTO things (m) VALUES ($1)", [("a",), (None,)])
    await conn.copy_records_to_table("things", records=[("a",)], columns=["m"]); await conn.copy_from_query("SELECT * FROM things WHERE id > $1", 0, output=io.BytesIO())
    await conn.copy_to_table("things", source=io.BytesIO(b"a\n"), columns=["m"], schema_name="tenant_alpha"); await conn.copy_from_table("things", output=io.BytesIO(), format="csv")
    async with conn.transaction(isolation="serializable", readonly=True, deferrable=True):
        async with conn.transaction():
            async for _ in conn.cursor("SELECT * FROM things"):
                pass
            cursor = await conn.cursor("SELECT * FROM things"); await cursor.fetch(1); await cursor.forward(1)
    await conn.reset(); await conn.reload_schema_state(); await conn.close()
    async with asyncpg.create_pool(URL, min_size=1, max_size=2) as pool:
        await pool.fetch("SELECT 1"); await pool.execute("SELECT 1; SELECT 2")


async def listening():
    conn = await asyncpg.connect(URL); await conn.add_listener("news", lambda *_: None); await conn.remove_listener("news", lambda *_: None); await conn.close()


step("psycopg2", old)
step("psycopg2 two-phase", two_phase)
step("psycopg", new)
asyncio.run(astep("asyncpg", asynchronous))
asyncio.run(astep("asyncpg listen", listening))
