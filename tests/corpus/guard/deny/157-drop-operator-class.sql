-- deny: cross_schema
DROP OPERATOR CLASS tenant_beta.ops USING btree;
