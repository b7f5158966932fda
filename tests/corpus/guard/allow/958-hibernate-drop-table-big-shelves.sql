-- allow
drop table big_shelves cascade
