-- deny: cross_schema
ALTER TABLE tickets ADD FOREIGN KEY (customer_id) REFERENCES tenant_beta.customers (id) NOT VALID;
