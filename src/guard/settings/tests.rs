//! Settings as clients set them: the lists, every spelling, the levels, the startup packet.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use uuid::Uuid;

use super::{ALLOWED, PREFIXES, lines};
use crate::config;
use crate::guard::{Guard, Scope, Verdict, Wall, rules};
use crate::tenant::{Ident, Level, TenantId};

fn guard_with(mode: config::GuardMode) -> Guard {
    Guard::new(&config::Guard {
        mode,
        public_schema: config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_settings: Vec::new(),
        extra_functions: Vec::new(),
        max_statement_bytes: 1 << 20,
        cache_bytes: 1 << 20,
    })
}

fn guard() -> &'static Guard {
    static GUARD: LazyLock<Guard> = LazyLock::new(|| guard_with(config::GuardMode::Enforce));
    &GUARD
}

fn scope(level: Level, hardened: bool) -> Scope {
    Scope {
        tenant: TenantId(Uuid::from_u128(1)),
        schema: Ident::parse("tenant_alpha").unwrap(),
        role: Ident::parse("tenant_alpha").unwrap(),
        channels: crate::tenant::ChannelPrefix::new(&[0xab; 32]),
        public_is_own: false,
        shared_schemas: Arc::from([Ident::parse("global").unwrap()]),
        extra_functions: Arc::new([]),
        extra_settings: Arc::new([]),
        level,
        hardened,
        access: crate::tenant::Access::ReadWrite,
    }
}

/// A tenant of an operator who lets these settings pass besides the known ones.
fn dedicated_with(extra: &[&str]) -> Scope {
    let extra_settings = extra.iter().map(|&name| name.into()).collect();
    Scope { extra_settings, ..scope(Level::Dedicated, false) }
}

fn dedicated() -> Scope {
    scope(Level::Dedicated, false)
}

/// The id of the rule that refuses, or `allow`.
fn judged(guard: &Guard, text: &str, scope: &Scope) -> &'static str {
    match guard.judge(text, scope) {
        Verdict::Allow(..) => "allow",
        Verdict::Deny(denial) => denial.rule.id,
    }
}

fn at_startup(name: &str, value: &str, scope: &Scope) -> &'static str {
    guard().judge_setting(name, value, scope).map_or_else(|denial| denial.rule.id, |_| "allow")
}

fn refused() -> HashSet<&'static str> {
    lines(include_str!("../settings_refused.txt")).collect()
}

#[test]
fn lists_are_in_lower_case_without_blanks_or_repetition_and_do_not_overlap() {
    for list in [
        include_str!("../settings_allowed.txt"),
        include_str!("../settings_refused.txt"),
        include_str!("../settings_prefixes.txt"),
    ] {
        let mut seen = HashSet::new();
        for name in lines(list) {
            let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '.');
            assert!(name.chars().all(plain), "{name:?}");
            assert!(seen.insert(name), "{name} twice");
        }
    }
    assert_eq!(ALLOWED.intersection(&refused()).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(PREFIXES.iter().all(|prefix| !prefix.contains('.')));
}

#[test]
fn listed_name_with_a_dot_has_its_prefix_listed_so_that_only_it_passes() {
    for name in ALLOWED.iter().chain(&refused()) {
        if let Some((prefix, _)) = name.split_once('.') {
            assert!(PREFIXES.contains(prefix), "{name}");
            assert_eq!(judged(guard(), &format!("SET {prefix}.another = 1"), &dedicated()), "setting");
        }
    }
}

#[test]
fn every_allowed_setting_passes_and_every_refused_one_is_refused() {
    let with_rules = ["search_path", "client_encoding", "standard_conforming_strings"];
    for name in ALLOWED.iter().filter(|name| !with_rules.contains(name)) {
        for scope in [dedicated(), scope(Level::Shared, false)] {
            assert_eq!(judged(guard(), &format!("SET {name} = 'x'"), &scope), "allow", "{name}");
        }
    }
    for name in refused() {
        assert_eq!(judged(guard(), &format!("SET {name} = 'x'"), &dedicated()), "setting", "{name}");
        assert_eq!(judged(guard(), &format!("RESET {name}"), &dedicated()), "allow", "{name}");
        assert_eq!(at_startup(name, "x", &dedicated()), "setting", "{name}");
    }
}

#[test]
fn setting_the_operator_lists_passes_in_every_way_and_no_other_does() {
    let scope = dedicated_with(&["trace_sort", "timescaledb.x"]);
    for (text, expected) in [
        ("SET Trace_Sort = on", "allow"),
        ("SELECT set_config('TRACE_SORT', 'on', true)", "allow"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET trace_sort = on AS 'SELECT 1'", "allow"),
        ("SET timescaledb.x = on", "allow"),
        ("SET timescaledb.x = on; SET trace_notify = on", "setting"),
        ("SET timescaledb.y = on", "setting"),
    ] {
        assert_eq!(judged(guard(), text, &scope), expected, "{text}");
    }
    assert_eq!(guard().judge_setting("TimescaleDB.X", "on", &scope), Ok(None));
    assert!(guard().judge_setting("timescaledb.xy", "on", &scope).is_err());
}

#[test]
fn operators_word_does_not_reach_settings_with_rules_of_their_own() {
    let scope = dedicated_with(&["role", "session_authorization", "search_path", "client_encoding"]);
    for (text, expected) in [
        ("SET role = tenant_beta", "role_change"),
        ("SET session_authorization = tenant_beta", "role_change"),
        ("SET search_path = tenant_beta", "search_path"),
        ("SET client_encoding = 'GBK'", "fixed_setting"),
    ] {
        assert_eq!(judged(guard(), text, &scope), expected, "{text}");
    }
}

#[test]
fn long_name_is_compared_whole_and_told_cut() {
    let listed = "x".repeat(63);
    let scope = dedicated_with(&[&listed]);
    // A word of SQL is cut by the server, a string is not.
    assert_eq!(judged(guard(), &format!("SET {listed}yz = 1"), &scope), "allow");
    let text = format!("SELECT set_config('{listed}yz', '1', true)");
    match guard().judge(&text, &scope) {
        Verdict::Deny(denial) => {
            assert_eq!(denial.message, format!("parameter \"{listed}\" cannot be set by a tenant"));
        }
        Verdict::Allow(..) => panic!("allowed"),
    }
}

#[test]
fn nobody_else_refuses_a_setting_so_the_rule_holds_where_the_guard_only_reports() {
    assert_eq!(rules::SETTING.wall, Wall::Guard);
    let guard = guard_with(config::GuardMode::Report);
    for text in [
        "SET trace_sort = on",
        "SET trace_sort = on; SELECT * FROM tenant_beta.t",
        "SET ROLE tenant_beta; SET trace_sort = on",
        "SET search_path = tenant_beta; SELECT set_config('trace_sort', 'on', true)",
    ] {
        assert_eq!(judged(&guard, text, &dedicated()), "setting", "{text}");
    }
    assert_eq!(judged(&guard, "SELECT * FROM tenant_beta.t", &dedicated()), "allow");
}

#[test]
fn way_back_to_the_powerless_role_is_for_dedicated_connections() {
    let back = [
        "SET ROLE NONE",
        "SET ROLE 'none'",
        "SET LOCAL role = none",
        "SET role TO DEFAULT",
        "RESET ROLE",
        "RESET \"Role\"",
        "RESET SESSION AUTHORIZATION",
        "SET SESSION AUTHORIZATION DEFAULT",
        "SELECT set_config('role', 'none', false)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET role = none AS 'SELECT 1'",
    ];
    for text in back {
        assert_eq!(judged(guard(), text, &dedicated()), "allow", "{text}");
        for hardened in [true, false] {
            assert_eq!(judged(guard(), text, &scope(Level::Shared, hardened)), "role_change", "{text}");
        }
    }
    assert_eq!(at_startup("role", "none", &dedicated()), "allow");
    assert_eq!(at_startup("Role", "none", &scope(Level::Shared, true)), "role_change");
}

#[test]
fn clause_of_a_function_that_is_taken_away_passes_where_code_may_run() {
    for text in ["ALTER FUNCTION f() RESET role", "ALTER FUNCTION f() SET role TO DEFAULT RESET trace_sort"] {
        assert_eq!(judged(guard(), text, &scope(Level::Shared, true)), "allow", "{text}");
    }
}

#[test]
fn name_that_only_looks_constant_is_computed() {
    for name in [
        "$1",
        "'app.x'::text",
        "'role.x'::varchar(4)",
        "CAST('app.x' AS my_domain)",
        "'app.' || 'x'",
        "'app.x' COLLATE \"C\"",
        "(SELECT 'app.x')",
        "lower('APP.X')",
    ] {
        let text = format!("SELECT set_config({name}, 'x', true)");
        assert_eq!(judged(guard(), &text, &dedicated()), "allow", "{text}");
        assert_eq!(judged(guard(), &text, &scope(Level::Shared, true)), "allow", "{text}");
        assert_eq!(judged(guard(), &text, &scope(Level::Shared, false)), "opaque_code", "{text}");
    }
    for text in ["SELECT set_config('app.x', $1, true)", "SELECT set_config(('app.x'), 'x', $1)"] {
        assert_eq!(judged(guard(), text, &scope(Level::Shared, false)), "allow", "{text}");
    }
}

#[test]
fn call_with_named_or_missing_arguments_is_judged_by_what_looks_like_the_name() {
    for (arguments, expected) in [
        ("new_value => 'x', is_local => true, setting_name => 'trace_sort'", "setting"),
        ("'trace_sort', new_value => 'x', is_local => true", "setting"),
        ("'trace_sort', VARIADIC ARRAY['x']", "setting"),
        ("'trace_sort'", "setting"),
        ("setting_name => 'app.x', new_value => 'trace_sort', is_local => true", "allow"),
    ] {
        let text = format!("SELECT set_config({arguments})");
        assert_eq!(judged(guard(), &text, &dedicated()), expected, "{text}");
        assert_ne!(judged(guard(), &text, &scope(Level::Shared, false)), "allow", "{text}");
    }
}

#[test]
fn setting_that_ends_with_the_transaction_is_no_setting_of_a_connection() {
    for name in ["transaction_isolation", "Transaction_Read_Only", "transaction_deferrable", "seed"] {
        assert_eq!(at_startup(name, "1", &dedicated()), "setting", "{name}");
        assert_eq!(judged(guard(), &format!("SET {name} = 1"), &dedicated()), "allow", "{name}");
    }
}

#[test]
fn words_of_the_startup_packet_are_no_settings() {
    for name in ["replication", "Replication", "options", "user", "database", "is_superuser", "", "-c"] {
        assert_eq!(at_startup(name, "on", &dedicated()), "setting", "{name:?}");
    }
}

#[test]
fn text_search_configuration_is_a_name_wherever_it_is_set() {
    for (value, expected) in [
        ("english", "allow"),
        ("pg_catalog.english", "allow"),
        ("Tenant_Alpha.own", "allow"),
        ("global.own", "allow"),
        ("tenant_beta.own", "cross_schema"),
        ("\"tenant_beta\".own", "cross_schema"),
        ("other.tenant_alpha.own", "cross_database"),
    ] {
        assert_eq!(at_startup("default_text_search_config", value, &dedicated()), expected, "{value}");
        let text = format!("SET default_text_search_config = '{value}'");
        assert_eq!(judged(guard(), &text, &dedicated()), expected, "{text}");
    }
}

/// Names that must be refused, in a spelling the grammar folds or the server does.
fn refused_name() -> impl Strategy<Value = String> {
    let names: Vec<&str> = refused()
        .into_iter()
        .chain([
            "role",
            "session_authorization",
            "session_replication_role",
            "no_such_setting",
            "log_statement",
        ])
        .chain(["pgtenant.tenant", "auto_explain.log_min_duration", "plv8.start_proc", "set_user.x"])
        .collect();
    (proptest::sample::select(names), any::<u64>()).prop_map(|(name, upper)| {
        name.char_indices()
            .map(|(at, c)| if upper >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c })
            .collect()
    })
}

/// Writes letters picked by `mask` as escapes of the form `\0041`.
fn escaped(text: &str, mask: u64, escape: char) -> String {
    text.char_indices()
        .map(
            |(at, c)| {
                if mask >> (at % 64) & 1 == 1 {
                    format!("{escape}{:04X}", u32::from(c))
                } else {
                    c.to_string()
                }
            },
        )
        .collect()
}

/// The name as an identifier, spelled one way or another.
fn identifier(name: &str, style: u8, mask: u64) -> String {
    let part = |part: &str| match style % 4 {
        0 => part.to_owned(),
        1 => format!("\"{part}\""),
        2 => format!("U&\"{}\"", escaped(part, mask, '\\')),
        _ => format!("U&\"{}\" UESCAPE '!'", escaped(part, mask, '!')),
    };
    // One quoted word with a dot in it is the same setting as two words.
    if !style.is_multiple_of(4) && mask & 1 == 1 {
        part(name)
    } else {
        name.split('.').map(part).collect::<Vec<_>>().join(".")
    }
}

/// The name as a string constant.
fn string(name: &str, style: u8, mask: u64) -> String {
    match style % 6 {
        0 => format!("'{name}'"),
        1 => format!("$a${name}$a$"),
        2 => format!("U&'{}'", escaped(name, mask, '\\')),
        3 => format!("U&'{}' UESCAPE '#'", escaped(name, mask, '#')),
        4 => format!("E'{}'", escaped(name, mask, '?').replace('?', "\\u")),
        _ => {
            let (left, right) = name.split_at(1 + (mask as usize) % (name.len() - 1));
            format!("'{left}'\n  '{right}'")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn refused_setting_is_refused_in_every_spelling(
        name in refused_name(), form in 0..10_u8, style in any::<u8>(), mask in any::<u64>(),
    ) {
        let word = identifier(&name, style, mask);
        let quoted = string(&name, style, mask);
        let text = match form {
            0 => format!("SET {word} = 'x'"),
            1 => format!("set local {word} to x"),
            2 => format!("SET SESSION/**/{word}\nTO 1, 2"),
            3 => format!("SELECT set_config({quoted}, 'x', false)"),
            4 => format!("SELECT PG_CATALOG.\"set_config\"({quoted}, $1, $2) FROM t WHERE false"),
            5 => format!("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql SET {word} = x AS ''"),
            6 => format!("ALTER PROCEDURE p() SET work_mem = 1 SET {word} FROM CURRENT"),
            7 => format!("BEGIN; SAVEPOINT s; SET {word} = 'x'; COMMIT"),
            8 => format!("WITH x AS (SELECT 1) INSERT INTO t SELECT (set_config({quoted}::text, 'x', true))"),
            _ => format!("CREATE VIEW v AS SELECT set_config({quoted} || '', 'x', true)"),
        };
        prop_assert!(matches!(judged(guard(), &text, &dedicated()), "setting" | "role_change"), "{}", text);
        prop_assert_ne!(at_startup(&name, "x", &dedicated()), "allow");
    }

    #[test]
    fn allowed_setting_passes_in_every_spelling(
        name in proptest::sample::select(vec!["work_mem", "statement_timeout", "app.user_id", "hnsw.ef_search", "TimeZone"]),
        form in 0..4_u8, style in any::<u8>(), mask in any::<u64>(),
    ) {
        let word = identifier(name, style, mask);
        let quoted = string(name, style, mask);
        let text = match form {
            0 => format!("SET {word} = 'x'"),
            1 => format!("SET LOCAL {word} TO 1"),
            2 => format!("SELECT set_config({quoted}, $1, true)"),
            _ => format!("ALTER FUNCTION f() SET {word} = 'x'"),
        };
        // Nothing there changes a function.
        let hardened = form == 3;
        prop_assert_eq!(judged(guard(), &text, &scope(Level::Shared, hardened)), "allow", "{}", text);
    }
}
