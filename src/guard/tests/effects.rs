//! What statements do to the state of a session.

use super::*;

const EFFECTS: &[(&str, &[Effect])] = &[
    ("SELECT * FROM customers WHERE id = $1", &[]),
    ("SELECT lower(name), count(*), now(), random(), pg_catalog.format('%s', 1) FROM customers", &[]),
    ("SHOW work_mem", &[]),
    ("BEGIN ISOLATION LEVEL SERIALIZABLE; SET TRANSACTION READ ONLY; COMMIT", &[]),
    ("SET LOCAL work_mem = '1MB'", &[]),
    ("SET work_mem = '1MB'", &[Setting]),
    ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", &[Setting]),
    ("RESET ALL", &[ResetAll]),
    ("RESET work_mem", &[ResetSetting]),
    ("SET search_path = tenant_alpha, pg_temp", &[Setting]),
    ("SET search_path = pg_temp, tenant_alpha", &[Setting, Temporary]),
    ("SET LOCAL search_path = '', pg_temp", &[Temporary]),
    ("SELECT set_config('app.x', '1', true)", &[]),
    ("SELECT set_config('app.x', '1', false)", &[Setting]),
    ("SELECT set_config('app.x', '1', $1)", &[Setting]),
    ("SELECT set_config($1, '1', true)", &[Setting, Opaque, Write, UntrackedSetting]),
    ("SET seed = 0.5", &[Setting, Opaque, Write, UntrackedSetting]),
    ("SET ROLE none", &[Setting]),
    ("SET temp_buffers = '1MB'", &[Setting, UntrackedSetting]),
    ("RESET temp_buffers", &[ResetSetting]),
    ("SET idle_session_timeout = '1h'", &[Setting, UntrackedSetting]),
    ("SELECT set_config('search_path', $1, true)", &[Opaque, Write]),
    ("SELECT set_config('search_path', 'pg_temp', true)", &[Temporary]),
    ("SELECT pg_advisory_lock(1)", &[AdvisoryLock]),
    ("SELECT pg_try_advisory_lock_shared(1, 2)", &[AdvisoryLock]),
    ("SELECT pg_advisory_unlock_all()", &[Releases]),
    ("SELECT pg_advisory_unlock(1)", &[Releases]),
    (
        "SELECT pg_catalog.pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;",
        &[Releases, ResetAll, UnlistenAll],
    ),
    ("CLOSE ALL", &[Releases]),
    ("CLOSE c", &[Releases]),
    ("DROP TABLE t", &[Releases, Schema, Write]),
    ("ROLLBACK", &[Releases]),
    ("ROLLBACK TO s", &[Releases]),
    ("RELEASE s", &[]),
    ("ALTER TABLE t ADD c int", &[Schema, Write]),
    ("SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(2)", &[]),
    ("SELECT nextval('s')", &[Sequence, Write]),
    ("SELECT lastval()", &[ReadsSequence]),
    ("INSERT INTO customers VALUES (1)", &[Sequence, Write]),
    ("WITH x AS (INSERT INTO customers VALUES (1) RETURNING id) SELECT * FROM x", &[Sequence, Write]),
    ("COPY customers FROM STDIN", &[Sequence, Write]),
    ("COPY customers TO STDOUT", &[]),
    ("UPDATE customers SET name = ''", &[Write]),
    ("SELECT * FROM customers FOR SHARE", &[Write]),
    ("EXPLAIN INSERT INTO customers VALUES (1)", &[]),
    ("EXPLAIN ANALYZE INSERT INTO customers VALUES (1)", &[Sequence, Write]),
    ("EXPLAIN (ANALYZE) DELETE FROM customers", &[Write]),
    ("UPDATE customers SET name = ''; EXPLAIN DELETE FROM customers", &[Write]),
    ("CREATE TABLE t (id int)", &[Schema, Write]),
    ("CREATE TEMP TABLE t (id int)", &[Schema, Temporary, Write]),
    ("CREATE TABLE pg_temp.t (id int)", &[Schema, Temporary, Write]),
    ("CREATE TEMP VIEW v AS SELECT 1", &[Schema, Temporary, Write]),
    ("SELECT 1 INTO TEMP t", &[Temporary, Write]),
    ("CREATE TEMP TABLE t AS SELECT 1", &[Schema, Temporary, Write]),
    ("CREATE TEMP SEQUENCE s", &[Temporary, Write]),
    (
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE plpgsql SET work_mem = '1MB' AS ''",
        &[Schema, Temporary, Write],
    ),
    ("CREATE TYPE pg_temp.t AS ENUM ('a')", &[Temporary, Write]),
    ("DECLARE c CURSOR FOR SELECT 1", &[]),
    ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", &[HoldCursor]),
    ("PREPARE p AS SELECT 1", &[Prepare]),
    ("PREPARE p AS DELETE FROM customers", &[Prepare, Write]),
    ("EXECUTE p", &[Opaque, Write]),
    ("SELECT my_function(1)", &[Opaque, Write]),
    ("SELECT global.lower('x')", &[Opaque, Write]),
    ("SELECT setseed(0.5)", &[Opaque, Write]),
    ("SELECT lo_create(0)", &[Opaque, Write]),
    ("SELECT JSON_ARRAYAGG(x) FROM customers", &[Opaque, Write]),
    ("DO 'BEGIN END'", &[Opaque, Write]),
    ("CALL p()", &[Opaque, Write]),
    ("SELECT * FROM dblink('x', 'y') AS t(a int)", &[Unclean, Opaque, Write]),
    ("SELECT query_to_xml('SELECT f(1)', true, true, '')", &[Opaque, Write]),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT set_config(''a.b'', '''', false)'",
        &[Schema, Write],
    ),
    ("DISCARD ALL", &[DiscardAll, Releases]),
    ("SELECT 1; DISCARD ALL", &[Opaque, Releases, Write]),
    ("DISCARD TEMP", &[Releases]),
    ("DISCARD SEQUENCES; DISCARD TEMP", &[Releases]),
    ("DEALLOCATE p", &[Releases]),
    ("DEALLOCATE p; SELECT 1", &[Prepare, Opaque, Releases, Write]),
    ("UNLISTEN *", &[UnlistenAll]),
    ("LISTEN a", &[Listen]),
    ("UNLISTEN a; NOTIFY a", &[Listen, Notify]),
    ("SELECT pg_notify('a', b) FROM t", &[Notify]),
    ("CREATE RULE r AS ON INSERT TO t DO ALSO NOTIFY a", &[Notify, Schema, Write]),
    ("DO 'BEGIN NOTIFY a; END'", &[Opaque, Write]),
    ("", &[]),
];

/// Settings that may have another value for the session afterwards.
const SETTINGS: &[(&str, &[&str])] = &[
    ("SET Work_Mem = '1MB'", &["work_mem"]),
    ("SET \"DateStyle\" TO ISO; SET jit = off", &["datestyle", "jit"]),
    ("SET SESSION App.User_Id = '1'", &["app.user_id"]),
    ("SET TIME ZONE INTERVAL '1' HOUR TO MINUTE", &["timezone"]),
    ("SET TIME ZONE DEFAULT", &["timezone"]),
    ("SET work_mem TO DEFAULT", &["work_mem"]),
    ("SET search_path FROM CURRENT", &["search_path"]),
    ("SET sort_mem = 64; RESET vacuum_mem", &["maintenance_work_mem", "work_mem"]),
    ("RESET work_mem", &["work_mem"]),
    (
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
        &["default_transaction_deferrable", "default_transaction_isolation", "default_transaction_read_only"],
    ),
    ("SELECT set_config('search_path', '', false)", &["search_path"]),
    ("SELECT pg_catalog.set_config('a.B', x, $1) FROM t", &["a.b"]),
    ("INSERT INTO t SELECT set_config('jit', 'off', false)", &["jit"]),
    ("SELECT set_config('a.b', '', true), set_config($1, '', false)", &[]),
    ("SET LOCAL work_mem = '1MB'; SET TRANSACTION READ ONLY; SET transaction_isolation = serializable", &[]),
    (
        "SET NAMES 'utf8'; SET standard_conforming_strings = on; RESET ROLE; SET SESSION AUTHORIZATION DEFAULT",
        &[],
    ),
    ("RESET ALL", &[]),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql SET work_mem = '1MB' AS ''", &[]),
];

#[test]
fn settings_that_follow_the_client_are_named() {
    for (text, expected) in SETTINGS {
        let effects = effects(text);
        let found: Vec<&str> = effects.settings.iter().map(AsRef::as_ref).collect();
        assert_eq!(found, *expected, "{text}");
    }
}

#[test]
fn effects_follow_from_the_statement() {
    for (text, expected) in EFFECTS {
        let effects = effects(text);
        let found: Vec<_> = effects.iter().collect();
        let mut expected = expected.to_vec();
        expected.sort_by_key(|&effect| effect as u32);
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn statements_are_counted_and_empty_ones_are_none() {
    for (text, statements) in
        [("", 0), ("-- x", 0), (" ;; ", 0), ("SELECT 1", 1), ("SELECT 1;; SELECT 2;", 2)]
    {
        assert_eq!(effects(text).statements, statements, "{text}");
    }
}

#[test]
fn single_deallocate_is_told_with_its_name() {
    assert_eq!(effects("DEALLOCATE ALL").deallocates, Some(Deallocated::All));
    assert_eq!(effects("DEALLOCATE PREPARE Foo;").deallocates, Some(Deallocated::Name("foo".into())));
    assert_eq!(effects("DEALLOCATE \"Foo\"").deallocates, Some(Deallocated::Name("Foo".into())));
    assert_eq!(effects("DEALLOCATE a; DEALLOCATE b").deallocates, None);
}

#[test]
fn every_effect_has_a_bit_and_a_name_of_its_own() {
    let bits = Effect::ALL.iter().fold(0, |bits, &effect| bits | effect as u32);
    assert_eq!(bits.count_ones() as usize, Effect::ALL.len());
    let names: std::collections::HashSet<_> = Effect::ALL.iter().map(|effect| effect.name()).collect();
    assert_eq!(names.len(), Effect::ALL.len());
}
