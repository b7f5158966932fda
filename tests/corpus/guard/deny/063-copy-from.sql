-- deny: cross_schema
COPY tenant_beta.customers FROM STDIN;
