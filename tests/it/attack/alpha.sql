-- The attacker's own objects, by the names the corpus uses for them.
-- A new tenant has the template's.
DROP TABLE IF EXISTS customers;
CREATE TABLE customers (id serial PRIMARY KEY, name text, email text, x int);
INSERT INTO customers (name, email, x) VALUES ('alpha', 'alpha@example.org', 1), ('second', 'second@example.org', 2);
CREATE TABLE tickets (id int PRIMARY KEY, customer_id int, body text);
INSERT INTO tickets VALUES (1, 1, 'own');
CREATE TABLE events (n int, body text) PARTITION BY RANGE (n);
CREATE SEQUENCE s;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION f(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION f(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN END';
CREATE TEXT SEARCH CONFIGURATION c (PARSER = pg_catalog.default);
-- Tells every value it is shown, and is cheap enough to be asked before anything else.
CREATE FUNCTION leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
    'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END';
CREATE OPERATOR <<< (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_catalog.text_lt);
