-- deny: cross_schema
SELECT * FROM global.crosstab('SELECT a, b, c FROM tenant_beta.t') AS x(a text, b text);
