-- unhardened: opaque_code
CREATE FUNCTION f() RETURNS int LANGUAGE sql SET statement_timeout = '1s' SET work_mem = '4MB' SET search_path FROM CURRENT SET app.x = 'y' SET TimeZone FROM CURRENT AS 'SELECT 1'; ALTER FUNCTION f() SET lock_timeout = 1 RESET work_mem RESET trace_sort; ALTER FUNCTION f() RESET ALL;
