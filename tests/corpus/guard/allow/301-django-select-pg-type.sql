-- allow
SELECT oid, typarray FROM pg_type WHERE typname = 'hstore'
