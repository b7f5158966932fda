-- allow
INSERT INTO "migrations"("timestamp", "name") VALUES ($1, $2)
