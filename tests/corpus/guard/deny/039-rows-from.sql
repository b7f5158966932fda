-- deny: cross_schema
SELECT * FROM ROWS FROM (tenant_beta.f(), generate_series(1, 2));
