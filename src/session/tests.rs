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
mod ends;
mod healing;
mod pins;
mod prepared;
mod refusals;
mod reporting;
mod reuse;
mod rewritten;
mod role;
mod telling;
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
            access: crate::tenant::Access::ReadWrite,
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

fn bind_portal(portal: &str, statement: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::bind_without_parameters(&mut out, portal.as_bytes(), statement.as_bytes());
    out
}

fn execute_portal(portal: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::execute(&mut out, portal.as_bytes());
    out
}

fn describe_portal(portal: &str) -> Vec<u8> {
    let length = u8::try_from(6 + portal.len()).unwrap();
    [&[b'D', 0, 0, 0, length, b'P'], portal.as_bytes(), &[0]].concat()
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

const DO: &str = "do $$ begin end $$";
/// What the server gets instead. Its real form is the guard's business.
const CALL: &str = "select pgtenant_do()";

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
        reuses in any::<bool>(),
    ) {
        let mut talk = Talk::attached();
        talk.session.commons().reuse_unnamed(reuses);
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
