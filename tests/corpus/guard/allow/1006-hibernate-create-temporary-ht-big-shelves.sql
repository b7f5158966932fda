-- allow
create temporary table HT_big_shelves (id int4 not null) on commit drop
