-- allow
SELECT viewname, definition FROM pg_catalog.pg_views WHERE schemaname = 'public' ORDER BY viewname
