-- deny: cross_schema
CREATE FUNCTION f(tenant_beta.customers) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
