-- Registry, version 7: the role of a tenant's sessions that only read (NULL until `pgtenant tenant create` made it), and users
-- that may only read.
ALTER TABLE pgtenant.tenants ADD COLUMN reader_role text UNIQUE
    CHECK (pg_catalog.octet_length(reader_role) BETWEEN 1 AND 63);
ALTER TABLE pgtenant.users ADD COLUMN access text NOT NULL DEFAULT 'read_write'
    CHECK (access IN ('read_write', 'read_only'));
