-- Registry, version 3: limits of one tenant where they differ from the configuration's, as `pgtenant tenant limit` writes
-- them: {"max_clients": "20", "statement_timeout": "30s"}.
ALTER TABLE pgtenant.tenants ADD COLUMN limits jsonb NOT NULL DEFAULT '{}'
    CHECK (pg_catalog.jsonb_typeof(limits) = 'object');
