//! A guard that only reports.

use super::*;

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
#[test]
fn startup_settings_are_reported_where_statements_are() {
    let judge = |name, value| reporting().judge_setting(name, value, &scope());
    assert_eq!(judge("role", "tenant_beta").unwrap().unwrap().rule.id, "role_change");
    assert_eq!(judge("search_path", "tenant_beta").unwrap().unwrap().rule.id, "search_path");
    assert_eq!(judge("search_path", "tenant_alpha"), Ok(None));
    assert_eq!(judge("client_encoding", "GBK").unwrap_err().rule.id, "fixed_setting");
}
