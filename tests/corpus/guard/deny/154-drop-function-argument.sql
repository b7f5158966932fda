-- deny: cross_schema
DROP FUNCTION f(tenant_beta.customers);
