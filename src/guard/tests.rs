//! The guard as its callers see it: the corpus, effects, settings, cache, hostile texts.

mod read_only;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use uuid::Uuid;

use super::Effect::{
    AdvisoryLock, DiscardAll, HoldCursor, Listen, Notify, Opaque, Prepare, ReadsSequence, Releases, ResetAll,
    ResetSetting, Schema, Sequence, Setting, Temporary, Unclean, UnlistenAll, UntrackedSetting, Write,
};
use super::*;
use crate::config::GuardMode;
use crate::tenant::{Ident, Level, TenantId};

fn guard() -> Guard {
    Guard::new(&crate::config::Guard {
        mode: GuardMode::Enforce,
        public_schema: crate::config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_settings: Vec::new(),
        extra_functions: Vec::new(),
        max_statement_bytes: 2 << 20,
        cache_bytes: 32 << 20,
    })
}

fn scope_of(schema: &str) -> Scope {
    Scope {
        tenant: TenantId(Uuid::from_u128(1)),
        schema: Ident::parse(schema).unwrap(),
        role: Ident::parse(schema).unwrap(),
        channels: crate::tenant::ChannelPrefix::new(&[0xab; 32]),
        public_is_own: false,
        shared_schemas: Arc::from([Ident::parse("global").unwrap()]),
        extra_functions: Arc::from([Ident::parse("uuid_generate_v4").unwrap()]),
        extra_settings: Arc::new([]),
        level: Level::Dedicated,
        hardened: false,
        access: crate::tenant::Access::ReadWrite,
    }
}

fn scope() -> Scope {
    scope_of("tenant_alpha")
}

/// A tenant of level `dedicated`, one of `shared` of a hardened database, and one of `shared` of another.
fn levels() -> [Scope; 3] {
    let shared = |hardened| Scope { level: Level::Shared, hardened, ..scope() };
    [scope(), shared(true), shared(false)]
}

/// The id of the rule that refuses, or `allow`.
fn verdict(text: &str) -> &'static str {
    match guard().judge(text, &scope()) {
        Verdict::Allow(..) => "allow",
        Verdict::Deny(denial) => denial.rule.id,
    }
}

fn effects(text: &str) -> Arc<Effects> {
    match guard().judge(text, &scope()) {
        Verdict::Allow(allowed) => allowed.effects,
        Verdict::Deny(denial) => panic!("{text}: {denial:?}"),
    }
}

/// Runs on a stack of the size that the threads of a runtime have.
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap()
}

/// What the first line of a file of the corpus promises, for a tenant of level `dedicated`, one of level
/// `shared` of a hardened database, and one of level `shared` of another: `allow`, or the id of the rule
/// that refuses.
fn promised(first_line: &str) -> [String; 3] {
    let words = first_line.trim_start_matches("-- ");
    let (levels, rule) = words.split_once(": ").unwrap_or((words, "allow"));
    let refused = match levels {
        "allow" => [false, false, false],
        "unhardened" => [false, false, true],
        "shared" => [false, true, true],
        "deny" => [true, true, true],
        _ => panic!("{first_line}"),
    };
    refused.map(|refused| if refused { rule } else { "allow" }.to_owned())
}

#[test]
fn corpus_is_judged_as_its_first_lines_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/guard");
    let (mut files, mut wrong) = (0, Vec::new());
    for directory in ["allow", "deny"] {
        for entry in fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let promised = promised(text.lines().next().unwrap());
            assert_eq!(promised[0] == "allow", directory == "allow", "{}", path.display());
            let judged = on_a_small_stack(move || {
                let guard = guard();
                levels().map(|scope| match guard.judge(&text, &scope) {
                    Verdict::Allow(..) => ("allow".to_owned(), String::new()),
                    Verdict::Deny(denial) => (denial.rule.id.to_owned(), denial.message),
                })
            });
            files += 1;
            if judged.clone().map(|(rule, _)| rule) != promised {
                wrong.push(format!("{}: {judged:?}", path.file_name().unwrap().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {files}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(files >= 500, "{files}");
}

#[test]
fn syntax_error_inside_a_string_has_no_position_in_the_outer_text() {
    for text in [
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM'",
        "SELECT query_to_xml('SELEC 1', true, true, '')",
    ] {
        match guard().judge(text, &scope()) {
            Verdict::Deny(denial) => {
                assert_eq!((denial.rule.id, denial.position), ("unparsable", None), "{text}")
            }
            Verdict::Allow(..) => panic!("{text}"),
        }
    }
}

#[test]
fn denial_of_a_schema_reads_the_same_whether_it_exists_or_not() {
    let message = |text| match guard().judge(text, &scope()) {
        Verdict::Deny(denial) => denial.message,
        Verdict::Allow(..) => panic!("{text}"),
    };
    assert_eq!(message("TABLE tenant_beta.t"), "schema \"tenant_beta\" is not in this tenant's scope");
    assert_eq!(message("TABLE nowhere.t"), "schema \"nowhere\" is not in this tenant's scope");
}

#[test]
fn same_text_is_judged_for_each_tenant_by_its_own_scope() {
    let guard = guard();
    for (schema, allowed) in [("tenant_alpha", true), ("tenant_beta", false), ("tenant_alpha", true)] {
        let verdict = guard.judge("SELECT * FROM tenant_alpha.customers", &scope_of(schema));
        assert_eq!(matches!(verdict, Verdict::Allow(..)), allowed, "{schema}");
    }
    assert_eq!((guard.stats().hits, guard.stats().misses), (2, 1));
}

#[test]
fn cleared_carries_the_tenant_it_was_judged_for() {
    match guard().judge("SELECT 1", &scope()) {
        Verdict::Allow(allowed) => assert_eq!(allowed.cleared.tenant(), scope().tenant),
        Verdict::Deny(denial) => panic!("{denial:?}"),
    }
}

#[test]
fn name_is_compared_after_the_cut_at_63_bytes() {
    let schema = format!("tenant_{}", "a".repeat(56));
    for (name, allowed) in
        [(format!("{schema}_and_more"), true), (schema[..62].to_owned(), false), (schema.clone(), true)]
    {
        let text = format!("SELECT '{name}.t'::regclass, x FROM {name}.t");
        let verdict = guard().judge(&text, &scope_of(&schema));
        assert_eq!(matches!(verdict, Verdict::Allow(..)), allowed, "{name}");
    }
}

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
fn startup_settings_follow_the_rules_of_set() {
    let judge = |name, value| match guard().judge_setting(name, value, &scope()) {
        Ok(None) => Ok(()),
        Ok(Some(denial)) | Err(denial) => Err(denial.rule.id),
    };
    for (name, value) in [
        ("application_name", "x"),
        ("client_encoding", "UTF8"),
        ("Client_Encoding", "utf-8"),
        ("standard_conforming_strings", "ON"),
        ("search_path", ""),
        ("search_path", "tenant_alpha, \"global\", pg_catalog, pg_temp, \"$user\""),
        ("role", "none"),
        ("statement_timeout", "0"),
    ] {
        assert_eq!(judge(name, value), Ok(()), "{name} = {value}");
    }
    for (name, value, rule) in [
        ("role", "tenant_beta", "role_change"),
        ("ROLE", "tenant_beta", "role_change"),
        ("Session_Authorization", "postgres", "role_change"),
        ("client_encoding", "LATIN1", "fixed_setting"),
        ("client_encoding", "auto", "fixed_setting"),
        ("standard_conforming_strings", "off", "fixed_setting"),
        ("SEARCH_PATH", "tenant_alpha,tenant_beta", "search_path"),
        ("search_path", "TENANT_BETA", "search_path"),
    ] {
        assert_eq!(judge(name, value), Err(rule), "{name} = {value}");
    }
}

fn reporting() -> Guard {
    Guard::new(&crate::config::Guard {
        mode: GuardMode::Report,
        public_schema: crate::config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_functions: vec![],
        extra_settings: vec![],
        max_statement_bytes: 1 << 20,
        cache_bytes: 1 << 20,
    })
}

/// Statements that break a rule PostgreSQL's privileges stand behind, with secrets where values are.
const REPORTED: &[(&str, &str)] = &[
    ("SELECT 's3cret' FROM tenant_beta.t WHERE x = 's3cret'", "cross_schema"),
    ("SELECT * FROM other.public.t WHERE x = 's3cret'", "cross_database"),
    ("SET search_path = tenant_beta; SELECT 's3cret'", "search_path"),
    ("SET ROLE 's3cret'", "role_change"),
    ("SELECT set_config('role', 's3cret', false)", "role_change"),
    ("SET SESSION AUTHORIZATION 's3cret'", "role_change"),
    ("SELECT set_session_auth('s3cret')", "role_change"),
    ("CREATE ROLE r PASSWORD 's3cret'", "role_management"),
    ("ALTER ROLE tenant_alpha PASSWORD 's3cret'", "role_management"),
    ("ALTER ROLE tenant_alpha SET a.x = 's3cret'", "role_management"),
    ("COPY t FROM '/s3cret'", "server_files"),
    ("COPY t TO PROGRAM 'curl s3cret'", "server_files"),
    ("SELECT pg_read_file('s3cret')", "server_files"),
    ("ALTER SYSTEM SET primary_conninfo = 's3cret'", "server_administration"),
    ("CREATE SUBSCRIPTION s CONNECTION 'password=s3cret' PUBLICATION p", "server_administration"),
    ("CREATE USER MAPPING FOR u SERVER s OPTIONS (password 's3cret')", "server_administration"),
    ("ALTER DATABASE d SET x = 's3cret'", "server_administration"),
    ("COMMENT ON ROLE r IS 's3cret'", "role_management"),
    ("SECURITY LABEL ON TABLE t IS 's3cret'", "server_administration"),
];

#[test]
fn guard_that_only_reports_lets_pass_and_tells_and_trusts_nothing_afterwards() {
    let guard = reporting();
    for (text, rule) in REPORTED {
        let Verdict::Allow(allowed) = guard.judge(text, &scope()) else { panic!("{text} is refused") };
        assert_eq!(allowed.reported.expect(text).rule.id, *rule, "{text}");
        assert!([Unclean, Opaque, Write].iter().all(|effect| allowed.effects.has(*effect)), "{text}");
        assert_eq!(verdict(text), *rule, "{text}");
    }
    let Verdict::Allow(allowed) = guard.judge("SELECT 1", &scope()) else { panic!("it is refused") };
    assert!(allowed.reported.is_none() && !allowed.effects.has(Unclean));
}

#[test]
fn report_names_no_value_of_the_statement() {
    for (text, _) in REPORTED {
        let Verdict::Allow(allowed) = reporting().judge(text, &scope()) else { panic!("{text}") };
        let message = allowed.reported.expect(text).message;
        assert!(!message.contains("s3cret"), "{text}: {message}");
    }
}

#[test]
fn at_level_shared_nothing_is_only_reported() {
    for (text, _) in REPORTED {
        for scope in &levels()[1..] {
            assert!(matches!(reporting().judge(text, scope), Verdict::Deny(_)), "{text}");
            assert!(reporting().judge_setting("role", "x", scope).is_err());
        }
    }
}

#[test]
fn rules_that_nothing_stands_behind_hold_where_the_guard_only_reports() {
    let long = format!("SELECT '{}'", "x".repeat(2 << 20));
    for (text, rule) in [
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'LISTEN a'", "notify"),
        ("PREPARE TRANSACTION 'x'", "two_phase"),
        ("SET client_encoding = 'GBK'", "fixed_setting"),
        ("SET standard_conforming_strings = off", "fixed_setting"),
        ("UPDATE pg_settings SET setting = 'off'", "fixed_setting"),
        ("SELEC 1", "unparsable"),
        (&long, "statement_too_long"),
        // Behind one that would be only reported.
        ("SET ROLE x; LISTEN a", "role_change"),
        ("CREATE ROLE r; NOTIFY a", "role_management"),
        ("SELECT * FROM tenant_beta.t; PREPARE TRANSACTION 'x'", "two_phase"),
        ("COPY t FROM '/x'; SET client_encoding = 'GBK'", "fixed_setting"),
        (
            "SELECT set_config('role', 'x', false), set_config('client_encoding', 'GBK', false)",
            "fixed_setting",
        ),
        ("SELECT query_to_xml('CREATE ROLE r; LISTEN a', true, true, '')", "notify"),
    ] {
        match reporting().judge(text, &scope()) {
            Verdict::Deny(denial) => assert_eq!(denial.rule.id, rule, "{}", &text[..text.len().min(80)]),
            Verdict::Allow(_) => panic!("{text}"),
        }
    }
}

/// Texts, and what is sent for them at level `dedicated`, with `@` for the prefix of the tenant's channels.
const CHANNELS: &[(&str, &str)] = &[
    ("listen News", "LISTEN \"@:news\""),
    ("LISTEN \"a\"\"b\"", "LISTEN \"@:a\"\"b\""),
    ("SELECT 1; unlisten a ;SELECT 2", "SELECT 1; UNLISTEN \"@:a\" ;SELECT 2"),
    ("NOTIFY a, E'it''s\\n'", "NOTIFY \"@:a\", 'it''s\n'"),
    ("notify a, ''; /* c */ notify b", "NOTIFY \"@:a\"; /* c */ NOTIFY \"@:b\""),
    ("SELECT 'é', pg_notify('a', 'b')", "SELECT 'é', pgtenant_notify.pg_notify('a', 'b')"),
    (
        "SELECT pg_catalog /* x */ . \"pg_notify\"('a', b), PG_NOTIFY(c, d) FROM t",
        "SELECT pgtenant_notify.pg_notify('a', b), pgtenant_notify.pg_notify(c, d) FROM t",
    ),
    (
        "BEGIN; NOTIFY a; SELECT pg_notify('a', '')",
        "BEGIN; NOTIFY \"@:a\"; SELECT pgtenant_notify.pg_notify('a', '')",
    ),
    (
        "EXPLAIN ANALYZE SELECT pg_notify('a', '')",
        "EXPLAIN ANALYZE SELECT pgtenant_notify.pg_notify('a', '')",
    ),
    // What is kept stays as it is, and so does another function of that name.
    ("CREATE VIEW v AS SELECT pg_notify('a', '')", ""),
    ("SELECT tenant_alpha.pg_notify('a', '')", ""),
    ("SELECT U&\"pg_notify\"('a', '')", ""),
    ("UNLISTEN *", ""),
];

#[test]
fn channels_are_the_tenant_s_own_in_what_is_sent() {
    for (text, sent) in CHANNELS {
        let Verdict::Allow(allowed) = guard().judge(text, &scope()) else { panic!("{text}") };
        let prefix = "ab".repeat(12);
        assert_eq!(allowed.rewritten.as_deref().unwrap_or_default(), sent.replace('@', &prefix), "{text}");
    }
    let long = "é".repeat(40);
    let Verdict::Allow(allowed) = guard().judge(&format!("LISTEN {long}"), &scope()) else { panic!() };
    assert_eq!(allowed.effects.listens[..], [Box::from("é".repeat(31))]);
    let name = scope().channels.name(&allowed.effects.listens[0]);
    assert_eq!(allowed.rewritten.unwrap().as_ref(), format!("LISTEN \"{name}\""));
}

#[test]
fn first_reason_is_told_where_the_guard_enforces() {
    assert_eq!(verdict("SET SESSION AUTHORIZATION x; LISTEN a"), "role_change");
}

#[test]
fn startup_settings_are_reported_where_statements_are() {
    let judge = |name, value| reporting().judge_setting(name, value, &scope());
    assert_eq!(judge("role", "tenant_beta").unwrap().unwrap().rule.id, "role_change");
    assert_eq!(judge("search_path", "tenant_beta").unwrap().unwrap().rule.id, "search_path");
    assert_eq!(judge("search_path", "tenant_alpha"), Ok(None));
    assert_eq!(judge("client_encoding", "GBK").unwrap_err().rule.id, "fixed_setting");
}

#[test]
fn every_effect_has_a_bit_and_a_name_of_its_own() {
    let bits = Effect::ALL.iter().fold(0, |bits, &effect| bits | effect as u32);
    assert_eq!(bits.count_ones() as usize, Effect::ALL.len());
    let names: std::collections::HashSet<_> = Effect::ALL.iter().map(|effect| effect.name()).collect();
    assert_eq!(names.len(), Effect::ALL.len());
}

#[test]
fn schema_that_is_also_shared_by_nobody_may_not_be_created() {
    assert_eq!(verdict("CREATE SCHEMA IF NOT EXISTS tenant_alpha"), "allow");
    assert_eq!(verdict("CREATE SCHEMA IF NOT EXISTS global"), "server_administration");
}

#[test]
fn text_over_the_limit_is_refused_unparsed_and_unremembered() {
    let guard = Guard::new(&crate::config::Guard {
        mode: GuardMode::Enforce,
        public_schema: crate::config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_settings: Vec::new(),
        extra_functions: Vec::new(),
        max_statement_bytes: 100,
        cache_bytes: 1 << 20,
    });
    let text = format!("SELECT '{}'", "x".repeat(100));
    match guard.judge(&text, &scope()) {
        Verdict::Deny(denial) => assert_eq!(denial.rule.id, "statement_too_long"),
        Verdict::Allow(..) => panic!("allowed"),
    }
    assert_eq!(guard.stats().entries, 0);
    assert!(matches!(guard.judge("SELECT 1", &scope()), Verdict::Allow(..)));
}

#[test]
fn warm_text_is_judged_without_parsing() {
    let guard = guard();
    assert!(!guard.is_cached("SELECT 1"));
    guard.warm("SELECT 1");
    assert!(guard.is_cached("SELECT 1"));
    assert!(!guard.is_cached("SELECT 1 "));
    let _ = guard.judge("SELECT 1", &scope());
    assert_eq!((guard.stats().hits, guard.stats().misses), (1, 0));
}

#[test]
fn longest_text_fits_into_the_cache() {
    let guard = Guard::new(&crate::config::Guard {
        mode: GuardMode::Enforce,
        public_schema: crate::config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_settings: Vec::new(),
        extra_functions: Vec::new(),
        max_statement_bytes: 1 << 20,
        cache_bytes: 8 << 20,
    });
    let text = format!("SELECT '{}'", "x".repeat((1 << 20) - 9));
    guard.warm(&text);
    assert!(guard.is_cached(&text));
}

#[test]
fn cache_stays_within_its_bytes_and_keeps_what_is_used() {
    let guard = Guard::new(&crate::config::Guard {
        mode: GuardMode::Enforce,
        public_schema: crate::config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_settings: Vec::new(),
        extra_functions: Vec::new(),
        max_statement_bytes: 1024,
        cache_bytes: 256 << 10,
    });
    let hot = "SELECT name FROM customers WHERE id = $1";
    for number in 0..5000 {
        let _ = guard.judge(&format!("SELECT c{number}"), &scope());
        let _ = guard.judge(hot, &scope());
        assert!(guard.stats().bytes <= 256 << 10);
    }
    assert!(guard.stats().entries > 100);
    assert_eq!(guard.stats().hits, 4999, "the statement in use was displaced");
}

#[test]
fn rules_are_listed_for_metrics_and_docs() {
    assert!(rules().iter().any(|rule| rule.id == "cross_schema"));
}

#[test]
fn hostile_texts_are_answered_in_bounded_time_on_a_small_stack() {
    let texts = [
        format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        "(".repeat(100_000),
        format!("SELECT {}1", "-(".repeat(100_000)),
        format!("{} {} SELECT 1", "/*".repeat(100_000), "*/".repeat(100_000)),
        "/*".repeat(100_000),
        format!("SELECT {}1", "+".repeat(500_000)),
        format!("SELECT {}1", "+ ".repeat(100_000)),
        format!("SELECT {}1", "/**/".repeat(100_000)),
        format!("SELECT {}1", "@-".repeat(250_000)),
        format!("SELECT 1{}", " || 1".repeat(100_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(50_000)),
        format!("SELECT 1{}", "::int".repeat(100_000)),
        format!("SELECT 1{}", "[1]".repeat(100_000)),
        format!("SELECT * FROM {}a{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("SELECT {}a", "a.".repeat(200_000)),
        format!("SELECT ARRAY{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("SELECT {}", "NOT ".repeat(100_000)),
        format!("SELECT '{}'", "'||'".repeat(100_000)),
        format!("SELECT {}1{}", "query_to_xml(".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT '{{{}}}'::regtype[]", "a.b,".repeat(100_000)),
        format!("SELECT 'f({})'::regprocedure", "a.b,".repeat(100_000)),
        format!("SELECT 1 {}", "$a$ $b$ ".repeat(50_000)),
        format!("{};", "SELECT 1;".repeat(50_000)),
        format!("SELECT {} 1", "E'\\\\' ".repeat(50_000)),
        "'\n".repeat(100_000),
        "$$".repeat(100_000),
        "\u{feff}SELECT 1".to_owned(),
        "SELECT 1\0; DROP TABLE x".to_owned(),
    ];
    for text in texts {
        let start: String = text.chars().take(40).collect();
        let started = Instant::now();
        let _ = on_a_small_stack(move || guard().judge(&text, &scope()));
        // The worst takes about 2 s in a debug build of the C library; without limits it is a minute.
        assert!(started.elapsed() < Duration::from_secs(20), "{start}: {:?}", started.elapsed());
    }
}

#[test]
fn insert_of_one_megabyte_of_rows_is_judged() {
    let mut text = String::from("INSERT INTO customers (id, name, email) VALUES (0, '', '')");
    let mut number = 0;
    while text.len() < 1 << 20 {
        number += 1;
        text.push_str(&format!(", ({number}, 'name {number}', 'user{number}@example.com')"));
    }
    let allowed = on_a_small_stack(move || matches!(guard().judge(&text, &scope()), Verdict::Allow(..)));
    assert!(allowed);
}

#[test]
fn too_many_texts_inside_a_text_are_refused() {
    let types = |count| format!("SELECT '{{{}}}'::regtype[]", "global.a,".repeat(count));
    assert_eq!(verdict(&types(2000)), "allow");
    assert_eq!(verdict(&types(2001)), "too_complex");
    let mut text = String::from("SELECT 1");
    for _ in 0..5 {
        text = format!("SELECT query_to_xml('{}', true, true, '')", text.replace('\'', "''"));
    }
    assert_eq!(verdict(&text), "too_complex");
}

/// Ways to name a table of a schema; `{}` is the schema, as an identifier.
const PLACES: [&str; 24] = [
    "SELECT * FROM {}.t",
    "SELECT (SELECT a FROM {}.t) + 1",
    "WITH x AS (SELECT * FROM {}.t) SELECT 1",
    "INSERT INTO {}.t VALUES (1)",
    "UPDATE a SET b = (SELECT 1 FROM {}.t)",
    "DELETE FROM a USING {}.t x",
    "MERGE INTO {}.t USING a ON true WHEN MATCHED THEN DELETE",
    "COPY {}.t TO STDOUT",
    "CREATE TABLE a (LIKE {}.t)",
    "CREATE VIEW v AS SELECT * FROM {}.t",
    "ALTER TABLE {}.t ADD a int",
    "DROP TABLE a, {}.t",
    "DROP TRIGGER x ON {}.t",
    "COMMENT ON COLUMN {}.t.c IS 'x'",
    "GRANT SELECT ON {}.t TO PUBLIC",
    "TRUNCATE {}.t",
    "LOCK TABLE {}.t",
    "SELECT {}.f()",
    "SELECT NULL::{}.t",
    "SELECT {}.t.c FROM t",
    "SELECT 1 OPERATOR({}.+) 2",
    "CREATE INDEX ON a (b {}.ops)",
    "EXPLAIN SELECT * FROM {}.t",
    "SELECT '{}.t'::regclass",
];

/// A schema's name, with the letters that need quotes or care.
fn schema_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "tenant_[a-z]{1,8}",
        "[A-Za-z_\"' .éß\\\\/*-]{1,20}",
        "tenant_alpha.?",
        "[a-z]{60,70}",
        "pg_(temp|catalog|toast)[_0-9a-z]{0,3}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}") {
        let _ = guard().judge(&text, &scope());
    }

    #[test]
    fn text_of_sql_words_never_panics(words in proptest::collection::vec(
        prop_oneof![
            Just("SELECT"), Just("FROM"), Just("tenant_beta.t"), Just("("), Just(")"), Just(","), Just("*"),
            Just("'a'"), Just("$$"), Just("E'\\'"), Just("/*"), Just("*/"), Just("--"), Just("\n"),
            Just("CREATE"), Just("TABLE"), Just("x"), Just("1"), Just("::regclass"), Just(";"), Just("SET"),
            Just("role"), Just("="), Just("UNION"), Just("WITH"), Just("AS"), Just("set_config"),
        ],
        0..30,
    )) {
        let _ = guard().judge(&words.join(" "), &scope());
    }

    #[test]
    fn foreign_schema_is_never_allowed_wherever_it_is_named(schema in schema_name(), place in 0..PLACES.len()) {
        let kept = names::truncate(&schema);
        prop_assume!(!matches!(kept, "tenant_alpha" | "global" | "pg_catalog" | "information_schema" | "pg_temp"));
        let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
        let in_literal = PLACES[place].contains('\'') && !PLACES[place].starts_with("COMMENT");
        let name = if in_literal { quoted.replace('\'', "''") } else { quoted };
        let text = PLACES[place].replace("{}", &name);
        prop_assert_ne!(verdict(&text), "allow", "{}", text);
    }

    #[test]
    fn own_schema_is_always_allowed_wherever_it_is_named(place in 0..PLACES.len(), upper in any::<bool>()) {
        let name = if upper { "TENANT_Alpha" } else { "\"tenant_alpha\"" };
        let text = PLACES[place].replace("{}", name);
        prop_assert_eq!(verdict(&text), "allow", "{}", text);
    }
}

fn sent_in_place(text: &str, scope: &Scope) -> Option<String> {
    match guard().judge(text, scope) {
        Verdict::Allow(allowed) => allowed.rewritten.map(|text| text.to_string()),
        Verdict::Deny(denial) => panic!("{text}: {denial:?}"),
    }
}

#[test]
fn do_block_is_rewritten_at_level_shared_only() {
    let [dedicated, hardened, _] = levels();
    for text in ["DO 'BEGIN END'", "DO LANGUAGE plpgsql $$BEGIN END$$", "  /* x */ DO 'BEGIN END' ;"] {
        assert_eq!(sent_in_place(text, &dedicated), None);
        let sent = sent_in_place(text, &hardened).unwrap();
        assert!(sent.contains("SECURITY DEFINER AS $pgtenant_body$BEGIN END$pgtenant_body$"), "{sent}");
    }
    assert_eq!(sent_in_place("SELECT 'DO $$BEGIN END$$'", &hardened), None);
}

#[test]
fn do_block_among_other_statements_leaves_them_as_they_are() {
    let sent =
        sent_in_place("SELECT 'é'; DO 'BEGIN END'; SELECT 2; DO 'BEGIN NULL; END'", &levels()[1]).unwrap();
    assert!(sent.starts_with("SELECT 'é'; DO $pgtenant_do$BEGIN CREATE"), "{sent}");
    assert!(sent.contains("plpgsql; SELECT 2; DO $pgtenant_do$BEGIN"), "{sent}");
    assert_eq!(sent.matches("SECURITY DEFINER").count(), 2);
}

#[test]
fn own_schema_that_is_to_be_there_is_answered_with_the_notice_at_every_level() {
    for scope in levels() {
        let sent = sent_in_place("SELECT 1; CREATE SCHEMA IF NOT EXISTS Tenant_Alpha ;", &scope).unwrap();
        assert_eq!(
            sent,
            "SELECT 1; DO $pgtenant_do$BEGIN RAISE NOTICE USING ERRCODE = 'duplicate_schema', \
             MESSAGE = 'schema \"tenant_alpha\" already exists, skipping'; END$pgtenant_do$ LANGUAGE plpgsql ;"
        );
        assert_eq!(effects(&sent).statements, 2);
    }
}

#[test]
fn set_role_of_the_own_role_changes_nothing_and_any_other_is_refused() {
    let [dedicated, hardened, unhardened] = levels();
    for (text, sent) in [
        ("SET ROLE 'tenant_alpha'", "SET ROLE NONE"),
        ("SET SESSION \"RoLe\" = Tenant_Alpha", "SET ROLE NONE"),
        ("SET LOCAL ROLE tenant_alpha", "SET LOCAL ROLE NONE"),
    ] {
        assert_eq!(sent_in_place(text, &dedicated).as_deref(), Some(sent), "{text}");
        let found: Vec<_> = effects(text).iter().collect();
        assert!(found.is_empty(), "{text}: {found:?}");
        for shared in [&hardened, &unhardened] {
            assert!(matches!(guard().judge(text, shared), Verdict::Deny(_)), "{text}");
        }
    }
    for text in [
        "SET ROLE tenant_beta",
        "SET ROLE 'TENANT_ALPHA'",
        "SET ROLE U&'\\0074enant_beta'",
        "SET LOCAL ROLE global",
    ] {
        assert_eq!(verdict(text), "role_change", "{text}");
    }
}

/// The function's body inside the rewritten text, as PostgreSQL reads it.
fn body_inside(sent: &str) -> String {
    let string_after = |text: &str, from: &str| {
        let tail = &text[text.find(from).unwrap() + from.len()..];
        let tag_end = tail[1..].find('$').unwrap() + 2;
        let (tag, quoted) = tail.split_at(tag_end);
        quoted[..quoted.find(tag).unwrap()].to_owned()
    };
    string_after(&string_after(sent, "DO "), "SECURITY DEFINER AS ")
}

proptest! {
    #[test]
    fn body_of_a_do_block_can_not_end_its_quotes(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "$", "pgtenant_body", "pgtenant_do", "_1x", "$pgtenant_do$", "$pgtenant_body$", "'", "é", "; END", "x",
            ]),
            0..12,
        )
    ) {
        let body = pieces.concat();
        let sent = sent_in_place(&format!("DO '{}'", body.replace('\'', "''")), &levels()[1]).unwrap();
        prop_assert_eq!(body_inside(&sent), body);
        // What is sent is one DO block for the parser too, and nothing behind it.
        prop_assert_eq!(effects(&sent).statements, 1);
    }
}

#[test]
fn what_tools_wrote_for_public_passes_where_public_means_the_tenants_schema() {
    let own = Scope { public_is_own: true, ..scope() };
    let mut tried = 0;
    for entry in fs::read_dir("tests/corpus/guard/deny").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let tools = ["drizzle", "kysely-pg-migrate", "mikro-orm", "prisma", "sequelize"];
        let text = fs::read_to_string(&path).unwrap();
        if !tools.iter().any(|tool| name.contains(tool)) || !text.contains("public") {
            continue;
        }
        tried += 1;
        let Verdict::Allow(allowed) = guard().judge(&text, &own) else { panic!("{name} is refused") };
        assert!(allowed.rewritten.unwrap().contains("\"tenant_alpha\""), "{name}");
    }
    assert!(tried > 10, "{tried}");
}
