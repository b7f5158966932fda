-- allow
select version();
