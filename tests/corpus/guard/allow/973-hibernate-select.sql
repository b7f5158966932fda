-- allow
select nextval ('authors_seq')
