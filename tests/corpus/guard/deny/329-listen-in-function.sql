-- deny: notify
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'LISTEN c';
