-- allow
create table pgbench_accounts(aid    int not null,bid int,abalance int,filler char(84)) partition by hash (aid)
