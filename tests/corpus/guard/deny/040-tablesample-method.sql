-- deny: cross_schema
SELECT * FROM customers TABLESAMPLE tenant_beta.m (1);
