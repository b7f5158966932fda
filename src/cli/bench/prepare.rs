//! The tenants and their tables, through the registry as any other tenant's.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinSet;

use crate::cli::bench::target::Tenant;
use crate::cli::bench::work::{TABLE, table_sql};
use crate::cli::connect::{AdminArgs, open_with};
use crate::cli::out;
use crate::config::Config;
use crate::control::{NewTenant, create_tenant};
use crate::registry::{cluster_config, describe};
use crate::tenant as registered;

/// Administrator's connections at once.
const AT_ONCE: usize = 4;

/// Tenants between two lines that say how far it is, where nobody looks on.
const LINE_EVERY: usize = 1000;

struct Work {
    config: Config,
    tenants: Vec<Tenant>,
    password: SecretString,
    /// The next one that nobody has taken.
    next: AtomicUsize,
    done: AtomicUsize,
    created: AtomicUsize,
}

/// Creates what is missing of all tenants.
///
/// # Errors
/// With the tenant; those before it are there, and it can be run again.
pub(super) async fn run(
    admin: &AdminArgs,
    config: &Config,
    tenants: &[Tenant],
    password: &SecretString,
) -> Result<()> {
    let work = Arc::new(Work {
        config: config.clone(),
        tenants: tenants.to_vec(),
        password: password.clone(),
        next: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        created: AtomicUsize::new(0),
    });
    let mut hands = JoinSet::new();
    for _ in 0..AT_ONCE.min(tenants.len()) {
        let client = admin.connect(config).await?;
        hands.spawn(create(client, Arc::clone(&work)));
    }
    while let Some(ended) = hands.join_next().await {
        // The first error is the one to know; what the others are at is undone.
        ended.context("creating tenants broke")??;
    }
    let created = work.created.load(Ordering::Relaxed);
    let there = tenants.len() - created;
    out::line(format_args!(
        "{} tenants are ready: {created} created, {there} there before, whose users and rows were left as they are",
        tenants.len()
    ));
    Ok(())
}

async fn create(mut client: tokio_postgres::Client, work: Arc<Work>) -> Result<()> {
    let each = if io::stderr().is_terminal() { LINE_EVERY / 10 } else { LINE_EVERY };
    let all = work.tenants.len();
    while let Some(tenant) = work.tenants.get(work.next.fetch_add(1, Ordering::Relaxed)) {
        if one(&mut client, &work, tenant).await.with_context(|| format!("tenant {}", tenant.slug))? {
            work.created.fetch_add(1, Ordering::Relaxed);
        }
        let done = work.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(each) && done < all {
            out::error(format_args!("{done} of {all} tenants"));
        }
    }
    Ok(())
}

/// Whether the tenant is new.
async fn one(client: &mut tokio_postgres::Client, work: &Work, tenant: &Tenant) -> Result<bool> {
    let Config { secrets, schemas, .. } = &work.config;
    let new = NewTenant {
        slug: tenant.slug.clone(),
        name: None,
        stripe_customer_id: None,
        user: Some(tenant.user.clone()),
        password: Some(work.password.clone()),
        access: crate::tenant::Access::ReadWrite,
        level: None,
        default_level: work.config.tenants.level,
    };
    let made = create_tenant(client, &new, &secrets.master_key, schemas).await?;
    fill(&work.config, &made.summary.tenant).await?;
    Ok(made.created)
}

/// Makes the table and its rows. Logged in as the tenant's own role, as the proxy does: a tenant may have
/// a table of that name already, with triggers that must not run in an administrator's session.
async fn fill(config: &Config, tenant: &registered::Tenant) -> Result<()> {
    let registered::Tenant { id, password_version, names, slug, .. } = tenant;
    let mut login = cluster_config(&config.server)?;
    let password = config.secrets.master_key.tenant_password(*id, *password_version);
    login.user(names.role.as_str()).password(password.expose_secret()).application_name("pgtenant bench");
    let client = open_with(&login, config.server.connect_timeout, &config.server.tls).await?;
    let path = format!("SET search_path TO {}, pg_catalog", names.schema);
    client.batch_execute(&path).await.map_err(said)?;
    client.batch_execute(&table_sql(slug.as_str())).await.map_err(said)
}

fn said(error: tokio_postgres::Error) -> anyhow::Error {
    anyhow::anyhow!(describe(&error)).context(format!("cannot make the table {TABLE}"))
}
