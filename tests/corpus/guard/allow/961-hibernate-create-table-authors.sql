-- allow
create table authors (id int8 not null, city varchar(255), street varchar(255), born timestamp, email varchar(255), mood varchar(255), name varchar(100) not null, version int4 not null, primary key (id), unique (name, email))
