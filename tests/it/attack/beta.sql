-- The victim: everything the corpus names, so that its statements would succeed if nothing stopped them.
-- MARKER stands in rows only, never in a definition: catalogs are readable by everybody.
CREATE TABLE customers (id serial PRIMARY KEY, name text, email text UNIQUE, x int, CONSTRAINT c CHECK (id > 0));
INSERT INTO customers (name, email, x)
    SELECT 'MARKER ' || n % 3, 'MARKER' || n || '@example.org', n FROM generate_series(1, 40) AS n;
CREATE TABLE accounts (id int PRIMARY KEY);
INSERT INTO accounts VALUES (1);
CREATE TABLE tickets (id int PRIMARY KEY, customer_id int, body text,
    CONSTRAINT fk FOREIGN KEY (customer_id) REFERENCES accounts DEFERRABLE);
INSERT INTO tickets VALUES (1, 1, 'MARKER');
CREATE TABLE notes_of_beta (body text);
INSERT INTO notes_of_beta VALUES ('MARKER');
INSERT INTO notes (body) VALUES ('MARKER');
CREATE TABLE docs (v tsvector, x xml, j jsonb);
INSERT INTO docs VALUES ('MARKER', '<a>MARKER</a>', '{"a": "MARKER"}');
CREATE TABLE aliases (a tsquery, b tsquery);
INSERT INTO aliases VALUES ('a', 'MARKER');
CREATE TABLE t (a text, b text, c text);
INSERT INTO t VALUES ('MARKER', 'x', 'MARKER');
CREATE TABLE events (n int, body text) PARTITION BY RANGE (n);
CREATE TABLE events_here PARTITION OF events FOR VALUES FROM (1) TO (1000);
INSERT INTO events VALUES (1, 'MARKER');
CREATE TABLE events_1 (n int, body text);
INSERT INTO events_1 VALUES (2, 'MARKER');
CREATE TABLE ledger (n bigint, owner text);
INSERT INTO ledger VALUES (0, 'MARKER');
CREATE TABLE secured (body text);
INSERT INTO secured VALUES ('MARKER');
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE INDEX i ON customers (x);
ALTER TABLE customers CLUSTER ON customers_pkey;
CREATE SEQUENCE s;
CREATE STATISTICS s ON name, email FROM customers;
CREATE VIEW v AS SELECT body FROM notes_of_beta;
CREATE MATERIALIZED VIEW m AS SELECT body FROM notes_of_beta;
CREATE TYPE customer AS (id int, name text);
CREATE TYPE mood AS ENUM ('b');
CREATE TYPE a AS (x text);
CREATE CAST (a AS text) WITH INOUT;

-- Functions that tell a row to whoever may call them: they run with their owner's rights, and all that
-- stands before them is USAGE on the schema.
CREATE FUNCTION tell() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN RAISE NOTICE '%', (SELECT name FROM tenant_beta.customers LIMIT 1); END $$;
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
    'BEGIN PERFORM tenant_beta.tell(); RETURN 1; END';
CREATE FUNCTION f(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
    'BEGIN PERFORM tenant_beta.tell(); RETURN true; END';
CREATE FUNCTION f(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
    'BEGIN PERFORM tenant_beta.tell(); RETURN true; END';
CREATE FUNCTION f(int, text) RETURNS int LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
    'BEGIN PERFORM tenant_beta.tell(); RETURN 1; END';
CREATE FUNCTION f(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
    'BEGIN PERFORM tenant_beta.tell(); RETURN 1; END';
CREATE FUNCTION same(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
    'BEGIN PERFORM tenant_beta.tell(); RETURN true; END';
CREATE FUNCTION less(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE SECURITY DEFINER AS 'SELECT $1 < $2';
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE p() LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM tenant_beta.tell(); END';
CREATE AGGREGATE a (int) (SFUNC = f, STYPE = int);
-- As if somebody had opened them: not so g, which a domain runs, and a domain can be used without its name.
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA tenant_beta TO PUBLIC;
CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
    'BEGIN PERFORM tenant_beta.tell(); RETURN 1; END';
CREATE DOMAIN d AS int CONSTRAINT c CHECK (g() = VALUE);
CREATE OPERATOR + (LEFTARG = int, RIGHTARG = int, FUNCTION = f);
CREATE OPERATOR = (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
CREATE OPERATOR < (LEFTARG = text, RIGHTARG = text, FUNCTION = less);
CREATE COLLATION german (LOCALE = 'C');
CREATE COLLATION c (LOCALE = 'C');
CREATE TEXT SEARCH CONFIGURATION german (COPY = pg_catalog.simple);
CREATE TEXT SEARCH CONFIGURATION c (COPY = pg_catalog.simple);
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = pg_catalog.simple);
CREATE TRIGGER t BEFORE INSERT ON notes_of_beta FOR EACH ROW EXECUTE FUNCTION on_change();
CREATE TRIGGER t BEFORE UPDATE OF x ON customers FOR EACH ROW EXECUTE FUNCTION on_change();
CREATE POLICY p ON customers USING (true);
CREATE RULE r AS ON UPDATE TO customers WHERE false DO ALSO NOTHING;
SELECT lo_from_bytea(4711, 'MARKER');
ANALYZE;
