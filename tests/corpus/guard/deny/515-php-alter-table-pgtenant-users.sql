-- deny: cross_schema
ALTER TABLE pgtenant.users DROP CONSTRAINT users_tenant_id_fkey
