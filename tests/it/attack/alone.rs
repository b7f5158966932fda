//! Each layer alone: the corpus against PostgreSQL's privileges without a guard, and against the guard
//! without privileges. And with neither, to see that the corpus attacks and that this test would notice.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgtenant::guard::{Guard, Scope, Verdict};
use pgtenant::tenant::{Ident, Level, TenantId};
use uuid::Uuid;

use crate::attack::list::texts;
use crate::attack::world::{SPARE, Text, World, alive, converse, corpus, lines};
use crate::support::wire::{Message, Wire, query, sync, unnamed};

/// What uses the objects that an attack may have made, and shows under whose name it is done.
pub(super) const FOLLOW_UPS: &[&str] = &[
    "select session_user",
    "table customers",
    "select * from x",
    "select * from v",
    "select f()",
    "select f(1)",
    "insert into customers (name) values ('new') returning *",
    "insert into tickets values (2, 1, 'new') returning *",
    "select a(1), 1 === 2",
    "execute p",
    "fetch all in c",
    "call p()",
    "select 1::d",
    "insert into x default values",
    "refresh materialized view v",
    "select * from secrets",
    "table events",
    "select * from t",
];

/// What a role must not be able to do, whatever it did before.
pub(super) const BEYOND: &str = "table tenant_beta.customers";

/// What is in the way of a text, by words of it, and is put aside first: a name that is taken would stop
/// it before any privilege is asked for. As far as the role may.
const IN_THE_WAY: &[(&str, &str)] = &[
    ("CREATE FUNCTION f(", "drop function if exists f(), f(int), f(int, int) cascade"),
    ("CREATE FUNCTION tenant_beta.f(", "drop function tenant_beta.f() cascade"),
    ("CREATE PROCEDURE p(", "drop procedure p()"),
    ("CREATE TEXT SEARCH CONFIGURATION c", "drop text search configuration c"),
    ("CREATE SEQUENCE tenant_beta.s", "drop sequence tenant_beta.s"),
    ("CREATE OR REPLACE VIEW tenant_beta.v", "drop view tenant_beta.v"),
    ("CREATE TYPE tenant_beta.mood", "drop type tenant_beta.mood"),
    ("CREATE RULE r AS ON INSERT TO tenant_beta.", "drop rule r on tenant_beta.customers"),
    ("CREATE TRIGGER t BEFORE INSERT ON tenant_beta.", "drop trigger t on tenant_beta.customers"),
    ("CREATE CAST (tenant_beta.a", "drop cast (tenant_beta.a as text)"),
    ("ALTER TABLE customers INHERIT", "alter table customers add constraint c check (id > 0)"),
    ("ALTER TABLE customers SET SCHEMA", "alter table tenant_beta.customers rename to moved"),
    ("ALTER FUNCTION f(int) SET SCHEMA", "drop function tenant_beta.f(int)"),
    (
        "ALTER TABLE tenant_beta.customers ADD COLUMN x",
        "alter table tenant_beta.customers drop column x cascade",
    ),
    ("INTO customers", "truncate customers"),
    ("PARTITION OF tenant_beta.events", "drop table if exists x"),
    ("CREATE ROLE x", "drop role x"),
    ("CREATE USER x", "drop role x"),
    ("CREATE GROUP x", "drop role x"),
    ("CREATE SCHEMA tenant_alpha", "drop schema tenant_alpha cascade"),
    ("CREATE SCHEMA AUTHORIZATION", "drop schema tenant_beta cascade"),
];

/// How an attack is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Simple,
    Extended,
    InTransaction,
}

fn message(mode: Mode, sql: &str) -> Vec<u8> {
    // The corpus has settings whose value is a parameter.
    let values: &[&str] = if sql.contains(", $1,") { &["tenant_beta"] } else { &[] };
    match mode {
        Mode::Extended => [unnamed(sql, values), sync()].concat(),
        Mode::Simple | Mode::InTransaction => query(sql),
    }
}

/// Runs each of these, and `then` behind each of them; within a transaction, undone before the next.
fn follow_up(wire: &mut Wire, then: &[&str], in_transaction: bool) -> Vec<Message> {
    let (mut bytes, mut rounds) = (Vec::new(), 0);
    for sql in FOLLOW_UPS {
        let (before, after): (&[_], &[_]) =
            if in_transaction { (&["savepoint f"], &["rollback to f"]) } else { (&[], &[]) };
        for sql in [before, &[sql], then, after].concat() {
            rounds += 1;
            bytes.extend(query(sql));
        }
    }
    converse(wire, &bytes, rounds)
}

/// Begins a transaction in which the text can do what it wants, and a savepoint `s`.
pub(super) fn begin(wire: &mut Wire, sql: &str) -> Vec<Message> {
    let mut seen = converse(wire, &query("begin"), 1);
    for (_, aside) in IN_THE_WAY.iter().filter(|(words, _)| sql.contains(words)) {
        seen.extend(converse(wire, &[query("savepoint q"), query(aside)].concat(), 2));
        if seen.last().is_some_and(|message| message.body == b"E") {
            seen.extend(converse(wire, &query("rollback to q"), 1));
        }
    }
    seen.extend(converse(wire, &query("savepoint s"), 1));
    seen
}

/// One attack by alpha's role, and all that follows from it; and whether it was accepted. `follows` is whether something
/// can follow from one that was not.
pub(super) fn attack_as_alpha(wire: &mut Wire, mode: Mode, sql: &str, follows: bool) -> (Vec<Message>, bool) {
    let in_transaction = mode == Mode::InTransaction;
    let mut seen = Vec::new();
    if in_transaction {
        seen.extend(begin(wire, sql));
    }
    let answer = converse(wire, &message(mode, sql), 1);
    let accepted = !answer.iter().any(|message| message.tag == b'E');
    seen.extend(answer);
    if !alive(&seen) {
        return (seen, accepted);
    }
    if in_transaction && !accepted {
        // A savepoint that is gone with its transaction is an error that changes nothing.
        seen.extend(converse(wire, &query("rollback to s"), 1));
    }
    if accepted || follows {
        seen.extend(follow_up(wire, &[BEYOND], in_transaction));
    }
    if in_transaction && alive(&seen) {
        seen.extend(converse(wire, &query("rollback"), 1));
    }
    (seen, accepted)
}

/// Sends every text in these modes directly to PostgreSQL as alpha's role. Returns how many were sent, and
/// how many of them PostgreSQL accepted.
fn attack_without_guard(world: &World, texts: &[Text], modes: &[Mode]) -> (usize, usize) {
    attack_as(world, texts, modes, |world| world.proxy.direct("alpha"))
}

/// The same in sessions that become alpha's in this way.
fn attack_as(
    world: &World,
    texts: &[Text],
    modes: &[Mode],
    log_in: impl Fn(&World) -> Wire,
) -> (usize, usize) {
    let (mut sent, mut accepted) = (0, 0);
    for &mode in modes {
        let mut sign = world.sign();
        let mut wire = Some(log_in(world));
        // Privileges are the same in both protocols, and only one of them has parameters.
        let texts: Vec<_> =
            texts.iter().filter(|text| mode != Mode::Extended || text.sql.contains('$')).collect();
        for (number, text) in texts.iter().enumerate() {
            let mut connection = wire.take().unwrap_or_else(|| log_in(world));
            // Something can follow from what was refused where a part of it may have been committed.
            let (seen, done) = attack_as_alpha(&mut connection, mode, &text.sql, mode == Mode::Simple);
            assert!(!world.betrayed(&seen), "{mode:?} {}: {:#?}", text.name, lines(&seen));
            sent += 1;
            accepted += usize::from(done);
            // A refusal, or the end of the transaction, left the session as it was.
            let clean = !done || (mode == Mode::InTransaction && !changes_session(&text.sql));
            wire = (clean && alive(&seen)).then_some(connection);
            if world.sign() != sign {
                wire = None;
                world.restore_alpha();
                sign = world.sign();
            }
            if number % 50 == 49 {
                let last: Vec<_> = texts[number - 49..=number].iter().map(|text| &text.name).collect();
                world.assert_untouched(&format!("{mode:?}, one of {last:?}"));
            }
        }
        world.assert_untouched(&format!("{mode:?}, one of the last"));
    }
    (sent, accepted)
}

/// Whether the text may leave something in its session that ROLLBACK does not undo.
fn changes_session(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    ["prepare", "commit", "rollback", "end", "lock", "hold", "execute", "set"]
        .iter()
        .any(|word| sql.contains(word))
}

/// Every way.
pub(super) const MODES: [Mode; 3] = [Mode::InTransaction, Mode::Simple, Mode::Extended];

#[test]
fn deny_corpus_reaches_nothing_of_another_tenant_where_only_privileges_stand() {
    let world = World::kept();
    let _turn = world.turn();
    let texts = corpus("deny");
    assert!(texts.len() >= 400, "{}", texts.len());
    let (sent, accepted) = attack_without_guard(world, &texts, &MODES);
    println!("roles alone: {} files, {sent} attacks, {accepted} accepted, 0 escapes", texts.len());
}

#[test]
fn what_no_text_shows_reaches_nothing_of_another_tenant_where_only_privileges_stand() {
    let world = World::kept();
    let _turn = world.turn();
    let texts = texts();
    let (sent, accepted) = attack_without_guard(world, &texts, &MODES);
    println!("roles alone: {} texts, {sent} attacks, {accepted} accepted, 0 escapes", texts.len());
}

#[test]
fn session_bound_by_set_session_auth_reaches_no_more_than_one_logged_in() {
    let world = World::spares();
    let _turn = world.turn();
    let bind = |world: &World| {
        let mut wire = world.log_in(SPARE, SPARE);
        assert_eq!(wire.value("select public.set_session_auth('tenant_alpha')"), "OK");
        wire
    };
    for (texts, modes) in [(corpus("deny"), &[Mode::Simple][..]), (texts(), &MODES[..2])] {
        let (sent, accepted) = attack_as(world, &texts, modes, bind);
        println!("bound: {} texts, {sent} attacks, {accepted} accepted, 0 escapes", texts.len());
    }
}

#[test]
fn allow_corpus_reaches_nothing_of_another_tenant_where_only_privileges_stand() {
    let world = World::kept();
    let _turn = world.turn();
    let texts = corpus("allow");
    let (sent, accepted) = attack_without_guard(world, &texts, &[Mode::InTransaction]);
    println!("roles alone: {} files, {sent} attacks, {accepted} accepted, 0 escapes", texts.len());
}

/// What an attack achieved where nothing stops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Achieved {
    /// A row of beta's was received.
    Marker,
    /// Something that is not alpha's was changed, or the role or path is another one.
    Change,
    /// A relation that is not alpha's was used, and neither shown nor changed.
    Use,
    /// The statement ran, and what it tells or does is none of these.
    Run,
    Nothing,
}

/// What a role that may do everything achieves, in transactions that are taken back.
struct Superuser<'a> {
    world: &'a World,
    wire: Option<Wire>,
    /// Whether only rows count: what changes is not looked at.
    only_rows: bool,
    /// The digest before an attack, where it is as behind the last one, which was taken back and had changed nothing.
    before: Option<Vec<String>>,
}

impl<'a> Superuser<'a> {
    const fn new(world: &'a World, only_rows: bool) -> Self {
        Self { world, wire: None, only_rows, before: None }
    }

    fn attack(&mut self, sql: &str) -> Achieved {
        let world = self.world;
        let login = || world.log_in("postgres", world.proxy.superuser_password());
        let mut wire = self.wire.take().unwrap_or_else(login);
        let mut seen = begin(&mut wire, sql);
        let digest = |wire: &mut Wire| if self.only_rows { Vec::new() } else { digest_in(wire) };
        let before = self.before.take().unwrap_or_else(|| digest(&mut wire));
        let attack = converse(&mut wire, &message(Mode::InTransaction, sql), 1);
        let outside = lines(&attack).iter().any(|line| line.contains(" 25001 "));
        let failed = attack.iter().any(|message| message.tag == b'E');
        seen.extend(attack);
        let (mut used, mut after) = (false, before.clone());
        if failed {
            seen.extend(converse(&mut wire, &query("rollback to s"), 1));
        } else {
            used = !lines(&converse(&mut wire, &query("select harness.used()"), 1))
                .contains(&"DataRow 0".into());
            after = digest(&mut wire);
            seen.extend(follow_up(&mut wire, &[], true));
        }
        let ended = converse(&mut wire, &query("rollback"), 1);
        if alive(&ended) && !changes_session(sql) {
            self.wire = Some(wire);
        }
        if before == after && !outside {
            self.before = Some(before.clone());
        }
        let changed = before != after || (outside && self.runs_alone(sql));
        match (world.betrayed(&seen), changed, used, failed) {
            (true, ..) => Achieved::Marker,
            (_, true, ..) => Achieved::Change,
            (_, _, true, _) => Achieved::Use,
            (.., failed) => {
                if failed {
                    Achieved::Nothing
                } else {
                    Achieved::Run
                }
            }
        }
    }

    /// Whether a statement that wants no transaction around it runs without one.
    fn runs_alone(&self, sql: &str) -> bool {
        let mut wire = self.world.log_in("postgres", self.world.proxy.superuser_password());
        !converse(&mut wire, &query(sql), 1).iter().any(|message| message.tag == b'E')
    }
}

/// The digest as this transaction sees it; an error, where its role may not ask for it.
fn digest_in(wire: &mut Wire) -> Vec<String> {
    let lines = lines(&converse(wire, &query("savepoint d; select harness.digest()"), 1));
    converse(wire, &query("rollback to d"), 1);
    lines
}

/// What is achieved by a role that may take every tenant's role, and has taken alpha's: what a shared
/// login is without a guard.
fn attack_as_member(world: &World, wire: &mut Wire, sql: &str) -> Achieved {
    let mut seen = begin(wire, sql);
    seen.extend(converse(wire, &message(Mode::InTransaction, sql), 1));
    seen.extend(follow_up(wire, &[BEYOND], true));
    converse(wire, &query("rollback"), 1);
    if world.betrayed(&seen) { Achieved::Marker } else { Achieved::Nothing }
}

/// Not tried where they would succeed: they leave the server, for files, programs and other hosts.
fn leaves_the_server(text: &Text) -> bool {
    text.sql.starts_with("-- deny: server_files") || text.sql.contains("CREATE SUBSCRIPTION")
}

#[test]
fn most_of_the_deny_corpus_succeeds_where_nothing_stops_it() {
    let world = World::broken();
    let _turn = world.turn();
    world.ask(
        "do $$ begin create role pool login noinherit password 'pool'; grant tenant_alpha, tenant_beta to pool;
         end $$; select 1",
    );
    let mut superuser = Superuser::new(world, false);
    let mut achieved: BTreeMap<Achieved, Vec<String>> = BTreeMap::new();
    for text in corpus("deny").into_iter().filter(|text| !leaves_the_server(text)) {
        let mut best = superuser.attack(&text.sql);
        if best > Achieved::Change {
            let mut wire = world.log_in("pool", "pool");
            wire.run("set role tenant_alpha");
            best = best.min(attack_as_member(world, &mut wire, &text.sql));
        }
        achieved.entry(best).or_default().push(text.name);
    }
    let names = |what| achieved.get(&what).cloned().unwrap_or_default();
    for what in [Achieved::Marker, Achieved::Change, Achieved::Use, Achieved::Run, Achieved::Nothing] {
        println!("without any layer, {what:?}: {}: {}", names(what).len(), names(what).join(" "));
    }
    let marker = names(Achieved::Marker).len();
    let reached = marker + names(Achieved::Change).len() + names(Achieved::Use).len();
    assert!(marker >= 70, "{marker} show a row of beta's");
    assert!(reached >= 220, "{reached} reach something of beta's");
}

/// A tenant's scope at level `shared`.
pub(super) fn scope(hardened: bool) -> Scope {
    Scope {
        tenant: TenantId(Uuid::from_u128(1)),
        schema: Ident::parse("tenant_alpha").unwrap(),
        role: Ident::parse("tenant_alpha").unwrap(),
        channels: pgtenant::tenant::ChannelPrefix::new(&[0xab; 32]),
        public_is_own: false,
        shared_schemas: Arc::from([Ident::parse("global").unwrap()]),
        level: Level::Shared,
        hardened,
        access: pgtenant::tenant::Access::ReadWrite,
        extra_settings: Arc::new([]),
        extra_functions: Arc::from([]),
    }
}

/// Lets the guard judge the texts for a tenant of level `shared`, and sends what it allows, as it wants
/// it sent, for a role that may do everything. None may achieve as much as `limit`. Returns how many were
/// allowed.
fn attack_without_privileges(world: &World, texts: &[Text], hardened: bool, limit: Achieved) -> usize {
    let guard = Guard::new(&world.proxy.db.config.guard);
    let mut superuser = Superuser::new(world, limit == Achieved::Marker);
    let (scope, mut allowed, mut escapes) = (scope(hardened), 0, Vec::new());
    for text in texts {
        let Verdict::Allow(verdict) = guard.judge(&text.sql, &scope) else { continue };
        allowed += 1;
        let achieved = superuser.attack(verdict.rewritten.as_deref().unwrap_or(&text.sql));
        if achieved <= limit {
            escapes.push(format!("{}: {achieved:?}", text.name));
        }
    }
    assert!(escapes.is_empty(), "hardened: {hardened}: {escapes:#?}");
    allowed
}

#[test]
fn deny_corpus_is_stopped_by_the_guard_where_no_privileges_stand() {
    let world = World::broken();
    let _turn = world.turn();
    let texts = corpus("deny");
    for hardened in [false, true] {
        let allowed = attack_without_privileges(world, &texts, hardened, Achieved::Use);
        println!("guard alone, hardened: {hardened}: {} files, {allowed} allowed, 0 escapes", texts.len());
        assert_eq!(allowed, 0, "every file promises a refusal");
    }
}

#[test]
fn allow_corpus_shows_no_row_of_another_tenant_where_only_the_guard_stands() {
    let world = World::broken();
    let _turn = world.turn();
    let texts = corpus("allow");
    // What ends the transaction it is tried in looks like a change; rows are what counts here.
    let allowed = attack_without_privileges(world, &texts, true, Achieved::Marker);
    println!("guard alone, hardened: true: {} files, {allowed} allowed, 0 escapes", texts.len());
}
