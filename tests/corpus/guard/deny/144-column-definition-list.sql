-- deny: cross_schema
SELECT * FROM json_to_record('{}') AS x(a tenant_beta.mood);
