"""psycopg 3 as a tenant through the proxy. One line for each thing proved; ends with 1 at the first that is not."""

import asyncio
import platform
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg import errors, sql
from psycopg.rows import scalar_row

from story import (
    CLIENTS, DSN, LISTENS, TENANTS, TURNS, check, client, equal, ordinary_work_is_done, own, proved, shared
)


def connect(**options):
    return psycopg.connect(DSN, target_session_attrs="read-write", **options)


def values(conn, query, params=None, **options):
    return [row[0] for row in conn.execute(query, params, **options).fetchall()]


def value(conn, query, params=None, **options):
    (single,) = values(conn, query, params, **options)
    return single


def fails(error, act, what):
    try:
        act()
    except error:
        return
    check(False, f"{what}: no {error.__name__}")


def rows_are_created_read_updated_and_deleted(conn):
    conn.execute("CREATE TABLE crud (id serial PRIMARY KEY, name text NOT NULL, price numeric)")
    insert = "INSERT INTO crud (name, price) VALUES (%s, %s) RETURNING id"
    first = value(conn, insert, ("ash", "1.50"))
    with conn.cursor() as cur:
        cur.executemany(insert, [("birch", 2), ("cedar", None)], returning=True)
    equal(conn.execute("UPDATE crud SET name = 'oak' WHERE id = %s", (first,)).rowcount, 1, "UPDATE")
    equal(values(conn, "DELETE FROM crud WHERE price IS NULL RETURNING name"), ["cedar"], "DELETE")
    equal(values(conn, "SELECT name FROM crud ORDER BY id", binary=True), ["oak", "birch"], "SELECT")
    conn.commit()
    own(values(conn, "SELECT body FROM notes"), "notes")
    conn.rollback()


def transactions_and_savepoints(conn):
    count = "SELECT count(*) FROM crud"
    with conn.transaction():
        conn.execute("INSERT INTO crud (name) VALUES ('kept')")
        fails(errors.DivisionByZero, lambda: nested(conn), "savepoint")
        conn.execute("INSERT INTO crud (name) VALUES ('kept too')")
    equal(value(conn, count), 4, "after a savepoint that was rolled back")
    conn.rollback()
    conn.execute("DELETE FROM crud")
    conn.rollback()
    equal(value(conn, count), 4, "after ROLLBACK")
    conn.rollback()


def nested(conn):
    with conn.transaction():
        conn.execute("INSERT INTO crud (name) VALUES ('undone')")
        conn.execute("SELECT 1 / 0")


def prepared_statements(conn):
    conn.prepare_threshold = 0
    for n in range(20):
        equal(value(conn, "SELECT %s::int + 1", (n,)), n + 1, "prepared statement")
        conn.commit()
    fails(errors.DivisionByZero, lambda: conn.execute("SELECT 1 / %s::int", (0,)), "prepared statement")
    conn.rollback()
    equal(value(conn, "SELECT 6 / %s::int", (2,)), 3, "prepared statement after an error")
    conn.commit()


def eviction_of_prepared_statements(closing):
    """Older libpq have no Close message for statements: psycopg then sends DEALLOCATE."""
    psycopg._connection_base._HAS_SEND_CLOSE = closing == "Close"
    with connect(prepare_threshold=0, autocommit=True) as conn, connect(autocommit=True) as other:
        conn.prepared_max = 2
        for turn in range(3):
            for n in range(6):
                equal(value(conn, f"SELECT {n} + %s::int", (turn,)), n + turn, f"eviction by {closing}")
                # Somebody else in between: the next statement may run on another server connection.
                equal(value(other, "SELECT 1"), 1, "another client")
        with conn.pipeline():
            answers = [conn.execute(f"SELECT {n % 6} + %s::int", (n,)) for n in range(30)]
        found = [answer.fetchone()[0] for answer in answers]
        equal(found, [n % 6 + n for n in range(30)], f"eviction by {closing} in a pipeline")
        for _ in range(2):
            fails(errors.DivisionByZero, lambda: failing_pipeline(conn), "pipeline with an error")
            equal(value(conn, "SELECT 3 + %s::int", (4,)), 7, f"after {closing} that may have been skipped")


def failing_pipeline(conn):
    with conn.pipeline():
        conn.execute("SELECT 1 / %s::int", (0,))
        for n in range(6):
            conn.execute(f"SELECT {n} + %s::int", (n,))


def deallocate_all():
    with connect(prepare_threshold=0, autocommit=True) as conn:
        equal(value(conn, "SELECT %s::int", (1,)), 1, "before DEALLOCATE ALL")
        conn.execute("DEALLOCATE ALL")
        conn._prepared.clear()
        equal(value(conn, "SELECT %s::int", (1,)), 1, "after DEALLOCATE ALL")


def tables_that_change_under_prepared_statements():
    """Outside a transaction nobody learns of it, whoever changed the table."""
    with connect(autocommit=True) as conn, connect(autocommit=True) as other:
        conn.execute("CREATE TABLE changing (a int)")
        conn.execute("INSERT INTO changing VALUES (1)")
        select = "SELECT * FROM changing WHERE a = %s"
        for _ in range(8):
            equal(conn.execute(select, (1,)).fetchall(), [(1,)], "before ALTER")
        for changer, column in [(other, "b"), (conn, "c")]:
            changer.execute(f"ALTER TABLE changing ADD {column} int")
            columns = [column.name for column in conn.execute(select, (1,)).description]
            equal(columns[-1], column, "after ALTER")
        conn.execute("ALTER TABLE changing ALTER a TYPE text")
        equal(conn.execute("SELECT a FROM changing WHERE a = %s", ("1",)).fetchall(), [("1",)], "after a new type")
        conn.execute("DROP TABLE changing")


def copy_both_ways(conn):
    conn.execute("CREATE TABLE goods (id int, name text)")
    with conn.cursor() as cur:
        with cur.copy("COPY goods FROM STDIN") as copy:
            for n in range(10_000):
                copy.write_row((n, f"good\t{n}\n"))
        with cur.copy("COPY goods FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            copy.write_row((10_000, None))
        with cur.copy("COPY (SELECT id, name FROM goods ORDER BY id) TO STDOUT") as copy:
            copy.set_types(["int4", "text"])
            rows = list(copy.rows())
    equal(len(rows), 10_001, "rows copied out")
    equal(rows[9_999:], [(9_999, "good\t9999\n"), (10_000, None)], "the last rows copied out")
    conn.commit()
    fails(errors.BadCopyFileFormat, lambda: broken_copy(conn), "COPY with a column too few")
    conn.rollback()
    fails(RuntimeError, lambda: broken_copy(conn, RuntimeError("the application gives up")), "COPY broken off")
    conn.rollback()
    equal(value(conn, "SELECT count(*) FROM goods"), 10_001, "after broken COPY")
    conn.commit()


def broken_copy(conn, error=None):
    with conn.cursor() as cur, cur.copy("COPY goods FROM STDIN") as copy:
        copy.write("1\n" if error is None else "1\tx\n")
        if error is not None:
            raise error


def named_cursors(conn):
    with conn.cursor("server_side") as cur:
        cur.itersize = 100
        cur.execute("SELECT id FROM goods ORDER BY id")
        equal([row[0] for row in cur], list(range(10_001)), "rows of a named cursor")
    with conn.cursor("scrolled", scrollable=True) as cur:
        cur.execute("SELECT id FROM goods ORDER BY id")
        cur.scroll(10)
        equal(cur.fetchone(), (10,), "scrolled forward")
        cur.scroll(0, mode="absolute")
        equal(cur.fetchone(), (0,), "scrolled back")
    conn.commit()


def cursors_with_hold(conn):
    with connect() as own_conn, own_conn.cursor("held", withhold=True) as cur:
        cur.execute("SELECT id FROM goods ORDER BY id")
        equal(cur.fetchmany(2), [(0,), (1,)], "before COMMIT")
        own_conn.commit()
        equal(value(conn, "SELECT 'between'"), "between", "another client")
        conn.commit()
        equal(cur.fetchmany(2), [(2,), (3,)], "cursor WITH HOLD after COMMIT")
        own_conn.rollback()


def pipelines(conn):
    with conn.pipeline() as pipeline, conn.cursor() as cur:
        answers = [conn.execute("SELECT %s::int * 2", (n,)) for n in range(200)]
        cur.executemany("INSERT INTO crud (name) VALUES (%s)", [(f"piped {n}",) for n in range(50)])
        pipeline.sync()
        equal([answer.fetchone()[0] for answer in answers], [2 * n for n in range(200)], "pipelined answers")
    conn.commit()
    with connect(autocommit=True) as single:
        try:
            with single.pipeline() as pipeline:
                before = single.execute("SELECT 'before'")
                pipeline.sync()
                single.execute("SELECT 1 / 0")
                single.execute("INSERT INTO crud (name) VALUES ('skipped')")
                pipeline.sync()
            check(False, "no error came out of the pipeline")
        except errors.DivisionByZero:
            pass
        equal(before.fetchone(), ("before",), "answer before the error")
        equal(value(single, "SELECT count(*) FROM crud WHERE name = 'skipped'"), 0, "after the error")
        equal(value(single, "SELECT count(*) FROM crud WHERE name LIKE 'piped%'"), 50, "pipelined INSERT")


def cancels(conn, cancel):
    """Cancels from another thread as soon as it sleeps: between Parse and Execute a cancel hits nothing, directly too."""
    with connect(autocommit=True) as watcher:
        pid = conn.info.backend_pid

        def when_running():
            runs = "usename = session_user AND wait_event = 'PgSleep' AND query = 'SELECT pg_sleep(60)'"
            while not value(watcher, f"SELECT count(*) FROM pg_stat_activity WHERE {runs}"):
                pass
            cancel(conn)

        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(when_running)
            fails(errors.QueryCanceled, lambda: conn.execute("SELECT pg_sleep(60)"), "cancel")
            done.result()
        conn.rollback()
        equal(value(conn, "SELECT 'usable'"), "usable", "after a cancel")
        conn.commit()
        equal(conn.info.backend_pid, pid, "its own process id")


def cancelled_in_both_ways(conn):
    cancels(conn, lambda conn: conn.cancel())
    cancels(conn, lambda conn: conn.cancel_safe())


def errors_leave_the_connection_usable(conn):
    for query, error in [
        ("SELEC 1", errors.SyntaxError),
        ("SELECT * FROM nowhere", errors.UndefinedTable),
        ("INSERT INTO crud (name) VALUES (NULL)", errors.NotNullViolation),
        ("SELECT 'x'::int", errors.InvalidTextRepresentation),
        ("SELECT * FROM tenant_of_somebody_else.notes", errors.InsufficientPrivilege),
    ]:
        fails(error, lambda: conn.execute(query), query)
        fails(errors.InFailedSqlTransaction, lambda: conn.execute("SELECT 1"), f"after {query}")
        conn.rollback()
        equal(value(conn, "SELECT 1"), 1, f"after {query} and ROLLBACK")
        conn.commit()


def autocommit_and_two_statements_in_one():
    with connect(autocommit=True) as conn:
        conn.execute("INSERT INTO crud (name) VALUES ('at once')")
        with connect() as other:
            equal(value(other, "SELECT count(*) FROM crud WHERE name = 'at once'"), 1, "seen by another client")
        cur = conn.execute("SELECT 1; SELECT 2")
        equal((cur.fetchall(), cur.nextset(), cur.fetchall()), ([(1,)], True, [(2,)]), "two results")
        conn.execute("VACUUM crud")
        conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        with conn.transaction():
            equal(value(conn, "SHOW transaction_isolation"), "serializable", "isolation level")


def names_from_identifiers(conn):
    table = sql.Identifier('odd "name"')
    conn.execute(sql.SQL("CREATE TABLE {} (x text)").format(table))
    conn.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(table, sql.Literal("it's\\")))
    equal(value(conn, sql.SQL("SELECT x FROM {}").format(table)), "it's\\", "quoted name")
    conn.rollback()


def settings():
    with connect(options="-c lock_timeout=4321", application_name="a story") as conn, connect() as other:
        schema = value(conn, "SELECT current_schema()")
        for _ in range(3):
            conn.execute("SET statement_timeout = '59s'")
            conn.commit()
            equal(value(other, "SHOW statement_timeout"), "0", "somebody else's setting")
            other.commit()
            equal(value(conn, "SHOW statement_timeout"), "59s", "its own setting")
            conn.execute("SET statement_timeout = '3s'")
            conn.rollback()
            equal(value(conn, "SHOW statement_timeout"), "59s", "its own setting after ROLLBACK")
            conn.execute("SET LOCAL work_mem = '1MB'")
            conn.commit()
            equal(value(conn, "SHOW work_mem"), value(other, "SHOW work_mem"), "after SET LOCAL")
            conn.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
            conn.commit()
            equal(value(conn, "SELECT current_schemas(false)"), [schema], "search_path")
            conn.execute("RESET ALL")
            conn.commit()
            equal(value(conn, "SHOW statement_timeout"), "0", "after RESET ALL")
            equal(value(conn, "SHOW lock_timeout"), "4321ms", "what it began with")
            equal(value(conn, "SHOW application_name"), "a story", "application_name")
            equal(conn.info.parameter_status("application_name"), "a story", "as the server reports it")
            conn.commit()
            other.commit()


def listens_and_notifies():
    with connect(autocommit=True) as listener, connect(autocommit=True) as notifier:
        with psycopg.connect(TENANTS[1].dsn, autocommit=True) as stranger:
            for conn in [listener, stranger]:
                conn.execute("LISTEN news")
            with notifier.transaction():
                notifier.execute("NOTIFY news, 'first'")
                notifier.execute("SELECT pg_notify(%s, %s)", ("news", "second"))
            heard = [n.payload for n in listener.notifies(timeout=10, stop_after=2)]
            equal(heard, ["first", "second"], "what was notified")
            equal(list(stranger.notifies(timeout=0.2)), [], "what another tenant hears")
            listener.execute("UNLISTEN *")
            notifier.execute("NOTIFY news, 'third'")
            equal(list(listener.notifies(timeout=0.2)), [], "after UNLISTEN")


async def asynchronous():
    async def one(number):
        async with await psycopg.AsyncConnection.connect(DSN, prepare_threshold=0) as conn:
            for turn in range(TURNS):
                async with conn.transaction(), conn.cursor() as cur:
                    await cur.execute("SELECT %s::int + %s::int", (number, turn))
                    equal(await cur.fetchone(), (number + turn,), "asynchronous answer")
            async with conn.pipeline():
                answers = [await conn.execute("SELECT %s::int", (n,)) for n in range(20)]
            equal([(await answer.fetchone())[0] for answer in answers], list(range(20)), "asynchronous pipeline")
            async with conn.cursor() as cur, cur.copy("COPY (SELECT 7) TO STDOUT") as copy:
                equal([row async for row in copy.rows()], [("7",)], "asynchronous COPY")
            await conn.commit()
            await conn.set_autocommit(True)
            # Not prepared: that is a message of its own, and a cancel between its answer and the statement hits nothing.
            task = asyncio.ensure_future(conn.execute("SELECT pg_sleep(60)", prepare=False))
            # Some run by then, the others wait for their turn.
            await asyncio.sleep(0.05)
            await conn.cancel_safe()
            try:
                await task
                check(False, "no cancel")
            except errors.QueryCanceled:
                pass

    await asyncio.gather(*map(one, range(CLIENTS)))


def temporary_tables_and_advisory_locks():
    with connect(autocommit=True) as conn, connect(autocommit=True) as other:
        conn.execute("CREATE TEMP TABLE mine (a int)")
        conn.execute("INSERT INTO mine VALUES (1)")
        fails(errors.UndefinedTable, lambda: other.execute("TABLE mine"), "a temporary table of another client")
        equal(values(conn, "TABLE mine"), [1], "its temporary table")
        conn.execute("DISCARD ALL")
        fails(errors.UndefinedTable, lambda: conn.execute("TABLE mine"), "a temporary table after DISCARD ALL")
        conn.execute("SELECT pg_advisory_lock(42)")
        equal(value(other, "SELECT pg_try_advisory_lock(42)"), False, "a lock that another client holds")
        equal(value(conn, "SELECT pg_advisory_unlock(42)"), True, "its lock")
        equal(value(other, "SELECT pg_try_advisory_lock(42)"), True, "a lock that was given back")
        other.execute("SELECT pg_advisory_unlock_all()")


def many_connections_share_few():
    """All are logged in before the first transaction, and stay until the last one."""
    for tenant in TENANTS:
        with psycopg.connect(tenant.dsn) as conn:
            conn.execute("CREATE TABLE shared (name text)")
    together = threading.Barrier(2 * CLIENTS, timeout=30)

    def one(tenant, number):
        pids = set()
        with psycopg.connect(tenant.dsn, prepare_threshold=0, row_factory=scalar_row) as conn:
            together.wait()
            for n in range(TURNS):
                with conn.transaction():
                    pids.add(conn.execute("SELECT pg_backend_pid()").fetchone())
                    conn.execute("INSERT INTO shared (name) VALUES (%s)", (f"{tenant.marker} {number} {n}",))
                    own(conn.execute("SELECT body FROM notes").fetchall(), f"client {number}", tenant.marker)
            together.wait()
        return pids

    with ThreadPoolExecutor(2 * CLIENTS) as pool:
        work = [[pool.submit(one, tenant, number) for number in range(CLIENTS)] for tenant in TENANTS]
        for tenant, futures in zip(TENANTS, work):
            shared([future.result() for future in futures])
            with psycopg.connect(tenant.dsn) as conn:
                names = values(conn, "SELECT DISTINCT name FROM shared")
            equal(len(names), CLIENTS * TURNS, "rows written by all")
            check(all(name.startswith(tenant.marker) for name in names), f"rows of another tenant in {names!r}")


def main():
    client(f"psycopg {psycopg.__version__} (libpq {psycopg.pq.version()}), Python {platform.python_version()}")
    with connect() as conn:
        for step, words in [
            (rows_are_created_read_updated_and_deleted, "rows are created, read, updated and deleted"),
            (transactions_and_savepoints, "transactions and savepoints"),
            (prepared_statements, "prepared statements"),
            (copy_both_ways, "COPY both ways, and broken off"),
            (named_cursors, "named cursors, and scrolled"),
            (pipelines, "pipelines, with an error in one"),
            (cancelled_in_both_ways, "cancel in both ways of libpq"),
            (errors_leave_the_connection_usable, "errors leave the connection usable"),
            (names_from_identifiers, "quoted names"),
        ]:
            step(conn)
            proved(words)
    autocommit_and_two_statements_in_one()
    proved("autocommit, two statements in one, VACUUM, isolation level")
    settings()
    proved("settings")
    asyncio.run(asynchronous())
    proved("asynchronous connections")
    tables_that_change_under_prepared_statements()
    proved("tables that change under prepared statements")
    if LISTENS:
        listens_and_notifies()
        proved("LISTEN and NOTIFY")
    many_connections_share_few()
    proved("many connections share few server connections")
    ordinary_work_is_done()
    for closing in ["Close", "DEALLOCATE"]:
        eviction_of_prepared_statements(closing)
        proved(f"prepared statements evicted by {closing}")
    deallocate_all()
    proved("DEALLOCATE ALL")
    with connect() as conn:
        cursors_with_hold(conn)
    proved("cursors WITH HOLD")
    temporary_tables_and_advisory_locks()
    proved("temporary tables and advisory locks")


main()
