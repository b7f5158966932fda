-- allow
UPDATE "library_author" SET "born" = NULL, "meta" = '{"x": 1}'::jsonb WHERE "library_author"."id" = 5
