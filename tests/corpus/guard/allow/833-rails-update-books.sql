-- allow
UPDATE "books" SET "note"='y' WHERE "note" IS NULL
