-- deny: cross_schema
CREATE TEXT SEARCH CONFIGURATION c (COPY = tenant_beta.c);
