-- deny: cross_schema
ALTER TABLE tenant_beta.customers OWNER TO CURRENT_USER;
