-- Dependencies of anything in the new schema ($2) on anything in the template ($1): there must be none.
WITH template AS (
    SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1
),
own AS (
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $2
)
SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) || ' refers to '
       || pg_catalog.pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
FROM pg_catalog.pg_depend d
WHERE (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid IN (SELECT oid FROM own)
       OR d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
          AND d.objid IN (SELECT a.oid FROM pg_catalog.pg_attrdef a WHERE a.adrelid IN (SELECT oid FROM own))
       OR d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
          AND d.objid IN (SELECT k.oid FROM pg_catalog.pg_constraint k WHERE k.conrelid IN (SELECT oid FROM own)))
  AND (d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.refobjid IN (SELECT c.oid FROM pg_catalog.pg_class c, template t WHERE c.relnamespace = t.oid)
       OR d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
       AND d.refobjid IN (SELECT y.oid FROM pg_catalog.pg_type y, template t WHERE y.typnamespace = t.oid)
       OR d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
       AND d.refobjid IN (SELECT p.oid FROM pg_catalog.pg_proc p, template t WHERE p.pronamespace = t.oid))
ORDER BY 1
