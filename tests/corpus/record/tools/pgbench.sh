# pgbench: initialisation steps and query modes.
set -u
run() {
    local label=$1; shift
    if PGAPPNAME="$label" timeout 90 "$@" >/tmp/pgbench.$$ 2>&1; then echo "ok $label"; else echo "FAIL $label: $(tail -1 /tmp/pgbench.$$)"; fi
    rm -f /tmp/pgbench.$$
}
run init pgbench -i -q
run init-foreign-keys pgbench -i -q --foreign-keys --unlogged-tables
run init-partitions pgbench -i -q --partitions=3 --partition-method=hash
run init-server-side pgbench -i -q -I dtGvpf
for mode in simple extended prepared; do
    run "tpcb-$mode" pgbench -M $mode -t 20 -c 2
    run "select-$mode" pgbench -M $mode -S -t 20 -c 2
    run "update-$mode" pgbench -M $mode -N -t 20
done
script=$(mktemp)
cat >"$script" <<'X'
\set aid random(1, 1000)
\startpipeline
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_accounts SET filler = 'x' WHERE aid = :aid;
\endpipeline
SELECT count(*) AS n FROM pgbench_branches \gset
SELECT :n + 1;
X
run pipeline pgbench -M extended -t 10 -f "$script"
run retry pgbench --max-tries=3 -t 10
run connect pgbench -C -S -t 5
rm -f "$script"
run drop pgbench -i -I d
