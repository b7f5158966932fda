//! Prepared statements whose columns change under them.

use super::role::TAKES;
use super::*;

/// What PostgreSQL says of a statement whose result has other columns than when it was prepared.
const STALE: &[u8] =
    b"SERROR\0VERROR\0C0A000\0Mcached plan must not change result type\0RRevalidateCachedQuery\0\0";

/// A RowDescription body of one column of type int4 with this name, of a table with this number.
fn columns(name: &str, table: u8) -> Vec<u8> {
    [&b"\0\x01"[..], name.as_bytes(), &[0, 0, 0, 0, table, 0, 1, 0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 0]]
        .concat()
}

fn describe(target: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'D'];
    frame.extend_from_slice(&u32::try_from(target.len() + 5).unwrap().to_be_bytes());
    frame.extend_from_slice(target);
    frame.push(0);
    frame
}

fn describe_portal() -> Vec<u8> {
    describe(b"P")
}

impl Talk {
    /// A client that prepared `s1`, was told its columns, and whose messages can go again.
    fn with_statement() -> Self {
        let mut talk = Self::attached();
        talk.prepare();
        talk
    }

    fn prepare(&mut self) {
        self.client(&parse("s1", "select * from t"));
        self.client(&describe(b"Ss1"));
        self.client(SYNC);
        self.backends("1t");
        assert_eq!(self.backend(b'T', &columns("a", 1)), "[T]");
        self.backends("Z");
        self.session.note_kept(true);
    }

    /// Another client of the same tenant, on a server connection of its own.
    fn colleague(&self) -> Self {
        let mut talk = Self::attached();
        talk.session =
            Session::new(talk.session.scope().clone(), Arc::default(), Arc::clone(&self.session.commons));
        talk
    }

    /// Bind with what is behind it in the buffer.
    fn bind_before(&mut self, next: &[u8]) -> String {
        self.client(&[&bind("s1")[..], next].concat())
    }
}

#[test]
fn batch_that_asks_for_its_columns_goes_again_behind_the_statement_anew() {
    let mut talk = Talk::with_statement();
    assert_eq!(talk.client(&bind("s1")), "Bind pgtenant_1");
    for frame in [describe_portal(), execute()] {
        talk.client(&frame);
    }
    talk.client(SYNC);
    assert_eq!(talk.backend(b'E', STALE), "");
    assert_eq!(talk.backend(b'Z', b"I"), "Replay");
    assert_eq!(trace(talk.session.front()), "C pgtenant_1, Parse pgtenant_1 \"select * from t\"");
    assert_eq!(talk.backends("312TDCZ"), "[2][T][D][C][Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn batch_that_goes_again_on_a_shared_connection_takes_the_role_again() {
    let mut talk = Talk::shared();
    for frame in [parse("s1", "select * from t"), parse("s1", "select * from t"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backends("12C12C1Z");
    talk.session.note_kept(true);
    assert_eq!(talk.client(&bind("s1")), TAKES);
    for frame in [bind("s1"), describe_portal(), execute(), SYNC.to_vec()] {
        talk.client(&frame);
    }
    assert_eq!(talk.backends("12C12C"), "");
    assert_eq!(talk.backend(b'E', STALE), "");
    assert_eq!(talk.backend(b'Z', b"I"), "Replay");
    let front = trace(talk.session.front());
    assert!(front.ends_with("Bind , E, C pgtenant_1, Parse pgtenant_1 \"select * from t\""), "{front}");
    assert!(format!("(ahead: {front}").starts_with(TAKES.trim_end_matches(')')), "{front}");
    // What comes behind is in a transaction of its own.
    assert_eq!(talk.client(&parse("", "select 1")), TAKES);
    assert_eq!(talk.backends("12C12C312TDCZ"), "[2][T][D][C][Z]");
}

#[test]
fn batch_that_relies_on_columns_told_before_gets_the_error_and_its_next_use_is_looked_at() {
    let mut talk = Talk::with_statement();
    talk.client(&bind("s1"));
    talk.client(&execute());
    talk.client(SYNC);
    assert_eq!(talk.backend(b'E', STALE), "[E]");
    talk.backends("Z");
    // Prepared anew, it returns other columns than the client was told, or not.
    let ahead = "(ahead: C pgtenant_1, Parse pgtenant_1 \"select * from t\", D pgtenant_1, H)";
    assert_eq!(talk.client(&bind("s1")), ahead);
}

#[test]
fn nothing_goes_again_in_a_transaction_block_or_behind_an_answer_or_before_more() {
    let stale_bind = |talk: &mut Talk| {
        talk.client(&bind("s1"));
        talk.client(&describe_portal());
        talk.client(&execute());
        talk.client(SYNC);
    };
    let mut talk = Talk::with_statement();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    stale_bind(&mut talk);
    assert_eq!(talk.backend(b'E', STALE), "[E]");

    let mut talk = Talk::with_statement();
    talk.client(&parse("", "select 1"));
    stale_bind(&mut talk);
    assert_eq!(talk.backends("1"), "[1]");
    assert_eq!(talk.backend(b'E', STALE), "[E]");

    let mut talk = Talk::with_statement();
    stale_bind(&mut talk);
    stale_bind(&mut talk);
    assert_eq!(talk.backend(b'E', STALE), "[E]");

    let mut talk = Talk::with_statement();
    talk.session.note_kept(false);
    stale_bind(&mut talk);
    assert_eq!(talk.backend(b'E', STALE), "[E]");
}

#[test]
fn what_comes_behind_a_batch_that_goes_again_waits_for_it() {
    let mut talk = Talk::with_statement();
    talk.client(&bind("s1"));
    talk.client(&describe_portal());
    talk.client(&execute());
    talk.client(SYNC);
    talk.backend(b'E', STALE);
    assert_eq!(talk.client(&query("select 1")), "(waits)");
    assert_eq!(talk.backend(b'Z', b"I"), "Replay");
    assert_eq!(talk.client(&query("select 1")), "Query \"select 1\"");
    assert_eq!(talk.backends("312TDCZCZ"), "[2][T][D][C][Z][C][Z]");
}

#[test]
fn batch_whose_bytes_are_gone_when_it_would_go_again_gets_the_error_then() {
    let mut talk = Talk::with_statement();
    talk.client(&bind("s1"));
    talk.client(&describe_portal());
    talk.client(&execute());
    talk.client(SYNC);
    assert_eq!(talk.backend(b'E', STALE), "");
    talk.session.note_kept(false);
    assert_eq!(talk.backend(b'Z', b"I"), "<E 0A000><Z>");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn batch_in_which_the_proxy_sent_something_of_its_own_does_not_go_again() {
    let mut talk = Talk::with_statement();
    talk.server.as_mut().unwrap().sequences_of = u64::MAX;
    talk.client(&parse("s2", "select lastval()"));
    talk.client(SYNC);
    talk.backends("1Z");
    talk.client(&bind("s2"));
    talk.client(&describe_portal());
    talk.client(&execute());
    talk.client(SYNC);
    talk.backends("12C3");
    assert_eq!(talk.backend(b'E', STALE), "[E]");
}

#[test]
fn server_lost_between_error_and_replay_owes_the_batch_its_end() {
    let mut talk = Talk::with_statement();
    talk.client(&bind("s1"));
    talk.client(&describe_portal());
    talk.client(&execute());
    talk.client(SYNC);
    talk.backend(b'E', STALE);
    assert!(talk.session.server_lost(&Refusal::error(SqlState::CONNECTION_FAILURE, "gone")));
    assert_eq!(talk.with_replies(String::new()), "<E 08006><Z>");
}

#[test]
fn statement_is_described_before_it_runs_where_it_was_not_prepared() {
    for (now, runs) in [(columns("a", 2), true), (columns("b", 2), false)] {
        let mut talk = Talk::with_statement();
        talk.server = Some(ServerState::default());
        let ahead = "(ahead: Parse pgtenant_1 \"select * from t\", D pgtenant_1, H)";
        assert_eq!(talk.bind_before(b"E"), ahead);
        assert_eq!(talk.client(&bind("s1")), "(waits)");
        assert_eq!(talk.backends("1t"), "");
        assert_eq!(talk.backend(b'T', &now), "");
        if runs {
            assert_eq!(talk.client(&bind("s1")), "Bind pgtenant_1");
        } else {
            let refused = talk.client(&bind("s1"));
            assert!(refused.contains("0A000") || refused.contains("pgtenant_refused"), "{refused}");
        }
    }
}

#[test]
fn columns_that_a_client_learned_of_a_portal_count_like_those_of_the_statement() {
    let mut talk = Talk::attached();
    for frame in [parse("s1", "select * from t"), bind("s1"), describe_portal(), execute(), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backends("12");
    assert_eq!(talk.backend(b'T', &columns("a", 1)), "[T]");
    talk.backends("DCZ");
    talk.server = Some(ServerState::default());
    let ahead = "(ahead: Parse pgtenant_1 \"select * from t\", D pgtenant_1, H)";
    assert_eq!(talk.bind_before(b"E"), ahead);
    assert_eq!(talk.backends("1t"), "");
    assert_eq!(talk.backend(b'T', &columns("b", 2)), "");
    let refused = talk.client(&bind("s1"));
    assert!(refused.contains("0A000") || refused.contains("pgtenant_refused"), "{refused}");
}

#[test]
fn client_that_asks_for_columns_is_not_kept_waiting_for_them() {
    let mut talk = Talk::with_statement();
    talk.server = Some(ServerState::default());
    let sent = talk.bind_before(&describe_portal());
    assert!(sent.starts_with("Parse pgtenant_1"), "{sent}");
}

#[test]
fn clients_that_read_constants_in_different_ways_share_no_statement() {
    let mut talk = Talk::with_statement();
    let mut other = talk.colleague();
    other.server = talk.server.take();
    other.client(&query("set timezone = 'Asia/Tokyo'"));
    other.backends("CZ");
    // Not yet asked what is in force.
    assert_eq!(other.client(&parse("x", "select * from t")), "Parse pgtenant_2 \"select * from t\"");
}
