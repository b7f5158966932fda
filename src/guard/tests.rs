//! The guard as its callers see it: the corpus, effects, settings, cache, hostile texts.

mod effects;
mod limits;
mod properties;
mod read_only;
mod reporting;
mod rewriting;

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

#[test]
fn first_reason_is_told_where_the_guard_enforces() {
    assert_eq!(verdict("SET SESSION AUTHORIZATION x; LISTEN a"), "role_change");
}

#[test]
fn schema_that_is_also_shared_by_nobody_may_not_be_created() {
    assert_eq!(verdict("CREATE SCHEMA IF NOT EXISTS tenant_alpha"), "allow");
    assert_eq!(verdict("CREATE SCHEMA IF NOT EXISTS global"), "server_administration");
}

#[test]
fn rules_are_listed_for_metrics_and_docs() {
    assert!(rules().iter().any(|rule| rule.id == "cross_schema"));
}
