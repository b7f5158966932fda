//! The same conversation with PostgreSQL and through the proxy, compared message by message.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{
    Message, Wire, bind, close_statement, describe_portal, execute, parse, query, sync,
};

/// What one side does next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// These bytes, in one write.
    Send(Vec<u8>),
    /// Reads up to the how many-th ReadyForQuery from here, or the end.
    Ready(usize),
    /// Reads up to a message of this type, or the end.
    Until(u8),
    /// Reads to the end of the connection.
    End,
    /// Reads up to the ReadyForQuery behind the one row [`LAST`], or the end.
    Last,
    /// Somebody else, connected to PostgreSQL directly and as superuser, runs this.
    Aside(&'static str),
    /// The same, but nobody waits for it to end.
    AsideBegins(&'static str),
}

/// Stands for the end of the connection among the messages.
pub(super) const END: u8 = 0;

/// What the last row of a random conversation says.
pub(super) const LAST: &str = "the last row";

/// Bytes, then everything up to one ReadyForQuery.
pub(super) fn say(messages: &[Vec<u8>]) -> Vec<Step> {
    vec![Step::Send(messages.concat()), Step::Ready(1)]
}

/// A simple query and all of its answer.
pub(super) fn ask(sql: &str) -> Vec<Step> {
    say(&[query(sql)])
}

/// Simple queries, each answered before the next is sent.
pub(super) fn script(statements: &[&str]) -> Vec<Step> {
    statements.iter().flat_map(|sql| ask(sql)).collect()
}

/// Messages in one write that are answered by `n` ReadyForQuery.
pub(super) fn batch(messages: &[Vec<u8>], n: usize) -> Vec<Step> {
    vec![Step::Send(messages.concat()), Step::Ready(n)]
}

/// How the conversation through the proxy is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Alone on the one server connection.
    Alone,
    /// Another client has a transaction of its own on the one server connection before each step, if the
    /// conversation does not keep it; and what is sent arrives in pieces.
    Interleaved,
}

/// A proxy whose tenants have one server connection each.
pub(super) struct World {
    proxy: Proxy,
    /// Tenants, each used by one test at a time.
    turns: Vec<Mutex<Tenant>>,
}

/// A tenant, and who is connected to it all the time: one to prepare its tables, and the other client.
struct Tenant {
    name: &'static str,
    setup: Wire,
    other: Option<Other>,
}

const TENANTS: [&str; 4] = ["a", "b", "c", "d"];

const SETUP: &str = "
    create table if not exists items (id int primary key, name text not null, price numeric(8,2));
    create table if not exists copied (id int, name text);
    create table if not exists alone (id int);
    truncate items, copied, alone;
    insert into items select n, 'item ' || n, n * 1.5 from generate_series(1, 20) n;
    insert into alone values (1)";

impl World {
    fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            let proxy = Proxy::start(&TENANTS, |config| {
                config.pool.max_server_connections = 2 * TENANTS.len();
                config.limits.max_server_connections = 1;
                config.limits.wait_timeout = Duration::from_secs(60);
                config.listen.max_clients = 1000;
            });
            let turns = TENANTS.map(|name| {
                let other = Some(Other::new(proxy.wire(name)));
                Mutex::new(Tenant { name, setup: proxy.direct(name), other })
            });
            Self { proxy, turns: turns.into() }
        })
    }

    /// A tenant nobody else uses, or one that becomes free.
    fn tenant(&self) -> MutexGuard<'_, Tenant> {
        if let Some(free) = self.turns.iter().find_map(|turn| turn.try_lock().ok()) {
            return free;
        }
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed) % TENANTS.len();
        self.turns[n].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Startup parameters of a conversation.
type More<'a> = &'a [(&'a str, &'a str)];

/// Has the conversation directly and in all ways through the proxy; nothing may differ. Gives the
/// messages as text, for a test that says what they are.
pub(super) fn same(conversation: &[Step]) -> Vec<String> {
    same_with(&[], conversation)
}

/// The same, with more in the startup packet.
pub(super) fn same_with(more: More<'_>, conversation: &[Step]) -> Vec<String> {
    let mut lines = Vec::new();
    compare(more, conversation, |direct, through, what| {
        lines = direct.iter().map(shown).collect();
        assert_same(direct, through, &format!("{what}\n{}", told(conversation)));
    });
    lines
}

/// The same, up to a COPY within whose data is a message that is none of its: after that both sides end.
pub(super) fn same_unless_copy_is_broken(conversation: &[Step]) {
    compare(&[], conversation, |direct, through, what| {
        let broken =
            |message: &Message| message.tag == b'E' && shown(message).contains("during COPY from stdin");
        let mut end = direct.len();
        if let Some(at) = direct.iter().position(broken) {
            // The proxy may have found out before it passed the CopyInResponse on.
            end = if direct[at - 1].tag == b'G' { at - 1 } else { at };
        }
        let same = through.len().min(if end < direct.len() { end } else { through.len() });
        assert_same(&direct[..end], &through[..same], &format!("{what}\n{}", told(conversation)));
    });
}

/// For what is different on purpose: the messages as text, directly and through the proxy. All ways
/// through the proxy must agree.
pub(super) fn different(conversation: &[Step]) -> (Vec<String>, Vec<String>) {
    different_with(&[], conversation)
}

/// The same, with more in the startup packet.
pub(super) fn different_with(more: More<'_>, conversation: &[Step]) -> (Vec<String>, Vec<String>) {
    let text = |messages: &[Message]| messages.iter().map(shown).collect::<Vec<_>>();
    let mut all = Vec::new();
    compare(more, conversation, |direct, through, _| all.push((text(direct), text(through))));
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:#?}");
    all.pop().unwrap()
}

/// The ParameterStatus values of a login, directly and through the proxy.
pub(super) fn parameters(more: More<'_>) -> [Vec<(String, String)>; 2] {
    let world = World::get();
    let tenant = world.tenant().name;
    let direct = world.proxy.direct_with(tenant, more).expect("login").parameters;
    [direct, world.proxy.wire_with(tenant, more).expect("login").parameters]
}

fn compare(more: More<'_>, conversation: &[Step], mut with: impl FnMut(&[Message], &[Message], &str)) {
    let world = World::get();
    let mut tenant = world.tenant();
    let mut direct = world.had(&mut tenant, more, conversation, None);
    for way in [Way::Alone, Way::Interleaved] {
        let mut through = world.had(&mut tenant, more, conversation, Some(way));
        normalise(&mut direct, &mut through);
        with(&direct, &through, &format!("{way:?}"));
    }
}

impl World {
    /// Has a conversation and gives what was answered.
    fn had(&self, tenant: &mut Tenant, more: More<'_>, steps: &[Step], way: Option<Way>) -> Vec<Message> {
        tenant.setup.run(SETUP);
        let wire = match way {
            None => self.proxy.direct_with(tenant.name, more),
            Some(_) => self.proxy.wire_with(tenant.name, more),
        };
        let other = if way == Some(Way::Interleaved) {
            Some(tenant.other.take().unwrap_or_else(|| Other::new(self.proxy.wire(tenant.name))))
        } else {
            None
        };
        let in_pieces = way == Some(Way::Interleaved);
        let mut side = Side { wire: wire.expect("login"), aside: None, other, in_pieces, heard: Vec::new() };
        for step in steps {
            side.interleave(&self.proxy);
            if !side.take(step, &self.proxy) {
                break;
            }
        }
        let Side { wire, mut other, heard, .. } = side;
        drop(wire);
        if let Some(other) = &mut other {
            other.answered();
        }
        tenant.other = tenant.other.take().or(other);
        heard
    }
}

struct Side {
    wire: Wire,
    aside: Option<Wire>,
    other: Option<Other>,
    in_pieces: bool,
    heard: Vec<Message>,
}

impl Side {
    fn interleave(&mut self, proxy: &Proxy) {
        if let Some(other) = &mut self.other {
            other.has_a_turn(proxy);
        }
    }

    /// `false` at the end of the connection.
    fn take(&mut self, step: &Step, proxy: &Proxy) -> bool {
        match step {
            Step::Send(bytes) if self.in_pieces => {
                let mut rest = &bytes[..];
                for size in [1, 4, 3, 7, 2, 11].into_iter().cycle() {
                    let (piece, after) = rest.split_at(size.min(rest.len()));
                    // What is long need not take all day.
                    let (piece, after) = if bytes.len() > 2000 { (rest, &rest[..0]) } else { (piece, after) };
                    if !self.wire.try_send(piece) || after.is_empty() {
                        break;
                    }
                    std::thread::yield_now();
                    rest = after;
                }
            }
            Step::Send(bytes) => {
                self.wire.try_send(bytes);
            }
            Step::Ready(n) => return (0..*n).all(|_| self.until(|message| message.tag == b'Z')),
            Step::Until(tag) => return self.until(|message| message.tag == *tag),
            Step::End => return self.until(|_| false),
            Step::Last => {
                let last = |message: &Message| message.tag == b'D' && message.body.ends_with(LAST.as_bytes());
                return self.until(last) && self.until(|message| message.tag == b'Z');
            }
            Step::Aside(sql) => {
                let aside = self.aside.get_or_insert_with(|| proxy.admin());
                aside.run(&aside_sql(sql, self.wire.parameters.iter()));
            }
            Step::AsideBegins(sql) => {
                let aside = self.aside.get_or_insert_with(|| proxy.admin());
                aside.send(&query(&aside_sql(sql, self.wire.parameters.iter())));
                let mut admin = proxy.admin();
                eventually("the other waits for a lock", || {
                    admin.value("select count(*) from pg_stat_activity where usename = 'postgres' and wait_event_type = 'Lock'")
                        != "0"
                });
            }
        }
        true
    }

    fn until(&mut self, found: impl Fn(&Message) -> bool) -> bool {
        while let Some(message) = self.wire.try_recv() {
            let last = found(&message);
            self.heard.push(message);
            if last {
                return true;
            }
        }
        self.heard.push(Message { tag: END, body: Vec::new() });
        false
    }
}

/// `SCHEMA` in the text is the tenant's.
fn aside_sql<'a>(sql: &str, mut parameters: impl Iterator<Item = &'a (String, String)>) -> String {
    let role = parameters.find(|(name, _)| name == "session_authorization").expect("the role is told");
    sql.replace("SCHEMA", &role.1)
}

/// The other client: it has a transaction of its own whenever it can, and leaves all it may on the
/// server connection: settings, statements of the same names, the unnamed statement.
struct Other {
    wire: Wire,
    asked: Option<usize>,
    turns: usize,
}

impl Other {
    const fn new(wire: Wire) -> Self {
        Self { wire, asked: None, turns: 0 }
    }

    fn has_a_turn(&mut self, proxy: &Proxy) {
        if self.asked.is_none() {
            self.turns += 1;
            self.asked = Some(self.turns);
            let token = format!("other {}", self.turns);
            let messages = [
                query(&format!("begin; set application_name = '{token}'; set datestyle = 'German'")),
                close_statement("s"),
                parse("s", "select 'of the other', current_setting('application_name')"),
                bind("p", "s", &[]),
                parse("", "select 'unnamed of the other'"),
                bind("", "", &[]),
                describe_portal("p"),
                execute("p", 1),
                sync(),
                query("commit"),
            ];
            self.wire.send(&messages.concat());
        }
        // It has its turn, or stands in the queue and has it as soon as the conversation lets go.
        eventually("the other client had its turn or waits for it", || {
            let waits = proxy.shared().clusters.main().pool.load().waiting > 0;
            self.wire.has_input() || waits
        });
        if self.wire.has_input() {
            self.answered();
        }
    }

    fn answered(&mut self) {
        let Some(turn) = self.asked.take() else { return };
        let lines: Vec<String> = (0..3).flat_map(|_| self.wire.until_ready()).collect();
        let row = format!("DataRow of the other|other {turn}");
        assert!(lines.contains(&row) && lines.last().unwrap() == "ReadyForQuery I", "{lines:#?}");
        assert!(!lines.iter().any(|line| line.starts_with("Error") || line == "end"), "{lines:#?}");
    }
}

/// Takes away what differs between any two connections: see docs/compatibility.md, "Protocol parity".
pub(super) fn normalise(direct: &mut [Message], through: &mut [Message]) {
    for side in [&mut *direct, &mut *through] {
        let mut tables = HashMap::new();
        for message in side.iter_mut() {
            match message.tag {
                b'T' => number_tables(&mut message.body, &mut tables),
                b'E' if field(&message.body, b'C') == Some(b"40P01") => {
                    message
                        .body
                        .iter_mut()
                        .filter(|byte| byte.is_ascii_digit())
                        .for_each(|byte| *byte = b'0');
                    message.body = squeeze(&message.body);
                }
                _ => {}
            }
        }
    }
    // An error of the proxy's own is nowhere in PostgreSQL's source.
    for (a, b) in direct.iter_mut().zip(through) {
        if a.tag == b'E' && b.tag == b'E' && field(&b.body, b'F').is_none() {
            a.body = without(&a.body, b"FLR");
            // What does not parse is refused by a rule, which says so.
            if field(&b.body, b'D') == Some(b"Refused by pgtenant's rule `unparsable`.") {
                b.body = without(&b.body, b"DH");
            }
        }
    }
}

pub(super) fn field(body: &[u8], code: u8) -> Option<&[u8]> {
    fields(body).find(|field| field.first() == Some(&code)).map(|field| &field[1..])
}

fn fields(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == 0).filter(|field| !field.is_empty())
}

fn without(body: &[u8], codes: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = fields(body)
        .filter(|field| !codes.contains(&field[0]))
        .flat_map(|field| [field, &[0]].concat())
        .collect();
    out.push(0);
    out
}

/// Process ids have different numbers of digits.
fn squeeze(body: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    body.iter().filter(|byte| byte.is_ascii()).for_each(|byte| {
        if *byte != b'0' || out.last() != Some(&b'0') {
            out.push(*byte);
        }
    });
    out
}

/// Tables made by the conversation have other numbers each time; the how many-th they are stays.
fn number_tables(body: &mut [u8], known: &mut HashMap<u32, u32>) {
    let mut at = 2;
    while let Some(end) = body.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 0)) {
        let place = at + end + 1;
        let Some(oid) = body.get_mut(place..place + 4) else { return };
        let number = u32::from_be_bytes([oid[0], oid[1], oid[2], oid[3]]);
        if number >= 16_384 {
            let next = u32::try_from(known.len()).unwrap() + 1;
            oid.copy_from_slice(&known.entry(number).or_insert(next).to_be_bytes());
        }
        at = place + 18;
    }
}

pub(super) fn assert_same(direct: &[Message], through: &[Message], what: &str) {
    let Some(at) = (0..direct.len().max(through.len())).find(|&n| direct.get(n) != through.get(n)) else {
        return;
    };
    let mut text = format!("message {at} differs: {what}\n");
    for (n, message) in direct.iter().enumerate().take(at + 3).skip(at.saturating_sub(3)) {
        let _ = writeln!(text, "{n} direct  {}", shown(message));
    }
    for (n, message) in through.iter().enumerate().take(at + 3).skip(at) {
        let _ = writeln!(text, "{n} through {}", shown(message));
    }
    if let (Some(a), Some(b)) = (direct.get(at), through.get(at)) {
        let cut = |body: &[u8]| String::from_utf8_lossy(&body[..body.len().min(300)]).replace('\0', "·");
        let _ = writeln!(text, "direct  {}\nthrough {}", cut(&a.body), cut(&b.body));
    }
    panic!("{text}");
}

pub(super) fn shown(message: &Message) -> String {
    if message.tag == END {
        return "end".to_owned();
    }
    message.to_string().chars().take(200).collect()
}

fn told(conversation: &[Step]) -> String {
    let mut text = String::new();
    for step in conversation {
        let _ = match step {
            Step::Send(bytes) => {
                let cut = &bytes[..bytes.len().min(600)];
                writeln!(text, "  send {}", String::from_utf8_lossy(cut).replace('\0', "·"))
            }
            step => writeln!(text, "  {step:?}"),
        };
    }
    text
}
