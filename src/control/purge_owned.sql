-- What else the roles $2 (an array) have than what is in the schema $1: a line each. Their privileges, default privileges,
-- large objects and temporary tables go with them.
WITH role AS (SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r WHERE r.rolname = ANY ($2)),
here AS (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()),
owned AS (
    SELECT r.rolname, d.dbid, d.classid, d.objid, i.schema, i.type
    FROM role r
         JOIN pg_catalog.pg_shdepend d
             ON d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = r.oid AND d.deptype = 'o'
         CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) i
    WHERE d.dbid IN (0, (SELECT oid FROM here))
)
SELECT pg_catalog.format('%s belongs to role %s; give it to another role, or drop it',
                         pg_catalog.pg_describe_object(o.classid, o.objid, 0), o.rolname)
FROM owned o
WHERE o.schema IS DISTINCT FROM $1 AND o.type NOT IN ('large object', 'default acl')
  AND NOT pg_catalog.starts_with(COALESCE(o.schema, ''), 'pg_temp')
  AND NOT pg_catalog.starts_with(COALESCE(o.schema, ''), 'pg_toast')
UNION
SELECT pg_catalog.format('role %s owns something, or was granted something, in database %s; connect there and run: '
                         'REASSIGN OWNED BY %I TO CURRENT_USER; DROP OWNED BY %I', r.rolname, b.datname, r.rolname, r.rolname)
FROM role r
     JOIN pg_catalog.pg_shdepend d
         ON d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = r.oid
     JOIN pg_catalog.pg_database b ON b.oid = d.dbid
WHERE d.dbid NOT IN (0, (SELECT oid FROM here))
ORDER BY 1
