-- allow
select oid, typname, format_type(oid, NULL) from pg_type;
