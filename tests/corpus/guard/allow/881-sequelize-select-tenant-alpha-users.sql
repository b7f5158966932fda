-- allow
SELECT count(*) AS "count" FROM "tenant_alpha"."users" AS "user" WHERE CAST(("user"."data"#>>'{a,b}') AS DOUBLE PRECISION) = 1 AND "user"."tags" && ARRAY['x']::TEXT[];
