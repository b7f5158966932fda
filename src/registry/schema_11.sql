-- Registry, version 11: tenants that are to be dropped, the owner that the schema of an adopted tenant had, settings that the
-- sessions of a tenant begin with ({"timezone": "Europe/Berlin"}), and names that are not given to another tenant: a proxy that has not heard of a change would take one tenant for the other.
ALTER TABLE pgtenant.tenants DROP CONSTRAINT tenants_status_check;
ALTER TABLE pgtenant.tenants
    ADD CONSTRAINT tenants_status_check CHECK (status IN ('creating', 'active', 'suspended', 'dropping')),
    ADD COLUMN drop_after timestamptz,
    -- What undrop goes back to.
    ADD COLUMN status_before_drop text CHECK (status_before_drop IN ('creating', 'active', 'suspended')),
    -- Some of its objects are gone: there is no way back.
    ADD COLUMN drop_begun boolean NOT NULL DEFAULT false,
    ADD COLUMN adopted_from text,
    ADD COLUMN settings jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(settings) = 'object'),
    ADD CONSTRAINT tenants_drop_check
        CHECK ((status = 'dropping') = (drop_after IS NOT NULL AND status_before_drop IS NOT NULL));

-- Names of schemas and roles (`object`) and slugs that were a tenant's, which may be gone.
CREATE TABLE pgtenant.former_names (
    kind      text NOT NULL CHECK (kind IN ('object', 'slug')),
    name      text NOT NULL,
    tenant_id uuid NOT NULL,
    until     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (kind, name, tenant_id)
);
