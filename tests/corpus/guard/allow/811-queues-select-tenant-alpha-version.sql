-- allow
SELECT version from tenant_alpha.version
