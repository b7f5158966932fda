-- deny: cross_schema
CREATE OR REPLACE VIEW tenant_beta.v AS SELECT 1;
