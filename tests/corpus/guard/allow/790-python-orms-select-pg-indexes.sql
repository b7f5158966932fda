-- allow
SELECT indexname FROM pg_catalog.pg_indexes WHERE schemaname = 'public' AND tablename = 'song' AND lower(indexname) = lower('idx_song__band')
