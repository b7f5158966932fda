-- allow
select count(*) as count from information_schema.tables where table_schema = 'tenant_alpha';
