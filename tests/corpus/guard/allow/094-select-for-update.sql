-- allow
SELECT * FROM tickets WHERE status = $1 ORDER BY id FOR UPDATE OF tickets SKIP LOCKED LIMIT 1;
