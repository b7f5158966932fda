-- allow
UPDATE "post" SET "gone" = CURRENT_TIMESTAMP WHERE "title" = $1 AND "gone" IS NULL
