-- allow
CREATE STATISTICS s (ndistinct, dependencies) ON customer_id, status FROM tickets;
