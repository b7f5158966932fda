-- deny: cross_schema
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM tenant_beta.customers';
