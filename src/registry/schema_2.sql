-- Registry, version 2: what the notification channels of a tenant begin with on the server. A secret that the
-- proxy derives from the master key, kept here for the functions that add it in the database. Tenants cannot
-- read it.
CREATE TABLE pgtenant.channels (
    tenant_id uuid PRIMARY KEY REFERENCES pgtenant.tenants (id) ON DELETE CASCADE,
    role_name text NOT NULL UNIQUE,
    prefix    text NOT NULL CHECK (prefix COLLATE "C" ~ '^[0-9a-f]{24}$')
);
