//! The last step of a restore: what was loaded aside becomes the tenant's, in one transaction.

use std::collections::BTreeMap;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};

use crate::auth::Verifier;
use crate::config::{Config, limits};
use crate::control::backup::aside::drop_role;
use crate::control::backup::load::Source;
use crate::control::backup::manifest::Named;
use crate::control::backup::script::Plan;
use crate::control::backup::toc::shown;
use crate::control::backup::{Arrival, BackupError, Manifest, UserRow};
use crate::control::moving::state::refuse_moving;
use crate::control::placed::{Reserved, refuse_elsewhere};
use crate::control::provision::{Content, create_in, take_loaded};
use crate::control::{ControlError, NewTenant, Provisioned, level, readers, role};
use crate::guard::dump::path_renamed;
use crate::registry::{ledger, store};
use crate::tenant::{Access, Ident, Level, Slug, Tenant, TenantId, TenantNames, quote_identifier};

/// How often the step is tried where the tenant's sessions hold its tables, or a deadlock was broken.
const ATTEMPTS: usize = 3;

/// How long an attempt waits. The tenant's next transactions wait behind it.
const PATIENCE: &str = "2s";

/// What is settled.
pub(super) struct Loaded<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) named: &'a Named,
    pub(super) plan: &'a Plan,
    pub(super) aside: &'a Ident,
    pub(super) arrival: Option<&'a Arrival>,
    pub(super) reserved: Option<&'a Reserved>,
}

impl Loaded<'_> {
    const fn manifest(&self) -> &Manifest {
        self.source.manifest
    }

    /// As a tenant that was not there.
    pub(super) async fn create(
        &self,
        admin: &mut Client,
        slug: &Slug,
        config: &Config,
        notes: &mut Vec<String>,
    ) -> Result<Provisioned, BackupError> {
        let tx = admin.transaction().await?;
        let manifest = self.manifest();
        let comes = self.reserved.is_some_and(|reserved| reserved.comes);
        let is_itself = *slug == self.named.slug || self.arrival.is_some();
        let users = manifest.users.as_deref().filter(|_| is_itself).unwrap_or_default();
        let new = NewTenant {
            slug: slug.clone(),
            name: Some(if is_itself { manifest.tenant.name.clone() } else { slug.to_string() }),
            stripe_customer_id: if is_itself && !comes { stripe(&tx, manifest, notes).await? } else { None },
            user: None,
            password: None,
            access: Access::ReadWrite,
            level: Some(self.named.level),
            default_level: self.named.level,
        };
        let content = Content::Loaded {
            aside: self.aside,
            has_grants: self.named.reader_role.is_some(),
            has_users: !users.is_empty() || self.arrival.is_some() || comes,
            id: self.arrival.map(Arrival::id).or_else(|| self.reserved.map(|reserved| reserved.id)),
            names: self.reserved.map(|reserved| &reserved.names),
            comes,
        };
        let key = &config.secrets.master_key;
        let mut done = create_in(&tx, &new, key, &config.schemas, content).await?;
        if !done.created {
            return Err(BackupError::TenantExists(slug.clone()));
        }
        let tenant = &done.summary.tenant;
        // Somebody took the name that everything was written for.
        if tenant.names.schema != self.source.names.to {
            return Err(BackupError::ReplacedMeanwhile(slug.clone()));
        }
        self.finish(&tx, &tenant.names).await?;
        for user in users {
            notes.extend(add_user(&tx, tenant, user).await?);
        }
        ledger::replace(&tx, tenant.id, &manifest.ledger()?).await?;
        if comes {
            // What only the registry of `main` has of it stays as it is.
            let (schema, mark) = (&tenant.names.schema, comes_mark(tenant.id));
            tx.batch_execute(&format!("COMMENT ON SCHEMA {schema} IS '{mark}'")).await?;
        } else {
            self.register(&tx, tenant, notes).await?;
        }
        let found = store::summaries(&tx, Some(slug)).await?.pop();
        done.summary = found.ok_or_else(|| ControlError::UnreadableTenant(slug.clone()))?;
        tx.commit().await?;
        Ok(done)
    }

    /// What the registry is to have of it besides.
    async fn register(
        &self,
        tx: &impl GenericClient,
        tenant: &Tenant,
        notes: &mut Vec<String>,
    ) -> Result<(), BackupError> {
        let (slug, manifest) = (&tenant.slug, self.manifest());
        match self.arrival {
            Some(arrival) => notes.extend(arrival.register(tx, tenant).await?),
            None => notes.extend(settings_note(slug, &manifest.tenant.settings)),
        }
        match limits::overrides(&manifest.tenant.limits) {
            Ok(_) => drop(store::set_limits(tx, slug, &manifest.tenant.limits).await?),
            Err(error) => notes.push(format!("its limits were not taken: {error}")),
        }
        Ok(())
    }

    /// In the place of a tenant's schema. Sessions of the tenant go on and see the new data from their next transaction on.
    pub(super) async fn replace(
        &self,
        admin: &mut Client,
        slug: &Slug,
        before: u32,
    ) -> Result<(), BackupError> {
        for _ in 0..ATTEMPTS {
            match self.try_replace(admin, slug, before).await {
                Err(error) if is_worth_another_attempt(&error) => {}
                done => return done,
            }
        }
        Err(BackupError::Held(slug.clone()))
    }

    async fn try_replace(&self, admin: &mut Client, slug: &Slug, before: u32) -> Result<(), BackupError> {
        let tx = admin.transaction().await?;
        tx.batch_execute(&format!("SET LOCAL lock_timeout = '{PATIENCE}'")).await?;
        store::lock_tenant(&tx, slug).await?;
        let found = store::summaries(&tx, Some(slug)).await?.pop();
        let tenant = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?.tenant;
        refuse_elsewhere(&tenant)?;
        refuse_moving(&tx, &tenant).await?;
        let names = &tenant.names;
        if schema_number(&tx, &names.schema).await? != Some(before) {
            return Err(BackupError::ReplacedMeanwhile(slug.clone()));
        }
        let outside = tx.query(include_str!("outside.sql"), &[&names.schema.as_str()]).await?;
        if !outside.is_empty() {
            let told = outside.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
            return Err(BackupError::Dependents(told));
        }
        let grants = schema_grants(&tx, &names.schema).await?;
        let entered = role::enter(&tx, &names.role).await?;
        // Waits for transactions that have looked at any of it.
        tx.batch_execute(&format!("DROP SCHEMA {} CASCADE", names.schema)).await?;
        take_loaded(&tx, self.aside, names).await?;
        for grant in grants {
            tx.batch_execute(&grant).await?;
        }
        if let Some(reader) = &tenant.reader_role {
            let there = match self.named.reader_role {
                Some(_) => readers::There::AsItIs,
                None => readers::There::Open,
            };
            readers::open_to(&tx, names, reader, there).await?;
        }
        self.finish(&tx, names).await?;
        if entered {
            role::leave(&tx, &names.role).await?;
        }
        ledger::replace(&tx, tenant.id, &self.manifest().ledger()?).await?;
        if tenant.level == Level::Shared {
            level::refuse_code(&tx, &tenant).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// What names the tenant's roles, and the schema by its name; then the role aside goes. It is the tenant's text, but each
    /// statement is one GRANT, REVOKE, ALTER DEFAULT PRIVILEGES or ALTER POLICY of roles, which run nothing of a tenant's.
    async fn finish(&self, tx: &impl GenericClient, names: &TenantNames) -> Result<(), BackupError> {
        let entered = role::enter(tx, &names.role).await?;
        tx.batch_execute(&format!("SET LOCAL ROLE {}", names.role)).await?;
        for sql in &self.plan.later {
            tx.batch_execute(sql).await.map_err(|error| match is_lock(error.code()) {
                true => error.into(),
                false => BackupError::load(shown(sql))(error),
            })?;
        }
        self.rename_paths(tx, names).await?;
        tx.batch_execute("RESET ROLE").await?;
        drop_role(tx, self.aside).await?;
        if entered {
            role::leave(tx, &names.role).await?;
        }
        Ok(())
    }

    /// Routines with a search_path of their own had the schema aside in it while it was loaded.
    async fn rename_paths(&self, tx: &impl GenericClient, names: &TenantNames) -> Result<(), BackupError> {
        let rows = tx
            .query(
                "SELECT p.oid::pg_catalog.regprocedure::text, pg_catalog.substr(s, 13)
                 FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                     CROSS JOIN LATERAL pg_catalog.unnest(p.proconfig) s
                 WHERE n.nspname = $1 AND pg_catalog.starts_with(s, 'search_path=')",
                &[&names.schema.as_str()],
            )
            .await?;
        for row in rows {
            let (routine, path): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
            if let Some(path) = path_renamed(path, self.aside, &names.schema) {
                tx.batch_execute(&format!("ALTER ROUTINE {routine} SET search_path TO {path}")).await?;
            }
        }
        Ok(())
    }
}

fn is_lock(code: Option<&SqlState>) -> bool {
    code.is_some_and(|code| [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED].contains(code))
}

/// What a schema is marked with that comes from another cluster, until it is the tenant's.
pub(in crate::control) fn comes_mark(id: TenantId) -> String {
    format!("pgtenant: of tenant {id}, which comes from another cluster")
}

fn is_worth_another_attempt(error: &BackupError) -> bool {
    match error {
        BackupError::Control(ControlError::Busy(_)) => true,
        BackupError::Control(ControlError::Db(error)) => is_lock(error.code()),
        _ => false,
    }
}

/// The number of the schema of this name, which another of the same name does not have.
pub(super) async fn schema_number(
    client: &impl GenericClient,
    schema: &Ident,
) -> Result<Option<u32>, tokio_postgres::Error> {
    let sql = "SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1";
    client.query_opt(sql, &[&schema.as_str()]).await?.map(|row| row.try_get(0)).transpose()
}

/// What others than its owner may do with the schema, as GRANTs of it.
async fn schema_grants(
    client: &impl GenericClient,
    schema: &Ident,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let rows = client
        .query(
            "SELECT r.rolname::text, a.privilege_type, a.is_grantable
             FROM pg_catalog.pg_namespace n CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
                 LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
             WHERE n.nspname = $1 AND a.grantee <> n.nspowner",
            &[&schema.as_str()],
        )
        .await?;
    let grant = |row: &tokio_postgres::Row| {
        let (role, privilege, is_grantable): (Option<&str>, &str, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let role = role.map_or_else(|| "PUBLIC".to_owned(), quote_identifier);
        let option = if is_grantable { " WITH GRANT OPTION" } else { "" };
        Ok(format!("GRANT {privilege} ON SCHEMA {schema} TO {role}{option}"))
    };
    rows.iter().map(grant).collect()
}

async fn stripe(
    client: &impl GenericClient,
    manifest: &Manifest,
    notes: &mut Vec<String>,
) -> Result<Option<String>, BackupError> {
    let Some(customer) = &manifest.tenant.stripe_customer_id else { return Ok(None) };
    let sql = "SELECT FROM pgtenant.tenants WHERE stripe_customer_id = $1";
    if client.query_opt(sql, &[customer]).await?.is_some() {
        notes.push(format!(
            "its Stripe customer {customer} belongs to another tenant by now, and was left out"
        ));
        return Ok(None);
    }
    Ok(Some(customer.clone()))
}

/// Adds a user as it was. What to say if it is not added.
async fn add_user(
    client: &impl GenericClient,
    tenant: &Tenant,
    user: &UserRow,
) -> Result<Option<String>, BackupError> {
    let parts = (Ident::parse(&user.name), Access::from_word(&user.access), Verifier::parse(&user.verifier));
    let (Ok(name), Some(access), Ok(_)) = parts else {
        return Ok(Some(format!(
            "user {:?} is none that this program understands, and was left out",
            user.name
        )));
    };
    if store::insert_user(client, &name, tenant.id, &user.verifier, access).await? {
        return Ok(None);
    }
    Ok(Some(format!("user {:?} belongs to another tenant by now, and was left out", user.name)))
}

/// A manifest may be forged, and settings are more than data: the operator has them checked.
fn settings_note(slug: &Slug, settings: &BTreeMap<String, String>) -> Option<String> {
    let pairs: Vec<_> = settings.iter().map(|(name, value)| shown(&format!("{name}={value}"))).collect();
    let set = || {
        format!(
            "its settings were not taken; see whether they are right, then run `pgtenant tenant set {slug} {}`",
            pairs.join(" ")
        )
    };
    (!pairs.is_empty()).then(set)
}
