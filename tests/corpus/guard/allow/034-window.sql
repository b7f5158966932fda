-- allow
SELECT id, rank() OVER w FROM tickets WINDOW w AS (PARTITION BY status ORDER BY created_at);
