//! The two tenants: made, compared, removed.

use std::time::Duration;

use secrecy::SecretString;
use tokio_postgres::{Client, GenericClient};

use crate::config::Config;
use crate::control::verify::canary::Ground;
use crate::control::{ControlError, NewTenant, create_tenant, placed, role};
use crate::registry::store;
use crate::tenant::{Access, Ident, Level, Slug, TenantNames};

/// Random digits in the slugs of a run, so that two runs at once do not meet.
const RUN_BYTES: usize = 4;

/// The table that both have.
pub(super) const TABLE: &str = "pgtenant_canary";

/// How often a removal is tried: server connections of the two may still be in use.
const REMOVALS: usize = 5;

/// One of the two.
#[derive(Debug)]
pub(super) struct Canary {
    pub(super) slug: Slug,
    pub(super) password: SecretString,
    pub(super) names: TenantNames,
}

/// Both.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) level: Level,
    pub(super) attacker: Canary,
    pub(super) victim: Canary,
    /// What stands in everything of the victim's.
    pub(super) marker: String,
}

impl Pair {
    /// Makes both as `pgtenant tenant create` does.
    pub(super) async fn create(
        ground: &mut Ground<'_>,
        config: &Config,
        level: Level,
    ) -> Result<Self, ControlError> {
        let run = random()?;
        let attacker = create(ground, config, level, &run, "a").await?;
        let victim = match create(ground, config, level, &run, "b").await {
            Ok(victim) => victim,
            Err(error) => {
                remove(ground, &attacker.slug).await?;
                return Err(error);
            }
        };
        Ok(Self { level, attacker, victim, marker: format!("mrk{}{}", random()?, random()?) })
    }

    /// Takes both away again.
    pub(super) async fn remove(&self, ground: &mut Ground<'_>) -> Result<(), ControlError> {
        for canary in [&self.attacker, &self.victim] {
            let mut tried = 1;
            while let Err(error) = remove(ground, &canary.slug).await {
                if tried == REMOVALS {
                    return Err(error);
                }
                tried += 1;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
        Ok(())
    }

    /// What the attacker must not change, part by part.
    pub(super) async fn digest(
        &self,
        admin: &impl GenericClient,
    ) -> Result<Vec<(String, String)>, ControlError> {
        let (victim, attacker) = (&self.victim.names, &self.attacker.names);
        let rows = admin
            .query(
                include_str!("digest.sql"),
                &[&victim.schema.as_str(), &victim.role.as_str(), &attacker.role.as_str()],
            )
            .await?;
        let mut parts = Vec::new();
        for row in rows {
            parts.push((row.try_get(0)?, row.try_get::<_, Option<String>>(1)?.unwrap_or_default()));
        }
        // The table may be gone by now.
        let table = Ident::parse(TABLE).map_or_else(|_| String::new(), |table| table.to_string());
        let sql = format!(
            "SELECT pg_catalog.string_agg(t::text, ',' ORDER BY t::text) FROM {}.{table} t",
            victim.schema
        );
        let data = match admin.query_one(&sql, &[]).await {
            Ok(row) => row.try_get::<_, Option<String>>(0)?.unwrap_or_default(),
            Err(error) if error.as_db_error().is_some() => format!("cannot be read: {error}"),
            Err(error) => return Err(error.into()),
        };
        parts.push(("the rows".to_owned(), data));
        Ok(parts)
    }
}

async fn create(
    ground: &mut Ground<'_>,
    config: &Config,
    level: Level,
    run: &str,
    which: &str,
) -> Result<Canary, ControlError> {
    // Digits and letters, and short.
    let slug = Slug::canary(run, which).unwrap_or_else(|_| unreachable!("a slug"));
    let new = NewTenant {
        slug: slug.clone(),
        name: Some("pgtenant verify".to_owned()),
        stripe_customer_id: None,
        user: None,
        password: None,
        access: Access::ReadWrite,
        level: Some(level),
        default_level: level,
    };
    let (key, schemas) = (&config.secrets.master_key, &config.schemas);
    let made = match &mut ground.other {
        None => create_tenant(ground.main, &new, key, schemas).await?,
        Some((name, there)) => placed::create((ground.main, there), &new, name, (key, schemas)).await?,
    };
    let names = made.summary.tenant.names;
    let password = made.generated_password.ok_or_else(|| ControlError::UnreadableTenant(slug.clone()))?;
    Ok(Canary { slug, password, names })
}

/// Removes what runs left that came to no end. One that runs takes minutes, and not an hour.
pub(super) async fn remove_leftovers(ground: &mut Ground<'_>) -> Result<(), ControlError> {
    store::require_current(&*ground.main).await?;
    let sql = "SELECT slug FROM pgtenant.tenants
               WHERE pg_catalog.starts_with(slug, 'pgtenant_canary_') AND cluster = $1
                 AND created_at < pg_catalog.now() - interval '1 hour'";
    let rows = ground.main.query(sql, &[&ground.cluster().as_str()]).await?;
    for row in rows {
        if let Ok(slug) = Slug::parse(row.try_get(0)?) {
            remove(ground, &slug).await?;
        }
    }
    Ok(())
}

/// Never anything but a canary. What `main` says of one elsewhere goes last: whoever finds it there looks here for the rest.
async fn remove(ground: &mut Ground<'_>, slug: &Slug) -> Result<(), ControlError> {
    if !slug.is_canary() {
        return Err(ControlError::UnknownTenant(slug.clone()));
    }
    let Some((_, there)) = &mut ground.other else { return remove_in(ground.main, slug).await };
    remove_in(there, slug).await?;
    let sql = "DELETE FROM pgtenant.tenants WHERE slug = $1";
    ground.main.execute(sql, &[&slug.as_str()]).await?;
    Ok(())
}

/// Row, schema and roles, in one transaction.
async fn remove_in(admin: &mut Client, slug: &Slug) -> Result<(), ControlError> {
    let tx = admin.transaction().await?;
    store::lock_tenant(&tx, slug).await?;
    let Some(found) = store::summaries(&tx, Some(slug)).await?.pop() else { return Ok(()) };
    let tenant = found.tenant;
    tx.execute("DELETE FROM pgtenant.tenants WHERE id = $1", &[&tenant.id.0]).await?;
    tx.batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", tenant.names.schema)).await?;
    for role in tenant.reader_role.iter().chain([&tenant.names.role]) {
        if role::exists(&tx, role).await? {
            role::enter(&tx, role).await?;
            tx.batch_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await?;
        }
    }
    Ok(tx.commit().await?)
}

fn random() -> Result<String, ControlError> {
    let mut bytes = [0; RUN_BYTES];
    getrandom::fill(&mut bytes).map_err(ControlError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
