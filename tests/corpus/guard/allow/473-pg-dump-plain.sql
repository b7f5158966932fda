-- allow
LOCK TABLE tenant_alpha.customers IN ACCESS SHARE MODE
