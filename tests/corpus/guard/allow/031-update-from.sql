-- allow
UPDATE tickets t SET status = s.status FROM statuses s WHERE s.id = t.id;
