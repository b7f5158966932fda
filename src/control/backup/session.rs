//! Connections to the server as a role without an administrator's rights.

use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::auth::{Ladder, Rung};
use crate::config::Config;
use crate::control::backup::BackupError;
use crate::net::tls::ControlTls;
use crate::registry::{RegistryError, cluster_config, describe};
use crate::tenant::{Ident, Tenant};

/// Settings of a session that may take hours. They win over those that the tenant gave its role.
const SETTINGS: &str = "-c search_path=pg_catalog -c client_encoding=UTF8 -c standard_conforming_strings=on \
     -c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c row_security=off -c jit=off";

/// Logs in as this role.
pub(super) async fn open(
    config: &Config,
    role: &Ident,
    password: &SecretString,
) -> Result<Client, OpenError> {
    let server = &config.server;
    let mut login = cluster_config(server).map_err(OpenError::other)?;
    login.user(role.as_str()).password(password.expose_secret());
    login.application_name("pgtenant backup").options(SETTINGS);
    let tls = ControlTls::new(&server.tls);
    tls.apply_to(&mut login);
    let connected = timeout(server.connect_timeout, login.connect(tls)).await;
    match connected {
        Err(_) => Err(OpenError::other(RegistryError::Timeout)),
        Ok(Err(error)) => Err(OpenError {
            is_password: error.code() == Some(&SqlState::INVALID_PASSWORD),
            why: describe(&error),
        }),
        Ok(Ok((client, connection))) => {
            // Ends with the client; what ends it fails the query.
            tokio::spawn(async move { drop(connection.await) });
            Ok(client)
        }
    }
}

/// Why nobody is logged in.
#[derive(Debug)]
pub(super) struct OpenError {
    is_password: bool,
    pub(super) why: String,
}

impl OpenError {
    fn other(error: RegistryError) -> Self {
        Self { is_password: false, why: error.to_string() }
    }
}

/// Logs in as the tenant's role, with the password that it has of those that are derived for it.
pub(in crate::control) async fn open_tenant(
    config: &Config,
    tenant: &Tenant,
) -> Result<(Client, SecretString), BackupError> {
    let secrets = &config.secrets;
    let ladder = Ladder { replacing: secrets.previous_master_key.is_some(), numbered: true };
    let recorded = tenant.password_key.and_then(|mark| secrets.which(mark));
    let mut refused = String::new();
    for Rung { ahead, key } in ladder.from(ladder.likely(recorded, None)) {
        let version = tenant.password_version.saturating_add(ahead);
        let password = secrets.key(key).tenant_password(tenant.id, version);
        match open(config, &tenant.names.role, &password).await {
            Ok(client) => return Ok((client, password)),
            Err(error) => {
                let goes_on = error.is_password;
                refused = error.why;
                if !goes_on {
                    break;
                }
            }
        }
    }
    Err(BackupError::TenantLogin {
        slug: tenant.slug.clone(),
        role: tenant.names.role.as_str().to_owned(),
        why: refused,
    })
}

/// `server_version_num`: 150018 is 15.18.
pub(in crate::control) async fn server_version(
    client: &impl tokio_postgres::GenericClient,
) -> Result<u32, tokio_postgres::Error> {
    let sql = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4";
    let version: i32 = client.query_one(sql, &[]).await?.try_get(0)?;
    Ok(version.unsigned_abs())
}
