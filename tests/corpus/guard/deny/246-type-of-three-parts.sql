-- deny: cross_database
SELECT NULL::app.tenant_alpha.mood;
