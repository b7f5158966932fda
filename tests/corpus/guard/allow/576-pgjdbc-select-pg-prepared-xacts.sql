-- allow
SELECT gid FROM pg_prepared_xacts where database = current_database()
