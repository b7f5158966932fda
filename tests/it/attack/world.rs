//! Two tenants on a PostgreSQL of their own: `alpha` attacks, every row of `beta` holds a marker.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};

use pgtenant::cli::cluster::{Options, PrivateCluster};

use crate::harden::init_of;
use crate::support::proxy::Proxy;
use crate::support::wire::{Message, Wire, copy_fail, query, sync};

const BETA: &str = include_str!("beta.sql");
const ALPHA: &str = include_str!("alpha.sql");
const SERVER: &str = include_str!("server.sql");

/// Login and password of level `shared`.
pub(super) const POOL: &str = "pool";

/// The role that spare connections log in as, and its password.
pub(super) const SPARE: &str = "spare";

/// Length of a marker's random part.
const RANDOM_DIGITS: usize = 16;

/// The world, one attack at a time.
pub(super) struct World {
    pub(super) proxy: Proxy,
    pub(super) marker: String,
    admin: Mutex<Wire>,
    turn: Mutex<()>,
    /// Sessions of beta that hold what a session can hold: a temporary table, a cursor, a prepared
    /// statement, a lock, and a statement that runs.
    _sessions: [Mutex<Wire>; 2],
    /// Process id of the session whose statement runs, and the key that would cancel it.
    pub(super) running: i32,
    before: String,
    /// What is common to all, to tell what has changed.
    common: String,
    rights: String,
}

impl World {
    /// The world where beta must stay as it is.
    pub(super) fn kept() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| Self::make(|_| {}))
    }

    /// The same where the proxy serves both on the same connections.
    pub(super) fn kept_on_shared_connections() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            Self::with(|cluster| {
                Proxy::shared_alone_on(cluster, "app", &["alpha", "beta"], |config| {
                    // Alpha's attacks and beta's work meet on them.
                    config.pool.max_server_connections = 2;
                })
            })
        })
    }

    /// A world to try what the attacks do where nothing stops them.
    pub(super) fn broken() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| Self::make(|_| {}))
    }

    /// A world with a login for level `shared`: [`POOL`] may take every tenant's role, and has no right.
    pub(super) fn shared(hardened: bool) -> &'static Self {
        static WORLDS: [OnceLock<World>; 2] = [OnceLock::new(), OnceLock::new()];
        WORLDS[usize::from(hardened)].get_or_init(|| {
            Self::make(|proxy| {
                let mut admin = proxy.admin();
                admin.run(&format!("create role {POOL} login noinherit password '{POOL}'"));
                admin.run(&format!("grant tenant_alpha, tenant_beta to {POOL}"));
                if hardened {
                    let hardening = init_of(&proxy.db, &proxy.db.admin_url, |args| args.harden = true);
                    block_on(hardening).expect("the database is hardened");
                }
            })
        })
    }

    /// A world with a login that [`SPARE`] connections have, and the extension that binds them.
    pub(super) fn spares() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            Self::make(|proxy| {
                proxy.admin().run(&format!(
                    "create extension set_user; create role {SPARE} login noinherit password '{SPARE}';
                     grant execute on function public.set_session_auth(text) to {SPARE}"
                ));
            })
        })
    }

    fn make(prepare: impl FnOnce(&Proxy)) -> Self {
        Self::with(|cluster| {
            let proxy = Proxy::alone_on(cluster, "app", &["alpha", "beta"], |_| {});
            prepare(&proxy);
            proxy
        })
    }

    fn with(start: impl FnOnce(&'static PrivateCluster) -> Proxy) -> Self {
        watch_for_panics();
        let settings = [
            ("autovacuum", "off"),
            ("max_connections", "60"),
            ("deadlock_timeout", "200ms"),
            ("track_activity_query_size", "1000"),
        ];
        let options = Options {
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..Options::default()
        };
        let cluster: &'static PrivateCluster =
            Box::leak(Box::new(PrivateCluster::start(&options).expect("a private PostgreSQL")));
        let proxy = start(cluster);
        let marker = format!("mrk{}", uuid::Uuid::new_v4().simple())[..3 + RANDOM_DIGITS].to_owned();
        let mut admin = proxy.admin();
        let as_role = |role: &str, path: &str, sql: &str| {
            format!(
                "begin; set local session authorization {role}; set local search_path = {path}; {sql}; commit"
            )
        };
        admin.run(
            "alter database app set statement_timeout = '2s'; alter database app set lock_timeout = '1s'",
        );
        admin.run(&as_role("tenant_beta", "tenant_beta", &BETA.replace("MARKER", &marker)));
        admin.run(&SERVER.replace("MARKER", &marker));
        admin.run(&as_role("tenant_alpha", "tenant_alpha", ALPHA));
        let (sessions, running) = sessions_of_beta(&proxy, &marker);
        let mut world = Self {
            proxy,
            marker,
            admin: Mutex::new(admin),
            turn: Mutex::default(),
            _sessions: sessions.map(Mutex::new),
            running,
            before: String::new(),
            common: String::new(),
            rights: String::new(),
        };
        world.common = world.ask("select harness.common()");
        world.before = world.digest();
        world.rights = world.rights_of_alpha();
        world
    }

    /// Keeps other tests from attacking at the same time: what one finds must be its own doing.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One value, asked as the superuser.
    pub(super) fn ask(&self, sql: &str) -> String {
        self.admin.lock().unwrap_or_else(PoisonError::into_inner).value(sql)
    }

    /// Data, definitions and rights of everybody but alpha.
    pub(super) fn digest(&self) -> String {
        self.ask("select harness.digest()")
    }

    fn rights_of_alpha(&self) -> String {
        self.ask("select harness.rights()")
    }

    /// Whether alpha changed something of its own.
    pub(super) fn sign(&self) -> String {
        self.ask("select harness.sign()")
    }

    /// Fails unless beta, and what alpha may do, are as they were made.
    pub(super) fn assert_untouched(&self, by: &str) {
        if self.digest() != self.before {
            let now = self.ask("select harness.common()");
            let new: Vec<_> =
                now.lines().filter(|line| !self.common.lines().any(|was| was == *line)).collect();
            panic!("changed by {by}; of what is common: {new:#?}");
        }
        assert_eq!(self.rights_of_alpha(), self.rights, "changed by {by}");
        let sql = format!(
            "select count(*) from pg_stat_activity where pid = {} and state = 'active'",
            self.running
        );
        assert_eq!(self.ask(&sql), "1", "the running statement was ended by {by}");
    }

    /// Makes alpha as it was at first: what it did to itself is its own affair.
    pub(super) fn restore_alpha(&self) {
        self.admin.lock().unwrap_or_else(PoisonError::into_inner).run(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename in ('tenant_alpha', 'pool', 'spare');
             drop owned by tenant_alpha cascade; drop schema tenant_alpha cascade;
             alter role tenant_alpha reset all; alter role tenant_alpha in database app reset all",
        );
        block_on(self.proxy.db.create("alpha")).expect("the tenant is completed");
        self.run_as_alpha(ALPHA);
    }

    /// Out of every guard's sight, in a session that is really alpha's.
    pub(super) fn run_as_alpha(&self, sql: &str) {
        let sql = format!(
            "begin; set local session authorization tenant_alpha; set local search_path = tenant_alpha; {sql}; commit"
        );
        self.admin.lock().unwrap_or_else(PoisonError::into_inner).run(&sql);
    }

    /// Whether these bytes tell something of beta's, as text, upper case, or in hexadecimal digits.
    pub(super) fn betrays(&self, bytes: &[u8]) -> bool {
        shows(&self.signs(), bytes)
    }

    /// Whether one of the messages does.
    pub(super) fn betrayed(&self, messages: &[Message]) -> bool {
        let signs = self.signs();
        messages.iter().any(|message| shows(&signs, &message.body))
    }

    /// The marker in the forms it may appear in.
    fn signs(&self) -> [String; 3] {
        let hex = self.marker.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        [self.marker.clone(), self.marker.to_uppercase(), hex]
    }

    /// As superuser, or another role with this password, to PostgreSQL.
    pub(super) fn log_in(&self, role: &str, password: &str) -> Wire {
        let address = SocketAddr::from(([127, 0, 0, 1], self.proxy.server_port()));
        let parameters = [("user", role), ("database", "app"), ("search_path", "tenant_alpha, global")];
        Wire::log_in(address, &parameters, password).expect("login")
    }
}

fn shows(signs: &[String], bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    signs.iter().any(|sign| text.contains(sign.as_str()))
}

/// Not on the proxy's runtime: the future stays on one thread.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Beta's sessions, with the process id of the one that runs a statement.
fn sessions_of_beta(proxy: &Proxy, marker: &str) -> ([Wire; 2], i32) {
    let mut holding = proxy.direct("beta");
    for sql in [
        "set statement_timeout = 0; set application_name = 'beta'",
        "create temp table secrets as select 'MARKER'::text as name",
        "declare c cursor with hold for select name from customers",
        "prepare p as select 'MARKER', name from customers",
        "select pg_advisory_lock(1)",
        "listen c",
        "select 'MARKER' as said_last",
    ] {
        holding.run(&sql.replace("MARKER", marker));
    }
    let mut running = proxy.direct("beta");
    running.run("set statement_timeout = 0");
    running.send(&query(&format!("select pg_sleep(3600), '{marker}'")));
    let pid = running.pid;
    ([holding, running], pid)
}

/// Panics of the program itself while it serves, which a test would not see.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn watch_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let file = info.location().map_or("", |location| location.file());
            if !file.starts_with("tests/") {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
            }
            earlier(info);
        }));
    });
}

/// Fails if anything but a test has panicked since the first world was made.
pub(super) fn assert_no_panic() {
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    // A test of another subject that panics in a library's code is no concern of the attacks.
    let ours: Vec<_> = panics.iter().filter(|panic| panic.contains("src/")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

/// A file of the corpus, or a text of our own.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) name: String,
    pub(super) sql: String,
}

/// The files of `tests/corpus/guard/<directory>`, by name.
pub(super) fn corpus(directory: &str) -> Vec<Text> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/guard").join(directory);
    let mut texts: Vec<Text> = fs::read_dir(root)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            Text { name, sql: fs::read_to_string(&path).unwrap() }
        })
        .collect();
    texts.sort_by(|a, b| a.name.cmp(&b.name));
    texts
}

/// Sends, and reads until that many ReadyForQuery have come, or the end. Whoever is asked for COPY data
/// says no.
pub(super) fn converse(wire: &mut Wire, bytes: &[u8], mut rounds: usize) -> Vec<Message> {
    let extended = bytes.first() != Some(&b'Q');
    let mut messages = Vec::new();
    if !wire.try_send(bytes) {
        // What was said before the connection closed can still be read.
        rounds = usize::MAX;
    }
    while rounds > 0 {
        let Some(message) = wire.try_recv() else { break };
        match message.tag {
            b'Z' => rounds -= 1,
            b'G' => {
                let mut refusal = copy_fail("no");
                if extended {
                    refusal.extend(sync());
                }
                wire.try_send(&refusal);
            }
            _ => {}
        }
        messages.push(message);
    }
    messages
}

/// Whether the conversation can go on.
pub(super) fn alive(messages: &[Message]) -> bool {
    messages.last().is_some_and(|message| message.tag == b'Z')
}

/// The messages as text.
pub(super) fn lines(messages: &[Message]) -> Vec<String> {
    messages.iter().map(ToString::to_string).collect()
}
