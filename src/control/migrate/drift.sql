-- What schemas are made of, one row a part: the schema, what it is, its name, a hash of what it is like. $1 schemas.
-- Definitions name the schema wherever the path would not find it, and the path is pg_catalog: the name is taken out.
WITH own AS (
    SELECT n.oid, n.nspname::text AS schema, pg_catalog.quote_ident(n.nspname) || '.' AS prefix
    FROM pg_catalog.pg_namespace n WHERE n.nspname::text = ANY ($1::pg_catalog.text[])
),
part AS (
    SELECT own.schema, own.prefix,
        CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
               WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'relation' END AS kind,
        c.relname::text AS name,
        pg_catalog.concat_ws(' ', c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
            CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END,
            CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END,
            CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END) AS definition
    FROM own JOIN pg_catalog.pg_class c ON c.relnamespace = own.oid WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL
    SELECT own.schema, own.prefix, 'column', c.relname || '.' || a.attname,
        pg_catalog.concat_ws(' ', pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
            co.collname, pg_catalog.pg_get_expr(d.adbin, d.adrelid))
    FROM own JOIN pg_catalog.pg_class c ON c.relnamespace = own.oid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation AND a.attcollation <> 100
    WHERE c.relkind IN ('r', 'p', 'f')
    UNION ALL
    SELECT own.schema, own.prefix, 'constraint', COALESCE(c.relname || '.', '') || k.conname, pg_catalog.pg_get_constraintdef(k.oid)
    FROM own JOIN pg_catalog.pg_constraint k ON k.connamespace = own.oid
    LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
    WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.conislocal
    UNION ALL
    SELECT own.schema, own.prefix, 'index', c.relname::text, pg_catalog.concat_ws(' ', pg_catalog.pg_get_indexdef(i.indexrelid), i.indisvalid)
    FROM own JOIN pg_catalog.pg_class c ON c.relnamespace = own.oid JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    UNION ALL
    SELECT own.schema, own.prefix, 'trigger', c.relname || '.' || t.tgname, pg_catalog.concat_ws(' ', pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled)
    FROM own JOIN pg_catalog.pg_class c ON c.relnamespace = own.oid
    JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT own.schema, own.prefix, 'policy', c.relname || '.' || p.polname,
        pg_catalog.concat_ws(' ', p.polcmd, p.polpermissive, pg_catalog.pg_get_expr(p.polqual, p.polrelid),
            pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
    FROM own JOIN pg_catalog.pg_class c ON c.relnamespace = own.oid JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid
    UNION ALL
    -- Not whose rights it has: the hardening makes that its own.
    SELECT own.schema, own.prefix, 'routine', p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
        pg_catalog.concat_ws(' ', p.prokind, p.provolatile, p.proisstrict, l.lanname, pg_catalog.pg_get_function_result(p.oid), p.prosrc)
    FROM own JOIN pg_catalog.pg_proc p ON p.pronamespace = own.oid JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    UNION ALL
    SELECT own.schema, own.prefix, 'type', t.typname::text,
        pg_catalog.concat_ws(' ', t.typtype, pg_catalog.format_type(NULLIF(t.typbasetype, 0), t.typtypmod),
            (SELECT pg_catalog.string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
             FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid),
            (SELECT pg_catalog.string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ',' ORDER BY a.attnum)
             FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped))
    FROM own JOIN pg_catalog.pg_type t ON t.typnamespace = own.oid
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    WHERE t.typtype IN ('d', 'e', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')
)
SELECT part.schema, part.kind, pg_catalog.replace(part.name, part.prefix, '') AS name,
    pg_catalog.md5(pg_catalog.replace(part.definition, part.prefix, '')) AS hash
FROM part
