"""psycopg2 as a tenant through the proxy. One line for each thing proved; ends with 1 at the first that is not."""

import io
import platform
import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
from psycopg2 import errors, extensions, extras, pool

from story import (
    CLIENTS, DSN, LISTENS, TENANTS, TURNS, check, client, equal, ordinary_work_is_done, own, proved, shared
)


def run(conn, query, params=None):
    with conn.cursor() as cur:
        cur.execute(query, params)
        return [row[0] for row in cur.fetchall()] if cur.description else None


def fails(error, act, what):
    try:
        act()
    except error:
        return
    check(False, f"{what}: no {error.__name__}")


def rows_are_created_read_updated_and_deleted(conn):
    run(conn, "CREATE TABLE crud (id serial PRIMARY KEY, name text NOT NULL UNIQUE)")
    equal(run(conn, "INSERT INTO crud (name) VALUES (%s) RETURNING id", ("ash",)), [1], "INSERT")
    with conn.cursor() as cur:
        cur.executemany("INSERT INTO crud (name) VALUES (%s)", [("birch",), ("cedar",)])
        extras.execute_batch(cur, "INSERT INTO crud (name) VALUES (%s)", [(f"batch {n}",) for n in range(50)])
        rows = [(f"values {n}",) for n in range(50)]
        found = extras.execute_values(cur, "INSERT INTO crud (name) VALUES %s RETURNING id", rows, fetch=True)
        equal(len(found), 50, "execute_values")
        cur.execute("UPDATE crud SET name = 'oak' WHERE id = 1")
        equal(cur.rowcount, 1, "UPDATE")
    equal(run(conn, "DELETE FROM crud WHERE name = 'cedar' RETURNING name"), ["cedar"], "DELETE")
    conn.commit()
    own(run(conn, "SELECT body FROM notes"), "notes")
    conn.commit()


def transactions_and_savepoints(conn):
    with conn:
        run(conn, "INSERT INTO crud (name) VALUES ('kept')")
        run(conn, "SAVEPOINT s")
        fails(errors.UniqueViolation, lambda: run(conn, "INSERT INTO crud (name) VALUES ('kept')"), "savepoint")
        fails(errors.InFailedSqlTransaction, lambda: run(conn, "SELECT 1"), "after an error")
        run(conn, "ROLLBACK TO SAVEPOINT s")
    fails(ZeroDivisionError, lambda: broken_off(conn), "with")
    equal(run(conn, "SELECT count(*) FROM crud WHERE name IN ('kept', 'undone')"), [1], "after ROLLBACK")
    conn.rollback()
    for level in [extensions.ISOLATION_LEVEL_SERIALIZABLE, extensions.ISOLATION_LEVEL_READ_COMMITTED]:
        conn.set_session(isolation_level=level)
        run(conn, "SELECT 1")
        conn.commit()
    conn.set_session(isolation_level="DEFAULT", readonly=True, autocommit=True)
    fails(errors.ReadOnlySqlTransaction, lambda: run(conn, "DELETE FROM crud"), "read only")
    conn.set_session(readonly="DEFAULT", autocommit=False)


def broken_off(conn):
    with conn:
        run(conn, "INSERT INTO crud (name) VALUES ('undone')")
        raise ZeroDivisionError


def copy_both_ways(conn):
    run(conn, "CREATE TABLE goods (id int, name text)")
    with conn.cursor() as cur:
        cur.copy_expert("COPY goods FROM STDIN", io.StringIO("".join(f"{n}\tgood\n" for n in range(5000))))
        out = io.StringIO()
        cur.copy_expert("COPY (SELECT id FROM goods ORDER BY id DESC LIMIT 2) TO STDOUT", out)
        equal(out.getvalue(), "4999\n4998\n", "COPY out")
        conn.commit()
        broken = lambda: cur.copy_expert("COPY goods FROM STDIN", io.StringIO("x\n"))
        fails(errors.InvalidTextRepresentation, broken, "COPY")
        conn.rollback()
    equal(run(conn, "SELECT count(*) FROM goods"), [5000], "after a COPY that failed")
    conn.commit()


def named_cursors(conn):
    with conn.cursor("server_side") as cur:
        cur.itersize = 99
        cur.execute("SELECT id FROM goods ORDER BY id")
        equal([row[0] for row in cur], list(range(5000)), "rows of a named cursor")
    conn.commit()


def cancels(conn):
    def when_running():
        with psycopg2.connect(DSN) as watcher:
            runs = "usename = session_user AND wait_event = 'PgSleep' AND query = 'SELECT pg_sleep(60)'"
            # Within a transaction it would see what it saw first, again and again.
            watcher.autocommit = True
            while not run(watcher, f"SELECT 1 FROM pg_stat_activity WHERE {runs}"):
                pass
        watcher.close()
        conn.cancel()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(when_running)
        fails(errors.QueryCanceled, lambda: run(conn, "SELECT pg_sleep(60)"), "cancel")
        done.result()
    conn.rollback()
    equal(run(conn, "SELECT 'usable'"), ["usable"], "after a cancel")
    conn.commit()


def errors_leave_the_connection_usable(conn):
    for query, error in [
        ("SELEC 1", errors.SyntaxError),
        ("SELECT * FROM nowhere", errors.UndefinedTable),
        ("INSERT INTO crud (name) VALUES (NULL)", errors.NotNullViolation),
        ("SELECT 'x'::int", errors.InvalidTextRepresentation),
        ("SELECT 1 / 0", errors.DivisionByZero),
        ("SELECT * FROM tenant_of_somebody_else.notes", errors.InsufficientPrivilege),
    ]:
        fails(error, lambda: run(conn, query), query)
        conn.rollback()
        equal(run(conn, "SELECT 1"), [1], f"after {query} and ROLLBACK")
        conn.commit()


def settings_and_client_encoding(_):
    conn = psycopg2.connect(DSN, options="-c lock_timeout=4321", application_name="a story")
    run(conn, "SET TIME ZONE 'Asia/Tokyo'")
    conn.commit()
    equal(conn.get_parameter_status("TimeZone"), "Asia/Tokyo", "as the server reports it")
    conn.set_client_encoding("UTF8")
    equal(run(conn, "SELECT current_setting('TimeZone') || current_setting('lock_timeout')"), ["Asia/Tokyo4321ms"], "SET")
    conn.commit()
    # It begins a new session: DISCARD ALL, or what stands for it.
    conn.reset()
    equal(run(conn, "SHOW lock_timeout"), ["4321ms"], "after reset()")
    conn.close()


def tables_that_change(conn):
    with psycopg2.connect(DSN) as other:
        run(conn, "CREATE TABLE changing (a int)")
        conn.commit()
        equal(run(conn, "SELECT * FROM changing"), [], "before ALTER")
        conn.commit()
        run(other, "ALTER TABLE changing ADD b int")
        other.commit()
        with conn.cursor() as cur:
            cur.execute("SELECT * FROM changing")
            equal(len(cur.description), 2, "after ALTER")
        conn.commit()
    other.close()


def listens_and_notifies(conn):
    def notes(listener, wait):
        select.select([listener], [], [], wait)
        listener.poll()
        return [note.payload for note in listener.notifies]

    listener, stranger = (psycopg2.connect(tenant.dsn) for tenant in TENANTS)
    for one in [listener, stranger]:
        one.autocommit = True
        run(one, "LISTEN news")
    run(conn, "NOTIFY news, 'first'")
    run(conn, "SELECT pg_notify('news', 'second')")
    conn.commit()
    patience = time.monotonic() + 10
    while len(listener.notifies) < 2 and time.monotonic() < patience:
        notes(listener, 1)
    equal([note.payload for note in listener.notifies], ["first", "second"], "what was notified")
    equal(notes(stranger, 0.2), [], "what another tenant hears")
    listener.close()
    stranger.close()


def pools_share_few_server_connections(_):
    for tenant in TENANTS:
        with psycopg2.connect(tenant.dsn) as conn:
            run(conn, "CREATE TABLE shared (name text)")
        conn.close()
    together = threading.Barrier(2 * CLIENTS, timeout=30)
    pools = [pool.ThreadedConnectionPool(CLIENTS, CLIENTS, tenant.dsn) for tenant in TENANTS]

    def one(tenant, conns, number):
        pids = set()
        for n in range(TURNS):
            conn = conns.getconn()
            if n == 0:
                together.wait()
            with conn:
                pids |= set(run(conn, "SELECT pg_backend_pid()"))
                run(conn, "INSERT INTO shared (name) VALUES (%s)", (f"{tenant.marker} {number} {n}",))
                own(run(conn, "SELECT body FROM notes"), f"client {number}", tenant.marker)
            conns.putconn(conn)
        return pids

    with ThreadPoolExecutor(2 * CLIENTS) as threads:
        work = [
            [threads.submit(one, tenant, conns, number) for number in range(CLIENTS)]
            for tenant, conns in zip(TENANTS, pools)
        ]
        for tenant, conns, futures in zip(TENANTS, pools, work):
            shared([future.result() for future in futures])
            conn = conns.getconn()
            names = run(conn, "SELECT DISTINCT name FROM shared")
            equal(len(names), CLIENTS * TURNS, "rows written by all")
            check(all(name.startswith(tenant.marker) for name in names), f"rows of another tenant in {names!r}")
            conns.putconn(conn)
            conns.closeall()


def temporary_tables_and_cursors_with_hold(conn):
    run(conn, "CREATE TEMP TABLE mine AS SELECT 1 AS a")
    conn.commit()
    equal(run(conn, "TABLE mine"), [1], "its temporary table")
    conn.commit()
    with conn.cursor("held", withhold=True) as cur:
        cur.execute("SELECT id FROM goods ORDER BY id")
        conn.commit()
        equal(cur.fetchmany(2), [(0,), (1,)], "cursor WITH HOLD after COMMIT")
    run(conn, "DROP TABLE mine")
    conn.commit()


def sql_level_prepare(conn):
    """psycopg2 prepares nothing by itself; applications do it by hand."""
    run(conn, "PREPARE plus AS SELECT $1::int + 1")
    conn.commit()
    for n in range(10):
        equal(run(conn, "EXECUTE plus (%s)", (n,)), [n + 1], "EXECUTE")
        conn.commit()
    run(conn, "DEALLOCATE plus")
    conn.commit()


def main():
    client(f"psycopg2 {psycopg2.__version__.split()[0]} (libpq {psycopg2.__libpq_version__}), Python {platform.python_version()}")
    conn = psycopg2.connect(DSN)
    for step, words in [
        (rows_are_created_read_updated_and_deleted, "rows are created, read, updated and deleted"),
        (transactions_and_savepoints, "transactions, savepoints, isolation levels"),
        (copy_both_ways, "COPY both ways, and one that fails"),
        (named_cursors, "named cursors"),
        (cancels, "cancel"),
        (errors_leave_the_connection_usable, "errors leave the connection usable"),
        (settings_and_client_encoding, "settings, and reset()"),
        (tables_that_change, "tables that change"),
        *[(listens_and_notifies, "LISTEN and NOTIFY")] * LISTENS,
        (pools_share_few_server_connections, "pools share few server connections"),
        (None, None),
        (temporary_tables_and_cursors_with_hold, "temporary tables, cursors WITH HOLD"),
        (sql_level_prepare, "SQL-level PREPARE"),
    ]:
        if step:
            step(conn)
            proved(words)
        else:
            ordinary_work_is_done()


main()
