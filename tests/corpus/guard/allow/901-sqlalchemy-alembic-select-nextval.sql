-- allow
select nextval('numbers_n')
