-- allow
SELECT setval(pg_get_serial_sequence('"customers"','id'), coalesce(max("id"), 1), max("id") IS NOT null) FROM "customers";
