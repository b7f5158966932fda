-- Version 9: what the HTTP API has to remember.

-- Requests with an Idempotency-Key, for a day. The answer is sealed with the master key: it may hold a password that is shown once.
CREATE TABLE pgtenant.api_requests (
    key         text PRIMARY KEY CHECK (pg_catalog.octet_length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL,
    status      integer,
    answer      bytea,
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CHECK ((status IS NULL) = (answer IS NULL))
);
CREATE INDEX api_requests_created_at ON pgtenant.api_requests (created_at);

-- Events of the payment provider that were handled: none counts twice, and none that is older than one that counted.
CREATE TABLE pgtenant.stripe_events (
    id          text PRIMARY KEY,
    customer_id text NOT NULL,
    created     bigint NOT NULL,
    handled_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE INDEX stripe_events_customer_id ON pgtenant.stripe_events (customer_id, created);

-- Tenants that are out of service because of the payment provider; those that an operator took out are not here.
CREATE TABLE pgtenant.stripe_suspensions (
    tenant_id uuid PRIMARY KEY REFERENCES pgtenant.tenants (id) ON DELETE CASCADE
);
