-- unhardened: notify
SELECT pg_catalog.pg_notify('c', 'x');
