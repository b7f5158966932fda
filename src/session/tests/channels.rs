//! What a client listens to, from one server connection to the next.

use super::*;

/// A DataRow body of one value.
fn row(value: &str) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    [&[0, 1][..], &length, value.as_bytes()].concat()
}

impl Talk {
    /// Sends a text that the hub has to be asked about first, if it must.
    fn says(&mut self, text: &str) -> String {
        let frame = query(text);
        match self.client(&frame).as_str() {
            "(asks the hub)" => {
                self.session.take_wanted().expect("what is wanted");
                self.session.hub_answered(Ok(()));
                self.client(&frame)
            }
            other => other.to_owned(),
        }
    }

    /// The transaction ends; the server listens to these.
    fn ends(&mut self, listening: &[&str]) {
        assert_eq!(self.backends("CZ"), "[C]", "the client does not know yet");
        assert_eq!(self.session.at_boundary(), Boundary::Unsettled);
        let names: Vec<_> =
            listening.iter().map(|channel| row(&self.session.scope().channels.name(channel))).collect();
        assert!(self.session.channels_question(false).unwrap().contains("pg_listening_channels"));
        self.session.channels_answered(&names, self.server.as_mut().unwrap()).unwrap();
        assert!(self.session.release_ready());
        assert_eq!(self.with_replies(String::new()), "<Z>");
        assert_eq!(self.session.at_boundary(), Boundary::Release);
    }

    fn hears(&self) -> Vec<&str> {
        self.session.listens_to().iter().map(AsRef::as_ref).collect()
    }

    fn listening(channels: &[&str]) -> Self {
        let mut talk = Self::attached();
        let texts: Vec<_> = channels.iter().map(|channel| format!("listen {channel}")).collect();
        talk.says(&texts.join(";"));
        talk.ends(channels);
        talk
    }
}

#[test]
fn listen_asks_the_hub_and_then_the_server_before_the_client_may_go_on() {
    let mut talk = Talk::attached();
    assert_eq!(talk.client(&query("listen x")), "(asks the hub)");
    assert_eq!(talk.client(&query("listen x")), "(asks the hub)");
    talk.session.hub_answered(Ok(()));
    assert!(talk.client(&query("listen x")).contains(":x"));
    assert_eq!(talk.client(&query("select 1")), "(waits)");
    talk.ends(&["x"]);
    assert_eq!(talk.hears(), ["x"]);
    assert_eq!(talk.reset_plan(), ResetPlan::Clean);
}

#[test]
fn refusal_of_the_hub_is_answered_in_the_place_of_the_statement() {
    let mut talk = Talk::attached();
    talk.client(&query("listen x"));
    talk.session.hub_answered(Err(Refusal::error(SqlState::CONFIGURATION_LIMIT_EXCEEDED, "too many")));
    assert_eq!(talk.client(&query("listen x")), "<E 53400><Z>");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
    assert!(talk.hears().is_empty());
}

#[test]
fn reset_strings_cost_nothing_for_who_does_not_listen() {
    let mut talk = Talk::attached();
    talk.client(&query("UNLISTEN *; RESET ALL"));
    talk.backends("CCZ");
    assert_eq!(talk.session.channels_question(false), None);
}

#[test]
fn rolled_back_names_and_those_of_functions_are_not_the_client_s() {
    let mut talk = Talk::listening(&["a"]);
    let text = "begin; listen b; rollback; listen c";
    assert_eq!(talk.client(&query(text)), "(restores)");
    assert!(talk.session.channels_sql().contains(":a\""));
    let Talk { session, server, .. } = &mut talk;
    session.channels_restored(server.as_mut().unwrap());
    talk.says(text);
    talk.ends(&["a", "c", "of a function"]);
    assert_eq!(talk.hears(), ["a", "c"]);
}

#[test]
fn connection_listens_before_what_may_unlisten_and_not_before_anything_else() {
    let mut talk = Talk::listening(&["a"]);
    for text in ["unlisten a", "UNLISTEN *", "begin", "listen b"] {
        assert_eq!(talk.client(&query(text)), "(restores)", "{text}");
        talk.session.refuse_without_server(Refusal::protocol("x"), b'Q');
        talk.with_replies(String::new());
    }
    assert_eq!(talk.client(&parse("", "select 1")), "(restores)");
    assert_ne!(talk.client(&query("select 1")), "(restores)");
    assert_eq!(talk.client(&query("begin")), "(waits)", "until that is answered");
    talk.backends("CZ");
    assert_eq!(talk.client(&query("begin")), "(restores)");
    let Talk { session, server, .. } = &mut talk;
    session.channels_restored(server.as_mut().unwrap());
    assert_eq!(talk.reset_plan(), ResetPlan::Narrow("UNLISTEN *"));
    assert_ne!(talk.client(&query("begin")), "(restores)");
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    talk.client(&query("unlisten a"));
    assert_eq!(talk.client(&query("commit")), "(waits)");
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    talk.client(&query("commit"));
    talk.ends(&[]);
    assert!(talk.hears().is_empty());
}

#[test]
fn lost_server_ends_the_client_where_it_is_not_known_what_it_listens_to() {
    let mut talk = Talk::attached();
    talk.says("listen x");
    assert!(!talk.session.server_lost(&Refusal::error(SqlState::CONNECTION_FAILURE, "gone")));
    let mut talk = Talk::listening(&["x"]);
    assert!(talk.session.server_lost(&Refusal::error(SqlState::CONNECTION_FAILURE, "gone")));
    assert_eq!(talk.hears(), ["x"]);
}

#[test]
fn who_listens_and_notifies_is_kept_waiting_and_who_only_notifies_is_not() {
    let mut talk = Talk::attached();
    talk.says("notify x");
    assert_eq!(talk.backends("CZ"), "[C][Z]");
    assert!(talk.server.as_ref().unwrap().notified);
    let mut talk = Talk::listening(&["x"]);
    talk.says("notify x");
    assert_eq!(talk.backends("CZ"), "[C]");
    assert!(talk.session.has_notified() && talk.session.release_ready());
    assert_eq!(talk.with_replies(String::new()), "<Z>");
}

#[test]
fn discard_all_ends_it() {
    let mut talk = Talk::listening(&["x"]);
    talk.client(&query("DISCARD ALL"));
    talk.ends(&[]);
    assert!(talk.hears().is_empty());
}
