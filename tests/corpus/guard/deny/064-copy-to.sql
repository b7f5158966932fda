-- deny: cross_schema
COPY tenant_beta.customers TO STDOUT;
