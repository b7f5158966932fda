-- allow
BEGIN; UPDATE pgbench_accounts SET abalance = abalance + 100 WHERE aid = 1; SELECT abalance FROM pgbench_accounts WHERE aid = 1; INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, 1, 100, CURRENT_TIMESTAMP); END;
