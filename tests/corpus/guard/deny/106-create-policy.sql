-- deny: cross_schema
CREATE POLICY p ON customers USING (EXISTS (SELECT FROM tenant_beta.customers));
