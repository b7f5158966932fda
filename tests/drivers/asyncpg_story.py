"""asyncpg as a tenant through the proxy. One line for each thing proved; ends with 1 at the first that is not."""

import asyncio
import io
import platform

import asyncpg

from story import (
    CLIENTS, DSN, LISTENS, TENANTS, TURNS, check, client, equal, ordinary_work_is_done, own, proved, shared
)


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
        runs = "usename = session_user AND wait_event = 'PgSleep' AND query = 'SELECT pg_sleep(60)'"
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
        conns = [await pool.acquire() for _ in range(4)]
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


async def settings_and_search_path(pool):
    async with pool.acquire() as conn:
        schema = await conn.fetchval("SELECT current_schema()")
        await conn.execute(f'SET search_path TO "{schema}", global')
        equal(await conn.fetchval("SELECT current_schemas(false)"), [schema, "global"], "search_path")
        await conn.execute("SET application_name TO 'a story'")
        equal(conn.get_settings().application_name, "a story", "application_name")
        async with conn.transaction():
            await conn.execute("SET LOCAL lock_timeout = '5s'")
            equal(await conn.fetchval("SHOW lock_timeout"), "5s", "SET LOCAL")
        equal(await conn.fetchval("SHOW lock_timeout"), "0", "after SET LOCAL")
    own_settings = {"server_settings": {"jit": "off", "statement_timeout": "57s"}}
    conn = await asyncpg.connect(DSN, **own_settings)
    equal(await conn.fetchval("SHOW statement_timeout"), "57s", "what it began with")
    await conn.reset()
    equal(await conn.fetchval("SHOW statement_timeout"), "57s", "after reset()")
    await conn.close()


async def tables_that_change_under_prepared_statements(pool):
    """asyncpg prepares again by itself what the server refuses; in no case may it decode rows by old columns."""
    async with pool.acquire() as conn, pool.acquire() as other:
        await conn.execute("CREATE TABLE changing (a int)")
        await conn.execute("INSERT INTO changing VALUES (1)")
        select = "SELECT * FROM changing WHERE a = $1"
        for _ in range(8):
            equal([tuple(row) for row in await conn.fetch(select, 1)], [(1,)], "before ALTER")
        await other.execute("ALTER TABLE changing ADD b int DEFAULT 2")
        equal([tuple(row) for row in await conn.fetch(select, 1)], [(1, 2)], "after another's ALTER")
        await conn.execute("ALTER TABLE changing ADD c int DEFAULT 3")
        equal([tuple(row) for row in await conn.fetch(select, 1)], [(1, 2, 3)], "after its own ALTER")
        await other.execute("ALTER TABLE changing ALTER b TYPE text")
        equal([tuple(row) for row in await conn.fetch(select, 1)], [(1, "2", 3)], "after a new type")
        await conn.execute("DROP TABLE changing")


async def listens_and_notifies(pool):
    heard, heard_by_stranger = asyncio.Queue(), asyncio.Queue()
    stranger = await asyncpg.connect(TENANTS[1].dsn)
    await stranger.add_listener("news", lambda *told: heard_by_stranger.put_nowait(told[3]))
    listener = await asyncpg.connect(DSN)
    await listener.add_listener("news", lambda *told: heard.put_nowait(told[2:]))
    async with pool.acquire() as conn:
        async with conn.transaction():
            await conn.execute("NOTIFY news, 'first'")
            await conn.execute("SELECT pg_notify($1, $2)", "news", "second")
        for word in ["first", "second"]:
            equal(await asyncio.wait_for(heard.get(), 10), ("news", word), "what was notified")
    check(heard_by_stranger.empty(), "another tenant heard it")
    await listener.close()
    await stranger.close()


async def pools_share_few_server_connections(_):
    """Each client has a connection of its own, logged in before the first transaction; then pools, with resets."""
    barrier = asyncio.Barrier(2 * CLIENTS)

    async def one(tenant, pool, number):
        pids = set()
        for turn in range(TURNS):
            async with pool.acquire() as conn:
                if turn == 0:
                    await barrier.wait()
                async with conn.transaction():
                    pids.add(await conn.fetchval("SELECT pg_backend_pid()"))
                    words = f"{tenant.marker} {number} {turn}"
                    await conn.execute("INSERT INTO shared (name) VALUES ($1)", words)
                    rows = await conn.fetch("SELECT body FROM notes WHERE body LIKE $1", "%")
                    own((row["body"] for row in rows), f"client {number}", tenant.marker)
        return pids

    async def work(tenant):
        async with asyncpg.create_pool(tenant.dsn, min_size=CLIENTS, max_size=CLIENTS) as pool:
            await pool.execute("CREATE TABLE shared (name text)")
            pids = await asyncio.gather(*(one(tenant, pool, number) for number in range(CLIENTS)))
            equal(pool.get_size(), CLIENTS, "connections of the pool")
            shared(pids)
            names = [row["name"] for row in await pool.fetch("SELECT DISTINCT name FROM shared")]
            equal(len(names), CLIENTS * TURNS, "rows written by all")
            check(all(name.startswith(tenant.marker) for name in names), f"rows of another tenant in {names!r}")

    await asyncio.gather(*map(work, TENANTS))


async def cursors_with_hold(pool):
    async with pool.acquire() as conn, pool.acquire() as other:
        await conn.execute("DECLARE held CURSOR WITH HOLD FOR SELECT id FROM goods ORDER BY id")
        equal(await other.fetchval("SELECT 'between'"), "between", "another client")
        equal([row["id"] for row in await conn.fetch("FETCH 2 FROM held")], [0, 1], "cursor WITH HOLD")
    # The release of the pool has sent CLOSE ALL.
    async with pool.acquire() as conn:
        await fails(asyncpg.InvalidCursorNameError, conn.execute("FETCH 2 FROM held"), "after the release")


async def temporary_tables_and_advisory_locks(pool):
    async with pool.acquire() as conn, pool.acquire() as other:
        await conn.execute("CREATE TEMP TABLE mine (a int)")
        await conn.copy_records_to_table("mine", records=[(1,)])
        equal(await conn.fetchval("TABLE mine"), 1, "its temporary table")
        await fails(asyncpg.UndefinedTableError, other.execute("TABLE mine"), "another's temporary table")
        await conn.execute("DROP TABLE mine; SELECT pg_advisory_lock(42)")
        equal(await other.fetchval("SELECT pg_try_advisory_lock(42)"), False, "a lock that another client holds")
    async with pool.acquire() as conn:
        equal(await conn.fetchval("SELECT pg_try_advisory_lock(42)"), True, "a lock that the release gave back")


STEPS = [
    (prepared_statements, "prepared statements, more than its cache holds"),
    (transactions, "transactions and savepoints"),
    (types_are_introspected, "types are introspected"),
    (copy_both_ways, "COPY both ways, and one that fails"),
    (cursors, "cursors"),
    (cancellation, "cancelled by a time limit and by the task"),
    (errors_leave_the_connection_usable, "errors leave the connection usable"),
    (what_was_set_ends_with_release, "what was set ends with the release"),
    (settings_and_search_path, "settings and search_path"),
    (tables_that_change_under_prepared_statements, "tables that change under prepared statements"),
    *[(listens_and_notifies, "LISTEN and NOTIFY")] * LISTENS,
    (pools_share_few_server_connections, "pools share few server connections"),
    (None, None),
    (cursors_with_hold, "cursors WITH HOLD"),
    (temporary_tables_and_advisory_locks, "temporary tables and advisory locks"),
]


async def main():
    client(f"asyncpg {asyncpg.__version__}, Python {platform.python_version()}")
    options = {"target_session_attrs": "read-write", "command_timeout": 30}
    async with asyncpg.create_pool(DSN, min_size=CLIENTS, max_size=CLIENTS, **options) as pool:
        for step, words in STEPS:
            if step:
                await step(pool)
                proved(words)
            else:
                ordinary_work_is_done()


asyncio.run(main())
