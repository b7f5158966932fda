-- unhardened: notify
CREATE RULE r AS ON INSERT TO customers DO ALSO SELECT pg_notify('c', '');
