-- deny: cross_schema
SELECT name FROM "public"."pgmigrations" ORDER BY run_on, id
