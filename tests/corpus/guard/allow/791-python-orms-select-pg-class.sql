-- allow
SELECT con.conname FROM pg_class cls JOIN pg_namespace ns ON cls.relnamespace = ns.oid JOIN pg_constraint con ON con.conrelid = cls.oid WHERE ns.nspname = 'public' AND cls.relname = 'song' AND con.contype = 'f' AND lower(con.conname) = lower('fk_song__band')
