//! `pgtenant tenant set`: names, customers, and the settings that a tenant's sessions begin with.

use pgtenant::cli::tenant::set::SetArgs;
use pgtenant::cli::tenant::{ShowArgs, StatusArgs, TenantCommand};
use serde_json::Value;

use crate::support::proxy::{Proxy, eventually};
use crate::support::{Db, admin_args};

fn args(db: &Db, tenant: &str, set: &[&str]) -> SetArgs {
    let admin = admin_args(&db.admin_url);
    SetArgs {
        tenant: StatusArgs { slug: db.slug(tenant).to_string(), dry_run: false, json: false, admin },
        set: set.iter().map(ToString::to_string).collect(),
        reset: vec![],
        name: None,
        stripe_customer: None,
        no_stripe_customer: false,
    }
}

fn set(db: &Db, args: SetArgs) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(db.tenant(TenantCommand::Set(Box::new(args)), ""))
}

const SHOW: &str = "select current_setting('timezone') || ' ' || current_setting('work_mem')";

fn sessions_begin_with_it(proxy: &Proxy) {
    let mut before = proxy.wire("acme");
    let old = before.value(SHOW);
    let told =
        set(&proxy.db, args(&proxy.db, "acme", &["TimeZone=Asia/Tokyo", "work_mem = 3MB", "app.plan=pro"]))
            .unwrap();
    assert!(told.contains("created  setting timezone = Asia/Tokyo"), "{told}");
    eventually("new sessions begin with it", || proxy.wire("acme").value(SHOW) == "Asia/Tokyo 3MB");
    for _ in 0..3 {
        let mut wire = proxy.wire("acme");
        wire.run("set timezone = 'UTC'; set work_mem = '9MB'");
        assert_eq!(wire.value(SHOW), "UTC 9MB");
        wire.run("reset timezone");
        assert_eq!(wire.value(SHOW), "Asia/Tokyo 9MB");
        wire.run("discard all");
        assert_eq!(wire.value(SHOW), "Asia/Tokyo 3MB");
        assert_eq!(wire.value("select current_setting('app.plan')"), "pro");
        // The other tenant has, in turn, what it had; open sessions too.
        assert_eq!((proxy.wire("beta").value(SHOW), before.value(SHOW)), (old.clone(), old.clone()));
    }
    let mut own = proxy.wire_with("acme", &[("TimeZone", "Europe/Paris")]).unwrap();
    assert_eq!(own.value(SHOW), "Europe/Paris 3MB");
    let mut reads = proxy.wire_with("acme", &[("pgtenant.access", "read_only")]).unwrap();
    assert_eq!(reads.value(SHOW), "Asia/Tokyo 3MB");
    let reset = SetArgs { reset: vec!["Work_Mem".into()], ..args(&proxy.db, "acme", &[]) };
    assert!(set(&proxy.db, reset).unwrap().contains("removed  setting work_mem"));
    let usual = old.split(' ').nth(1).unwrap();
    eventually("it is reset", || proxy.wire("acme").value(SHOW) == format!("Asia/Tokyo {usual}"));
    let all = SetArgs { reset: vec!["all".into()], ..args(&proxy.db, "acme", &[]) };
    set(&proxy.db, all).unwrap();
    eventually("all is reset", || proxy.wire("acme").value(SHOW) == old);
}

#[test]
fn sessions_begin_with_the_settings_of_their_tenant_and_go_back_to_them() {
    sessions_begin_with_it(&Proxy::start(&["acme", "beta"], |config| config.pool.max_server_connections = 6));
}

#[test]
fn sessions_of_level_shared_do_so_too() {
    sessions_begin_with_it(&Proxy::start_shared(&["acme", "beta"], |config| {
        config.pool.max_server_connections = 3
    }));
}

#[tokio::test]
async fn what_no_login_could_begin_with_is_refused_and_nothing_is_lost_between_two_operators() {
    let db = Db::ready().await;
    for name in ["acme", "beta"] {
        db.create_with(name, |args| args.stripe_customer = Some(format!("cus_{name}")), "").await.unwrap();
    }
    let run = |args: SetArgs| db.tenant(TenantCommand::Set(Box::new(args)), "");
    for (setting, words) in [
        ("timezone=Nowhere/Land", "invalid value for parameter"),
        ("no_such_setting=1", "no such setting"),
        ("log_statement=all", "only a superuser"),
        ("search_path=public", "cannot be set here"),
        ("timezone", "NAME=VALUE"),
        ("work_mem=1'; drop table x; --", "invalid value"),
    ] {
        let error = run(args(&db, "acme", &["app.x=1", setting])).await.unwrap_err();
        assert!(error.contains(words), "{setting}: {error}");
    }
    assert!(run(args(&db, "acme", &[])).await.unwrap_err().contains("say what to set"));
    assert!(run(args(&db, "ghost", &["app.x=1"])).await.unwrap_err().contains("there is no tenant"));
    let taken = SetArgs { stripe_customer: Some("cus_beta".into()), ..args(&db, "acme", &["app.x=1"]) };
    assert!(run(taken).await.unwrap_err().contains("cus_beta belongs to another tenant"));
    let mut dry = SetArgs { name: Some("Dry".into()), ..args(&db, "acme", &["app.x=1"]) };
    (dry.tenant.dry_run, dry.tenant.json) = (true, true);
    let dry: Value = serde_json::from_str(&run(dry).await.unwrap()).unwrap();
    assert_eq!((&dry["name"], &dry["settings"]["app.x"]), (&"Dry".into(), &"1".into()), "{dry}");
    let before = db.summary("acme").await;
    assert!(
        before.tenant.settings.is_empty() && before.tenant.name == db.slug("acme").as_str(),
        "{before:?}"
    );

    let name = SetArgs {
        name: Some("Acme Ltd".into()),
        no_stripe_customer: true,
        ..args(&db, "acme", &["app.x=1"])
    };
    let (one, other) = tokio::join!(run(name), run(args(&db, "acme", &["app.y=it's"])));
    one.and(other).unwrap();
    let after = db.summary("acme").await;
    assert_eq!(
        serde_json::json!(after.tenant.settings),
        serde_json::json!({ "app.x": "1", "app.y": "it's" })
    );
    assert_eq!((after.tenant.name.as_str(), after.stripe_customer_id), ("Acme Ltd", None));
    let again = run(args(&db, "acme", &["app.x=1"])).await.unwrap();
    assert!(again.starts_with("exists"), "{again}");
    let show = TenantCommand::Show(ShowArgs { slug: db.slug("acme").to_string(), json: false });
    let shown = db.tenant(show, "").await.unwrap();
    assert!(shown.contains("settings         app.x=1 app.y=it's"), "{shown}");
}
