-- deny: cross_schema
SELECT '{customers,tenant_beta.customers}'::regclass[];
