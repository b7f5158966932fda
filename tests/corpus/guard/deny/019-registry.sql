-- deny: cross_schema
SELECT * FROM pgtenant.tenants;
