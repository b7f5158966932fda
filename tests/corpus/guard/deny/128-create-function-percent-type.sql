-- deny: cross_schema
CREATE FUNCTION f(a tenant_beta.customers.id%TYPE) RETURNS int LANGUAGE plpgsql AS 'BEGIN END';
