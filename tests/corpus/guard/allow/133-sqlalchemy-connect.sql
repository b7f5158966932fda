-- allow
select pg_catalog.version(); select current_schema(); show standard_conforming_strings; show transaction isolation level;
