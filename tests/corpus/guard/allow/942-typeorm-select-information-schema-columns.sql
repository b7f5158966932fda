-- allow
SELECT "udt_schema", "udt_name" FROM "information_schema"."columns" WHERE "table_schema" = 'tenant_alpha' AND "table_name" = 'user' AND "column_name"='tags'
