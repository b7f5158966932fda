//! The limits, with texts of every size that a configuration may allow.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::*;
use crate::config::GuardMode;
use crate::guard::{Guard, Scope, Verdict};
use crate::tenant::{Ident, Level, TenantId};

/// The most that `guard.max_statement_bytes` can be.
const MAX_BYTES: usize = 64 << 20;

/// The id of the rule that refuses, or `allow`; on a stack of the size that the threads of a runtime have.
fn verdict(text: String) -> &'static str {
    let judge = move || {
        let guard = Guard::new(&crate::config::Guard {
            mode: GuardMode::Enforce,
            public_schema: crate::config::PublicSchema::Refuse,
            extra_schemas: Vec::new(),
            extra_functions: Vec::new(),
            extra_settings: Vec::new(),
            max_statement_bytes: MAX_BYTES,
            cache_bytes: 1 << 20,
        });
        let scope = Scope {
            tenant: TenantId(Uuid::nil()),
            schema: Ident::parse("tenant_alpha").unwrap(),
            role: Ident::parse("tenant_alpha").unwrap(),
            channels: crate::tenant::ChannelPrefix::new(&[0xab; 32]),
            public_is_own: false,
            shared_schemas: Arc::from([]),
            extra_functions: Arc::new([]),
            extra_settings: Arc::new([]),
            level: Level::Dedicated,
            hardened: false,
            access: crate::tenant::Access::ReadWrite,
        };
        match guard.judge(&text, &scope) {
            Verdict::Allow(..) => "allow",
            Verdict::Deny(denial) => denial.rule.id,
        }
    };
    thread::Builder::new().stack_size(2 << 20).spawn(judge).unwrap().join().unwrap()
}

/// Just as many bytes.
fn filled(start: &str, piece: &str, end: &str, bytes: usize) -> String {
    let room = bytes - start.len() - end.len();
    format!("{start}{}{end}{}", piece.repeat(room / piece.len()), " ".repeat(room % piece.len()))
}

#[test]
fn texts_of_many_megabytes_are_answered_in_seconds() {
    for (start, piece, end, megabytes, expected) in [
        ("SELECT '", "x", "'", 64, "allow"),
        ("", "(", "", 64, "too_complex"),
        ("SELECT 1", ",1", "", 64, "too_complex"),
        ("SELECT ", "a ", "", 64, "too_complex"),
        ("SELECT 1", "/**/", "", 64, "too_complex"),
        ("", "TABLE a;", "", 64, "too_complex"),
        ("SELECT 1", " /**/", "", 8, "allow"),
        ("", "'", "", 8, "unparsable"),
        ("SELECT ", "''", "", 8, "allow"),
        ("SELECT query_to_xml('SELECT 1", ",1", "', true, true, '')", 8, "too_complex"),
    ] {
        let text = filled(start, piece, end, megabytes << 20);
        let started = Instant::now();
        assert_eq!(verdict(text), expected, "{start}{piece}…{end}");
        // In a debug build our own pass takes most of it.
        assert!(started.elapsed() < Duration::from_secs(20), "{start}{piece}…{end}: {:?}", started.elapsed());
    }
}

#[test]
fn hundred_thousand_parentheses_are_too_complex() {
    assert_eq!(verdict(format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000))), "too_complex");
}

#[test]
fn text_of_a_million_tokens_is_judged_and_of_one_more_is_not() {
    let text = |tokens: usize| format!("SELECT 1{} /* no token */", ";".repeat(tokens - 2));
    assert_eq!(verdict(text(MAX_TOKENS)), "allow");
    assert_eq!(verdict(text(MAX_TOKENS + 1)), "too_complex");
}

#[test]
fn tokens_of_texts_inside_a_text_count_together() {
    let inside = |tokens| format!("query_to_xml('SELECT 1{}', true, true, '')", ";".repeat(tokens));
    assert_eq!(verdict(format!("SELECT {0}, {0}", inside(450_000))), "allow");
    assert_eq!(verdict(format!("SELECT {0}, {0}, {0}", inside(350_000))), "too_complex");
}

#[test]
fn insert_of_ten_thousand_rows_of_ten_columns_is_judged() {
    let row = format!("({})", ["12345"; 10].join(", "));
    assert_eq!(verdict(format!("INSERT INTO t VALUES {}", vec![row; 10_000].join(", "))), "allow");
}

/// The server reads such a name, so it is not enough that we do not.
#[test]
fn type_in_a_string_that_is_too_complex_to_read_is_refused() {
    let deep = format!("{}{}", "/*".repeat(33), "*/".repeat(33));
    assert_eq!(verdict(format!("SELECT 'tenant_beta.t {deep}'::regtype")), "too_complex");
    assert_eq!(verdict("SELECT 'tenant_beta.t /**/'::regtype".into()), "cross_schema");
}

#[test]
fn parser_message_is_cut() {
    let denial = tree(&format!("SELECT 1 '{}'", "x".repeat(5000)), 10_000, &mut 0).unwrap_err();
    assert_eq!(denial.rule.id, "unparsable");
    assert_eq!(denial.message.chars().count(), MAX_MESSAGE_CHARS);
}

#[test]
fn deep_parentheses_are_too_complex() {
    let text = format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000));
    assert_eq!(tree(&text, 1 << 20, &mut 0).unwrap_err().rule.id, "too_complex");
}
