"""asyncpg as a tenant through the proxy. One line for each thing proved; ends with 1 at the first that is not."""

import asyncio
import io

import asyncpg

from story import CLIENTS, DSN, SERVER_CONNECTIONS, check, equal, own, proved, shared


async def fails(error, work, what):
    try:
        await work
    except error:
        return
    check(False, f"{what}: no {error.__name__}")


async def prepared_statements(pool):
    async with pool.acquire() as conn:
        await conn.execute("CREATE TABLE crud (id serial PRIMARY KEY, name text NOT NULL)")
        insert = await conn.prepare("INSERT INTO crud (name) VALUES ($1) RETURNING id")
        equal([await insert.fetchval(name) for name in ("ash", "birch")], [1, 2], "prepared INSERT")
        equal([kind.name for kind in insert.get_parameters()], ["text"], "types of parameters")
        await conn.executemany("INSERT INTO crud (name) VALUES ($1)", [(f"many {n}",) for n in range(500)])
        equal(await conn.fetchval("SELECT count(*) FROM crud"), 502, "executemany")
        for n in range(250):
            # More texts than asyncpg keeps: it closes the oldest.
            equal(await conn.fetchval(f"SELECT $1::int + {n}", 1), n + 1, "statement cache")
    rows = await pool.fetch("SELECT body FROM notes")
    own((row["body"] for row in rows), "notes")


async def transactions(pool):
    async with pool.acquire() as conn:
        before = await conn.fetchval("SELECT count(*) FROM crud")
        transaction = conn.transaction(isolation="repeatable_read")
        await transaction.start()
        await conn.execute("DELETE FROM crud")
        await transaction.rollback()
        async with conn.transaction():
            await conn.execute("INSERT INTO crud (name) VALUES ('kept')")
            await fails(asyncpg.NotNullViolationError, nested(conn), "savepoint")
            await conn.execute("INSERT INTO crud (name) VALUES ('kept too')")
        equal(await conn.fetchval("SELECT count(*) FROM crud"), before + 2, "after ROLLBACK and a savepoint")


async def nested(conn):
    async with conn.transaction():
        await conn.execute("INSERT INTO crud (name) VALUES ('undone')")
        await conn.execute("INSERT INTO crud (name) VALUES ($1)", None)


async def types_are_introspected(pool):
    """For types it does not know, asyncpg turns jit off and on again with set_config, for the session."""
    async with pool.acquire() as conn:
        await conn.execute("CREATE TYPE mood AS ENUM ('sad', 'happy')")
        await conn.execute("CREATE TYPE thing AS (name text, moods mood[])")
        row = await conn.fetchval("SELECT ROW('cat', ARRAY['happy']::mood[])::thing")
        equal((row["name"], row["moods"]), ("cat", ["happy"]), "composite type")
        equal(await conn.fetchval("SELECT $1::mood[]", ["sad"]), ["sad"], "array of an enum")


async def copy_both_ways(pool):
    async with pool.acquire() as conn:
        await conn.execute("CREATE TABLE goods (id int, name text)")
        records = [(n, f"good {n}") for n in range(10_000)]
        equal(await conn.copy_records_to_table("goods", records=records), "COPY 10000", "records in")
        text = io.BytesIO(b"10000,ten thousand\n")
        equal(await conn.copy_to_table("goods", source=text, format="csv"), "COPY 1", "text in")
        out = io.BytesIO()
        query = "SELECT * FROM goods WHERE id >= $1 ORDER BY id"
        await conn.copy_from_query(query, 9_999, output=out, format="csv")
        equal(out.getvalue(), b"9999,good 9999\n10000,ten thousand\n", "text out")
        bad = io.BytesIO(b"one,two,three\n")
        await fails(
            asyncpg.DataError, conn.copy_to_table("goods", source=bad, format="csv"), "COPY of what is no row"
        )
        equal(await conn.fetchval("SELECT count(*) FROM goods"), 10_001, "after a COPY that failed")


async def cursors(pool):
    async with pool.acquire() as conn, conn.transaction():
        rows = [row["id"] async for row in conn.cursor("SELECT id FROM goods ORDER BY id", prefetch=99)]
        equal(rows, list(range(10_001)), "rows of a cursor")
        cursor = await conn.cursor("SELECT id FROM goods ORDER BY id")
        await cursor.forward(10)
        equal([row["id"] for row in await cursor.fetch(2)], [10, 11], "after forward()")


async def cancellation(pool):
    async with pool.acquire() as conn:
        await fails(asyncio.TimeoutError, conn.execute("SELECT pg_sleep(60)", timeout=0.1), "time limit")
        equal(await conn.fetchval("SELECT 'usable'"), "usable", "after a time limit")
        task = asyncio.ensure_future(conn.fetchval("SELECT pg_sleep(60)"))
        runs = "usename = session_user AND state = 'active' AND query = 'SELECT pg_sleep(60)'"
        sleepers = f"SELECT count(*) FROM pg_stat_activity WHERE {runs}"
        while not await pool.fetchval(sleepers):
            pass
        task.cancel()
        await fails(asyncio.CancelledError, task, "cancelled task")
        equal(await conn.fetchval("SELECT 'usable'"), "usable", "after a cancelled task")
    while await pool.fetchval(sleepers):
        pass


async def errors_leave_the_connection_usable(pool):
    async with pool.acquire() as conn:
        for query, error in [
            ("SELEC 1", asyncpg.PostgresSyntaxError),
            ("SELECT * FROM nowhere", asyncpg.UndefinedTableError),
            ("SELECT 1 / 0", asyncpg.DivisionByZeroError),
            ("SELECT * FROM tenant_of_somebody_else.notes", asyncpg.InsufficientPrivilegeError),
        ]:
            await fails(error, conn.execute(query), query)
            await fails(error, conn.fetch(query), query)
            equal(await conn.fetchval("SELECT 1"), 1, f"after {query}")


async def what_was_set_ends_with_release(pool):
    """RESET ALL of the release gives the server connection back: nobody is pinned, nobody sees the setting."""
    for _ in range(2):
        conns = [await pool.acquire() for _ in range(SERVER_CONNECTIONS)]
        for conn in conns:
            await conn.execute("SET statement_timeout = '59s'")
        for conn in conns:
            equal(await conn.fetchval("SHOW statement_timeout"), "59s", "its own setting")
        for conn in conns:
            await pool.release(conn)
        everybody = [await pool.acquire() for _ in range(CLIENTS)]
        for conn in everybody:
            equal(await conn.fetchval("SHOW statement_timeout"), "0", "the setting after the release")
        for conn in everybody:
            await pool.release(conn)


async def pool_shares_few_server_connections(pool):
    """All clients hold their connection of the pool at once; later each is released, reset and acquired again."""
    arrived = asyncio.Semaphore(0)
    everybody = asyncio.Event()

    async def one(number):
        pids = set()
        for turn in range(5):
            async with pool.acquire() as conn:
                if turn == 0:
                    arrived.release()
                    await everybody.wait()
                async with conn.transaction():
                    pids.add(await conn.fetchval("SELECT pg_backend_pid()"))
                    await conn.execute("INSERT INTO crud (name) VALUES ($1)", f"client {number} turn {turn}")
                    rows = await conn.fetch("SELECT body FROM notes WHERE body LIKE $1", "%")
                    own((row["body"] for row in rows), f"client {number}")
        return pids

    tasks = [asyncio.ensure_future(one(number)) for number in range(CLIENTS)]
    for _ in range(CLIENTS):
        await arrived.acquire()
    equal(pool.get_size(), CLIENTS, "connections of the pool")
    everybody.set()
    pids = await asyncio.gather(*tasks)
    servers = await pool.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = session_user")
    shared(pids, servers)
    rows = await pool.fetchval("SELECT count(DISTINCT name) FROM crud WHERE name LIKE 'client %'")
    equal(rows, CLIENTS * 5, "rows written by all")


STEPS = [
    (prepared_statements, "prepared statements, more than its cache holds"),
    (transactions, "transactions and savepoints"),
    (types_are_introspected, "types are introspected"),
    (copy_both_ways, "COPY both ways, and one that fails"),
    (cursors, "cursors"),
    (cancellation, "cancelled by a time limit and by the task"),
    (errors_leave_the_connection_usable, "errors leave the connection usable"),
    (what_was_set_ends_with_release, "what was set ends with the release"),
    (pool_shares_few_server_connections, f"a pool of {CLIENTS} shares {SERVER_CONNECTIONS} server connections"),
]


async def main():
    options = {"target_session_attrs": "read-write", "command_timeout": 30}
    async with asyncpg.create_pool(DSN, min_size=CLIENTS, max_size=CLIENTS, **options) as pool:
        for step, words in STEPS:
            await step(pool)
            proved(words)


asyncio.run(main())
