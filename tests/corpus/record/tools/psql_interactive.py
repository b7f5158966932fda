"""psql on a terminal: TAB completion and the editing commands send queries of their own."""

import os
import pty
import re
import select
import subprocess
import sys
import time

SETUP = """
CREATE TABLE customers (id int PRIMARY KEY, name text, mood text);
CREATE TABLE tickets (id int PRIMARY KEY, customer int REFERENCES customers, status text);
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE VIEW open_tickets AS SELECT * FROM tickets;
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamp BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION touch();
CREATE SEQUENCE numbers;
CREATE INDEX tickets_status ON tickets (status);
"""

# Each is typed, completed with TAB twice, and thrown away (Ctrl-A, Ctrl-K, Enter).
TYPED = [
    "SELECT * FROM ", "SELECT * FROM cus", "SELECT * FROM tenant_alpha.", "SELECT * FROM pg_catalog.pg_cl",
    "SELECT name FROM customers WHERE ", "SELECT name FROM customers WHERE na", "SELECT * FROM tenant_al",
    "INSERT INTO ", "INSERT INTO customers (", "UPDATE ", "UPDATE customers SET ", "DELETE FROM ",
    "ALTER TABLE ", "ALTER TABLE customers ALTER COLUMN ", "ALTER TABLE customers DROP COLUMN ",
    "ALTER TABLE customers DROP CONSTRAINT ", "ALTER TABLE tickets VALIDATE CONSTRAINT ",
    "ALTER TABLE tickets DISABLE TRIGGER ", "ALTER TABLE tickets CLUSTER ON ", "ALTER INDEX ", "ALTER VIEW ",
    "ALTER SEQUENCE ", "ALTER TYPE ", "ALTER TYPE colour RENAME VALUE ", "ALTER FUNCTION ", "ALTER FUNCTION f (",
    "ALTER TRIGGER stamp ON ", "ALTER TABLE customers OWNER TO ", "ALTER ROLE ", "ALTER DATABASE ",
    "ALTER TABLE customers SET SCHEMA ", "ALTER EXTENSION ", "ALTER DOMAIN ", "ALTER AGGREGATE ",
    "DROP TABLE ", "DROP VIEW ", "DROP INDEX ", "DROP FUNCTION ", "DROP FUNCTION f (", "DROP TRIGGER ",
    "DROP TRIGGER stamp ON ", "DROP TYPE ", "DROP SCHEMA ", "DROP SEQUENCE ", "DROP MATERIALIZED VIEW ",
    "DROP POLICY ", "DROP RULE ", "DROP STATISTICS ", "DROP EXTENSION ", "DROP ROLE ",
    "CREATE INDEX ON ", "CREATE INDEX i ON customers (", "CREATE INDEX i ON customers USING ",
    "CREATE TABLE x PARTITION OF ", "CREATE TRIGGER t BEFORE UPDATE ON ",
    "CREATE TRIGGER t BEFORE UPDATE ON tickets EXECUTE FUNCTION ", "CREATE POLICY p ON ", "CREATE RULE r AS ON ",
    "CREATE SCHEMA AUTHORIZATION ", "CREATE EXTENSION ", "CREATE DATABASE x TEMPLATE ",
    "COMMENT ON TABLE ", "COMMENT ON COLUMN customers.", "COMMENT ON CONSTRAINT ", "COMMENT ON FUNCTION ",
    "COPY ", "COPY customers (", "GRANT SELECT ON ", "GRANT SELECT ON customers TO ", "GRANT ",
    "GRANT USAGE ON SCHEMA ", "REVOKE SELECT ON ", "SET ", "SET search_path TO ", "SET timezone TO ",
    "SET ROLE ", "SET SESSION AUTHORIZATION ", "SHOW ", "RESET ", "TRUNCATE ", "VACUUM ", "ANALYZE ",
    "VACUUM customers (", "CLUSTER ", "CLUSTER customers USING ", "REINDEX TABLE ", "REINDEX INDEX ",
    "LOCK TABLE ", "REFRESH MATERIALIZED VIEW ", "EXECUTE ", "DEALLOCATE ", "FETCH ALL FROM ", "CLOSE ",
    "MERGE INTO ", "MERGE INTO customers USING ", "CALL ", "LISTEN ", "NOTIFY ", "SELECT pg_size_pre",
    "TABLE ", "EXPLAIN SELECT * FROM ", "SECURITY LABEL ON TABLE ", "REASSIGN OWNED BY ", "IMPORT FOREIGN SCHEMA ",
    "\\d ", "\\dt ", "\\di ", "\\dv ", "\\df ", "\\dT ", "\\dn ", "\\du ", "\\ds ", "\\dD ", "\\dF ", "\\des ",
    "\\dew ", "\\dx ", "\\dX ", "\\dy ", "\\dP ", "\\dm ", "\\dA ", "\\db ", "\\l ", "\\c ", "\\sf ", "\\sv ",
    "\\ef ", "\\ev ", "\\z ", "\\password ", "\\encoding ", "\\h SEL", "\\dconfig ", "\\dc ", "\\do ",
]


READLINE = """
set completion-query-items 0
set page-completions off
set enable-bracketed-paste off
set bell-style none
"""


class Psql:
    def __init__(self):
        master, slave = pty.openpty()
        with open("inputrc", "w", encoding="utf-8") as inputrc:
            inputrc.write(READLINE)
        environment = os.environ | {
            "PSQLRC": "/dev/null", "TERM": "xterm", "PSQL_EDITOR": "true", "PAGER": "cat", "INPUTRC": "inputrc",
            "PSQL_PAGER": "cat", "PGAPPNAME": "tab", "PSQL_HISTORY": "/dev/null",
        }
        self.fd = master
        self.process = subprocess.Popen(
            ["psql", "-X"], stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)

    def read(self, until=None, patience=3.0):
        """What is written until the pattern is seen, or nothing comes for a moment."""
        text, end = "", time.monotonic() + patience
        while time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], 0.12 if until is None else 0.5)
            if not ready:
                if until is None:
                    break
                continue
            text += os.read(self.fd, 1 << 16).decode(errors="replace")
            if until is not None and re.search(until, text):
                break
        return text

    def write(self, text):
        os.write(self.fd, text.encode())


def main():
    subprocess.run(["psql", "-Xq", "-c", SETUP], check=True, env=os.environ | {"PGAPPNAME": "setup"})
    psql = Psql()
    if "=>" not in psql.read("=> "):
        sys.exit("FAIL prompt: psql shows none")
    for typed in TYPED:
        psql.write(typed + "\t\t")
        psql.read()
        psql.write("\x01\x0b\r")
        if "=>" in psql.read("=> "):
            print(f"ok tab after {typed}", flush=True)
        else:
            print(f"FAIL tab after {typed}: no prompt")
    for line in ["\\ef f", "\\ef touch()", "\\ev open_tickets", "\\errverbose", "SELECT 1 +", "\\e"]:
        psql.write(line + "\r")
        psql.read()
        psql.write("\\r\r")
        psql.read()
        psql.write("\r")
        psql.read("=> ")
    psql.write("\\q\r")
    psql.process.wait(timeout=10)
    print("ok quit")


main()
