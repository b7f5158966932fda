-- Registry, version 6: API keys. Only the SHA-256 of a key's secret is kept: the secret is 256 random bits, so nobody finds it by
-- trying, and a slow hash would add nothing. A key that is revoked stays, for the record.
CREATE TABLE pgtenant.api_keys (
    id           text PRIMARY KEY CHECK (id COLLATE "C" ~ '^[0-9a-f]{12}$'),
    tenant_id    uuid NOT NULL REFERENCES pgtenant.tenants (id) ON DELETE CASCADE,
    name         text NOT NULL DEFAULT '' CHECK (pg_catalog.char_length(name) <= 200),
    access       text NOT NULL CHECK (access IN ('read_only', 'read_write')),
    digest       bytea NOT NULL CHECK (pg_catalog.octet_length(digest) = 32),
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_keys_tenant_id ON pgtenant.api_keys (tenant_id);
-- Not for last_used_at: proxies write it, and would tell each other of every login.
CREATE TRIGGER announce AFTER INSERT OR DELETE OR UPDATE OF id, tenant_id, access, digest, expires_at, revoked_at
    ON pgtenant.api_keys FOR EACH ROW EXECUTE FUNCTION pgtenant.announce('tenant_id');
CREATE TRIGGER announce_all AFTER TRUNCATE ON pgtenant.api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION pgtenant.announce();
