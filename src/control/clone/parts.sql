-- What in the schema $2 comes into being with something else, so that no statement makes it: class, object, and class and object it is a
-- part of, or NULL where it makes no difference to the order of anything. $1: relations. $5: types. $9: the tenant's roles, where
-- the schema is one's.
WITH relation AS (
    SELECT c.* FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1) AND c.relkind IN ('S', 'c', 'm', 'p', 'r', 'v')
),
type AS (
    SELECT t.* FROM pg_catalog.pg_type t WHERE t.oid = ANY ($5)
),
part (class, object, of_class, of_object) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.reltoastrelid, NULL::pg_catalog.regclass::pg_catalog.oid, NULL::pg_catalog.oid
    FROM relation c WHERE c.reltoastrelid <> 0
    UNION ALL
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid, NULL, NULL
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_index i WHERE i.indrelid = c.reltoastrelid OFFSET 0) AS i WHERE c.reltoastrelid <> 0
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, c.reltype, 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
    FROM relation c WHERE c.reltype <> 0 AND c.relkind <> 'c'
    UNION ALL
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, t.typrelid, 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
    FROM type t JOIN relation c ON c.oid = t.typrelid WHERE c.relkind = 'c'
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.typarray, 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
    FROM type t WHERE t.typarray <> 0
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, (pg_catalog.to_jsonb(g) ->> 'rngmultitypid')::pg_catalog.oid,
           'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
    FROM type t JOIN pg_catalog.pg_range g ON g.rngtypid = t.oid
    UNION ALL
    -- Constructors of ranges and multiranges, and the casts between them.
    SELECT d.classid, d.objid, d.refclassid, d.refobjid
    FROM pg_catalog.pg_depend d JOIN type t ON t.oid = d.refobjid AND t.typtype IN ('m', 'r')
    WHERE d.classid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_cast'::pg_catalog.regclass)
      AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.deptype = 'i'
    UNION ALL
    -- Those with a statement of their own are found there first.
    SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid, 'pg_catalog.pg_class'::pg_catalog.regclass, a.adrelid
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_attrdef a WHERE a.adrelid = c.oid OFFSET 0) AS a
    UNION ALL
    SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 'pg_catalog.pg_class'::pg_catalog.regclass, k.conrelid
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid OFFSET 0) AS k
    WHERE k.contype = 'c' AND (k.conislocal OR c.relispartition)
    UNION ALL
    -- Inherited; since version 18 also NOT NULL.
    SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, NULL, NULL
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid OFFSET 0) AS k
    WHERE k.contype = 'c' AND NOT (k.conislocal OR c.relispartition) OR k.contype = 'f' AND k.conparentid <> 0 OR k.contype = 'n'
    UNION ALL
    SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, NULL, NULL
    FROM type t CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_constraint k WHERE k.conrelid = 0 AND k.contypid = t.oid OFFSET 0) AS k WHERE k.contype = 'n'
    UNION ALL
    -- Of a constraint trigger.
    SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, g.tgconstraint, 'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid OFFSET 0) AS g
    WHERE g.tgconstraint <> 0 AND NOT g.tgisinternal
    UNION ALL
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, k.conindid, 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid OFFSET 0) AS k WHERE k.contype IN ('p', 'u', 'x')
    UNION ALL
    -- Of foreign keys, and of triggers of partitioned tables.
    SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid, NULL, NULL
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid OFFSET 0) AS g WHERE g.tgisinternal OR g.tgparentid <> 0
    UNION ALL
    SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid OFFSET 0) AS w WHERE w.rulename = '_RETURN'
)
SELECT p.class, p.object, p.of_class, p.of_object FROM part p
UNION ALL
-- What the tenant's roles get of what the tenant makes later.
SELECT 'pg_catalog.pg_default_acl'::pg_catalog.regclass, a.oid, NULL, NULL
FROM pg_catalog.pg_default_acl a WHERE a.defaclnamespace = $2 AND a.defaclrole = ANY ($9)
