"""psycopg 3 and asyncpg as listeners through the proxy. One line for each thing proved."""

import asyncio

import asyncpg
import psycopg

from story import DSN, equal, proved


def psycopg_hears():
    with psycopg.connect(DSN, autocommit=True) as listener, psycopg.connect(DSN, autocommit=True) as speaker:
        listener.execute("LISTEN news")
        for n in range(100):
            speaker.execute("SELECT pg_notify(%s, %s)", ("news", f"item {n}"))
        heard = list(listener.notifies(timeout=20, stop_after=100))
        equal([(n.channel, n.payload) for n in heard], [("news", f"item {n}") for n in range(100)], "order")
        equal({n.pid for n in heard}, {speaker.info.backend_pid}, "who said it")
        # In a transaction nothing is told, at its end everything, also one's own.
        with listener.transaction():
            listener.execute("NOTIFY news, 'own'")
            speaker.execute("NOTIFY news, 'other'")
            equal(list(listener.notifies(timeout=0.2)), [], "inside a transaction")
        heard = list(listener.notifies(timeout=20, stop_after=2))
        equal(sorted(n.payload for n in heard), ["other", "own"], "after the transaction")
        own = [n for n in heard if n.pid == listener.info.backend_pid]
        equal([n.payload for n in own], ["own"], "its own by its process id")
        listener.execute("UNLISTEN news")
        speaker.execute("NOTIFY news")
        equal(list(listener.notifies(timeout=0.2)), [], "after UNLISTEN")
        with listener.pipeline():
            listener.execute("LISTEN piped")
            listener.execute("SELECT 1")
        speaker.execute("NOTIFY piped")
        equal([n.channel for n in listener.notifies(timeout=20, stop_after=1)], ["piped"], "after a pipeline")


async def asyncpg_hears():
    heard = asyncio.Queue()

    def note(connection, pid, channel, payload):
        heard.put_nowait((pid, channel, payload))

    async def next_one():
        return await asyncio.wait_for(heard.get(), 20)

    listener, speaker = await asyncpg.connect(DSN), await asyncpg.connect(DSN)
    await listener.add_listener("news", note)
    for n in range(100):
        await speaker.execute("SELECT pg_notify($1, $2)", "news", f"item {n}")
    told = [await next_one() for _ in range(100)]
    equal([payload for _, _, payload in told], [f"item {n}" for n in range(100)], "order")
    equal({pid for pid, _, _ in told}, {speaker.get_server_pid()}, "who said it")
    async with speaker.transaction():
        await speaker.execute("NOTIFY news, 'kept'")
        try:
            async with speaker.transaction():
                await speaker.execute("NOTIFY news, 'undone'")
                raise ValueError
        except ValueError:
            pass
    equal((await next_one())[2], "kept", "savepoints of the speaker")
    # The listening connection is used for other things at the same time.
    for n in range(20):
        equal(await listener.fetchval("SELECT $1::int + 1", n), n + 1, "a query of the listener's")
    await listener.remove_listener("news", note)
    await speaker.execute("NOTIFY news, 'unheard'")
    await listener.add_listener("more", note)
    await speaker.execute("NOTIFY more")
    equal((await next_one())[1], "more", "after remove_listener")
    await listener.close()
    await speaker.close()


async def asyncpg_pool_resets():
    heard = []
    async with asyncpg.create_pool(DSN, min_size=1, max_size=1) as pool:
        async with pool.acquire() as connection:
            await connection.execute("LISTEN news")
        async with pool.acquire() as connection:
            await connection.execute("NOTIFY news")
            await connection.fetchval("SELECT 1")
    equal(heard, [], "after the release")


psycopg_hears()
proved("psycopg: LISTEN, notifies(), transactions, pipeline")
asyncio.run(asyncpg_hears())
proved("asyncpg: add_listener, remove_listener, savepoints")
asyncio.run(asyncpg_pool_resets())
proved("asyncpg: a pool's reset ends it")
