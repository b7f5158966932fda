-- deny: setting
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql SET exit_on_error = on AS 'BEGIN RETURN 1; END';
