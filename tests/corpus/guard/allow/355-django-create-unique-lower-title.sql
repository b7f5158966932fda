-- allow
CREATE UNIQUE INDEX "lower_title" ON "library_book" ((LOWER("title")))
