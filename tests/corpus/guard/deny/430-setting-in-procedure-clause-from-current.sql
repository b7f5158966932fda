-- deny: setting
CREATE PROCEDURE p() LANGUAGE sql SET local_preload_libraries FROM CURRENT AS 'SELECT 1';
