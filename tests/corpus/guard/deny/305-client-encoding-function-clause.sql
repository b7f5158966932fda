-- deny: fixed_setting
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql SET client_encoding = 'GBK' AS 'BEGIN END';
