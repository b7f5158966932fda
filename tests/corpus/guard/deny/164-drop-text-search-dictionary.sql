-- deny: cross_schema
DROP TEXT SEARCH DICTIONARY tenant_beta.d;
