-- deny: cross_schema
CREATE FUNCTION tenant_beta(p int) RETURNS bigint LANGUAGE sql AS 'SELECT count(tenant_beta.customers.id) FROM tenant_beta.customers';
