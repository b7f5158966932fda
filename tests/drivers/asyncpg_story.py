"""What an application does with asyncpg, through the proxy. Usage: asyncpg_story.py URL"""

import asyncio
import sys

import asyncpg

url = sys.argv[1]


async def main():
    conn = await asyncpg.connect(url)
    await conn.execute("create table things (id serial primary key, name text unique, at timestamptz default now())")

    # Prepared by name, described with Flush before the Sync; types are looked up in the catalog.
    for n in range(20):
        await conn.execute("insert into things (name) values ($1)", f"thing {n}")
    assert await conn.fetchval("select count(*) from things") == 20
    row = await conn.fetchrow("select * from things where name = $1", "thing 3")
    assert row["name"] == "thing 3"
    statement = await conn.prepare("select $1::int[] || $2::int")
    assert await statement.fetchval([1, 2], 3) == [1, 2, 3]
    assert await conn.fetchval("select $1::jsonb", '{"a": 1}') == '{"a": 1}'
    await conn.executemany("insert into things (name) values ($1)", [(f"many {n}",) for n in range(200)])

    # Transactions, savepoints, errors.
    async with conn.transaction():
        await conn.execute("delete from things where name like 'many%'")
        try:
            async with conn.transaction():
                await conn.execute("insert into things (name) values ('thing 1')")
        except asyncpg.UniqueViolationError:
            pass
        else:
            raise AssertionError("a duplicate was taken")
    assert await conn.fetchval("select count(*) from things") == 20
    for sql, kind in [
        ("selec", asyncpg.PostgresSyntaxError),
        ("select * from nowhere", asyncpg.UndefinedTableError),
        ("select * from tenant_somebody_else.things", asyncpg.InsufficientPrivilegeError),
    ]:
        for run in (conn.execute, conn.fetch):
            try:
                await run(sql)
            except kind:
                pass
            else:
                raise AssertionError(sql)

    # Cursor in portions, COPY both ways.
    async with conn.transaction():
        seen = 0
        async for _ in conn.cursor("select generate_series(1, 1000)", prefetch=50):
            seen += 1
        assert seen == 1000
    await conn.copy_records_to_table("things", records=[(f"copied {n}",) for n in range(500)], columns=["name"])
    parts = []

    async def keep(part):
        parts.append(bytes(part))

    await conn.copy_from_query("select name from things where name like 'copied%'", output=keep)
    assert b"".join(parts).count(b"\n") == 500

    # A time-out cancels on the server.
    try:
        await conn.execute("select pg_sleep(30)", timeout=0.3)
    except asyncio.TimeoutError:
        pass
    else:
        raise AssertionError("no time-out")
    assert await conn.fetchval("select 'alive'") == "alive"
    await conn.close()

    # asyncpg's own pool resets a connection when it is given back (pg_advisory_unlock_all, CLOSE ALL,
    # UNLISTEN *, RESET ALL).
    async with asyncpg.create_pool(url, min_size=2, max_size=8) as pool:

        async def worker(number):
            for n in range(25):
                async with pool.acquire() as own:
                    assert await own.fetchval("select $1::int * 1000 + $2::int", number, n) == number * 1000 + n

        await asyncio.gather(*(worker(number) for number in range(16)))

    print("asyncpg: every step held")


asyncio.run(main())
