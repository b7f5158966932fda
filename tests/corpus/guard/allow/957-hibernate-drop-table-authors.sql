-- allow
drop table authors cascade
