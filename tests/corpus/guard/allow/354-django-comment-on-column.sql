-- allow
COMMENT ON COLUMN "library_book"."isbn" IS 'the number'
