-- allow
CREATE TEXT SEARCH CONFIGURATION c (COPY = pg_catalog.english); ALTER TEXT SEARCH CONFIGURATION c ALTER MAPPING FOR hword, word WITH simple, english_stem;
