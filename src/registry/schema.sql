-- Registry, version 1. Run once by `pgtenant init`, in one transaction with the versions row.
-- Everything is schema-qualified: nothing here depends on search_path.

-- One row: which roles of this database are ours. Roles belong to the whole server, so another
-- database's registry may have others.
CREATE TABLE pgtenant.installation (
    singleton     boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    registry_role text NOT NULL,
    tenants_role  text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT pg_catalog.now()
);

CREATE TABLE pgtenant.tenants (
    id                 uuid PRIMARY KEY,
    slug               text NOT NULL UNIQUE
        CHECK (slug COLLATE "C" ~ '^[a-z0-9_]+$' AND pg_catalog.octet_length(slug) <= 56),
    name               text NOT NULL CHECK (name <> ''),
    stripe_customer_id text UNIQUE CHECK (stripe_customer_id <> ''),
    status             text NOT NULL CHECK (status IN ('creating', 'active', 'suspended')),
    schema_name        text NOT NULL UNIQUE CHECK (pg_catalog.octet_length(schema_name) BETWEEN 1 AND 63),
    role_name          text NOT NULL UNIQUE CHECK (pg_catalog.octet_length(role_name) BETWEEN 1 AND 63),
    password_version   integer NOT NULL DEFAULT 1 CHECK (password_version > 0),
    created_at         timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at         timestamptz NOT NULL DEFAULT pg_catalog.now()
);

CREATE TABLE pgtenant.users (
    user_name  text PRIMARY KEY CHECK (pg_catalog.octet_length(user_name) BETWEEN 1 AND 63),
    tenant_id  uuid NOT NULL REFERENCES pgtenant.tenants (id) ON DELETE CASCADE,
    verifier   text NOT NULL CHECK (verifier COLLATE "C" ~
        '^SCRAM-SHA-256\$[1-9][0-9]{3,6}:[A-Za-z0-9+/]+={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$'),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE INDEX users_tenant_id ON pgtenant.users (tenant_id);

CREATE FUNCTION pgtenant.touch() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.updated_at := pg_catalog.now();
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON pgtenant.tenants FOR EACH ROW EXECUTE FUNCTION pgtenant.touch();

-- Says which tenant changed; its argument is the column with the tenant's id. A user may move from
-- one tenant to another: both are told. Without a row (TRUNCATE) the payload is empty: all changed.
CREATE FUNCTION pgtenant.announce() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_LEVEL = 'STATEMENT' THEN
        PERFORM pg_catalog.pg_notify('pgtenant_registry', '');
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_catalog.pg_notify('pgtenant_registry', pg_catalog.to_jsonb(OLD) ->> TG_ARGV[0]);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pg_catalog.pg_notify('pgtenant_registry', pg_catalog.to_jsonb(NEW) ->> TG_ARGV[0]);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON pgtenant.tenants
    FOR EACH ROW EXECUTE FUNCTION pgtenant.announce('id');
CREATE TRIGGER announce_all AFTER TRUNCATE ON pgtenant.tenants
    FOR EACH STATEMENT EXECUTE FUNCTION pgtenant.announce();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON pgtenant.users
    FOR EACH ROW EXECUTE FUNCTION pgtenant.announce('tenant_id');
CREATE TRIGGER announce_all AFTER TRUNCATE ON pgtenant.users
    FOR EACH STATEMENT EXECUTE FUNCTION pgtenant.announce();
