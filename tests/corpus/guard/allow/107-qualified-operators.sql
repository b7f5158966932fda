-- allow
SELECT 1 OPERATOR(pg_catalog.+) 2, 'a' COLLATE "C" < 'b' COLLATE pg_catalog."default";
