"""Django: migrations of its own applications and of ours, then the ORM."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[0:1] = []  # this file is called django.py
sys.path.append(HERE)

import django  # noqa: E402
from django.conf import settings  # noqa: E402

MODELS = '''
from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.contrib.postgres.indexes import GinIndex, BrinIndex
from django.contrib.postgres.search import SearchVectorField
from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
class Author(models.Model):
    name = models.CharField(max_length=100, unique=True, db_index=True)
    born = models.DateField(null=True)
    meta = models.JSONField(default=dict)
class Book(models.Model):
    title = models.CharField(max_length=200)
    slug = models.SlugField()
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    editors = models.ManyToManyField(Author, related_name="edited")
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    tags = ArrayField(models.CharField(max_length=20), default=list)
    sold = models.DateTimeField(auto_now_add=True)
    pages = models.PositiveIntegerField(default=0)
    search = SearchVectorField(null=True)
    key = models.UUIDField(null=True)
    cover = models.BinaryField(null=True)
    length = models.DurationField(null=True)
    shelf = DateRangeField(null=True)
    class Meta:
        indexes = [GinIndex(fields=["tags"]), models.Index(fields=["title", "-price"], name="by_title"),
                   models.Index(models.F("pages").desc(), name="by_pages", condition=models.Q(pages__gt=0)),
                   BrinIndex(fields=["sold"])]
        constraints = [models.CheckConstraint(check=models.Q(price__gte=0), name="price_positive"),
                       models.UniqueConstraint(fields=["author", "slug"], name="one_slug", deferrable=models.Deferrable.DEFERRED)]
'''


def prepare():
    app = os.path.abspath("library")
    os.makedirs(os.path.join(app, "migrations"), exist_ok=True)
    for name, text in (("__init__", ""), ("migrations/__init__", ""), ("models", MODELS)):
        with open(os.path.join(app, name + ".py"), "w", encoding="utf-8") as out:
            out.write(text)
    sys.path.append(os.getcwd())
    env = os.environ
    settings.configure(
        DATABASES={"default": {
            "ENGINE": "django.db.backends.postgresql", "HOST": env["PGHOST"], "PORT": env["PGPORT"],
            "USER": env["PGUSER"], "PASSWORD": env["PGPASSWORD"], "NAME": env["PGDATABASE"],
        }},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                        "django.contrib.admin", "django.contrib.messages", "django.contrib.sites",
                        "django.contrib.postgres", "library"],
        SITE_ID=1, USE_TZ=True, SECRET_KEY="-", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        CACHES={"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    )
    django.setup()


prepare()

from _steps import step  # noqa: E402
from django.contrib.auth.models import Group, Permission, User  # noqa: E402
from django.contrib.postgres.aggregates import ArrayAgg, StringAgg  # noqa: E402
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector, SearchHeadline  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.db.models import Avg, Case, Count, Exists, F, Max, OuterRef, Q, Subquery, Sum, Value, When, Window  # noqa: E402
from django.db.models.functions import (  # noqa: E402
    Cast, Coalesce, Concat, ExtractYear, Lower, Now, RowNumber, TruncMonth,
)
from library.models import Author, Book  # noqa: E402

devnull = open(os.devnull, "w", encoding="utf-8")


def command(name, *arguments, **options):
    return lambda: call_command(name, *arguments, stdout=devnull, verbosity=1, **options)


def write():
    ada = Author.objects.create(name="Ada", meta={"langs": ["en", "fr"], "address": {"city": "London"}})
    grace = Author(name="Grace"); grace.save()
    book = Book.objects.create(title="Engines", slug="e", author=ada, price="9.90", tags=["a", "b"], pages=10)
    book.editors.add(grace, ada); book.editors.remove(ada); book.editors.set([ada]); book.editors.clear()
    Book.objects.bulk_create([Book(title=f"T{n}", slug=f"t{n}", author=grace, pages=n) for n in range(5)])
    Author.objects.bulk_create([Author(name="Ada", meta={})], update_conflicts=True, unique_fields=["name"],
                               update_fields=["meta"])
    Author.objects.bulk_create([Author(name="Ada")], ignore_conflicts=True)
    Author.objects.get_or_create(name="Linus"); Author.objects.update_or_create(name="Linus", defaults={"meta": {"x": 1}})
    book.title = "Engines II"; book.save(); book.save(update_fields=["price"]); book.refresh_from_db()
    Book.objects.filter(pages__gt=2).update(price=F("price") + 1, title=Concat(F("title"), Value("!")))
    books = list(Book.objects.all()); [setattr(b, "pages", b.pages + 1) for b in books]
    Book.objects.bulk_update(books, ["pages", "title"])


def read():
    a, b = Author.objects, Book.objects
    queries = [
        b.filter(author__name__icontains="ada").select_related("author").order_by("-price")[:10],
        b.filter(tags__contains=["a"]), b.filter(tags__overlap=["a", "b"]), b.filter(tags__len=2), b.filter(tags__0="a"),
        a.filter(meta__address__city="London"), a.filter(meta__has_key="langs"), a.filter(meta__contains={"x": 1}),
        a.filter(meta__langs__0="en"), a.values("meta__address__city"),
        b.exclude(editors__name="Ada").distinct(), b.filter(Q(price__gte=1) | Q(title__startswith="E"), ~Q(pages=0)),
        a.annotate(n=Count("books", distinct=True), total=Sum("books__price")).filter(n__gt=0).values("name", "n", "total"),
        a.annotate(titles=ArrayAgg("books__title", ordering="books__title"), all=StringAgg("books__title", ", ")),
        b.annotate(month=TruncMonth("sold")).values("month").annotate(n=Count("id"), avg=Avg("price")).order_by("month"),
        b.annotate(row=Window(RowNumber(), partition_by=F("author"), order_by=F("price").desc())).filter(row__lte=2),
        a.annotate(last=Subquery(b.filter(author=OuterRef("pk")).order_by("-id").values("title")[:1])),
        a.filter(Exists(b.filter(author=OuterRef("pk"), pages__gt=1))),
        b.annotate(kind=Case(When(price__lt=5, then=Value("cheap")), default=Value("dear"))).values_list("kind", flat=True),
        b.annotate(y=ExtractYear("sold"), l=Lower("title"), c=Coalesce("length", None), t=Cast("pages", models.TextField()), n=Now()),
        b.annotate(rank=SearchRank(SearchVector("title", config="english"), SearchQuery("engine"))).filter(rank__gt=0),
        b.annotate(v=SearchVector("title", weight="A")).filter(v=SearchQuery("a & b", search_type="raw")),
        b.annotate(h=SearchHeadline("title", SearchQuery("engine"))), b.filter(title__search="engine"),
        b.filter(title__regex="^E", title__iregex="s$"), b.filter(sold__date__year__gte=2000, sold__week_day__in=[1, 2, 3, 4]),
        b.only("title"), b.defer("cover"), b.none() | b.filter(pk__in=[1, 2, 3]), b.reverse(), b.dates("sold", "day"),
        b.values("title").union(a.values("name")), b.values("author").intersection(a.values("id")),
        b.prefetch_related("editors", "author"), b.order_by(F("key").asc(nulls_last=True)), b.order_by("?")[:1],
        b.filter(shelf__isnull=True, length__isnull=True), b.raw("SELECT id, title FROM library_book WHERE pages > %s", [1]),
        b.extra(where=["pages > 0"]), b.filter(cover=b"\x01"),
    ]
    for query in queries:
        list(query)
    b.count(); b.exists(); b.first(); b.last(); b.earliest("sold"); b.in_bulk([1, 2])
    b.aggregate(Max("price"), n=Count("pk", filter=Q(pages__gt=1))); b.explain(analyze=True, format="json")
    assert b.get(title__startswith="Engines").author.name == "Ada"


def locks():
    with transaction.atomic():
        list(Book.objects.select_for_update().filter(pages__gt=1))
        list(Book.objects.select_for_update(skip_locked=True, of=("self",)).select_related("author"))
        list(Book.objects.select_for_update(nowait=True, no_key=True))
        with transaction.atomic():
            Author.objects.create(name="Inner")
        try:
            with transaction.atomic():
                Author.objects.create(name="Ada")
        except django.db.IntegrityError:
            pass
        point = transaction.savepoint(); transaction.savepoint_rollback(point)
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
    transaction.set_autocommit(False); Author.objects.count(); transaction.rollback(); transaction.set_autocommit(True)


def cursors():
    assert sum(1 for _ in Book.objects.all().iterator(chunk_size=2)) > 3
    for _ in Book.objects.iterator(chunk_size=1):
        break


def users():
    user = User.objects.create_superuser("root", "r@example.org", "x")
    group = Group.objects.create(name="staff"); group.permissions.set(Permission.objects.all()[:3]); user.groups.add(group)
    User(pk=user.pk).has_perm("library.add_book"); User.objects.get(pk=user.pk).get_all_permissions()
    from django.contrib.auth import authenticate
    authenticate(username="root", password="x")
    from django.contrib.sessions.backends.db import SessionStore
    session = SessionStore(); session["a"] = 1; session.save(); SessionStore(session.session_key).load(); session.delete()
    from django.contrib.admin.models import LogEntry
    from django.contrib.contenttypes.models import ContentType
    LogEntry.objects.log_action(user.pk, ContentType.objects.get_for_model(Book).pk, 1, "x", 1)
    list(LogEntry.objects.select_related("user", "content_type")[:5])


def cache():
    from django.core.cache import cache as store
    store.set("a", 1, 10); store.get("a"); store.get_many(["a", "b"]); store.touch("a"); store.delete("a"); store.clear()


def schema():
    from django.db import migrations, models as m
    from django.db.migrations.state import ProjectState
    from django.contrib.postgres.operations import AddIndexConcurrently
    state = ProjectState.from_apps(django.apps.apps)
    for operation in [
        migrations.AddField("book", "isbn", m.CharField(max_length=13, default="", db_comment="the number")),
        migrations.AlterField("book", "isbn", m.TextField(null=True)),
        migrations.RenameField("book", "isbn", "number"),
        migrations.AlterField("book", "pages", m.BigIntegerField(db_index=True)),
        migrations.AlterUniqueTogether("book", {("title", "author")}),
        migrations.RemoveField("book", "number"),
        migrations.AddConstraint("book", m.UniqueConstraint(Lower("title"), name="lower_title")),
        migrations.RemoveConstraint("book", "lower_title"),
        migrations.RemoveIndex("book", "by_pages"),
        migrations.RenameIndex("book", new_name="by_title_price", old_name="by_title"),
        migrations.AlterModelTable("author", "writer"), migrations.AlterModelTable("author", "library_author"),
        migrations.CreateModel("Shelf", [("id", m.AutoField(primary_key=True)), ("name", m.CharField(max_length=9))]),
        migrations.RenameModel("Shelf", "Rack"), migrations.AlterField("rack", "id", m.BigAutoField(primary_key=True)),
        migrations.DeleteModel("Rack"), migrations.RunSQL("UPDATE library_book SET pages = pages"),
    ]:
        new = state.clone(); operation.state_forwards("library", new)
        with connection.schema_editor() as editor:
            operation.database_forwards("library", editor, state, new)
        state = new
    new = state.clone(); operation = AddIndexConcurrently("book", m.Index(fields=["slug"], name="later"))
    operation.state_forwards("library", new)
    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("library", editor, state, new)


step("makemigrations", command("makemigrations", "library"))
step("migrate", command("migrate"))
step("showmigrations", command("showmigrations"))
step("createcachetable", command("createcachetable"))
for label, work in [("write", write), ("read", read), ("locks", locks), ("cursors", cursors), ("users", users),
                    ("cache", cache)]:
    step(label, work)
step("inspectdb", command("inspectdb", include_views=True, include_partitions=True))
step("inspectdb one", command("inspectdb", "library_book"))
step("dumpdata", lambda: call_command("dumpdata", "library", output="dump.json", verbosity=0))
step("introspect", lambda: [connection.introspection.get_constraints(connection.cursor(), "library_book"),
                            connection.introspection.get_sequences(connection.cursor(), "library_book"),
                            connection.introspection.get_relations(connection.cursor(), "library_book"),
                            connection.introspection.get_primary_key_columns(connection.cursor(), "library_book"),
                            connection.introspection.get_table_list(connection.cursor())])
step("delete", lambda: (Book.objects.filter(pages=1).delete(), Author.objects.get(name="Linus").delete()))
step("flush", command("flush", interactive=False))
step("loaddata", lambda: call_command("loaddata", "dump.json", verbosity=0))
step("sqlsequencereset", lambda: connection.cursor().execute(
    call_command("sqlsequencereset", "library", stdout=devnull, no_color=True)))
step("constraint checks", lambda: connection.check_constraints())
step("schema editor", schema)
step("isolation", lambda: (connection.close(), connection.settings_dict["OPTIONS"].update(isolation_level=3),
                           Author.objects.count(), connection.close(), connection.settings_dict["OPTIONS"].clear()))
step("sessions", command("clearsessions"))
step("stale types", command("remove_stale_contenttypes", interactive=False))
step("migrate back", command("migrate", "library", "zero"))


def test_database():
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
    except SystemExit as error:
        raise RuntimeError("a tenant may not create the database for tests") from error


step("test database", test_database)
