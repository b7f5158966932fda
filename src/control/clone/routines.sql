-- Functions, procedures and aggregates among $1 in the schema $2, made in the schema $3. They are made by the tenant's role, so that
-- SECURITY DEFINER means its rights, whoever owns the original. The hardening may add it: what is compared leaves it out.
WITH routine AS (
    SELECT p.*, l.lanname,
           pg_catalog.format('%I.%I(%s)', $3, p.proname, pg_catalog.oidvectortypes(p.proargtypes)) AS called,
           pg_catalog.format('%s(%s)', p.proname, pg_catalog.oidvectortypes(p.proargtypes)) AS name
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid = ANY ($1)
),
written AS (
    SELECT r.oid, r.prokind, r.name, r.prosecdef,
           pg_catalog.concat(
               pg_catalog.format('CREATE %s %I.%I(%s)', CASE r.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
                   $3, r.proname, pg_catalog.pg_get_function_arguments(r.oid)),
               ' RETURNS ' || pg_catalog.pg_get_function_result(r.oid),
               (SELECT ' TRANSFORM ' || pg_catalog.string_agg('FOR TYPE ' || pg_catalog.format_type(x, NULL), ', ')
                FROM pg_catalog.unnest(r.protrftypes) x),
               pg_catalog.format(' LANGUAGE %I', r.lanname),
               CASE r.prokind WHEN 'w' THEN ' WINDOW' END,
               CASE r.provolatile WHEN 'i' THEN ' IMMUTABLE' WHEN 's' THEN ' STABLE' END,
               CASE r.proparallel WHEN 's' THEN ' PARALLEL SAFE' WHEN 'r' THEN ' PARALLEL RESTRICTED' END,
               CASE WHEN r.proisstrict THEN ' STRICT' END,
               CASE WHEN r.prokind <> 'p' THEN ' COST ' || r.procost END,
               CASE WHEN r.proretset THEN ' ROWS ' || r.prorows END,
               (SELECT pg_catalog.string_agg(
                           pg_catalog.format(' SET %I TO %s', s.name,
                               CASE WHEN s.name IN ('local_preload_libraries', 'search_path', 'session_preload_libraries',
                                                    'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories')
                               -- A list of names; the schema's own becomes the new one's.
                               THEN COALESCE((
                                   SELECT pg_catalog.string_agg(
                                              pg_catalog.quote_literal(CASE WHEN i.item = n.nspname THEN $3 ELSE i.item END), ', ' ORDER BY i.no)
                                   FROM pg_catalog.regexp_matches(s.value, '"((?:[^"]|"")*)"|([^, ]+)', 'g') WITH ORDINALITY AS m (part, no)
                                   CROSS JOIN LATERAL (SELECT COALESCE(pg_catalog.replace(m.part[1], '""', '"'), m.part[2]), m.no) AS i (item, no)), '''''')
                               ELSE pg_catalog.quote_literal(s.value) END), '' ORDER BY s.no)
                FROM (SELECT pg_catalog.split_part(c, '=', 1), pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1), no
                      FROM pg_catalog.unnest(r.proconfig) WITH ORDINALITY AS u (c, no)) AS s (name, value, no),
                     pg_catalog.pg_namespace n WHERE n.oid = $2)) AS head,
           -- Of version 14: a body that was parsed when it was written.
           COALESCE(pg_catalog.pg_get_function_sqlbody(r.oid), 'AS ' || pg_catalog.quote_literal(r.prosrc)) AS body
    FROM routine r WHERE r.prokind <> 'a' AND r.lanname NOT IN ('c', 'internal')
)
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid AS class, w.oid AS object, 20 AS phase,
       CASE w.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || w.name AS name,
       pg_catalog.concat(w.head, CASE WHEN w.prosecdef THEN ' SECURITY DEFINER' END, ' ', w.body) AS statement,
       pg_catalog.concat(w.head, ' ', w.body) AS compared, true AS checked
FROM written w
UNION ALL
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, r.oid, 20, 'aggregate ' || r.name,
       pg_catalog.concat(
           pg_catalog.format('CREATE AGGREGATE %I.%I(%s) (SFUNC = %s', $3, r.proname,
               COALESCE(NULLIF(pg_catalog.pg_get_function_arguments(r.oid), ''), '*'), f.trans),
           ', STYPE = ' || pg_catalog.format_type(a.aggtranstype, NULL),
           ', SSPACE = ' || NULLIF(a.aggtransspace, 0),
           ', FINALFUNC = ' || f.final,
           CASE WHEN a.aggfinalextra THEN ', FINALFUNC_EXTRA' END,
           ', FINALFUNC_MODIFY = ' || CASE a.aggfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END,
           ', COMBINEFUNC = ' || f.combine, ', SERIALFUNC = ' || f.serial, ', DESERIALFUNC = ' || f.deserial,
           ', INITCOND = ' || pg_catalog.quote_literal(a.agginitval),
           ', MSFUNC = ' || f.moving, ', MINVFUNC = ' || f.inverse,
           ', MSTYPE = ' || pg_catalog.format_type(NULLIF(a.aggmtranstype, 0), NULL),
           ', MSSPACE = ' || NULLIF(a.aggmtransspace, 0),
           ', MFINALFUNC = ' || f.moving_final,
           CASE WHEN a.aggmfinalextra THEN ', MFINALFUNC_EXTRA' END,
           CASE WHEN a.aggmtranstype <> 0 THEN ', MFINALFUNC_MODIFY = '
               || CASE a.aggmfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END,
           ', MINITCOND = ' || pg_catalog.quote_literal(a.aggminitval),
           (SELECT pg_catalog.format(', SORTOP = OPERATOR(%s.%s)', o.oprnamespace::pg_catalog.regnamespace, o.oprname)
            FROM pg_catalog.pg_operator o WHERE o.oid = a.aggsortop),
           ', PARALLEL = ' || CASE r.proparallel WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED' ELSE 'UNSAFE' END,
           CASE WHEN a.aggkind = 'h' THEN ', HYPOTHETICAL' END,
           ')'),
       NULL, true
FROM routine r JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = r.oid
CROSS JOIN LATERAL (
    SELECT pg_catalog.max(x.called) FILTER (WHERE x.oid = a.aggtransfn::pg_catalog.oid),
           pg_catalog.max(x.called) FILTER (WHERE x.oid = a.aggfinalfn::pg_catalog.oid),
           pg_catalog.max(x.called) FILTER (WHERE x.oid = a.aggcombinefn::pg_catalog.oid),
           pg_catalog.max(x.called) FILTER (WHERE x.oid = a.aggserialfn::pg_catalog.oid),
           pg_catalog.max(x.called) FILTER (WHERE x.oid = a.aggdeserialfn::pg_catalog.oid),
           pg_catalog.max(x.called) FILTER (WHERE x.oid = a.aggmtransfn::pg_catalog.oid),
           pg_catalog.max(x.called) FILTER (WHERE x.oid = a.aggminvtransfn::pg_catalog.oid),
           pg_catalog.max(x.called) FILTER (WHERE x.oid = a.aggmfinalfn::pg_catalog.oid)
    FROM (SELECT p.oid, CASE WHEN p.pronamespace = $2 THEN pg_catalog.format('%I.%I', $3, p.proname)
                 ELSE p.pronamespace::pg_catalog.regnamespace::pg_catalog.text || '.' || pg_catalog.quote_ident(p.proname) END
          FROM pg_catalog.pg_proc p
          WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
                          a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)) AS x (oid, called)
) AS f (trans, final, combine, serial, deserial, moving, inverse, moving_final)
