-- allow
DROP TABLE "library_rack" CASCADE
