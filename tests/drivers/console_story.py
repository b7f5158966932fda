"""psycopg 3 and psycopg2 at the admin console, by the simple and the extended protocol. CONSOLE_DSN says where, TENANT whom it shows."""

import os

import psycopg
import psycopg2
import psycopg2.extras
from psycopg.rows import dict_row

DSN, TENANT = os.environ["CONSOLE_DSN"], os.environ["TENANT"]


def tell(what):
    print("ok:", what)


def shows(rows, who):
    row = next(row for row in rows if row["database"] == TENANT)
    assert isinstance(row["sv_idle"], int) and row["pool_mode"] == "transaction", row
    tell(f"{who}: SHOW POOLS with types")


def refused(error, code, who):
    assert error == code, (who, error)
    tell(f"{who}: {code}, and the session goes on")


def psycopg_3(autocommit):
    who = f"psycopg 3, autocommit {autocommit}"
    with psycopg.connect(DSN, autocommit=autocommit, row_factory=dict_row) as connection:
        notices = []
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        shows(connection.execute("SHOW POOLS", prepare=False).fetchall(), who)
        shows(connection.execute("SHOW POOLS", prepare=True).fetchall(), who + ", prepared")
        shows(connection.cursor(binary=True).execute("SHOW POOLS").fetchall(), who + ", binary")
        simple = psycopg.ClientCursor(connection, row_factory=dict_row)
        shows(simple.execute("SHOW POOLS").fetchall(), who + ", simple")
        try:
            connection.execute("SELECT 1")
        except psycopg.Error as error:
            connection.rollback()
            refused(error.sqlstate, "42601", who)
        connection.execute(f"PAUSE {TENANT}")
        connection.execute(f"RESUME {TENANT}")
        connection.execute("SHOW HELP")
        assert notices, "SHOW HELP is a notice"
        tell(f"{who}: commands and notices")


def psycopg_2(autocommit):
    who = f"psycopg2, autocommit {autocommit}"
    connection = psycopg2.connect(DSN)
    connection.autocommit = autocommit
    cursor = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
    cursor.execute("SHOW POOLS")
    shows(cursor.fetchall(), who)
    try:
        cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        connection.rollback()
        refused(error.pgcode, "42601", who)
    cursor.execute("SHOW VERSION")
    assert cursor.fetchone()["version"].startswith("pgtenant")
    connection.commit()
    connection.close()
    tell(f"{who}: transactions that it begins by itself")


for autocommit in (True, False):
    psycopg_3(autocommit)
    psycopg_2(autocommit)
