-- deny: cross_schema
SELECT ts_rewrite('a', 'SELECT a, b FROM tenant_beta.aliases');
