-- deny: setting
CREATE FUNCTION f() RETURNS int LANGUAGE sql SET "role=tenant_beta.x" = '' AS 'SELECT 1';
