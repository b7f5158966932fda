# psql: each backslash command of the \d family alone, the names of the connection say which.
set -u
export PSQLRC=/dev/null
run() {
    local label=$1; shift
    if PGAPPNAME="$label" timeout 30 psql -X -q -v ON_ERROR_STOP=1 "$@" >/tmp/psql.$$ 2>&1; then
        echo "ok $label"
    else
        echo "FAIL $label: $(tail -1 /tmp/psql.$$)"
    fi
    rm -f /tmp/psql.$$
}
run setup -c "
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, mood mood, CHECK (name <> ''));
CREATE TABLE tickets (id serial PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE, status text DEFAULT 'open', doc tsvector);
CREATE INDEX tickets_status_idx ON tickets (status) WHERE status <> 'closed';
CREATE VIEW open_tickets AS SELECT * FROM tickets WHERE status = 'open';
CREATE MATERIALIZED VIEW per_customer AS SELECT customer, count(*) FROM tickets GROUP BY 1;
CREATE TABLE part (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE part_2024 PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE child () INHERITS (customers);
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int);
CREATE TRIGGER t BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE r AS ON DELETE TO open_tickets DO INSTEAD NOTHING;
ALTER TABLE tickets ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tickets USING (status <> 'secret');
CREATE STATISTICS s ON customer, status FROM tickets;
CREATE COLLATION german (provider = icu, locale = 'de');
CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq);
CREATE TEXT SEARCH CONFIGURATION simple_copy (COPY = simple);
CREATE TEXT SEARCH DICTIONARY own_dict (TEMPLATE = simple);
COMMENT ON TABLE customers IS 'people';"
run setup-collation -c "CREATE COLLATION plain (provider = libc, locale = 'C')"
while read -r command; do
    label=$(echo "$command" | sed -e 's/^\\//' -e 's/[^A-Za-z0-9]\+/-/g' -e 's/-$//')
    case $command in *+*) label="$label-plus";; esac
    case $command in *S*) label="$label-system";; esac
    run "$label" -c "$command"
done <<'COMMANDS'
\d
\d+
\dS+
\d customers
\d+ tickets
\d+ open_tickets
\d+ part
\d+ part_2024
\d+ child
\d+ per_customer
\d customers_id_seq
\d tickets_status_idx
\d tenant_alpha.customers
\d tenant_alpha.*
\d cust*|ticket?
\dS pg_class
\d pg_catalog.pg_class
\da
\daS+
\dA+
\dAc
\dAc+ btree int4
\dAf btree
\dAf+ gin
\dAo+ btree
\dAp+ btree
\db+
\dc+
\dcS
\dconfig
\dconfig+ *path
\dC+
\dd
\ddS
\dD
\dDS+
\ddp
\dE
\dE+
\des+
\det+
\deu+
\dew+
\df
\df+
\dfS+ lower
\dfn f integer
\dfa
\dfp+
\dft
\dfw
\dF+
\dFd+
\dFp+
\dFt+
\dF simple_copy
\dF+ simple_copy
\dg+
\di
\di+
\diS+
\dl
\dL+
\dm+
\dn
\dn+
\dnS+
\do+
\doS + integer integer
\dO+
\dOS
\dp
\dp tickets
\dP+
\dPtn
\dPi+
\drds
\drds tenant_alpha
\dRp+
\dRs+
\ds+
\dt
\dt+
\dtS
\dt *.customers
\dt tenant_alpha.c*
\dti+
\dT
\dT+ mood
\dTS+
\du
\du+ tenant_alpha
\dv+
\dvS
\dx
\dx+ plpgsql
\dX
\dy+
\l
\l+ app
\z
\z tickets
\sf f
\sf+ touch
\sf f(integer)
\sv open_tickets
\sv+ open_tickets
\conninfo
\encoding
COMMANDS
PSQL_EDITOR=true run ef -c '\ef f'
PSQL_EDITOR=true run ev -c '\ev open_tickets'
script() {
    local label=$1
    if PGAPPNAME="$label" timeout 30 psql -X -q -v ON_ERROR_STOP=1 >/tmp/psql.$$ 2>&1; then
        echo "ok $label"
    else
        echo "FAIL $label: $(tail -1 /tmp/psql.$$)"
    fi
    rm -f /tmp/psql.$$
}
script gdesc <<'X'
SELECT id, name, mood FROM customers WHERE id > 0 \gdesc
X
script gexec <<'X'
SELECT format('SELECT count(*) FROM %I', relname) FROM pg_class WHERE relnamespace = 'tenant_alpha'::regnamespace AND relkind = 'r' \gexec
X
script gset <<'X'
SELECT count(*) AS n FROM customers \gset
SELECT :n + 1 \gx
X
script crosstab <<'X'
SELECT status, customer, count(*) FROM tickets GROUP BY 1, 2 \crosstabview
X
script bind <<'X'
SELECT name FROM customers WHERE id = 1 \g
X
script rollback-on-error <<'X'
\set ON_ERROR_ROLLBACK on
\set ON_ERROR_STOP off
BEGIN;
INSERT INTO customers (name) VALUES ('Ada');
INSERT INTO customers (name) VALUES ('Ada');
COMMIT;
X
script autocommit-off <<'X'
\set AUTOCOMMIT off
UPDATE customers SET mood = 'happy';
COMMIT;
X
script fetch-count <<'X'
\set FETCH_COUNT 2
SELECT * FROM customers ORDER BY id;
X
script copy <<'X'
\copy customers (name) FROM PROGRAM 'printf "Bo\nCy\n"'
\copy (SELECT * FROM customers) TO '/dev/null' CSV HEADER
\copy tickets TO STDOUT
X
script large-object-list <<'X'
\lo_list
\lo_list+
X
script password-encryption <<'X'
SHOW password_encryption;
X
