-- deny: cross_schema
COPY (SELECT * FROM tenant_beta.customers) TO STDOUT;
