-- allow
select nextval('customers_seq')
