//! Rights that break the wall are found before the proxy serves anyone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pgtenant::registry::{FindingKind, Registry};

use crate::support::proxy::Proxy;
use crate::support::wire::Wire;
use crate::support::{Db, cluster};

async fn audit(db: &Db) -> Vec<(FindingKind, String, String)> {
    let config = &db.config;
    let registry = Registry::connect(&config.server, &config.registry, &config.secrets).await.unwrap();
    let findings = registry.audit_logins(&config.schemas).await.unwrap();
    findings.into_iter().map(|f| (f.kind, f.role, f.object)).collect()
}

async fn two_tenants() -> Db {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    db.create("beta").await.unwrap();
    db
}

#[tokio::test]
async fn fresh_installation_is_clean() {
    let db = two_tenants().await;
    assert_eq!(audit(&db).await, []);
}

#[tokio::test]
async fn each_forbidden_right_is_found_and_its_remedy_removes_it() {
    use FindingKind as K;
    let db = two_tenants().await;
    let (alpha, beta, proxy) = (db.schema("alpha"), db.schema("beta"), db.config.registry.user.clone());
    let (name, helper) = (db.name.clone(), format!("{}_helper", db.name));
    db.admin_run(&format!("CREATE ROLE {helper}; GRANT USAGE ON SCHEMA {beta} TO {helper}")).await;
    let tenants = format!("pgtenant_tenants_{name}");
    for (break_it, kind, role, object) in [
        (format!("ALTER ROLE {alpha} SUPERUSER"), K::Superuser, &alpha, ""),
        (format!("ALTER ROLE {proxy} SUPERUSER"), K::Superuser, &proxy, ""),
        (format!("ALTER ROLE {alpha} BYPASSRLS"), K::BypassRls, &alpha, ""),
        (format!("ALTER ROLE {proxy} REPLICATION"), K::Replication, &proxy, ""),
        (format!("ALTER ROLE {alpha} CREATEROLE"), K::CreateRole, &alpha, ""),
        (format!("ALTER ROLE {alpha} CREATEDB"), K::CreateDb, &alpha, ""),
        (format!("ALTER SCHEMA {alpha} OWNER TO {alpha}"), K::OwnsSchema, &alpha, &alpha),
        (format!("ALTER SCHEMA {beta} OWNER TO {proxy}"), K::OwnsSchema, &proxy, &beta),
        ("ALTER SCHEMA global OWNER TO ".to_owned() + &alpha, K::OwnsSchema, &alpha, "global"),
        (format!("GRANT {beta} TO {alpha}"), K::Member, &alpha, &beta),
        (format!("GRANT {alpha} TO {proxy}"), K::Member, &proxy, &alpha),
        (format!("GRANT {helper} TO {alpha}"), K::Member, &alpha, &helper),
        (format!("GRANT pg_read_all_data TO {alpha}"), K::Member, &alpha, "pg_read_all_data"),
        (format!("GRANT USAGE ON SCHEMA {beta} TO {alpha}"), K::ForeignSchema, &alpha, &beta),
        (format!("GRANT USAGE ON SCHEMA {beta} TO PUBLIC"), K::ForeignSchema, &"PUBLIC".to_owned(), &beta),
        (format!("GRANT USAGE ON SCHEMA {beta} TO {tenants}"), K::ForeignSchema, &tenants, &beta),
        (format!("GRANT CREATE ON SCHEMA public TO {alpha}"), K::CreateIn, &alpha, "public"),
        ("GRANT CREATE ON SCHEMA global TO PUBLIC".to_owned(), K::CreateIn, &alpha, "global"),
        (format!("GRANT USAGE ON SCHEMA base_template TO {alpha}"), K::UseOf, &alpha, "base_template"),
        (format!("GRANT USAGE ON SCHEMA pgtenant TO {alpha}"), K::UseOf, &alpha, "pgtenant"),
        (format!("GRANT CREATE ON DATABASE {name} TO {alpha}"), K::CreateSchema, &alpha, &name),
        (format!("ALTER DATABASE {name} OWNER TO {alpha}"), K::OwnsDatabase, &alpha, &name),
    ] {
        db.admin_run(&break_it).await;
        let found = audit(&db).await;
        assert!(found.contains(&(kind, role.clone(), object.to_owned())), "{break_it}: {found:?}");
        for remedy in remedies(&db).await {
            db.admin_run(&remedy).await;
        }
        assert_eq!(audit(&db).await, [], "{break_it}");
    }
}

async fn remedies(db: &Db) -> Vec<String> {
    let config = &db.config;
    let registry = Registry::connect(&config.server, &config.registry, &config.secrets).await.unwrap();
    registry.audit_logins(&config.schemas).await.unwrap().iter().map(|finding| finding.remedy()).collect()
}

#[tokio::test]
async fn membership_by_way_of_a_third_role_is_found() {
    let db = two_tenants().await;
    let middle = format!("{}_middle", db.name);
    let (alpha, beta) = (db.schema("alpha"), db.schema("beta"));
    db.admin_run(&format!("CREATE ROLE {middle}; GRANT {beta} TO {middle}; GRANT {middle} TO {alpha}")).await;
    assert!(audit(&db).await.contains(&(FindingKind::Member, alpha, beta)));
}

/// A busy server must not keep a proxy from starting: what looks at all tenants may take its time.
#[test]
fn proxy_starts_though_the_look_at_all_tenants_takes_longer_than_a_short_query_may() {
    let proxy = Proxy::start(&["alpha"], |config| {
        let addr = SocketAddr::from(([127, 0, 0, 1], cluster().port()));
        let parameters = [("user", "postgres"), ("database", config.server.database.as_str())];
        let mut wire = Wire::log_in(addr, &parameters, cluster().superuser_password()).unwrap();
        wire.run("begin");
        wire.run("lock table pgtenant.tenants in access exclusive mode");
        std::thread::spawn(move || {
            let end = Instant::now() + Duration::from_secs(6);
            while let Some(rest) = end.checked_duration_since(Instant::now()) {
                std::thread::park_timeout(rest);
            }
            wire.run("commit");
        });
    });
    assert_eq!(proxy.wire("alpha").value("select 1"), "1");
}
