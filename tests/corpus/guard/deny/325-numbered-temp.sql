-- deny: search_path
SET search_path = pg_temp_3;
