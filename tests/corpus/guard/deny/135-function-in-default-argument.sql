-- deny: cross_schema
CREATE FUNCTION f(a int DEFAULT tenant_beta.g()) RETURNS int LANGUAGE plpgsql AS 'BEGIN END';
