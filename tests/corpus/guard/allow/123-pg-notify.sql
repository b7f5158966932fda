-- unhardened: notify
SELECT pg_notify('c', 'x');
