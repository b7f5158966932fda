-- deny: cross_schema
SELECT CASE WHEN true THEN (SELECT 1 FROM tenant_beta.customers) END;
