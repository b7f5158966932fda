-- allow
create table if not exists customers (id bigint not null, name varchar(255) check (name in ('A','B')), primary key (id)); create sequence customers_seq start with 1 increment by 50; alter table if exists tickets add constraint FKx foreign key (customer_id) references customers;
