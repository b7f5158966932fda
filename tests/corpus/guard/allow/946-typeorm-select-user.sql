-- allow
SELECT "User"."id" AS "User_id", "User"."name" AS "User_name", "User"."data" AS "User_data", "User"."tags" AS "User_tags", "User"."role" AS "User_role", "User"."created" AS "User_created", "User"."version" AS "User_version" FROM "user" "User" WHERE "User"."id" = $1
