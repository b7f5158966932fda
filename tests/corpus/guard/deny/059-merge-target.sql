-- deny: cross_schema
MERGE INTO tenant_beta.customers c USING customers d ON c.id = d.id WHEN MATCHED THEN DELETE;
