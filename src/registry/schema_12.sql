-- Registry, version 12: tenants that move to another installation (`pgtenant tenant move`), or have. Both registries have a
-- row: `out` where the tenant comes from, `in` where it goes to. In service it is where its row says so, and nowhere
-- between two states:
--   out  copying: suspended here, as it was before in status_before; handed_over: to be dropped here, and not known to be
--        in service there; done: in service there.
--   in   arrived: never in service here; done: it was put into service here; withdrawn: the move was undone.
CREATE TABLE pgtenant.moves (
    tenant_id     uuid NOT NULL REFERENCES pgtenant.tenants (id) ON DELETE CASCADE,
    direction     text NOT NULL CHECK (direction IN ('out', 'in')),
    state         text NOT NULL,
    -- The same in both rows; another one each time it is tried.
    attempt       uuid NOT NULL,
    -- What the other installation is called, and the tenant there.
    peer          text NOT NULL,
    peer_slug     text NOT NULL,
    status_before text NOT NULL CHECK (status_before IN ('active', 'suspended')),
    -- The session of who moves it: while it lives, nobody else does.
    session       text,
    changed_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (tenant_id, direction),
    CHECK (state IN ('copying', 'handed_over', 'done') AND direction = 'out'
           OR state IN ('arrived', 'done', 'withdrawn') AND direction = 'in')
);
