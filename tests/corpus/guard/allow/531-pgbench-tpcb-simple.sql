-- allow
vacuum pgbench_branches
