-- Registry, version 13: on which of several PostgreSQL clusters a tenant's schema and roles are. `main` is the database that this
-- table is in, whichever cluster that is of. Where it is another, schema, roles, level, password number, channels and the state
-- of the schema are what the registry there says; users, keys and limits are only here.
ALTER TABLE pgtenant.tenants ADD COLUMN cluster text NOT NULL DEFAULT 'main'
    CHECK (cluster COLLATE "C" ~ '^[a-z0-9_]{1,32}$');
CREATE INDEX tenants_cluster ON pgtenant.tenants (cluster) WHERE cluster <> 'main';

-- Those whose schema and roles are in this database, for all that looks at these.
CREATE VIEW pgtenant.tenants_here AS
    SELECT t.id, t.slug, t.status, t.schema_name, t.role_name, t.reader_role, t.isolation, t.password_key
    FROM pgtenant.tenants t WHERE t.cluster = 'main';
