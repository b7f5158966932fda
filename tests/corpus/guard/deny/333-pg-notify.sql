-- deny: notify
SELECT pg_notify('c', 'x');
