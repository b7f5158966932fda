-- allow
CREATE INDEX IF NOT EXISTS "person_data" ON "person" USING GIN ("data")
