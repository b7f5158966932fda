-- unhardened: opaque_code
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = tenant_alpha, pg_temp AS 'BEGIN RETURN 1; END';
