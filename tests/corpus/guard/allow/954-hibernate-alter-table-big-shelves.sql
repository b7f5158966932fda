-- allow
alter table big_shelves drop constraint FKE06AE82922BC8453
