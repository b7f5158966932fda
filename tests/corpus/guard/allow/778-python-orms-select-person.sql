-- allow
SELECT "t1"."id", "t1"."name", "t1"."data", "t1"."tags", "t1"."words" FROM "person" AS "t1" WHERE ("t1"."name" = 'Cy') LIMIT 1 OFFSET 0
