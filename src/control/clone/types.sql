-- Types of the schema ($2) among $1, made in the schema $3. Row types, array types and multiranges come with others.
SELECT 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid AS class, t.oid AS object, 10 AS phase,
       'type ' || t.typname AS name,
       pg_catalog.format('CREATE TYPE %I.%I AS ENUM (%s)', $3, t.typname,
           (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
            FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)) AS statement,
       NULL::pg_catalog.text AS compared, false AS checked
FROM pg_catalog.pg_type t WHERE t.oid = ANY ($1) AND t.typtype = 'e'
UNION ALL
SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 10, 'type ' || t.typname,
       pg_catalog.format('CREATE TYPE %I.%I AS (%s)', $3, t.typname,
           (SELECT pg_catalog.string_agg(
                       pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod))
                       || COALESCE(' COLLATE ' || CASE WHEN l.collnamespace = $2
                              THEN pg_catalog.format('%I.%I', $3, l.collname)
                              ELSE l.collnamespace::pg_catalog.regnamespace::pg_catalog.text || '.' || pg_catalog.quote_ident(l.collname) END, ''),
                       ', ' ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
                 LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation AND a.attcollation <> y.typcollation
            WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)),
       NULL, true
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
WHERE t.oid = ANY ($1) AND t.typtype = 'c' AND c.relkind = 'c'
UNION ALL
SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 10, 'domain ' || t.typname,
       pg_catalog.concat(
           pg_catalog.format('CREATE DOMAIN %I.%I AS %s', $3, t.typname,
               pg_catalog.format_type(t.typbasetype, t.typtypmod)),
           ' COLLATE ' || CASE WHEN l.collnamespace = $2 THEN pg_catalog.format('%I.%I', $3, l.collname)
               ELSE l.collnamespace::pg_catalog.regnamespace::pg_catalog.text || '.' || pg_catalog.quote_ident(l.collname) END,
           ' DEFAULT ' || COALESCE(
               pg_catalog.pg_get_expr(t.typdefaultbin, 'pg_catalog.pg_type'::pg_catalog.regclass),
               pg_catalog.quote_literal(t.typdefault)),
           CASE WHEN t.typnotnull THEN ' NOT NULL' END),
       NULL, true
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_type y ON y.oid = t.typbasetype
     LEFT JOIN pg_catalog.pg_collation l ON l.oid = t.typcollation AND t.typcollation <> y.typcollation
WHERE t.oid = ANY ($1) AND t.typtype = 'd'
UNION ALL
SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 47,
       pg_catalog.format('check %s of domain %s', k.conname, t.typname),
       pg_catalog.format('ALTER DOMAIN %I.%I ADD CONSTRAINT %I %s', $3, t.typname, k.conname,
           pg_catalog.pg_get_constraintdef(k.oid)),
       NULL, true
FROM pg_catalog.pg_type t CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_constraint k WHERE k.conrelid = 0 AND k.contypid = t.oid OFFSET 0) AS k
WHERE t.oid = ANY ($1) AND t.typtype = 'd' AND k.contype = 'c'
UNION ALL
SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 10, 'range ' || t.typname,
       pg_catalog.concat(
           pg_catalog.format('CREATE TYPE %I.%I AS RANGE (SUBTYPE = %s, SUBTYPE_OPCLASS = %s.%I', $3, t.typname,
               pg_catalog.format_type(g.rngsubtype, NULL),
               o.opcnamespace::pg_catalog.regnamespace, o.opcname),
           ', COLLATION = ' || CASE WHEN l.collnamespace = $2 THEN pg_catalog.format('%I.%I', $3, l.collname)
               ELSE l.collnamespace::pg_catalog.regnamespace::pg_catalog.text || '.' || pg_catalog.quote_ident(l.collname) END,
           ', SUBTYPE_DIFF = ' || CASE WHEN p.pronamespace = $2 THEN pg_catalog.format('%I.%I', $3, p.proname)
               ELSE p.pronamespace::pg_catalog.regnamespace::pg_catalog.text || '.' || pg_catalog.quote_ident(p.proname) END,
           -- Of version 14.
           ', MULTIRANGE_TYPE_NAME = ' || pg_catalog.quote_ident($3) || '.' || pg_catalog.quote_ident(m.typname),
           ')'),
       NULL, true
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_range g ON g.rngtypid = t.oid
     JOIN pg_catalog.pg_opclass o ON o.oid = g.rngsubopc
     LEFT JOIN pg_catalog.pg_collation l ON l.oid = g.rngcollation
     LEFT JOIN pg_catalog.pg_proc p ON p.oid = g.rngsubdiff::pg_catalog.oid
     LEFT JOIN pg_catalog.pg_type m ON m.oid = (pg_catalog.to_jsonb(g) ->> 'rngmultitypid')::pg_catalog.oid
WHERE t.oid = ANY ($1) AND t.typtype = 'r' AND g.rngcanonical::pg_catalog.oid = 0
