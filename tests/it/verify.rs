//! `pgtenant verify`: clean where tenants are kept apart, and failing for each wall that is broken.

mod naive;
mod walls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pgtenant::cli::cluster::{Options, PrivateCluster};
use pgtenant::cli::tenant::{CreateArgs, LevelArgs, ListArgs, StatusArgs, TenantCommand};
use pgtenant::cli::verify::{VerifyArgs, run};
use pgtenant::config::{Config, GuardMode};
use pgtenant::control::verify::Watcher;
use pgtenant::control::{NewTenant, create_tenant};
use pgtenant::registry::Registry;
use pgtenant::telemetry::Counters;
use pgtenant::tenant::{Access, Level, Slug};
use serde_json::Value;

use crate::support::binary::Binary;
use crate::support::proxy::{Proxy, eventually};
use crate::support::{Db, admin_args, cluster};
use crate::verify::naive::Sessions;

/// What a run said: its exit code as clap has it, and its JSON.
pub(crate) struct Said {
    pub(crate) code: String,
    pub(crate) json: Value,
}

impl Said {
    fn ids(&self) -> Vec<String> {
        let findings = self.json["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Those that count against it.
    pub(crate) fn failing(&self) -> Vec<&Value> {
        let fails = |finding: &&Value| ["error", "critical"].contains(&finding["severity"].as_str().unwrap());
        self.json["findings"].as_array().unwrap().iter().filter(fails).collect()
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.ids().iter().any(|found| found == id)
    }
}

pub(crate) async fn verify(config: &Config, args: VerifyArgs) -> Result<Said, String> {
    let mut out = Vec::new();
    let code = run(VerifyArgs { json: true, ..args }, config, &mut out)
        .await
        .map_err(|error| format!("{error:#}"))?;
    Ok(Said { code: format!("{code:?}"), json: serde_json::from_slice(&out).unwrap() })
}

pub(crate) fn code(code: u8) -> String {
    format!("{:?}", std::process::ExitCode::from(code))
}

/// Without the attack.
async fn audit(db: &Db) -> Said {
    verify(&db.config, VerifyArgs { no_canary: true, ..VerifyArgs::default() }).await.unwrap()
}

/// With it, through this proxy.
fn attack(proxy: &Proxy) -> Result<Said, String> {
    attack_through(proxy, &proxy.addr().to_string())
}

/// Runs a command beside a proxy.
fn here<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Through something else than the proxy.
fn attack_through(proxy: &Proxy, address: &str) -> Result<Said, String> {
    let args = VerifyArgs {
        proxy: Some(address.to_owned()),
        admin: admin_args(&proxy.db.admin_url),
        ..VerifyArgs::default()
    };
    here(verify(&proxy.db.config, args))
}

/// What is left of canaries in this database: schemas, tenants, members of the role all tenants share.
fn canaries(proxy: &Proxy) -> String {
    proxy.admin().value(&format!(
        "select (select count(*) from pg_namespace where nspname like 'tenant\\_pgtenant\\_canary%')
              + (select count(*) from pgtenant.tenants where slug like 'pgtenant\\_canary%')
              + (select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member
                 where m.roleid = 'pgtenant_tenants_{}'::regrole and r.rolname like '%pgtenant\\_canary%')",
        proxy.db.name
    ))
}

#[test]
fn clean_database_is_attacked_in_vain_at_both_levels_and_nothing_is_left() {
    for (level, proxy) in [
        ("dedicated", Proxy::start(&["alpha", "beta"], |_| {})),
        ("shared", Proxy::start_shared(&["alpha", "beta"], |config| config.pool.max_server_connections = 4)),
        ("shared", Proxy::start_shared_unhardened(&["alpha", "beta"], |_| {})),
    ] {
        let said = attack(&proxy).unwrap();
        assert_eq!((&said.code, said.failing().len()), (&code(0), 0), "{level}: {:#}", said.json);
        eprintln!("attack at level {level}: {} s", said.json["attack_seconds"]);
        let attacked = &said.json["attacked"][0];
        assert_eq!(attacked["level"], level);
        let number = |name: &str| attacked[name].as_u64().unwrap();
        assert!(number("sent") > 250 && number("refused") > 150, "{attacked:#}");
        // Server connections are a tenant's own, or are shared, and then the attacks met the victim there.
        assert_eq!(number("on_victims_connection") > 50, level == "shared", "{attacked:#}");
        assert_eq!((said.json["tenants"].as_u64(), canaries(&proxy).as_str()), (Some(2), "0"));
    }
}

#[test]
fn both_levels_are_attacked_where_both_are_in_use() {
    let proxy = Proxy::start_shared(&["alpha", "beta"], |_| {});
    let level = LevelArgs {
        tenant: StatusArgs {
            slug: proxy.user("beta"),
            dry_run: false,
            json: false,
            admin: admin_args(&proxy.db.admin_url),
        },
        level: Level::Dedicated,
    };
    here(proxy.db.tenant(TenantCommand::Level(level), "")).unwrap();
    let said = attack(&proxy).unwrap();
    let levels: Vec<&Value> =
        said.json["attacked"].as_array().unwrap().iter().map(|attacked| &attacked["level"]).collect();
    assert_eq!((levels, said.code), (vec![&Value::from("dedicated"), &Value::from("shared")], code(0)));
}

#[test]
fn hole_in_the_database_is_walked_through_and_its_fix_closes_it() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let tenants = format!("pgtenant_tenants_{}", proxy.db.name);
    proxy.admin().run(&format!(
        "grant pg_read_all_data, pg_write_all_data to {tenants}; alter role {tenants} inherit"
    ));
    let said = attack(&proxy).unwrap();
    for id in ["member", "canary_read", "canary_write"] {
        assert!(said.has(id), "{id} is not in {:#}", said.json);
    }
    assert_eq!((&said.code, said.json["ok"].as_bool()), (&code(1), Some(false)));
    assert_eq!(canaries(&proxy), "0");
    for finding in said.failing().iter().filter(|finding| finding["fix"]["kind"] == "sql") {
        proxy.admin().run(finding["fix"]["text"].as_str().unwrap());
    }
    let said = attack(&proxy).unwrap();
    assert_eq!(said.code, code(0), "{:#}", said.json);
}

#[test]
fn guard_that_only_reports_is_noticed_in_the_running_proxy() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| config.guard.mode = GuardMode::Report);
    let mut config = proxy.db.config.clone();
    config.guard.mode = GuardMode::Enforce;
    let args = VerifyArgs {
        proxy: Some(proxy.addr().to_string()),
        admin: admin_args(&proxy.db.admin_url),
        ..VerifyArgs::default()
    };
    let said = here(verify(&config, args)).unwrap();
    let ids: Vec<&Value> = said.failing().iter().map(|finding| &finding["id"]).collect();
    assert_eq!((ids, &said.code), (vec![&Value::from("canary_guard")], &code(1)), "{:#}", said.json);
}

#[test]
fn poolers_that_keep_nobody_apart_fail_each_part_of_the_attack() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let own = attack_through(&proxy, &naive::start(&proxy, Sessions::Own).to_string()).unwrap();
    for id in ["canary_read", "canary_write", "canary_notify", "canary_lock", "canary_cancel", "canary_guard"]
    {
        assert!(own.has(id), "{id} is not in {:?}", own.ids());
    }
    let one = attack_through(&proxy, &naive::start(&proxy, Sessions::One).to_string()).unwrap();
    for id in ["canary_read", "canary_residue", "canary_guard"] {
        assert!(one.has(id), "{id} is not in {:?}", one.ids());
    }
    assert_eq!((own.code, one.code, canaries(&proxy).as_str()), (code(1), code(1), "0"));
    // Whatever succeeded, it met nobody but the two.
    let said = attack(&proxy).unwrap();
    assert_eq!(said.code, code(0), "{:#}", said.json);
}

#[test]
fn what_a_killed_run_left_is_removed_and_is_no_customer_meanwhile() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let db = &proxy.db;
    let slug = Slug::canary(&format!("{}dead", db.name), "a").unwrap();
    let new = NewTenant {
        slug: slug.clone(),
        name: None,
        stripe_customer_id: None,
        user: None,
        password: None,
        access: Access::ReadWrite,
        level: None,
        default_level: Level::Dedicated,
    };
    here(async {
        let mut admin = db.admin().await;
        create_tenant(&mut admin, &new, &db.config.secrets.master_key, &db.config.schemas).await.unwrap();
        let list = db.tenant(TenantCommand::List(ListArgs { json: true }), "").await.unwrap();
        assert!(list.contains("alpha") && !list.contains("canary"), "{list}");
        let create = CreateArgs {
            slug: Some(slug.to_string()),
            from: None,
            jobs: 1,
            name: None,
            user: None,
            password_stdin: false,
            read_only: false,
            stripe_customer: None,
            level: None,
            cluster: None,
            json: false,
            admin: admin_args(&db.admin_url),
        };
        let error = db.tenant(TenantCommand::Create(create), "").await.unwrap_err();
        assert!(error.contains("choose another slug"), "{error}");
    });
    assert_eq!(attack(&proxy).unwrap().code, code(0));
    assert_ne!(canaries(&proxy), "0", "another run may be at work with it");
    proxy.admin().run(
        "update pgtenant.tenants set created_at = now() - interval '2 hours' where slug like 'pgtenant%'",
    );
    assert_eq!(attack(&proxy).unwrap().code, code(0));
    assert_eq!(canaries(&proxy), "0");
}

#[test]
fn without_proxy_or_administrator_it_says_that_it_could_not_look() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let error = attack_through(&proxy, "127.0.0.1:1").err().unwrap();
    assert!(error.contains("the proxy does not let verify's own tenant in"), "{error}");
    assert_eq!(canaries(&proxy), "0");
    let error = attack_through(&proxy, "nonsense").err().unwrap();
    assert!(error.contains("host:port"), "{error}");
    let nobody = VerifyArgs { proxy: Some(proxy.addr().to_string()), ..VerifyArgs::default() };
    let error = here(verify(&proxy.db.config, nobody)).err().unwrap();
    assert!(error.contains("--no-canary") && error.contains("--admin-url"), "{error}");
}

#[test]
fn program_ends_with_0_1_or_2_and_prints_a_table() {
    let binary = Binary::start(&["alpha", "beta"]);
    let admin = cluster().superuser_url(&binary.database);
    let run = |arguments: &[&str]| {
        let output = binary.command().arg("verify").args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), text)
    };
    let (status, text) = run(&["--proxy", &binary.addr().to_string(), "--admin-url", &admin]);
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("attack at level dedicated")
            && text.contains("tenants are kept apart: 2 tenants audited"),
        "{text}"
    );
    let psql = |sql: &str| {
        assert!(
            std::process::Command::new(cluster().bin("psql"))
                .args(["-Xqc", sql, &admin])
                .status()
                .unwrap()
                .success()
        );
    };
    psql("create extension dblink");
    let (status, text) = run(&["--no-canary"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(
        text.contains("ERROR risky_extension: ") && text.contains("    fix: DROP EXTENSION dblink"),
        "{text}"
    );
    assert!(text.contains("tenants are NOT kept apart") && text.contains("not attacked: 1 error"), "{text}");
    let (status, text) = run(&["--proxy", "127.0.0.1:1", "--admin-url", &admin]);
    assert!(status == Some(2) && text.contains("could NOT be verified"), "{status:?}: {text}");
}

#[test]
fn watch_while_serving_counts_what_is_there_and_what_is_mended() {
    let proxy =
        Proxy::start(&["alpha", "beta"], |config| config.verify.interval = Some(Duration::from_secs(600)));
    eventually("it has looked", || proxy.shared().counters.snapshot().verified.runs == 1);
    assert_eq!(proxy.shared().counters.snapshot().verified.findings, BTreeMap::from([("note", 1)]));
    let counters = Arc::new(Counters::new());
    let config = Arc::new(proxy.db.config.clone());
    let mut admin = proxy.admin();
    let beta = proxy.role("beta");
    here(async {
        let registry = Registry::connect(&config.server, &config.registry, &config.secrets).await.unwrap();
        let mut watcher = Watcher::new(registry, Arc::clone(&config), Arc::clone(&counters)).unwrap();
        admin.run(&format!("grant usage on schema {beta} to public; grant select on {beta}.notes to public"));
        watcher.check().await;
        let verified = counters.snapshot().verified;
        assert_eq!(verified.findings, BTreeMap::from([("critical", 1), ("error", 1), ("note", 1)]));
        admin.run(&format!(
            "revoke usage on schema {beta} from public; revoke select on {beta}.notes from public"
        ));
        watcher.check().await;
        assert_eq!(counters.snapshot().verified.findings, BTreeMap::from([("note", 1)]));
        admin.run("alter table pgtenant.installation rename to elsewhere");
        watcher.check().await;
        let verified = counters.snapshot().verified;
        assert_eq!((verified.runs, verified.failures), (2, 1));
    });
}

/// Nothing is asked for each tenant: what a thousand take is a matter of the catalogs' size.
#[tokio::test]
async fn thousand_tenants_are_audited_in_seconds() {
    let own = PrivateCluster::start(&Options::default()).expect("a private PostgreSQL");
    let db = Db::on(&own).await;
    db.init().await.unwrap();
    db.admin_run(&format!(
        "CREATE FUNCTION public.make(n int) RETURNS void LANGUAGE plpgsql AS $$
         DECLARE t text := 'tenant_x' || n; r text := 'reader_x' || n; i int; BEGIN
             EXECUTE format('CREATE ROLE %1$I LOGIN IN ROLE pgtenant_tenants_{0}', t);
             EXECUTE format('CREATE ROLE %1$I LOGIN IN ROLE pgtenant_tenants_{0}', r);
             EXECUTE format('CREATE SCHEMA %I', t);
             EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %1$I TO %1$I; GRANT USAGE ON SCHEMA %1$I TO %2$I', t, r);
             FOR i IN 1..2 LOOP
                 EXECUTE format('CREATE TABLE %1$I.t%3$s (id int, body text); ALTER TABLE %1$I.t%3$s OWNER TO %1$I;
                                 GRANT SELECT ON %1$I.t%3$s TO %2$I', t, r, i);
             END LOOP;
             EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE EXECUTE ON ROUTINES FROM PUBLIC', t);
             INSERT INTO pgtenant.tenants (id, slug, name, status, schema_name, role_name, reader_role)
             VALUES (gen_random_uuid(), 'x' || n, 'x', 'active', t, t, r);
         END $$;
         SELECT public.make(n) FROM generate_series(1, 1000) AS n; DROP FUNCTION public.make(int); ANALYZE",
        db.name
    ))
    .await;
    db.admin_run("GRANT SELECT ON tenant_x7.t1 TO PUBLIC").await;
    let said = audit(&db).await;
    let seconds = said.json["audit_seconds"].as_f64().unwrap();
    assert_eq!((said.json["tenants"].as_u64(), said.failing().len()), (Some(1000), 1), "{:#}", said.json);
    assert!(seconds < 10.0, "{seconds} s");
    eprintln!("1,000 tenants: {seconds:.2} s");
}

#[test]
fn tenants_of_the_attack_that_cannot_be_removed_are_found_and_removed_by_a_later_run() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    proxy.admin().run(
        "CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF starts_with(OLD.slug, 'pgtenant_canary_') THEN RAISE EXCEPTION 'it stays'; END IF; RETURN OLD; END $$;
         CREATE TRIGGER keep BEFORE DELETE ON pgtenant.tenants FOR EACH ROW EXECUTE FUNCTION public.keep()",
    );
    let said = attack(&proxy).unwrap();
    assert!(said.has("canary_leftover") && said.code == code(0), "{:#}", said.json);
    assert_ne!(canaries(&proxy), "0");
    proxy.admin().run(
        "DROP TRIGGER keep ON pgtenant.tenants;
         UPDATE pgtenant.tenants SET created_at = now() - interval '2 hours' WHERE slug LIKE 'pgtenant%'",
    );
    let said = attack(&proxy).unwrap();
    assert!(!said.has("canary_leftover"), "{:#}", said.json);
    assert_eq!(canaries(&proxy), "0");
}
