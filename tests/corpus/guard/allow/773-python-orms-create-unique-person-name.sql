-- allow
CREATE UNIQUE INDEX IF NOT EXISTS "person_name" ON "person" ("name")
