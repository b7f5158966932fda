-- deny: cross_schema
TABLE tenant_beta.customers;
