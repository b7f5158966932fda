-- What the template ($1) holds that a clone cannot carry yet: one line of text each. Everything that
-- belongs to a schema depends on it in pg_depend, so what is not known to be carried is found by
-- construction; what belongs to a table is listed kind by kind.
WITH template AS (
    SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1
),
relation AS (
    SELECT c.* FROM pg_catalog.pg_class c JOIN template t ON t.oid = c.relnamespace
),
tab AS (
    SELECT * FROM relation WHERE relkind = 'r'
),
found AS (
    SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0) AS what
    FROM pg_catalog.pg_depend d JOIN template t ON t.oid = d.refobjid
    WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
      AND NOT (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
               AND d.objid IN (SELECT oid FROM relation WHERE relkind IN ('r', 'S')))
    UNION ALL
    SELECT 'inheritance or partitioning of table ' || c.relname
    FROM tab c WHERE EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
    UNION ALL
    SELECT 'type of table ' || relname FROM tab WHERE reloftype <> 0
    UNION ALL
    SELECT 'row security of table ' || relname FROM tab WHERE relrowsecurity OR relforcerowsecurity
    UNION ALL
    SELECT 'replica identity of table ' || relname FROM tab WHERE relreplident <> 'd'
    UNION ALL
    SELECT 'tablespace of ' || relname FROM relation WHERE reltablespace <> 0 AND relkind IN ('r', 'i')
    UNION ALL
    SELECT 'access method of table ' || c.relname
    FROM tab c JOIN pg_catalog.pg_am a ON a.oid = c.relam WHERE a.amname <> 'heap'
    UNION ALL
    SELECT 'TOAST settings of table ' || c.relname
    FROM tab c JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid WHERE t.reloptions IS NOT NULL
    UNION ALL
    SELECT 'privileges on ' || c.relname || ' granted to ' || COALESCE(r.rolname, 'PUBLIC')
    FROM relation c CROSS JOIN pg_catalog.aclexplode(c.relacl) a
         LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
    WHERE a.grantee <> c.relowner
    UNION ALL
    SELECT 'privileges on column ' || c.relname || '.' || a.attname
    FROM tab c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE a.attacl IS NOT NULL
    UNION ALL
    SELECT 'statistics settings of column ' || c.relname || '.' || a.attname
    FROM relation c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE NOT a.attisdropped AND (a.attoptions IS NOT NULL AND c.relkind = 'r' OR COALESCE(a.attstattarget, -1) >= 0)
      AND a.attnum > 0
    UNION ALL
    SELECT 'trigger ' || g.tgname || ' on table ' || c.relname
    FROM tab c JOIN pg_catalog.pg_trigger g ON g.tgrelid = c.oid WHERE NOT g.tgisinternal
    UNION ALL
    SELECT 'rule ' || w.rulename || ' on table ' || c.relname
    FROM tab c JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid
    UNION ALL
    SELECT 'policy ' || p.polname || ' on table ' || c.relname
    FROM tab c JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid
    UNION ALL
    SELECT 'index ' || i.relname || ', which is invalid or what its table is clustered on'
    FROM relation i JOIN pg_catalog.pg_index x ON x.indexrelid = i.oid
    WHERE NOT x.indisvalid OR x.indisclustered
    UNION ALL
    SELECT 'foreign key ' || k.conname || ' of table ' || c.relname || ', which leads out of the template'
    FROM tab c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid
    WHERE k.contype = 'f' AND k.confrelid NOT IN (SELECT oid FROM tab)
    UNION ALL
    SELECT 'security label on ' || c.relname
    FROM relation c JOIN pg_catalog.pg_seclabel l
         ON l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND l.objoid = c.oid
)
SELECT DISTINCT what FROM found ORDER BY what
