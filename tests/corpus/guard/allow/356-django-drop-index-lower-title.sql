-- allow
DROP INDEX IF EXISTS "lower_title"
