-- deny: cross_schema
CREATE FUNCTION f() RETURNS SETOF tenant_beta.customers LANGUAGE plpgsql AS 'BEGIN END';
