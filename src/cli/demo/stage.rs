//! What stands before the tour begins: a database with three tenants, and the proxy.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use crate::cli::cluster::random_hex;
use crate::cli::demo::data::{self, Seed, TENANTS};
use crate::cli::demo::ground::Ground;
use crate::cli::demo::person::Person;
use crate::cli::serve::Server;
use crate::client::ReloadError;
use crate::config::Config;
use crate::config::file::{self, Input};
use crate::control::{InitPlan, NewTenant, create_tenant, init, pool_role, tenants_role};
use crate::registry::{describe, server_config};
use crate::tenant::{Ident, Slug, Tenant, TenantNames};

/// Where clients expect the proxy, if it is free.
const USUAL_PORT: u16 = 6432;

/// Bytes of the master key.
const KEY_BYTES: usize = 32;

/// Bytes of a tenant's password: short enough to paste, long enough for a port of this machine.
const PASSWORD_BYTES: usize = 8;

/// How long clients have to go when the demo ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// The configuration, besides what depends on where the demo runs.
const SETTINGS: &str = r#"
[listen]
shutdown_timeout = "2s"
[pool]
max_server_connections = 20
[log]
stats_period = "off"
"#;

/// Everything the tour needs.
#[derive(Debug)]
pub(super) struct Stage {
    config: Config,
    cast: Vec<Member>,
    proxy: Server,
    port: u16,
}

/// A tenant of the demo.
#[derive(Debug)]
struct Member {
    tenant: Tenant,
    password: SecretString,
}

/// The configuration; where the server is, the ground says later.
///
/// # Errors
/// When the system gives no random numbers.
pub(super) fn configure(database: &str, port: u16, verbose: bool) -> Result<Config> {
    let filter = if verbose { "info" } else { "warn" };
    let text = format!("{SETTINGS}filter = \"{filter}\"\n[server]\ndatabase = \"{database}\"\n");
    let environment = [("PGTENANT_MASTER_KEY".into(), random_hex(KEY_BYTES)?.into())];
    let no_file = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let input = Input { name: "demo", text: &text, environment: &environment, read_file: &no_file };
    let mut config = file::read(&input)?;
    config.listen.addresses = vec![(Ipv4Addr::LOCALHOST, port).into()];
    Ok(config)
}

/// The port asked for, else the usual one, else one the system chooses (0).
///
/// # Errors
/// When the port asked for is taken.
pub(super) fn choose_port(asked_for: Option<u16>) -> Result<u16> {
    let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match asked_for {
        Some(port) => match is_free(port) {
            Ok(_) => Ok(port),
            Err(error) => {
                bail!("cannot listen on 127.0.0.1:{port}: {error}; name another port, or leave `--port` out")
            }
        },
        None => Ok(if is_free(USUAL_PORT).is_ok() { USUAL_PORT } else { 0 }),
    }
}

/// Starts the proxy. Where the usual port was free when it was chosen and is taken now, any other does.
async fn start(config: &Config) -> Result<Server> {
    let started = Server::start(config.clone()).await;
    let usual = config.listen.addresses.iter().any(|address| address.port() == USUAL_PORT);
    match started {
        Err(error) if usual && is_taken(&error) => {
            let mut config = config.clone();
            config.listen.addresses.iter_mut().for_each(|address| address.set_port(0));
            Server::start(config).await
        }
        started => started,
    }
}

fn is_taken(error: &anyhow::Error) -> bool {
    let listening = error.chain().find_map(|cause| cause.downcast_ref::<ReloadError>());
    matches!(listening, Some(ReloadError::Listen { error, .. }) if error.kind() == io::ErrorKind::AddrInUse)
}

/// The roles a demo makes: the registry's reader, the one all tenants share, the pool's, those of the tenants and of who only reads their data.
///
/// # Errors
/// Never for the demo's own names.
pub(super) fn roles(config: &Config) -> Result<Vec<Ident>> {
    let database = &config.server.database;
    let mut roles = vec![Ident::parse(&config.registry.user)?, tenants_role(database), pool_role(database)];
    for seed in &TENANTS {
        let slug = Slug::parse(seed.slug)?;
        roles.extend([TenantNames::for_slug(&slug).role, TenantNames::reader_for_slug(&slug)]);
    }
    Ok(roles)
}

impl Stage {
    /// Creates registry, template, tenants and their data, and starts the proxy.
    ///
    /// # Errors
    /// What went wrong; the ground has to be removed then too.
    pub(super) async fn set_up(ground: &mut Ground, config: Config) -> Result<Self> {
        let mut admin = ground.admin().await?;
        make_registry(ground, &mut admin, &config).await?;
        let mut cast = Vec::new();
        for seed in &TENANTS {
            cast.push(create(ground, &mut admin, seed, &config).await?);
        }
        drop(admin);
        let proxy = start(&config).await.context("the proxy does not start")?;
        let listening = proxy.listening().first().and_then(|name| name.parse::<SocketAddr>().ok());
        let port = listening.context("the proxy has no TCP address")?.port();
        let stage = Self { config, cast, proxy, port };
        for seed in &TENANTS {
            let person = stage.visit(seed.slug).await?;
            data::fill(&person, seed).await?;
            person.leave().await;
        }
        Ok(stage)
    }

    /// Where the proxy listens, on 127.0.0.1.
    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Logs in through the proxy as a tenant's user.
    ///
    /// # Errors
    /// When the login fails.
    pub(super) async fn visit(&self, slug: &str) -> Result<Person> {
        let member = self.member(slug)?;
        let mut login = tokio_postgres::Config::new();
        login.host("127.0.0.1").port(self.port).dbname(&self.config.server.database).user(slug);
        login.password(member.password.expose_secret());
        Person::connect(slug, &login).await
    }

    /// Logs in to PostgreSQL itself as a tenant's role, past the proxy.
    ///
    /// # Errors
    /// When the login fails.
    pub(super) async fn visit_postgresql(&self, slug: &str) -> Result<Person> {
        let tenant = &self.member(slug)?.tenant;
        let role = tenant.names.role.as_str();
        let password = self.config.secrets.master_key.tenant_password(tenant.id, tenant.password_version);
        let mut login = server_config(&self.config.server.address, &self.config.server.database)?;
        login.user(role).password(password.expose_secret());
        Person::connect(role, &login).await
    }

    /// A connection string for each tenant, ready to paste.
    pub(super) fn connection_strings(&self) -> Vec<String> {
        let Self { cast, port, config, .. } = self;
        cast.iter()
            .map(|member| {
                let (user, password) = (&member.tenant.slug, member.password.expose_secret());
                format!("postgresql://{user}:{password}@127.0.0.1:{port}/{}", config.server.database)
            })
            .collect()
    }

    /// Ends the proxy, open transactions too: what they are about is going to be dropped.
    pub(super) async fn stop(self) {
        let roster = &self.proxy.shared().roster;
        self.cast.iter().for_each(|member| roster.disconnect(member.tenant.id));
        // A proxy that is told to stop lets transactions finish, so that is said after they are gone.
        let all_gone = async {
            while !roster.is_empty() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        // Somebody who does not go by then is cut off with the database.
        let _ = timeout(FAREWELL, all_gone).await;
        self.proxy.stop().await;
    }

    fn member(&self, slug: &str) -> Result<&Member> {
        let found = self.cast.iter().find(|member| member.tenant.slug.as_str() == slug);
        found.with_context(|| format!("the demo has no tenant {slug}"))
    }
}

async fn make_registry(ground: &mut Ground, admin: &mut Client, config: &Config) -> Result<()> {
    let user = &config.registry.user;
    let plan = InitPlan {
        registry_role: Ident::parse(user)?,
        secrets: config.secrets.clone(),
        key_is_lost: false,
        spares: false,
        schemas: config.schemas.clone(),
    };
    init(admin, &plan).await.context("cannot create the registry")?;
    ground.made(admin, &plan.registry_role).await?;
    ground.made(admin, &tenants_role(&config.server.database)).await?;
    ground.made(admin, &pool_role(&config.server.database)).await?;
    let made = admin.batch_execute(data::TEMPLATE).await;
    made.map_err(|error| anyhow!(describe(&error))).context("cannot fill the template")
}

async fn create(ground: &mut Ground, admin: &mut Client, seed: &Seed, config: &Config) -> Result<Member> {
    let password: SecretString = random_hex(PASSWORD_BYTES)?.into();
    let new = NewTenant {
        slug: Slug::parse(seed.slug)?,
        name: Some(seed.name.to_owned()),
        stripe_customer_id: None,
        user: None,
        password: Some(password.clone()),
        access: crate::tenant::Access::ReadWrite,
        level: None,
        default_level: config.tenants.level,
    };
    let made = create_tenant(admin, &new, &config.secrets.master_key, &config.schemas)
        .await
        .with_context(|| format!("cannot create the tenant {}", seed.slug))?;
    let tenant = made.summary.tenant;
    ground.made(admin, &tenant.names.role).await?;
    if let Some(reader) = &tenant.reader_role {
        ground.made(admin, reader).await?;
    }
    Ok(Member { tenant, password })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_that_somebody_took_in_the_meantime_is_known_by_its_error_and_no_other_is() {
        let because = |kind: io::ErrorKind| {
            let address = (Ipv4Addr::LOCALHOST, USUAL_PORT).into();
            let error = ReloadError::Listen { address, error: kind.into() };
            is_taken(&anyhow::Error::from(error).context("the proxy does not start"))
        };
        assert!(because(io::ErrorKind::AddrInUse));
        assert!(!because(io::ErrorKind::PermissionDenied));
        assert!(!is_taken(&anyhow!("the registry is gone")));
    }
}
