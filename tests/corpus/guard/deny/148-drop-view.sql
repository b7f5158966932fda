-- deny: cross_schema
DROP VIEW tenant_beta.v;
