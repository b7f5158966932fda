-- deny: cross_schema
SELECT * FROM Tenant_Beta . "customers";
