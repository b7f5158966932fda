-- deny: search_path
SET SCHEMA 'tenant_beta';
