-- allow
UPDATE "tenant_alpha"."flyway_schema_history" SET "description"=$1 , "type"=$2 , "checksum"=$3 WHERE "installed_rank"=$4
