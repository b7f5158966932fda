-- allow
SELECT "Post_likers_rid"."userId" AS "userId", "Post_likers_rid"."postId" AS "postId" FROM "user" "user" INNER JOIN "post_likers_user" "Post_likers_rid" ON ("Post_likers_rid"."postId" = $1 AND "Post_likers_rid"."userId" = "user"."id") ORDER BY "Post_likers_rid"."userId" ASC, "Post_likers_rid"."postId" ASC
