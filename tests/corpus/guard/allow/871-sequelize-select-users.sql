-- allow
SELECT "id", "name", "data", "tags", "role", "born", "range", "key", "createdAt", "updatedAt" FROM "users" AS "user" LIMIT 1 FOR UPDATE SKIP LOCKED;
