//! Settings that follow a client from one server connection to the next.

use super::*;
use crate::session::tracking::{MAX_BYTES, MAX_SETTINGS, Unreadable};

/// A DataRow body.
pub(super) fn row(values: &[Option<&str>]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(value.unwrap_or_default().as_bytes());
    }
    body
}

impl Talk {
    fn starting_with(pairs: &[(&str, &str)]) -> Self {
        let mut talk = Self::detached();
        let start = Arc::new(settings(pairs));
        talk.session = Session::new(talk.session.scope().clone(), Arc::clone(&start), commons());
        talk.server = Some(ServerState { settings: start, ..ServerState::default() });
        talk
    }

    /// A statement outside a transaction that succeeds.
    pub(super) fn ran(&mut self, text: &str) {
        self.client(&query(text));
        self.backends("CZ");
    }

    /// Which state the server says is there that pins.
    pub(super) fn holds(&mut self, state: &[PinReason]) {
        assert_eq!(self.session.at_boundary(), Boundary::Unsettled);
        let rows: Vec<_> = state.iter().map(|reason| row(&[Some(""), Some(reason.as_str())])).collect();
        self.session.answered(&rows, false, self.server.as_mut().unwrap()).unwrap();
    }

    /// What the server says is set.
    pub(super) fn answered(&mut self, set: &[(&str, &str)]) {
        assert_eq!(self.session.at_boundary(), Boundary::Unsettled);
        let rows: Vec<_> = set.iter().map(|(name, value)| row(&[Some(name), Some(value)])).collect();
        self.session.answered(&rows, false, self.server.as_mut().unwrap()).unwrap();
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        self.session.settings().iter().collect()
    }

    fn server_settings(&self) -> Vec<(&str, &str)> {
        self.server.as_ref().unwrap().settings.iter().collect()
    }
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    pairs.iter().for_each(|(name, value)| settings.set(name, value));
    settings
}

#[test]
fn client_that_sets_nothing_asks_nothing() {
    let mut talk = Talk::attached();
    for text in ["select 1", "begin; set local jit = off; commit", "set names 'utf8'", "reset role"] {
        talk.ran(text);
        assert_eq!(talk.session.at_boundary(), Boundary::Release, "{text}");
        assert_eq!(talk.session.question(false), None, "{text}");
    }
}

#[test]
fn changed_settings_are_asked_for_when_the_transaction_has_ended_and_then_the_connection_can_go() {
    let mut talk = Talk::attached();
    talk.client(&query("begin; set jit = off; set app.me = '1'"));
    talk.backends("CCC");
    talk.backend(b'Z', b"T");
    assert_eq!(talk.session.at_boundary(), Boundary::Busy);
    talk.ran("commit");
    let question = talk.session.question(false).unwrap();
    assert!(question.contains("ARRAY['jit']") && question.contains("ARRAY['app.me']"), "{question}");
    talk.answered(&[("jit", "off"), ("app.me", "1")]);
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
    assert_eq!(talk.settings(), [("app.me", "1"), ("jit", "off")]);
    assert_eq!(talk.server_settings(), talk.settings());
    assert_eq!(talk.reset_plan(), ResetPlan::Clean);
}

#[test]
fn whether_a_setting_is_set_is_only_asked_where_it_may_not_be() {
    for (texts, by_source) in [
        (&["set jit = off"][..], false),
        (&["set jit = off", "select 1"], false),
        (&["set jit = off; reset work_mem"], true),
        (&["set jit to default"], true),
        (&["set app.me = ''; reset all"], false),
        (&["set jit = off; reset all"], true),
    ] {
        let mut talk = Talk::attached();
        texts.iter().for_each(|text| talk.ran(text));
        let question = talk.session.question(false).unwrap();
        assert_eq!(question.contains("pg_settings"), by_source, "{texts:?}: {question}");
        assert!(talk.session.question(true).unwrap().contains("'statement_timeout'"));
    }
    let mut talk = Talk::attached();
    talk.client(&query("set jit = off"));
    talk.backend(b'E', b"SERROR\0C22023\0\0");
    talk.backends("Z");
    assert!(talk.session.question(false).unwrap().contains("pg_settings"));
}

#[test]
fn settings_of_the_extended_protocol_are_asked_for_when_they_may_have_been_executed() {
    let mut talk = Talk::attached();
    talk.client(&parse("s", "set jit = off"));
    talk.client(SYNC);
    talk.backends("1Z");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
    talk.client(&bind("s"));
    talk.client(&execute());
    talk.client(SYNC);
    talk.backends("2CZ");
    assert_eq!(talk.session.at_boundary(), Boundary::Unsettled);
}

#[test]
fn only_names_that_were_asked_for_are_believed() {
    let mut talk = Talk::attached();
    talk.ran("set jit = off");
    talk.answered(&[("jit", "off"), ("role", "postgres")]);
    assert_eq!(talk.settings(), [("jit", "off")]);
}

#[test]
fn what_is_not_set_any_more_goes_back_to_the_startup_packet() {
    let mut talk = Talk::starting_with(&[("timezone", "UTC")]);
    talk.ran("set timezone = 'Asia/Tokyo'; set jit = off");
    talk.answered(&[("timezone", "Asia/Tokyo"), ("jit", "off")]);
    assert_eq!(talk.settings(), [("jit", "off"), ("timezone", "Asia/Tokyo")]);
    talk.ran("reset timezone");
    talk.answered(&[]);
    assert_eq!(talk.settings(), [("jit", "off"), ("timezone", "UTC")]);
    assert_eq!(talk.server_settings(), [("jit", "off")]);
}

#[test]
fn reset_all_asks_for_all_that_is_followed() {
    let mut talk = Talk::starting_with(&[("timezone", "UTC")]);
    talk.ran("set jit = off");
    talk.answered(&[("jit", "off")]);
    talk.ran("begin; reset all; rollback");
    talk.answered(&[("timezone", "UTC"), ("jit", "off")]);
    assert!(talk.session.release_ready(), "the client is told first what is in force");
    assert_eq!(talk.settings(), [("jit", "off"), ("timezone", "UTC")]);
    talk.ran("reset all");
    talk.answered(&[]);
    assert_eq!((talk.settings(), talk.server_settings()), (vec![("timezone", "UTC")], vec![]));
}

/// PostgreSQL has a setting that an application made up for ever after, and RESET makes it empty.
#[test]
fn setting_of_the_applications_own_in_the_startup_packet_comes_back_with_reset_and_stays_empty_when_set_so() {
    let reset = [("app.me", "")];
    for (texts, now) in [
        (&["reset all"][..], "it"),
        (&["reset app.me"], "it"),
        (&["set app.me = ''"], ""),
        (&["set app.me = ''", "reset all"], "it"),
        // What asyncpg sends between two users of a connection.
        (&["SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;"], "it"),
        (&["begin; reset all; commit"], "it"),
        // Nobody knows which came last.
        (&["reset all; set app.me = ''"], ""),
    ] {
        let mut talk = Talk::starting_with(&[("app.me", "it")]);
        texts.iter().for_each(|text| talk.ran(text));
        talk.answered(&reset);
        assert_eq!(
            (talk.settings(), talk.server_settings()),
            (vec![("app.me", now)], vec![("app.me", "")]),
            "{texts:?}"
        );
    }
    // In a block it is set again at once: what is empty afterwards was so before, and the RESET undone.
    let mut talk = Talk::starting_with(&[("app.me", "it")]);
    talk.ran("set app.me = ''");
    talk.answered(&reset);
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    talk.client(&query("reset app.me"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    talk.backends("TDC");
    talk.backend(b'Z', b"T");
    talk.ran("rollback");
    talk.answered(&reset);
    assert_eq!(talk.settings(), [("app.me", "")]);
    // One that nobody began with is empty, as on a direct connection.
    let mut talk = Talk::attached();
    talk.ran("reset app.me");
    talk.answered(&reset);
    assert_eq!(talk.settings(), [("app.me", "")]);
}

#[test]
fn discard_all_forgets_what_was_set_and_restores_the_startup_packet() {
    let mut talk = Talk::starting_with(&[("timezone", "UTC")]);
    talk.ran("set jit = off");
    talk.ran("discard all");
    assert_eq!(talk.session.question(false), None);
    assert_eq!(talk.session.at_boundary(), Boundary::Unsettled);
    assert_eq!((talk.settings(), talk.server_settings()), (vec![("timezone", "UTC")], vec![]));
    let before = vec![("TimeZone".to_owned(), "Etc/UTC".to_owned())];
    let server = talk.server.as_mut().unwrap();
    server.parameters = vec![("TimeZone".into(), "UTC".into())];
    talk.session.settings_restored(&before, server);
    assert!(talk.session.release_ready());
    assert_eq!(talk.with_replies(String::new()), "<S><Z>");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn setting_that_cannot_be_followed_pins() {
    for text in ["set seed = 0.5", "set temp_buffers = 100", "select set_config($1, '', false)"] {
        let mut talk = Talk::attached();
        talk.client(&parse("", text));
        talk.client(&bind(""));
        talk.client(&execute());
        talk.client(SYNC);
        talk.backends("12CZ");
        if talk.session.at_boundary() == Boundary::Unsettled {
            talk.holds(&[]);
        }
        assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Setting), "{text}");
        assert_ne!(talk.reset_plan(), ResetPlan::Clean, "{text}");
    }
}

#[test]
fn more_than_can_be_followed_pins_until_it_is_reset() {
    let mut talk = Talk::attached();
    for n in 0..=MAX_SETTINGS {
        talk.ran(&format!("set app.n{n} = ''"));
    }
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Setting));
    talk.ran("reset all");
    talk.answered(&[]);
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
    for rows in [None, Some(vec![row(&[Some("app.x"), Some(&"x".repeat(MAX_BYTES))])])] {
        talk.ran("set app.x = ''");
        talk.session
            .answered(rows.as_deref().unwrap_or_default(), rows.is_none(), talk.server.as_mut().unwrap())
            .unwrap();
        assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Setting));
        assert_eq!(talk.reset_plan(), ResetPlan::Narrow("RESET ALL"));
        talk.ran("discard all");
        assert_eq!(talk.session.at_boundary(), Boundary::Release);
    }
}

#[test]
fn answer_that_makes_no_sense_is_noticed() {
    let mut talk = Talk::attached();
    talk.ran("set jit = off");
    for body in [b"\0\x01".to_vec(), row(&[None, None]), row(&[])] {
        let answered = talk.session.answered(&[body], false, talk.server.as_mut().unwrap());
        assert_eq!(answered, Err(Unreadable));
    }
    assert_eq!(talk.session.at_boundary(), Boundary::Unsettled);
}

#[test]
fn session_does_not_outlive_a_server_that_did_not_say_what_is_set() {
    let lost = Refusal::error(SqlState::CONNECTION_FAILURE, "");
    let mut talk = Talk::attached();
    talk.ran("set jit = off");
    assert!(!talk.session.server_lost(&lost));
    talk.answered(&[("jit", "off")]);
    assert!(talk.session.server_lost(&lost));
}

#[test]
fn names_cannot_leave_their_literals() {
    let mut talk = Talk::attached();
    talk.ran(r#"set "a.b'x\" = ''"#);
    let question = talk.session.question(true).unwrap();
    assert!(question.contains(r"ARRAY[ E'a.b''x\\']"), "{question}");
}

#[test]
fn names_that_code_sets_are_asked_for_once_and_then_followed() {
    let mut talk = Talk::attached();
    talk.session.commons.forget_code();
    talk.ran("insert into t values (1)");
    assert_eq!(talk.session.at_boundary(), Boundary::Unsettled, "a trigger may have set something");
    let question = talk.session.question(false).unwrap();
    assert!(question.contains("pg_proc") && question.contains("'tenant_a'"), "{question}");
    talk.answered(&[("code:t", "set_config('app.user', new.owner, false")]);
    let question = talk.session.question(false).unwrap();
    assert!(question.contains("'app.user'") && !question.contains("pg_proc"), "{question}");
    talk.answered(&[("app.user", "ann")]);
    assert_eq!(talk.session.settings().get("app.user"), Some("ann"));
    assert_eq!(talk.session.question(false), None);
    talk.ran("insert into t values (1)");
    assert!(talk.session.question(false).unwrap().contains("'app.user'"));
    talk.answered(&[("app.user", "bob")]);
    talk.ran("create function f() returns int language sql as 'select 1'");
    talk.ran("insert into t values (1)");
    assert!(talk.session.question(false).unwrap().contains("pg_proc"), "the schema has changed");
}

#[test]
fn code_that_computes_the_names_it_sets_pins_who_calls_it() {
    let mut talk = Talk::attached();
    talk.session.commons.forget_code();
    talk.ran("select my_function()");
    talk.answered(&[("code:", "set_config(k, v, false"), ("code:", "set_config('app.a', v, false")]);
    assert_eq!(talk.session.pinned(), Some(PinReason::Setting));
    let mut talk = Talk::attached();
    talk.session.commons.learn_code(Arc::default());
    talk.ran("do $$ begin execute 'set ' || 'app.x = 1'; end $$");
    assert_eq!(talk.session.pinned(), Some(PinReason::Setting));
}

#[test]
fn what_triggers_and_views_leave_counts_where_they_may_have_run() {
    let computed = ("set_config(k, v, false", true);
    let lock = ("", false);
    for (row, sql, counts) in [
        ("code:", "insert into t values (1)", false),
        ("code:t", "insert into t values (1)", true),
        ("code:r", "insert into t values (1)", true),
        ("code:t", "select a from t", false),
        ("code:r", "select a from t", true),
        ("code:r", "select 1", false),
    ] {
        for (piece, pins) in [computed, lock] {
            let mut talk = Talk::attached();
            talk.session.commons.forget_code();
            talk.ran(sql);
            if talk.session.question(false).is_some() {
                talk.answered(&[(row, piece)]);
            }
            let pinned = talk.session.pinned() == Some(PinReason::Setting);
            assert_eq!(pinned, counts && pins, "{row} {piece} {sql}");
            let asks =
                talk.session.question(false).is_some_and(|question| question.contains("pg_lock_status"));
            assert_eq!(asks, counts && !pins, "{row} {piece} {sql}");
            assert_eq!(talk.reset_plan() == ResetPlan::Discard, counts, "{row} {piece} {sql}");
        }
    }
}

#[test]
fn who_only_reads_asks_what_code_leaves_once() {
    let mut talk = Talk::attached();
    talk.session.commons.forget_code();
    talk.ran("select a from t");
    talk.answered(&[]);
    talk.session.commons.doubt_code();
    talk.ran("select a from t");
    assert_eq!(talk.session.question(false), None);
    talk.ran("update t set a = 1");
    assert!(talk.session.question(false).unwrap().contains("pg_proc"), "it may have changed since");
}

#[test]
fn setting_that_is_empty_since_somebody_used_it_is_not_taken_for_one_that_code_set() {
    let mut talk = Talk::attached();
    talk.session.commons.forget_code();
    talk.ran("select my_function()");
    talk.answered(&[("code:", "set_config('app.user', v, false")]);
    talk.answered(&[("app.user", "")]);
    assert!(talk.session.settings().is_empty());
    talk.ran("select my_function()");
    talk.answered(&[("app.user", "ann")]);
    talk.ran("select my_function()");
    talk.answered(&[("app.user", "")]);
    assert_eq!(talk.session.settings().get("app.user"), Some(""), "it was put out");
}

#[test]
fn setting_made_beside_an_insert_is_asked_for_before_the_connection_kept_for_the_sequence_can_go() {
    let mut talk = Talk::attached();
    talk.ran("set app.me = '1'; insert into t values (1)");
    assert_eq!(talk.session.at_boundary(), Boundary::Unsettled);
    talk.answered(&[("app.me", "1")]);
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Sequence));
    assert_eq!(talk.session.settings().get("app.me"), Some("1"));
}
