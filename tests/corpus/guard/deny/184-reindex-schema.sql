-- deny: cross_schema
REINDEX SCHEMA tenant_beta;
