-- deny: cross_schema
CREATE CAST (tenant_beta.a AS text) WITH INOUT;
