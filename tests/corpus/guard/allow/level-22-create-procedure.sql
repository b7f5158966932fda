-- unhardened: opaque_code
CREATE PROCEDURE close_month() LANGUAGE plpgsql AS 'BEGIN END';
