# pg_dump, pg_restore and their friends.
set -u
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
run() {
    local label=$1; shift
    if PGAPPNAME="$label" timeout 60 "$@" >"$dir/said" 2>&1; then echo "ok $label"; else echo "FAIL $label: $(head -1 "$dir/said")"; fi
}
PGAPPNAME=setup psql -Xq <<'X'
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE TABLE customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, mood mood, p pair, CHECK (name <> ''));
CREATE TABLE tickets (id serial PRIMARY KEY, customer int REFERENCES customers, status text DEFAULT 'open', n positive, up text GENERATED ALWAYS AS (upper(status)) STORED);
CREATE INDEX tickets_status_idx ON tickets (status) WHERE status <> 'closed';
CREATE VIEW open_tickets AS SELECT * FROM tickets WHERE status = 'open';
CREATE MATERIALIZED VIEW per_customer AS SELECT customer, count(*) FROM tickets GROUP BY 1;
CREATE TABLE part (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE part_2024 PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int);
CREATE TRIGGER t BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE r AS ON DELETE TO open_tickets DO INSTEAD NOTHING;
ALTER TABLE tickets ENABLE ROW LEVEL SECURITY;
ALTER TABLE tickets OWNER TO CURRENT_USER;
CREATE POLICY own ON tickets USING (status <> 'secret');
CREATE STATISTICS s ON customer, status FROM tickets;
CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq);
CREATE TEXT SEARCH CONFIGURATION simple_copy (COPY = simple);
CREATE COLLATION plain (provider = libc, locale = 'C');
CREATE CAST (pair AS text) WITH INOUT;
GRANT SELECT ON customers TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA tenant_alpha GRANT SELECT ON TABLES TO PUBLIC;
COMMENT ON TABLE customers IS 'people';
INSERT INTO customers (name) SELECT 'c' || n FROM generate_series(1, 20) n;
INSERT INTO tickets (customer) SELECT n FROM generate_series(1, 20) n;
INSERT INTO part VALUES (1, '2024-05-05');
X
N="-n tenant_alpha"
run plain pg_dump $N -f "$dir/plain.sql"
run schema-only pg_dump $N --schema-only --no-owner --no-privileges -f "$dir/schema.sql"
run data-only pg_dump $N --data-only --disable-triggers --enable-row-security -f "$dir/data.sql"
run inserts pg_dump $N --inserts --enable-row-security -f "$dir/inserts.sql"
run column-inserts pg_dump $N --column-inserts --rows-per-insert=5 --on-conflict-do-nothing --enable-row-security -f "$dir/c.sql"
run clean pg_dump $N --clean --if-exists --section=pre-data -f "$dir/pre.sql"
run post-data pg_dump $N --section=post-data -f "$dir/post.sql"
run one-table pg_dump -t customers -t 'tick*' --enable-row-security -f "$dir/t.sql"
run exclude pg_dump $N -T 'part*' --exclude-table-data=tickets -f "$dir/x.sql"
run custom pg_dump $N -Fc --enable-row-security -f "$dir/dump.custom"
run tar pg_dump $N -Ft --enable-row-security -f "$dir/dump.tar"
run jobs pg_dump $N -Fd -j 2 --enable-row-security -f "$dir/dump.dir"
run serializable pg_dump $N --serializable-deferrable --enable-row-security -f "$dir/s.sql"
run lock-wait pg_dump $N --lock-wait-timeout=5s --quote-all-identifiers --enable-row-security -f "$dir/q.sql"
run partition-root pg_dump $N --load-via-partition-root --snapshot= --enable-row-security -f "$dir/l.sql"
run whole-database pg_dump -f "$dir/all.sql"
run strict pg_dump -n tenant_alpha --strict-names -f "$dir/st.sql"
run dumpall-globals pg_dumpall -g -f "$dir/globals.sql"
PGAPPNAME=setup psql -Xq -c 'DROP TABLE tickets, customers CASCADE'
run restore pg_restore -d "$PGDATABASE" -n tenant_alpha --no-owner -t customers "$dir/dump.custom"
run restore-data pg_restore -d "$PGDATABASE" --data-only --disable-triggers -t customers "$dir/dump.custom"
PGAPPNAME=setup psql -Xq -c 'DROP OWNED BY CURRENT_USER' 2>/dev/null
PGAPPNAME=setup psql -Xq -c "DO \$\$ DECLARE r record; BEGIN FOR r IN SELECT oid::regclass AS n FROM pg_class WHERE relnamespace = 'tenant_alpha'::regnamespace AND relkind IN ('r','p') AND NOT relispartition LOOP EXECUTE 'DROP TABLE ' || r.n || ' CASCADE'; END LOOP; END \$\$"
run restore-clean pg_restore -d "$PGDATABASE" --clean --if-exists --no-owner -x --single-transaction "$dir/dump.custom"
run restore-jobs pg_restore -d "$PGDATABASE" --no-owner -j 2 "$dir/dump.dir"
sed -i '/^CREATE SCHEMA/d; /^ALTER SCHEMA/d; /^\\restrict/d; /^\\unrestrict/d' "$dir/plain.sql"
run plain-back psql -Xq -f "$dir/plain.sql"
run vacuumdb vacuumdb -t per_customer --analyze
run vacuumdb-all vacuumdb --analyze-only
run reindexdb reindexdb -t part
run clusterdb clusterdb -t part_2024
run pg_isready pg_isready
run createuser createuser nobody_else
run createdb createdb another
run dropdb dropdb --if-exists another
