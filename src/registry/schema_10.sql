-- Registry, version 10: migrations (`pgtenant migrate`). One row for each file and schema.
-- A row is written before its transaction commits, with that transaction's number: whether the file was applied is what
-- PostgreSQL says became of that transaction, also for whoever comes after a crash. A file that runs outside a transaction
-- has no number.
CREATE TABLE pgtenant.template_migrations (
    number     bigint PRIMARY KEY CHECK (number > 0),
    name       text NOT NULL,
    checksum   bytea NOT NULL CHECK (pg_catalog.octet_length(checksum) = 32),
    state      text NOT NULL CHECK (state IN ('running', 'applied', 'failed')),
    xid        text CHECK (xid COLLATE "C" ~ '^[0-9]{1,20}$'),
    error      text,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE TABLE pgtenant.migrations (
    tenant_id  uuid NOT NULL REFERENCES pgtenant.tenants (id) ON DELETE CASCADE,
    number     bigint NOT NULL CHECK (number > 0),
    name       text NOT NULL,
    checksum   bytea NOT NULL CHECK (pg_catalog.octet_length(checksum) = 32),
    state      text NOT NULL CHECK (state IN ('running', 'applied', 'failed')),
    xid        text CHECK (xid COLLATE "C" ~ '^[0-9]{1,20}$'),
    error      text,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (tenant_id, number)
);

-- What an interrupted run may have left, and what failed: few rows among many.
CREATE INDEX migrations_odd ON pgtenant.migrations (tenant_id) WHERE state <> 'applied';

-- Held by the one that migrates. Not an advisory lock, which a tenant could take.
CREATE TABLE pgtenant.migration_run ();

-- What proxies go by: while a tenant's schema changes they prepare its statements anew in each transaction, and when the
-- epoch has moved they prepare each once more.
CREATE TABLE pgtenant.schema_states (
    tenant_id uuid PRIMARY KEY REFERENCES pgtenant.tenants (id) ON DELETE CASCADE,
    epoch     bigint NOT NULL DEFAULT 0,
    changing  boolean NOT NULL DEFAULT false
);
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON pgtenant.schema_states
    FOR EACH ROW EXECUTE FUNCTION pgtenant.announce('tenant_id');
CREATE TRIGGER announce_all AFTER TRUNCATE ON pgtenant.schema_states
    FOR EACH STATEMENT EXECUTE FUNCTION pgtenant.announce();

-- What became of a transaction: 'committed', 'aborted', 'in progress', or NULL where PostgreSQL has forgotten it. It knows
-- nothing of one that is newer than all it has seen the end of.
CREATE FUNCTION pgtenant.fate(xid text) RETURNS text LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT CASE WHEN xid::xid8 < pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
        THEN pg_catalog.pg_xact_status(xid::xid8) ELSE 'in progress' END
$$;
