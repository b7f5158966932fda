-- Tenants for `pgtenant bench` on a database without pgtenant, to compare with: for each a login role whose
-- search_path is its schema, and one role `bench_app` with the rights of all.
--
--     psql -X -v ON_ERROR_STOP=1 -v tenants=100 -v password=… -f benches/tenants.sql postgresql://postgres@…/empty
--
-- The roles are named tenant_bench_1 and so on, as pgtenant names them: use another server than pgtenant's.

SELECT format('CREATE ROLE bench_app LOGIN PASSWORD %L', :'password') \gexec

SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', name, :'password'),
       format('CREATE SCHEMA %1$I AUTHORIZATION %1$I', name),
       format('CREATE TABLE %I.pgtenant_bench (id int PRIMARY KEY, tenant text NOT NULL, balance bigint NOT NULL DEFAULT 0)', name),
       format('INSERT INTO %I.pgtenant_bench (id, tenant) SELECT id, %L FROM generate_series(1, 100) id', name, slug),
       format('ALTER TABLE %1$I.pgtenant_bench OWNER TO %1$I', name),
       format('ALTER ROLE %1$I SET search_path TO %1$I', name),
       format('GRANT %I TO bench_app', name)
FROM generate_series(1, :tenants) n,
     LATERAL (SELECT 'bench_' || n AS slug, 'tenant_bench_' || n AS name) names
\gexec
