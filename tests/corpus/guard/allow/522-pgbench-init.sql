-- allow
vacuum analyze pgbench_branches
