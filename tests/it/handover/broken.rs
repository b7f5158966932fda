//! Each message of the proxy's in a hand-over, and in what makes a connection ready for the next, is answered by an
//! error, by the end of the server process, by what does not belong there, by nothing, and by each beginning of its
//! answer. What the tenant before left is there for whoever sees it: its role, its rows under the same name, its locks.

use std::time::{Duration, Instant};

use pgtenant::config::{Config, ServerAddress};

use crate::support::between::{Between, Fault, Heard, SPOILED};
use crate::support::cluster;
use crate::support::proxy::{Another, Proxy, eventually};
use crate::support::wire::{Wire, frame, query, sync, terminate, unnamed};

/// What beta does on a connection that alpha had.
struct Scenario {
    name: &'static str,
    /// What the server says it is.
    version: &'static str,
    /// More in beta's startup packet.
    start: &'static [(&'static str, &'static str)],
    /// What beta does before alpha has the connection.
    before: &'static [&'static str],
    /// What it says, one after the other, `$` being its row; the last it says may be that it leaves.
    says: &'static [Say],
    /// What a reset or hand-over of its kind sends, to see that it is this that is tried.
    sends: &'static [&'static str],
    /// Whether alpha's role is left, too. With it nothing can take another.
    leaves_role: bool,
    /// Whether beta is another client each time: what it says changes what its next messages come to.
    anew: bool,
    /// Whether each beginning of an answer is tried, and all that does not belong in its place.
    thorough: bool,
}

#[derive(Clone, Copy)]
enum Say {
    Query(&'static str),
    Batch(&'static str),
    /// Two batches in one write.
    Two(&'static str),
    /// Two queries in one write.
    Twice(&'static str),
    Leave,
}

use Say::{Batch, Leave, Query, Twice, Two};

const MINE: &str = "select '$', body from notes";

/// A version that takes a SET LOCAL in a batch for what it is.
const NEWEST: &str = "17.1";

const SCENARIOS: [Scenario; 13] = [
    Scenario {
        name: "a query",
        version: NEWEST,
        start: &[],
        before: &[],
        says: &[Query(MINE), Query(MINE)],
        sends: &["P DISCARD ALL", "P SET seed TO", "P SET LOCAL ROLE", "P SET standard_conforming_strings"],
        leaves_role: true,
        anew: false,
        thorough: true,
    },
    Scenario {
        name: "a batch",
        version: NEWEST,
        start: &[],
        before: &[],
        says: &[Batch(MINE), Batch(MINE)],
        sends: &["P DISCARD ALL", "P SET LOCAL ROLE"],
        leaves_role: false,
        anew: false,
        thorough: false,
    },
    Scenario {
        name: "two batches",
        version: NEWEST,
        start: &[],
        before: &[],
        says: &[Two(MINE), Two(MINE)],
        sends: &["P DISCARD ALL", "P SET LOCAL ROLE"],
        leaves_role: false,
        anew: false,
        thorough: false,
    },
    Scenario {
        name: "two queries",
        version: NEWEST,
        start: &[],
        before: &[],
        says: &[Twice(MINE)],
        sends: &["P DISCARD ALL", "P SET LOCAL ROLE"],
        leaves_role: false,
        anew: false,
        thorough: false,
    },
    Scenario {
        name: "a block",
        version: NEWEST,
        start: &[],
        before: &[],
        says: &[
            Query("begin"),
            Query(MINE),
            Batch(MINE),
            Query("commit and chain"),
            Query(MINE),
            Query("commit"),
        ],
        sends: &["P DISCARD ALL", "P SET LOCAL ROLE"],
        leaves_role: true,
        anew: false,
        thorough: false,
    },
    Scenario {
        name: "by a statement",
        version: "15.0",
        start: &[],
        before: &[],
        says: &[Query(MINE), Batch(MINE)],
        sends: &["P DISCARD ALL", "P SELECT pg_catalog.setseed"],
        leaves_role: false,
        anew: false,
        thorough: false,
    },
    Scenario {
        name: "awaited",
        version: "14.4",
        start: &[],
        before: &[],
        says: &[Query(MINE), Batch(MINE)],
        sends: &["Q DISCARD ALL", "P SELECT pg_catalog.setseed"],
        leaves_role: true,
        anew: false,
        thorough: true,
    },
    Scenario {
        name: "settings of the startup packet",
        version: NEWEST,
        start: &[("datestyle", "German"), ("options", "-c work_mem=7MB")],
        before: &[],
        says: &[Query(MINE), Batch("select '$', body, current_setting('work_mem') from notes")],
        sends: &["P SET LOCAL \"datestyle\"", "P SET LOCAL ROLE"],
        leaves_role: true,
        anew: false,
        thorough: false,
    },
    Scenario {
        name: "settings of the session",
        version: NEWEST,
        start: &[],
        before: &["set work_mem = '7MB'"],
        says: &[Query(MINE), Batch(MINE)],
        sends: &["Q DISCARD ALL", "Q SELECT pg_catalog.set_config('work_mem'", "P SET LOCAL ROLE"],
        leaves_role: true,
        anew: false,
        thorough: false,
    },
    Scenario {
        name: "what is in no transaction",
        version: NEWEST,
        start: &[],
        before: &[],
        says: &[Query("vacuum notes"), Query(MINE), Leave],
        sends: &["Q DISCARD ALL", "Q SET ROLE", "Q SELECT pg_catalog.setseed"],
        leaves_role: true,
        anew: false,
        thorough: false,
    },
    Scenario {
        name: "a block that is left",
        version: NEWEST,
        start: &[],
        before: &[],
        says: &[Query("begin"), Query(MINE), Leave],
        sends: &["Q ROLLBACK"],
        leaves_role: true,
        anew: false,
        thorough: false,
    },
    Scenario {
        name: "state that is left",
        version: NEWEST,
        start: &[],
        before: &[],
        says: &[Query("create temp table left_over as select 1 as a"), Query(MINE), Leave],
        sends: &["Q DISCARD ALL", "Q SELECT pg_catalog.setseed"],
        leaves_role: true,
        anew: false,
        thorough: false,
    },
    Scenario {
        name: "code",
        version: NEWEST,
        start: &[],
        before: &[],
        says: &[Query("do $$ begin perform set_config('geqo', 'off', false); end $$"), Query(MINE), Leave],
        sends: &["Q BEGIN ISOLATION LEVEL", "Q RESET ALL"],
        leaves_role: true,
        anew: true,
        thorough: false,
    },
];

/// Tenants on a server connection between which somebody stands. `one` proxy may be told to have other limits.
struct Ground<'a> {
    between: &'a Between,
    proxy: &'a Another<'a>,
    first: &'a Proxy,
    alpha: Wire,
    gamma: Wire,
    /// Beta of the case before, if it went on.
    beta: Option<Wire>,
    turns: usize,
}

/// What all of them have in common: a database with rows that tell whose they are.
fn database() -> Proxy {
    let proxy = Proxy::start_shared(&["alpha", "beta", "gamma"], |_| {});
    for tenant in ["alpha", "beta", "gamma"] {
        proxy.wire(tenant).run(&format!("insert into notes (body) values ('row of {tenant}')"));
    }
    proxy
}

/// What is silent in the place of an answer: the scenario, and which message of it.
const SILENCES: [(&str, &str); 10] = [
    ("a query", "P DISCARD ALL"),
    ("a query", "P SET LOCAL ROLE"),
    ("by a statement", "P SELECT pg_catalog.setseed"),
    ("awaited", "Q DISCARD ALL"),
    ("settings of the session", "Q SELECT pg_catalog.set_config"),
    ("what is in no transaction", "Q SET ROLE"),
    ("what is in no transaction", "Q SELECT pg_catalog.setseed"),
    ("a block that is left", "Q ROLLBACK"),
    ("state that is left", "Q DISCARD ALL"),
    ("code", "Q BEGIN ISOLATION LEVEL"),
];

/// One server connection, by way of `between`.
fn by(between: &Between) -> impl FnOnce(&mut Config) {
    let port = between.port;
    move |config| {
        config.server.address = ServerAddress::Tcp("127.0.0.1".into(), port);
        config.pool.max_server_connections = 1;
        config.registry.max_connections = 1;
        // What a client sends is to be told from what goes before it.
        config.pool.reuse_unnamed_statements = false;
    }
}

impl<'a> Ground<'a> {
    fn new(first: &'a Proxy, between: &'a Between, proxy: &'a Another<'a>) -> Self {
        let (alpha, gamma) = (proxy.wire("alpha"), proxy.wire("gamma"));
        Self { between, proxy, first, alpha, gamma, beta: None, turns: 0 }
    }

    /// Alpha has the connection, and leaves on it what the proxy cannot know of.
    fn alpha_was_there(&mut self, scenario: &Scenario) {
        let role = self.first.role("alpha");
        let leaves_role = if scenario.leaves_role { "" } else { "reset role" };
        self.between.spoil(&format!(
            "select pg_advisory_lock_shared(77); set role {role}; set search_path = pg_temp, {role}; \
             create temp table notes as select 0 as id, 'left by alpha'::text as body; \
             grant all on notes to public; \
             declare c cursor with hold for select 'left by alpha'; prepare p as select 'left by alpha'; \
             {leaves_role}"
        ));
        assert_eq!(self.alpha.value(&format!("select body from notes {SPOILED}")), "row of alpha");
    }

    /// What is sent where nothing fails, to the words that `scenario` promises.
    fn rehearse(&mut self, scenario: &Scenario) -> Vec<Heard> {
        // The first time the proxy asks for the code of each tenant.
        self.play(scenario, None);
        let sent = self.play(scenario, None);
        for expected in scenario.sends {
            let is_sent = sent.iter().any(|heard| heard.text.starts_with(expected));
            assert!(is_sent, "{}: {expected} is not in {sent:#?}", scenario.name);
        }
        sent
    }

    /// One case: what beta hears, and that it and others go on.
    fn play(&mut self, scenario: &Scenario, strike: Option<(usize, Fault)>) -> Vec<Heard> {
        let what = format!("{}: {strike:?}", scenario.name);
        let mut beta = self.beta.take().unwrap_or_else(|| self.beta(scenario));
        self.alpha_was_there(scenario);
        beta.may_break = matches!(strike, Some((_, Fault::Cut(_))));
        self.between.record(strike.clone());
        let (beta, errors) = self.conversation(beta, scenario, &what);
        // What a client leaves is made clean behind its back.
        self.settles(&what);
        self.between.disarm();
        let heard = self.between.heard();
        let struck = self.between.struck();
        assert_eq!(struck.is_some(), strike.is_some(), "{what}: {heard:#?}");
        if strike.is_none() {
            assert_eq!(errors, 0, "{what}");
        }
        self.turns += 1;
        let token = format!("gamma {}", self.turns);
        assert_eq!(
            self.gamma.value(&format!("select '{token}', body from notes")),
            format!("{token}|row of gamma"),
            "{what}"
        );
        // Of an error it may be known what it means, of the rest never.
        let own = strike.as_ref().is_some_and(|(at, _)| heard[*at].text.contains("DISCARD ALL"));
        if strike.as_ref().is_some_and(|(_, fault)| own || !matches!(fault, Fault::Error(_))) {
            let later = self.between.heard();
            let reused = later.iter().find(|heard| Some(heard.conn) == struck && heard.text.contains(&token));
            assert!(reused.is_none(), "{what}: {later:#?}");
        }
        let mut beta = beta.unwrap_or_else(|| self.beta(scenario));
        assert_eq!(beta.value("select body from notes"), "row of beta", "{what}");
        self.beta = (!scenario.anew).then_some(beta);
        self.settles(&what);
        heard
    }

    fn beta(&self, scenario: &Scenario) -> Wire {
        let mut beta = self.proxy.wire_with("beta", scenario.start);
        scenario.before.iter().for_each(|sql| beta.run(sql));
        beta
    }

    /// What beta says and hears, and how many errors. `None` where its connection has ended.
    fn conversation(&self, mut beta: Wire, scenario: &Scenario, what: &str) -> (Option<Wire>, usize) {
        let mut errors = 0;
        for (number, say) in scenario.says.iter().enumerate() {
            let token = format!("beta {number}");
            let message = match say {
                Query(sql) => query(&sql.replace('$', if sql.contains("$$") { "$" } else { &token })),
                Batch(sql) => [unnamed(&sql.replace('$', &token), &[]), sync()].concat(),
                Two(sql) => [unnamed(&sql.replace('$', &token), &[]), sync()].concat().repeat(2),
                Twice(sql) => query(&sql.replace('$', &token)).repeat(2),
                Leave => {
                    beta.send(&terminate());
                    return (None, errors);
                }
            };
            if !beta.try_send(&message) {
                return (None, errors);
            }
            let mut lines = beta.until_ready();
            let twice = matches!(say, Two(_) | Twice(_));
            if twice && lines.last().is_some_and(|line| line != "end") {
                lines.extend(beta.until_ready());
            }
            let of_others = |line: &&String| line.contains("alpha") || line.contains("gamma");
            assert!(!lines.iter().any(|line| of_others(&line)), "{what}: {lines:?}");
            for row in lines.iter().filter(|line| line.starts_with("DataRow")) {
                assert!(row.starts_with(&format!("DataRow {token}|row of beta")), "{what}: {lines:?}");
            }
            let failed = lines.iter().filter(|line| line.starts_with("Error")).count();
            assert!(failed <= 1 + usize::from(twice), "{what}: {lines:?}");
            errors += failed;
            match lines.last().map(String::as_str) {
                Some("end") => return (None, errors + usize::from(failed == 0)),
                Some("ReadyForQuery I" | "ReadyForQuery T" | "ReadyForQuery E") => {}
                _ => panic!("{what}: {lines:?}"),
            }
            if failed == 0 && MINE == say.text() {
                assert!(
                    lines.iter().any(|line| line.starts_with("DataRow")),
                    "{what}: {lines:?} {:#?}",
                    self.between.heard()
                );
            }
        }
        if beta.query("rollback").last().is_some_and(|line| line == "end") {
            return (None, errors);
        }
        (Some(beta), errors)
    }

    fn settles(&self, what: &str) {
        eventually(what, || {
            let load = self.proxy.shared().clusters.main().pool.load();
            load.waiting == 0 && load.idle == load.total && load.total <= 1
        });
    }
}

impl Say {
    const fn text(self) -> &'static str {
        match self {
            Query(sql) | Batch(sql) | Two(sql) | Twice(sql) => sql,
            Leave => "",
        }
    }
}

/// What does not belong in the place of the answer to a message of this kind.
fn out_of_place(kind: u8) -> Vec<Vec<u8>> {
    let mut all = vec![
        frame(b'Z', b"I"),
        frame(b's', b""),
        frame(b'1', b""),
        frame(b'2', b""),
        frame(b'3', b""),
        frame(b'n', b""),
        frame(b'I', b""),
        frame(b'C', b"SELECT 1\0"),
        frame(b'G', &[0, 0, 0]),
        frame(b'H', &[0, 0, 0]),
        frame(b'W', &[0, 0, 0]),
        frame(b'R', &[0; 4]),
        frame(b'K', &[0; 8]),
        frame(b'?', b"what"),
        vec![b'Z', 0, 0, 0, 0],
        vec![0xff; 16],
    ];
    // What a right answer is, or begins with.
    let right: &[u8] = match kind {
        b'P' => b"1",
        b'B' => b"2",
        b'C' => b"3",
        b'E' | b'Q' => b"C",
        b'S' => b"Z",
        _ => b"",
    };
    all.retain(|bytes| !right.contains(&bytes[0]));
    all
}

/// Which of the messages are the proxy's own: clients write their statements in small letters here.
fn own(sent: &[Heard]) -> Vec<bool> {
    let mut last = false;
    let is_own = |heard: &Heard| {
        let (kind, rest) = heard.text.split_at(1);
        let rest = rest.trim_start();
        last = match kind {
            _ if rest.starts_with("pgtenant_") => true,
            // What becomes of a DO of the client's.
            _ if rest.starts_with("DO ") => false,
            "Q" | "P" => rest.starts_with(|first: char| first.is_ascii_uppercase()),
            "S" => false,
            _ => last,
        };
        last
    };
    sent.iter().map(is_own).collect()
}

fn faults(heard: &Heard, own: bool, thorough: bool) -> Vec<Fault> {
    let mut faults = vec![Fault::Error("53200"), Fault::Fatal];
    let (kind, last) = (heard.text.as_bytes()[0], heard.answer.saturating_sub(1));
    let mut cuts = if thorough { (0..heard.answer).collect() } else { vec![last] };
    if own && (thorough || !matches!(kind, b'P' | b'B' | b'C')) {
        faults.push(Fault::Error("57014"));
        let wrong = out_of_place(kind);
        let tried = if thorough { wrong.len() } else { 2 };
        faults.extend(wrong.into_iter().take(tried).map(Fault::Instead));
        cuts.push(0);
    }
    cuts.dedup();
    faults.extend(cuts.into_iter().filter(|cut| *cut < heard.answer).map(Fault::Cut));
    faults
}

/// All that can go wrong in one scenario: how many cases, and a line about them.
fn try_all(first: &Proxy, scenario: &Scenario) -> (usize, String) {
    let between = Between::start(cluster().port());
    between.pretend(scenario.version);
    let proxy = first.another(by(&between));
    let mut ground = Ground::new(first, &between, &proxy);
    let sent = ground.rehearse(scenario);
    let mut cases = 0;
    let mut kinds = Vec::new();
    for ((at, heard), own) in sent.iter().enumerate().zip(own(&sent)) {
        let kind = (heard.text.as_bytes()[0], own);
        let is_known = kinds.contains(&kind);
        kinds.push(kind);
        // Of the client's own messages one of a kind will do.
        if !own && is_known {
            continue;
        }
        for fault in faults(heard, own, scenario.thorough && own && !is_known) {
            ground.play(scenario, Some((at, fault)));
            cases += 1;
        }
    }
    let (name, messages, connections) = (scenario.name, sent.len(), between.connections());
    (cases, format!("{name}: {messages} messages, {cases} cases, {connections} connections"))
}

#[test]
fn whatever_the_server_answers_in_a_hand_over_nobody_hears_of_another_and_the_pool_stays_whole() {
    let first = database();
    let all: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            SCENARIOS.iter().map(|scenario| scope.spawn(|| try_all(&first, scenario))).collect();
        threads.into_iter().map(|thread| thread.join().expect("every case")).collect()
    });
    all.iter().for_each(|(_, line)| println!("{line}"));
    println!("{} cases", all.iter().map(|(cases, _)| cases).sum::<usize>());
}

/// All at once: each waits for some seconds.
#[test]
fn server_that_says_nothing_in_a_hand_over_is_given_up_and_nobody_waits_for_ever() {
    let first = database();
    let silence = |(name, message): (&str, &str)| {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).expect("a scenario");
        let between = Between::start(cluster().port());
        between.pretend(scenario.version);
        let proxy = first.another(|config| {
            by(&between)(config);
            config.limits.statement_timeout = Some(Duration::from_millis(300));
        });
        let mut ground = Ground::new(&first, &between, &proxy);
        let sent = ground.rehearse(scenario);
        let at = sent.iter().position(|heard| heard.text.starts_with(message)).expect("it is sent");
        let begin = Instant::now();
        ground.play(scenario, Some((at, Fault::Silence)));
        println!("{name}: {message}: {:?}", begin.elapsed());
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = SILENCES.iter().map(|case| scope.spawn(|| silence(*case))).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("an end"));
    });
}

/// Before that the statement itself is with the server, and PostgreSQL cancels it.
#[test]
fn cancel_request_while_a_connection_is_made_ready_for_its_client_is_not_lost_and_hits_nobody_else() {
    let first = database();
    for (name, message) in [
        ("awaited", "Q DISCARD ALL"),
        ("settings of the session", "Q SELECT pg_catalog.set_config"),
        ("what is in no transaction", "Q DISCARD ALL"),
        ("what is in no transaction", "Q SET ROLE"),
    ] {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).expect("a scenario");
        let between = Between::start(cluster().port());
        between.pretend(scenario.version);
        let proxy = first.another(by(&between));
        let mut ground = Ground::new(&first, &between, &proxy);
        let sent = ground.rehearse(scenario);
        let at = sent.iter().position(|heard| heard.text.starts_with(message)).expect("it is sent");
        let sql = scenario.says[0].text();
        for message in [query(sql), [unnamed(sql, &[]), sync()].concat()] {
            let mut beta = ground.beta(scenario);
            ground.alpha_was_there(scenario);
            between.record(Some((at, Fault::Late)));
            beta.send(&message);
            eventually("it waits for the server", || between.struck().is_some());
            beta.cancel();
            between.let_go();
            let lines = beta.until_ready();
            assert_eq!(
                lines,
                ["Error ERROR 57014 canceling statement due to user request", "ReadyForQuery I"],
                "{name}: {message:?}"
            );
            assert_eq!(beta.value("select body from notes"), "row of beta", "{name}");
            assert_eq!(ground.gamma.value("select body from notes"), "row of gamma", "{name}");
        }
    }
}
