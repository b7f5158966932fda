-- allow
copy pgbench_accounts from stdin
