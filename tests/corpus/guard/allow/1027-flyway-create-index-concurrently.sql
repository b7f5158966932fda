-- allow
CREATE INDEX CONCURRENTLY tickets_state ON tickets (state)
