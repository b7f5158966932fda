-- allow
create index authors_by_name on tenant_alpha.authors (name)
