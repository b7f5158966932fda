"""Django as a tenant through the proxy. One line for each thing proved; ends with 1 at the first that is not.

`plain` or `prepared` is the first argument: parameters in the text, or statements prepared on the server.
"""

import io
import pathlib
import platform
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit

import django
import psycopg
from django.conf import settings

from story import (
    CLIENTS, LISTENS, SLEEP, SLEEPERS, TENANTS, TURNS, cancel_ends, check, client, equal, ordinary_work_is_done, own,
    proved, shared,
)

PREPARED = sys.argv[1] == "prepared"


def database(tenant):
    url = urlsplit(tenant.dsn)
    return {
        "ENGINE": "django.db.backends.postgresql", "HOST": url.hostname, "PORT": url.port, "USER": url.username,
        "PASSWORD": unquote(url.password), "NAME": url.path[1:], "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 2} if PREPARED else {},
    }


# Migrations are written by makemigrations, to a place of their own.
scratch = tempfile.TemporaryDirectory()
migrations = pathlib.Path(scratch.name, "library_migrations")
migrations.mkdir()
migrations.joinpath("__init__.py").touch()
sys.path.append(scratch.name)
settings.configure(
    DATABASES={"default": database(TENANTS[0]), "other": database(TENANTS[1])},
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.postgres",
        "django_library",
    ],
    MIGRATION_MODULES={"django_library": "library_migrations"},
    CACHES={"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}},
    USE_TZ=True, SECRET_KEY="-", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
django.setup()

from django.contrib.auth.models import Group, Permission, User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import (  # noqa: E402
    IntegrityError, OperationalError, ProgrammingError, close_old_connections, connection, connections, transaction,
)
from django.db.models import Count, F, OuterRef, Q, Subquery, Sum, Window  # noqa: E402
from django.db.models.functions import Now, RowNumber, TruncMonth  # noqa: E402
from django_library.models import Author, Book, Note, Shared  # noqa: E402


def fails(error, sqlstate, act, what):
    try:
        act()
    except error as raised:
        equal(raised.__cause__.sqlstate, sqlstate, f"SQLSTATE of {what}")
        return
    check(False, f"{what}: no {error.__name__}")


def migrations_run():
    call_command("makemigrations", "django_library", verbosity=0)
    for alias in connections:
        for _ in range(2):
            call_command("migrate", database=alias, verbosity=0)
    call_command("createcachetable", verbosity=0)
    said = io.StringIO()
    call_command("showmigrations", stdout=said)
    check("[ ]" not in said.getvalue() and "[X] 0001_initial" in said.getvalue(), said.getvalue())
    call_command("check", database=["default"], verbosity=0)
    call_command("inspectdb", "notes", stdout=said)
    check("body = models.TextField" in said.getvalue(), said.getvalue())


def objects_are_created_read_updated_and_deleted():
    ada = Author.objects.create(name="Ada", meta={"langs": ["en"], "address": {"city": "London"}})
    book = Book.objects.create(title="Engines", author=ada, price="9.90", tags=["a", "b"])
    Book.objects.bulk_create([Book(title=f"T{n}", author=ada, price=n) for n in range(300)], batch_size=100)
    book.editors.add(ada, Author.objects.create(name="Grace"))
    again = [Author(name="Ada", meta={"x": 1}), Author(name="Linus")]
    Author.objects.bulk_create(again, update_conflicts=True, unique_fields=["name"], update_fields=["meta"])
    equal(Author.objects.get_or_create(name="Linus")[1], False, "get_or_create")
    equal(Book.objects.filter(price__gt=290).update(price=F("price") + 1), 9, "UPDATE")
    equal(Author.objects.filter(meta__x=1).count(), 1, "JSON")
    equal(Book.objects.filter(tags__contains=["a"]).get().editors.count(), 2, "array, many to many")
    total = Author.objects.annotate(n=Count("books"), total=Sum("books__price")).get(name="Ada")
    equal(total.n, 301, "aggregate")
    last = Book.objects.filter(author=OuterRef("pk")).order_by("-id").values("title")[:1]
    equal(Author.objects.annotate(last=Subquery(last)).get(pk=ada.pk).last, "T299", "subquery")
    rows = Book.objects.annotate(row=Window(RowNumber(), partition_by=F("author"), order_by=F("id").asc()))
    equal(rows.filter(row__lte=2).count(), 2, "window function")
    by_month = Book.objects.annotate(month=TruncMonth("sold"), now=Now()).values("month").annotate(n=Count("id"))
    equal([row["n"] for row in by_month], [301], "by month")
    equal(len(Book.objects.select_related("author").prefetch_related("editors").filter(~Q(price=0))[:10]), 10, "joins")
    equal(Book.objects.filter(title__startswith="T29").delete()[0], 11, "DELETE")
    own((note.body for note in Note.objects.all()), "notes")
    own((note.body for note in Note.objects.using("other")), "notes of the other", TENANTS[1].marker)


def transactions_and_savepoints():
    with transaction.atomic():
        list(Book.objects.select_for_update(skip_locked=True, of=("self",)).select_related("author")[:5])
        with transaction.atomic():
            Author.objects.create(name="Inner")
        fails(IntegrityError, "23505", duplicate, "a unique constraint")
        point = transaction.savepoint()
        Author.objects.create(name="Undone")
        transaction.savepoint_rollback(point)
    committed = []
    try:
        with transaction.atomic():
            transaction.on_commit(lambda: committed.append(1))
            Author.objects.create(name="Undone")
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    equal((Author.objects.filter(name="Undone").count(), committed), (0, []), "after ROLLBACK")
    transaction.set_autocommit(False)
    Author.objects.create(name="Undone")
    transaction.rollback()
    transaction.set_autocommit(True)
    equal(Author.objects.filter(name__in=["Inner", "Undone"]).count(), 1, "after autocommit")


def duplicate():
    with transaction.atomic():
        Author.objects.create(name="Ada")


def errors_leave_the_connection_usable():
    for sql, state in [("SELEC 1", "42601"), ("SELECT * FROM nowhere", "42P01"), ("TABLE tenant_x.notes", "42501")]:
        with connection.cursor() as cursor:
            fails(ProgrammingError, state, lambda: cursor.execute(sql), sql)
            cursor.execute("SELECT %s::int", [1])
            equal(cursor.fetchone(), (1,), f"after {sql}")


def cursors_in_transactions():
    with transaction.atomic():
        equal(sum(1 for _ in Book.objects.iterator(chunk_size=10)), 290, "rows of iterator()")


def users_sessions_and_cache():
    user = User.objects.create_superuser("root", "root@example.org", "x")
    group = Group.objects.create(name="staff")
    group.permissions.set(Permission.objects.all()[:3])
    user.groups.add(group)
    equal(User.objects.get(groups__name="staff").check_password("x"), True, "user")
    session = SessionStore()
    session["a"] = 1
    session.save()
    equal(SessionStore(session.session_key)["a"], 1, "session")
    cache.set("a", 1, 10)
    equal(cache.get_many(["a", "b"]), {"a": 1}, "cache")


def tables_that_change_under_prepared_statements():
    with connection.cursor() as cursor, connections["default"].copy(alias="default").cursor() as other:
        cursor.execute("CREATE TABLE changing (a int)")
        for n in range(12):
            cursor.execute("SELECT * FROM changing WHERE a = %s", [1])
            if n == 9:
                other.execute("ALTER TABLE changing ADD b int")
        equal(len(cursor.description), 2, "columns after ALTER")
        other.connection.close()


def rows_are_copied():
    rows = [(n, f"good\t{n}\n") for n in range(1000)]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE goods (id int, name text)")
        with cursor.copy("COPY goods FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        with transaction.atomic(), cursor.copy("COPY (TABLE goods ORDER BY id) TO STDOUT") as copy:
            copy.set_types(["int4", "text"])
            equal(list(copy.rows()), rows, "rows copied out")
        try:
            with transaction.atomic(), cursor.copy("COPY goods FROM STDIN") as copy:
                copy.write("1\n")
            check(False, "COPY with a column too few: no error")
        except psycopg.errors.BadCopyFileFormat:
            pass
        cursor.execute("SELECT count(*) FROM goods")
        equal(cursor.fetchone(), (1000,), "after a COPY that failed")


def statements_are_cancelled():
    def value(alias, sql):
        """Of a thread, which has connections of its own."""
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchone()[0]
        finally:
            connections[alias].close()

    with connection.cursor() as cursor:
        for way in ["cancel", "cancel_safe"]:
            cancel_ends(
                lambda: fails(OperationalError, "57014", lambda: cursor.execute(SLEEP), "a cancelled statement"),
                lambda: value("default", SLEEPERS),
                getattr(connection.connection, way),
                [lambda: value("default", "SELECT pg_sleep(0.3)"), lambda: value("other", "SELECT pg_sleep(0.3)")],
            )
            raw = connection.connection
            cursor.execute("SELECT 'usable'")
            equal(cursor.fetchone(), ("usable",), f"after {way}()")
            check(connection.connection is raw, f"another connection after {way}()")


def notifications_are_heard():
    speaker = connections["default"].copy(alias="default")
    for listener in [connection, connections["other"]]:
        with listener.cursor() as cursor:
            cursor.execute("LISTEN news")
    with speaker.cursor() as cursor:
        cursor.execute("NOTIFY news, 'first'")
        cursor.execute("SELECT pg_notify(%s, %s)", ["news", "second"])
    speaker.close()
    heard = [(note.channel, note.payload) for note in connection.connection.notifies(timeout=10, stop_after=2)]
    equal(heard, [("news", "first"), ("news", "second")], "what was notified")
    equal(list(connections["other"].connection.notifies(timeout=0.2)), [], "what another tenant hears")
    for listener in [connection, connections["other"]]:
        with listener.cursor() as cursor:
            cursor.execute("UNLISTEN news")


def threads_share_few_server_connections():
    together = threading.Barrier(2 * CLIENTS, timeout=30)

    def one(alias, marker, number):
        pids = set()
        for turn in range(TURNS):
            # As at the begin and the end of each request.
            close_old_connections()
            with transaction.atomic(using=alias):
                if turn == 0:
                    connections[alias].ensure_connection()
            if turn == 0:
                together.wait()
            with transaction.atomic(using=alias):
                with connections[alias].cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    pid = cursor.fetchone()[0]
                Shared.objects.using(alias).create(name=f"{marker} {number} {turn}", pid=pid)
                own(Note.objects.using(alias).values_list("body", flat=True), f"client {number}", marker)
            pids.add(pid)
        connections[alias].close()
        return pids

    aliases = list(zip(["default", "other"], [tenant.marker for tenant in TENANTS]))
    with ThreadPoolExecutor(2 * CLIENTS) as pool:
        work = [[pool.submit(one, *alias, number) for number in range(CLIENTS)] for alias in aliases]
    for (alias, marker), futures in zip(aliases, work):
        shared([future.result() for future in futures])
        rows = Shared.objects.using(alias)
        equal(rows.values("name").distinct().count(), CLIENTS * TURNS, "rows written by all")
        equal(rows.exclude(name__startswith=marker).count(), 0, "rows of another tenant")


def server_side_cursors_outside_transactions():
    """Django declares these WITH HOLD: they outlive their transaction, on one server connection."""
    for turn in range(3):
        equal(sum(1 for _ in Book.objects.iterator(chunk_size=10)), 290, "rows of iterator()")
    for _ in Book.objects.iterator(chunk_size=10):
        break


def main():
    how = "prepared on the server" if PREPARED else "parameters in the text"
    client(f"Django {django.__version__} with psycopg {psycopg.__version__}, {how}, Python {platform.python_version()}")
    for step, words in [
        (migrations_run, "migrations run"),
        (objects_are_created_read_updated_and_deleted, "objects are created, read, updated and deleted"),
        (transactions_and_savepoints, "transactions and savepoints"),
        (errors_leave_the_connection_usable, "errors leave the connection usable"),
        (cursors_in_transactions, "server-side cursors in transactions"),
        (users_sessions_and_cache, "users, sessions, cache"),
        (tables_that_change_under_prepared_statements, "tables that change under prepared statements"),
        (rows_are_copied, "COPY both ways, and one that fails"),
        (statements_are_cancelled, "cancelled by the driver's connection, and nobody else's"),
        *[(notifications_are_heard, "LISTEN and NOTIFY")] * LISTENS,
        (threads_share_few_server_connections, "threads share few server connections"),
        (None, None),
        (server_side_cursors_outside_transactions, "server-side cursors outside transactions"),
    ]:
        if step:
            step()
            proved(words)
        else:
            ordinary_work_is_done()
    connections.close_all()


main()
