-- Registry, version 4: who keeps a tenant apart (see `pgtenant tenant level`), the role that the server connections of
-- tenants of level shared log in as (NULL before `pgtenant init` has made it), and whether the database is meant to be
-- hardened: where it is and the hardening is not in force, tenants of level shared are out of service.
ALTER TABLE pgtenant.tenants ADD COLUMN isolation text NOT NULL DEFAULT 'dedicated'
    CHECK (isolation IN ('dedicated', 'shared'));
ALTER TABLE pgtenant.installation ADD COLUMN pool_role text;
ALTER TABLE pgtenant.installation ADD COLUMN hardened boolean NOT NULL DEFAULT false;
UPDATE pgtenant.installation SET hardened = EXISTS (
    SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pgtenant_guard');
