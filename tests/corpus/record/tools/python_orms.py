"""peewee, Pony and Tortoise."""

import asyncio
import os
import sys
import types

from _steps import astep, step

E = os.environ


def with_peewee():
    import peewee as pw
    from playhouse.migrate import PostgresqlMigrator, migrate
    from playhouse.postgres_ext import ArrayField, BinaryJSONField, PostgresqlExtDatabase, TSVectorField
    from playhouse.reflection import Introspector
    db = PostgresqlExtDatabase(E["PGDATABASE"], host=E["PGHOST"], port=int(E["PGPORT"]), user=E["PGUSER"], password=E["PGPASSWORD"], register_hstore=False)

    class Person(pw.Model):
        name = pw.CharField(unique=True); data = BinaryJSONField(null=True); tags = ArrayField(pw.TextField, null=True); words = TSVectorField(null=True)
        class Meta: database = db  # noqa: E701

    class Pet(pw.Model):
        owner = pw.ForeignKeyField(Person, backref="pets", on_delete="CASCADE"); name = pw.TextField(index=True); price = pw.DecimalField(default=0)
        class Meta: database = db; indexes = ((("owner", "name"), True),)  # noqa: E701, E702
    db.connect(); db.create_tables([Person, Pet]); db.create_tables([Person, Pet])
    step("peewee write", lambda: (Person.create(name="Ada", data={"a": 1}, tags=["x"]), Person.insert_many([{"name": "Bo"}, {"name": "Ada"}]).on_conflict(conflict_target=[Person.name], preserve=[Person.data]).execute(),
         Pet.create(owner=1, name="p"), Person.insert(name="Bo").on_conflict_ignore().execute(), Pet.update(price=Pet.price + 1).where(Pet.owner == 1).returning(Pet.id).execute(), Pet.delete().where(Pet.id == 99).execute(), Person.get_or_create(name="Cy")))
    step("peewee read", lambda: (list(Person.select(Person, pw.fn.COUNT(Pet.id)).join(Pet, pw.JOIN.LEFT_OUTER).group_by(Person.id)), list(Person.select().where(Person.data["a"] == "1", Person.tags.contains("x"))), list(pw.prefetch(Person.select(), Pet)),
         list(Person.select().where(Person.words.match("x"))), list(Pet.select().for_update("FOR UPDATE SKIP LOCKED")), list(Pet.select().order_by(Pet.id.desc()).paginate(1, 2)), list(Person.select().where(Person.name ** "a%")), db.sequence_exists("person_id_seq")))
    def nested():
        with db.atomic():
            with db.atomic():
                Person.select().count()
        with db.savepoint() if False else db.atomic() as txn:
            txn.rollback()
    step("peewee transactions", nested)
    step("peewee introspection", lambda: (db.get_tables(), db.get_views(), db.get_columns("pet"), db.get_indexes("pet"), db.get_primary_keys("pet"), db.get_foreign_keys("pet"), db.table_exists("pet"), Introspector.from_database(db).generate_models()))
    m = PostgresqlMigrator(db)
    step("peewee migrate", lambda: migrate(m.add_column("pet", "age", pw.IntegerField(null=True)), m.rename_column("pet", "age", "years"), m.add_not_null("pet", "price"), m.drop_column("pet", "years"), m.add_index("pet", ("price",)), m.set_search_path("tenant_alpha")))
    step("peewee truncate", lambda: Pet.truncate_table(restart_identity=True, cascade=True)); step("peewee drop", lambda: db.drop_tables([Pet, Person], cascade=True)); db.close()


def with_pony():
    from pony import orm
    db = orm.Database()

    class Band(db.Entity):
        name = orm.Required(str, unique=True); songs = orm.Set("Song"); info = orm.Optional(orm.Json)

    class Song(db.Entity):
        title = orm.Required(str); band = orm.Required(Band); likes = orm.Required(int, default=0); tags = orm.Optional(orm.StrArray)
    db.bind("postgres", user=E["PGUSER"], password=E["PGPASSWORD"], host=E["PGHOST"], port=E["PGPORT"], database=E["PGDATABASE"]); db.generate_mapping(create_tables=True)
    with orm.db_session:
        band = Band(name="X", info={"a": [1]}); Song(title="s", band=band, tags=["x"]); orm.commit(); list(orm.select(s for s in Song if s.band.name == "X" and s.likes >= 0))
        list(orm.select((b.name, orm.count(b.songs)) for b in Band)); list(orm.select(b for b in Band if b.info["a"][0] == 1)); Band.get_for_update(name="X"); orm.delete(s for s in Song if s.likes > 100); Song[1].likes += 1
        list(orm.select(s for s in Song if "x" in s.tags)); list(Song.select().order_by(orm.desc(Song.id)).page(1, 2))
    db.drop_all_tables(with_all_data=True)


async def with_tortoise():
    from tortoise import Tortoise, fields, models
    from tortoise.expressions import F, Q
    from tortoise.functions import Count
    from tortoise.transactions import in_transaction
    module = types.ModuleType("shop"); sys.modules["shop"] = module

    class Shop(models.Model):
        id = fields.IntField(primary_key=True); name = fields.CharField(max_length=50, unique=True, description="shown"); data = fields.JSONField(null=True); at = fields.DatetimeField(auto_now_add=True)

    class Sale(models.Model):
        id = fields.UUIDField(primary_key=True); shop = fields.ForeignKeyField("models.Shop", related_name="sales"); price = fields.DecimalField(8, 2, default=0); buyers = fields.ManyToManyField("models.Shop", related_name="bought")
    for model in (Shop, Sale):
        model.__module__ = "shop"; setattr(module, model.__name__, model)
    await Tortoise.init(db_url="asyncpg://{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**E), modules={"models": ["shop"]})
    await Tortoise.generate_schemas(); shop = await Shop.create(name="a", data={"a": 1}); sale = await Sale.create(shop=shop); await sale.buyers.add(shop)
    await Shop.bulk_create([Shop(name="b"), Shop(name="a")], on_conflict=["name"], update_fields=["data"]); await Shop.filter(Q(name__icontains="A") | Q(data__contains={"a": 1})).prefetch_related("sales"); await Shop.annotate(n=Count("sales")).filter(n__gte=0).values("name", "n")
    await Sale.filter(price=0).update(price=F("price") + 1); await Shop.get_or_create(name="c"); await Shop.filter(id=1).exists(); await Shop.all().order_by("-id").limit(2).count(); await Sale.filter(price__gt=100).delete()
    async with in_transaction():
        await Shop.select_for_update(skip_locked=True).get(id=1)
    await Tortoise.close_connections()


step("peewee", with_peewee)
step("pony", with_pony)
asyncio.run(astep("tortoise", with_tortoise))
