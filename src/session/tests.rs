//! Conversations of one client, without a socket: what it sends, what a server would get, what it is
//! told by the proxy itself.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::config;
use crate::guard::Guard;
use crate::session::residue::ResetPlan;
use crate::session::statements::MAX_ON_SERVER;
use crate::tenant::{Ident, Level, TenantId};
use crate::wire::frame::{FrameHead, HEAD_BYTES};
use crate::wire::{view, write};

mod channels;
mod healing;
mod role;
mod tracking;
mod undecided;

/// A client and whatever server connection it holds.
struct Talk {
    session: Session,
    server: Option<ServerState>,
    guard: Guard,
}

/// Of a tenant whose code is known to set nothing.
fn commons() -> Arc<Commons> {
    let commons = Arc::<Commons>::default();
    commons.learn_code(Arc::default());
    commons
}

impl Talk {
    /// With a server, and a guard that only reports.
    fn reporting() -> Self {
        let mut talk = Self::attached();
        talk.guard = Guard::new(&limits(config::GuardMode::Report));
        talk
    }

    /// Of a tenant of level `shared`, with a guard that has another text sent for [`DO`].
    fn rewriting(server: Option<ServerState>) -> Self {
        let mut talk = Self::detached();
        let scope = Scope { level: Level::Shared, hardened: true, ..talk.session.scope().clone() };
        talk.session = Session::new(scope, Arc::default(), commons());
        talk.guard.learn_rewritten(DO, CALL);
        talk.server = server;
        talk
    }

    /// What a return of the server connection would take.
    fn reset_plan(&self) -> ResetPlan {
        self.server.as_ref().unwrap().residue.plan(config::ResetPolicy::OnNeed)
    }

    fn detached() -> Self {
        let scope = Scope {
            tenant: TenantId(Uuid::from_u128(1)),
            schema: Ident::parse("tenant_a").unwrap(),
            role: Ident::parse("tenant_a").unwrap(),
            channels: crate::tenant::ChannelPrefix::new(&[0xab; 32]),
            public_is_own: false,
            shared_schemas: Arc::new([]),
            extra_functions: Arc::new([]),
            extra_settings: Arc::new([]),
            level: Level::Dedicated,
            hardened: false,
        };
        Self {
            session: Session::new(scope, Arc::default(), commons()),
            server: None,
            guard: Guard::new(&limits(config::GuardMode::Enforce)),
        }
    }

    fn attached() -> Self {
        Self { server: Some(ServerState::default()), ..Self::detached() }
    }

    /// Sends one frame; returns what goes to the server and what the client is told at once.
    fn client(&mut self, frame: &[u8]) -> String {
        let head = FrameHead::parse(frame).unwrap().unwrap();
        let step = self.session.on_frontend(head, frame, self.server.as_mut(), &self.guard);
        let sent = match step {
            Step::Forward(_) => trace(frame),
            Step::Rewrite { consumed, .. } => trace(&[self.session.front(), &frame[consumed..]].concat()),
            Step::Substitute(_) => trace(self.session.front()),
            Step::Ahead(_) => format!("(ahead: {})", trace(self.session.front())),
            Step::Drop => String::new(),
            Step::NeedServer => "(needs a server)".into(),
            Step::Wait => "(waits)".into(),
            Step::Restore => "(restores)".into(),
            Step::TakeRole => "(takes the role)".into(),
            Step::Hub => "(asks the hub)".into(),
            Step::NeedMore(_) => "(needs more)".into(),
            Step::Terminate => "(leaves)".into(),
            Step::Fail(refusal) => format!("(fails: {})", crate::error::Report::client_message(&refusal)),
        };
        self.with_replies(sent)
    }

    /// A backend message; returns what the client gets.
    fn backend(&mut self, tag: u8, body: &[u8]) -> String {
        self.session.settle();
        let mut got = self.with_replies(String::new());
        let server = self.server.as_mut().unwrap();
        match self.session.on_backend(tag, body, server) {
            Relay::Forward => got.push_str(&format!("[{}]", tag as char)),
            Relay::Swallow | Relay::Replace => {}
            other => got.push_str(&format!("{other:?}")),
        }
        self.session.settle();
        self.with_replies(got)
    }

    /// Backend messages with empty bodies, and `Z` with status I.
    fn backends(&mut self, tags: &str) -> String {
        tags.bytes().map(|tag| self.backend(tag, if tag == b'Z' { b"I" } else { b"" })).collect()
    }

    fn with_replies(&mut self, mut text: String) -> String {
        let mut replies = Vec::new();
        self.session.take_replies(&mut replies);
        for frame in frames(&replies) {
            let code = view::error_field(&frame[HEAD_BYTES..], b'C').map(String::from_utf8_lossy);
            match (frame[0], code) {
                (b'E', Some(code)) => text.push_str(&format!("<E {code}>")),
                (tag, _) => text.push_str(&format!("<{}>", tag as char)),
            }
        }
        text
    }
}

fn limits(mode: config::GuardMode) -> config::Guard {
    config::Guard {
        mode,
        public_schema: config::PublicSchema::Refuse,
        extra_schemas: vec![],
        extra_functions: vec![],
        extra_settings: vec![],
        max_statement_bytes: 1000,
        cache_bytes: 1 << 16,
    }
}

fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let Some(head) = FrameHead::parse(bytes).unwrap() {
        let (frame, rest) = bytes.split_at(head.total);
        frames.push(frame);
        bytes = rest;
    }
    frames
}

/// `Parse pgtenant_1 "select 1", Bind pgtenant_1`, and so on.
fn trace(bytes: &[u8]) -> String {
    let one = |frame: &[u8]| {
        let body = &frame[HEAD_BYTES..];
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match frame[0] {
            b'Q' => format!("Query {:?}", text(view::query(body).unwrap())),
            b'P' => {
                let parse = view::Parse::read(body).unwrap();
                format!("Parse {} {:?}", text(parse.name), text(parse.text))
            }
            b'B' => format!("Bind {}", text(view::BindNames::read(body).unwrap().statement)),
            b'C' | b'D' => match view::target(body).unwrap() {
                view::Target::Statement(name) => format!("{} {}", frame[0] as char, text(name)),
                view::Target::Portal(_) => (frame[0] as char).to_string(),
            },
            tag => (tag as char).to_string(),
        }
    };
    frames(bytes).into_iter().map(one).collect::<Vec<_>>().join(", ")
}

fn query(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::query(&mut out, text);
    out
}

fn parse(name: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::parse(&mut out, name.as_bytes(), &[text.as_bytes(), &[0, 0, 0]].concat());
    out
}

fn bind(statement: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::bind_front(&mut out, b"", statement.as_bytes(), 6);
    out.extend_from_slice(&[0; 6]);
    out
}

fn execute() -> Vec<u8> {
    vec![b'E', 0, 0, 0, 9, 0, 0, 0, 0, 0]
}

fn close(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::close_statement(&mut out, name.as_bytes());
    out
}

const SYNC: &[u8] = &[b'S', 0, 0, 0, 4];

#[test]
fn query_needs_a_server_and_is_then_passed_on_as_it_is() {
    let mut talk = Talk::detached();
    assert_eq!(talk.client(&query("select 1")), "(needs a server)");
    talk.server = Some(ServerState::default());
    assert_eq!(talk.client(&query("select 1")), "Query \"select 1\"");
    assert_eq!(talk.backends("TDC"), "[T][D][C]");
    assert_eq!(talk.session.at_boundary(), Boundary::Busy);
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn refused_query_outside_a_transaction_is_answered_without_a_server() {
    assert_eq!(Talk::detached().client(&query("select * from tenant_b.t")), "<E 42501><Z>");
}

#[test]
fn refused_query_in_a_transaction_fails_on_the_server_too() {
    let mut talk = Talk::attached();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    assert_eq!(talk.client(&query("select * from tenant_b.t")), "Query \"pgtenant refused this statement\"");
    // The server's own error is replaced; its ReadyForQuery says that the transaction is aborted.
    assert_eq!(talk.backend(b'E', b"SERROR\0C42601\0\0"), "<E 42501>");
    assert_eq!(talk.backend(b'Z', b"E"), "[Z]");
    assert!(talk.session.in_transaction());
}

/// As in PostgreSQL, where PREPARE TRANSACTION ends the block also when it fails.
#[test]
fn refused_prepare_transaction_ends_the_block() {
    let mut talk = Talk::attached();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    assert_eq!(
        talk.client(&query("prepare transaction 'x'")),
        "Query \"ROLLBACK\", Query \"pgtenant refused this statement\""
    );
    assert_eq!(talk.backends("CZ"), "");
    assert_eq!(talk.backend(b'E', b"SERROR\0C42601\0\0"), "<E 0A000>");
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn refused_prepare_transaction_ends_the_block_within_its_batch_too() {
    let mut talk = Talk::attached();
    for frame in [parse("", "begin"), bind(""), execute()] {
        talk.client(&frame);
    }
    assert_eq!(
        talk.client(&parse("", "prepare transaction 'x'")),
        "Parse pgtenant_first \"ROLLBACK\", Bind pgtenant_first, E, C pgtenant_first, \
         Parse pgtenant_refused \"pgtenant refused this statement\""
    );
    for frame in [bind(""), execute(), SYNC.to_vec()] {
        talk.client(&frame);
    }
    assert_eq!(talk.backends("12C"), "[1][2][C]");
    assert_eq!(talk.backends("12C3"), "");
    assert_eq!(talk.backend(b'E', b"SERROR\0C42601\0\0"), "<E 0A000>");
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.client(&bind("")), "<E 26000>");
}

#[test]
fn refused_commit_of_a_prepared_transaction_leaves_the_block_open() {
    let mut talk = Talk::attached();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    assert_eq!(talk.client(&query("commit prepared 'x'")), "Query \"pgtenant refused this statement\"");
}

#[test]
fn refused_parse_is_answered_and_everything_up_to_sync_is_skipped() {
    let mut talk = Talk::detached();
    assert_eq!(talk.client(&parse("", "select * from tenant_b.t")), "<E 42501>");
    assert_eq!(talk.client(&bind("")), "");
    assert_eq!(talk.client(&query("select 1")), "");
    assert_eq!(talk.client(SYNC), "<Z>");
    assert_eq!(talk.client(&query("select 1")), "(needs a server)");
}

#[test]
fn refused_parse_behind_allowed_requests_is_answered_in_its_turn() {
    let mut talk = Talk::attached();
    for frame in [parse("", "select 1"), bind(""), execute()] {
        talk.client(&frame);
    }
    assert_eq!(
        talk.client(&parse("", "select * from tenant_b.t")),
        "Parse pgtenant_refused \"pgtenant refused this statement\""
    );
    talk.client(SYNC);
    assert_eq!(talk.backends("12DC"), "[1][2][D][C]");
    assert_eq!(talk.backend(b'E', b"SERROR\0C42601\0\0"), "<E 42501>");
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn overlong_statement_is_refused_by_its_head_and_the_session_goes_on() {
    let mut talk = Talk::detached();
    let frame = query(&"x".repeat(300 << 10));
    assert_eq!(talk.client(&frame), "<E 54000><Z>");
    assert_eq!(talk.client(&query("select 1")), "(needs a server)");
}

#[test]
fn syntax_error_says_where_as_a_server_does() {
    let mut talk = Talk::detached();
    let frame = query("select 'ä' frm t");
    let head = FrameHead::parse(&frame).unwrap().unwrap();
    talk.session.on_frontend(head, &frame, None, &talk.guard);
    let mut replies = Vec::new();
    talk.session.take_replies(&mut replies);
    let body = &frames(&replies)[0][HEAD_BYTES..];
    assert_eq!(view::error_field(body, b'M'), Some(&b"syntax error at or near \"t\""[..]));
    assert_eq!(view::error_field(body, b'P'), Some(&b"16"[..]));
}

#[test]
fn function_call_is_refused() {
    assert_eq!(Talk::detached().client(&[b'F', 0, 0, 0, 4]), "<E 0A000><Z>");
}

#[test]
fn prepared_statement_is_parsed_once_per_server_and_follows_its_client() {
    let mut talk = Talk::attached();
    assert_eq!(talk.client(&parse("s1", "select 1")), "Parse pgtenant_1 \"select 1\"");
    assert_eq!(talk.client(&bind("s1")), "Bind pgtenant_1");
    talk.client(SYNC);
    assert_eq!(talk.backends("12Z"), "[1][2][Z]");
    assert_eq!(talk.client(&bind("s1")), "Bind pgtenant_1");
    talk.client(SYNC);
    talk.backends("2Z");
    // Another server has to be told first; the client does not see that.
    talk.server = Some(ServerState::default());
    assert_eq!(talk.client(&bind("s1")), "Parse pgtenant_1 \"select 1\", Bind pgtenant_1");
    talk.client(SYNC);
    assert_eq!(talk.backends("12Z"), "[2][Z]");
}

#[test]
fn parse_of_what_the_server_knows_prepares_it_anew() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    assert_eq!(talk.client(&parse("s2", "select 1")), "C pgtenant_1, Parse pgtenant_1 \"select 1\"");
    for name in ["s1", "s2"] {
        assert_eq!(talk.client(&bind(name)), "Bind pgtenant_1");
    }
    talk.client(SYNC);
    assert_eq!(talk.backends("3122Z"), "[1][2][2][Z]");
}

#[test]
fn unnamed_statement_follows_its_client_to_another_server() {
    let mut talk = Talk::attached();
    assert_eq!(talk.client(&parse("", "select 1")), "Parse  \"select 1\"");
    talk.client(SYNC);
    talk.backends("1Z");
    talk.server = Some(ServerState::default());
    assert_eq!(talk.client(&bind("")), "Parse  \"select 1\", Bind ");
}

#[test]
fn unnamed_statement_of_another_client_is_never_bound() {
    let mut other = Talk::attached();
    other.client(&parse("", "select 'secret'"));
    other.client(SYNC);
    other.backends("1Z");
    let mut talk = Talk::detached();
    talk.server = other.server.take();
    assert_eq!(talk.client(&bind("")), "<E 26000>");
}

#[test]
fn name_that_is_unknown_or_taken_gets_the_error_a_server_would_give() {
    let mut talk = Talk::attached();
    assert_eq!(talk.client(&bind("nobody")), "<E 26000>");
    assert_eq!(talk.client(SYNC), "S");
    talk.backends("Z");
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    // The server looks at the text first, and says under which name it knows the first one.
    assert_eq!(talk.client(&parse("s1", "select 2")), "Parse pgtenant_1 \"select 2\"");
    let error = b"SERROR\0C42P05\0Mprepared statement \"pgtenant_1\" already exists\0\0";
    assert_eq!(talk.backend(b'E', error), "<E 42P05>");
}

#[test]
fn error_names_the_statement_as_the_request_did_also_when_it_lost_that_name_since() {
    let mut talk = Talk::attached();
    for name in ["a", "b", "c"] {
        talk.client(&parse(name, "select $1"));
    }
    talk.client(SYNC);
    talk.backends("13131Z");
    let error = b"SERROR\0C08P01\0M1, but prepared statement \"pgtenant_1\" requires 1\0\0";
    for (name, closes) in [("b", false), ("c", false), ("a", false), ("b", true)] {
        talk.client(&bind(name));
        talk.client(SYNC);
        if closes {
            talk.client(&close(name));
            talk.client(SYNC);
        }
        talk.session.on_backend(b'E', error, talk.server.as_mut().unwrap());
        let mut replies = Vec::new();
        talk.session.take_replies(&mut replies);
        let named = format!("1, but prepared statement \"{name}\" requires 1");
        assert_eq!(view::error_field(&replies[HEAD_BYTES..], b'M').unwrap(), named.as_bytes());
        talk.backends("Z");
    }
    assert_eq!(talk.backends("Z"), "[Z]");
}

#[test]
fn name_of_a_failed_parse_is_free_again() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select nothing_here"));
    talk.client(SYNC);
    assert_eq!(talk.backend(b'E', b"SERROR\0C42703\0\0"), "[E]");
    talk.backends("Z");
    assert_eq!(talk.client(&parse("s1", "select 1")), "Parse pgtenant_2 \"select 1\"");
}

#[test]
fn close_that_was_skipped_leaves_the_name() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    for frame in [bind("s1"), close("s1"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    assert_eq!(talk.backend(b'E', b"SERROR\0C22P02\0\0"), "[E]");
    talk.backends("Z");
    assert_eq!(talk.client(&bind("s1")), "Bind pgtenant_1");
}

#[test]
fn deallocating_by_a_simple_query_waits_for_what_is_outstanding_and_ends_the_batch() {
    let mut talk = Talk::attached();
    for frame in [parse("s1", "select 1"), bind("s1")] {
        talk.client(&frame);
    }
    assert_eq!(talk.client(&query("deallocate s1")), "(ahead: H)");
    assert_eq!(talk.client(&query("deallocate s1")), "(waits)");
    talk.backends("12");
    assert_eq!(talk.client(&query("deallocate s1")), "S");
    assert_eq!(talk.backends("Z"), "<C>[Z]");
    assert_eq!(talk.client(&bind("s1")), "<E 26000>");
}

#[test]
fn verdict_on_a_text_that_is_skipped_is_not_used_for_the_next() {
    let mut talk = Talk::attached();
    for frame in [parse("s1", "select 1"), bind("s1")] {
        talk.client(&frame);
    }
    talk.client(&query("deallocate s1"));
    talk.backends("1");
    talk.backend(b'E', b"SERROR\0C22P02\0\0");
    assert_eq!(talk.client(&query("deallocate s1")), "");
    talk.client(SYNC);
    talk.backends("Z");
    assert_eq!(talk.client(&query("select * from tenant_b.t")), "<E 42501><Z>");
}

#[test]
fn statement_prepared_by_message_can_be_deallocated_by_sql() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    assert_eq!(talk.client(&query("deallocate s1")), "<C><Z>");
    assert_eq!(talk.client(&bind("s1")), "<E 26000>");
}

#[test]
fn discard_all_forgets_every_name_and_unpins() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    talk.client(&query("create temp table t (a int)"));
    talk.backends("CZ");
    talk.holds(&[PinReason::Temporary]);
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Temporary));
    talk.client(&query("discard all"));
    talk.backends("CZ");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
    assert_eq!(talk.client(&bind("s1")), "<E 26000>");
}

#[test]
fn failed_discard_all_forgets_nothing() {
    let mut talk = Talk::attached();
    talk.client(&query("set temp_buffers = '1MB'"));
    talk.backends("CZ");
    talk.client(&query("discard all"));
    talk.backend(b'E', b"SERROR\0C25001\0\0");
    talk.backends("Z");
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Setting));
}

#[test]
fn reset_all_unpins_unless_a_rollback_can_undo_it() {
    let mut talk = Talk::attached();
    talk.client(&query("set temp_buffers = '1MB'"));
    talk.backends("CZ");
    talk.client(&query("begin; reset all"));
    talk.backends("CC");
    talk.backend(b'Z', b"T");
    talk.client(&query("rollback"));
    talk.backends("CZ");
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Setting));
    talk.client(&query("reset all"));
    talk.backends("CZ");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn reset_string_of_a_client_side_pool_unpins() {
    let mut talk = Talk::attached();
    for text in ["select pg_advisory_lock(1)", "declare c cursor with hold for select 1", "set seed = 0"] {
        talk.client(&query(text));
        talk.backends("CZ");
    }
    let both = [PinReason::AdvisoryLock, PinReason::HoldCursor];
    talk.holds(&both);
    assert!(matches!(talk.session.at_boundary(), Boundary::Pinned(_)));
    // As asyncpg does.
    talk.client(&query(RESET_STRING));
    talk.backends("TDCCCCZ");
    talk.holds(&[]);
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

const RESET_STRING: &str = "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;";

#[test]
fn reset_string_of_a_client_that_left_nothing_asks_nothing() {
    let mut talk = Talk::attached();
    talk.client(&query(RESET_STRING));
    talk.backends("TDCCCCZ");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn pin_ends_as_soon_as_the_server_says_that_the_state_is_gone() {
    for (begin, end, reason) in [
        ("create temp table t ()", "drop table t", PinReason::Temporary),
        ("prepare p as select 1", "deallocate p", PinReason::Prepare),
        ("declare c cursor with hold for select 1", "close c", PinReason::HoldCursor),
        ("select pg_advisory_lock(1)", "select pg_advisory_unlock(1)", PinReason::AdvisoryLock),
        ("create temp table t ()", "discard temp", PinReason::Temporary),
    ] {
        let mut talk = Talk::attached();
        talk.ran(begin);
        talk.holds(&[reason]);
        assert_eq!(talk.session.at_boundary(), Boundary::Pinned(reason));
        talk.ran("select 1");
        assert_eq!(talk.session.at_boundary(), Boundary::Pinned(reason), "asked again for nothing");
        talk.ran(end);
        talk.holds(&[]);
        assert_eq!(talk.session.at_boundary(), Boundary::Release, "{end}");
        assert_eq!(talk.reset_plan(), ResetPlan::Clean, "{end}");
    }
}

#[test]
fn state_that_code_left_out_of_sight_pins() {
    let mut talk = Talk::attached();
    talk.ran("select f()");
    assert!(talk.session.question(false).unwrap().contains("pg_my_temp_schema"));
    talk.holds(&[PinReason::Temporary]);
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Temporary));
    assert_eq!(talk.reset_plan(), ResetPlan::Discard, "should its client leave");
}

#[test]
fn code_that_deallocates_what_others_count_on_has_the_connection_discarded() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    for (count, plan) in [("statements:1", "Narrow"), ("statements:0", "Discard")] {
        talk.ran("do 'begin execute $$deallocate all$$; end'");
        let row = tracking::row(&[Some(""), Some(count)]);
        talk.session.answered(&[row], false, talk.server.as_mut().unwrap()).unwrap();
        assert_eq!(talk.session.at_boundary(), Boundary::Release);
        assert!(format!("{:?}", talk.reset_plan()).starts_with(plan), "{count}");
    }
}

#[test]
fn one_pin_too_many_is_refused_and_the_session_goes_on() {
    let commons = Arc::<Commons>::default();
    let talk = || {
        let mut talk = Talk::attached();
        talk.session = Session::new(talk.session.scope().clone(), Arc::default(), Arc::clone(&commons));
        commons.set_limits(Limits { max_pinned: 1, ..Limits::default() });
        talk
    };
    let (mut one, mut two) = (talk(), talk());
    one.ran("create temp table t ()");
    one.holds(&[PinReason::Temporary]);
    assert!(one.session.count_pin(true));
    assert_eq!(two.client(&query("create temp table t ()")), "<E 53400><Z>");
    assert_eq!(two.client(&parse("", "prepare p as select 1")), "Parse  \"prepare p as select 1\"");
    assert!(two.client(&bind("")).contains("pgtenant_refused"), "in the batch it is refused in its turn");
    two.client(SYNC);
    two.backends("1");
    assert_eq!(two.backend(b'E', b"SERROR\0C42601\0\0"), "<E 53400>");
    assert_eq!(two.backends("Z"), "[Z]");
    one.ran("drop table t");
    one.holds(&[]);
    one.session.count_pin(false);
    assert!(two.client(&query("create temp table t ()")).starts_with("Query"));
    drop(one);
    assert_eq!(commons.pinned(), 0);
}

#[test]
fn sequence_state_of_another_session_is_discarded_before_it_is_read() {
    let mut talk = Talk::attached();
    talk.server.as_mut().unwrap().sequences_of = u64::MAX;
    assert_eq!(talk.client(&query("select 1")), "Query \"select 1\"");
    talk.backends("CZ");
    assert_eq!(
        talk.client(&query("select lastval()")),
        "Query \"DISCARD SEQUENCES\", Query \"select lastval()\""
    );
    assert_eq!(talk.backends("CZTDCZ"), "[T][D][C][Z]");
    talk.server.as_mut().unwrap().sequences_of = u64::MAX;
    talk.client(&parse("", "select lastval()"));
    assert!(talk.client(&bind("")).contains("DISCARD SEQUENCES"));
    talk.client(&execute());
    talk.client(SYNC);
    assert_eq!(talk.backends("112C32CZ"), "[1][2][C][Z]");
    talk.ran("insert into t values (1)");
    assert_eq!(talk.client(&query("select lastval()")), "Query \"select lastval()\"", "its own");
}

#[test]
fn insert_keeps_the_connection_for_one_more_transaction_unless_the_tenant_never_reads_sequences() {
    let mut talk = Talk::attached();
    for _ in 0..20 {
        talk.ran("insert into t values (1)");
        assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Sequence));
        talk.ran("select 1");
    }
    talk.ran("insert into t values (1)");
    assert_eq!(talk.session.at_boundary(), Boundary::Release, "nobody asks");
    talk.ran("select lastval()");
    talk.ran("insert into t values (1)");
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Sequence));
    talk.ran("select lastval()");
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Sequence));
    talk.ran("select 1");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn client_that_asks_without_end_waits_for_answers() {
    let mut talk = Talk::attached();
    talk.client(&parse("", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    let mut asked = 0;
    while talk.client(&bind("")) != "(waits)" {
        asked += 1;
        assert!(asked <= 20_000);
    }
    talk.backends("2");
    assert_ne!(talk.client(&bind("")), "(waits)");
}

#[test]
fn notifications_never_reach_a_client() {
    let mut talk = Talk::attached();
    talk.client(&query("select 1"));
    assert_eq!(talk.backend(b'A', b"\0\0\0\x01channel\0payload\0"), "");
}

#[test]
fn encoding_or_strings_changed_by_code_on_the_server_end_the_session() {
    for (told, expected) in [
        (&b"client_encoding\0GBK\0"[..], "Unjudgeable"),
        (b"standard_conforming_strings\0off\0", "Unjudgeable"),
        (b"client_encoding\0UTF8\0", "[S]"),
        (b"TimeZone\0UTC\0", "[S]"),
    ] {
        let mut talk = Talk::attached();
        talk.client(&query("select f()"));
        assert_eq!(talk.backend(b'S', told), expected);
    }
}

#[test]
fn fatal_error_of_the_server_is_not_passed_on_as_it_is() {
    let mut talk = Talk::attached();
    talk.client(&query("select pg_sleep(9)"));
    assert_eq!(talk.backend(b'E', b"SFATAL\0VFATAL\0C57P01\0Mbye\0\0"), "ServerFailed");
}

#[test]
fn lost_server_ends_the_query_and_not_the_session() {
    let mut talk = Talk::attached();
    talk.client(&query("select 1"));
    assert!(talk.session.server_lost(&Refusal::error(SqlState::CONNECTION_FAILURE, "gone")));
    assert_eq!(talk.with_replies(String::new()), "<E 08006><Z>");
    talk.server = Some(ServerState::default());
    assert_eq!(talk.client(&query("select 1")), "Query \"select 1\"");
}

#[test]
fn lost_server_takes_an_open_transaction_and_pinned_state_with_it() {
    let refusal = Refusal::error(SqlState::CONNECTION_FAILURE, "gone");
    let mut talk = Talk::attached();
    talk.client(&query("begin"));
    talk.backend(b'Z', b"T");
    assert!(!talk.session.server_lost(&refusal));
    let mut talk = Talk::attached();
    talk.client(&query("set work_mem = '1MB'"));
    assert!(!talk.session.server_lost(&refusal));
}

#[test]
fn malformed_messages_end_the_session() {
    for frame in [
        &[b'Q', 0, 0, 0, 5, b'x'][..],
        &[b'P', 0, 0, 0, 5, 0],
        &[b'E', 0, 0, 0, 5, 0],
        &[b'C', 0, 0, 0, 6, b'X', 0],
        &[b'S', 0, 0, 0, 5, 0],
        &[b'p', 0, 0, 0, 4],
        &[0xff, 0, 0, 0, 4],
    ] {
        let got = Talk::attached().client(frame);
        assert!(got.starts_with("(fails"), "{frame:?}: {got}");
    }
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let mut frame = query("select 'x'");
    frame[13] = 0xff;
    assert_eq!(Talk::detached().client(&frame), "<E 22021><Z>");
}

#[test]
fn statement_whose_eviction_was_skipped_is_still_on_the_server() {
    let mut talk = Talk::attached();
    for n in 0..MAX_ON_SERVER {
        talk.client(&parse(&format!("s{n}"), &format!("select {n}")));
        talk.client(SYNC);
        talk.backends("1Z");
    }
    talk.client(&bind("s1"));
    let evicts = talk.client(&parse("more", "select 'more'"));
    assert_eq!(evicts, "C pgtenant_1, Parse pgtenant_501 \"select 'more'\"");
    talk.client(SYNC);
    assert_eq!(talk.backend(b'E', b"SERROR\0C22P02\0\0"), "[E]");
    talk.backends("Z");
    assert_eq!(talk.client(&bind("s0")), "Bind pgtenant_1", "not parsed again");
}

#[test]
fn deallocate_of_the_extended_protocol_takes_effect_when_it_is_executed() {
    let mut talk = Talk::attached();
    talk.client(&parse("s", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    assert_eq!(talk.client(&parse("", "deallocate s")), "Parse  \"DEALLOCATE pgtenant_1\"");
    talk.client(&bind(""));
    talk.client(SYNC);
    talk.backends("12Z");
    assert_eq!(talk.client(&bind("s")), "Bind pgtenant_1", "it was not executed");
    talk.client(SYNC);
    talk.backends("2Z");

    for frame in [bind("s"), bind(""), execute(), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backend(b'E', b"SERROR\0C22P02\0\0");
    talk.backends("Z");
    assert_eq!(talk.client(&bind("s")), "Bind pgtenant_1", "it was skipped");
    talk.client(SYNC);
    talk.backends("2Z");

    for frame in [bind(""), execute()] {
        talk.client(&frame);
    }
    assert_eq!(talk.client(&parse("t", "select 1")), "Parse pgtenant_1 \"select 1\"", "it is gone there");
    talk.client(SYNC);
    talk.backends("2C1Z");
    assert_eq!(talk.client(&bind("s")), "<E 26000>");
}

const DO: &str = "do $$ begin end $$";
/// What the server gets instead. Its real form is the guard's business.
const CALL: &str = "select pgtenant_do()";

#[test]
fn rewritten_query_goes_to_the_server_in_its_other_form() {
    let mut talk = Talk::rewriting(None);
    assert_eq!(talk.client(&query(DO)), "(needs a server)");
    talk.server = Some(role::server());
    assert_eq!(talk.client(&query(DO)), "Query \"select pgtenant_do()\"");
    assert_eq!(talk.backends("CZ"), "[C][Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Unsettled);
    assert_eq!(talk.reset_plan(), ResetPlan::Discard, "its effects are those of the client's text");
    assert_eq!(talk.client(&query("select 1")), "Query \"select 1\"", "others go as they are");
}

#[test]
fn statement_is_rewritten_at_level_shared_only() {
    let mut talk = Talk::attached();
    talk.guard.learn_rewritten(DO, CALL);
    assert_eq!(talk.client(&query(DO)), format!("Query {DO:?}"));
    talk.backends("CZ");
    assert_eq!(talk.client(&parse("s", DO)), format!("Parse pgtenant_1 {DO:?}"));
}

#[test]
fn rewritten_query_destroys_the_unnamed_statement_as_any_other() {
    let mut talk = Talk::rewriting(Some(role::server()));
    talk.client(&parse("", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    talk.client(&query(DO));
    talk.backends("CZ");
    assert_eq!(talk.client(&bind("")), "<E 26000>");
}

#[test]
fn rewritten_unnamed_statement_follows_its_client_in_its_other_form() {
    let mut talk = Talk::rewriting(Some(role::server()));
    assert_eq!(talk.client(&parse("", DO)), "Parse  \"select pgtenant_do()\"");
    assert_eq!(talk.client(&bind("")), "Bind ");
    talk.client(&execute());
    talk.client(SYNC);
    assert_eq!(talk.backends("12CZ"), "[1][2][C][Z]");
    assert_eq!(talk.reset_plan(), ResetPlan::Discard);
    talk.server = Some(role::server());
    assert_eq!(talk.client(&bind("")), "Parse  \"select pgtenant_do()\", Bind ");
    talk.client(SYNC);
    assert_eq!(talk.backends("12Z"), "[2][Z]");
}

#[test]
fn rewritten_named_statement_is_prepared_in_its_other_form_wherever_it_runs() {
    let mut talk = Talk::rewriting(Some(role::server()));
    assert_eq!(talk.client(&parse("s1", DO)), "Parse pgtenant_1 \"select pgtenant_do()\"");
    assert_eq!(talk.client(&bind("s1")), "Bind pgtenant_1");
    talk.client(SYNC);
    assert_eq!(talk.backends("12Z"), "[1][2][Z]");
    // The same again is known, under whichever name.
    assert_eq!(talk.client(&parse("s2", DO)), "C pgtenant_1, Parse pgtenant_1 \"select pgtenant_do()\"");
    assert_eq!(talk.client(&bind("s2")), "Bind pgtenant_1");
    talk.client(SYNC);
    assert_eq!(talk.backends("312Z"), "[1][2][Z]");
    talk.server = Some(role::server());
    assert_eq!(talk.client(&bind("s1")), "Parse pgtenant_1 \"select pgtenant_do()\", Bind pgtenant_1");
    talk.client(SYNC);
    assert_eq!(talk.backends("12Z"), "[2][Z]");
    assert_eq!(talk.reset_plan(), ResetPlan::Discard);
}

#[test]
fn name_of_a_rewritten_statement_that_fails_is_free_again() {
    let mut talk = Talk::rewriting(Some(role::server()));
    talk.client(&parse("s", DO));
    talk.client(SYNC);
    assert_eq!(talk.backend(b'E', b"SERROR\0C42883\0\0"), "[E]");
    talk.backends("Z");
    assert_eq!(talk.client(&parse("s", "select 1")), "Parse pgtenant_2 \"select 1\"");
    talk.client(SYNC);
    talk.backends("1Z");
    assert_eq!(talk.client(&parse("s", DO)), format!("Parse pgtenant_2 \"{CALL}\""), "the name is taken");
}

#[test]
fn parameter_types_of_a_rewritten_parse_are_kept() {
    let mut talk = Talk::rewriting(Some(role::server()));
    for name in ["", "s"] {
        let types = [0, 1, 0, 0, 0, 23];
        let mut frame = Vec::new();
        write::parse(&mut frame, name.as_bytes(), &[DO.as_bytes(), &[0], &types].concat());
        assert!(talk.client(&frame).ends_with("\"select pgtenant_do()\""));
        assert!(talk.session.front().ends_with(&types), "{:?}", talk.session.front());
    }
}

#[test]
fn lost_server_ends_a_rewritten_query_as_any_other() {
    let mut talk = Talk::rewriting(Some(role::server()));
    talk.client(&query(DO));
    assert!(talk.session.server_lost(&Refusal::error(SqlState::CONNECTION_FAILURE, "gone")));
    assert_eq!(talk.with_replies(String::new()), "<E 08006><Z>");
}

#[test]
fn reported_statement_goes_to_the_server_and_closes_the_connection_on_return() {
    let mut talk = Talk::reporting();
    let text = "select * from tenant_b.t";
    assert_eq!(talk.client(&query(text)), "Query \"select * from tenant_b.t\"");
    assert_eq!(talk.backend(b'E', b"SERROR\0C42501\0\0"), "[E]");
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
    assert_eq!(talk.reset_plan(), ResetPlan::Close);
    let reports: Vec<_> = talk.session.take_reports().map(|denial| denial.rule.id).collect();
    assert_eq!(reports, ["cross_schema"]);
    assert_eq!(talk.session.take_denials().count(), 0);
    // A DISCARD ALL of the client's does not make it clean.
    talk.client(&query("discard all"));
    talk.backends("CZ");
    assert_eq!(talk.reset_plan(), ResetPlan::Close);
}

#[test]
fn reported_statement_can_be_prepared_and_each_connection_that_runs_it_is_closed() {
    let mut talk = Talk::reporting();
    for frame in [parse("s", "select * from tenant_b.t"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    assert_eq!(talk.backends("1Z"), "[1][Z]");
    assert_eq!(talk.session.take_reports().count(), 1);
    talk.server = Some(ServerState::default());
    assert_eq!(talk.reset_plan(), ResetPlan::Clean);
    let expected = "Parse pgtenant_1 \"select * from tenant_b.t\", Bind pgtenant_1";
    assert_eq!(talk.client(&bind("s")), expected);
    assert_eq!(talk.client(&execute()), "E");
    talk.client(SYNC);
    assert_eq!(talk.backends("12CZ"), "[2][C][Z]");
    assert_eq!(talk.reset_plan(), ResetPlan::Close);
    assert_eq!(talk.session.take_reports().count(), 0, "judged once");
}

#[test]
fn statement_judged_before_there_was_a_server_is_reported_once() {
    let mut talk = Talk::reporting();
    let server = talk.server.take();
    assert_eq!(talk.client(&query("set role x")), "(needs a server)");
    talk.server = server;
    assert_eq!(talk.client(&query("set role x")), "Query \"set role x\"");
    assert_eq!(talk.session.take_reports().count(), 1);
}

#[test]
fn connection_that_had_settings_of_doubt_is_closed_on_return() {
    let mut talk = Talk::attached();
    talk.session.distrust_settings();
    talk.client(&query("select 1"));
    talk.backends("CZ");
    assert_eq!(talk.reset_plan(), ResetPlan::Close);
}

/// Frames of every kind, well-formed or not.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        Just("select 1"),
        Just("begin"),
        Just("rollback"),
        Just("select * from tenant_b.t"),
        Just("discard all"),
        Just("deallocate all"),
        Just("deallocate s1"),
        Just("set work_mem = '1MB'"),
        Just("copy t from stdin"),
        Just("not sql"),
    ];
    let name = prop_oneof![Just(""), Just("s1"), Just("s2")];
    prop_oneof![
        4 => text.clone().prop_map(query),
        4 => (name.clone(), text).prop_map(|(name, text)| parse(name, text)),
        4 => name.clone().prop_map(bind),
        3 => Just(execute()),
        2 => name.prop_map(close),
        4 => Just(SYNC.to_vec()),
        1 => prop_oneof![Just(b'H'), Just(b'c'), Just(b'F')].prop_map(|tag| vec![tag, 0, 0, 0, 4]),
        1 => (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..12)).prop_map(|(tag, body)| {
            [&[tag][..], &u32::try_from(body.len() + 4).unwrap().to_be_bytes(), &body].concat()
        }),
    ]
}

proptest! {
    /// Whatever a client and a server say: no panic, and no text of another tenant ever goes out.
    #[test]
    fn nothing_refused_goes_to_a_server_and_nothing_panics(
        steps in proptest::collection::vec((any_frame(), proptest::sample::select(b"123tTnDCIsGEZSN".to_vec())), 0..60),
    ) {
        let mut talk = Talk::attached();
        for (frame, tag) in steps {
            let sent = talk.client(&frame);
            prop_assert!(!sent.contains("tenant_b"), "{sent}");
            if sent.starts_with("(fails") || sent.starts_with("(leaves") {
                break;
            }
            let body: &[u8] = match tag {
                b'Z' => b"I",
                b'E' => b"SERROR\0C42601\0\0",
                _ => b"",
            };
            if talk.backend(tag, body).contains("OutOfStep") {
                break;
            }
        }
    }
}
