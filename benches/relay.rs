//! What moving a message costs, without sockets: finding frames, the session's part of a transaction in each protocol, and a turn
//! of the scheduler with few and many tenants.

use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::{Bencher, black_box};
use pgtenant::config;
use pgtenant::guard::{Guard, Scope};
use pgtenant::schedule::{ClientId, Decision, Event, Limits, Owner, Quota, Scheduler, ServerId};
use pgtenant::session::commons::Commons;
use pgtenant::session::{ServerState, Session};
use pgtenant::tenant::{Access, ChannelPrefix, Ident, Level, TenantId};
use pgtenant::wire::flow::Flow;
use pgtenant::wire::frame::{FrameHead, HEAD_BYTES};
use pgtenant::wire::write;
use uuid::Uuid;

fn main() {
    divan::main();
}

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
    [&[tag][..], &length, body].concat()
}

/// 32 kB of rows of 100 bytes, as a server sends them.
fn rows() -> Vec<u8> {
    let row = frame(b'D', &[0; 95]);
    row.iter().copied().cycle().take(row.len() * 327).collect()
}

/// A buffer full of rows is looked at, head by head, and passed on.
#[divan::bench]
fn frames_of_32_kb_of_rows(bencher: Bencher<'_, '_>) {
    let rows = rows();
    let mut buffer = Some(vec![0; 64 << 10]);
    bencher.bench_local(|| {
        let mut flow = Flow::default();
        flow.lend(buffer.take().expect("given back"));
        flow.spare()[..rows.len()].copy_from_slice(&rows);
        flow.filled(rows.len());
        while let Ok(Some(head)) = FrameHead::parse(flow.unjudged()) {
            flow.pass(head.total);
        }
        flow.consume(black_box(flow.pending().len()));
        buffer = flow.reclaim();
    });
}

/// A session with a server connection, and what one transaction is: the client's frames, and the server's answers.
struct Talk {
    session: Session,
    server: ServerState,
    guard: Guard,
    frames: Vec<Vec<u8>>,
    answers: Vec<(u8, &'static [u8])>,
    replies: Vec<u8>,
}

const POINT: &str = "SELECT id, name, email FROM customers WHERE id = $1";

impl Talk {
    fn new(frames: Vec<Vec<u8>>, answers: &[(u8, &'static [u8])], reuses: bool) -> Self {
        let commons = Arc::<Commons>::default();
        commons.reuse_unnamed(reuses);
        let guard = Guard::new(&config::Guard {
            mode: config::GuardMode::Enforce,
            public_schema: config::PublicSchema::Refuse,
            extra_schemas: Vec::new(),
            extra_settings: Vec::new(),
            extra_functions: Vec::new(),
            max_statement_bytes: 1 << 20,
            cache_bytes: 64 << 20,
        });
        let session = Session::new(scope(), Arc::default(), commons);
        let answers = answers.to_vec();
        Self { session, server: ServerState::default(), guard, frames, answers, replies: Vec::new() }
    }

    fn transaction(&mut self) {
        for frame in &self.frames {
            let head = FrameHead::parse(frame).expect("well-formed").expect("whole");
            black_box(self.session.on_frontend(head, frame, Some(&mut self.server), &self.guard));
        }
        for (tag, body) in &self.answers {
            self.session.settle();
            black_box(self.session.on_backend(*tag, body, &mut self.server));
        }
        self.session.take_replies(&mut self.replies);
        self.replies.clear();
    }
}

fn scope() -> Scope {
    Scope {
        tenant: TenantId(Uuid::nil()),
        schema: Ident::parse("tenant_alpha").expect("an identifier"),
        role: Ident::parse("tenant_alpha").expect("an identifier"),
        channels: ChannelPrefix::new(&[0xab; 32]),
        public_is_own: false,
        shared_schemas: Arc::new([]),
        extra_functions: Arc::new([]),
        extra_settings: Arc::new([]),
        level: Level::Dedicated,
        hardened: false,
        access: Access::ReadWrite,
    }
}

fn parse(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::parse(&mut out, name.as_bytes(), &[POINT.as_bytes(), &[0, 0, 0]].concat());
    out
}

fn bind(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::bind_front(&mut out, b"", name.as_bytes(), 6);
    out.extend_from_slice(&[0; 6]);
    out
}

/// Bind, Describe, Execute and Sync of a statement of this name.
fn run(name: &str) -> Vec<Vec<u8>> {
    vec![bind(name), frame(b'D', b"P\0"), frame(b'E', &[0; 5]), frame(b'S', &[])]
}

#[divan::bench]
fn session_simple(bencher: Bencher<'_, '_>) {
    let mut query = Vec::new();
    write::query(&mut query, "SELECT id, name, email FROM customers WHERE id = 1");
    let answers: &[(u8, &[u8])] = &[(b'T', b""), (b'D', b""), (b'C', b""), (b'Z', b"I")];
    let mut talk = Talk::new(vec![query], answers, false);
    bencher.bench_local(|| talk.transaction());
}

const ANSWERS: &[(u8, &[u8])] = &[(b'2', b""), (b'T', b""), (b'D', b""), (b'C', b""), (b'Z', b"I")];

#[divan::bench]
fn session_extended(bencher: Bencher<'_, '_>) {
    let answers = [&[(b'1', &b""[..])], ANSWERS].concat();
    let mut talk = Talk::new([vec![parse("")], run("")].concat(), &answers, false);
    bencher.bench_local(|| talk.transaction());
}

/// From the third time on: the Parse is not sent.
#[divan::bench]
fn session_extended_reused(bencher: Bencher<'_, '_>) {
    let mut talk = Talk::new([vec![parse("")], run("")].concat(), ANSWERS, true);
    let first = [&[(b'1', &b""[..])], ANSWERS].concat();
    let answers = std::mem::replace(&mut talk.answers, first);
    (0..2).for_each(|_| talk.transaction());
    talk.answers = answers;
    bencher.bench_local(|| talk.transaction());
    assert!(talk.session.take_parses_spared() > 0);
}

#[divan::bench]
fn session_prepared(bencher: Bencher<'_, '_>) {
    let mut talk = Talk::new(vec![parse("s"), frame(b'S', &[])], &[(b'1', b""), (b'Z', b"I")], false);
    talk.transaction();
    (talk.frames, talk.answers) = (run("s"), ANSWERS.to_vec());
    bencher.bench_local(|| talk.transaction());
}

/// So many tenants, each with an idle connection: one of them, another each time, takes its own and gives it back.
#[divan::bench(args = [1, 100, 10_000])]
fn scheduler_turn(bencher: Bencher<'_, '_>, tenants: u128) {
    let limits = Limits {
        total: usize::MAX,
        quota: Quota::UNLIMITED,
        opening: usize::MAX,
        quantum: Duration::from_millis(50),
        adaptive: true,
    };
    let (mut scheduler, mut out, now) = (Scheduler::new(limits), Vec::new(), Instant::now());
    let tenant = |n: u128| TenantId(Uuid::from_u128(n % tenants + 1));
    for n in 0..tenants {
        scheduler.on(now, Event::Wanted(tenant(n), ClientId(0)), &mut out);
        for decision in std::mem::take(&mut out) {
            let Decision::Open(owner, server) = decision else { continue };
            scheduler.on(now, Event::Opened(owner, server), &mut out);
            scheduler.on(now, Event::Returned(owner, server), &mut out);
        }
        out.clear();
    }
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 7_919;
        scheduler.on(now, Event::Wanted(tenant(turn), ClientId(1)), &mut out);
        let server = out.iter().find_map(|decision| match decision {
            Decision::Assign(_, server) => Some(*server),
            _ => None,
        });
        out.clear();
        let server: ServerId = server.expect("an idle one");
        scheduler.on(now, Event::Returned(Owner::Tenant(tenant(turn)), server), &mut out);
        out.clear();
    });
}

const _: () = assert!(HEAD_BYTES == 5, "heads are what `frame` writes");
