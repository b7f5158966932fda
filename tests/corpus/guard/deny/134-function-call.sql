-- deny: cross_schema
SELECT tenant_beta.f();
