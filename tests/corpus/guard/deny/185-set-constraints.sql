-- deny: cross_schema
SET CONSTRAINTS tenant_beta.fk DEFERRED;
