-- allow
VACUUM ANALYZE post
