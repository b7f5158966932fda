//! Spare connections: who is bound to them, what a session on one cannot do, and who may bind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pgtenant::config::GuardMode;
use pgtenant::control::spare_role;
use pgtenant::notify::Hub;
use pgtenant::pool::{Ended, Pool};
use pgtenant::registry::{FindingKind, Registry};
use pgtenant::server::cancel::CancelSlot;
use pgtenant::server::spare::SpareLogin;
use pgtenant::session::params::Settings;
use pgtenant::telemetry::Counters;
use pgtenant::tenant::Ident;
use secrecy::ExposeSecret;

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::Wire;
use crate::support::{Db, value};

/// Idle server processes that are nobody's yet.
fn warm(proxy: &Proxy) -> Vec<i32> {
    let role = spare_role(&proxy.db.name);
    // The last that a spare was asked; one that is bound is asked more.
    let sql = format!(
        "select coalesce(string_agg(pid::text, ' ' order by pid), '') from pg_stat_activity
         where usename = '{}' and state = 'idle' and query like '%set_session_auth%'",
        role.as_str()
    );
    proxy.admin().value(&sql).split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn with_warm(spares: usize, tenants: &[&str]) -> (Proxy, Vec<i32>) {
    let proxy = Proxy::with_spares(spares, tenants, |_| {});
    eventually("spares are warm", || proxy.shared().clusters.main().pool.load().idle == spares);
    let pids = warm(&proxy);
    assert_eq!(pids.len(), spares, "{pids:?}");
    (proxy, pids)
}

fn user_of(proxy: &Proxy, pid: i32) -> String {
    proxy.admin().value(&format!("select usename from pg_stat_activity where pid = {pid}"))
}

/// Who and what a session says it is.
const LOOKS: &str =
    "select concat_ws(' ', session_user, current_user, current_setting('session_authorization'),
    current_setting('role'), current_setting('is_superuser'), current_setting('in_hot_standby'),
    current_setting('application_name'), current_setting('search_path'), current_schema())";

/// All settings but those that come with the library of the extension.
const SETTINGS: &str = "select string_agg(concat(name, '=', setting), E'\n' order by name) from pg_settings
    where name not like 'set\\_user.%'";

#[test]
fn first_query_of_a_tenant_runs_on_the_spare_that_stood_by() {
    let (proxy, pids) = with_warm(1, &["alpha", "beta"]);
    let mut alpha = proxy.wire("alpha");
    assert_eq!(alpha.backend(), pids[0]);
    assert_eq!(user_of(&proxy, pids[0]), spare_role(&proxy.db.name).as_str());
    alpha.run("insert into notes (body) values ('mine')");
    assert_eq!(alpha.value("select body from notes"), "mine");
    // Another one comes, and is somebody else's; the first is never given to anybody but alpha.
    eventually("the spare is replaced", || warm(&proxy).len() == 1);
    let next = warm(&proxy)[0];
    let mut beta = proxy.wire("beta");
    assert_eq!(beta.backend(), next);
    assert_eq!(beta.value("select count(*) from notes"), "0");
    drop(alpha);
    assert_eq!(proxy.wire("alpha").backend(), pids[0]);
}

#[test]
fn session_on_a_spare_looks_like_one_logged_in_as_the_tenant() {
    let (proxy, pids) = with_warm(1, &["alpha"]);
    let mut bound = proxy.wire("alpha");
    assert_eq!(bound.backend(), pids[0]);
    let mut direct = proxy.direct("alpha");
    let path = format!("\"{}\", \"global\"", proxy.db.schema("alpha"));
    direct.run(&format!("set search_path to {path}"));
    let found = bound.value(LOOKS);
    assert!(found.contains(&path), "{found}");
    assert_eq!(found.replace('"', ""), direct.value(LOOKS).replace('"', ""));
    assert_eq!(bound.value(SETTINGS).replace('"', ""), direct.value(SETTINGS).replace('"', ""));
    let told = |wire: &Wire| {
        let mut told = wire.parameters.clone();
        told.sort();
        told
    };
    assert_eq!(told(&bound), told(&direct));
    // Also after a reset of what a client left, and what a client sets for itself is its own.
    bound.run("set search_path to pg_catalog");
    bound.run("set work_mem to '1MB'");
    bound.run("create temp table t ()");
    drop(bound);
    eventually("the connection is back", || proxy.shared().clusters.main().pool.load().idle == 2);
    let mut again = proxy.wire("alpha");
    assert_eq!(again.backend(), pids[0]);
    assert_eq!(again.value(LOOKS), found);
    // What the reset value is differs: it means the same.
    again.run("reset search_path");
    assert_eq!(again.value("show search_path"), "\"$user\", \"global\"");
    assert_eq!(again.value("select current_schema()"), proxy.db.schema("alpha"));
}

#[test]
fn spares_are_bound_in_a_hardened_database_too() {
    let proxy = Proxy::with_spares(1, &["alpha"], |_| {});
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(proxy.db.harden()).unwrap();
    eventually("a spare is warm", || proxy.shared().clusters.main().pool.load().idle == 1);
    let pid = warm(&proxy)[0];
    let mut alpha = proxy.wire("alpha");
    assert_eq!(alpha.backend(), pid);
    assert_eq!(alpha.value("select current_schema()"), proxy.db.schema("alpha"));
    alpha.run("do $$ begin insert into notes (body) values ('x'); end $$");
    assert_eq!(alpha.value("select count(*) from notes"), "1");
}

#[test]
fn cancel_request_reaches_a_statement_on_a_spare() {
    let (proxy, pids) = with_warm(1, &["alpha"]);
    let mut alpha = proxy.wire("alpha");
    assert_eq!(alpha.backend(), pids[0]);
    let cancel = alpha.canceller();
    alpha.send(&crate::support::wire::query("select pg_sleep(20)"));
    let sleeping =
        format!("select count(*) from pg_stat_activity where pid = {} and state = 'active'", pids[0]);
    eventually("it sleeps", || proxy.admin().value(&sleeping) == "1");
    cancel();
    let answer = alpha.until_ready();
    assert!(answer.iter().any(|line| line.contains("57014")), "{answer:?}");
    assert_eq!(alpha.backend(), pids[0]);
}

/// Every way back that SQL has. None of them may give another role, nor end the server.
const ATTACKS: &[&str] = &[
    "RESET SESSION AUTHORIZATION",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET SESSION AUTHORIZATION {spare}",
    "SET SESSION AUTHORIZATION {beta}",
    "SET SESSION AUTHORIZATION postgres",
    "SET session_authorization = DEFAULT",
    "SET \"Session_Authorization\" = '{spare}'",
    "RESET \"Session_Authorization\"",
    "BEGIN; SET LOCAL SESSION AUTHORIZATION {spare}; COMMIT",
    "BEGIN; SAVEPOINT s; RESET SESSION AUTHORIZATION; ROLLBACK TO s; COMMIT",
    "BEGIN; RESET SESSION AUTHORIZATION; SELECT 1/0; COMMIT",
    "ROLLBACK",
    "RESET ROLE",
    "SET ROLE NONE",
    "SET ROLE {spare}",
    "SET ROLE {beta}",
    "SET \"RoLe\" = '{spare}'",
    "RESET \"RoLe\"",
    "BEGIN; SET LOCAL ROLE NONE; ROLLBACK",
    "RESET ALL",
    "DISCARD ALL",
    "DISCARD ALL",
    "RESET ALL",
    "SELECT set_config('role', '{spare}', false)",
    "SELECT set_config('role', 'none', false)",
    "SELECT set_config('session_authorization', '{spare}', false)",
    "SELECT set_config('session_authorization', 'default', false)",
    "DO $$ BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; EXECUTE 'RESET ROLE'; EXECUTE 'RESET ALL'; END $$",
    "DO $$ BEGIN PERFORM set_config('role', '{spare}', false); END $$",
    "DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN EXECUTE 'RESET SESSION AUTHORIZATION'; END $$",
    "CREATE OR REPLACE FUNCTION {alpha}.f() RETURNS text LANGUAGE sql SET role = 'none' AS 'SELECT current_user::text'",
    "SELECT {alpha}.f()",
    "CREATE OR REPLACE FUNCTION {alpha}.f() RETURNS text LANGUAGE sql SET session_authorization = DEFAULT AS 'SELECT current_user::text'",
    "SELECT {alpha}.f()",
    "CREATE OR REPLACE FUNCTION {alpha}.f() RETURNS text LANGUAGE sql SET role = '{spare}' AS 'SELECT current_user::text'",
    "SELECT {alpha}.f()",
    "CREATE OR REPLACE FUNCTION {alpha}.f() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text'",
    "SELECT {alpha}.f()",
    "SELECT set_session_auth('{beta}')",
    "SELECT public.set_session_auth('{spare}')",
    "DO $$ BEGIN PERFORM public.set_session_auth('{beta}'); END $$",
    "SELECT public.set_session_auth('postgres')",
    "SELECT public.set_user('{beta}')",
    "SELECT public.set_user('{beta}', 'token')",
    "SELECT public.set_user(NULL)",
    "SELECT public.set_user_u('postgres')",
    "SELECT public.reset_user()",
    "SELECT public.reset_user('token')",
    "GRANT {beta} TO {alpha}",
    "GRANT {spare} TO {alpha}",
    "ALTER ROLE {spare} SUPERUSER",
    "ALTER ROLE {alpha} RENAME TO {alpha}_other",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{spare}' AND pid <> pg_backend_pid()",
    "TABLE {beta}.notes",
    "TABLE pgtenant.tenants",
];

#[test]
fn no_statement_leads_away_from_the_tenant_on_a_bound_spare() {
    let proxy = Proxy::with_spares(1, &["alpha", "beta"], |_| {});
    let role = spare_role(&proxy.db.name);
    let (alpha, beta) = (proxy.db.schema("alpha"), proxy.db.schema("beta"));
    let password = proxy.db.config.secrets.master_key.role_password(role.as_str());
    let login = [("user", role.as_str()), ("database", proxy.db.name.as_str())];
    let mut wire = Wire::log_in(proxy.server_addr(), &login, password.expose_secret()).unwrap();
    // Before it is bound it can do nothing but that, and become no superuser.
    for sql in [
        &format!("table {alpha}.notes"),
        "table pgtenant.tenants",
        "create table global.x ()",
        "create schema x",
    ] {
        assert!(wire.query(sql).concat().contains("42501"), "{sql}");
    }
    let began = proxy.admin().value("select pg_postmaster_start_time()");
    // What somebody granted by mistake does not help either.
    proxy.admin().run("grant execute on function public.reset_user(), public.reset_user(text) to public");
    let bound = format!("select public.set_session_auth('{alpha}')");
    assert_eq!(wire.value(&bound), "OK");
    let who = "select concat_ws(' ', session_user, current_user, current_setting('session_authorization'),
                                current_setting('role'), current_setting('is_superuser'))";
    let expected = format!("{alpha} {alpha} {alpha} none off");
    let backend = wire.backend();
    assert_eq!(wire.value(who), expected);
    for attack in ATTACKS {
        let sql =
            attack.replace("{alpha}", &alpha).replace("{beta}", &beta).replace("{spare}", role.as_str());
        let answer = wire.query(&sql);
        wire.query("rollback");
        assert_eq!(wire.value(who), expected, "{sql}: {answer:?}");
        let read = answer.iter().any(|line| line.contains(&beta) && line.starts_with('D'));
        assert!(!read, "{sql}: {answer:?}");
    }
    wire.run("set force_parallel_mode to on");
    assert_eq!(wire.value(who), expected, "in a parallel worker");
    assert_eq!(wire.backend(), backend);
    assert_eq!(proxy.admin().value("select pg_postmaster_start_time()"), began, "the server has crashed");
}

#[test]
fn clients_of_the_proxy_do_not_get_away_either_where_the_guard_only_reports() {
    let proxy = Proxy::with_spares(1, &["alpha", "beta"], |config| config.guard.mode = GuardMode::Report);
    eventually("a spare is warm", || proxy.shared().clusters.main().pool.load().idle == 1);
    let pid = warm(&proxy)[0];
    let mut wire = proxy.wire("alpha");
    let (alpha, beta) = (proxy.db.schema("alpha"), proxy.db.schema("beta"));
    assert_eq!(wire.backend(), pid);
    let role = spare_role(&proxy.db.name);
    for attack in
        ATTACKS.iter().filter(|attack| !attack.contains("BEGIN;") && !attack.contains("pg_terminate"))
    {
        let sql =
            attack.replace("{alpha}", &alpha).replace("{beta}", &beta).replace("{spare}", role.as_str());
        wire.query(&sql);
        assert_eq!(
            wire.value("select concat_ws(' ', session_user, current_user)"),
            format!("{alpha} {alpha}"),
            "{sql}"
        );
    }
}

#[test]
fn without_the_role_or_the_extension_connections_are_ordinary_ones() {
    let ordinary = |proxy: &Proxy| {
        let mut alpha = proxy.wire("alpha");
        let pid = alpha.backend();
        assert_eq!(user_of(proxy, pid), proxy.db.schema("alpha"));
        assert_eq!(proxy.shared().clusters.main().pool.load().total, 1);
    };
    // Spares came into the configuration after `pgtenant init`.
    ordinary(&Proxy::with_spares(0, &["alpha"], |config| config.pool.spare_connections = 2));
    let (proxy, _) = with_warm(1, &["alpha"]);
    proxy.admin().run("drop extension set_user");
    eventually("spares are closed", || proxy.shared().clusters.main().pool.load().total == 0);
    ordinary(&proxy);
}

#[test]
fn where_a_spare_cannot_be_bound_the_tenant_gets_an_ordinary_connection() {
    let (proxy, _) = with_warm(1, &["alpha", "beta"]);
    // A connection logged in as the role has this setting, one bound to it has not.
    let alpha = proxy.db.schema("alpha");
    proxy.admin().run(&format!("alter role {alpha} set work_mem to '7MB'"));
    let mut wire = proxy.wire("alpha");
    assert_eq!(wire.value("show work_mem"), "7MB");
    let pid = wire.backend();
    assert_eq!(user_of(&proxy, pid), alpha);
    // The server refuses: all spares that were warm are useless, and what is asked for comes all the same.
    let role = spare_role(&proxy.db.name);
    proxy
        .admin()
        .run(&format!("revoke execute on function public.set_session_auth(text) from {}", role.as_str()));
    let mut wire = proxy.wire("beta");
    let pid = wire.backend();
    assert_eq!(user_of(&proxy, pid), proxy.db.schema("beta"));
}

#[test]
fn spare_that_died_is_no_loss() {
    let (proxy, pids) = with_warm(1, &["alpha"]);
    proxy.admin().run(&format!("select pg_terminate_backend({})", pids[0]));
    let gone = format!("select count(*) from pg_stat_activity where pid = {}", pids[0]);
    eventually("it is gone", || proxy.admin().value(&gone) == "0");
    assert_eq!(proxy.wire("alpha").value("select 1"), "1");
}

#[test]
fn suspended_tenant_loses_its_bound_connection_and_others_do_not_get_it() {
    let (proxy, pids) = with_warm(1, &["alpha", "beta"]);
    let mut alpha = proxy.wire("alpha");
    assert_eq!(alpha.backend(), pids[0]);
    let slug = proxy.db.slug("alpha");
    proxy.admin().run(&format!("update pgtenant.tenants set status = 'suspended' where slug = '{slug}'"));
    let gone = format!("select count(*) from pg_stat_activity where pid = {}", pids[0]);
    eventually("it is closed", || proxy.admin().value(&gone) == "0");
    assert!(proxy.wire_with("alpha", &[]).is_err());
    eventually("another spare is warm", || warm(&proxy).len() == 1);
    assert_eq!(proxy.wire("beta").value("select 1"), "1");
}

#[test]
fn spares_count_within_the_budget_and_give_way() {
    let proxy = Proxy::with_spares(2, &["alpha", "beta", "gamma"], |config| {
        config.pool.max_server_connections = 3;
    });
    eventually("spares are warm", || proxy.shared().clusters.main().pool.load().idle == 2);
    let mut wires: Vec<_> = ["alpha", "beta", "gamma"].map(|tenant| proxy.wire(tenant)).into();
    for wire in &mut wires {
        wire.run("begin");
        assert_eq!(wire.value("select 1"), "1");
    }
    assert_eq!(proxy.shared().clusters.main().pool.load().total, 3);
}

async fn audit(db: &Db) -> Vec<(FindingKind, String, String)> {
    let config = &db.config;
    let registry = Registry::connect(&config.server, &config.registry, &config.secrets).await.unwrap();
    let findings = registry.audit_logins(&config.schemas).await.unwrap();
    findings.into_iter().map(|finding| (finding.kind, finding.role.clone(), finding.remedy())).collect()
}

#[tokio::test]
async fn each_right_too_many_is_found_and_its_remedy_removes_it() {
    use FindingKind as K;
    let db = Db::with_set_user(1).await;
    let told = db.init().await.unwrap();
    db.create("alpha").await.unwrap();
    let (spare, alpha) = (spare_role(&db.name), db.schema("alpha"));
    let (spare, name) = (spare.as_str(), db.name.as_str());
    assert!(told.contains(&format!("role {spare}, may call \"public\".set_session_auth")), "{told}");
    assert!(db.init().await.unwrap().contains(&format!("exists   role {spare}, may call")));
    assert_eq!(audit(&db).await, []);
    let stranger = format!("{name}_stranger");
    db.admin_run(&format!("CREATE ROLE {stranger}")).await;
    let auth = "FUNCTION public.set_session_auth(text)";
    let copy =
        "CREATE FUNCTION global.again(text) RETURNS text LANGUAGE c STRICT AS 'set_user', 'set_session_auth'";
    for (break_it, kind, role) in [
        (format!("ALTER ROLE {spare} SUPERUSER"), K::Superuser, spare),
        (format!("ALTER ROLE {spare} BYPASSRLS"), K::BypassRls, spare),
        (format!("ALTER ROLE {spare} REPLICATION"), K::Replication, spare),
        (format!("ALTER ROLE {spare} CREATEROLE"), K::CreateRole, spare),
        (format!("ALTER ROLE {spare} CREATEDB"), K::CreateDb, spare),
        (format!("ALTER ROLE {spare} INHERIT"), K::PoolInherit, spare),
        (format!("ALTER ROLE {spare} SET work_mem = '8MB'"), K::SpareSetting, spare),
        (format!("GRANT {alpha} TO {spare}"), K::Member, spare),
        (format!("GRANT {spare} TO {alpha}"), K::SessionAuth, alpha.as_str()),
        (format!("GRANT {spare} TO {stranger}"), K::SessionAuth, stranger.as_str()),
        (format!("GRANT EXECUTE ON {auth} TO PUBLIC"), K::SessionAuth, "PUBLIC"),
        (format!("GRANT EXECUTE ON {auth} TO {alpha}"), K::SessionAuth, alpha.as_str()),
        (format!("GRANT EXECUTE ON {auth} TO {stranger}"), K::SessionAuth, stranger.as_str()),
        (copy.to_owned(), K::SessionAuth, "PUBLIC"),
        ("GRANT EXECUTE ON FUNCTION public.set_user(text) TO PUBLIC".to_owned(), K::SetUser, "PUBLIC"),
        (
            format!("GRANT EXECUTE ON FUNCTION public.set_user(text, text) TO {alpha}"),
            K::SetUser,
            alpha.as_str(),
        ),
        (format!("GRANT EXECUTE ON FUNCTION public.set_user_u(text) TO {spare}"), K::SetUser, spare),
    ] {
        db.admin_run(&break_it).await;
        let found = audit(&db).await;
        assert!(found.iter().any(|(k, r, _)| (*k, r.as_str()) == (kind, role)), "{break_it}: {found:?}");
        for (_, _, remedy) in &found {
            db.admin_run(remedy).await;
        }
        // A membership has a remedy of its own, and the copy of the function is the owner's to drop.
        db.admin_run(&format!(
            "REVOKE {spare} FROM {alpha}, {stranger}; DROP FUNCTION IF EXISTS global.again(text)"
        ))
        .await;
        assert_eq!(audit(&db).await, [], "{break_it}");
    }
    for right in [
        format!("GRANT CREATE ON SCHEMA public TO {spare}"),
        format!("GRANT TEMP ON DATABASE {name} TO {spare}"),
        format!("GRANT USAGE ON SCHEMA {alpha} TO {spare}"),
        format!("ALTER SCHEMA {alpha} OWNER TO {spare}"),
        format!("GRANT EXECUTE ON {auth} TO {spare} WITH GRANT OPTION"),
    ] {
        db.admin_run(&right).await;
        let found = audit(&db).await;
        assert!(
            found.iter().any(|(k, r, _)| (*k, r.as_str()) == (K::PoolRight, spare)),
            "{right}: {found:?}"
        );
        db.admin_run(&format!("REASSIGN OWNED BY {spare} TO CURRENT_USER; DROP OWNED BY {spare}")).await;
        db.init().await.unwrap();
        assert_eq!(audit(&db).await, [], "{right}");
    }
}

/// A pool whose spares are bound by a function of this body, one after the other; who is then asked for. Nobody
/// is served by a connection that is not the tenant's.
async fn serves_although(body: &str) {
    let mut db = Db::new().await;
    db.config.pool.spare_connections = 1;
    db.init().await.unwrap();
    db.create("alpha").await.unwrap();
    let (tenant, role) = (Arc::new(db.summary("alpha").await.tenant), format!("{}_spare", db.name));
    let alpha = db.schema("alpha");
    let password = db.config.secrets.master_key.role_password(&role);
    let password = password.expose_secret();
    db.admin_run(&format!(
        "CREATE ROLE {role} LOGIN NOINHERIT PASSWORD '{password}'; GRANT {alpha} TO {role}; CREATE SCHEMA fake;
         GRANT USAGE ON SCHEMA fake TO {role};
         CREATE FUNCTION fake.set_session_auth(name text) RETURNS text LANGUAGE plpgsql STRICT AS $${body}$$"
    ))
    .await;
    let counters = Arc::new(Counters::default());
    let pool = Pool::new(&db.config, Arc::clone(&counters), Hub::new(&db.config, counters), None);
    pool.keep_spares(Some(SpareLogin {
        role: Ident::parse(&role).unwrap(),
        schema: Ident::parse("fake").unwrap(),
        global: db.config.schemas.global.clone(),
    }));
    for _ in 0..2000 {
        if pool.load().idle == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(pool.load().idle, 1, "no spare is warm: {body}");
    let checkout =
        pool.checkout(&tenant, &Arc::<CancelSlot>::default(), &Arc::default(), None).await.unwrap();
    let attached = checkout.attach(&Arc::<Settings>::default()).await.unwrap();
    let user = format!("SELECT usename FROM pg_stat_activity WHERE pid = {}", attached.pid());
    assert_eq!(value(&db.admin().await, &user).await, alpha, "{body}");
    attached.detach(Ended::Idle);
}

#[tokio::test]
async fn function_that_says_yes_and_binds_nobody_is_not_believed() {
    serves_although("BEGIN RETURN 'OK'; END").await;
}

#[tokio::test]
async fn role_that_can_be_reset_is_not_believed() {
    serves_although("BEGIN PERFORM set_config('role', name, false); RETURN 'OK'; END").await;
}

#[tokio::test]
async fn function_that_fails_costs_nobody_a_connection() {
    serves_although("BEGIN RAISE EXCEPTION 'not today'; END").await;
    serves_although("BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN 'OK'; END").await;
}

#[tokio::test]
async fn function_that_hangs_is_not_waited_for() {
    let began = Instant::now();
    serves_although("BEGIN PERFORM pg_sleep(60); RETURN 'OK'; END").await;
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn role_of_that_name_made_by_somebody_else_is_not_taken_over() {
    let db = Db::with_set_user(1).await;
    db.admin_run(&format!("CREATE ROLE {}", spare_role(&db.name).as_str())).await;
    let error = db.init().await.unwrap_err();
    assert!(error.contains("exists already"), "{error}");
}

#[tokio::test]
async fn without_a_wish_for_spares_or_the_extension_no_role_is_made() {
    let db = Db::with_set_user(0).await;
    assert!(!db.init().await.unwrap().contains("spare"));
    let mut db = Db::new().await;
    db.config.pool.spare_connections = 1;
    assert!(db.init().await.unwrap().contains("spare connections, NONE"));
    let made = "SELECT count(spare_role) FROM pgtenant.installation";
    assert_eq!(value(&db.admin().await, made).await, "0");
}

#[tokio::test]
async fn proxy_does_not_start_where_anybody_may_become_a_tenant() {
    let db = Db::with_set_user(0).await;
    db.init().await.unwrap();
    db.admin_run("GRANT EXECUTE ON FUNCTION public.set_session_auth(text) TO PUBLIC").await;
    let mut config = db.config.clone();
    config.listen.addresses = vec!["127.0.0.1:0".parse().unwrap()];
    let error = format!("{:#}", pgtenant::cli::serve::Server::start(config).await.unwrap_err());
    assert!(error.contains("PUBLIC may call public.set_session_auth(text)"), "{error}");
}

#[test]
fn right_granted_while_the_proxy_serves_takes_all_tenants_out_of_service_until_it_is_revoked() {
    let (proxy, _) = with_warm(1, &["alpha"]);
    let mut alpha = proxy.wire("alpha");
    assert_eq!(alpha.value("select 1"), "1");
    proxy.admin().run("grant execute on function public.set_session_auth(text) to public");
    eventually("clients are refused", || proxy.wire_with("alpha", &[]).is_err());
    let Err(refusal) = proxy.wire_with("alpha", &[]) else { panic!("served") };
    assert!(refusal.contains("57P03"), "{refusal}");
    assert!(alpha.until_end().concat().contains("57P01"));
    eventually("spares are closed", || warm(&proxy).is_empty());
    proxy.admin().run("revoke execute on function public.set_session_auth(text) from public");
    eventually("clients are served", || proxy.wire_with("alpha", &[]).is_ok());
    eventually("spares are back", || warm(&proxy).len() == 1);
}

#[test]
fn spares_whose_role_got_a_right_are_closed_and_tenants_are_served_without() {
    let (proxy, _) = with_warm(1, &["alpha"]);
    let role = spare_role(&proxy.db.name);
    proxy.admin().run(&format!("grant pg_read_all_data to {}", role.as_str()));
    eventually("spares are closed", || proxy.shared().clusters.main().pool.load().total == 0);
    let mut alpha = proxy.wire("alpha");
    let pid = alpha.backend();
    assert_eq!(user_of(&proxy, pid), proxy.db.schema("alpha"));
}

/// Prints what docs/performance.md has: `cargo test --release --test it -- --nocapture --test-threads 1 first_query_with`.
#[test]
fn first_query_with_and_without_a_spare() {
    const TENANTS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let median = |spares: usize| {
        let proxy = Proxy::with_spares(spares, &TENANTS, |config| config.pool.max_server_connections = 40);
        let mut times: Vec<Duration> = Vec::new();
        for tenant in TENANTS {
            eventually("spares are warm", || {
                proxy.shared().clusters.main().pool.load().idle >= times.len() + spares
            });
            let begin = Instant::now();
            let mut wire = proxy.wire(tenant);
            assert_eq!(wire.value("select count(*) from notes"), "0");
            times.push(begin.elapsed());
            drop(wire);
        }
        times.sort();
        times[times.len() / 2]
    };
    let (without, with) = (median(0), median(2));
    println!(
        "log in and first query of a tenant, median of {}: {without:?} without spares, {with:?} with",
        TENANTS.len()
    );
}
