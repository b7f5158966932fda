-- deny: cross_schema
DROP COLLATION tenant_beta.c;
