-- allow
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON customers USING btree (lower(name) text_pattern_ops DESC NULLS LAST) INCLUDE (email, id) WHERE deleted_at IS NULL;
