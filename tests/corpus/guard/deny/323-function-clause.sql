-- deny: search_path
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql SET search_path = tenant_beta AS 'BEGIN END';
