//! Level `shared` put together: a login that may take every tenant's role and has taken alpha's, and the
//! guard before it, which says what is sent and in which form. On a hardened database and on one that is not.

use std::collections::BTreeMap;

use pgtenant::guard::{Effect, Guard, Scope, UNPARSABLE, Verdict};

use crate::attack::alone::{BEYOND, FOLLOW_UPS, MODES, Mode, begin, scope};
use crate::attack::list::texts;
use crate::attack::world::{POOL, Text, World, alive, assert_no_panic, converse, corpus, lines};
use crate::harden::fill;
use crate::harden::routes::{EXPRESSIONS, ROUTINES, TAMPERING};
use crate::levels::{EARLIER, ESCAPES};
use crate::support::wire::{Message, Wire, copy_data, copy_done, query, sync, unnamed};

/// What the pool sends first, after the login and after every reset.
const SWITCH: &str = "set role tenant_alpha; set search_path = tenant_alpha, global";

/// Who the session is: alpha to the very end.
const WHO: &str = "select current_user, session_user";

/// Alters nothing of what is there: an attacker opens its routines to the roles that it means to become.
const OPENED: &str = "alter default privileges grant execute on routines to public";

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
        };
        shared.follow_ups = FOLLOW_UPS.iter().filter_map(|sql| Some(shared.judge(sql).ok()?.0)).collect();
        shared
    }

    /// The form it is sent in, and whether its session is of no use afterwards; or the rule against it.
    fn judge(&self, sql: &str) -> Result<(String, bool), &'static str> {
        match self.guard.judge(sql, &self.scope) {
            Verdict::Allow(allowed) => {
                let sent = allowed.rewritten.as_deref().unwrap_or(sql);
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
    fn send(&self, wire: &mut Wire, mode: Mode, sql: &str, status: u8, seen: &mut Vec<Message>) -> Fate {
        match self.judge(sql) {
            Err(rule) => {
                if status != b'I' {
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
        let mut wire = self.wire.take().unwrap_or_else(|| self.switched());
        let in_transaction = mode == Mode::InTransaction;
        let (mut seen, mut fates) = (Vec::new(), Vec::new());
        if in_transaction {
            seen.extend(begin(&mut wire, &attack.texts.join(";")));
        }
        for text in &attack.texts {
            let fate = self.send(&mut wire, mode, text, status(&seen), &mut seen);
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
        let clean = !attack.texts.iter().any(|text| matches!(self.judge(text), Ok((_, true))));
        let kept = self.give_back(&attack.name, wire, &mut seen);
        self.wire = kept.filter(|_| clean);
        self.look(mode, &attack.name, &seen);
        fates
    }

    /// Uses what may have been made, and asks each time who does.
    fn follow_up(&self, wire: &mut Wire, in_transaction: bool) -> Vec<Message> {
        let (before, after): (&[&str], &[&str]) =
            if in_transaction { (&["savepoint f"], &["rollback to f", WHO]) } else { (&[], &[]) };
        let (mut bytes, mut rounds) = (Vec::new(), 0);
        for sql in &self.follow_ups {
            for sql in [before, &[sql, WHO, BEYOND], after].concat() {
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
        println!(
            "shared, hardened: {}: {what}: {} attacks, {} statements: {refused} refused, {done} done, {} failed; {} escapes so far",
            self.scope.hardened,
            attacks.len() * MODES.len(),
            all.len(),
            all.len() - refused - done,
            self.findings.len()
        );
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
        for (number, (what, routes)) in
            [("expressions", EXPRESSIONS), ("routines", ROUTINES), ("tampering", TAMPERING)]
                .into_iter()
                .enumerate()
        {
            let (world, first) = (self.world, number * 1000);
            let route = |(number, route): (usize, &crate::harden::routes::Route)| Attack {
                name: route.name.to_owned(),
                texts: route.sql.iter().map(|sql| fill(&world.proxy.db, POOL, sql, first + number)).collect(),
            };
            let routes: Vec<_> = routes.iter().enumerate().map(route).collect();
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
        let in_transaction = mode == Mode::InTransaction;
        if in_transaction {
            begin(&mut connection, &text.sql);
        }
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

#[test]
fn nobody_leaves_a_shared_login_of_a_hardened_database_and_applications_work() {
    let world = World::shared(true);
    let turn = world.turn();
    let allowed = Shared::new(world, true).run();
    drop(turn);
    let world = World::shared(false);
    let _turn = world.turn();
    let texts = corpus("allow");
    let mut differences: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut files: BTreeMap<&str, ()> = BTreeMap::new();
    for mode in MODES {
        for ((text, shared), itself) in texts.iter().zip(&allowed[&mode]).zip(as_itself(world, mode, &texts))
        {
            if shared[0] != itself {
                files.insert(&text.name, ());
                let what = format!("{:?} instead of {itself:?}", shared[0]);
                differences.entry(what).or_default().push(format!("{mode:?} {}", text.name));
            }
        }
    }
    println!("shared, hardened: {} of {} files differ: {differences:#?}", files.len(), texts.len());
    assert_no_panic();
}

#[test]
fn nobody_leaves_a_shared_login_of_a_database_that_is_not_hardened() {
    let world = World::shared(false);
    let _turn = world.turn();
    Shared::new(world, false).run();
    assert_no_panic();
}
