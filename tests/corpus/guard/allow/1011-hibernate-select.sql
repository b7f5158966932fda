-- allow
select nextval ('tenant_alpha.authors_seq')
