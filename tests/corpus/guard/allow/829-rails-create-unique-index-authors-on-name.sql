-- allow
CREATE UNIQUE INDEX "index_authors_on_name" ON "authors" ("name")
