-- deny: cross_schema
SELECT 1 FROM customers GROUP BY GROUPING SETS ((tenant_beta.f(name)), ());
