-- Comments, and privileges that differ from those a new object has, of all that is in the schema $2 (classes $1, objects $5): in the schema $3
-- for the role $4. What the roles $9 may is left out. A statement that is NULL stands for what is of a kind not known here.
--
-- Privileges of the owner become the role's. EXECUTE is PUBLIC's on no routine of a tenant, whatever the original says.
WITH member AS (
    SELECT x.class, x.object FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($5)) AS x (class, object)
),
named (class, object, kind, target, name, owner, acl, usual) AS (
    SELECT m.class, m.object,
           CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
               WHEN 'i' THEN 'INDEX' WHEN 'I' THEN 'INDEX' WHEN 'c' THEN 'TYPE' WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'TABLE' END,
           pg_catalog.format('%I.%I', $3, c.relname), c.relname::pg_catalog.text, c.relowner, c.relacl,
           CASE WHEN c.relacl IS NOT NULL THEN
               pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::pg_catalog."char", c.relowner) END
    FROM member m JOIN pg_catalog.pg_class c ON c.oid = m.object
    WHERE m.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.relkind <> 't'
    UNION ALL
    SELECT m.class, m.object, 'TYPE', pg_catalog.format('%I.%I', $3, t.typname), t.typname, t.typowner, t.typacl,
           pg_catalog.acldefault('T', t.typowner)
    FROM member m JOIN pg_catalog.pg_type t ON t.oid = m.object WHERE m.class = 'pg_catalog.pg_type'::pg_catalog.regclass
    UNION ALL
    SELECT m.class, m.object, 'ROUTINE',
           pg_catalog.format('%I.%I(%s)', $3, p.proname, pg_catalog.oidvectortypes(p.proargtypes)),
           p.proname, p.proowner, p.proacl, pg_catalog.acldefault('f', p.proowner)
    FROM member m JOIN pg_catalog.pg_proc p ON p.oid = m.object WHERE m.class = 'pg_catalog.pg_proc'::pg_catalog.regclass
    UNION ALL
    SELECT m.class, m.object, 'COLLATION', pg_catalog.format('%I.%I', $3, l.collname), l.collname, NULL, NULL, NULL
    FROM member m JOIN pg_catalog.pg_collation l ON l.oid = m.object WHERE m.class = 'pg_catalog.pg_collation'::pg_catalog.regclass
    UNION ALL
    SELECT m.class, m.object, 'STATISTICS', pg_catalog.format('%I.%I', $3, s.stxname), s.stxname, NULL, NULL, NULL
    FROM member m JOIN pg_catalog.pg_statistic_ext s ON s.oid = m.object
    WHERE m.class = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass
    UNION ALL
    SELECT m.class, m.object, 'CONSTRAINT',
           pg_catalog.format('%I ON %s%I.%I', k.conname, CASE WHEN c.oid IS NULL THEN 'DOMAIN ' END, $3, COALESCE(c.relname, t.typname)),
           k.conname, NULL, NULL, NULL
    FROM member m JOIN pg_catalog.pg_constraint k ON k.oid = m.object
         LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid LEFT JOIN pg_catalog.pg_type t ON t.oid = k.contypid
    WHERE m.class = 'pg_catalog.pg_constraint'::pg_catalog.regclass
    UNION ALL
    SELECT m.class, m.object, 'TRIGGER', pg_catalog.format('%I ON %I.%I', g.tgname, $3, c.relname), g.tgname, NULL, NULL, NULL
    FROM member m JOIN pg_catalog.pg_trigger g ON g.oid = m.object JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
    WHERE m.class = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND NOT g.tgisinternal
    UNION ALL
    SELECT m.class, m.object, 'RULE', pg_catalog.format('%I ON %I.%I', w.rulename, $3, c.relname), w.rulename, NULL, NULL, NULL
    FROM member m JOIN pg_catalog.pg_rewrite w ON w.oid = m.object JOIN pg_catalog.pg_class c ON c.oid = w.ev_class
    WHERE m.class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    UNION ALL
    SELECT m.class, m.object, 'POLICY', pg_catalog.format('%I ON %I.%I', p.polname, $3, c.relname), p.polname, NULL, NULL, NULL
    FROM member m JOIN pg_catalog.pg_policy p ON p.oid = m.object JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
    WHERE m.class = 'pg_catalog.pg_policy'::pg_catalog.regclass
),
granting (class, object, name, target, role, public, owner, privileges) AS (
    SELECT n.class, n.object, n.name,
           CASE n.kind WHEN 'SEQUENCE' THEN 'SEQUENCE ' WHEN 'TYPE' THEN 'TYPE ' WHEN 'ROUTINE' THEN 'ROUTINE ' ELSE 'TABLE ' END || n.target,
           n.owner, n.kind <> 'ROUTINE', n.owner, NULL::pg_catalog.text
    FROM named n WHERE n.acl IS NOT NULL
)
SELECT m.class, m.object, 95 AS phase,
       pg_catalog.concat('comment on ', pg_catalog.lower(n.kind), ' ', n.name, '.' || a.attname) AS name,
       CASE WHEN n.kind IS NULL THEN NULL WHEN d.objsubid = 0
           THEN pg_catalog.format('COMMENT ON %s %s IS %L', n.kind, n.target, d.description)
           ELSE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', n.target, a.attname, d.description) END AS statement,
       NULL::pg_catalog.text AS compared, false AS checked
FROM member m
CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_description d WHERE d.classoid = m.class AND d.objoid = m.object OFFSET 0) AS d
LEFT JOIN named n ON n.class = m.class AND n.object = m.object
LEFT JOIN pg_catalog.pg_attribute a
    ON m.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND a.attrelid = m.object AND a.attnum = d.objsubid AND d.objsubid > 0
UNION ALL
-- What the owner does not have of what owners have.
SELECT g.class, g.object, 96, 'privileges on ' || g.name, pg_catalog.format('REVOKE %s ON %s FROM %I',
           pg_catalog.string_agg(u.privilege_type, ', ' ORDER BY u.privilege_type), g.target, $4), NULL, true
FROM granting g JOIN named n ON n.class = g.class AND n.object = g.object
CROSS JOIN LATERAL pg_catalog.aclexplode(n.usual) u
WHERE u.grantee = n.owner AND NOT EXISTS (
    SELECT FROM pg_catalog.aclexplode(n.acl) a WHERE a.grantee = n.owner AND a.privilege_type = u.privilege_type)
GROUP BY g.class, g.object, g.name, g.target
UNION ALL
SELECT g.class, g.object, 96, 'privileges of PUBLIC on ' || g.name, pg_catalog.format('REVOKE %s ON %s FROM PUBLIC',
           pg_catalog.string_agg(u.privilege_type, ', ' ORDER BY u.privilege_type), g.target), NULL, true
FROM granting g JOIN named n ON n.class = g.class AND n.object = g.object AND g.public
CROSS JOIN LATERAL pg_catalog.aclexplode(n.usual) u
WHERE u.grantee = 0 AND NOT EXISTS (
    SELECT FROM pg_catalog.aclexplode(n.acl) a WHERE a.grantee = 0 AND a.privilege_type = u.privilege_type)
GROUP BY g.class, g.object, g.name, g.target
UNION ALL
-- Others: what may not be granted is refused elsewhere.
SELECT x.class, x.object, 96, pg_catalog.format('privileges of %s on %s', x.grantee, x.name),
       pg_catalog.format('GRANT %s ON %s TO %I%s', pg_catalog.string_agg(x.privilege, ', ' ORDER BY x.privilege), x.target, x.grantee,
           CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END), NULL, true
FROM (
    SELECT g.class, g.object, g.name, g.target, a.is_grantable, pg_catalog.pg_get_userbyid(a.grantee), a.privilege_type
    FROM granting g JOIN named n ON n.class = g.class AND n.object = g.object CROSS JOIN LATERAL pg_catalog.aclexplode(n.acl) a
    WHERE a.grantee <> 0 AND a.grantee <> n.owner AND a.grantee <> ALL ($9)
    UNION ALL
    SELECT n.class, n.object, n.name, 'TABLE ' || n.target, a.is_grantable, pg_catalog.pg_get_userbyid(a.grantee),
           pg_catalog.format('%s (%I)', a.privilege_type, c.attname)
    FROM named n CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_attribute c WHERE c.attrelid = n.object AND c.attacl IS NOT NULL OFFSET 0) AS c
    CROSS JOIN LATERAL pg_catalog.aclexplode(c.attacl) a
    WHERE n.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND a.grantee <> 0 AND a.grantee <> n.owner AND a.grantee <> ALL ($9)
) AS x (class, object, name, target, is_grantable, grantee, privilege)
GROUP BY x.class, x.object, x.name, x.target, x.grantee, x.is_grantable
