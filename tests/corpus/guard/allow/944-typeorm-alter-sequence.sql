-- allow
ALTER SEQUENCE "extra_id_seq" RENAME TO "more_id_seq"
