-- deny: cross_schema
MERGE INTO customers c USING tenant_beta.customers d ON c.id = d.id WHEN NOT MATCHED THEN INSERT VALUES (d.id);
