-- deny: setting
SET LOCAL "PgTenant.Tenant" = 'beta';
