-- deny: cross_schema
SELECT to_tsvector('tenant_beta.german', name) FROM customers;
