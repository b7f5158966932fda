-- allow
UPDATE "user" SET "role" = $1, "version" = "version" + 1 WHERE "id" = $2 RETURNING "version"
