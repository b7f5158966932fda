(WITH RECURSIVE
-- What code may leave, by what is written in it: settings, and state that pins a client.
words (setting, state) AS (VALUES (
  $setting$(\m(?:set_config\M[^;]*|execute\M[^;]*|set\s+time\s+zone\M|set\s+(?:session\s+)?["a-z_][^\s;=]*\s*(?:=|\mto\M)))$setting$,
  $state$\m(?:temp|temporary|pg_temp|hold|prepare|execute|pg_(?:try_)?advisory_lock(?:_shared)?)\M$state$)),
schemas (oid) AS MATERIALIZED (
  SELECT n.oid FROM pg_catalog.pg_namespace AS n
  WHERE n.nspname OPERATOR(pg_catalog.=) ANY(ARRAY[{schemas}]::pg_catalog.name[])
  UNION ALL SELECT pg_catalog.pg_my_temp_schema()),
-- By the index of dependencies: there is none of what is in a schema.
members (classid, oid) AS MATERIALIZED (
  SELECT d.classid, d.objid FROM schemas AS s, pg_catalog.pg_depend AS d
  WHERE d.refclassid OPERATOR(pg_catalog.=) 2615::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.=) s.oid),
functions (oid, name, fires, body) AS MATERIALIZED (
  SELECT p.oid, pg_catalog.lower(p.proname::pg_catalog.text), p.prorettype OPERATOR(pg_catalog.=) 2279::pg_catalog.oid,
    CASE WHEN p.prosrc OPERATOR(pg_catalog.=) ''::pg_catalog.text
      AND p.prokind OPERATOR(pg_catalog.<>) 'a'::pg_catalog."char"
      THEN pg_catalog.pg_get_functiondef(p.oid) ELSE p.prosrc END
  FROM members AS m, pg_catalog.pg_proc AS p
  WHERE m.classid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid AND p.oid OPERATOR(pg_catalog.=) m.oid),
leaving (oid, setting, state, place) AS MATERIALIZED (
  SELECT f.oid, f.body OPERATOR(pg_catalog.~*) w.setting, f.body OPERATOR(pg_catalog.~*) w.state,
    pg_catalog.row_number() OVER ()
  FROM functions AS f, words AS w
  WHERE f.body OPERATOR(pg_catalog.~*) w.setting OR f.body OPERATOR(pg_catalog.~*) w.state),
-- Who runs those: whose body has the name in it. Names too many do no harm.
runs (origin, oid) AS (
  SELECT l.oid, l.oid FROM leaving AS l WHERE l.place OPERATOR(pg_catalog.<=) {most}::pg_catalog.int8
  UNION
  SELECT r.origin, g.oid FROM runs AS r, functions AS f, functions AS g
  WHERE f.oid OPERATOR(pg_catalog.=) r.oid
    AND pg_catalog.strpos(pg_catalog.lower(g.body), f.name) OPERATOR(pg_catalog.>) 0),
-- What is stored and runs functions: views, rules, policies, and what else is no function.
-- Triggers, defaults and constraints are for those who write.
stored (oid, writes, reads) AS MATERIALIZED (
  SELECT d.refobjid,
    pg_catalog.bool_or(d.classid OPERATOR(pg_catalog.=) ANY(ARRAY[2620,2604,2606]::pg_catalog.oid[])),
    pg_catalog.bool_or(d.classid OPERATOR(pg_catalog.<>) ALL(ARRAY[2620,2604]::pg_catalog.oid[]))
  FROM functions AS f, pg_catalog.pg_depend AS d
  WHERE d.refclassid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.=) f.oid
    AND d.classid OPERATOR(pg_catalog.<>) 1255::pg_catalog.oid
  GROUP BY d.refobjid),
unseen (origin, fires, reads) AS MATERIALIZED (
  SELECT r.origin, pg_catalog.bool_or(f.fires OR s.writes), pg_catalog.bool_or(s.reads)
  FROM runs AS r JOIN functions AS f ON f.oid OPERATOR(pg_catalog.=) r.oid
    LEFT JOIN stored AS s ON s.oid OPERATOR(pg_catalog.=) r.oid
  GROUP BY r.origin
  -- More than are followed to where they are run from: they are run from everywhere.
  UNION ALL SELECT l.oid, true, true FROM leaving AS l WHERE l.place OPERATOR(pg_catalog.>) {most}::pg_catalog.int8),
-- Expressions that call what leaves something by itself: set_config, setseed, advisory locks.
builtins (mark) AS MATERIALIZED (
  SELECT pg_catalog.concat(':funcid (', pg_catalog.string_agg(p.oid::pg_catalog.text, '|'), ') ')
  FROM pg_catalog.pg_proc AS p, pg_catalog.pg_namespace AS n
  WHERE p.proname OPERATOR(pg_catalog.=) ANY(ARRAY['set_config','setseed','pg_advisory_lock','pg_advisory_lock_shared',
      'pg_try_advisory_lock','pg_try_advisory_lock_shared']::pg_catalog.name[])
    AND n.oid OPERATOR(pg_catalog.=) p.pronamespace
    AND n.nspname OPERATOR(pg_catalog.=) ANY(ARRAY['pg_catalog','pgtenant_guard']::pg_catalog.name[])),
expressions (reads, body) AS MATERIALIZED (
  SELECT true, pg_catalog.pg_get_ruledef(r.oid)
  FROM members AS m, pg_catalog.pg_rewrite AS r, builtins AS b
  WHERE m.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND r.ev_class OPERATOR(pg_catalog.=) m.oid
    AND pg_catalog.concat(r.ev_qual, r.ev_action) OPERATOR(pg_catalog.~) b.mark
  UNION ALL
  SELECT true, pg_catalog.concat_ws(' ', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
  FROM members AS m, pg_catalog.pg_policy AS p, builtins AS b
  WHERE m.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND p.polrelid OPERATOR(pg_catalog.=) m.oid
    AND pg_catalog.concat(p.polqual, p.polwithcheck) OPERATOR(pg_catalog.~) b.mark
  UNION ALL
  SELECT false, pg_catalog.pg_get_expr(a.adbin, a.adrelid)
  FROM members AS m, pg_catalog.pg_attrdef AS a, builtins AS b
  WHERE m.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND a.adrelid OPERATOR(pg_catalog.=) m.oid
    AND a.adbin::pg_catalog.text OPERATOR(pg_catalog.~) b.mark
  UNION ALL
  SELECT false, pg_catalog.pg_get_constraintdef(c.oid)
  FROM members AS m, pg_catalog.pg_constraint AS c, builtins AS b
  WHERE m.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND c.conrelid OPERATOR(pg_catalog.=) m.oid
    AND c.conbin::pg_catalog.text OPERATOR(pg_catalog.~) b.mark
  UNION ALL
  SELECT true, pg_catalog.pg_get_constraintdef(c.oid)
  FROM members AS m, pg_catalog.pg_constraint AS c, builtins AS b
  WHERE m.classid OPERATOR(pg_catalog.=) 1247::pg_catalog.oid AND c.conrelid OPERATOR(pg_catalog.=) 0::pg_catalog.oid AND c.contypid OPERATOR(pg_catalog.=) m.oid
    AND c.conbin::pg_catalog.text OPERATOR(pg_catalog.~) b.mark
  UNION ALL
  SELECT false, pg_catalog.pg_get_triggerdef(t.oid)
  FROM members AS m, pg_catalog.pg_trigger AS t, builtins AS b
  WHERE m.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND t.tgrelid OPERATOR(pg_catalog.=) m.oid
    AND t.tgqual::pg_catalog.text OPERATOR(pg_catalog.~) b.mark),
found (fires, reads, setting, state, body) AS (
  SELECT u.fires, u.reads, l.setting, l.state, f.body
  FROM leaving AS l JOIN functions AS f ON f.oid OPERATOR(pg_catalog.=) l.oid
    JOIN unseen AS u ON u.origin OPERATOR(pg_catalog.=) l.oid
  UNION ALL
  SELECT true, e.reads, e.body OPERATOR(pg_catalog.~*) w.setting, e.body OPERATOR(pg_catalog.~*) w.state,
    e.body FROM expressions AS e, words AS w)
SELECT DISTINCT pg_catalog.concat('code:', CASE WHEN f.fires THEN 't' END, CASE WHEN f.reads THEN 'r' END) AS name, p.piece
FROM found AS f, words AS w, LATERAL (
  SELECT pg_catalog.left(m[1], {cut}) FROM pg_catalog.regexp_matches(CASE WHEN f.setting THEN f.body END, w.setting, 'gi') AS m
  UNION ALL SELECT '' WHERE f.state) AS p (piece))
