-- allow
insert into pgbench_branches(bid,bbalance) select bid, 0 from generate_series(1, 1) as bid
