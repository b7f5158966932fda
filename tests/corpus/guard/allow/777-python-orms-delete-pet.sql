-- allow
DELETE FROM "pet" WHERE ("pet"."id" = 99)
