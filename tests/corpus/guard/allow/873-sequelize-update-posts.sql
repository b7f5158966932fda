-- allow
UPDATE "posts" SET "deleted_at"=$1 WHERE "deleted_at" IS NULL
