//! Spare connections: the role they log in as, what it may do, and the watch on who else may do it.
//!
//! The extension set_user has a function that makes a session another role's for ever. Whoever may call it can become
//! any tenant: that is to be the role of spare connections, which cannot do anything else, and nobody besides.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::GenericClient;

use crate::auth::MasterKey;
use crate::config::Live;
use crate::control::role::{self, RoleKind};
use crate::control::{ControlError, Outcome, Step, init};
use crate::registry::{
    Finding, FindingKind, Registry, RegistryError, SpareWatch, master,
    spares::{self, SetUser},
};
use crate::tenant::Ident;

/// Start of its name.
const SPARE_ROLE_PREFIX: &str = "pgtenant_spare_";

/// How long what was seen last holds while the database does not answer.
const BLIND: Duration = Duration::from_secs(60);

/// One look that takes longer is given up.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Named after the database, as the role all tenants share.
#[must_use]
pub fn spare_role(database: &str) -> Ident {
    init::role_for_database(SPARE_ROLE_PREFIX, database)
}

/// Where the extension is there, makes the role and lets it do what it is for.
pub(super) async fn ensure(
    client: &impl GenericClient,
    master_key: &MasterKey,
) -> Result<Vec<Step>, ControlError> {
    let recorded = spares::spare_role(client).await?;
    let Some(SetUser { schema, binds: true, .. }) = spares::set_user(client, None).await? else {
        let what = "spare connections, NONE: the extension set_user (3.0 or newer) is not installed in this database";
        return Ok(vec![Step::new(Outcome::Unchanged, what)]);
    };
    let row = client.query_one("SELECT pg_catalog.current_database()::text", &[]).await?;
    let database: String = row.try_get(0)?;
    let role = recorded.clone().unwrap_or_else(|| spare_role(&database));
    if recorded.is_none() && role::exists(client, &role).await? {
        return Err(ControlError::ForeignRole(role.as_str().to_owned()));
    }
    let outcome =
        role::ensure(client, &role, RoleKind::Spare(&master_key.role_password(role.as_str()))).await?;
    spares::set_spare_role(client, &role).await?;
    master::set_spare_key(client, master_key.mark()).await?;
    let made = Step::new(outcome, format!("role {}, logs in for spare connections", role.as_str()));
    Ok(vec![made, open(client, &role, &schema, &database).await?])
}

/// Lets it connect and call the function, and takes from everybody what the extension grants on its others.
async fn open(
    client: &impl GenericClient,
    role: &Ident,
    schema: &Ident,
    database: &str,
) -> Result<Step, ControlError> {
    let row = client
        .query_one(
            "SELECT pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT')
                 AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
                 AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE')
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc o WHERE o.pronamespace = n.oid
                     AND o.proname = 'reset_user' AND o.prosrc = 'set_user'
                     AND pg_catalog.has_function_privilege('public', o.oid, 'EXECUTE')),
                 (SELECT u.rolsuper FROM pg_catalog.pg_roles u WHERE u.rolname = CURRENT_USER)
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace,
                  pg_catalog.pg_roles r, pg_catalog.pg_database d
             WHERE n.nspname = $1 AND p.proname = 'set_session_auth' AND p.prosrc = 'set_session_auth'
               AND r.rolname = $2 AND d.datname = pg_catalog.current_database()",
            &[&schema.as_str(), &role.as_str()],
        )
        .await?;
    let what = format!("role {}, may call {schema}.set_session_auth", role.as_str());
    if row.try_get(0)? {
        return Ok(Step::new(Outcome::Unchanged, what));
    }
    if !row.try_get::<_, bool>(1)? {
        let what = format!(
            "role {} may NOT call {schema}.set_session_auth yet; a superuser must run `pgtenant init`",
            role.as_str()
        );
        return Ok(Step::new(Outcome::Unchanged, what));
    }
    let database = Ident::parse(database).map_or_else(|_| String::new(), |name| name.to_string());
    client
        .batch_execute(&format!(
            "GRANT CONNECT ON DATABASE {database} TO {role};
             GRANT USAGE ON SCHEMA {schema} TO {role};
             GRANT EXECUTE ON FUNCTION {schema}.set_session_auth(text) TO {role};
             REVOKE EXECUTE ON FUNCTION {schema}.reset_user(), {schema}.reset_user(text) FROM PUBLIC"
        ))
        .await?;
    Ok(Step::new(Outcome::Changed, what))
}

/// Looks whether spare connections can be had, and whether anybody else could become a tenant.
#[derive(Debug)]
pub struct SpareWatcher {
    registry: Registry,
    /// Says how many are wanted, and how often to look.
    config: Arc<Live>,
    told: watch::Sender<SpareWatch>,
    /// When the database answered last.
    answered: Option<Instant>,
}

impl SpareWatcher {
    /// Has not looked yet.
    #[must_use]
    pub fn new(registry: Registry, config: Arc<Live>) -> Self {
        Self { registry, config, told: watch::Sender::default(), answered: None }
    }

    /// What it tells.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<SpareWatch> {
        self.told.subscribe()
    }

    /// Looks every `server.hardening_check_period`, for ever.
    pub async fn run(mut self) {
        loop {
            self.check().await;
            sleep(self.config.get().server.hardening_check_period).await;
        }
    }

    fn wanted(&self) -> usize {
        self.config.get().pool.spare_connections
    }

    /// Looks once.
    pub async fn check(&mut self) {
        match look(&self.registry, self.wanted()).await {
            Ok(seen) => {
                self.answered = Some(Instant::now());
                self.tell(seen);
            }
            Err(error) if self.answered.is_some_and(|at| at.elapsed() < BLIND) => {
                tracing::debug!(%error, "spare connections could not be looked after; what was seen last holds");
            }
            // Who was out of service stays so; what it says then is told once.
            Err(_) if self.told.borrow().is_exposed() => {}
            Err(_) => self
                .tell(SpareWatch::Off { why: "the database could not be looked at for too long".to_owned() }),
        }
    }

    /// Each change once.
    fn tell(&self, seen: SpareWatch) {
        if *self.told.borrow() == seen {
            return;
        }
        match &seen {
            SpareWatch::Off { why } if self.wanted() > 0 => {
                tracing::warn!(
                    "no spare connections: {why}; each new connection of a tenant is logged in as its own role"
                );
            }
            SpareWatch::Unknown | SpareWatch::Off { .. } => tracing::debug!("no spare connections"),
            SpareWatch::Ready { role, schema } => tracing::info!(
                "{} spare connections are kept, logged in as {} and bound to a tenant by {schema}.set_session_auth",
                self.wanted(),
                role.as_str()
            ),
            SpareWatch::Exposed { why } => tracing::error!("ALL TENANTS ARE OUT OF SERVICE: {why}"),
        }
        self.told.send_replace(seen);
    }
}

async fn look(registry: &Registry, wanted: usize) -> Result<SpareWatch, ControlError> {
    let client = registry.reader().await?;
    let looking = async {
        let role = if registry.is_file() { None } else { spares::spare_role(&*client).await? };
        let extension = spares::set_user(&*client, role.as_ref()).await?;
        // Without the extension there is nothing to find, but for what was looked for at the start.
        let findings =
            if extension.is_some() { registry.spare_findings(&*client).await? } else { Vec::new() };
        Ok(judge(role, extension, &findings, wanted))
    };
    timeout(LOOK_TIMEOUT, looking).await.unwrap_or(Err(RegistryError::Timeout.into()))
}

/// What it all means.
fn judge(role: Option<Ident>, extension: Option<SetUser>, findings: &[Finding], wanted: usize) -> SpareWatch {
    let exposes =
        |finding: &&Finding| matches!(finding.kind, FindingKind::SessionAuth | FindingKind::SetUser);
    if let Some(found) = findings.iter().find(exposes) {
        return SpareWatch::Exposed { why: found.to_string() };
    }
    let why = match (role, extension) {
        _ if wanted == 0 => "none are wanted".to_owned(),
        (_, None) => "the extension set_user is not installed in the database".to_owned(),
        (_, Some(SetUser { binds: false, .. })) => "the extension set_user is older than 3.0".to_owned(),
        (None, _) => "there is no role for them; run `pgtenant init` as a superuser".to_owned(),
        (Some(role), Some(SetUser { granted: false, .. })) => {
            format!(
                "role {} may not call set_session_auth; run `pgtenant init` as a superuser",
                role.as_str()
            )
        }
        (Some(role), Some(SetUser { schema, .. })) => match findings.first() {
            None => return SpareWatch::Ready { role, schema },
            Some(found) => found.to_string(),
        },
    };
    SpareWatch::Off { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(
        role: bool,
        binds: Option<bool>,
        granted: bool,
        kinds: &[FindingKind],
        wanted: usize,
    ) -> SpareWatch {
        let ident = |name: &str| Ident::parse(name).unwrap();
        let extension = binds.map(|binds| SetUser { schema: ident("public"), binds, granted });
        let finding = |kind: &FindingKind| Finding {
            kind: *kind,
            role: "x".into(),
            object: "f(text)".into(),
            revokes: None,
        };
        let findings: Vec<_> = kinds.iter().map(finding).collect();
        judge(role.then(|| spare_role("app")), extension, &findings, wanted)
    }

    #[test]
    fn spares_are_kept_only_where_everything_is_right() {
        assert!(matches!(seen(true, Some(true), true, &[], 1), SpareWatch::Ready { .. }));
        for off in [
            seen(true, Some(true), true, &[], 0),
            seen(true, None, true, &[], 1),
            seen(true, Some(false), true, &[], 1),
            seen(false, Some(true), true, &[], 1),
            seen(true, Some(true), false, &[], 1),
            seen(true, Some(true), true, &[FindingKind::Superuser], 1),
            seen(true, Some(true), true, &[FindingKind::PoolRight], 1),
        ] {
            assert!(matches!(off, SpareWatch::Off { .. }), "{off:?}");
        }
    }

    #[test]
    fn nobody_is_served_where_another_may_become_a_tenant_also_without_spares() {
        for kind in [FindingKind::SessionAuth, FindingKind::SetUser] {
            assert!(
                seen(false, Some(true), false, &[FindingKind::Superuser, kind], 0).is_exposed(),
                "{kind:?}"
            );
        }
    }
}
