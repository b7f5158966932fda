-- deny: cross_schema
ALTER INDEX tenant_beta.customers_pkey RENAME TO x;
