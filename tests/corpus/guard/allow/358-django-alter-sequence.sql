-- allow
ALTER SEQUENCE IF EXISTS "library_shelf_id_seq" AS bigint
