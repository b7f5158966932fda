-- allow
select pg_catalog.version()
