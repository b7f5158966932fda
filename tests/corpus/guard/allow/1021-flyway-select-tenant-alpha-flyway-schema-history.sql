-- allow
/*NO LOAD BALANCE*/
SELECT "installed_rank","version","description","type","script","checksum","installed_on","installed_by","execution_time","success" FROM "tenant_alpha"."flyway_schema_history" WHERE "installed_rank" > $1 ORDER BY "installed_rank"
