-- deny: cross_schema
SELECT*FROM"tenant_beta"."customers"
