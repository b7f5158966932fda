-- deny: cross_schema
REFRESH MATERIALIZED VIEW tenant_beta.v;
