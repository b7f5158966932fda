//! What a client is told of its settings where those of its startup packet are brought with each transaction.

use super::*;

impl Talk {
    /// Of a tenant of level `shared`, with a setting in its startup packet.
    fn bringing() -> Self {
        let mut talk = Self::shared();
        let mut start = Settings::default();
        start.set("datestyle", "sql, dmy");
        talk.session = Session::new(talk.session.scope().clone(), Arc::new(start), commons());
        let mut reported = Settings::default();
        reported.set("DateStyle", "SQL, DMY");
        talk.session.told_at_login(Arc::new(reported));
        let server = talk.server.as_mut().unwrap();
        server.parameters = vec![("DateStyle".into(), "ISO, MDY".into()), ("TimeZone".into(), "UTC".into())];
        talk
    }

    /// What is reported is told as the server does: at the end, and what differs from what it told last.
    fn answers(&mut self, reports: &[&str], status: u8) -> String {
        let mut got = String::new();
        for value in reports {
            got.push_str(&self.backend(b'S', format!("DateStyle\0{value}\0").as_bytes()));
        }
        got + &self.backend(b'Z', &[status])
    }

    fn sends(&mut self, text: &str) {
        let ahead = self.client(&query(text));
        if ahead.starts_with("(ahead") {
            self.client(&query(text));
            self.backends(&"12C".repeat(ahead.matches("Parse").count()));
        }
        self.backends("C");
    }

    /// Settles, and returns what the client is told before it may go on.
    fn settled(&mut self, set: &[(&str, &str)]) -> String {
        self.answered(set);
        let server = self.server.as_mut().unwrap();
        let before = server.parameters.clone();
        self.session.settings_restored(&before, server);
        self.session.release_ready();
        let mut replies = Vec::new();
        self.session.take_replies(&mut replies);
        let told = |frame: &[u8]| match view::parameter_status(&frame[HEAD_BYTES..]) {
            Some((name, value)) if frame[0] == b'S' => format!("<{name}={value}>"),
            _ => format!("<{}>", frame[0] as char),
        };
        frames(&replies).into_iter().map(told).collect()
    }
}

#[test]
fn setting_that_is_brought_and_set_back_to_what_the_connection_has_is_told() {
    let mut talk = Talk::bringing();
    talk.sends("set datestyle = 'ISO, MDY'");
    // It was changed to and fro, of which the server says nothing.
    assert_eq!(talk.answers(&[], b'I'), "");
    assert_eq!(talk.settled(&[("datestyle", "ISO, MDY")]), "<DateStyle=ISO, MDY><Z>");
}

#[test]
fn setting_that_is_brought_is_told_where_a_block_has_another_and_when_it_ends() {
    for (reported, told) in [(&["German, DMY"][..], "German, DMY"), (&[], "ISO, MDY")] {
        let mut talk = Talk::bringing();
        talk.sends("begin");
        assert_eq!(talk.answers(&[], b'T'), "[Z]");
        talk.sends(&format!("set local datestyle = '{told}'"));
        assert_eq!(talk.answers(reported, b'T'), "<S><Z>", "{told}");
        talk.sends("commit");
        assert_eq!(talk.answers(&["ISO, MDY"], b'I'), "");
        assert!(talk.session.channels.is_held());
        let server = talk.server.as_ref().unwrap();
        assert!(talk.session.tell_parameters(server));
        assert_eq!(talk.with_replies(String::new()), "<S>", "{told}");
    }
}

#[test]
fn setting_that_is_brought_is_told_of_in_no_transaction_that_leaves_it_alone() {
    let mut talk = Talk::bringing();
    for _ in 0..2 {
        talk.sends("begin");
        assert_eq!(talk.answers(&[], b'T'), "[Z]");
        talk.sends("select a from t");
        assert_eq!(talk.answers(&["SQL, DMY"], b'T'), "[Z]");
        talk.sends("select a from nowhere");
        assert_eq!(talk.answers(&["ISO, MDY"], b'E'), "[Z]");
        talk.sends("rollback");
        assert_eq!(talk.answers(&[], b'I'), "[Z]");
        assert_eq!(talk.session.at_boundary(), Boundary::Release);
    }
}

#[test]
fn client_that_goes_back_to_its_startup_packet_is_told_that_and_not_what_the_connection_has() {
    for undo in ["reset all", "discard all"] {
        let mut talk = Talk::bringing();
        talk.sends("set datestyle = 'German'");
        talk.answers(&["German, DMY"], b'I');
        assert_eq!(talk.settled(&[("datestyle", "German, DMY")]), "<DateStyle=German, DMY><Z>");
        talk.sends(undo);
        assert_eq!(talk.answers(&["ISO, MDY"], b'I'), "");
        assert_eq!(talk.settled(&[]), "<DateStyle=SQL, DMY><Z>", "{undo}");
    }
}
