-- allow
UPDATE "Post" SET price = price WHERE false
