-- unhardened: opaque_code
 CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a'
