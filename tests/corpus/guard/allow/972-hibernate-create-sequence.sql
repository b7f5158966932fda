-- allow
create sequence tenant_alpha.authors_seq start 1 increment 10
