-- Collations of the schema among $1, made in the schema $3. Columns of the catalog differ between versions.
SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass::pg_catalog.oid AS class, l.oid AS object, 10 AS phase,
       'collation ' || l.collname AS name,
       pg_catalog.concat(
           pg_catalog.format('CREATE COLLATION %I.%I (PROVIDER = %s, DETERMINISTIC = %s', $3, l.collname,
               CASE l.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
               CASE WHEN l.collisdeterministic THEN 'true' ELSE 'false' END),
           CASE WHEN l.collprovider <> 'c' THEN
               ', LOCALE = ' || pg_catalog.quote_literal(COALESCE(
                   pg_catalog.to_jsonb(l) ->> 'colllocale', pg_catalog.to_jsonb(l) ->> 'colliculocale', l.collcollate))
           ELSE
               pg_catalog.format(', LC_COLLATE = %L, LC_CTYPE = %L', l.collcollate, l.collctype)
           END,
           ', RULES = ' || pg_catalog.quote_literal(pg_catalog.to_jsonb(l) ->> 'collicurules'),
           ')') AS statement,
       NULL::pg_catalog.text AS compared, false AS checked
FROM pg_catalog.pg_collation l WHERE l.oid = ANY ($1) AND l.collprovider IN ('b', 'c', 'i')
