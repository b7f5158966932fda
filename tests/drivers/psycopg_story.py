"""What an application does with psycopg 3, through the proxy. Usage: psycopg_story.py CONNINFO"""

import sys
import threading
import time

import psycopg
from psycopg import errors

conninfo = sys.argv[1]


def connect(**more):
    return psycopg.connect(conninfo, **more)


with connect(autocommit=True) as setup:
    setup.execute("create table people (id serial primary key, name text not null unique, age int)")

# Create, read, update, delete in transactions; prepared from the first execution on.
with connect(prepare_threshold=0) as conn:
    for n in range(20):
        conn.execute("insert into people (name, age) values (%s, %s)", (f"person {n}", n))
    conn.commit()
    assert conn.execute("select count(*) from people").fetchone() == (20,)
    conn.execute("update people set age = age + %s where age >= %s", (100, 10))
    conn.execute("delete from people where age = %s", (5,))
    conn.rollback()
    assert conn.execute("select max(age), count(*) from people").fetchone() == (19, 20)
    conn.commit()
    with conn.transaction():
        conn.execute("update people set age = 0 where name = %s", ("person 1",))
        try:
            with conn.transaction():
                conn.execute("insert into people (name) values (%s)", ("person 2",))
        except errors.UniqueViolation as error:
            assert error.sqlstate == "23505"
        else:
            raise AssertionError("a duplicate was taken")
    assert conn.execute("select age from people where name = 'person 1'").fetchone() == (0,)
    conn.commit()
    # More statements than psycopg keeps prepared: it deallocates the oldest.
    conn.prepared_max = 3
    for n in range(10):
        assert conn.execute(f"select %s::int + {n}", (1,)).fetchone() == (1 + n,)
        conn.commit()

# Several statements on the way at once.
with connect() as conn:
    with conn.pipeline():
        cursors = [conn.execute("select %s::int", (n,)) for n in range(50)]
    assert [cursor.fetchone()[0] for cursor in cursors] == list(range(50))
    try:
        with conn.pipeline():
            conn.execute("select 1")
            conn.execute("select 1/0")
            conn.execute("select 2")
    except errors.DivisionByZero:
        pass
    else:
        raise AssertionError("no error out of the pipeline")
    conn.rollback()
    assert conn.execute("select 1").fetchone() == (1,)

# COPY both ways, text and binary.
with connect() as conn, conn.cursor() as cur:
    with cur.copy("copy people (name, age) from stdin") as copy:
        for n in range(1000):
            copy.write_row((f"copied {n}", n))
    with cur.copy("copy people (name, age) from stdin (format binary)") as copy:
        copy.set_types(["text", "int4"])
        for n in range(1000):
            copy.write_row((f"binary {n}", n))
    with cur.copy("copy (select name from people order by id) to stdout") as copy:
        assert sum(1 for _ in copy.rows()) == 2020
    conn.commit()
    try:
        with cur.copy("copy people (name) from stdin") as copy:
            copy.write_row(("left half way",))
            raise KeyError("changed my mind")
    except KeyError:
        conn.rollback()
    assert conn.execute("select count(*) from people").fetchone() == (2020,)

# A cursor on the server, in portions; one that outlives its transaction.
with connect() as conn:
    with conn.cursor("portions") as cur:
        cur.itersize = 100
        cur.execute("select id from people order by id")
        assert len(list(cur)) == 2020
    with conn.cursor("held", withhold=True) as cur:
        cur.execute("select id from people order by id")
        conn.commit()
        assert len(cur.fetchmany(7)) == 7

# Rows one by one as they come.
with connect() as conn, conn.cursor() as cur:
    assert sum(1 for _ in cur.stream("select generate_series(1, 5000)")) == 5000

# Cancel from another thread.
with connect() as conn:
    timer = threading.Timer(0.3, conn.cancel)
    timer.start()
    begin = time.monotonic()
    try:
        conn.execute("select pg_sleep(30)")
    except errors.QueryCanceled:
        assert time.monotonic() - begin < 10
    else:
        raise AssertionError("not cancelled")
    timer.join()
    conn.rollback()
    assert conn.execute("select 'alive'").fetchone() == ("alive",)

# Errors keep their codes; a client goes on after each.
with connect(autocommit=True) as conn:
    for sql, kind in [
        ("selec", errors.SyntaxError),
        ("select * from nowhere", errors.UndefinedTable),
        ("select 1/0", errors.DivisionByZero),
        ("select * from tenant_somebody_else.people", errors.InsufficientPrivilege),
    ]:
        for params in (None, ()):
            try:
                conn.execute(sql, params)
            except kind:
                pass
            else:
                raise AssertionError(sql)
    assert conn.execute("select 1").fetchone() == (1,)

# Session state stays with its client.
with connect(autocommit=True) as one, connect(autocommit=True) as two:
    one.execute("set application_name = 'one'")
    one.execute("create temp table mine (n int)")
    assert two.execute("show application_name").fetchone() != ("one",)
    one.execute("insert into mine values (1)")
    assert one.execute("select n from mine").fetchone() == (1,)
    assert one.info.parameter_status("application_name") == "one"

print("psycopg: every step held")
