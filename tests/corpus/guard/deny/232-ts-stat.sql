-- deny: cross_schema
SELECT * FROM ts_stat('SELECT v FROM tenant_beta.docs');
