-- What weakens the hardening: breaks, object, what, remedy, id of the check, and the remedy as SQL where one statement is it.
WITH tenant AS ({tenants}),
holder AS ({holders}),
-- Extensions that an administrator should think about where tenants share a database.
risky (name, breaks, what, remedy) AS (VALUES
    ('adminpack', false, 'reads and writes server files for whoever is granted its functions', 'grant them to no tenant'),
    ('amcheck', false, 'shows whether any table is damaged to whoever is granted its functions', 'grant them to no tenant'),
    ('dblink', true, 'opens connections of its own, which no event trigger and no role of this session binds', 'DROP EXTENSION dblink, or REVOKE EXECUTE ON its functions FROM PUBLIC'),
    ('file_fdw', false, 'reads server files and programs for whoever has USAGE on its server', 'grant that to no tenant'),
    ('lo', false, 'works on large objects, which belong to no schema', 'let tenants use bytea'),
    ('old_snapshot', false, 'shows when transactions of all tenants ran', 'REVOKE EXECUTE ON its functions FROM PUBLIC'),
    ('pageinspect', false, 'shows any page of any table to whoever is granted its functions', 'grant them to no tenant'),
    ('pg_background', true, 'runs SQL text in another process, outside of the session''s role', 'DROP EXTENSION pg_background'),
    ('pg_buffercache', false, 'shows which tables of all tenants are in memory', 'grant it to no tenant'),
    ('pg_cron', true, 'runs SQL text in sessions of its own', 'REVOKE USAGE ON SCHEMA cron FROM PUBLIC and from tenants'),
    ('pg_stat_statements', false, 'shows how often and how long statements of all tenants ran, and their text to members of pg_read_all_stats', 'REVOKE SELECT ON pg_stat_statements, pg_stat_statements_info FROM PUBLIC'),
    ('pg_surgery', false, 'changes rows behind PostgreSQL''s back for whoever is granted its functions', 'grant them to no tenant'),
    ('pg_visibility', false, 'shows and changes storage of any table for whoever is granted its functions', 'grant them to no tenant'),
    ('pg_walinspect', false, 'shows changes of all tenants to whoever is granted its functions', 'grant them to no tenant'),
    ('pgrowlocks', false, 'shows row locks of tables to whoever may read them', 'nothing to do'),
    ('pgstattuple', false, 'shows sizes of any table to whoever is granted its functions', 'grant them to no tenant'),
    ('postgres_fdw', true, 'opens connections of its own for whoever has USAGE on a server of its', 'grant that to no tenant'),
    ('refint', true, 'builds SQL text from trigger arguments and runs it as the caller', 'DROP EXTENSION refint; foreign keys do the same'),
    ('set_user', true, 'changes the role of the session for whoever is granted its functions', 'grant them to no tenant'),
    ('tcn', true, 'notifies on a channel that is not the tenant''s own', 'DROP EXTENSION tcn'),
    ('xml2', true, 'has xpath_table, which runs SQL text as the caller', 'DROP EXTENSION xml2, or REVOKE EXECUTE ON FUNCTION xpath_table FROM PUBLIC')
),
-- Their C functions neither run SQL text that may write nor act on others.
harmless (name) AS (VALUES
    ('autoinc'), ('bloom'), ('btree_gin'), ('btree_gist'), ('citext'), ('cube'), ('dict_int'), ('dict_xsyn'),
    ('earthdistance'), ('fuzzystrmatch'), ('hstore'), ('insert_username'), ('intagg'), ('intarray'), ('isn'),
    ('ltree'), ('moddatetime'), ('pg_freespacemap'), ('pg_prewarm'), ('pg_trgm'), ('pgcrypto'), ('plpgsql'),
    ('seg'), ('sslinfo'), ('tablefunc'), ('tsm_system_rows'), ('tsm_system_time'), ('unaccent'), ('uuid-ossp')
),
-- What a tenant can call, besides PostgreSQL's own: by right, or by a trigger on a table of its own.
callable AS (
    SELECT p.oid, p.prosrc, p.prosecdef, p.proconfig, p.proowner, l.lanname,
        (SELECT e.extname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
         WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'
           AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass) AS extension,
        (SELECT pg_catalog.format('REVOKE EXECUTE ON ROUTINE %s FROM ', p.oid::pg_catalog.regprocedure) || pg_catalog.string_agg(
             DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END, ', ')
         FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
         WHERE a.privilege_type = 'EXECUTE' AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM holder))) AS revoke
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.prokind <> 'a' AND l.lanname <> 'internal' AND p.proowner NOT IN (SELECT oid FROM tenant)
      AND n.nspname NOT IN ('information_schema', 'pgtenant_guard')
      AND NOT (n.nspname = 'pg_catalog' AND (p.oid < 16384 OR p.proowner = pg_catalog.to_regrole({guard_role})::pg_catalog.oid))
      AND ((EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
                    WHERE a.privilege_type = 'EXECUTE' AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM holder)))
            AND EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
                        WHERE a.privilege_type = 'USAGE' AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM holder))))
           OR EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
                      WHERE t.tgfoid = p.oid AND c.relowner IN (SELECT oid FROM tenant)))
),
judged AS (
    SELECT c.*,
        c.lanname NOT IN ('sql', 'plpgsql')
        OR c.prosrc ~* '\m(execute|discard)\M'
        OR c.prosrc ~* '\m(set|reset)\s+((session|local)\s+)?("|u&")?(role|session|all|authorization)'
        OR EXISTS (SELECT FROM pg_catalog.unnest(c.proconfig) s
                   WHERE pg_catalog.lower(pg_catalog.split_part(s, '=', 1)) IN ('role', 'session_authorization')) AS breaks
    FROM callable c WHERE c.lanname <> 'c' AND NOT c.prosecdef
),
-- Where expressions are kept. They name functions by OID, so they call the moved ones.
expression (object, tree) AS (
    SELECT 'view or rule on ' || ev_class::pg_catalog.regclass, ev_action::text || ev_qual::text
    FROM pg_catalog.pg_rewrite WHERE oid >= 16384
    UNION ALL SELECT 'default of a column of ' || adrelid::pg_catalog.regclass, adbin::text FROM pg_catalog.pg_attrdef
    UNION ALL SELECT 'constraint ' || conname, conbin::text FROM pg_catalog.pg_constraint WHERE conbin IS NOT NULL
    UNION ALL SELECT 'policy ' || polname || ' on ' || polrelid::pg_catalog.regclass,
        COALESCE(polqual::text, '') || COALESCE(polwithcheck::text, '') FROM pg_catalog.pg_policy
    UNION ALL SELECT 'trigger ' || tgname || ' on ' || tgrelid::pg_catalog.regclass, tgqual::text
    FROM pg_catalog.pg_trigger WHERE tgqual IS NOT NULL
),
moved AS (
    SELECT p.proname, ':funcid ' || p.oid || ' ' AS word
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'pgtenant_guard' AND p.oid < 16384
)
SELECT r.breaks, 'extension ' || e.extname, r.what, r.remedy,
    CASE WHEN r.breaks THEN 'risky_extension' ELSE 'noted_extension' END,
    CASE WHEN r.breaks THEN pg_catalog.format('DROP EXTENSION %I', e.extname) END
FROM pg_catalog.pg_extension e JOIN risky r ON r.name = e.extname
UNION ALL
SELECT false, 'extension ' || e.extname, 'has functions in C that nobody looked at for this',
    'make sure that none runs SQL text given by its caller', 'unknown_extension', NULL
FROM pg_catalog.pg_extension e
WHERE e.extname NOT IN (SELECT name FROM risky UNION ALL SELECT name FROM harmless)
  AND EXISTS (SELECT FROM callable c WHERE c.extension = e.extname AND c.lanname = 'c')
UNION ALL
SELECT true, 'language ' || l.lanname, 'may be used by tenants; its handlers are no part of the hardening',
    pg_catalog.format('REVOKE USAGE ON LANGUAGE %I FROM PUBLIC', l.lanname),
    'open_language', pg_catalog.format('REVOKE USAGE ON LANGUAGE %I FROM PUBLIC', l.lanname)
FROM pg_catalog.pg_language l
WHERE l.lanname NOT IN ('internal', 'c', 'sql', 'plpgsql')
  AND EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(l.lanacl, pg_catalog.acldefault('l', l.lanowner))) a
              WHERE l.lanpltrusted AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM holder)))
UNION ALL
SELECT true, 'routine ' || p.oid::pg_catalog.regprocedure, 'belongs to a tenant and is in language ' || l.lanname,
    pg_catalog.format('ALTER ROUTINE %s OWNER TO CURRENT_USER, or drop it', p.oid::pg_catalog.regprocedure),
    'tenant_language', pg_catalog.format('ALTER ROUTINE %s OWNER TO CURRENT_USER', p.oid::pg_catalog.regprocedure)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.proowner IN (SELECT oid FROM tenant) AND p.prokind <> 'a'
  AND l.lanname NOT IN ('internal', 'sql', 'plpgsql')
UNION ALL
SELECT j.breaks, 'routine ' || j.oid::pg_catalog.regprocedure,
    CASE WHEN j.breaks THEN 'runs as the tenant that calls it and may run SQL text or change the role'
         ELSE 'runs as the tenant that calls it; its text builds no SQL and changes no role' END,
    pg_catalog.format('ALTER ROUTINE %1$s SECURITY DEFINER if that is meant, or REVOKE EXECUTE ON ROUTINE %1$s FROM PUBLIC, or move it to a schema tenants cannot use',
        j.oid::pg_catalog.regprocedure),
    CASE WHEN j.breaks THEN 'caller_routine' ELSE 'plain_routine' END, j.revoke
FROM judged j WHERE j.breaks OR j.extension IS NULL
UNION ALL
SELECT false, 'routine ' || c.oid::pg_catalog.regprocedure, 'is in C, by no extension, and cannot be looked into',
    'make sure that it runs no SQL text given by its caller', 'c_routine', c.revoke
FROM callable c WHERE c.lanname = 'c' AND c.extension IS NULL
UNION ALL
SELECT false, 'routine ' || c.oid::pg_catalog.regprocedure,
    'runs with the rights of ' || c.proowner::pg_catalog.regrole || ', whichever tenant calls it',
    'make sure that it names everything with its schema and checks what it is given', 'definer_routine', c.revoke
FROM callable c WHERE c.prosecdef AND c.extension IS NULL
UNION ALL
SELECT false, x.object, 'calls PostgreSQL''s own ' || m.proname || ', which tenants may not call any more',
    'create it anew, then it calls the wrapper', 'old_expression', NULL
FROM expression x JOIN moved m ON pg_catalog.strpos(x.tree, m.word) > 0
ORDER BY 1 DESC, 2, 3
