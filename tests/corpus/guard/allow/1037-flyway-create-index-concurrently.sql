-- allow
CREATE INDEX CONCURRENTLY no_such ON nowhere (id)
