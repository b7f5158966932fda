//! What people are told of a text.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::config::{self, GuardMode};
use crate::guard::rules;
use crate::tenant::{Ident, TenantId};

fn guard(max_statement_bytes: usize) -> Guard {
    let mode = GuardMode::Report;
    Guard::new(&config::Guard {
        mode,
        public_schema: config::PublicSchema::Refuse,
        extra_schemas: vec![],
        extra_functions: vec![],
        extra_settings: vec![],
        max_statement_bytes,
        cache_bytes: 1 << 16,
    })
}

fn scope() -> Scope {
    Scope {
        tenant: TenantId(Uuid::nil()),
        schema: Ident::parse("tenant_alpha").unwrap(),
        role: Ident::parse("tenant_alpha").unwrap(),
        channels: crate::tenant::ChannelPrefix::new(&[0xab; 32]),
        public_is_own: false,
        shared_schemas: Arc::from([Ident::parse("global").unwrap()]),
        extra_functions: Arc::new([]),
        extra_settings: Arc::new([]),
        level: Level::Dedicated,
        hardened: false,
        access: crate::tenant::Access::ReadWrite,
    }
}

fn explain(text: &str) -> Vec<Explained> {
    guard(1 << 20).explain(text, &scope())
}

/// Each statement's text and verdict.
fn verdicts(text: &str) -> Vec<(&str, &'static str)> {
    let rule = |explained: &Explained| explained.judged.rule.unwrap_or("allow");
    explain(text).iter().map(|explained| (&text[explained.span.clone()], rule(explained))).collect()
}

#[test]
fn each_statement_is_judged_by_itself_also_where_the_guard_only_reports() {
    assert_eq!(
        verdicts("/* a; */ select ';';\n-- b\n  set role x ; ; select $$;$$ from tenant_beta.t -- c"),
        [
            ("select ';'", "allow"),
            ("set role x", "role_change"),
            ("select $$;$$ from tenant_beta.t -- c", "cross_schema"),
        ]
    );
    assert_eq!(verdicts("select 1;"), [("select 1", "allow")]);
    for text in ["", " -- nothing\n", " ; ; "] {
        assert_eq!(verdicts(text), [], "{text}");
    }
}

#[test]
fn text_that_does_not_parse_is_one_entry_that_says_where() {
    let text = "select 'ü'; select 'é' frm t; select 1";
    let [explained] = &explain(text)[..] else { panic!("one entry") };
    assert_eq!(explained.judged.rule, Some("unparsable"));
    assert_eq!(explained.judged.message.as_deref(), Some("syntax error at or near \"t\""));
    assert_eq!(&text[explained.stopped_at.unwrap()..], "t; select 1");
    assert_eq!(&text[explained.span.clone()], text);
}

#[test]
fn text_over_the_limit_is_one_entry() {
    let [explained] = &guard(20).explain("select 1; select 'longer'", &scope())[..] else {
        panic!("one entry")
    };
    assert_eq!((explained.judged.rule, explained.stopped_at), (Some("statement_too_long"), None));
}

#[test]
fn schemas_and_effects_have_names() {
    let [explained] = &explain("insert into tenant_alpha.t select nextval('Global.s'), x from other.u")[..]
    else {
        panic!("one entry")
    };
    let schemas: Vec<_> = explained.schemas.iter().map(|s| (s.name.as_str(), s.role, s.allowed)).collect();
    assert_eq!(
        schemas,
        [("global", "object", true), ("other", "object", false), ("tenant_alpha", "object", true)]
    );
    assert_eq!(explained.judged.effects, ["sequence", "write"]);
    let [explained] = &explain("set search_path = tenant_beta")[..] else { panic!("one entry") };
    assert_eq!(explained.schemas[0].role, "search_path");
    let [explained] = &explain("create schema if not exists tenant_alpha")[..] else { panic!("one entry") };
    assert_eq!((explained.schemas[0].role, explained.schemas[0].allowed), ("create", true));
}

#[test]
fn statement_that_means_something_else_among_others_says_so() {
    let among = |text| explain(text)[0].among_others.as_ref().map(|among| among.effects.clone());
    assert_eq!(among("discard all"), Some(vec!["opaque", "write", "releases"]));
    assert_eq!(among("deallocate x -- why"), Some(vec!["prepare", "opaque", "write", "releases"]));
    assert_eq!(among("select 1"), None);
    assert_eq!(among("select 1; select 2"), None);
}

#[test]
fn json_has_every_field_also_where_there_is_nothing_to_say() {
    assert_eq!(
        serde_json::to_value(explain("table tenant_beta.t")).unwrap(),
        json!([{
            "verdict": "refuse",
            "rule": "cross_schema",
            "sqlstate": "42501",
            "message": "schema \"tenant_beta\" is not in this tenant's scope",
            "hint": rules::CROSS_SCHEMA.hint,
            "rewritten": null,
            "effects": [],
            "schemas": [{ "name": "tenant_beta", "as": "object", "allowed": false }],
            "other_levels": [],
            "among_others": null,
        }])
    );
}

/// Facts as rules for one level make them.
fn facts(refuse_unhardened: bool, rewritten: Option<&str>) -> Facts {
    let mut findings = crate::guard::facts::Findings::default();
    if refuse_unhardened {
        findings.refuse_unhardened(&rules::UNKNOWN_STATEMENT, "not without hardening");
    }
    let mut facts = findings.finish(1, None);
    facts.rewritten = rewritten.map(Into::into);
    facts
}

#[test]
fn other_levels_are_told_where_they_differ() {
    let others = |facts: &Facts, scope: &Scope| {
        let explained = guard(1 << 20).explain_one("select 1", 0..8, facts, scope);
        let others = explained.other_levels.into_iter();
        others.map(|other| (other.level, other.hardened, other.verdict)).collect::<Vec<_>>()
    };
    let refused = facts(true, None);
    assert_eq!(others(&refused, &scope()), [("shared", false, Ruling::Refuse)]);
    let hardened = Scope { level: Level::Shared, hardened: true, ..scope() };
    assert_eq!(others(&refused, &hardened), [("shared", false, Ruling::Refuse)]);
    let not_hardened = Scope { level: Level::Shared, ..scope() };
    assert_eq!(
        others(&refused, &not_hardened),
        [("dedicated", false, Ruling::Allow), ("shared", true, Ruling::Allow)]
    );
    let rewritten = facts(true, Some("select 2"));
    assert_eq!(
        others(&rewritten, &Scope { hardened: true, ..scope() }),
        [("shared", true, Ruling::Rewritten), ("shared", false, Ruling::Refuse)]
    );
    let explained = guard(1 << 20).explain_one("select 1", 0..8, &rewritten, &hardened);
    assert_eq!(explained.judged.rewritten.as_deref(), Some("select 2"));
}
