//! Pipelines in which it is not known yet what a statement name will stand for.

use super::*;

const FAILED: &[u8] = b"SERROR\0C26000\0\0";

#[test]
fn name_of_a_batch_that_may_fail_yet_is_waited_for() {
    let mut talk = Talk::attached();
    talk.client(&parse("s", "select nothing_here"));
    talk.client(SYNC);
    assert_eq!(talk.client(&bind("s")), "(waits)");
    assert_eq!(talk.client(&parse("s", "select 1")), "(waits)");
    assert!(talk.client(&bind("other")).starts_with("Parse pgtenant_refused"));
    assert_eq!(talk.backend(b'E', FAILED), "[E]");
}

#[test]
fn within_its_own_batch_nothing_waits() {
    let mut talk = Talk::attached();
    talk.client(&parse("s", "select 1"));
    assert_eq!(talk.client(&bind("s")), "Bind pgtenant_1");
    talk.client(&parse("", "select 2"));
    assert_eq!(talk.client(&bind("")), "Bind ");
    talk.client(SYNC);
    assert_eq!(talk.client(&parse("", "select 3")), "Parse  \"select 3\"");
    assert_eq!(talk.client(&bind("")), "Bind ");
}

/// The server connection had an unnamed statement of somebody else: it must not be taken for the one whose
/// Parse was skipped.
#[test]
fn unnamed_statement_whose_parse_was_skipped_is_not_bound() {
    let mut other = Talk::attached();
    other.client(&parse("", "select 'secret'"));
    other.client(SYNC);
    other.backends("1Z");
    let mut talk = Talk { server: other.server.take(), ..Talk::detached() };
    talk.client(&parse("s", "select 1"));
    talk.client(&parse("", "select 'mine'"));
    talk.client(SYNC);
    assert_eq!(talk.client(&bind("")), "(waits)");
    talk.backend(b'E', FAILED);
    talk.backends("Z");
    assert_eq!(talk.client(&bind("")), "<E 26000>");
}

#[test]
fn unnamed_statement_survives_a_successor_that_is_skipped_and_not_one_that_fails() {
    let mut talk = Talk::attached();
    talk.client(&parse("", "select 'first'"));
    talk.client(SYNC);
    talk.backends("1Z");
    talk.client(&parse("s", "select nothing_here"));
    talk.client(&parse("", "select 'skipped'"));
    talk.client(&query("select 'skipped too'"));
    talk.client(SYNC);
    // Of the next batch nothing is known to be skipped.
    talk.client(&parse("t", "select 2"));
    talk.client(SYNC);
    talk.backend(b'E', FAILED);
    talk.backends("Z1Z");
    assert_eq!(talk.client(&bind("")), "Bind ");
    talk.client(SYNC);
    talk.backends("2Z");
    talk.client(&parse("", "select nothing_here"));
    talk.client(SYNC);
    talk.backend(b'E', FAILED);
    talk.backends("Z");
    assert_eq!(talk.client(&bind("")), "<E 26000>");
}

#[test]
fn unnamed_statement_of_a_later_batch_stays_when_one_before_it_was_skipped() {
    let mut talk = Talk::attached();
    talk.client(&parse("s", "select nothing_here"));
    talk.client(&parse("", "select 'skipped'"));
    talk.client(SYNC);
    talk.client(&parse("", "select 'later'"));
    talk.client(SYNC);
    talk.backend(b'E', FAILED);
    talk.backends("Z1Z");
    assert_eq!(talk.client(&bind("")), "Bind ");
}

#[test]
fn error_names_a_statement_as_its_client_does() {
    let mut talk = Talk::attached();
    talk.client(&parse("mine", "select $1"));
    talk.client(&bind("mine"));
    talk.client(SYNC);
    talk.backends("1");
    let body = b"SERROR\0C08P01\0Mbut prepared statement \"pgtenant_1\" requires 1\0Fx.c\0\0";
    talk.session.settle();
    let server = talk.server.as_mut().unwrap();
    assert_eq!(talk.session.on_backend(b'E', body, server), Relay::Replace);
    let mut replies = Vec::new();
    talk.session.take_replies(&mut replies);
    let expected = b"SERROR\0C08P01\0Mbut prepared statement \"mine\" requires 1\0Fx.c\0\0";
    assert_eq!(&replies[HEAD_BYTES..], expected);
}
