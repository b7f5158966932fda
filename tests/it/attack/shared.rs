//! Level `shared` put together: a login that may take every tenant's role and has taken alpha's, and the
//! guard before it, which says what is sent and in which form. On a hardened database and on one that is not.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use pgtenant::guard::{Effect, Guard, Scope, UNPARSABLE, Verdict};

use crate::attack::alone::{BEYOND, FOLLOW_UPS, MODES, Mode, begin, scope};
use crate::attack::list::texts;
use crate::attack::world::{POOL, Text, World, alive, assert_no_panic, converse, corpus, lines};
use crate::harden::fill;
use crate::harden::routes::{EXPRESSIONS, ROUTINES, Route, TAMPERING};
use crate::levels::{EARLIER, ESCAPES};
use crate::support::wire::{Message, Wire, copy_data, copy_done, query, sync, unnamed};

/// What the pool sends first, after the login and after every reset.
const SWITCH: &str = "set role tenant_alpha; set search_path = tenant_alpha, global";

/// What comes to the same as DISCARD ALL in a session that keeps its role.
const DISCARDS: &str = "reset all";

/// Who the session is: alpha to the very end.
const WHO: &str = "select current_user, session_user";

/// Alters nothing of what is there: an attacker opens its routines to the roles that it means to become.
const OPENED: &str = "alter default privileges grant execute on routines to public";

/// Fails either way, with another error: the session has used its temporary schema before.
const DIFFERENT_ERROR: &[&str] =
    &["level-17-temporary-function.sql", "level-45-trigger-of-a-temporary-function.sql"];

/// How many ways out there are at least, of those in the tables, where the guard is wrong.
const LEFT_IF_TAKEN_FOR_HARDENED: usize = 130;

/// What became of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// By this rule of the guard's.
    Refused(&'static str),
    /// With this SQLSTATE, or none where the connection was closed.
    Failed(String),
    Done,
}

/// One or more statements that belong together.
struct Attack {
    name: String,
    texts: Vec<String>,
}

impl From<Text> for Attack {
    fn from(text: Text) -> Self {
        Self { name: text.name, texts: vec![text.sql] }
    }
}

/// What stands between alpha and the server, and the server connection.
struct Shared<'a> {
    world: &'a World,
    guard: Guard,
    scope: Scope,
    /// What alpha has in addition to [`World::restore_alpha`].
    more: &'a str,
    wire: Option<Wire>,
    follow_ups: Vec<String>,
    findings: Vec<String>,
    /// One line for each group of attacks.
    counts: Vec<String>,
}

impl<'a> Shared<'a> {
    fn new(world: &'a World, hardened: bool) -> Self {
        let mut shared = Self {
            world,
            guard: Guard::new(&world.proxy.db.config.guard),
            scope: scope(hardened),
            more: "",
            wire: None,
            follow_ups: Vec::new(),
            findings: Vec::new(),
            counts: Vec::new(),
        };
        shared.follow_ups = FOLLOW_UPS.iter().filter_map(|sql| Some(shared.judge(sql).ok()?.0)).collect();
        shared
    }

    /// The form it is sent in, and whether its session is of no use afterwards; or the rule against it.
    fn judge(&self, sql: &str) -> Result<(String, bool), &'static str> {
        match self.guard.judge(sql, &self.scope) {
            Verdict::Allow(allowed) => {
                let sent = allowed.rewritten.as_deref().unwrap_or(sql);
                // DISCARD ALL gives the role back, and the proxy takes it for the next transaction.
                let sent = if allowed.effects.has(Effect::DiscardAll) { DISCARDS } else { sent };
                Ok((sent.to_owned(), allowed.effects.has(Effect::Unclean)))
            }
            Verdict::Deny(denial) => Err(denial.rule.id),
        }
    }

    fn switched(&self) -> Wire {
        let mut wire = self.world.log_in(POOL, POOL);
        wire.run(SWITCH);
        wire
    }

    /// One statement as the proxy hands it on.
    fn send(&self, wire: &mut Wire, mode: Mode, sql: &str, seen: &mut Vec<Message>) -> Fate {
        match self.judge(sql) {
            Err(rule) => {
                if status(seen) != b'I' {
                    seen.extend(converse(wire, &query(UNPARSABLE), 1));
                }
                Fate::Refused(rule)
            }
            Ok((sent, _)) => {
                let mut answer = converse(wire, &message(mode, &sent), 1);
                let fate = fate(&answer);
                if mode == Mode::Extended && answer.iter().any(|message| message.tag == b'G') {
                    answer.extend(in_step(wire));
                }
                seen.extend(answer);
                fate
            }
        }
    }

    /// One attack and what follows from it. All that is found is noted; the session is given back.
    fn attack(&mut self, mode: Mode, attack: &Attack) -> Vec<Fate> {
        let in_transaction = mode == Mode::InTransaction;
        let judged: Vec<_> = attack.texts.iter().map(|text| self.judge(text)).collect();
        if !in_transaction && judged.iter().all(Result::is_err) {
            return judged.into_iter().filter_map(|judged| judged.err().map(Fate::Refused)).collect();
        }
        let mut wire = self.wire.take().unwrap_or_else(|| self.switched());
        let (mut seen, mut fates) = (Vec::new(), Vec::new());
        if in_transaction {
            seen.extend(begin(&mut wire, &attack.texts.join(";")));
        }
        for text in &attack.texts {
            let fate = self.send(&mut wire, mode, text, &mut seen);
            if in_transaction && alive_or_silent(&seen) {
                let next = if fate == Fate::Done { "savepoint s" } else { "rollback to s" };
                // A savepoint that is gone with its transaction is an error that changes nothing.
                seen.extend(converse(&mut wire, &query(next), 1));
            }
            fates.push(fate);
            if !alive_or_silent(&seen) {
                break;
            }
        }
        if alive_or_silent(&seen) && fates.contains(&Fate::Done) {
            seen.extend(self.follow_up(&mut wire, status(&seen) == b'T'));
        }
        let clean = !judged.iter().any(|judged| matches!(judged, Ok((_, true))));
        let kept = self.give_back(&attack.name, wire, &mut seen);
        self.wire = kept.filter(|_| clean);
        self.look(mode, &attack.name, &seen);
        fates
    }

    /// Uses what may have been made, and asks each time who does.
    fn follow_up(&self, wire: &mut Wire, in_transaction: bool) -> Vec<Message> {
        let (before, after): (&[&str], &[&str]) =
            if in_transaction { (&["savepoint f"], &["rollback to f"]) } else { (&[], &[]) };
        let (mut bytes, mut rounds) = (Vec::new(), 0);
        for sql in &self.follow_ups {
            for sql in [before, &[sql, WHO], after].concat() {
                rounds += 1;
                bytes.extend(query(sql));
            }
        }
        converse(wire, &bytes, rounds)
    }

    /// Asks who the session is, within what is open and after it; then makes it as the pool does. `None`
    /// if the connection has ended.
    fn give_back(&mut self, name: &str, mut wire: Wire, seen: &mut Vec<Message>) -> Option<Wire> {
        if !alive_or_silent(seen) {
            return None;
        }
        seen.extend(converse(&mut wire, &[query(WHO), query(BEYOND), query("rollback")].concat(), 3));
        let last = converse(&mut wire, &query(WHO), 1);
        if alive(&last) && !lines(&last).contains(&format!("DataRow tenant_alpha|{POOL}")) {
            self.findings.push(format!("{name}: the session is {:?}", lines(&last)));
        }
        seen.extend(last);
        seen.extend(converse(&mut wire, &[query(BEYOND), query("discard all"), query(SWITCH)].concat(), 3));
        let ready = fate(&seen[seen.len().saturating_sub(4)..]) == Fate::Done;
        (alive(seen) && ready).then_some(wire)
    }

    /// What must not be in any answer.
    fn look(&mut self, mode: Mode, name: &str, seen: &[Message]) {
        let lines = lines(seen);
        let alpha = format!("DataRow tenant_alpha|{POOL}");
        let other = |line: &&String| {
            line.starts_with("DataRow ") && line.ends_with(&format!("|{POOL}")) && **line != alpha
        };
        if let Some(line) = lines.iter().find(other) {
            self.findings.push(format!("{mode:?} {name}: is {line}"));
        }
        if let Some(told) = seen.iter().position(|message| self.world.betrays(&message.body)) {
            self.findings.push(format!("{mode:?} {name}: heard {}", lines[told]));
        }
    }

    fn restore(&mut self) {
        self.wire = None;
        self.world.restore_alpha();
        if !self.more.is_empty() {
            self.world.run_as_alpha(self.more);
        }
    }

    /// All of them in this mode, each by an alpha as it was made, if `anew`; and what became of each.
    fn attack_all(&mut self, mode: Mode, attacks: &[Attack], anew: bool) -> Vec<Vec<Fate>> {
        let mut sign = self.world.sign();
        let mut fates = Vec::new();
        for (number, attack) in attacks.iter().enumerate() {
            fates.push(self.attack(mode, attack));
            // Where nothing was done there is nothing to restore.
            if anew && fates[number].contains(&Fate::Done) && self.world.sign() != sign {
                self.restore();
                sign = self.world.sign();
            }
            if number % 50 == 49 || number + 1 == attacks.len() {
                let last: Vec<_> = attacks[number - number % 50..=number].iter().map(|a| &a.name).collect();
                self.world.assert_untouched(&format!("{mode:?}, one of {last:?}"));
            }
        }
        fates
    }

    /// The same in every mode, with counts.
    fn group(&mut self, what: &str, attacks: &[Attack], anew: bool) -> BTreeMap<Mode, Vec<Vec<Fate>>> {
        let mut fates = BTreeMap::new();
        for mode in MODES {
            fates.insert(mode, self.attack_all(mode, attacks, anew));
        }
        let all: Vec<&Fate> = fates.values().flatten().flatten().collect();
        let refused = all.iter().filter(|fate| matches!(fate, Fate::Refused(_))).count();
        let done = all.iter().filter(|fate| ***fate == Fate::Done).count();
        self.counts.push(format!(
            "shared, hardened: {}: {what}: {} attacks, {} statements: {refused} refused, {done} done, {} failed; {} escapes so far",
            self.scope.hardened,
            attacks.len() * MODES.len(),
            all.len(),
            all.len() - refused - done,
            self.findings.len()
        ));
        fates
    }

    /// Everything there is.
    fn run(&mut self) -> BTreeMap<Mode, Vec<Vec<Fate>>> {
        let denied = self.group("deny", &attacks(corpus("deny")), true);
        assert!(denied.values().flatten().flatten().all(|fate| matches!(fate, Fate::Refused(_))));
        self.group("list", &attacks(texts()), true);
        let allowed = self.group("allow", &attacks(corpus("allow")), true);
        self.more = EARLIER;
        self.restore();
        self.group("escapes", &escapes(), true);
        // Every statement of a route has names of its own.
        self.more = OPENED;
        self.restore();
        let world = self.world;
        for (what, routes) in [
            ("expressions", routes(world, EXPRESSIONS, 0)),
            ("expressions, disguised", disguised(routes(world, EXPRESSIONS, 1000))),
            ("routines", routes(world, ROUTINES, 2000)),
            ("tampering", routes(world, TAMPERING, 3000)),
        ] {
            self.group(what, &routes, false);
            self.restore();
        }
        self.more = "";
        self.restore();
        self.world.assert_untouched("all of it");
        assert!(self.findings.is_empty(), "hardened: {}: {:#?}", self.scope.hardened, self.findings);
        allowed
    }
}

/// The state of the transaction, as last told.
fn status(seen: &[Message]) -> u8 {
    seen.iter().rev().find(|message| message.tag == b'Z').map_or(b'I', |message| message.body[0])
}

/// Reads all there is. A COPY that fails before it reads leaves a Sync more than was counted.
fn in_step(wire: &mut Wire) -> Vec<Message> {
    let mut seen = Vec::new();
    if wire.try_send(&query("")) {
        while !(alive(&seen) && seen.iter().any(|message: &Message| message.tag == b'I')) {
            let Some(message) = wire.try_recv() else { break };
            seen.push(message);
        }
    }
    seen
}

/// Whether the connection is there: nothing was sent yet, or everything was answered.
fn alive_or_silent(seen: &[Message]) -> bool {
    seen.is_empty() || alive(seen)
}

fn fate(answer: &[Message]) -> Fate {
    let error = lines(answer).into_iter().find(|line| line.starts_with("Error "));
    match error {
        Some(error) => Fate::Failed(error.split(' ').nth(2).unwrap_or_default().to_owned()),
        None if alive(answer) => Fate::Done,
        None => Fate::Failed(String::new()),
    }
}

/// As many values as the text has parameters, if it is not code that has its own.
fn values(sql: &str) -> Vec<&'static str> {
    let small = sql.to_ascii_lowercase();
    if ["create ", "do ", "$$"].iter().any(|word| small.contains(word)) {
        return Vec::new();
    }
    let number = |part: &str| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    };
    vec!["1"; sql.split('$').skip(1).filter_map(number).max().unwrap_or(0).min(100)]
}

fn message(mode: Mode, sql: &str) -> Vec<u8> {
    if mode == Mode::Extended {
        return [unnamed(sql, &values(sql)), sync()].concat();
    }
    let mut bytes = query(sql);
    if sql.starts_with("copy ") && sql.ends_with("from stdin") {
        // Outside of COPY the server ignores it.
        bytes.extend([copy_data("1\n"), copy_done()].concat());
    }
    bytes
}

fn attacks(texts: Vec<Text>) -> Vec<Attack> {
    texts.into_iter().map(Attack::from).collect()
}

/// Their names have the numbers from `first` on.
fn routes(world: &World, routes: &[Route], first: usize) -> Vec<Attack> {
    let attack = |(number, route): (usize, &Route)| Attack {
        name: route.name.to_owned(),
        texts: route.sql.iter().map(|sql| fill(&world.proxy.db, POOL, sql, first + number)).collect(),
    };
    routes.iter().enumerate().map(attack).collect()
}

/// The same where the text does not show the setting's name, so that the guard does not refuse it for that.
fn disguised(routes: Vec<Attack>) -> Vec<Attack> {
    let text = |text: &String| text.replace("set_config('role'", "set_config(lower('ROLE')");
    let attack = |attack: Attack| Attack {
        name: format!("disguised {}", attack.name),
        texts: attack.texts.iter().map(text).collect(),
    };
    routes.into_iter().map(attack).collect()
}

fn escapes() -> Vec<Attack> {
    let attack = |(way, texts): &(&str, &[&str])| Attack {
        name: (*way).to_owned(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
    };
    ESCAPES.iter().map(attack).collect()
}

/// What becomes of each text where alpha logs in itself, without a guard or a hardening.
fn as_itself(world: &World, mode: Mode, texts: &[Text]) -> Vec<Fate> {
    let mut sign = world.sign();
    let mut wire = None;
    let mut fates = Vec::new();
    for text in texts {
        let mut connection = wire.take().unwrap_or_else(|| world.proxy.direct("alpha"));
        let answer = converse(&mut connection, &message(mode, &text.sql), 1);
        fates.push(fate(&answer));
        let end = [query("rollback"), query("discard all")].concat();
        wire = (alive(&answer) && alive(&converse(&mut connection, &end, 2))).then_some(connection);
        if fates.last() == Some(&Fate::Done) && world.sign() != sign {
            wire = None;
            world.restore_alpha();
            sign = world.sign();
        }
    }
    fates
}

/// Code that a tenant had before it shared a login, and that no text of its shows when it runs.
const BEFORE: &str =
    "create function before() returns trigger language plpgsql as 'begin reset role; return new; end';
    create trigger before before insert on tickets for each row execute function before();
    create function before_of(int) returns int language plpgsql as 'begin reset role; return 1; end';
    create operator @@@@ (function = before_of, rightarg = int);
    create type pair as (a int);
    create function before_of(pair) returns int language plpgsql as 'begin reset role; return 1; end';
    create cast (pair as int) with function before_of(pair);
    create table before (id int, a text default set_config(lower('ROLE'), 'none', false));
    create domain before_domain as text check (set_config(lower('ROLE'), value, false) = 'none');
    create view before_view as select set_config(lower('ROLE'), 'none', false) as a;
    create table before_rule (a int);
    create rule before as on insert to before_rule do also select set_config(lower('ROLE'), 'none', false)";

/// What runs it.
const RUNS_IT: &[(&str, &str)] = &[
    ("a trigger", "insert into tickets values (7, 7, 'x')"),
    ("an operator", "select @@@@ 1"),
    ("a cast", "select cast(row(1)::pair as int)"),
    ("a default", "insert into before (id) values (1)"),
    ("a domain", "select 'none'::before_domain"),
    ("a view", "table before_view"),
    ("a rule", "insert into before_rule values (1)"),
];

/// The ways by which alpha leaves its role, of those in [`RUNS_IT`].
fn left_by_what_was_there_before(hardened: bool) -> Vec<&'static str> {
    let world = World::shared(hardened);
    let _turn = world.turn();
    let mut shared = Shared::new(world, hardened);
    shared.more = BEFORE;
    shared.follow_ups.clear();
    let mut left = Vec::new();
    for (way, sql) in RUNS_IT {
        shared.restore();
        let attack = Attack { name: (*way).to_owned(), texts: vec![(*sql).to_owned()] };
        shared.attack(Mode::Simple, &attack);
        if !std::mem::take(&mut shared.findings).is_empty() {
            left.push(*way);
        }
    }
    shared.more = "";
    shared.restore();
    world.assert_untouched("what was there before");
    left
}

/// Without the hardening the guard keeps code from being made, and cannot see what is there.
#[test]
fn code_from_before_the_login_was_shared_leaves_the_role_unless_the_database_is_hardened() {
    assert_eq!(left_by_what_was_there_before(true), [""; 0]);
    let ways: Vec<_> = RUNS_IT.iter().map(|(way, _)| *way).collect();
    assert_eq!(left_by_what_was_there_before(false), ways);
}

/// The harness must be able to see an escape: a guard that takes a database for hardened which is not.
#[test]
fn guard_that_takes_the_database_for_hardened_is_left_where_it_is_not() {
    let world = World::shared(false);
    let _turn = world.turn();
    let mut shared = Shared::new(world, true);
    shared.more = EARLIER;
    shared.restore();
    let mut seen = BTreeMap::new();
    let expressions = disguised(routes(world, EXPRESSIONS, 0));
    // Taken back each time: beta stays as it is.
    for attack in escapes().into_iter().chain(expressions).chain(routes(world, ROUTINES, 1000)) {
        shared.attack(Mode::InTransaction, &attack);
        seen.insert(attack.name, !std::mem::take(&mut shared.findings).is_empty());
    }
    shared.more = "";
    shared.restore();
    world.assert_untouched("a guard that is wrong");
    let left = seen.values().filter(|left| **left).count();
    println!("shared, taken for hardened: {left} of {} leave the role", seen.len());
    assert!(left >= LEFT_IF_TAKEN_FOR_HARDENED, "{seen:#?}");
}

/// What becomes of the allow corpus in these modes where alpha logs in itself.
fn allowed_as_itself() -> &'static BTreeMap<Mode, Vec<Fate>> {
    static FATES: OnceLock<BTreeMap<Mode, Vec<Fate>>> = OnceLock::new();
    FATES.get_or_init(|| {
        let world = World::shared(false);
        let _turn = world.turn();
        let fates = |mode| (mode, as_itself(world, mode, &corpus("allow")));
        [Mode::Simple, Mode::Extended].map(fates).into()
    })
}

/// Of the allow corpus, what becomes of it otherwise at level `shared`.
fn differences(allowed: &BTreeMap<Mode, Vec<Vec<Fate>>>) -> BTreeMap<String, Vec<String>> {
    let texts = corpus("allow");
    let mut differences: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (mode, itself) in allowed_as_itself() {
        for ((text, shared), itself) in texts.iter().zip(&allowed[mode]).zip(itself) {
            // What the guard answers in the place of a server that would refuse works better than that.
            let better = matches!(shared[0], Fate::Done);
            if shared[0] != *itself && !better {
                let what = format!("{mode:?}: {:?} instead of {itself:?}", shared[0]);
                differences.entry(text.name.clone()).or_default().push(what);
            }
        }
    }
    differences
}

#[test]
fn nobody_leaves_a_shared_login_of_a_hardened_database_and_applications_work_as_with_their_own() {
    let world = World::shared(true);
    let turn = world.turn();
    let mut shared = Shared::new(world, true);
    let allowed = shared.run();
    println!("{}", shared.counts.join("\n"));
    drop(turn);
    let promised: Vec<_> = corpus("allow")
        .into_iter()
        .filter(|text| text.sql.starts_with("-- shared:"))
        .map(|text| text.name)
        .collect();
    let mut otherwise = differences(&allowed);
    println!("shared, hardened: {} files differ: {otherwise:#?}", otherwise.len());
    otherwise.retain(|name, _| !promised.contains(name) && !DIFFERENT_ERROR.contains(&name.as_str()));
    assert!(otherwise.is_empty(), "{otherwise:#?}");
    assert_no_panic();
}

#[test]
fn nobody_leaves_a_shared_login_of_a_database_that_is_not_hardened() {
    let world = World::shared(false);
    let turn = world.turn();
    let mut shared = Shared::new(world, false);
    shared.run();
    println!("{}", shared.counts.join("\n"));
    drop(turn);
    // Here, because the other database is still under attack.
    allowed_as_itself();
    assert_no_panic();
}
