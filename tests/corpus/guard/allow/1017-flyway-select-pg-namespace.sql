-- allow
SELECT COUNT(*) FROM pg_namespace WHERE nspname=$1
