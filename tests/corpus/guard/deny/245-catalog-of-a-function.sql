-- deny: cross_database
SELECT app.tenant_alpha.f();
