-- allow
ALTER TABLE "books" ADD "note" text DEFAULT 'x'
