-- allow
create table big_shelves (width float8, id int4 not null, primary key (id))
