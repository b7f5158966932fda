-- Everything in the schema ($1), and what belongs to that (columns' defaults, constraints, indexes, triggers, …), each with
-- what it depends on: class, object, class and object of the other (NULL without one), how.
-- From the schema down by pg_depend, which has an index for it: pg_class has none for its schema, and the
-- catalogs grow with the number of tenants.
WITH RECURSIVE member (classid, objid) AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
    WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = $1
    UNION
    SELECT d.classid, d.objid
    FROM member m JOIN pg_catalog.pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid
    WHERE d.deptype IN ('a', 'i', 'P', 'S')
)
SELECT DISTINCT m.classid, m.objid, d.refclassid, d.refobjid, d.deptype::pg_catalog.text
FROM member m LEFT JOIN pg_catalog.pg_depend d ON d.classid = m.classid AND d.objid = m.objid
