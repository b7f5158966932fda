-- deny: cross_schema
LOCK TABLE tenant_beta.customers IN ACCESS EXCLUSIVE MODE;
