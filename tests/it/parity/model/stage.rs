//! Where the clients act: through a proxy with few server connections, and each on a connection of its own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use pgtenant::config::Config;
use pgtenant::session::pin::PinReason;

use super::acts::{Act, CLIENTS, Rules, Step, TENANTS, tenant_of};
use crate::parity::harness::END;
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Message, Wire, query};

/// Server connections for everybody, and for a tenant. One is left free for whoever acts next.
const CONNECTIONS: usize = 4;
const CONNECTIONS_OF_A_TENANT: usize = 3;

/// What a client may keep its server connection for after an INSERT is no pin (ADR 8), and waiting for its end takes
/// longer.
const MOMENT: Duration = Duration::from_millis(20);
/// When a pin is known, however busy the machine is.
const PIN_KNOWN: Duration = Duration::from_secs(3);

/// Once, before the proxy gets to know the tenant.
const CODE: &str = "
    create or replace function by_function(value text) returns text language sql
    as $$ select set_config('app.other', value, false) $$";

const TABLES: &str = "
    drop table if exists things, once, child, parent, numbered;
    create table things (id serial primary key, who int, token text);
    create table once (id int primary key, who int);
    create table parent (id int primary key);
    insert into parent select generate_series(1, 3);
    create table child (id int references parent deferrable);
    create table numbered (id serial primary key, who int);
    insert into things (who, token) select n, 'first of ' || n from generate_series(0, 5) n";

/// A proxy and its tenants.
pub(super) struct Stage {
    proxy: Proxy,
    pub(super) rules: Rules,
}

/// What came of a case.
pub(super) struct Seen {
    /// Of each step; `None` where it could not be taken.
    pub(super) answers: Vec<Option<Vec<Message>>>,
    /// Of each client: what it heard, and from whom; at the end, what it believes of its settings.
    pub(super) notes: Vec<Vec<String>>,
}

impl Stage {
    pub(super) fn dedicated() -> Self {
        Self::of(Proxy::start(&TENANTS, few), true)
    }

    pub(super) fn shared() -> Self {
        Self::of(Proxy::start_shared(&TENANTS, few), false)
    }

    fn of(proxy: Proxy, is_dedicated: bool) -> Self {
        let schemas = TENANTS.map(|tenant| proxy.db.schema(tenant));
        TENANTS.iter().for_each(|tenant| proxy.direct(tenant).run(CODE));
        Self { proxy, rules: Rules { schemas, is_dedicated } }
    }

    pub(super) fn through(&self, steps: &[Step]) -> Seen {
        Side::new(self, false).run(steps, None)
    }

    /// With the steps that were taken there.
    pub(super) fn direct(&self, steps: &[Step], through: &Seen) -> Seen {
        Side::new(self, true).run(steps, Some(&through.answers))
    }

    /// Clients that keep a server connection of their own accord for as long as they like.
    fn pinned(&self) -> HashSet<i32> {
        let pinned = self.proxy.pinned().into_iter();
        pinned.filter(|pin| pin.reason != PinReason::Sequence).map(|pin| pin.pid).collect()
    }
}

fn few(config: &mut Config) {
    config.pool.max_server_connections = CONNECTIONS;
    config.limits.max_server_connections = CONNECTIONS_OF_A_TENANT;
    config.limits.wait_timeout = Duration::from_secs(15);
}

#[derive(Default)]
struct Player {
    wire: Option<Wire>,
    /// The number of its process, or what the proxy says it is.
    pid: i32,
    in_transaction: bool,
    parameters: BTreeMap<String, String>,
    notes: Vec<(i32, String)>,
}

struct Side<'a> {
    stage: &'a Stage,
    is_direct: bool,
    players: Vec<Player>,
    /// Of each tenant one who hears itself, and by then all before it was heard.
    ears: Vec<Wire>,
    speakers: HashMap<i32, usize>,
    admin: Wire,
}

impl<'a> Side<'a> {
    fn new(stage: &'a Stage, is_direct: bool) -> Self {
        for tenant in TENANTS {
            let mut setup = stage.proxy.direct(tenant);
            setup.run(TABLES);
            for n in 0..CLIENTS {
                setup.run(&format!("drop table if exists only_of_{n}; create table only_of_{n} (id int)"));
            }
        }
        let mut side = Self {
            stage,
            is_direct,
            players: (0..CLIENTS).map(|_| Player::default()).collect(),
            ears: Vec::new(),
            speakers: HashMap::new(),
            admin: stage.proxy.admin(),
        };
        for tenant in TENANTS {
            let mut ear = side.log_in(tenant, &[]);
            ear.run("listen ear");
            side.ears.push(ear);
        }
        side
    }

    fn log_in(&self, tenant: &str, startup: &[(&str, &str)]) -> Wire {
        if self.is_direct {
            self.stage.proxy.direct_with(tenant, startup).expect("login")
        } else {
            self.stage.proxy.wire_with(tenant, startup).expect("login")
        }
    }

    /// `taken` says which steps may be taken; without it that is found out.
    fn run(mut self, steps: &[Step], taken: Option<&[Option<Vec<Message>>]>) -> Seen {
        let mut answers = Vec::new();
        let mut rest = steps;
        while !rest.is_empty() {
            let together = 1 + rest[1..].iter().take_while(|step| step.at_once).count();
            let (now, after) = rest.split_at(together);
            // Who begins a block and fails in it has a server connection afterwards.
            let mut openers = Vec::new();
            let may: Vec<bool> = (now.iter().enumerate())
                .map(|(n, step)| match taken {
                    Some(taken) => taken[answers.len() + n].is_some(),
                    None => {
                        let may = self.may(step, together > 1, &openers);
                        openers.extend((may && step.begins_block()).then_some(step.client));
                        may
                    }
                })
                .collect();
            for (step, _) in now.iter().zip(&may).filter(|(_, may)| **may) {
                self.begin(step);
            }
            for (step, may) in now.iter().zip(&may) {
                let answer = may.then(|| self.answer(step));
                answers.push(answer);
            }
            self.settle(now.iter().any(Step::may_pin));
            now.iter().filter(|step| may_notify(step)).for_each(|step| self.hear(step.client));
            rest = after;
        }
        let notes = self.end();
        Seen { answers, notes }
    }

    /// Whether nobody has to wait for somebody who acts later.
    fn may(&self, step: &Step, in_company: bool, openers: &[usize]) -> bool {
        let pinned = self.stage.pinned();
        let holds = |player: &Player| player.in_transaction || pinned.contains(&player.pid);
        let player = &self.players[step.client];
        if player.in_transaction && !self.stage.rules.is_dedicated && step.ends_and_goes_on() {
            return false;
        }
        if holds(player) {
            return !in_company;
        }
        // Of one that is kept for its sequences nobody knows yet whether it is for more by now.
        let kept: HashSet<i32> = self.stage.proxy.pinned().iter().map(|pin| pin.pid).collect();
        let holders: Vec<usize> = (self.players.iter().enumerate())
            .filter(|(n, player)| holds(player) || kept.contains(&player.pid) || openers.contains(n))
            .map(|(n, _)| n)
            .collect();
        let of_tenant = holders.iter().filter(|n| tenant_of(**n) == tenant_of(step.client));
        holders.len() < CONNECTIONS - 1 && of_tenant.count() < CONNECTIONS_OF_A_TENANT - 1
    }

    fn begin(&mut self, step: &Step) {
        match &step.act {
            Act::Say(bytes) => {
                if let Some(wire) = &mut self.players[step.client].wire {
                    wire.try_send(bytes);
                }
            }
            Act::Return(startup) => {
                self.leave(step.client);
                let wire = self.log_in(tenant_of(step.client), startup);
                self.speakers.insert(wire.pid, step.client);
                let player = &mut self.players[step.client];
                player.pid = wire.pid;
                player.parameters = wire.parameters.iter().cloned().collect();
                player.wire = Some(wire);
            }
        }
    }

    /// As the next one would find things: what it held is free.
    fn leave(&mut self, client: usize) {
        let player = &mut self.players[client];
        player.in_transaction = false;
        let Some(wire) = player.wire.take() else { return };
        let (pid, admin, stage) = (wire.pid, &mut self.admin, self.stage);
        drop(wire);
        if self.is_direct {
            let there = format!("select count(*) from pg_stat_activity where pid = {pid}");
            eventually("the process has ended", || admin.value(&there) == "0");
        } else {
            eventually("the client has left", || {
                !stage.proxy.shared().roster.present().iter().any(|one| one.who.pid == pid)
            });
            eventually("what it had is free", || self.is_settled());
        }
    }

    /// Nobody but who is in a transaction or pinned has a server connection, or who may keep it for a moment yet. Whether
    /// somebody is pinned that may be is known by then.
    fn settle(&self, may_pin: bool) {
        let (begin, most) = (Instant::now(), if may_pin { PIN_KNOWN } else { MOMENT });
        while !self.is_direct && !self.is_settled() && begin.elapsed() < most {
            std::thread::yield_now();
        }
    }

    fn is_settled(&self) -> bool {
        let pinned: HashSet<i32> = self.stage.proxy.pinned().iter().map(|pin| pin.pid).collect();
        let holds = |player: &&Player| player.in_transaction || pinned.contains(&player.pid);
        let load = self.stage.proxy.shared().clusters.main().pool.load();
        load.waiting == 0 && load.total - load.idle == self.players.iter().filter(holds).count()
    }

    fn answer(&mut self, step: &Step) -> Vec<Message> {
        let mut heard = Vec::new();
        let player = &mut self.players[step.client];
        if matches!(step.act, Act::Return(_)) {
            return heard;
        }
        loop {
            let Some(message) = player.wire.as_mut().and_then(Wire::try_recv) else {
                heard.push(Message { tag: END, body: Vec::new() });
                (player.wire, player.in_transaction) = (None, false);
                break;
            };
            if player.note(&message) {
                continue;
            }
            let is_last = message.tag == b'Z';
            heard.push(message);
            if is_last {
                break;
            }
        }
        heard
    }

    /// What was said so far has been told to whoever listens.
    fn hear(&mut self, client: usize) {
        let lines = self.ears[client % TENANTS.len()].query("notify ear");
        assert!(lines.iter().any(|line| line.starts_with("Notification")), "{lines:?}");
    }

    fn end(mut self) -> Vec<Vec<String>> {
        for client in 0..CLIENTS {
            for text in ["rollback", "listen the_end"] {
                let step = Step { client, act: Act::Say(query(text)), at_once: false };
                self.begin(&step);
                self.answer(&step);
                self.settle(false);
            }
        }
        self.ears.iter_mut().for_each(|ear| ear.run("notify the_end"));
        for player in &mut self.players {
            while let Some(wire) = &mut player.wire
                && !player.notes.last().is_some_and(|(_, text)| text.starts_with("the_end"))
            {
                let message = wire.recv();
                player.note(&message);
            }
        }
        self.ears.clear();
        (0..CLIENTS).for_each(|client| self.leave(client));
        let roster = &self.stage.proxy.shared().roster;
        eventually("everybody has left", || roster.is_empty());
        let told = |(client, player): (usize, &Player)| {
            // On direct connections a tenant hears the others, too.
            let own = player.notes.iter().filter_map(|(pid, text)| {
                let speaker = self.speakers.get(pid);
                let is_heard = speaker.is_none_or(|speaker| tenant_of(*speaker) == tenant_of(client));
                is_heard.then(|| format!("from {speaker:?}: {text}"))
            });
            let believed = player.parameters.iter().map(|(name, value)| format!("{name} = {value}"));
            own.chain(believed).collect()
        };
        self.players.iter().enumerate().map(told).collect()
    }
}

impl Player {
    /// Whether the message belongs to no answer.
    fn note(&mut self, message: &Message) -> bool {
        match message.tag {
            b'A' => {
                let (pid, text) = message.body.split_first_chunk().expect("a process id");
                let text = String::from_utf8_lossy(text).replace('\0', " ");
                self.notes.push((i32::from_be_bytes(*pid), text));
            }
            b'S' => {
                let text = String::from_utf8_lossy(&message.body);
                let mut parts = text.split('\0');
                let mut part = || parts.next().unwrap_or_default().to_owned();
                self.parameters.insert(part(), part());
            }
            b'Z' => {
                self.in_transaction = message.body != b"I";
                return false;
            }
            _ => return false,
        }
        true
    }
}

/// Whether somebody may hear something of it.
fn may_notify(step: &Step) -> bool {
    let text = step.text();
    ["notify", "commit", "chain"].iter().any(|word| text.contains(word))
}
