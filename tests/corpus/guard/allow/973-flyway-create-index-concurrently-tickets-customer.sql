-- allow
CREATE INDEX CONCURRENTLY tickets_customer ON tickets (customer_id)
