-- allow
select relname from pg_class where relkind='S'
