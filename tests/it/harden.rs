//! `pgtenant init --harden`: a session that was switched with SET ROLE cannot leave its role from inside
//! code. The attacker's SQL goes to PostgreSQL as it is, no proxy and no guard in between.

pub(crate) mod routes;

use std::net::SocketAddr;
use std::process::{Command, Output};

use pgtenant::cli::init::{self, InitArgs};
use pgtenant::control::{HARDENING_VERSION, HardeningState, hardening_state};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::support::wire::{Wire, bind, execute, frame, parse, query, sync, unnamed};
use crate::support::{Db, admin_args, cluster, connect, sqlstate, value};
use routes::{EXPRESSIONS, ROUTINES, Route, TAMPERING};

/// In every row of the other tenant, in nothing that is sent.
const MARKER: &str = "beta-s-own-7c41";

/// Why an attack ends on a hardened database.
const REASONS: &[&str] = &[
    "within security-definer function",
    "routines of a tenant cannot set role",
    // COMMIT and ROLLBACK are nothing for SECURITY DEFINER.
    "2D000 invalid transaction termination",
    // A routine cannot be run before its body is checked.
    "XX000 cache lookup failed for function 0",
];

/// What comes along, before or after.
const CONSEQUENCES: &[&str] = &[
    "25P02 current transaction is aborted",
    "permission denied for schema",
    "permission denied to set parameter",
    "must be able to SET ROLE",
    "unrecognized configuration parameter",
    "does not exist",
    "is an aggregate function",
    "has not been populated",
];

/// A database with two tenants and a login that is a member of both and inherits from none.
struct Ground {
    db: Db,
    pool: String,
}

impl Ground {
    async fn soft() -> Self {
        let db = Db::ready().await;
        db.create("alpha").await.unwrap();
        db.create("beta").await.unwrap();
        let (alpha, beta, pool) = (db.schema("alpha"), db.schema("beta"), format!("{}_pool", db.name));
        db.admin_run(&format!(
            "CREATE TABLE {beta}.notes (body text); ALTER TABLE {beta}.notes OWNER TO {beta};
             INSERT INTO {beta}.notes VALUES ('{MARKER}');
             CREATE ROLE {pool} LOGIN NOINHERIT PASSWORD 'pool'; GRANT {alpha}, {beta} TO {pool};
             GRANT USAGE ON SCHEMA {alpha} TO {beta}"
        ))
        .await;
        // An attacker opens its own routines to the roles it means to become.
        let alpha = db.schema("alpha");
        db.admin_run(&format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {alpha} GRANT EXECUTE ON ROUTINES TO PUBLIC"
        ))
        .await;
        Self { db, pool }
    }

    async fn hard() -> Self {
        let ground = Self::soft().await;
        ground.harden().await.unwrap();
        ground
    }

    async fn harden(&self) -> Result<String, String> {
        self.init(|args| args.harden = true).await
    }

    async fn remove(&self) -> Result<String, String> {
        self.init(|args| args.remove_hardening = true).await
    }

    async fn init(&self, change: impl FnOnce(&mut InitArgs)) -> Result<String, String> {
        init_of(&self.db, &self.db.admin_url, change).await
    }

    async fn state(&self) -> HardeningState {
        hardening_state(&self.db.admin().await).await.unwrap()
    }

    fn fill(&self, sql: &str, number: usize) -> String {
        fill(&self.db, &self.pool, sql, number)
    }

    fn guard(&self) -> String {
        guard_role(&self.db)
    }

    /// As the shared pool does it: the login, then the tenant's role.
    fn switched_to(&self, tenant: &str) -> Wire {
        let address = SocketAddr::from(([127, 0, 0, 1], cluster().port()));
        let mut wire = Wire::log_in(address, &[("user", &self.pool), ("database", &self.db.name)], "pool")
            .expect("login");
        let schema = self.db.schema(tenant);
        wire.run(&format!("SET ROLE {schema}"));
        wire.run(&format!("SET search_path = {schema}, global"));
        wire
    }

    async fn beta_rows(&self) -> String {
        let sql = format!("SELECT string_agg(body, ',') FROM {}.notes", self.db.schema("beta"));
        value(&self.db.admin().await, &sql).await
    }

    /// Why the session `wire` has left its role, if it has. `heard` is all it was told.
    async fn escape(&self, mut wire: Wire, mut heard: Vec<String>) -> Option<String> {
        let (alpha, beta) = (self.db.schema("alpha"), self.db.schema("beta"));
        heard.extend(wire.query(&format!("SELECT body FROM {beta}.notes")));
        heard.extend(wire.query(&format!("UPDATE {beta}.notes SET body = 'tampered'")));
        heard.extend(wire.query("ROLLBACK"));
        heard.extend(wire.query(&format!("SELECT body FROM {beta}.notes")));
        heard.extend(wire.query(&format!("UPDATE {beta}.notes SET body = 'tampered'")));
        let now = wire.value("SELECT concat(current_user, ' of ', session_user)");
        if self.beta_rows().await != MARKER {
            self.db.admin_run(&format!("UPDATE {beta}.notes SET body = '{MARKER}'")).await;
            return Some("changed the other's row".into());
        }
        if let Some(line) = heard.iter().find(|line| line.contains(MARKER)) {
            return Some(format!("heard {line}"));
        }
        (now != format!("{alpha} of {}", self.pool)).then(|| format!("is {now}"))
    }

    /// Runs a route; the outcome, and the conversation for whoever must find out why.
    async fn attack(&self, route: &Route, number: usize) -> (Option<String>, Vec<String>) {
        let mut wire = self.switched_to("alpha");
        let mut heard = Vec::new();
        for sql in route.sql {
            let sql = self.fill(sql, number);
            wire.send(&query(&sql));
            if sql.starts_with("copy ") && sql.ends_with("from stdin") {
                wire.send(&[frame(b'd', b"1\n"), frame(b'c', &[])].concat());
            }
            heard.extend(wire.until_ready());
        }
        let told = heard.clone();
        (self.escape(wire, heard).await, told)
    }

    /// Names of the routes that escaped, with how.
    async fn escaped(&self, routes: &[Route]) -> Vec<(&'static str, String)> {
        let mut escaped = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            if let (Some(how), _) = self.attack(route, number).await {
                escaped.push((route.name, how));
            }
        }
        escaped
    }

    /// What would have escaped must fail for the reasons given here: a hardening that breaks everything
    /// holds everything.
    async fn hardened_holds(routes: &[Route]) {
        let ground = Self::hard().await;
        let mut otherwise = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            let (escaped, told) = ground.attack(route, number).await;
            assert_eq!(escaped, None, "{}: {told:#?}", route.name);
            let errors: Vec<_> = told.into_iter().filter(|line| line.starts_with("Error")).collect();
            let is_one_of = |line: &String, known: &[&str]| known.iter().any(|part| line.contains(part));
            let stopped = errors.iter().any(|line| is_one_of(line, REASONS));
            let explained =
                errors.iter().all(|line| is_one_of(line, REASONS) || is_one_of(line, CONSEQUENCES));
            if route.escapes && !(stopped && explained) {
                otherwise.push((route.name, errors));
            }
        }
        assert!(otherwise.is_empty(), "{otherwise:#?}");
        assert_eq!(ground.state().await, HardeningState::InForce { version: HARDENING_VERSION });
    }

    /// The harness must be able to see an escape, and the attacks must be right.
    async fn unhardened_escapes(routes: &[Route]) {
        let ground = Self::soft().await;
        let mut otherwise = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            let (escaped, told) = ground.attack(route, number).await;
            if escaped.is_some() != route.escapes {
                otherwise.push((route.name, escaped, told));
            }
        }
        assert!(otherwise.is_empty(), "{otherwise:#?}");
    }
}

fn guard_role(db: &Db) -> String {
    format!("pgtenant_guard_{}", db.name)
}

/// A route's statement for this database, where the shared login is `pool`.
pub(crate) fn fill(db: &Db, pool: &str, sql: &str, number: usize) -> String {
    let operator: String = format!("{number:b}").replace('0', "#").replace('1', "&");
    sql.replace("{A}", &db.schema("alpha"))
        .replace("{B}", &db.schema("beta"))
        .replace("{T}", &format!("pgtenant_tenants_{}", db.name))
        .replace("{G}", &guard_role(db))
        .replace("{P}", pool)
        .replace("{OP}", &operator)
        .replace("{N}", &number.to_string())
}

/// `pgtenant init`, with what `change` asks for.
pub(crate) async fn init_of(
    db: &Db,
    url: &str,
    change: impl FnOnce(&mut InitArgs),
) -> Result<String, String> {
    let mut args = InitArgs { admin: admin_args(url), ..InitArgs::default() };
    change(&mut args);
    let mut out = Vec::new();
    let done = init::run(args, &db.config, &mut out).await;
    done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| format!("{error:#}"))
}

#[tokio::test]
async fn no_expression_leaves_the_role() {
    Ground::hardened_holds(EXPRESSIONS).await;
}

#[tokio::test]
async fn no_routine_leaves_the_role() {
    Ground::hardened_holds(ROUTINES).await;
}

#[tokio::test]
async fn nobody_but_an_administrator_takes_the_hardening_apart() {
    Ground::hardened_holds(TAMPERING).await;
}

#[tokio::test]
async fn without_the_hardening_the_same_expressions_leave_the_role() {
    Ground::unhardened_escapes(EXPRESSIONS).await;
}

#[tokio::test]
async fn without_the_hardening_the_same_routines_leave_the_role() {
    Ground::unhardened_escapes(ROUTINES).await;
}

/// Each part is there for a route: with it gone, that route is open.
#[tokio::test]
async fn each_part_of_the_hardening_closes_a_route_that_is_open_without_it() {
    let all: Vec<&Route> = EXPRESSIONS.iter().chain(ROUTINES).collect();
    for (gone, name) in [
        ("ALTER EVENT TRIGGER pgtenant_guard_1_definer DISABLE", "function_that_says_security_invoker"),
        (
            "ALTER FUNCTION pg_catalog.set_config(text, text, boolean) SECURITY INVOKER;
          GRANT USAGE ON SCHEMA pgtenant_guard TO PUBLIC;
          GRANT EXECUTE ON FUNCTION pgtenant_guard.set_config(text, text, boolean) TO PUBLIC",
            "set_config_in_a_view",
        ),
        (
            "UPDATE pg_language SET lanvalidator = 2248 WHERE lanname = 'sql'",
            "set_clause_role_while_the_body_is_checked",
        ),
        (
            "UPDATE pg_language SET lanvalidator = 2248 WHERE lanname = 'sql'",
            "function_that_calls_itself_while_its_body_is_checked",
        ),
    ] {
        let ground = Ground::hard().await;
        ground.db.admin_run(gone).await;
        let route = all.iter().find(|route| route.name == name).expect("a route");
        let (escaped, told) = ground.attack(route, 1).await;
        assert!(escaped.is_some(), "{name}: {told:#?}");
        ground.harden().await.unwrap();
        assert_eq!(ground.attack(route, 2).await.0, None, "{name}");
    }
}

/// The same routes in the session of a tenant's own login end where they began.
#[tokio::test]
async fn a_tenants_own_login_stays_itself_on_every_route() {
    let ground = Ground::hard().await;
    let client = ground.db.as_tenant("alpha").await;
    let path = format!("SET search_path = {}, global", ground.db.schema("alpha"));
    for (number, route) in EXPRESSIONS.iter().chain(ROUTINES).enumerate() {
        for sql in route.sql.iter().filter(|sql| !sql.starts_with("copy ")) {
            // Most of it fails, which is the point.
            drop(client.batch_execute(&ground.fill(sql, number)).await);
        }
        client.batch_execute("ROLLBACK").await.unwrap();
        client.batch_execute(&path).await.unwrap();
        assert_eq!(value(&client, "SELECT current_user").await, ground.db.schema("alpha"), "{}", route.name);
    }
    assert_eq!(ground.beta_rows().await, MARKER);
}

/// FunctionCall by number: builtin functions keep theirs wherever they are.
#[tokio::test]
async fn function_call_message_by_oid_of_the_moved_function_is_refused() {
    let ground = Ground::hard().await;
    let oid = value(
        &ground.db.admin().await,
        "SELECT oid::int FROM pg_proc WHERE proname = 'set_config' AND oid < 16384",
    )
    .await;
    let beta = ground.db.schema("beta");
    let call = |oid: &str, beta: &str| {
        let mut body = oid.parse::<u32>().unwrap().to_be_bytes().to_vec();
        body.extend([0, 0, 0, 3]);
        for text in ["role", beta, "f"] {
            body.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            body.extend(text.as_bytes());
        }
        body.extend([0, 0]);
        frame(b'F', &body)
    };
    let mut wire = ground.switched_to("alpha");
    let heard = wire.say(&call(&oid, &beta));
    assert!(heard[0].starts_with("Error ERROR 42501"), "{heard:?}");
    assert_eq!(ground.escape(wire, heard).await, None);
    let wrapper = value(&ground.db.admin().await, "SELECT 'pg_catalog.set_config'::regproc::oid").await;
    let mut wire = ground.switched_to("alpha");
    let heard = wire.say(&call(&wrapper, &beta));
    assert!(heard[0].contains("within security-definer function"), "{heard:?}");
    assert_eq!(ground.escape(wire, heard).await, None);

    let soft = Ground::soft().await;
    let mut wire = soft.switched_to("alpha");
    let heard = wire.say(&call(&oid, &soft.db.schema("beta")));
    assert!(heard[0].starts_with("V "), "without the hardening it is carried out: {heard:?}");
}

#[tokio::test]
async fn immutable_function_at_bind_and_extended_messages_stay_in_the_role() {
    for hard in [false, true] {
        let ground = Ground::soft().await;
        if hard {
            ground.harden().await.unwrap();
        }
        let beta = ground.db.schema("beta");
        let mut wire = ground.switched_to("alpha");
        wire.run(&format!(
            "create function f() returns int immutable language plpgsql as $$begin perform set_config('role', '{beta}', false); return 1; end$$"
        ));
        let mut heard = wire.say(&[parse("s", "select f() + $1::int"), sync()].concat());
        // Bind plans, nothing is executed.
        heard.extend(wire.say(&[bind("p", "s", &["1"]), sync()].concat()));
        assert_eq!(ground.escape(wire, heard).await.is_none(), hard);

        let mut wire = ground.switched_to("alpha");
        let select = format!("select set_config('role', '{beta}', $1::bool)");
        let mut heard = wire.say(&[unnamed(&select, &["f"]), sync()].concat());
        heard
            .extend(wire.say(&[parse("n", &select), bind("", "n", &["f"]), execute("", 1), sync()].concat()));
        assert_eq!(ground.escape(wire, heard).await.is_none(), hard);
    }
}

#[tokio::test]
async fn the_pools_own_login_may_be_let_switch_by_the_moved_function_and_tenants_gain_nothing_by_it() {
    let ground = Ground::hard().await;
    let (alpha, beta, pool) = (ground.db.schema("alpha"), ground.db.schema("beta"), &ground.pool);
    ground
        .db
        .admin_run(&format!(
            "GRANT USAGE ON SCHEMA pgtenant_guard TO {pool};
             GRANT EXECUTE ON FUNCTION pgtenant_guard.set_config(text, text, boolean) TO {pool}"
        ))
        .await;
    assert!(ground.state().await.is_in_force());
    let mut wire = ground.switched_to("alpha");
    wire.run("RESET ROLE");
    let switch = "SELECT pgtenant_guard.set_config('role', $1, true)";
    wire.say(&[parse("switch", switch), sync()].concat());
    let to = |role: &str| [bind("", "switch", &[role]), execute("", 0)].concat();
    // One transaction: the switch and, before the Sync, what is to run as the tenant.
    let who = [unnamed("SELECT current_user", &[]), sync()].concat();
    let heard = wire.say(&[to(&alpha), who.clone()].concat());
    assert!(heard.contains(&format!("DataRow {alpha}")), "{heard:?}");
    assert_eq!(wire.value("SELECT current_user"), *pool, "the switch ends with the transaction");
    // The tenant holds the same prepared statement, and cannot execute it.
    wire.run("BEGIN");
    wire.say(&[to(&alpha), sync()].concat());
    assert_eq!(wire.value("SELECT current_user"), alpha);
    let refused = wire.say(&[to(&beta), sync()].concat());
    assert!(
        refused.iter().any(|line| line.starts_with("Error ERROR 42501 permission denied")),
        "{refused:?}"
    );
    wire.run("ROLLBACK");
    assert!(!ground.harden().await.unwrap().contains("changed "));
    let heard = wire.say(&[to(&beta), who].concat());
    assert!(heard.contains(&format!("DataRow {beta}")), "{heard:?}");
}

#[tokio::test]
async fn settings_last_as_long_as_they_do_without_the_hardening() {
    let mut told = Vec::new();
    for hard in [false, true] {
        let ground = Ground::soft().await;
        if hard {
            ground.harden().await.unwrap();
        }
        let mut wire = ground.switched_to("alpha");
        let mut heard = Vec::new();
        for sql in [
            "select set_config('work_mem', '7MB', false)",
            "show work_mem",
            "begin",
            "select set_config('work_mem', '8MB', true), set_config('my.x', 'inside', true)",
            "show work_mem",
            "commit",
            "show work_mem",
            "select current_setting('my.x', true) = ''",
            "begin",
            "select set_config('work_mem', '9MB', false)",
            "savepoint s",
            "select set_config('work_mem', '10MB', false)",
            "rollback to s",
            "show work_mem",
            "rollback",
            "show work_mem",
            "select set_config('my.y', NULL, false), set_config('my.z', 'z', NULL)",
            "select current_setting('my.y')",
            "select set_config(NULL, 'x', false)",
            "select set_config('no_such_setting', 'x', false)",
            "select set_config('work_mem', 'much', false)",
            "select set_config('log_statement', 'all', false)",
            "select pg_catalog.set_config('search_path', '', false)",
            "show search_path",
            "select pg_typeof(set_config('my.t', 'x', false))",
            "select count(set_config('my.n', i::text, false)), (select current_setting('my.n')) from generate_series(1, 3) i",
            "select current_schemas(false)",
        ] {
            heard.extend(wire.query(sql));
        }
        told.push(heard);
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn advisory_locks_of_two_tenants_do_not_meet_and_those_of_one_do() {
    let ground = Ground::hard().await;
    for (lock, again, free) in [
        ("pg_try_advisory_lock(7)", "pg_try_advisory_lock(7)", "pg_advisory_unlock(7)"),
        ("pg_try_advisory_lock(-1, 7)", "pg_try_advisory_lock(-1, 7)", "pg_advisory_unlock(-1, 7)"),
        ("pg_try_advisory_lock_shared(7)", "pg_try_advisory_lock(7)", "pg_advisory_unlock_shared(7)"),
        (
            "pg_try_advisory_lock_shared(1, 7)",
            "pg_try_advisory_lock(1, 7)",
            "pg_advisory_unlock_shared(1, 7)",
        ),
    ] {
        let (mut one, mut same, mut other) =
            (ground.switched_to("alpha"), ground.switched_to("alpha"), ground.switched_to("beta"));
        assert_eq!(one.value(&format!("select {lock}")), "t");
        assert_eq!(same.value(&format!("select {again}")), "f", "{lock}");
        assert_eq!(other.value(&format!("select {again}")), "t", "{lock}");
        assert_eq!(one.value(&format!("select {free}")), "t");
        assert_eq!(same.value(&format!("select {again}")), "t", "{free}");
    }
    // Blocking and transaction-scoped forms take what the try forms see.
    for lock in ["lock(3)", "lock(3, 4)", "lock_shared(3)", "lock_shared(3, 4)"] {
        let key = &lock[lock.find('(').unwrap()..];
        let (mut one, mut same, mut other) =
            (ground.switched_to("alpha"), ground.switched_to("alpha"), ground.switched_to("beta"));
        one.run("begin");
        one.run(&format!("select pg_advisory_xact_{lock}"));
        assert_eq!(same.value(&format!("select pg_try_advisory_xact_lock{key}")), "f", "{lock}");
        assert_eq!(other.value(&format!("select pg_try_advisory_xact_lock{key}")), "t", "{lock}");
        one.run("commit");
        assert_eq!(same.value(&format!("select pg_try_advisory_xact_lock{key}")), "t", "{lock}");
        one.run(&format!("select pg_advisory_{lock}"));
        assert_eq!(same.value(&format!("select pg_try_advisory_lock{key}")), "f", "{lock}");
        one.run("select pg_advisory_unlock_all()");
        assert_eq!(same.value(&format!("select pg_try_advisory_xact_lock{key}")), "t", "{lock}");
        assert_eq!(same.value(&format!("select pg_try_advisory_xact_lock_shared{key}")), "t", "{lock}");
    }
}

#[tokio::test]
async fn the_two_forms_of_a_key_do_not_meet_and_null_stays_null() {
    let ground = Ground::hard().await;
    let (mut one, mut same) = (ground.switched_to("alpha"), ground.switched_to("alpha"));
    one.run("select pg_advisory_lock(0, 5)");
    assert_eq!(same.value("select pg_try_advisory_lock(5)"), "t");
    assert_eq!(
        same.value("select pg_try_advisory_lock(NULL) is null and pg_try_advisory_lock(1, NULL) is null"),
        "t"
    );
    let not_held = same.query("select pg_advisory_unlock(99)");
    assert!(not_held.iter().any(|line| line.contains("you don't own a lock")), "{not_held:?}");
    assert!(not_held.contains(&"DataRow f".to_owned()), "{not_held:?}");
}

#[tokio::test]
async fn a_tenant_has_the_same_keys_by_its_own_login_and_administrators_keep_theirs() {
    let ground = Ground::hard().await;
    let (mut switched, own, admin) =
        (ground.switched_to("alpha"), ground.db.as_tenant("alpha").await, ground.db.admin().await);
    switched.run("select pg_advisory_lock(11)");
    assert_eq!(value(&own, "SELECT pg_try_advisory_lock(11)").await, "f");
    assert_eq!(value(&admin, "SELECT pg_try_advisory_lock(11)").await, "t");
    let plain = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
                 AND classid = 0 AND objid = 11 AND objsubid = 1";
    assert_eq!(value(&admin, plain).await, "1", "unchanged for who is no tenant");
    assert_eq!(value(&admin, "SELECT pg_try_advisory_lock(1, 2)").await, "t");
    // The tenant cannot choose another name for itself.
    own.batch_execute("SET my.role = 'x'; BEGIN").await.unwrap();
    assert_eq!(value(&own, "SELECT pg_try_advisory_xact_lock(11)").await, "f");
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn notifications_of_tenants_get_channels_of_their_own() {
    let ground = Ground::hard().await;
    let id = ground.db.summary("alpha").await.tenant.id;
    let names = ground.db.config.secrets.master_key.channel_prefix(id);
    let prefix = names.as_str().to_owned();
    let (fits, long) = ("é".repeat(19), format!("{}x", "é".repeat(19)));
    let longest = "z".repeat(63);
    let mut channels = Vec::new();
    for (name, on_the_server) in [
        ("jobs", format!("{prefix}:jobs")),
        ("With Space", format!("{prefix}:With Space")),
        (&fits, format!("{prefix}:{fits}")),
        (&long, format!("{prefix}#{}", &hex(&long)[..38])),
        (&longest, format!("{prefix}#{}", &hex(&longest)[..38])),
    ] {
        assert_eq!(names.name(name), on_the_server, "the proxy derives the same");
        channels.push((name.to_owned(), on_the_server));
    }
    let mut admin = admin_wire(&ground.db);
    for (_, channel) in &channels {
        admin.run(&format!("LISTEN \"{channel}\""));
    }
    admin.run("LISTEN \"jobs\"");
    let mut wire = ground.switched_to("alpha");
    for (name, channel) in &channels {
        wire.run(&format!("select pg_notify('{name}', 'payload')"));
        let heard = admin.query("select 1");
        let told = heard.iter().filter(|line| line.starts_with("Notification ")).count();
        assert_eq!(told, 1, "{name}: {heard:?}");
        assert!(notified(&heard, channel), "{name}: {heard:?}");
    }
    // A function of the tenant's has the tenant's channels too, whoever calls it as the tenant.
    wire.run("create function n() returns void language sql as $$select pg_notify('jobs', NULL)$$");
    wire.run("select n()");
    assert!(notified(&admin.query("select 1"), &channels[0].1));
    admin.run("select pg_notify('jobs', 'from the administrator')");
    for (name, error) in [
        ("''", "22023 channel name cannot be empty"),
        ("NULL", "22023 channel name cannot be empty"),
        (&*format!("'{}'", "z".repeat(64)), "22023 channel name too long"),
    ] {
        let heard = wire.query(&format!("select pg_notify({name}, 'x')"));
        assert!(heard.contains(&format!("Error ERROR {error}")), "{name}: {heard:?}");
    }
    let heard = wire.query("select pg_notify('c', repeat('x', 8000))");
    assert!(heard.contains(&"Error ERROR 22023 payload string too long".to_owned()), "{heard:?}");
}

/// Whether a NotificationResponse on this channel is among the messages.
fn notified(lines: &[String], channel: &str) -> bool {
    lines.iter().any(|line| line.starts_with("Notification ") && line.contains(&format!(" {channel} ")))
}

fn admin_wire(db: &Db) -> Wire {
    let address = SocketAddr::from(([127, 0, 0, 1], cluster().port()));
    Wire::log_in(address, &[("user", "postgres"), ("database", &db.name)], cluster().superuser_password())
        .expect("the superuser logs in")
}

#[tokio::test]
async fn a_new_tenant_is_announced_and_made_on_a_hardened_database() {
    let ground = Ground::hard().await;
    let mut admin = admin_wire(&ground.db);
    admin.run("LISTEN pgtenant_registry");
    ground
        .db
        .admin_run("CREATE TABLE base_template.t (id serial PRIMARY KEY, at timestamptz DEFAULT now())")
        .await;
    ground.db.create("gamma").await.unwrap();
    assert!(notified(&admin.query("select 1"), "pgtenant_registry"));
    let gamma = ground.db.as_tenant("gamma").await;
    assert_eq!(value(&gamma, "INSERT INTO t DEFAULT VALUES RETURNING id").await, "1");
    assert!(ground.state().await.is_in_force());
    ground.db.init().await.unwrap();
    assert!(ground.state().await.is_in_force(), "init without the flag leaves it alone");
}

/// What a careful application does, for comparison.
const APPLICATION: &[&str] = &[
    "create table a (id serial primary key, body text not null, at timestamptz default now())",
    "create function touch() returns trigger language plpgsql as $$begin new.at := now(); return new; end$$",
    "create trigger touch before insert or update on a for each row execute function touch()",
    "insert into a (body) values ('x') returning id, body",
    "create function total(min int default 0) returns bigint language sql stable as $$select count(*) from a where id > min$$",
    "select total(), total(5)",
    "create procedure add(t text) language plpgsql as $$begin insert into a (body) values (t); end$$",
    "call add('y')",
    "create function each() returns setof a language plpgsql as $$begin return query select * from a; end$$",
    "select body from each() order by id",
    "create function broken() returns int language plpgsql as $$begin retrn 1; end$$",
    "create function wrong() returns int language sql as $$select * from missing$$",
    "create function typed() returns int language sql as $$select 'x'::text$$",
    "create function later() returns int language sql set check_function_bodies = off as $$select 1$$",
    "create schema_less function x() returns int language sql as ''",
    "create function pathed() returns bigint language sql set search_path = pg_catalog as $$select count(*) from pg_class where relname = 'none such'$$",
    "select pathed()",
    "create function isolated() returns text language sql set search_path = '' as $$select pg_catalog.current_setting('search_path')$$",
    "select isolated()",
    "show search_path",
    "create or replace function total(min int default 0) returns bigint language sql stable as $$select 7::bigint$$",
    "select total()",
    "alter function total(int) immutable",
    "alter function total(int) set work_mem = '1MB'",
    "alter function total(int) rename to sum_up",
    "create aggregate longest(text) (sfunc = textcat, stype = text, initcond = '')",
    "select longest(body) from a",
    "create operator === (leftarg = int, rightarg = int, function = int4eq)",
    "select 1 === 1",
    "create type pair as range (subtype = int)",
    "select pair(1, 3)",
    "create domain short as text check (length(value) < 5)",
    "select 'toolong'::short",
    "do $$begin perform 1; end$$",
    "drop function sum_up(int)",
    "select has_function_privilege('set_config(text,text,boolean)', 'EXECUTE'), to_regproc('pg_notify') is not null",
];

#[tokio::test]
async fn an_applications_functions_and_errors_are_as_they_were() {
    let mut told = Vec::new();
    for hard in [false, true] {
        let ground = Ground::soft().await;
        if hard {
            ground.harden().await.unwrap();
        }
        let mut wire = ground.switched_to("alpha");
        let path = ground.db.schema("alpha");
        let heard: Vec<String> = APPLICATION
            .iter()
            .flat_map(|sql| wire.query(sql))
            .map(|line| line.replace(&path, "tenant"))
            .collect();
        told.push(heard);
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].iter().any(|line| line.contains("syntax error")), "bodies are checked: {:#?}", told[0]);
}

#[tokio::test]
async fn refusals_of_the_event_trigger_say_why_and_what_to_do() {
    let ground = Ground::hard().await;
    let client = ground.db.as_tenant("alpha").await;
    for create in [
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET role = 'none' AS 'SELECT 1'",
        "CREATE PROCEDURE p() LANGUAGE sql SET session_authorization = DEFAULT AS 'SELECT 1'",
    ] {
        let error = client.batch_execute(create).await;
        let Err(error) = error else {
            // Setting a parameter to its default is no setting.
            assert!(create.contains("DEFAULT"), "{create}");
            continue;
        };
        let error = error.as_db_error().unwrap();
        assert_eq!(error.code().code(), "42501");
        assert!(error.message().contains("cannot set role"), "{error:?}");
        assert!(error.hint().unwrap().contains("SET clause"), "{error:?}");
    }
}

async fn rows(db: &Db, sql: &str) -> Vec<String> {
    let client = db.admin().await;
    let sql = format!("SELECT x::text FROM ({sql}) x ORDER BY 1");
    client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// All that the hardening touches.
async fn catalogs(db: &Db) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for sql in [
        "SELECT * FROM pg_proc",
        "SELECT * FROM pg_language",
        "SELECT * FROM pg_event_trigger",
        "SELECT * FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'",
        "SELECT * FROM pg_description",
        "SELECT classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype FROM pg_depend",
        "SELECT classid, objid, objsubid, refclassid, refobjid, deptype FROM pg_shdepend
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
        "SELECT rolname, rolcanlogin FROM pg_roles WHERE strpos(rolname, current_database()) > 0",
        "SELECT oid, relname, relacl FROM pg_class",
    ] {
        all.push(rows(db, sql).await);
    }
    all
}

#[tokio::test]
async fn second_run_finds_everything_and_changes_nothing() {
    let ground = Ground::soft().await;
    let first = ground.harden().await.unwrap();
    assert!(first.contains("created  pg_catalog.set_config") && first.contains("and hardened"), "{first}");
    let before = catalogs(&ground.db).await;
    let second = ground.harden().await.unwrap();
    assert!(!second.contains("created ") && !second.contains("changed "), "{second}");
    assert_eq!(catalogs(&ground.db).await, before);
    assert_eq!(
        value(&ground.db.admin().await, "SELECT pgtenant_guard.version()").await,
        HARDENING_VERSION.to_string()
    );
}

#[tokio::test]
async fn removal_brings_back_exactly_what_was() {
    let ground = Ground::soft().await;
    let odd = format!("{}_odd", ground.db.name);
    ground
        .db
        .admin_run(&format!(
            "CREATE ROLE {odd}; REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC;
             GRANT EXECUTE ON FUNCTION pg_notify(text, text) TO {odd} WITH GRANT OPTION"
        ))
        .await;
    let before = catalogs(&ground.db).await;
    ground.harden().await.unwrap();
    assert_ne!(catalogs(&ground.db).await, before);
    let tenant = ground.db.as_tenant("alpha").await;
    assert_eq!(
        sqlstate(&tenant, "SELECT pg_notify('a', 'b')").await,
        "42501",
        "what was closed stays closed"
    );
    let dry = ground.init(|args| (args.remove_hardening, args.dry_run) = (true, true)).await.unwrap();
    assert!(dry.contains("nothing was changed") && ground.state().await.is_in_force(), "{dry}");
    let report = ground.remove().await.unwrap();
    assert!(report.contains("removed  schema pgtenant_guard"), "{report}");
    assert_eq!(catalogs(&ground.db).await, before);
    assert_eq!(ground.state().await, HardeningState::Absent);
    let again = ground.remove().await.unwrap();
    assert!(again.contains("no hardening is installed"), "{again}");
    ground.harden().await.unwrap();
    assert!(ground.state().await.is_in_force());
}

#[tokio::test]
async fn dry_run_says_all_and_changes_nothing() {
    let ground = Ground::soft().await;
    let alpha = ground.db.schema("alpha");
    ground
        .db
        .as_tenant("alpha")
        .await
        .batch_execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        .await
        .unwrap();
    let before = catalogs(&ground.db).await;
    let report = ground.init(|args| (args.harden, args.dry_run) = (true, true)).await.unwrap();
    for line in
        ["created  pg_catalog.set_config", &format!("changed  routine {alpha}.f()"), "nothing was changed"]
    {
        assert!(report.contains(line), "{line}: {report}");
    }
    assert_eq!(catalogs(&ground.db).await, before);
    let error = ground.init(|args| args.dry_run = true).await.unwrap_err();
    assert!(error.contains("--harden"), "{error}");
}

#[tokio::test]
async fn administrator_who_is_no_superuser_is_told_and_init_without_the_flag_needs_none() {
    let db = Db::new().await;
    let op = format!("{}_op", db.name);
    db.admin_run(&format!(
        "CREATE ROLE {op} LOGIN CREATEROLE PASSWORD 'op'; GRANT CREATE ON DATABASE {} TO {op}",
        db.name
    ))
    .await;
    let url = db.url(&op, "op");
    for flag in ["--harden", "--remove-hardening"] {
        let error = init_of(&db, &url, |args| {
            args.harden = flag == "--harden";
            args.remove_hardening = !args.harden;
        })
        .await
        .unwrap_err();
        assert!(error.contains("no superuser") && error.contains(flag), "{error}");
    }
    init_of(&db, &url, |_| {}).await.unwrap();
    init_of(&db, &db.admin_url, |args| args.harden = true).await.unwrap();
    let again = init_of(&db, &url, |_| {}).await.unwrap();
    assert!(!again.contains("created ") && !again.contains("changed "), "{again}");
    let admin = admin_args(&url);
    db.create_with("alpha", |args| args.admin = admin, "").await.unwrap();
}

#[tokio::test]
async fn administrators_default_privileges_do_not_close_the_wrappers() {
    let ground = Ground::soft().await;
    ground.db.admin_run("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC").await;
    ground.harden().await.unwrap();
    let alpha = ground.db.as_tenant("alpha").await;
    assert_eq!(value(&alpha, "SELECT set_config('my.x', 'y', false)").await, "y");
    assert_eq!(value(&alpha, "SELECT pg_try_advisory_lock(1)").await, "t");
}

#[tokio::test]
async fn strangers_schema_and_role_of_the_hardenings_names_are_left_alone() {
    let db = Db::ready().await;
    db.admin_run("CREATE SCHEMA pgtenant_guard; CREATE TABLE pgtenant_guard.x ()").await;
    let error = init_of(&db, &db.admin_url, |args| args.harden = true).await.unwrap_err();
    assert!(error.contains("schema pgtenant_guard exists already"), "{error}");
    db.admin_run(&format!("DROP SCHEMA pgtenant_guard CASCADE; CREATE ROLE pgtenant_guard_{}", db.name))
        .await;
    let error = init_of(&db, &db.admin_url, |args| args.harden = true).await.unwrap_err();
    assert!(error.contains("exists already") && error.contains("DROP ROLE"), "{error}");
}

#[tokio::test]
async fn whatever_is_taken_apart_is_seen_by_the_registrys_reader_and_put_right() {
    let ground = Ground::hard().await;
    let (guard, alpha) = (ground.guard(), ground.db.schema("alpha"));
    let role = &ground.db.config.registry.user;
    let password = ground.db.config.secrets.master_key.role_password(role);
    let reader = connect(&ground.db.url(role, password.expose_secret())).await;
    assert_eq!(
        hardening_state(&reader).await.unwrap(),
        HardeningState::InForce { version: HARDENING_VERSION }
    );
    for (break_it, word) in [
        ("ALTER EVENT TRIGGER pgtenant_guard_1_definer ENABLE".to_owned(), "pgtenant_guard_1_definer"),
        ("DROP EVENT TRIGGER pgtenant_guard_2_validate".to_owned(), "pgtenant_guard_2_validate"),
        ("GRANT EXECUTE ON FUNCTION pgtenant_guard.set_config(text, text, boolean) TO PUBLIC".to_owned(), "may be called by tenants"),
        (format!("GRANT EXECUTE ON FUNCTION pgtenant_guard.pg_notify(text, text) TO {alpha}"), "may be called by tenants"),
        ("GRANT USAGE ON SCHEMA pgtenant_guard TO PUBLIC".to_owned(), "open to PUBLIC"),
        (format!("GRANT CREATE ON SCHEMA pgtenant_guard TO {alpha}"), "is open to"),
        (format!("REVOKE USAGE ON SCHEMA pgtenant_guard FROM {guard}"), "closed to"),
        ("ALTER FUNCTION pg_catalog.set_config(text, text, boolean) SECURITY INVOKER".to_owned(), "is not the wrapper"),
        ("ALTER FUNCTION pg_catalog.set_config(text, text, boolean) SET work_mem = '1MB'".to_owned(), "is not the wrapper"),
        ("ALTER FUNCTION pg_catalog.set_config(text, text, boolean) OWNER TO postgres".to_owned(), "is not the wrapper"),
        ("CREATE OR REPLACE FUNCTION pg_catalog.pg_advisory_lock(bigint) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER AS 'begin end'".to_owned(), "is not the wrapper"),
        ("DROP FUNCTION pg_catalog.pg_try_advisory_lock(int, int)".to_owned(), "pg_try_advisory_lock(integer, integer) is missing"),
        ("DROP FUNCTION pg_catalog.pg_notify(text, text); ALTER FUNCTION pgtenant_guard.pg_notify(text, text) SET SCHEMA pg_catalog; GRANT EXECUTE ON FUNCTION pg_notify(text, text) TO PUBLIC".to_owned(), "is not moved"),
        ("UPDATE pg_language SET lanvalidator = (SELECT oid FROM pg_proc WHERE proname = 'fmgr_sql_validator') WHERE lanname = 'sql'".to_owned(), "language sql"),
        ("CREATE OR REPLACE FUNCTION pgtenant_guard.tenant() RETURNS text LANGUAGE sql AS 'SELECT NULL::text'".to_owned(), "function pgtenant_guard.tenant()"),
        ("GRANT EXECUTE ON FUNCTION pgtenant_guard.channel(text, text) TO PUBLIC".to_owned(), "function pgtenant_guard.channel"),
        (format!("ALTER ROLE {guard} LOGIN"), "can log in"),
        (format!("CREATE FUNCTION {alpha}.old() RETURNS int LANGUAGE sql AS 'SELECT 1'; UPDATE pg_proc SET proowner = '{alpha}'::regrole WHERE proname = 'old'"), "old() of"),
    ] {
        ground.db.admin_run(&break_it).await;
        let HardeningState::Partial { defects, .. } = hardening_state(&reader).await.unwrap() else {
            panic!("not seen: {break_it}");
        };
        assert!(defects.iter().any(|defect| defect.contains(word)), "{break_it}: {defects:?}");
        let report = ground.harden().await.unwrap();
        assert!(report.contains("changed ") || report.contains("created "), "{break_it}: {report}");
        let state = hardening_state(&reader).await.unwrap();
        assert_eq!(state, HardeningState::InForce { version: HARDENING_VERSION }, "{break_it}");
    }
    // What is not ours to undo is an error that says it.
    ground.db.admin_run(&format!("GRANT {guard} TO {alpha}")).await;
    let error = ground.harden().await.unwrap_err();
    assert!(error.contains(&format!("{alpha} is a member of {guard}")), "{error}");
}

#[tokio::test]
async fn version_of_a_newer_program_is_left_alone_and_an_older_one_brought_up() {
    let ground = Ground::hard().await;
    let set = |n: u32| {
        format!(
            "CREATE OR REPLACE FUNCTION pgtenant_guard.version() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT {n}'"
        )
    };
    ground.db.admin_run(&set(999)).await;
    for result in [ground.harden().await, ground.remove().await] {
        let error = result.unwrap_err();
        assert!(error.contains("version 999") && error.contains("newer pgtenant"), "{error}");
    }
    ground.db.admin_run(&set(0)).await;
    assert!(matches!(ground.state().await, HardeningState::Partial { version: 0, .. }));
    ground.harden().await.unwrap();
    assert!(ground.state().await.is_in_force());
}

#[tokio::test]
async fn tenants_routines_from_before_are_put_right() {
    let ground = Ground::soft().await;
    let alpha = ground.db.as_tenant("alpha").await;
    alpha
        .batch_execute(
            "CREATE FUNCTION plain() RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE PROCEDURE \"Odd name\"(x int) LANGUAGE plpgsql SET role = 'none' AS 'BEGIN END';
             CREATE FUNCTION defined() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
             CREATE AGGREGATE agg(int) (sfunc = int4pl, stype = int);
             CREATE TYPE r AS RANGE (subtype = int)",
        )
        .await
        .unwrap();
    let report = ground.harden().await.unwrap();
    assert!(report.contains(".plain()") && report.contains("\"Odd name\"(integer)"), "{report}");
    assert!(!report.contains("defined()") && !report.contains("BREAKS"), "{report}");
    assert!(ground.state().await.is_in_force());
    alpha.batch_execute("CALL \"Odd name\"(1)").await.unwrap();
}

#[tokio::test]
async fn audit_lists_what_weakens_it_with_a_remedy() {
    let ground = Ground::soft().await;
    let alpha = ground.db.schema("alpha");
    ground
        .db
        .admin_run(&format!(
            "CREATE EXTENSION xml2 SCHEMA global; CREATE EXTENSION dblink SCHEMA global; CREATE EXTENSION pg_trgm SCHEMA global;
             CREATE FUNCTION global.run(q text) RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE q; END$$;
             CREATE FUNCTION global.become() RETURNS int LANGUAGE sql SET role = '{alpha}' AS 'SELECT 1';
             CREATE FUNCTION global.harmless() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN 1; END$$;
             CREATE FUNCTION global.definer() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
             CREATE FUNCTION base_template.hidden(q text) RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE q; END$$;
             CREATE FUNCTION global.closed(q text) RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE q; END$$;
             REVOKE EXECUTE ON FUNCTION global.closed(text) FROM PUBLIC;
             CREATE FUNCTION base_template.by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN EXECUTE TG_ARGV[0]; END$$;
             CREATE TRUSTED LANGUAGE strange HANDLER plpgsql_call_handler;
             CREATE FUNCTION {alpha}.foreign_one() RETURNS int LANGUAGE strange AS 'BEGIN RETURN 1; END';
             ALTER FUNCTION {alpha}.foreign_one() OWNER TO {alpha};
             CREATE TABLE {alpha}.t (x text DEFAULT set_config('my.x', 'y', false)); ALTER TABLE {alpha}.t OWNER TO {alpha};
             CREATE TRIGGER t BEFORE INSERT ON {alpha}.t FOR EACH ROW EXECUTE FUNCTION base_template.by_trigger('select 1')"
        ))
        .await;
    let report = ground.harden().await.unwrap();
    let line = |start: &str, word: &str| {
        let found =
            report.lines().any(|line| line.starts_with(start) && line.contains(word) && line.contains("; "));
        assert!(found, "{start} {word}:\n{report}");
    };
    line("BREAKS", "extension xml2");
    line("BREAKS", "extension dblink");
    line("BREAKS", "routine global.run(text)");
    line("BREAKS", "routine global.become()");
    line("BREAKS", "routine base_template.by_trigger()");
    line("BREAKS", "language strange");
    line("BREAKS", &format!("routine {alpha}.foreign_one()"));
    line("note", "routine global.harmless()");
    line("note", "routine global.definer()");
    line("note", &format!("default of a column of {alpha}.t"));
    for absent in ["hidden", "global.closed", "pg_trgm", "plpgsql_call_handler()", "pgtenant."] {
        assert!(!report.contains(absent), "{absent}:\n{report}");
    }
    assert!(report.contains("findings above break the hardening"), "{report}");
    let HardeningState::Partial { defects, .. } = ground.state().await else { panic!("in force") };
    assert_eq!(defects.len(), 1, "{defects:?}");
}

#[tokio::test]
async fn extensions_the_audit_calls_breaking_do_break_it_and_the_remedy_helps() {
    let ground = Ground::hard().await;
    ground.db.admin_run("CREATE EXTENSION xml2 SCHEMA global; CREATE EXTENSION refint SCHEMA global").await;
    let xpath_table = Route {
        name: "xpath_table",
        sql: &[
            "create table x (id int, doc text)",
            "select * from xpath_table('id', 'doc', 'x', '/a', 'true; set role {B}') as t (id int, a text)",
        ],
        escapes: true,
    };
    let refint = Route {
        name: "refint",
        sql: &[
            "create table y (a text)",
            "create trigger t before insert on y for each row execute function check_primary_key('a', 'pg_class; set role {B}; select 1 from pg_class', 'relname')",
            "insert into y values ('pg_class')",
        ],
        escapes: true,
    };
    let escaped: Vec<_> =
        ground.escaped(&[xpath_table, refint]).await.into_iter().map(|(name, _)| name).collect();
    assert!(!escaped.is_empty(), "{escaped:?}");
    ground.db.admin_run("DROP EXTENSION xml2; DROP EXTENSION refint CASCADE").await;
    assert!(!ground.harden().await.unwrap().contains("BREAKS"));
}

#[tokio::test]
async fn extensions_the_audit_calls_harmless_run_no_sql_that_changes_the_role() {
    const EVIL: &str =
        "create function f{N}() returns text language plpgsql as $$begin set role {B}; return 'a'; end$$";
    let ground = Ground::hard().await;
    for name in [
        "tablefunc",
        "intarray",
        "hstore",
        "citext",
        "pgcrypto",
        "unaccent",
        "autoinc",
        "insert_username",
        "moddatetime",
    ] {
        ground.db.admin_run(&format!("CREATE EXTENSION {name} SCHEMA global")).await;
    }
    let routes = [
        Route {
            name: "crosstab",
            sql: &[
                EVIL,
                "select * from crosstab('set role {B}') as t (a text, b text)",
                "select * from crosstab('select f{N}(), f{N}(), f{N}()') as t (a text, b text)",
                "select * from crosstab('select 1, 2, 3; set role {B}') as t (a int, b int)",
            ],
            escapes: false,
        },
        Route {
            name: "crosstab_hash",
            sql: &[
                EVIL,
                "select * from crosstab('select f{N}(), f{N}(), f{N}()', 'select f{N}()') as t (a text, b text)",
            ],
            escapes: false,
        },
        Route {
            name: "connectby",
            sql: &[
                "select * from connectby('(select 1; set role {B}) x', 'a', 'b', 'c', 0) as t (a text, b text, c int)",
                "select * from connectby('x', 'a', 'b; set role {B}; --', 'c', 0) as t (a text, b text, c int)",
            ],
            escapes: false,
        },
        Route {
            name: "populate_record",
            sql: &[
                "create domain d{N} as text check (set_config('role', '{B}', false) <> '')",
                "create type c{N} as (x d{N})",
                "select populate_record(null::c{N}, 'x=>1'::hstore)",
            ],
            escapes: false,
        },
    ];
    assert_eq!(ground.escaped(&routes).await, []);
    assert!(!ground.harden().await.unwrap().contains("BREAKS"));
}

fn run(program: &str, db: &str, args: &[&str]) -> Output {
    let mut command = Command::new(cluster().bin(program));
    command
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", cluster().port().to_string())
        .env("PGUSER", "postgres")
        .env("PGPASSWORD", cluster().superuser_password())
        .env("LC_ALL", "C")
        .arg("-d")
        .arg(db)
        .args(args);
    command.output().expect("the program runs")
}

#[tokio::test]
async fn dump_restored_elsewhere_is_half_hardened_until_it_is_hardened_again() {
    let ground = Ground::hard().await;
    let mut wire = ground.switched_to("alpha");
    wire.run("create function f() returns int language plpgsql as 'begin return 1; end'");
    wire.run("create table t (x text default set_config('my.x', 'y', false))");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dump.sql");
    let path = file.to_str().unwrap();
    let dumped = run("pg_dump", &ground.db.name, &["-f", path]);
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let mut copy = Db::new().await;
    let restored = run("psql", &copy.name, &["-Xq", "-v", "ON_ERROR_STOP=1", "-f", path]);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    copy.config.registry.user = ground.db.config.registry.user.clone();
    let client = copy.admin().await;
    let HardeningState::Partial { defects, .. } = hardening_state(&client).await.unwrap() else {
        panic!("the originals are open again");
    };
    assert!(
        defects.iter().any(|defect| defect.contains("set_config(text, text, boolean) is not moved")),
        "{defects:?}"
    );
    let report = init_of(&copy, &copy.admin_url, |args| args.harden = true).await.unwrap();
    assert!(report.contains("created  pg_catalog.set_config"), "{report}");
    assert!(report.contains("create it anew"), "{report}");
    assert!(hardening_state(&client).await.unwrap().is_in_force());
    let home = "SELECT count(*) FROM pg_proc WHERE oid > 16384 AND prosrc = 'set_config_by_name'";
    assert_eq!(value(&client, home).await, "0", "the copy is gone");
    init_of(&copy, &copy.admin_url, |args| args.remove_hardening = true).await.unwrap();
    assert_eq!(value(&client, "SELECT 'pg_catalog.set_config'::regproc::oid::int < 16384").await, "t");
}

#[tokio::test]
async fn pg_dump_by_a_tenant_works_and_sets_its_search_path() {
    let ground = Ground::hard().await;
    let alpha = ground.db.schema("alpha");
    let tenant = ground.db.summary("alpha").await.tenant;
    let password = ground.db.config.secrets.master_key.tenant_password(tenant.id, tenant.password_version);
    ground
        .db
        .as_tenant("alpha")
        .await
        .batch_execute("CREATE TABLE t (x int); INSERT INTO t VALUES (5)")
        .await
        .unwrap();
    let url = ground.db.url(&alpha, password.expose_secret());
    let dump = Command::new(cluster().bin("pg_dump")).args(["-n", &alpha, "-d", &url]).output().unwrap();
    let text = String::from_utf8(dump.stdout).unwrap();
    assert!(
        dump.status.success() && text.contains("CREATE TABLE"),
        "{}",
        String::from_utf8_lossy(&dump.stderr)
    );
    ground.db.as_tenant("alpha").await.batch_execute("DROP TABLE t").await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    // The schema itself is the administrator's.
    std::fs::write(file.path(), text.replace("CREATE SCHEMA", "-- CREATE SCHEMA")).unwrap();
    let restore = Command::new(cluster().bin("psql"))
        .args(["-Xq", "-d", &url, "-f"])
        .arg(file.path())
        .output()
        .unwrap();
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    assert_eq!(value(&ground.db.as_tenant("alpha").await, "SELECT x FROM t").await, "5");
}
