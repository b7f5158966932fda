-- deny: role_change
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql SET role = 'tenant_beta' AS 'BEGIN RETURN 1; END';
