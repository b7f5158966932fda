//! Unnamed statements that come again: what a server is sent of them, and when it is sent all.

use super::*;

impl Talk {
    /// With a server, of a tenant whose unnamed statements are kept there.
    fn reusing() -> Self {
        let talk = Self::attached();
        talk.session.commons().reuse_unnamed(true);
        talk
    }

    /// Parse, Bind, Execute, Sync of the unnamed statement; what the server gets of it.
    fn emit(&mut self, text: &str) -> String {
        let sent = [&parse("", text), &bind(""), &execute(), SYNC].map(|frame| self.client(frame));
        sent.into_iter().filter(|sent| !sent.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// The same, answered as a server does.
    fn redo(&mut self, text: &str) -> (String, String) {
        let sent = self.emit(text);
        let answers = sent.split(", ").map(|sent| match sent.chars().next() {
            Some('P') => '1',
            Some('B') => '2',
            Some('C') => '3',
            Some('S') => 'Z',
            _ => 'C',
        });
        let got = self.backends(&answers.collect::<String>());
        (sent, got)
    }

    fn other_client(&mut self) -> Self {
        let mut other = Self::detached();
        other.session =
            Session::new(other.session.scope().clone(), Arc::default(), Arc::clone(self.session.commons()));
        other.server = self.server.take();
        other
    }
}

const AGAIN: &str = "Bind pgtenant_1, E, S";

#[test]
fn text_that_comes_again_is_prepared_once_and_not_sent_any_more() {
    let mut talk = Talk::reusing();
    assert_eq!(talk.redo("select 1").0, "Parse  \"select 1\", Bind , E, S");
    assert_eq!(talk.redo("select 1").0, "Parse pgtenant_1 \"select 1\", Bind pgtenant_1, E, S");
    for _ in 0..3 {
        assert_eq!(talk.redo("select 1"), (AGAIN.into(), "<1>[2][C][Z]".into()));
    }
    assert_eq!(talk.session.take_parses_spared(), 3);
}

#[test]
fn what_is_owed_for_it_waits_for_the_servers_answer() {
    let mut talk = Talk::reusing();
    (0..2).for_each(|_| drop(talk.redo("select 1")));
    // Not a system call of its own.
    assert_eq!(talk.client(&parse("", "select 1")), "");
    assert_eq!(talk.client(&bind("")), "Bind pgtenant_1");
    assert_eq!(talk.backends("2"), "<1>[2]");
    // But who asks for it gets it.
    talk.client(SYNC);
    talk.backends("Z");
    assert_eq!(talk.client(&parse("", "select 1")), "");
    assert_eq!(talk.client(&[b'H', 0, 0, 0, 4]), "<1>");
}

#[test]
fn another_client_of_the_tenant_uses_what_is_there_and_another_server_is_told_first() {
    let mut talk = Talk::reusing();
    (0..2).for_each(|_| drop(talk.redo("select 1")));
    let mut other = talk.other_client();
    assert_eq!(other.redo("select 1").0, AGAIN);
    other.server = Some(ServerState::default());
    assert_eq!(other.client(&bind("")), "Parse pgtenant_1 \"select 1\", Bind pgtenant_1");
}

#[test]
fn clients_own_unnamed_statement_is_what_it_parsed_last() {
    let mut talk = Talk::reusing();
    for text in ["select 1", "select 2"] {
        (0..2).for_each(|_| drop(talk.redo(text)));
    }
    talk.client(&parse("", "select 1"));
    assert_eq!(talk.client(&bind("")), "Bind pgtenant_1");
    talk.client(&parse("", "select 2"));
    assert_eq!(talk.client(&bind("")), "Bind pgtenant_2");
    talk.client(&parse("", "select 3"));
    assert_eq!(talk.client(&bind("")), "Bind ");
    talk.client(SYNC);
    talk.backends("22112Z");
    talk.client(&query("select 1"));
    talk.backends("CZ");
    assert_eq!(talk.client(&bind("")), "<E 26000>", "a simple query destroys it");
}

#[test]
fn parse_that_is_skipped_leaves_the_statement_from_before() {
    let mut talk = Talk::reusing();
    for text in ["select 1", "select 2"] {
        (0..2).for_each(|_| drop(talk.redo(text)));
    }
    talk.client(&parse("", "select 1"));
    talk.client(SYNC);
    talk.backends("Z");
    talk.client(&bind(""));
    talk.client(&parse("", "select 2"));
    talk.client(SYNC);
    assert_eq!(talk.backend(b'E', b"SERROR\0C22P02\0\0"), "[E]");
    talk.backends("Z");
    assert_eq!(talk.client(&bind("")), "Bind pgtenant_1");
}

#[test]
fn what_may_mean_something_else_the_next_time_is_sent_each_time() {
    for text in [
        "select 'now'::timestamp",
        "select timestamp 'TODAY'",
        "select '  tomorrow '::date",
        r"select e'\156ow'::timestamp",
        "select $$now$$::timestamp",
        "set work_mem = '1MB'",
        "begin",
        "create table t (a int)",
        "listen a",
    ] {
        let mut talk = Talk::reusing();
        for _ in 0..4 {
            assert!(talk.client(&parse("", text)).starts_with("Parse  "), "{text}");
            talk.client(SYNC);
            talk.backends("1Z");
        }
    }
}

/// What an earlier batch does to the transaction block decides whether there is a ParseComplete at all.
#[test]
fn behind_a_batch_that_is_not_answered_it_is_sent() {
    let mut talk = Talk::reusing();
    (0..3).for_each(|_| drop(talk.redo("select 1")));
    assert_eq!(talk.emit("select 1"), AGAIN);
    assert!(talk.client(&parse("", "select 1")).starts_with("Parse  "));
}

#[test]
fn schema_that_changes_has_it_prepared_anew() {
    let mut talk = Talk::reusing();
    (0..3).for_each(|_| drop(talk.redo("select 1")));
    // In the same transaction it may mean what that has made: as it was sent.
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    talk.client(&query("alter table t add b int"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    assert!(talk.client(&parse("", "select 1")).starts_with("Parse  "));
    talk.client(SYNC);
    talk.backend(b'1', b"");
    talk.backend(b'Z', b"T");
    talk.client(&query("commit"));
    talk.backends("CZ");
    let sent = talk.redo("select 1").0;
    assert!(sent.starts_with("C pgtenant_1, Parse pgtenant_1"), "{sent}");
    assert_eq!(talk.redo("select 1").0, AGAIN);
    // Past the proxy, it is noticed after a while.
    talk.session.commons().statements.doubt_unnamed();
    assert!(talk.redo("select 1").0.starts_with("C pgtenant_1, Parse pgtenant_1"));
}

#[test]
fn client_with_state_of_its_own_is_sent_as_it_is() {
    let mut talk = Talk::reusing();
    (0..3).for_each(|_| drop(talk.redo("select a from t")));
    talk.client(&query("create temporary table t (a text)"));
    talk.backends("CZ");
    assert!(talk.client(&parse("", "select a from t")).starts_with("Parse  "));
}

#[test]
fn columns_that_changed_past_the_proxy_are_not_noticed() {
    let mut talk = Talk::reusing();
    (0..3).for_each(|_| drop(talk.redo("select * from t")));
    assert_eq!(talk.emit("select * from t"), AGAIN);
    talk.session.note_kept(true);
    let error = b"SERROR\0VERROR\0C0A000\0Mcached plan\0RRevalidateCachedQuery\0\0";
    assert_eq!(talk.backend(b'E', error), "<1>");
    talk.session.note_kept(true);
    assert_eq!(talk.backend(b'Z', b"I"), "Replay");
    assert_eq!(trace(talk.session.front()), "C pgtenant_1, Parse pgtenant_1 \"select * from t\"");
    assert_eq!(talk.backends("312CZ"), "[2][C][Z]");
}

#[test]
fn its_errors_name_it_as_the_client_does() {
    let mut talk = Talk::reusing();
    (0..3).for_each(|_| drop(talk.redo("select $1")));
    talk.emit("select $1");
    let error = b"SERROR\0C08P01\0M0, but prepared statement \"pgtenant_1\" requires 1\0\0";
    talk.session.settle();
    talk.session.on_backend(b'E', error, talk.server.as_mut().unwrap());
    let mut replies = Vec::new();
    talk.session.take_replies(&mut replies);
    let error = frames(&replies).into_iter().find(|frame| frame[0] == b'E').unwrap();
    let message = view::error_field(&error[HEAD_BYTES..], b'M').unwrap();
    assert_eq!(message, b"0, but prepared statement \"\" requires 1");
}

#[test]
fn deallocate_all_has_it_prepared_anew() {
    let mut talk = Talk::reusing();
    (0..3).for_each(|_| drop(talk.redo("select 1")));
    talk.client(&query("deallocate all"));
    talk.backends("CZ");
    assert_eq!(talk.redo("select 1").0, "Parse pgtenant_1 \"select 1\", Bind pgtenant_1, E, S");
}

#[test]
fn it_is_off_where_the_configuration_says_so() {
    let mut talk = Talk::reusing();
    (0..3).for_each(|_| drop(talk.redo("select 1")));
    talk.session.commons().reuse_unnamed(false);
    assert_eq!(talk.redo("select 1").0, "Parse  \"select 1\", Bind , E, S");
}

#[test]
fn texts_that_never_come_again_and_too_many_that_do_stay_within_their_memory() {
    let commons = commons();
    let text = |n: usize| format!("select {n} {}\0\0\0", "x".repeat(500)).into_bytes();
    let reuse = |n| commons.statements.reuse(&text(n), text(n).len(), &Arc::default());
    for n in 0..2_000 {
        assert!(reuse(n).is_none());
    }
    let kept = (10_000..12_000).filter(|n| reuse(*n).is_some() || reuse(*n).is_some()).count();
    assert_eq!(kept, 2_000);
    let still = (10_000..12_000).filter(|n| commons.statements.has_unnamed(&text(*n))).count();
    assert!((1..=260).contains(&still), "{still}");
    assert!(commons.statements.reuse(&[b' '; 17 << 10], 17 << 10, &Arc::default()).is_none());
}
