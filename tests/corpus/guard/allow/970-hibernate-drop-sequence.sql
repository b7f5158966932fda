-- allow
drop sequence tenant_alpha.authors_seq
