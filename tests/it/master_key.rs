//! The master key is replaced while tenants are served.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgtenant::auth::MasterKey;
use pgtenant::cli::init::{self, InitArgs};
use pgtenant::cli::master_key::{self, RotateMasterKeyArgs};
use pgtenant::cli::serve::Server;
use pgtenant::config::{Config, Secrets};
use pgtenant::control::{pool_role, spare_role};
use pgtenant::tenant::{Level, TenantId};
use secrecy::ExposeSecret;

use crate::support::binary::Binary;
use crate::support::proxy::{PASSWORD, Proxy, eventually, stdout};
use crate::support::wire::{Wire, salt};
use crate::support::{Db, admin_args, cluster, secrets, unused_config, value};

fn old_key() -> MasterKey {
    unused_config().secrets.master_key
}

fn new_key() -> MasterKey {
    MasterKey::parse(&"a7".repeat(32)).unwrap()
}

/// As while keys are changed.
fn both() -> Secrets {
    Secrets { master_key: new_key(), previous_master_key: Some(old_key()) }
}

fn with_both(config: &mut Config) {
    config.secrets = both();
}

/// New server connections all the time.
fn with_both_and_short_lives(config: &mut Config) {
    with_both(config);
    config.pool.max_lifetime = Some(Duration::from_millis(1));
}

/// What `pgtenant rotate-master-key` printed, and what it told who waited.
struct Told {
    out: String,
    progress: String,
}

async fn rotate_with(config: &Config, args: RotateMasterKeyArgs) -> Result<Told, String> {
    let (mut out, mut progress) = (Vec::new(), Vec::new());
    let done = master_key::run(args, config, &mut out, &mut progress).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    done.map(|()| Told { out: text(out), progress: text(progress) }).map_err(|error| format!("{error:#}"))
}

fn args(db: &Db) -> RotateMasterKeyArgs {
    RotateMasterKeyArgs { admin: admin_args(&db.admin_url), ..RotateMasterKeyArgs::default() }
}

/// With both keys, whatever the database's own configuration has.
async fn rotate(db: &Db) -> Result<Told, String> {
    rotate_with(&db.with_keys(&both()).config, args(db)).await
}

/// Runs a command to its end, on this thread.
fn now<T>(command: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(command)
}

/// The roles of a database with the passwords a key gives them.
async fn passwords(db: &Db, tenants: &[&str], key: &MasterKey) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let own = [db.config.registry.user.clone(), pool_role(&db.name).as_str().to_owned()];
    for role in own {
        all.push((role.clone(), key.role_password(&role).expose_secret().to_owned()));
    }
    for name in tenants {
        let tenant = db.summary(name).await.tenant;
        let reader = tenant.reader_role.clone().unwrap();
        for (role, id) in [(&tenant.names.role, tenant.id), (&reader, tenant.id.other_access())] {
            let password = key.tenant_password(id, tenant.password_version);
            all.push((role.as_str().to_owned(), password.expose_secret().to_owned()));
        }
    }
    all.iter().for_each(|(_, password)| secrets::watch_for(password));
    all
}

/// Those of the roles whose password PostgreSQL takes.
fn taken(proxy: &Proxy, tenants: &[&str], key: &MasterKey) -> Vec<String> {
    let mut roles = proxy.run(passwords(&proxy.db, tenants, key));
    roles.retain(|(role, password)| {
        let login = [("user", role.as_str()), ("database", proxy.db.name.as_str())];
        Wire::log_in(proxy.server_addr(), &login, password).is_ok()
    });
    roles.into_iter().map(|(role, _)| role).collect()
}

fn add_reader(db: &Db, tenant: &str) -> String {
    let user = format!("reads_{}", db.slug(tenant));
    let change = |args: &mut pgtenant::cli::tenant::CreateArgs| {
        args.user = Some(user.clone());
        args.read_only = true;
        args.password_stdin = true;
    };
    now(db.create_with(tenant, change, &format!("{PASSWORD}\n"))).unwrap();
    user
}

#[test]
fn nobody_notices_on_two_proxies_at_any_level_while_the_key_is_replaced() {
    let proxy = Proxy::start_shared_unhardened(&["alpha", "gamma"], |config| {
        with_both_and_short_lives(config);
        config.pool.max_server_connections = 30;
    });
    // Made with the old key, as everything before.
    let old = proxy.db.with_keys(&unused_config().secrets);
    let change = |args: &mut pgtenant::cli::tenant::CreateArgs| {
        args.password_stdin = true;
        args.level = Some(Level::Dedicated);
    };
    now(old.create_with("beta", change, &format!("{PASSWORD}\n"))).unwrap();
    let reader = add_reader(&old, "beta");
    let another = proxy.another(|_| {});
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for addr in [proxy.addr(), another.addr()] {
            for user in [&proxy.user("alpha"), &proxy.user("gamma"), &proxy.user("beta"), &reader] {
                let (proxy, stop, done) = (&proxy, &stop, &done);
                let user = user.clone();
                scope.spawn(move || {
                    let login = [("user", user.as_str()), ("database", proxy.db.name.as_str())];
                    while !stop.load(Ordering::Relaxed) {
                        let mut wire = Wire::log_in(addr, &login, PASSWORD).expect("login");
                        for _ in 0..5 {
                            assert_eq!(wire.value("select count(*) from notes, pg_sleep(0.002)"), "0");
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        }
        let (proxy, another, stop, done) = (&proxy, &another, &stop, &done);
        scope.spawn(move || {
            let (mut listener, mut speaker) = (proxy.wire("beta"), another.wire("beta"));
            listener.run("listen news");
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                speaker.run(&format!("notify news, '{number}'"));
                assert!(listener.recv().to_string().ends_with(&format!(" news {number}")));
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
        eventually("all are at work", || done.load(Ordering::Relaxed) > 100);
        let told = now(rotate(&proxy.db)).unwrap();
        assert!(told.out.starts_with("all 8 roles have a password of master key "), "{}", told.out);
        let before = done.load(Ordering::Relaxed);
        eventually("all are at work with the new key", || done.load(Ordering::Relaxed) > before + 100);
        stop.store(true, Ordering::Relaxed);
    });
    for shared in [proxy.shared(), another.shared()] {
        let counted = shared.counters.snapshot();
        assert_eq!(counted.servers_failed, 0);
        assert!(counted.servers_opened > 20, "each work took connections of its own");
    }
    let tenants = ["alpha", "beta", "gamma"];
    assert_eq!(taken(&proxy, &tenants, &new_key()).len(), 8);
    assert_eq!(taken(&proxy, &tenants, &old_key()), [""; 0]);
    // The registry and the hub log in anew with what there is now.
    let reader = &proxy.db.config.registry.user;
    proxy
        .admin()
        .run(&format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{reader}'"));
    eventually("the registry is in touch again", || *proxy.shared().directory.in_touch().borrow());
    let (mut listener, mut speaker) = (proxy.wire("beta"), another.wire("beta"));
    listener.run("listen news");
    speaker.run("notify news, 'again'");
    assert!(listener.recv().to_string().ends_with(" news again"));
}

#[test]
fn login_that_works_is_remembered_so_that_hardly_one_is_refused() {
    // At level dedicated, whatever the tests are run at.
    let proxy = Proxy::with_spares(0, &["alpha"], with_both_and_short_lives);
    let line = format!("password authentication failed for user \"{}\"", proxy.role("alpha"));
    let refused = || cluster().log().matches(&line).count();
    let work = || {
        for _ in 0..20 {
            assert_eq!(proxy.wire("alpha").value("select 1 from pg_sleep(0.002)"), "1");
        }
    };
    let id = proxy.run(proxy.db.summary("alpha")).tenant.id;
    let knows = |mark| {
        eventually("it has heard", || proxy.shared().directory.tenant(id).unwrap().password_key == mark);
    };
    work();
    assert_eq!(refused(), 0, "all have passwords of the old key, and that is known");
    now(rotate(&proxy.db)).unwrap();
    knows(Some(new_key().mark()));
    work();
    let after = refused();
    work();
    assert_eq!(refused(), after);
    // What was set by an older program is not recorded: it is tried once.
    proxy.admin().run("update pgtenant.tenants set password_key = null");
    knows(None);
    work();
    work();
    assert!((after + 1..=after + 2).contains(&refused()), "{after} and then {}", refused());
    let counted = proxy.shared().counters.snapshot().server_passwords_refused;
    assert!((1..=after as u64 + 2).contains(&counted), "{counted}");
}

#[test]
fn command_that_is_killed_at_any_moment_ends_right_when_it_is_run_again() {
    let names = ["alpha", "beta", "gamma"];
    let proxy = Proxy::start(&names, with_both_and_short_lives);
    for milliseconds in [0, 5, 10, 20, 40, 80, 160] {
        let limit = Duration::from_millis(milliseconds);
        now(async { drop(tokio::time::timeout(limit, rotate(&proxy.db)).await) });
        for name in names {
            assert_eq!(proxy.wire(name).value("select 1"), "1");
        }
        // Each tenant's roles have passwords of one key, and the registry knows of which.
        let of_old = taken(&proxy, &names, &old_key());
        let of_new = taken(&proxy, &names, &new_key());
        assert_eq!(of_old.len() + of_new.len(), 8, "{of_old:?} {of_new:?}");
        for name in names {
            let tenant = proxy.run(proxy.db.summary(name)).tenant;
            let is_new = of_new.contains(&tenant.names.role.as_str().to_owned());
            assert_eq!(tenant.password_key == Some(new_key().mark()), is_new);
        }
    }
    let told = now(rotate(&proxy.db)).unwrap();
    assert!(told.out.starts_with("all 8 roles have a password of master key "), "{}", told.out);
    assert_eq!(taken(&proxy, &names, &new_key()).len(), 8);
    let again = now(rotate(&proxy.db)).unwrap();
    assert!(
        again.out.contains(", 0 of them since now (compared with what PostgreSQL keeps)"),
        "{}",
        again.out
    );
    assert_eq!(proxy.shared().counters.snapshot().servers_failed, 0);
}

#[test]
fn tenant_that_fails_is_named_and_those_before_it_are_done() {
    let proxy = Proxy::start(&["alpha", "beta"], with_both);
    proxy.admin().run(&format!(
        "create function pgtenant.fail() returns trigger language plpgsql as $$ begin raise 'not now'; end $$;
         create trigger fail before update on pgtenant.tenants for each row
             when (new.slug = '{}') execute function pgtenant.fail()",
        proxy.user("beta")
    ));
    let error = now(rotate(&proxy.db)).err().unwrap();
    let begins =
        format!("tenant {}, after 1 of 2; run this again, it goes on from here: ", proxy.user("beta"));
    assert!(error.starts_with(&begins) && error.contains("not now"), "{error}");
    assert_eq!(taken(&proxy, &["alpha", "beta"], &old_key()).len(), 2);
    proxy.admin().run("drop trigger fail on pgtenant.tenants");
    let told = now(rotate(&proxy.db)).unwrap();
    let lines: Vec<&str> = told.progress.lines().collect();
    assert_eq!(lines[0], "exists   the proxy's own roles");
    assert_eq!(lines[1], format!("exists   tenant {} (1 of 2)", proxy.user("alpha")));
    assert_eq!(lines[2], format!("changed  tenant {} (2 of 2)", proxy.user("beta")));
    assert!(told.out.contains("all 6 roles") && told.out.contains("2 of them since now"), "{}", told.out);
}

#[test]
fn password_that_was_changed_behind_the_registrys_back_is_found_and_put_right() {
    let proxy = Proxy::start(&["alpha"], with_both);
    now(rotate(&proxy.db)).unwrap();
    let role = proxy.role("alpha");
    proxy.admin().run(&format!("alter role {role} password 'something else'"));
    let told = now(rotate(&proxy.db)).unwrap();
    assert!(told.out.contains("2 of them since now"), "{}", told.out);
    assert_eq!(taken(&proxy, &["alpha"], &new_key()).len(), 4);
}

#[test]
fn dry_run_changes_nothing_and_json_says_the_same_to_programs() {
    let proxy = Proxy::start(&["alpha"], with_both);
    let dry = |json| RotateMasterKeyArgs { dry_run: true, json, ..args(&proxy.db) };
    let told = now(rotate_with(&proxy.db.config, dry(false))).unwrap();
    assert!(told.out.contains("nothing was changed; 4 of 4 roles would get a password"), "{}", told.out);
    let told = now(rotate_with(&proxy.db.config, dry(true))).unwrap();
    let last: serde_json::Value = serde_json::from_str(told.out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["set"], &last["complete"]), (&4.into(), &false.into()));
    assert_eq!(taken(&proxy, &["alpha"], &old_key()).len(), 4);
    let apply = RotateMasterKeyArgs { json: true, ..args(&proxy.db) };
    let told = now(rotate_with(&proxy.db.config, apply)).unwrap();
    let lines: Vec<serde_json::Value> =
        told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[1]["tenant"], proxy.user("alpha"));
    assert_eq!((&lines[2]["missing"], &lines[2]["complete"]), (&serde_json::json!([]), &true.into()));
    assert_eq!(lines[2]["master_key"], new_key().mark().to_string());
}

#[test]
fn proxy_with_the_old_key_only_says_what_to_do_and_others_go_on() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let another = proxy.another(with_both);
    assert_eq!(proxy.wire("alpha").value("select 1"), "1");
    now(rotate(&proxy.db)).unwrap();
    assert_eq!(another.wire("alpha").value("select 1"), "1");
    let shared = proxy.shared();
    let id = proxy.run(proxy.db.summary("alpha")).tenant.id;
    eventually("it has heard", || {
        shared.directory.tenant(id).unwrap().password_key == Some(new_key().mark())
    });
    let end = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}' and usename <> 'postgres'",
        proxy.db.name
    );
    proxy.admin().run(&end);
    let tenant = shared.directory.tenant(id).unwrap();
    let mut told = String::new();
    eventually("it cannot log in", || {
        let work = async {
            let refused = shared
                .clusters
                .main()
                .pool
                .checkout(&tenant, &Arc::default(), &Arc::default(), None)
                .await
                .err();
            refused.map(|error| format!("{error:#}")).unwrap_or_default()
        };
        told = proxy.run(work);
        !told.is_empty()
    });
    let remedy = "`pgtenant rotate-master-key` was run, give the proxy the key it was run with";
    assert!(told.contains(remedy) && told.contains("secrets.master_key_file"), "{told}");
    // Clients are told that there is no server, and nothing of keys.
    let refused =
        proxy.wire_with("alpha", &[]).err().unwrap_or_else(|| proxy.wire("alpha").query("select 1").concat());
    assert!(refused.contains("08006") && !refused.contains("key"), "{refused}");
    // It does not start again either, and says why.
    let start = proxy.run(async { Server::start(proxy.db.config.clone()).await.err() }).unwrap();
    assert!(format!("{start:#}").contains("`pgtenant rotate-master-key`"), "{start:#}");
    assert_eq!(another.wire("alpha").value("select 1"), "1");
}

#[test]
fn answers_to_unknown_users_and_channels_are_the_same_before_and_after() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let unknown = ["nobody_knows_me", "postgres", ""].map(|user| format!("{user}x"));
    let salts = |addr| unknown.clone().map(|user| salt(addr, &user));
    let prefix = |proxy: &Proxy| proxy.run(proxy.db.summary("alpha")).tenant.channels.as_str().to_owned();
    let (before, channels) = (salts(proxy.addr()), prefix(&proxy));
    let changing = proxy.another(with_both);
    assert_eq!(salts(changing.addr()), before);
    let (mut listener, mut speaker) = (proxy.wire("alpha"), changing.wire("alpha"));
    listener.run("listen news");
    speaker.run("notify news, 'from a proxy that has the new key too'");
    assert!(listener.recv().to_string().ends_with(" news from a proxy that has the new key too"));
    now(rotate(&proxy.db)).unwrap();
    let after = proxy.another(|config| {
        config.secrets = Secrets { master_key: new_key(), previous_master_key: None };
    });
    for addr in [proxy.addr(), changing.addr(), after.addr()] {
        assert_eq!(salts(addr), before);
    }
    assert_eq!(prefix(&proxy), channels);
    let (mut listener, mut speaker) = (after.wire("alpha"), changing.wire("alpha"));
    listener.run("listen news");
    speaker.run("notify news, 'x'");
    assert!(listener.recv().to_string().ends_with(" news x"));
    // What `init` and `tenant create` put right with the new key leaves them too.
    let db = proxy.db.with_keys(&Secrets { master_key: new_key(), previous_master_key: None });
    now(db.init()).unwrap();
    now(db.create("alpha")).unwrap();
    assert_eq!(prefix(&proxy), channels);
    assert_eq!(salts(after.addr()), before);
    drop(after);
    let later = proxy.another(|config| config.secrets = db.config.secrets.clone());
    assert_eq!(salts(later.addr()), before);
}

/// Takes back what version 8 of the registry and those behind it added.
const TO_VERSION_7: &str = "DROP VIEW pgtenant.tenants_here; ALTER TABLE pgtenant.tenants DROP COLUMN cluster;
    ALTER TABLE pgtenant.tenants DROP COLUMN password_key, DROP COLUMN drop_after,
        DROP COLUMN status_before_drop, DROP COLUMN drop_begun, DROP COLUMN adopted_from, DROP COLUMN settings;
    DROP TABLE pgtenant.former_names, pgtenant.moves;
    ALTER TABLE pgtenant.installation DROP COLUMN password_key, DROP COLUMN spare_password_key, DROP COLUMN decoy_secret;
    DROP TABLE pgtenant.api_requests, pgtenant.stripe_events, pgtenant.stripe_suspensions;
    DROP TABLE pgtenant.migrations, pgtenant.template_migrations, pgtenant.schema_states, pgtenant.migration_run;
    DROP FUNCTION pgtenant.fate(text);
    DELETE FROM pgtenant.schema_versions WHERE version > 7";

#[test]
fn registry_of_version_7_keeps_the_answers_and_channels_that_its_proxies_derived() {
    for secrets in [unused_config().secrets, both()] {
        let proxy = Proxy::start(&["alpha"], |_| {});
        let id: TenantId = proxy.run(proxy.db.summary("alpha")).tenant.id;
        proxy.run(proxy.db.admin_run(TO_VERSION_7));
        // Whatever was written down, its proxies derived them.
        proxy.run(proxy.db.admin_run("UPDATE pgtenant.channels SET prefix = repeat('0', 24)"));
        let error = now(proxy.db.create("alpha")).unwrap_err();
        assert!(error.contains("run `pgtenant init`"), "{error}");
        let db = proxy.db.with_keys(&secrets);
        now(db.init()).unwrap();
        let migrated = proxy.another(|config| config.secrets = db.config.secrets.clone());
        let derived = STANDARD.encode(old_key().first_decoy().salt("nobody_knows_me"));
        assert_eq!(salt(migrated.addr(), "nobody_knows_me"), format!("s={derived}"));
        let tenant = proxy.run(db.summary("alpha")).tenant;
        assert_eq!(tenant.channels, old_key().channel_prefix(id));
        assert_eq!(tenant.password_key, None, "nobody has looked");
        assert_eq!(migrated.wire("alpha").value("select 1"), "1");
        now(rotate(&db)).unwrap();
        assert_eq!(salt(migrated.addr(), "nobody_knows_me"), format!("s={derived}"));
        assert_eq!(taken(&proxy, &["alpha"], &new_key()).len(), 4);
    }
}

#[tokio::test]
async fn new_registry_has_a_secret_that_no_key_gives_and_only_the_registrys_reader_sees_it_sealed() {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    let admin = db.admin().await;
    let sealed = value(&admin, "SELECT encode(decoy_secret, 'hex') FROM pgtenant.installation").await;
    assert_eq!(sealed.len(), 2 * (12 + 32 + 16));
    assert!(!sealed.contains("5a5a5a5a"));
    let tenant = db.as_tenant("alpha").await;
    assert_eq!(crate::support::sqlstate(&tenant, "TABLE pgtenant.installation").await, "42501");
    db.init().await.unwrap();
    let again = value(&admin, "SELECT encode(decoy_secret, 'hex') FROM pgtenant.installation").await;
    assert_eq!(again, sealed, "init leaves it");
}

#[tokio::test]
async fn key_that_did_not_seal_the_secret_changes_nothing_and_a_lost_one_is_replaced_where_that_is_said() {
    let mut db = Db::ready().await;
    db.create("alpha").await.unwrap();
    db.config.secrets = Secrets { master_key: new_key(), previous_master_key: None };
    let error = rotate_with(&db.config, args(&db)).await.err().unwrap();
    assert!(error.contains("secrets.previous_master_key_file"), "{error}");
    assert_eq!(db.summary("alpha").await.tenant.password_key, Some(old_key().mark()));
    let error = db.init().await.unwrap_err();
    assert!(error.contains("`pgtenant init --lost-master-key`"), "{error}");
    let mut told = Vec::new();
    let lost = InitArgs { admin: admin_args(&db.admin_url), lost_master_key: true, ..InitArgs::default() };
    init::run(lost, &db.config, &mut told).await.unwrap();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("answers to unknown users, NEW, because the key"), "{told}");
    let told = rotate_with(&db.config, args(&db)).await.unwrap();
    assert!(told.out.starts_with("all 4 roles have"), "{}", told.out);
    assert_eq!(value(&db.as_tenant("alpha").await, "SELECT 1").await, "1");
}

#[tokio::test]
async fn administrator_who_cannot_read_passwords_goes_by_the_registry_and_says_so() {
    let mut db = Db::new().await;
    let op = format!("{}_op", db.name);
    db.admin_run(&format!(
        "CREATE ROLE {op} LOGIN CREATEROLE PASSWORD 'op'; GRANT CREATE ON DATABASE {} TO {op}",
        db.name
    ))
    .await;
    db.admin_url = db.url(&op, "op");
    db.init().await.unwrap();
    db.create("alpha").await.unwrap();
    let told = rotate(&db).await.unwrap();
    let known = "all 4 roles have a password of master key";
    assert!(
        told.out.starts_with(known) && told.out.contains("as the registry has recorded it"),
        "{}",
        told.out
    );
    let again = rotate(&db).await.unwrap();
    assert!(again.out.contains(", 0 of them since now"), "{}", again.out);
    db.config.secrets = Secrets { master_key: new_key(), previous_master_key: None };
    assert_eq!(value(&db.as_tenant("alpha").await, "SELECT 1").await, "1");
}

#[test]
fn spare_connections_log_in_with_the_new_key() {
    let proxy = Proxy::with_spares(1, &["alpha", "beta"], with_both_and_short_lives);
    let role = spare_role(&proxy.db.name);
    let told = now(rotate(&proxy.db)).unwrap();
    assert!(told.out.starts_with("all 7 roles have"), "{}", told.out);
    let password = new_key().role_password(role.as_str());
    let login = [("user", role.as_str()), ("database", proxy.db.name.as_str())];
    assert!(Wire::log_in(proxy.server_addr(), &login, password.expose_secret()).is_ok());
    let bound = proxy.shared().counters.snapshot().spares_bound;
    eventually("a spare of the new key is bound", || {
        assert_eq!(proxy.wire("beta").value("select 1"), "1");
        proxy.shared().counters.snapshot().spares_bound > bound + 1
    });
}

/// The environment of everything while keys are changed.
fn environment() -> [(&'static str, String); 2] {
    [("PGTENANT_MASTER_KEY", "a7".repeat(32)), ("PGTENANT_PREVIOUS_MASTER_KEY", "5a".repeat(32))]
}

#[test]
fn program_that_is_killed_in_the_middle_is_run_again_while_psql_is_served() {
    let variables = environment();
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let binary = Binary::start_with(&["alpha", "beta", "gamma"], &variables);
    let admin = cluster().superuser_url(&binary.database);
    let with_both = |arguments: &[&str]| {
        let mut command = binary.command();
        command.envs(variables).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let checks = || stdout(&with_both(&["check"]).output().unwrap());
    let psql = || {
        for tenant in ["alpha", "beta", "gamma"] {
            let mut command = Command::new(cluster().bin("psql"));
            command.args(["-XAtqc", "select current_user", &binary.url(tenant)]);
            let role = stdout(&command.output().unwrap());
            assert_eq!(role.trim(), format!("tenant_{}_{tenant}", binary.database));
        }
    };
    checks();
    for milliseconds in [20, 40, 60, 80, 120, 200] {
        let mut child = with_both(&["rotate-master-key", "--admin-url", &admin]).spawn().unwrap();
        thread::park_timeout(Duration::from_millis(milliseconds));
        // SIGKILL; it may be through already.
        let _ = child.kill();
        child.wait().unwrap();
        psql();
    }
    checks();
    let done = stdout(&with_both(&["rotate-master-key", "--admin-url", &admin]).output().unwrap());
    assert!(done.starts_with("all 8 roles have a password of master key "), "{done}");
    psql();
    let mut with_new = binary.command();
    stdout(&with_new.env(variables[0].0, variables[0].1).arg("check").output().unwrap());
    let old = binary.command().args(["tenant", "list"]).output().unwrap();
    let said = String::from_utf8_lossy(&old.stderr).into_owned();
    assert!(!old.status.success() && said.contains("if the master key was replaced"), "{said}");
}
