-- deny: unparsable
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELEC 1';
