-- deny: cross_schema
DROP OPERATOR tenant_beta.=== (int, int);
