"""SQLAlchemy with psycopg2, psycopg and asyncpg, and Alembic."""

import asyncio
import os
import sys

from _steps import astep, step
from sqlalchemy import (
    JSON, Boolean, CheckConstraint, Column, Computed, DateTime, Enum, ForeignKey, Identity, Index, Integer, MetaData,
    Numeric, Sequence, String, Table, UniqueConstraint, cast, create_engine, delete, exists, func, insert, inspect,
    literal, select, text, update,
)
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship, selectinload, subqueryload

ADDRESS = "{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**os.environ)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user_account"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30), unique=True)
    data: Mapped[dict] = mapped_column(pg.JSONB, default=dict)
    tags = mapped_column(pg.ARRAY(String), default=list)
    state = mapped_column(Enum("new", "old", name="state"), default="new")
    posts: Mapped[list["Post"]] = relationship(back_populates="user", cascade="all, delete-orphan")


class Post(Base):
    __tablename__ = "post"
    id = mapped_column(Integer, Identity(), primary_key=True)
    user_id = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    title = mapped_column(String, nullable=False, comment="shown on top")
    price = mapped_column(Numeric(8, 2), server_default=text("0"))
    twice = mapped_column(Numeric, Computed("price * 2"))
    at = mapped_column(DateTime(timezone=True), server_default=func.now())
    user = relationship("User", back_populates="posts")
    __table_args__ = (
        Index("post_title_lower", func.lower(title)), Index("post_open", "price", postgresql_where=text("price > 0")),
        UniqueConstraint("user_id", "title", name="one_title"), CheckConstraint("price >= 0", name="price_positive"),
        {"comment": "posts"},
    )


numbers = Table("numbers", Base.metadata, Column("n", Integer, Sequence("numbers_n"), primary_key=True),
                Column("ok", Boolean), Column("j", JSON), Column("r", pg.INT4RANGE), Column("u", pg.UUID), Column("h", pg.TSVECTOR))


def reflect(engine):
    look = inspect(engine)
    look.get_schema_names(); look.default_schema_name
    look.get_table_names(); look.get_view_names(); look.get_materialized_view_names(); look.get_temp_table_names()
    look.get_sequence_names(); look.get_enums(); look.get_domains()
    for schema in (None, "tenant_alpha"):
        for each in (look.get_columns, look.get_pk_constraint, look.get_foreign_keys, look.get_indexes,
                     look.get_unique_constraints, look.get_check_constraints, look.get_table_comment,):
            each("post", schema=schema)
        look.get_multi_columns(schema=schema)
        look.has_table("post", schema=schema); look.has_table("nowhere", schema=schema)
    look.has_sequence("numbers_n"); look.has_index("post", "post_open"); look.get_view_definition("cheap")
    MetaData().reflect(engine, views=True)
    Table("post", MetaData(), autoload_with=engine)


def orm(engine):
    with Session(engine) as session:
        session.add_all([User(name=f"u{n}", posts=[Post(title="a"), Post(title="b", price=n)]) for n in range(5)])
        session.commit()
        user = session.scalars(select(User).where(User.name == "u1")).one()
        user.data = {"a": {"b": 1}}; user.tags = ["x"]; session.flush()
        list(session.scalars(select(User).options(selectinload(User.posts))))
        list(session.scalars(select(User).options(joinedload(User.posts))).unique())
        list(session.scalars(select(User).options(subqueryload(User.posts))))
        list(session.execute(select(User.name, func.count(Post.id)).join(Post).group_by(User.name).having(func.count() > 1)))
        list(session.scalars(select(User).where(User.data["a"]["b"].astext == "1")))
        list(session.scalars(select(User).where(User.data.contains({"a": {}}), User.tags.any("x"))))
        list(session.scalars(select(Post).where(exists().where(User.id == Post.user_id)).order_by(Post.price.desc().nulls_last()).limit(3).offset(1)))
        list(session.scalars(select(User).with_for_update(skip_locked=True, of=User)))
        list(session.scalars(select(User).with_for_update(read=True, nowait=True)))
        with session.begin_nested():
            session.add(User(name="nested"))
        session.execute(update(User).where(User.id == 1).values(name=User.name + "x").returning(User.id))
        session.execute(insert(User).returning(User.id), [{"name": f"m{n}"} for n in range(3)])
        session.execute(update(User), [{"id": 2, "state": "old"}, {"id": 3, "state": "old"}])
        session.delete(user); session.get(User, 2); session.refresh(session.get(User, 3))
        session.execute(delete(User).where(User.name.like("m%")))
        session.commit()


def core(engine):
    with engine.begin() as conn:
        upsert = pg.insert(User).values(name="u1", state="old")
        conn.execute(upsert.on_conflict_do_update(index_elements=["name"], set_={"state": upsert.excluded.state}, where=User.id > 0))
        conn.execute(upsert.on_conflict_do_nothing())
        conn.execute(numbers.insert(), [{"ok": True, "j": {"a": n}} for n in range(3)])
        conn.execute(numbers.insert().values(ok=False, r=None)); conn.scalar(Sequence("numbers_n")); conn.execute(select(numbers.c.n.label("x")))
        tree = select(literal(1).label("n")).cte("tree", recursive=True)
        tree = tree.union_all(select(tree.c.n + 1).where(tree.c.n < 5))
        conn.execute(select(tree)); conn.execute(select(func.row_number().over(order_by=numbers.c.n))); conn.execute(select(func.array_agg(numbers.c.n)))
        gone = delete(numbers).where(numbers.c.n == 1).returning(numbers.c.n).cte("gone")
        conn.execute(select(gone))
        conn.execute(select(numbers).where(numbers.c.n.in_([1, 2, 3]), numbers.c.j["a"].as_integer() == 1))
        conn.execute(select(func.to_tsvector("english", "a cat").bool_op("@@")(func.to_tsquery("english", "cat"))))
        conn.execute(select(func.generate_series(1, 3).table_valued("v").render_derived())); conn.execute(select(pg.array([1, 2]), cast("1", Integer)))
        conn.execute(select(numbers.tablesample(func.bernoulli(50)))); conn.execute(text("SELECT :a ::int"), {"a": 1})
        conn.execute(select(User.name).distinct(User.state).order_by(User.state)); conn.execute(text("TRUNCATE numbers RESTART IDENTITY"))
        conn.execute(text("CREATE VIEW cheap AS SELECT * FROM post WHERE price < 5"))
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as conn:
        conn.execute(select(1)); conn.rollback()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE post"))
    with engine.connect().execution_options(postgresql_readonly=True, postgresql_deferrable=True) as conn:
        conn.execute(select(1))
    with engine.connect().execution_options(stream_results=True, yield_per=2) as conn:
        list(conn.execute(select(Post)))
    with engine.connect() as conn:
        conn.execute(text("CREATE TEMP TABLE scratch (a int) ON COMMIT PRESERVE ROWS")); inspect(conn).get_temp_table_names(); conn.rollback()


async def asynchronous():
    engine = create_async_engine(f"postgresql+asyncpg://{ADDRESS}")
    async with engine.begin() as conn:
        await conn.run_sync(Base.metadata.create_all)
        await conn.execute(insert(User), [{"name": "async1"}, {"name": "async2"}])
        await conn.execute(select(User).where(User.name == "async1", User.tags == ["a"]))
        upsert = pg.insert(User).values(name="async1")
        await conn.execute(upsert.on_conflict_do_update(constraint="user_account_name_key", set_={"state": "old"}))
        await conn.run_sync(lambda sync: inspect(sync).get_multi_columns())
        await conn.run_sync(lambda sync: MetaData().reflect(sync))
    async with engine.connect() as conn:
        result = await conn.stream(select(User)); [row async for row in result]
        async with conn.begin_nested():
            await conn.execute(update(User).values(state="new"))
        await conn.rollback()
    async with engine.begin() as conn:
        await conn.run_sync(Base.metadata.drop_all)
    await engine.dispose()


def alembic():
    from alembic import command, op
    from alembic.config import Config
    config = Config(); config.set_main_option("script_location", "alembic"); config.set_main_option("sqlalchemy.url", f"postgresql+psycopg2://{ADDRESS}")
    config.config_file_name = "alembic.ini"
    command.init(config, "alembic")
    env = open("alembic/env.py", encoding="utf-8").read()
    env = env.replace("fileConfig(config.config_file_name)", "pass").replace("target_metadata = None", "import sys; target_metadata = sys.modules['__main__'].Base.metadata")
    # Alembic sees the tables of `global` as its own, since they are in the path, and would drop them.
    env = env.replace("target_metadata=target_metadata", "target_metadata=target_metadata, compare_server_default=True, include_object=lambda o, name, *_: name != 'countries'")
    open("alembic/env.py", "w", encoding="utf-8").write(env)
    step("alembic revision --autogenerate", lambda: command.revision(config, "first", autogenerate=True))
    step("alembic upgrade", lambda: command.upgrade(config, "head"))
    revision = command.revision(config, "second")
    body = '''
def upgrade():
    op.add_column("post", sa.Column("note", sa.Text(), nullable=True))
    op.alter_column("post", "note", type_=sa.String(20), nullable=False, server_default="x", postgresql_using="note::varchar")
    op.alter_column("post", "note", new_column_name="remark", comment="a remark")
    op.create_index("post_remark", "post", ["remark"], unique=False)
    op.create_check_constraint("remark_short", "post", "length(remark) < 20")
    op.drop_constraint("remark_short", "post", type_="check")
    op.bulk_insert(sa.table("user_account", sa.column("name"), sa.column("tags", sa.ARRAY(sa.String)), sa.column("data", sa.JSON)), [{"name": "seed", "tags": [], "data": {}}])
    op.rename_table("numbers", "digits"); op.execute("ALTER TYPE state ADD VALUE IF NOT EXISTS 'gone'")
    op.create_table_comment("post", "all posts", existing_comment="posts")
    with op.get_context().autocommit_block():
        op.create_index("post_at", "post", ["at"], postgresql_concurrently=True, if_not_exists=True)
def downgrade():
    op.drop_index("post_at", "post"); op.drop_index("post_remark"); op.rename_table("digits", "numbers"); op.drop_column("post", "remark")
'''
    text_ = open(revision.path, encoding="utf-8").read()
    open(revision.path, "w", encoding="utf-8").write(text_[: text_.index("def upgrade")] + body)
    step("alembic upgrade second", lambda: command.upgrade(config, "head"))
    step("alembic current", lambda: command.current(config)); step("alembic history", lambda: command.history(config, indicate_current=True))
    step("alembic check", lambda: command.check(config)); step("alembic downgrade", lambda: command.downgrade(config, "-1"))
    step("alembic stamp", lambda: command.stamp(config, "head")); step("alembic stamp base", lambda: command.stamp(config, "base", purge=True))


sys.stdout.reconfigure(line_buffering=True)
for driver in ("psycopg2", "psycopg"):
    engine = create_engine(f"postgresql+{driver}://{ADDRESS}", pool_pre_ping=True)
    step(f"{driver} create_all", lambda: Base.metadata.create_all(engine))
    step(f"{driver} create_all again", lambda: Base.metadata.create_all(engine))
    step(f"{driver} orm", lambda: orm(engine)); step(f"{driver} core", lambda: core(engine))
    step(f"{driver} reflect", lambda: reflect(engine))
    with engine.begin() as conn:
        step(f"{driver} drop view", lambda: conn.execute(text("DROP VIEW IF EXISTS cheap")))
    step(f"{driver} drop_all", lambda: Base.metadata.drop_all(engine))
    engine.dispose()
for option in ({"executemany_mode": "values_plus_batch"},):
    engine = create_engine(f"postgresql+psycopg2://{ADDRESS}", **option)
    step("psycopg2 batches", lambda: (Base.metadata.create_all(engine), orm(engine), Base.metadata.drop_all(engine)))
    engine.dispose()
asyncio.run(astep("asyncpg", asynchronous))
step("alembic", alembic)
