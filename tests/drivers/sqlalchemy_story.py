"""SQLAlchemy as a tenant through the proxy, with the dialect that the first argument names. One line for each thing
proved; ends with 1 at the first that is not."""

import asyncio
import io
import platform
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Optional

import sqlalchemy as sa
from sqlalchemy import event, exc, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

from story import (
    CLIENTS, LISTENS, SLEEP, SLEEPERS, TENANTS, TURNS, cancel_ends, check, client, equal, ordinary_work_is_done, own,
    proved, shared,
)

DIALECT = sys.argv[1]
ASYNC = DIALECT == "asyncpg"
DRIVER = __import__(DIALECT)


def fails(sqlstate, act, what):
    try:
        act()
    except exc.DBAPIError as error:
        found = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
        equal(found, sqlstate, f"SQLSTATE of {what}")
        return
    check(False, f"{what}: no error")


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80), unique=True)
    tags: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list)
    meta: Mapped[dict] = mapped_column(JSONB, default=dict)
    books: Mapped[list["Book"]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(sa.Identity(), primary_key=True)
    title: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(sa.Enum("novel", "poems", name="book_kind"), default="novel")
    author_id: Mapped[Optional[int]] = mapped_column(sa.ForeignKey("author.id"))
    author: Mapped[Optional[Author]] = relationship(back_populates="books")


class Engine:
    """The same work for an engine with and one without asyncio: `session` and `connection` run a plain function."""

    def __init__(self, tenant, **options):
        url = sa.make_url(tenant.dsn).set(drivername=f"postgresql+{DIALECT}")
        self.tenant = tenant
        self.engine = (create_async_engine if ASYNC else sa.create_engine)(url, **options)
        self.sync_engine = self.engine.sync_engine if ASYNC else self.engine

    async def session(self, work):
        if ASYNC:
            async with AsyncSession(self.engine) as session:
                return await session.run_sync(work)
        with Session(self.engine) as session:
            return work(session)

    async def connection(self, work, **options):
        if ASYNC:
            async with self.engine.connect() as connection:
                await connection.execution_options(**options)
                return await connection.run_sync(work)
        with self.engine.connect().execution_options(**options) as connection:
            return work(connection)

    async def dispose(self):
        if ASYNC:
            await self.engine.dispose()
        else:
            self.engine.dispose()


async def tables_are_created_and_reflected(engine):
    def work(connection):
        for _ in range(2):
            Base.metadata.create_all(connection)
            connection.commit()
        found = sa.inspect(connection)
        check({"author", "book", "notes"} <= set(found.get_table_names()), "tables of the inspector")
        equal(found.get_pk_constraint("author")["constrained_columns"], ["id"], "primary key")
        equal([key["referred_table"] for key in found.get_foreign_keys("book")], ["author"], "foreign keys")
        equal([index["name"] for index in found.get_indexes("book")], ["ix_book_title"], "indexes")
        notes = sa.Table("notes", sa.MetaData(), autoload_with=connection)
        own(connection.scalars(select(notes.c.body)), "notes", engine.tenant.marker)
        schema = connection.scalar(text("SELECT current_schema()"))
        equal(found.default_schema_name, schema, "default schema")
        named = sa.Table("notes", sa.MetaData(), autoload_with=connection, schema=schema)
        own(connection.scalars(select(named.c.body)), "notes by its schema", engine.tenant.marker)

    await engine.connection(work)


async def objects_are_created_read_updated_and_deleted(engine):
    def work(session):
        ada = Author(name="Ada", tags=["x", "y"], meta={"a": {"b": 1}}, books=[Book(title=f"T{n}") for n in range(40)])
        session.add_all([ada, Author(name="Bo")])
        session.commit()
        equal(session.scalar(select(func.count(Book.id)).join(Author).where(Author.name == "Ada")), 40, "join")
        equal(session.scalars(select(Author.name).where(Author.tags.contains(["x"]))).all(), ["Ada"], "array")
        equal(session.scalars(select(Author.name).where(Author.meta["a"]["b"].as_integer() == 1)).all(), ["Ada"], "JSON")
        found = session.scalars(select(Author).options(selectinload(Author.books)).order_by(Author.id)).all()
        equal([len(author.books) for author in found], [40, 0], "loaded with their books")
        ada.name = "Ada Lovelace"
        ada.books[0].kind = "poems"
        del ada.books[20:]
        session.commit()
        equal(session.scalar(select(func.count(Book.id))), 20, "after orphans were deleted")
        many = insert(Author).values([{"name": "Bo", "tags": ["new"]}, {"name": "Cy"}])
        many = many.on_conflict_do_update(index_elements=["name"], set_={"tags": many.excluded.tags})
        equal(len(session.scalars(many.returning(Author.id)).all()), 2, "upsert")
        session.execute(sa.update(Book).where(Book.kind == "poems").values(title=Book.title + "!"))
        session.execute(sa.delete(Author).where(Author.name == "Cy"))
        session.commit()
        equal(session.scalar(select(Book.title).where(Book.kind == "poems")), "T0!", "UPDATE")

    await engine.session(work)


async def transactions_and_savepoints(engine):
    def work(session):
        session.add(Author(name="Kept"))
        for _ in range(2):
            try:
                with session.begin_nested():
                    session.add(Author(name="Kept"))
                    session.flush()
                check(False, "no IntegrityError")
            except exc.IntegrityError as error:
                equal(error.orig.sqlstate if hasattr(error.orig, "sqlstate") else error.orig.pgcode, "23505", "SQLSTATE")
        session.commit()
        session.add(Author(name="Undone"))
        session.flush()
        session.rollback()
        names = session.scalars(select(Author.name).where(Author.name.in_(["Kept", "Undone"]))).all()
        equal(names, ["Kept"], "after ROLLBACK")

    await engine.session(work)
    isolation = lambda connection: connection.scalar(text("SHOW transaction_isolation"))
    for level in ["SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT"]:
        wanted = "read committed" if level == "AUTOCOMMIT" else level.lower()
        equal(await engine.connection(isolation, isolation_level=level), wanted, "isolation level")
    read_only = lambda connection: connection.execute(text("DELETE FROM author"))

    def refused(connection):
        fails("25006", lambda: read_only(connection), "a read-only transaction")

    await engine.connection(refused, postgresql_readonly=True)


async def rows_are_streamed(engine):
    def work(connection):
        rows = connection.execution_options(yield_per=100).execute(text("SELECT generate_series(1, 2500)"))
        equal(sum(len(part) for part in rows.partitions()), 2500, "rows in portions")

    await engine.connection(work)


async def errors_leave_the_connection_usable(engine):
    def work(connection):
        for query, state in [
            ("SELEC 1", "42601"),
            ("SELECT * FROM nowhere", "42P01"),
            ("INSERT INTO author (name) VALUES (NULL)", "23502"),
            ("SELECT 1 / 0", "22012"),
            ("SELECT * FROM tenant_of_somebody_else.notes", "42501"),
        ]:
            fails(state, lambda: connection.execute(text(query)), query)
            fails("25P02", lambda: connection.execute(text("SELECT 1")), f"a statement after {query}")
            connection.rollback()
            equal(connection.scalar(text("SELECT 1")), 1, f"after {query} and ROLLBACK")
            connection.rollback()

    await engine.connection(work)


async def settings(engine):
    """What applications with a schema per tenant do at each new connection, and what a pool checks."""
    again = Engine(engine.tenant, pool_pre_ping=True, pool_size=2)
    schema = await engine.connection(lambda connection: connection.scalar(text("SELECT current_schema()")))

    @event.listens_for(again.sync_engine, "connect", insert=True)
    def set_search_path(dbapi_connection, _record):
        cursor = dbapi_connection.cursor()
        cursor.execute(f"SET SESSION search_path = '{schema}'")
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.close()
        dbapi_connection.commit()

    def work(connection):
        equal(connection.scalar(text("SHOW search_path")), schema, "search_path")
        equal(connection.scalar(text("SHOW TimeZone")), "UTC", "time zone")
        connection.execute(text("SET LOCAL statement_timeout = '7s'"))
        equal(connection.scalar(text("SHOW statement_timeout")), "7s", "SET LOCAL")

    for _ in range(5):
        await again.connection(work)
    equal(await engine.connection(lambda connection: connection.scalar(text("SHOW statement_timeout"))), "0", "others")
    translated = lambda connection: connection.scalar(select(func.count(Author.id)))
    check(await again.connection(translated, schema_translate_map={None: schema}) > 0, "schema_translate_map")
    await again.dispose()


async def tables_that_change_under_prepared_statements(engine):
    query = text("SELECT * FROM changing WHERE a = :a")

    def read(connection):
        return [tuple(row) for row in connection.execute(query, {"a": 1})]

    def change(sql):
        def work(connection):
            for one in sql:
                connection.execute(text(one))
            connection.commit()

        return work

    await engine.connection(change(["CREATE TABLE changing (a int)", "INSERT INTO changing VALUES (1)"]))
    other = Engine(engine.tenant)
    auto = {"isolation_level": "AUTOCOMMIT"}
    for _ in range(8):
        equal(await engine.connection(read, **auto), [(1,)], "before ALTER")
    await other.connection(change(["ALTER TABLE changing ADD b int DEFAULT 2"]))
    if ASYNC:
        # It would take the new rows for the old ones: so it gets the error that a direct connection has too, once.
        try:
            await engine.connection(read, **auto)
            check(False, "rows decoded by the columns that were")
        except exc.NotSupportedError as error:
            check("InvalidCachedStatementError" in str(error), f"after ALTER: {error}")
    for _ in range(3):
        equal(await engine.connection(read, **auto), [(1, 2)], "after ALTER")
    await other.dispose()


async def rows_are_copied(engine):
    rows = [(n, f"good\t{n}\n") for n in range(1000)]

    def with_psycopg(connection):
        raw = connection.connection
        with raw.cursor() as cursor:
            with cursor.copy("COPY goods FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            with cursor.copy("COPY (TABLE goods ORDER BY id) TO STDOUT") as copy:
                copy.set_types(["int4", "text"])
                equal(list(copy.rows()), rows, "rows copied out")
        raw.commit()
        try:
            with raw.cursor() as cursor, cursor.copy("COPY goods FROM STDIN") as copy:
                copy.write("1\n")
            check(False, "COPY with a column too few: no error")
        except DRIVER.errors.BadCopyFileFormat:
            raw.rollback()

    async def with_asyncpg(raw):
        await raw.copy_records_to_table("goods", records=rows)
        out = io.BytesIO()
        await raw.copy_from_query("TABLE goods ORDER BY id", output=out)
        lines = "".join(f"{n}\tgood\\t{n}\\n\n" for n in range(1000))
        equal(out.getvalue().decode(), lines, "rows copied out")
        try:
            await raw.copy_to_table("goods", source=io.BytesIO(b"1\n"))
            check(False, "COPY with a column too few: no error")
        except DRIVER.BadCopyFileFormatError:
            pass

    table = "CREATE TABLE goods (id int, name text)"
    await engine.connection(lambda connection: (connection.execute(text(table)), connection.commit()))
    if ASYNC:
        async with engine.engine.connect() as connection:
            await with_asyncpg((await connection.get_raw_connection()).driver_connection)
    else:
        await engine.connection(with_psycopg)
    count = lambda connection: connection.scalar(text("SELECT count(*) FROM goods"))
    equal(await engine.connection(count), 1000, "after a COPY that failed")


async def statements_are_cancelled(engine):
    watcher, stranger = Engine(engine.tenant), Engine(TENANTS[1])
    if ASYNC:
        await by_the_task(engine, watcher, stranger)
    else:
        by_the_drivers_connection(engine.engine, watcher.engine, stranger.engine)
    await watcher.dispose()
    await stranger.dispose()


def by_the_drivers_connection(engine, watcher, stranger):
    def value(engine, query):
        with engine.connect() as connection:
            return connection.scalar(text(query))

    with engine.connect() as connection:
        for way in ["cancel", "cancel_safe"]:
            cancel_ends(
                lambda: fails("57014", lambda: connection.execute(text(SLEEP)), "a cancelled statement"),
                lambda: value(watcher, SLEEPERS),
                getattr(connection.connection.driver_connection, way),
                [lambda: value(watcher, "SELECT pg_sleep(0.3)"), lambda: value(stranger, "SELECT pg_sleep(0.3)")],
            )
            connection.rollback()
            equal(connection.scalar(text("SELECT 'usable'")), "usable", f"after {way}()")
            connection.rollback()


async def by_the_task(engine, watcher, stranger):
    """asyncpg sends the cancel request: for a task that is cancelled, and for a time limit."""
    def value(engine, query):
        return engine.connection(lambda connection: connection.scalar(text(query)))

    async def ends(error, begin, end):
        task = asyncio.create_task(begin)
        while not await value(watcher, SLEEPERS):
            pass
        busy = [asyncio.create_task(value(one, "SELECT pg_sleep(0.3)")) for one in [watcher, stranger]]
        await asyncio.sleep(0.1)
        end(task)
        try:
            await asyncio.wait_for(task, 10)
            check(False, f"no {error.__name__}")
        except error:
            pass
        await asyncio.gather(*busy)
        async with asyncio.timeout(10):
            while await value(watcher, SLEEPERS):
                pass

    async with engine.engine.connect() as connection:
        await ends(asyncio.CancelledError, connection.execute(text(SLEEP)), lambda task: task.cancel())
        await connection.rollback()
        equal(await connection.scalar(text("SELECT 'usable'")), "usable", "after a cancelled task")
        await connection.rollback()
        raw = (await connection.get_raw_connection()).driver_connection
        await ends(asyncio.TimeoutError, raw.execute(SLEEP, timeout=0.5), lambda _: None)
        equal(await connection.scalar(text("SELECT 'usable'")), "usable", "after a time limit")
        check((await connection.get_raw_connection()).driver_connection is raw, "another connection after a time limit")


async def notifications_are_heard(engine):
    def speak(connection):
        connection.execute(text("NOTIFY news, 'first'"))
        connection.execute(select(func.pg_notify("news", "second")))
        connection.commit()

    stranger = Engine(TENANTS[1])
    if ASYNC:
        heard, heard_by_stranger = asyncio.Queue(), asyncio.Queue()
        async with engine.engine.connect() as listening, stranger.engine.connect() as strange:
            raws = []
            for connection, queue in [(listening, heard), (strange, heard_by_stranger)]:
                raw = (await connection.get_raw_connection()).driver_connection
                note = lambda *told, queue=queue: queue.put_nowait(told[2:])
                await raw.add_listener("news", note)
                raws.append((raw, note))
            await engine.connection(speak)
            told = [await asyncio.wait_for(heard.get(), 10) for _ in range(2)]
            await asyncio.sleep(0.2)
            check(heard_by_stranger.empty(), "another tenant heard it")
            for raw, note in raws:
                await raw.remove_listener("news", note)
    else:
        with ExitStack() as stack:
            raws = []
            for each in [engine, stranger]:
                connection = stack.enter_context(each.engine.connect()).execution_options(isolation_level="AUTOCOMMIT")
                connection.execute(text("LISTEN news"))
                stack.callback(connection.execute, text("UNLISTEN news"))
                raws.append(connection.connection.driver_connection)
            await engine.connection(speak)
            told = [(note.channel, note.payload) for note in raws[0].notifies(timeout=10, stop_after=2)]
            equal(list(raws[1].notifies(timeout=0.2)), [], "what another tenant hears")
    equal(told, [("news", "first"), ("news", "second")], "what was notified")
    await stranger.dispose()


async def pools_share_few_server_connections(_):
    engines = [Engine(tenant, pool_size=CLIENTS, max_overflow=0) for tenant in TENANTS]
    table = "CREATE TABLE shared (name text)"
    for engine in engines:
        await engine.connection(lambda connection: (connection.execute(text(table)), connection.commit()))
    together = asyncio.Barrier(2 * CLIENTS) if ASYNC else threading.Barrier(2 * CLIENTS, timeout=30)

    async def one(engine, number):
        pids = set()

        def work(session):
            pids.add(session.scalar(select(func.pg_backend_pid())))
            words = f"{engine.tenant.marker} {number} {turn}"
            session.execute(text("INSERT INTO shared VALUES (:name)"), {"name": words})
            own(session.scalars(text("SELECT body FROM notes")), f"client {number}", engine.tenant.marker)
            session.commit()

        for turn in range(TURNS):
            if turn == 0:
                waiting = together.wait()
                if ASYNC:
                    await waiting
            await engine.session(work)
        return pids

    async def all_of(engine):
        if ASYNC:
            return await asyncio.gather(*(one(engine, number) for number in range(CLIENTS)))
        futures = [pool.submit(lambda number: asyncio.run(one(engine, number)), number) for number in range(CLIENTS)]
        return await asyncio.gather(*map(asyncio.wrap_future, futures))

    with ThreadPoolExecutor(2 * CLIENTS) as pool:
        for engine, pids in zip(engines, await asyncio.gather(*map(all_of, engines))):
            shared(pids)
            rows = lambda session: session.scalars(text("SELECT DISTINCT name FROM shared")).all()
            names = await engine.session(rows)
            equal(len(names), CLIENTS * TURNS, "rows written by all")
            check(all(name.startswith(engine.tenant.marker) for name in names), f"rows of another tenant in {names!r}")
            await engine.dispose()


async def temporary_tables(engine):
    def work(connection):
        table = sa.Table("mine", sa.MetaData(), sa.Column("a", sa.Integer), prefixes=["TEMPORARY"])
        table.create(connection)
        connection.execute(table.insert(), [{"a": n} for n in range(5)])
        connection.commit()
        equal(connection.scalar(select(func.sum(table.c.a))), 10, "its temporary table")
        table.drop(connection)
        connection.commit()

    await engine.connection(work)


async def main():
    driver = DRIVER.__version__.split()[0]
    client(f"SQLAlchemy {sa.__version__} with {DIALECT} {driver}, Python {platform.python_version()}")
    engine = Engine(TENANTS[0])
    for step, words in [
        (tables_are_created_and_reflected, "tables are created and reflected"),
        (objects_are_created_read_updated_and_deleted, "objects are created, read, updated and deleted"),
        (transactions_and_savepoints, "transactions, savepoints, isolation levels"),
        (rows_are_streamed, "rows are streamed"),
        (errors_leave_the_connection_usable, "errors leave the connection usable"),
        (settings, "settings, search_path, pre-ping"),
        (tables_that_change_under_prepared_statements, "tables that change under prepared statements"),
        (rows_are_copied, "COPY both ways with the driver's connection, and one that fails"),
        (statements_are_cancelled, "cancelled, and nobody else's"),
        *[(notifications_are_heard, "LISTEN and NOTIFY")] * LISTENS,
        (pools_share_few_server_connections, "pools share few server connections"),
        (None, None),
        (temporary_tables, "temporary tables"),
    ]:
        if step:
            await step(engine)
            proved(words)
        else:
            ordinary_work_is_done()
    await engine.dispose()


asyncio.run(main())
