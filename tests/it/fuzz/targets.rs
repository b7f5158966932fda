//! What is fuzzed: each function takes any bytes, as a fuzzer wants it, and panics where a promise is broken. All of it is
//! public and pure.

use std::io;
use std::path::Path;
use std::sync::Arc;

use pgtenant::auth::evidence::{Evidence, FirstWords};
use pgtenant::auth::jwt::{self, KeySet, Rules};
use pgtenant::auth::{
    Access as TokenAccess, ApiKey, MasterKey, UnixTime, Verifier, bearer, certificate, scram,
};
use pgtenant::config::file::{Input, read};
use pgtenant::config::{Guard as Terms, GuardMode, PublicSchema};
use pgtenant::guard::{Guard, Scope, Verdict};
use pgtenant::session::commons::Commons;
use pgtenant::session::{Relay, ServerState, Session, Step};
use pgtenant::tenant::{Access, ChannelPrefix, Ident, Level, Slug, TenantId, TenantRef};
use pgtenant::wire::flow::Flow;
use pgtenant::wire::frame::{FrameHead, HEAD_BYTES};
use pgtenant::wire::startup::{self, FirstPacket};
use pgtenant::wire::{view, write};

/// Bytes as choices.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// So many bytes, or what is left.
    fn bytes(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

fn scope(level: Level) -> Scope {
    Scope {
        tenant: TenantId(uuid::Uuid::from_u128(1)),
        schema: Ident::parse("tenant_a").expect("a name"),
        role: Ident::parse("tenant_a").expect("a name"),
        channels: ChannelPrefix::new(&[0xab; 32]),
        public_is_own: false,
        shared_schemas: Arc::new([]),
        extra_functions: Arc::new([]),
        extra_settings: Arc::new([]),
        level,
        hardened: true,
        access: Access::ReadWrite,
    }
}

fn new_guard() -> Guard {
    Guard::new(&Terms {
        mode: GuardMode::Enforce,
        public_schema: PublicSchema::Refuse,
        extra_schemas: vec![],
        extra_functions: vec![],
        extra_settings: vec![],
        max_statement_bytes: 4000,
        cache_bytes: 1 << 16,
    })
}

/// First packets, `options`, and the messages of a login.
pub(crate) fn startup(data: &[u8]) {
    if let Ok(Some(length)) = startup::packet_len(data) {
        assert!((8..=startup::MAX_STARTUP_BYTES).contains(&length));
    }
    if let Ok(FirstPacket::Startup(first)) = startup::read(data) {
        for (name, value) in first.settings() {
            assert!(!name.contains('\0') && !value.contains('\0'));
        }
        // Written again, it is the same.
        let mut again = data[..8].to_vec();
        for (name, value) in &first.parameters {
            again.extend([name.as_bytes(), &[0], value.as_bytes(), &[0]].concat());
        }
        again.push(0);
        assert_eq!(again, data);
        if let Some(Ok(settings)) = first.get("options").map(startup::options_settings) {
            assert!(settings.iter().all(|(name, _)| !name.is_empty()));
        }
    }
    let _ = bearer::read(data).is_ok_and(|token| token.is_some());
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = (ApiKey::parse(text), MasterKey::parse(text).is_ok());
    }
    // Whoever does not know the password is not let in, whatever it says.
    let verifier = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$\
                    uvT+KTIDkZzYcRXuQJNTNGJkuq8LTcBDZKJlH8SrJVs=:jJzcD4ZGSTSqX3uhqCPmA5cqWhSwSCBPiTJXO/AhMkc=";
    let verifier = Verifier::parse(verifier).expect("a verifier");
    let middle = data.len() / 2;
    if let Ok((challenge, state)) = scram::begin(&data[..middle], &verifier, None) {
        assert!(challenge.starts_with("r="));
        assert!(state.finish(&data[middle..]).is_err());
    }
}

/// Host names, names in certificates, user and database names.
pub(crate) fn sni(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parts: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let part = |n: usize| parts.get(n).map(String::as_str);
    let domain = Some("db.example.com");
    let names =
        certificate::Names { common: &parts[..parts.len().min(2)], hosts: &parts[parts.len().min(2)..] };
    let named = certificate::tenants(names, domain).unwrap_or_default();
    let slugs = named.iter().filter(|tenant| matches!(tenant, TenantRef::Slug(_))).count();
    assert!(named.len() <= 2 && slugs <= 1, "{named:?}");
    let words = FirstWords {
        user: part(0).unwrap_or_default(),
        database: part(1),
        server_name: part(2),
        option: part(3),
        certificate: &named,
    };
    if let Ok(evidence) = Evidence::read(words, "app", domain) {
        // All that is named is the same tenant.
        let named: Vec<_> = evidence.candidates().into_iter().filter(|one| !one.by_end).collect();
        let mut tenants: Vec<_> = named.iter().filter_map(|one| one.tenant.clone()).collect();
        tenants.dedup();
        assert!(tenants.len() <= 1, "{tenants:?}");
    }
    for part in &parts {
        if let Ok(slug) = Slug::parse(part) {
            assert!(slug.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
        }
    }
}

/// Signed by HS256 with [`SECRET`], for the rules below.
const TOKEN: &str = include_str!("../../corpus/fuzz/token/signed");
const SECRET: &[u8] = b"a secret of the fuzzer, 32 bytes and more";

/// Tokens; keys as an issuer publishes them.
pub(crate) fn token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = (KeySet::read(&text).is_ok(), KeySet::jwks(&text).is_ok());
    let rules = Rules {
        issuer: "https://issuer".into(),
        audience: "db".into(),
        tenant_claim: "tenant_id".into(),
        scope_claim: "scope".into(),
        user_claim: "sub".into(),
        leeway: 0,
        max_lifetime: None,
        own_max_lifetime: 60,
    };
    let keys = KeySet::secret(SECRET).expect("a long secret");
    match jwt::verify(text.trim_end(), &keys, &rules, UnixTime(1_700_000_000)) {
        Ok(claims) => {
            assert_eq!(text.trim_end(), TOKEN.trim_end(), "forged");
            assert!(claims.access != TokenAccess::Admin);
        }
        Err(error) => assert_ne!(text.trim_end(), TOKEN.trim_end(), "{error}"),
    }
}

/// Text to the console.
pub(crate) fn console(data: &[u8]) {
    let _ = pgtenant::console::parse(&String::from_utf8_lossy(data)).is_ok();
}

/// A configuration file.
pub(crate) fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let no_file = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let input = Input { name: "fuzz.toml", text: &text, environment: &[], read_file: &no_file };
    if let Err(problems) = read(&input) {
        assert!(!problems.to_string().is_empty());
    }
}

/// Statement texts: the verdict does not depend on what was judged before.
pub(crate) fn guard(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let told = |verdict: Verdict| match verdict {
        Verdict::Allow(allowed) => format!("{:?} {:?}", allowed.effects, allowed.rewritten),
        Verdict::Deny(denial) => format!("{} {:?}", denial.rule.id, denial.position),
    };
    for level in [Level::Dedicated, Level::Shared] {
        let (guard, scope) = (new_guard(), scope(level));
        let fresh = told(guard.judge(&text, &scope));
        assert_eq!(fresh, told(guard.judge(&text, &scope)), "again");
        // Texts that differ in plain literals share what is known of them.
        let other = new_guard();
        let _ = other.judge(&text.replace(|c: char| c.is_ascii_digit(), "7"), &scope);
        let after = told(other.judge(&text, &scope));
        assert_eq!(fresh, after, "behind one with other literals");
    }
    let _ = pgtenant::guard::redact(&text);
}

/// A relay's buffer against one that keeps whole frames apart.
pub(crate) fn flow(data: &[u8]) {
    let mut choices = Choices(data);
    let (mut flow, mut expected, mut out) = (Flow::default(), Vec::new(), Vec::new());
    flow.lend(vec![0; 64]);
    let mut next = 0_u8;
    while let Some(choice) = choices.byte() {
        let size = usize::from(choices.byte().unwrap_or(1) % 40) + 1;
        // A frame of `size` bytes arrives in pieces, and its fate is told when the first is there.
        let frame: Vec<u8> = (0..size)
            .map(|_| {
                next = next.wrapping_add(1);
                next
            })
            .collect();
        let first = usize::from(choices.byte().unwrap_or(1)) % size + 1;
        let mut rest = &frame[..];
        let arrive = |flow: &mut Flow, n: usize, rest: &mut &[u8], out: &mut Vec<u8>| {
            let mut left = n;
            while left > 0 {
                if flow.spare().is_empty() {
                    out.extend_from_slice(flow.pending());
                    flow.consume(usize::MAX);
                    if flow.spare().is_empty() {
                        flow.reserve(size);
                    }
                }
                let spare = flow.spare();
                let n = left.min(spare.len()).min(rest.len());
                spare[..n].copy_from_slice(&rest[..n]);
                flow.filled(n);
                *rest = &rest[n..];
                left -= n;
            }
        };
        arrive(&mut flow, first, &mut rest, &mut out);
        match choice % 4 {
            0 => flow.drop_frame(size),
            1 => {
                let n = first.min(3);
                flow.replace_front(n, b"<front>");
                flow.pass(size - n);
                expected.extend([b"<front>", &frame[n..]].concat());
            }
            2 => {
                flow.insert(b"<own>");
                flow.pass(size);
                expected.extend([b"<own>", &frame[..]].concat());
            }
            _ => {
                flow.pass(size);
                expected.extend_from_slice(&frame);
            }
        }
        let left = rest.len();
        arrive(&mut flow, left, &mut rest, &mut out);
        if choice & 0x10 != 0 {
            let n = flow.pending().len() / 2;
            out.extend_from_slice(&flow.pending()[..n]);
            flow.consume(n);
        }
        assert!(flow.unjudged().is_empty() && !flow.mid_frame());
    }
    out.extend_from_slice(flow.pending());
    assert_eq!(out, expected);
}

const TEXTS: [&str; 10] = [
    "select 1",
    "begin",
    "rollback",
    "select * from tenant_b.t",
    "discard all",
    "deallocate s",
    "set work_mem = '1MB'",
    "copy t from stdin",
    "not sql",
    "begin; select 1; commit",
];

/// A client's frame.
fn frame(choices: &mut Choices<'_>, kind: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let pick = choices.byte().unwrap_or(0);
    let text = TEXTS[usize::from(pick) % TEXTS.len()];
    let name: &[u8] = [b"".as_slice(), b"s", b"t"][usize::from(pick >> 4) % 3];
    match kind % 9 {
        0 => write::query(&mut out, text),
        1 => write::parse(&mut out, name, &[text.as_bytes(), &[0, 0, 0]].concat()),
        2 => write::bind_without_parameters(&mut out, b"", name),
        3 => write::execute(&mut out, b""),
        4 => write::close_statement(&mut out, name),
        5 => write::sync(&mut out),
        6 => write::describe_statement(&mut out, name),
        7 => write::flush(&mut out),
        _ => {
            let body = choices.bytes(usize::from(pick % 24));
            out.push(choices.byte().unwrap_or(b'Q'));
            out.extend(u32::try_from(body.len() + 4).expect("small").to_be_bytes());
            out.extend_from_slice(body);
        }
    }
    out
}

/// A client and a server that say anything.
pub(crate) fn session(data: &[u8]) {
    let mut choices = Choices(data);
    let level = if choices.byte().unwrap_or(0) & 1 == 0 { Level::Dedicated } else { Level::Shared };
    let mut session = Session::new(scope(level), Arc::default(), Arc::<Commons>::default());
    let (guard, mut held) = (new_guard(), None);
    let (mut server, mut replies) = (ServerState::default(), Vec::new());
    while let Some(kind) = choices.byte() {
        if kind & 0x80 == 0 {
            // What was not taken comes again, as from the front of a buffer.
            let frame = held.take().unwrap_or_else(|| frame(&mut choices, kind));
            let Ok(Some(head)) = FrameHead::parse(&frame) else { return };
            let sent = match session.on_frontend(head, &frame, Some(&mut server), &guard) {
                Step::Forward(_) => frame,
                Step::Rewrite { consumed, .. } => [session.front(), &frame[consumed..]].concat(),
                Step::Substitute(_) => session.front().to_vec(),
                Step::Ahead(_) => {
                    held = Some(frame);
                    session.front().to_vec()
                }
                Step::Wait => {
                    held = Some(frame);
                    Vec::new()
                }
                Step::Drop => Vec::new(),
                _ => return,
            };
            let has = |word: &[u8]| sent.windows(word.len()).any(|window| window == word);
            assert!(!has(b"tenant_b") && !has(b"not sql"), "{:?}", String::from_utf8_lossy(&sent));
        } else {
            let tags = b"123tTnDCIsGEZSNZC";
            let tag = tags[usize::from(kind & 0x7f) % tags.len()];
            let any = choices.byte().unwrap_or(0);
            let body: &[u8] = match tag {
                _ if any & 0xf0 == 0xf0 => choices.bytes(usize::from(any & 0xf)),
                b'Z' => [b"I", b"T", b"E"][usize::from(any) % 3],
                b'E' => b"SERROR\0VERROR\0C42601\0Mno\0\0",
                b'C' => b"SELECT 1\0",
                _ => b"",
            };
            session.settle();
            match session.on_backend(tag, body, &mut server) {
                Relay::OutOfStep | Relay::ServerFailed | Relay::Unjudgeable => return,
                _ => session.settle(),
            }
        }
        replies.clear();
        session.take_replies(&mut replies);
        // What the proxy says itself is whole messages.
        let mut rest = &replies[..];
        while let Some(head) = FrameHead::parse(rest).expect("a right length") {
            assert!(rest.len() >= head.total);
            if rest[0] == b'E' {
                assert!(view::error_field(&rest[HEAD_BYTES..head.total], b'C').is_some());
            }
            rest = &rest[head.total..];
        }
        assert!(rest.is_empty());
    }
}
