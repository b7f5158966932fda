-- deny: cross_schema
DO $$BEGIN NULL; END$$; SELECT * FROM tenant_beta.customers;
