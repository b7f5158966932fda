-- deny: cross_schema
SELECT * FROM base_template.customers;
