-- deny: cross_schema
SELECT * FROM pg_toast.pg_toast_16384;
