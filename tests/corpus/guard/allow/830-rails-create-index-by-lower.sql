-- allow
CREATE INDEX "by_lower" ON "books" (lower(title))
