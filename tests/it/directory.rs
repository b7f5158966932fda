//! The registry in memory: fresh within a second, in service through an outage.

use std::sync::Arc;
use std::time::Duration;

use pgtenant::auth::{Access, KeyId};
use pgtenant::cli::cluster::{Options, PrivateCluster, Stop};
use pgtenant::cli::key::{self, CreateArgs, KeyCommand, Lifetime};
use pgtenant::config::ServerAddress;
use pgtenant::registry::{Directory, Registry, RegistryError};
use pgtenant::tenant::{self, TenantId, TenantRef};
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use crate::support::{Db, admin_args, cluster};

/// How soon a change must be in force.
const SOON: Duration = Duration::from_secs(1);

/// The longest wait between two attempts to reach the registry, and time for the login on a busy machine.
const RECOVERY: Duration = Duration::from_secs(15);

async fn registry(db: &Db) -> Result<Registry, RegistryError> {
    Registry::connect(&db.config.server, &db.config.registry, &db.config.secrets).await
}

async fn directory(db: &Db) -> Directory {
    Directory::start(registry(db).await.unwrap()).await.unwrap()
}

/// Waits for news of this tenant, at most as long as a change may take.
async fn news_of(changes: &mut Receiver<TenantId>, id: TenantId) {
    timeout(SOON, async { while changes.recv().await.unwrap() != id {} })
        .await
        .expect("news within a second");
}

#[tokio::test]
async fn tenants_that_exist_are_known_from_the_start() {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    let directory = directory(&db).await;
    let entry = directory.lookup(db.slug("alpha").as_str()).unwrap();
    assert_eq!(entry.tenant.slug, db.slug("alpha"));
    assert_eq!(directory.tenant_by_role(&db.schema("alpha")), Some(Arc::clone(&entry.tenant)));
    assert_eq!(directory.tenant_count(), 1);
    assert!(directory.lookup("nobody").is_none());
}

#[tokio::test]
async fn new_tenant_is_known_and_suspended_dropped_or_resumed_ones_change_within_a_second() {
    let db = Db::ready().await;
    let directory = directory(&db).await;
    let mut changes = directory.changes();
    let user = db.slug("alpha").to_string();
    db.create("alpha").await.unwrap();
    let id = db.summary("alpha").await.tenant.id;
    news_of(&mut changes, id).await;
    assert_eq!(directory.lookup(&user).unwrap().tenant.id, id);

    db.admin_run("UPDATE pgtenant.tenants SET status = 'suspended'").await;
    news_of(&mut changes, id).await;
    assert!(directory.lookup(&user).is_none() && directory.tenant(id).is_none());

    db.admin_run("UPDATE pgtenant.tenants SET status = 'active'").await;
    news_of(&mut changes, id).await;
    assert!(directory.lookup(&user).is_some());

    db.admin_run(&format!("UPDATE pgtenant.users SET user_name = '{user}_new'")).await;
    news_of(&mut changes, id).await;
    assert!(directory.lookup(&user).is_none() && directory.lookup(&format!("{user}_new")).is_some());

    db.admin_run("DELETE FROM pgtenant.tenants").await;
    news_of(&mut changes, id).await;
    assert_eq!(directory.tenant_count(), 0);
}

#[tokio::test]
async fn tenant_that_a_credential_names_is_known_with_what_its_users_may_do() {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    let directory = directory(&db).await;
    let named = TenantRef::Slug(db.slug("alpha"));
    let tenant = directory.tenant_named(&named).unwrap();
    assert_eq!(directory.lookup(db.slug("alpha").as_str()).unwrap().tenant, tenant);
    assert_eq!(tenant.access, tenant::Access::ReadWrite);
}

#[tokio::test]
async fn emptied_registry_is_noticed() {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    let id = db.summary("alpha").await.tenant.id;
    let directory = directory(&db).await;
    let mut changes = directory.changes();
    db.admin_run("TRUNCATE pgtenant.tenants CASCADE").await;
    news_of(&mut changes, id).await;
    assert_eq!(directory.tenant_count(), 0);
}

#[tokio::test]
async fn user_created_a_moment_ago_is_known_after_catching_up() {
    let db = Db::ready().await;
    let directory = directory(&db).await;
    db.create("alpha").await.unwrap();
    let admin = db.admin().await;
    let slug = db.slug("alpha");
    for n in 0..100 {
        let user = format!("{slug}_{n}");
        let sql = "INSERT INTO pgtenant.users (user_name, tenant_id, verifier)
                   SELECT $1, tenant_id, verifier FROM pgtenant.users WHERE user_name = $2";
        assert_eq!(admin.execute(sql, &[&user, &slug.as_str()]).await.unwrap(), 1);
        directory.catch_up().await;
        assert!(directory.lookup(&user).is_some(), "{user} was committed before it was asked for");
    }
}

#[tokio::test]
async fn notifications_of_a_stranger_are_hints_only() {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    let directory = directory(&db).await;
    let mut changes = directory.changes();
    let stranger = db.as_tenant("alpha").await;
    for n in 0..500 {
        let payload = if n % 2 == 0 { uuid::Uuid::from_u128(n).to_string() } else { "'; DROP".to_owned() };
        let notify = "SELECT pg_notify('pgtenant_registry', $1)";
        stranger.execute(notify, &[&payload]).await.unwrap();
    }
    db.create("beta").await.unwrap();
    news_of(&mut changes, db.summary("beta").await.tenant.id).await;
    assert_eq!(directory.tenant_count(), 2);
}

#[tokio::test]
async fn known_tenants_stay_in_service_through_an_outage_and_news_arrive_after_it() {
    let mut cluster = PrivateCluster::start(&Options::default()).unwrap();
    let db = Db::on(&cluster).await;
    db.init().await.unwrap();
    db.create("alpha").await.unwrap();
    let made = KeyCommand::Create(CreateArgs {
        slug: db.slug("alpha").to_string(),
        scope: Access::ReadWrite,
        expires: Lifetime(None),
        name: String::new(),
        json: true,
        admin: admin_args(&db.admin_url),
    });
    let mut out = Vec::new();
    key::run(made, &db.config, &mut out).await.unwrap();
    let made: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let key = KeyId::parse(made["id"].as_str().unwrap()).unwrap();
    let directory = directory(&db).await;
    let mut in_touch = directory.in_touch();
    let user = db.slug("alpha").to_string();

    cluster.stop(Stop::Immediate).unwrap();
    timeout(SOON, in_touch.wait_for(|yes| !yes)).await.expect("the outage is noticed").unwrap();
    assert!(directory.lookup(&user).is_some());
    timeout(Duration::from_millis(50), directory.catch_up())
        .await
        .expect("nobody waits for what is not there");
    assert!(directory.key(key).is_some(), "known keys go on as known tenants do");

    let mut changes = directory.changes();
    cluster.restart().unwrap();
    timeout(RECOVERY, in_touch.wait_for(|yes| *yes)).await.expect("recovery").unwrap();
    assert!(directory.lookup(&user).is_some());
    db.create("beta").await.unwrap();
    news_of(&mut changes, db.summary("beta").await.tenant.id).await;
    db.admin_run("UPDATE pgtenant.tenants SET status = 'suspended'").await;
    news_of(&mut changes, db.summary("alpha").await.tenant.id).await;
    assert!(directory.lookup(&user).is_none());
}

#[tokio::test]
async fn registry_is_reached_over_a_unix_socket_too() {
    let mut db = Db::ready().await;
    let socket = cluster().socket_dir().join(format!(".s.PGSQL.{}", cluster().port()));
    db.config.server.address = ServerAddress::Unix(socket);
    assert_eq!(directory(&db).await.tenant_count(), 0);
}

#[tokio::test]
async fn registry_login_with_another_master_key_is_refused() {
    let mut db = Db::ready().await;
    db.config.secrets.master_key = pgtenant::auth::MasterKey::parse(&"00".repeat(32)).unwrap();
    let error = registry(&db).await.unwrap_err().to_string();
    assert!(error.contains("password authentication failed"), "{error}");
}
