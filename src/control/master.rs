//! Another master key: every derived role gets its password of the new key, tenant by tenant, while they are served.
//!
//! Running proxies have both keys meanwhile, and try the other one where a password is refused. What was done is recorded
//! in the same transaction, so the command can be ended at any moment and run again.

use std::collections::HashSet;

use secrecy::SecretString;
use tokio_postgres::{Client, GenericClient};

use crate::auth::Verifier;
use crate::config::Secrets;
use crate::control::harden::Run;
use crate::control::placed::refuse_elsewhere;
use crate::control::role::{self, RoleKind};
use crate::control::{ControlError, Outcome, Step, decoy, init, rotate};
use crate::registry::{master, spares, store};
use crate::tenant::{Ident, KeyMark, Slug};

/// How it is known which password a role has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The administrator may read what PostgreSQL keeps of passwords.
    Compared,
    /// From the registry, which has what pgtenant did last.
    Recorded,
}

/// What there is in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Names the new key.
    pub mark: KeyMark,
    /// Roles looked at.
    pub roles: usize,
    /// How many of them got a password now, or would have.
    pub set: usize,
    /// Who has none of the new key, or whose row cannot be read.
    pub missing: Vec<String>,
    /// How that is known.
    pub checked: Checked,
}

/// The command as far as it is.
#[derive(Debug)]
pub struct MasterKeyChange<'a> {
    client: &'a mut Client,
    secrets: &'a Secrets,
    run: Run,
    verdict: Verdict,
    /// Tenants that were asked for already.
    asked: HashSet<String>,
}

impl<'a> MasterKeyChange<'a> {
    /// Looks whether it can be done: the secret that outlives the keys must be had by one of them.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn begin(client: &'a mut Client, secrets: &'a Secrets, run: Run) -> Result<Self, ControlError> {
        store::require_current(client).await?;
        let sealed = master::sealed_decoy(client).await?;
        master::open_decoy(sealed.as_deref(), secrets)?;
        let sql = "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')";
        let readable: bool = client.query_one(sql, &[]).await?.try_get(0)?;
        let checked = if readable { Checked::Compared } else { Checked::Recorded };
        let mark = secrets.master_key.mark();
        let verdict = Verdict { mark, roles: 0, set: 0, missing: Vec::new(), checked };
        Ok(Self { client, secrets, run, verdict, asked: HashSet::new() })
    }

    /// The proxy's own roles, and the secret that outlives the keys: first of all, so that a proxy that has only the old
    /// key is noticed before any tenant depends on it.
    ///
    /// # Errors
    /// [`ControlError`]; nothing was changed then.
    pub async fn own_roles(&mut self) -> Result<Step, ControlError> {
        let tx = self.client.transaction().await?;
        init::lock(&tx).await?;
        let roles = store::installation(&tx).await?.ok_or(ControlError::NoInstallation)?;
        let (spare, keys) = (spares::spare_role(&tx).await?, master::own_keys(&tx).await?);
        let mark = Some(self.verdict.mark);
        let is_recorded = keys.roles == mark && (spare.is_none() || keys.spare == mark);
        let password = |role: &Ident| self.secrets.master_key.role_password(role.as_str());
        let mut wanted = vec![(&roles.registry_role, RoleUse::Registry, password(&roles.registry_role))];
        wanted.extend(roles.pool_role.as_ref().map(|role| (role, RoleUse::Pool, password(role))));
        wanted.extend(spare.as_ref().map(|role| (role, RoleUse::Spare, password(role))));
        let are_right = {
            let pairs = wanted.iter().map(|(role, _, password)| (*role, password));
            are_right(&tx, self.verdict.checked, is_recorded, pairs).await?
        };
        if !are_right {
            for (role, used, password) in &wanted {
                role::ensure(&tx, role, used.kind(password)).await?;
            }
        }
        let resealed = decoy::reseal(&tx, self.secrets).await?;
        master::set_roles_key(&tx, self.verdict.mark).await?;
        if spare.is_some() {
            master::set_spare_key(&tx, self.verdict.mark).await?;
        }
        match self.run {
            Run::Apply => tx.commit().await?,
            Run::Dry => tx.rollback().await?,
        }
        self.count(wanted.len(), !are_right);
        let outcome = if are_right && !resealed { Outcome::Unchanged } else { Outcome::Changed };
        Ok(Step::new(outcome, "the proxy's own roles"))
    }

    /// Tenants that are still to be asked for: all of them, and later those that came, or got a password of another key,
    /// meanwhile.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn pending(&mut self) -> Result<Vec<Slug>, ControlError> {
        let mut slugs: Vec<Slug> = if self.asked.is_empty() {
            store::summaries_here(self.client).await?.into_iter().map(|found| found.tenant.slug).collect()
        } else {
            let without = master::tenants_without(self.client, self.verdict.mark).await?;
            without.iter().filter_map(|slug| Slug::parse(slug).ok()).collect()
        };
        slugs.retain(|slug| self.asked.insert(slug.to_string()));
        Ok(slugs)
    }

    /// A tenant's roles, in a transaction of their own. `None` where there is no such tenant any more.
    ///
    /// # Errors
    /// [`ControlError`]; nothing was changed then.
    pub async fn tenant(&mut self, slug: &Slug) -> Result<Option<Step>, ControlError> {
        let tx = self.client.transaction().await?;
        store::lock_tenant(&tx, slug).await?;
        let Some(found) = store::summaries(&tx, Some(slug)).await?.pop() else { return Ok(None) };
        let tenant = found.tenant;
        refuse_elsewhere(&tenant)?;
        let is_recorded = tenant.password_key == Some(self.verdict.mark);
        let roles = rotate::passwords(&tenant, tenant.password_version, &self.secrets.master_key);
        let pairs = roles.iter().map(|(role, password)| (*role, password));
        let are_right = are_right(&tx, self.verdict.checked, is_recorded, pairs).await?;
        if !are_right {
            for (role, password) in &roles {
                role::ensure(&tx, role, RoleKind::Tenant(password)).await?;
            }
        }
        master::set_password_key(&tx, tenant.id, self.verdict.mark).await?;
        match self.run {
            Run::Apply => tx.commit().await?,
            Run::Dry => tx.rollback().await?,
        }
        self.count(roles.len(), !are_right);
        let outcome = if are_right { Outcome::Unchanged } else { Outcome::Changed };
        Ok(Some(Step::new(outcome, format!("tenant {slug}"))))
    }

    /// What there is now.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn finish(mut self) -> Result<Verdict, ControlError> {
        if self.run == Run::Apply {
            let mark = Some(self.verdict.mark);
            let keys = master::own_keys(self.client).await?;
            let spare = spares::spare_role(self.client).await?;
            if keys.roles != mark || (spare.is_some() && keys.spare != mark) {
                self.verdict.missing.push("the proxy's own roles".to_owned());
            }
            let without = master::tenants_without(self.client, self.verdict.mark).await?;
            self.verdict.missing.extend(without.into_iter().map(|slug| format!("tenant {slug}")));
        }
        Ok(self.verdict)
    }

    fn count(&mut self, roles: usize, set: bool) {
        self.verdict.roles += roles;
        self.verdict.set += if set { roles } else { 0 };
    }
}

/// What a role of the proxy's own is for.
#[derive(Clone, Copy)]
enum RoleUse {
    Registry,
    Pool,
    Spare,
}

impl RoleUse {
    const fn kind(self, password: &SecretString) -> RoleKind<'_> {
        match self {
            Self::Registry => RoleKind::Registry(password),
            Self::Pool => RoleKind::Pool(password),
            Self::Spare => RoleKind::Spare(password),
        }
    }
}

/// Whether all of these roles have these passwords.
async fn are_right<'r>(
    client: &impl GenericClient,
    checked: Checked,
    is_recorded: bool,
    roles: impl Iterator<Item = (&'r Ident, &'r SecretString)>,
) -> Result<bool, ControlError> {
    if checked == Checked::Recorded {
        return Ok(is_recorded);
    }
    for (role, password) in roles {
        let sql = "SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = $1";
        let row = client.query_opt(sql, &[&role.as_str()]).await?;
        let kept: Option<String> = row.map_or(Ok(None), |row| row.try_get(0))?;
        let verifier = kept.and_then(|kept| Verifier::parse(&kept).ok());
        if !verifier.is_some_and(|verifier| verifier.is_of(password)) {
            return Ok(false);
        }
    }
    Ok(true)
}
