-- allow
UPDATE "pet" SET "price" = ("pet"."price" + 1) WHERE ("pet"."owner_id" = 1) RETURNING "pet"."id"
