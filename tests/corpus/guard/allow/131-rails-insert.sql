-- allow
INSERT INTO "customers" ("name", "created_at") VALUES ($1, $2) RETURNING "id" 
