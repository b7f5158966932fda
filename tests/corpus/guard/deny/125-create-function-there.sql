-- deny: cross_schema
CREATE FUNCTION tenant_beta.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
