-- deny: cross_schema
SELECT * FROM pg_temp_3.secrets;
