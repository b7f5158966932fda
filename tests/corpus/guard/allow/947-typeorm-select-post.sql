-- allow
SELECT "post"."userId" AS "userId", "post"."id" AS "id" FROM "post" "post" WHERE ( (("post"."userId" = $1)) ) AND ( "post"."gone" IS NULL )
