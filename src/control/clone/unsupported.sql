-- What a clone of the schema $2 cannot carry, or must not: one line of text each. What is of a kind that no statement makes is found
-- without this, by what remains of members.sql. $1: relations. $5: types. $6: routines. $7, $8: classes and objects of all. $9: roles that may
-- have something.
WITH relation AS (
    SELECT c.* FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1) AND c.relkind IN ('S', 'm', 'p', 'r', 'v')
),
routine AS (
    SELECT p.*, l.lanname, l.lanpltrusted, pg_catalog.pg_describe_object('pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0) AS described
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE p.oid = ANY ($6)
),
-- Whom something is granted, and whom policies are for, besides the owner.
said (what, role) AS (
    SELECT 'privileges on ' || c.relname, a.grantee
    FROM relation c CROSS JOIN pg_catalog.aclexplode(c.relacl) a WHERE a.grantee <> c.relowner
    UNION ALL
    SELECT pg_catalog.format('privileges on column %s.%s', c.relname, t.attname), a.grantee
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_attribute t WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL OFFSET 0) AS t
    CROSS JOIN pg_catalog.aclexplode(t.attacl) a WHERE a.grantee <> c.relowner
    UNION ALL
    -- These two are PUBLIC's at first.
    SELECT 'privileges on ' || p.described, a.grantee
    FROM routine p CROSS JOIN pg_catalog.aclexplode(p.proacl) a WHERE a.grantee NOT IN (0, p.proowner)
    UNION ALL
    SELECT 'privileges on type ' || t.typname, a.grantee
    FROM pg_catalog.pg_type t CROSS JOIN pg_catalog.aclexplode(t.typacl) a
    WHERE t.oid = ANY ($5) AND a.grantee NOT IN (0, t.typowner)
    UNION ALL
    SELECT 'privileges on the schema itself', a.grantee
    FROM pg_catalog.pg_namespace n CROSS JOIN pg_catalog.aclexplode(n.nspacl) a WHERE n.oid = $2 AND a.grantee <> n.nspowner
    UNION ALL
    SELECT pg_catalog.format('policy %s on table %s', p.polname, c.relname), r.role
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid OFFSET 0) AS p CROSS JOIN pg_catalog.unnest(p.polroles) AS r (role)
    WHERE r.role NOT IN (0, c.relowner)
),
role AS (
    SELECT DISTINCT s.role FROM said s WHERE s.role <> ALL ($9)
),
-- Everybody who has a role's rights: none of them may be a tenant, or one of the proxy's own roles.
holder (role, member) AS (
    WITH RECURSIVE below (role, member) AS (
        SELECT r.role, r.role FROM role r
        UNION
        SELECT b.role, m.member FROM below b JOIN pg_catalog.pg_auth_members m ON m.roleid = b.member
    )
    SELECT b.role, b.member FROM below b
),
barred AS (
    SELECT DISTINCT h.role FROM holder h JOIN pg_catalog.pg_roles r ON r.oid = h.member
    WHERE EXISTS (
        SELECT FROM pgtenant.installation i
        WHERE r.rolname IN (i.registry_role, i.tenants_role, i.pool_role, i.spare_role)
           OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                      WHERE m.roleid = pg_catalog.to_regrole(pg_catalog.quote_ident(i.tenants_role))::pg_catalog.oid AND m.member = h.member))
),
found AS (
    SELECT pg_catalog.format('%s granted to %s', s.what, COALESCE(r.rolname, 'PUBLIC')) AS what
    FROM said s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.role
    WHERE s.what NOT LIKE 'policy %' AND (s.role = 0 OR s.role IN (SELECT b.role FROM barred b))
    UNION ALL
    SELECT pg_catalog.format('%s, for %s', s.what, r.rolname)
    FROM said s JOIN pg_catalog.pg_roles r ON r.oid = s.role JOIN barred b ON b.role = s.role WHERE s.what LIKE 'policy %'
    UNION ALL
    SELECT pg_catalog.format('privilege CREATE on the schema itself granted to %s', r.rolname)
    FROM pg_catalog.pg_namespace n CROSS JOIN pg_catalog.aclexplode(n.nspacl) a JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
    WHERE n.oid = $2 AND a.grantee <> n.nspowner AND a.grantee <> ALL ($9) AND a.privilege_type = 'CREATE'
    UNION ALL
    SELECT pg_catalog.format('privileges on %s granted by %s, who is not its owner', c.relname, pg_catalog.pg_get_userbyid(a.grantor))
    FROM relation c CROSS JOIN pg_catalog.aclexplode(c.relacl) a WHERE a.grantor <> c.relowner
    UNION ALL
    SELECT pg_catalog.format('privileges on %s granted by %s, who is not its owner', p.described, pg_catalog.pg_get_userbyid(a.grantor))
    FROM routine p CROSS JOIN pg_catalog.aclexplode(p.proacl) a WHERE a.grantor <> p.proowner
    UNION ALL
    SELECT 'inheritance or partitioning of table ' || c.relname || ', which leads out of the template'
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid OFFSET 0) AS i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
    WHERE p.relnamespace <> $2
    UNION ALL
    SELECT 'inheritance or partitioning of table ' || c.relname || ', which leads out of the template'
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid OFFSET 0) AS i JOIN pg_catalog.pg_class p ON p.oid = i.inhrelid
    WHERE p.relnamespace <> $2
    UNION ALL
    SELECT 'partition ' || c.relname || ', which is being detached'
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid OFFSET 0) AS i WHERE (pg_catalog.to_jsonb(i) ->> 'inhdetachpending')::pg_catalog.bool
    UNION ALL
    SELECT 'type of table ' || c.relname FROM relation c WHERE c.reloftype <> 0
    UNION ALL
    SELECT 'tablespace of ' || c.relname FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1) AND c.reltablespace <> 0 AND c.relkind <> 't'
    UNION ALL
    SELECT 'index ' || i.relname || ', which is invalid'
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid OFFSET 0) AS x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
    WHERE NOT x.indisvalid AND i.relkind = 'i'
    UNION ALL
    SELECT 'foreign key ' || k.conname || ' of table ' || c.relname || ', which leads out of the template'
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid OFFSET 0) AS k JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
    WHERE k.contype = 'f' AND f.relnamespace <> $2
    UNION ALL
    SELECT 'sequence ' || c.relname || ', which belongs to a column of a table elsewhere'
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid OFFSET 0) AS d
    JOIN pg_catalog.pg_class t ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND t.oid = d.refobjid
    WHERE c.relkind = 'S' AND d.deptype IN ('a', 'i') AND t.relnamespace <> $2
    UNION ALL
    SELECT 'foreign key of table ' || c.relname || ', which is switched off'
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid OFFSET 0) AS g
    WHERE g.tgisinternal AND g.tgconstraint <> 0 AND g.tgparentid = 0 AND g.tgenabled <> 'O'
    UNION ALL
    -- What is in one of these languages runs with the rights of the server.
    SELECT p.described || ', which is in language ' || p.lanname FROM routine p
    WHERE NOT p.lanpltrusted AND p.prokind <> 'a' AND p.lanname <> 'sql'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
                        AND (d.deptype = 'e' OR d.deptype = 'i' AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass)
                      OFFSET 0)
    UNION ALL
    SELECT p.described || ', which is LEAKPROOF' FROM routine p WHERE p.proleakproof
    UNION ALL
    SELECT p.described || ', which has a support function' FROM routine p WHERE p.prosupport::pg_catalog.oid <> 0
    UNION ALL
    SELECT p.described || ', which sets role or session_authorization' FROM routine p
    WHERE EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) s
                  WHERE pg_catalog.lower(pg_catalog.split_part(s, '=', 1)) IN ('role', 'session_authorization'))
    UNION ALL
    SELECT pg_catalog.pg_describe_object('pg_catalog.pg_cast'::pg_catalog.regclass, c.oid, 0)
    FROM pg_catalog.pg_cast c
    WHERE (c.castsource = ANY ($5) OR c.casttarget = ANY ($5) OR c.castfunc = ANY ($6))
      -- From a range to its multirange.
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'i'
                      OFFSET 0)
    UNION ALL
    SELECT pg_catalog.pg_describe_object('pg_catalog.pg_transform'::pg_catalog.regclass, f.oid, 0)
    FROM pg_catalog.pg_transform f WHERE f.trftype = ANY ($5)
    UNION ALL
    SELECT pg_catalog.pg_describe_object(m.class, m.object, 0) || ', which depends on an extension'
    FROM ROWS FROM (pg_catalog.unnest($7), pg_catalog.unnest($8)) AS m (class, object)
    CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_depend d WHERE d.classid = m.class AND d.objid = m.object AND d.deptype = 'x' OFFSET 0) AS d
    UNION ALL
    SELECT 'security label on ' || pg_catalog.pg_describe_object(m.class, m.object, 0)
    FROM ROWS FROM (pg_catalog.unnest($7), pg_catalog.unnest($8)) AS m (class, object)
    JOIN pg_catalog.pg_seclabel l ON l.classoid = m.class AND l.objoid = m.object
)
SELECT DISTINCT f.what FROM found f ORDER BY 1
