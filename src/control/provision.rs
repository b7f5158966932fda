//! Creating a tenant.

use postgres_protocol::password::scram_sha_256;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{Client, GenericClient};
use uuid::Uuid;

use crate::auth::{MasterKey, secret_hex};
use crate::config::Schemas;
use crate::control::clone::Original;
use crate::control::role::{self, RoleKind};
use crate::control::{ControlError, Outcome, Step, channels, clone, init, level, placed, readers, rename};
use crate::registry::store::{self, Installation, TenantSummary};
use crate::registry::{ledger, master};
use crate::tenant::{
    Access, ClusterName, Ident, Level, Overrides, SchemaState, Slug, Status, Tenant, TenantId, TenantNames,
};

/// Random bytes in a generated password: 160 bits.
const PASSWORD_BYTES: usize = 20;

/// What to create.
#[derive(Clone, Debug)]
pub struct NewTenant {
    /// Short name.
    pub slug: Slug,
    /// Display name; a new tenant gets its slug without one.
    pub name: Option<String>,
    /// Customer at the payment provider.
    pub stripe_customer_id: Option<String>,
    /// User name; a tenant without users gets its slug as one.
    pub user: Option<Ident>,
    /// The user's password; generated without one.
    pub password: Option<SecretString>,
    /// What the user may do.
    pub access: Access,
    /// Its level; without one a new tenant gets [`default_level`](Self::default_level).
    pub level: Option<Level>,
    /// What the configuration says of new tenants.
    pub default_level: Level,
}

/// What there is now.
#[derive(Debug)]
pub struct Provisioned {
    /// The tenant with its users.
    pub summary: TenantSummary,
    /// Whether it is new.
    pub created: bool,
    /// What was done.
    pub steps: Vec<Step>,
    /// What was asked for and is otherwise in the registry, or could not be done.
    pub notes: Vec<String>,
    /// The user asked for or created; `None` when the tenant had users and none was named.
    pub user: Option<Ident>,
    /// The password, if it was generated now. This is the only time it can be read.
    pub generated_password: Option<SecretString>,
}

/// Creates a tenant, or completes one that is there: role, schema with the template's tables, rights,
/// user. One transaction; two administrators at once wait for each other.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn create_tenant(
    client: &mut Client,
    new: &NewTenant,
    master_key: &MasterKey,
    schemas: &Schemas,
) -> Result<Provisioned, ControlError> {
    let tx = client.transaction().await?;
    let done = create_in(&tx, new, master_key, schemas, Content::Template).await?;
    tx.commit().await?;
    Ok(done)
}

/// What a new tenant's schema holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    /// The template's tables.
    Template,
    /// The same, of a tenant that the registry of `main` has already, with its users.
    Placed {
        /// Its key there.
        id: TenantId,
        /// Its schema and role.
        names: &'a TenantNames,
    },
    /// What was loaded into a schema aside, by a role of the same name.
    Loaded {
        /// Both.
        aside: &'a Ident,
        /// Whether it is said otherwise what the role of those that only read may read of it.
        has_grants: bool,
        /// Whether its users come from elsewhere.
        has_users: bool,
        /// The id that it has already; another one without.
        id: Option<TenantId>,
        /// The names that it has already.
        names: Option<&'a TenantNames>,
        /// Whether it comes from another cluster of the installation, whose registry may be this one.
        comes: bool,
    },
}

/// The same inside the caller's transaction.
pub(super) async fn create_in(
    tx: &impl GenericClient,
    new: &NewTenant,
    master_key: &MasterKey,
    schemas: &Schemas,
    content: Content<'_>,
) -> Result<Provisioned, ControlError> {
    store::require_current(tx).await?;
    let roles = store::installation(tx).await?.ok_or(ControlError::NoInstallation)?;
    let id = match content {
        Content::Loaded { id: Some(id), .. } | Content::Placed { id, .. } => id,
        _ => TenantId(Uuid::now_v7()),
    };
    let names = match content {
        Content::Placed { names, .. } | Content::Loaded { names: Some(names), .. } => names.clone(),
        _ => rename::free_names(tx, &new.slug, id).await?,
    };
    let comes = matches!(content, Content::Loaded { comes: true, .. });
    let created = register(tx, new, (id, &ClusterName::MAIN), names, master_key).await? || comes;
    channels::ensure_secret(tx, &new.slug, master_key).await?;
    let found = read(tx, &new.slug).await?;
    let tenant = &found.tenant;
    if !comes {
        placed::refuse_elsewhere(tenant)?;
    }
    if id != tenant.id && (comes || matches!(content, Content::Placed { .. })) {
        return Err(ControlError::SlugTaken(new.slug.clone()));
    }
    let mut steps = Vec::new();
    if created {
        refuse_foreign(tx, &tenant.names).await?;
    }
    ensure_role(tx, tenant, &roles, master_key, &mut steps).await?;
    ensure_schema(tx, &tenant.names, (&schemas.template, content), &mut steps).await?;
    let (has_grants, has_users) = match content {
        Content::Loaded { has_grants, has_users, .. } => (has_grants, has_users),
        Content::Placed { .. } => (false, true),
        Content::Template => (false, false),
    };
    let there = if has_grants { readers::There::AsItIs } else { readers::There::Open };
    steps.push(readers::ensure(tx, tenant, (&roles, master_key), there).await?);
    master::set_password_key(tx, tenant.id, master_key.mark()).await?;
    steps.extend(init::grant_global(tx, &schemas.global).await?);
    ensure_level(tx, new, tenant, created, &mut steps).await?;
    serve(tx, new, (&found, created), has_users, steps).await
}

/// The part of it that only the registry has: the user, and that the tenant is in service.
pub(super) async fn serve(
    tx: &impl GenericClient,
    new: &NewTenant,
    (found, created): (&TenantSummary, bool),
    has_users: bool,
    mut steps: Vec<Step>,
) -> Result<Provisioned, ControlError> {
    let tenant = &found.tenant;
    let mut notes = if created {
        rename::note_on_former_owner(tx, &new.slug, tenant.id).await?.into_iter().collect()
    } else {
        differences(new, found)
    };
    let user = new.user.clone().or_else(|| {
        // A slug is an identifier.
        (found.users.is_empty() && !has_users).then(|| Ident::parse(tenant.slug.as_str()).ok()).flatten()
    });
    let mut generated_password = None;
    if let Some(user) = &user {
        let (step, generated) = ensure_user(tx, tenant.id, user, new, &mut notes).await?;
        steps.push(step);
        generated_password = generated;
    } else if new.password.is_some() {
        notes.push(
            "the tenant has users already; no password was changed, and none was added without `--user`"
                .into(),
        );
    }
    store::activate(tx, tenant.id).await?;
    let summary = read(tx, &new.slug).await?;
    Ok(Provisioned { summary, created, steps, notes, user, generated_password })
}

/// Adds the registry's row, or locks the one that is there. Returns whether it was added.
pub(super) async fn register(
    client: &impl GenericClient,
    new: &NewTenant,
    (id, cluster): (TenantId, &ClusterName),
    names: TenantNames,
    master_key: &MasterKey,
) -> Result<bool, ControlError> {
    let tenant = Tenant {
        id,
        name: new.name.clone().unwrap_or_else(|| new.slug.to_string()),
        names,
        slug: new.slug.clone(),
        status: Status::Creating,
        password_version: 1,
        // Written down once its roles have their passwords.
        password_key: None,
        channels: master_key.channel_prefix(id),
        limits: Overrides::default(),
        // It becomes what it is to be when its role and its schema are there.
        level: Level::Dedicated,
        access: Access::ReadWrite,
        reader_role: None,
        schema: SchemaState::default(),
        settings: std::collections::BTreeMap::new(),
        cluster: cluster.clone(),
    };
    let stripe = new.stripe_customer_id.as_deref();
    let added = store::insert_tenant(client, &tenant, stripe).await.map_err(|error| {
        let taken = error.as_db_error().and_then(DbError::constraint);
        if taken.is_some_and(|name| name.contains("schema_name")) {
            return ControlError::SchemaTaken(tenant.names.schema.as_str().to_owned());
        }
        stripe_taken(error, stripe)
    })?;
    if !added {
        store::lock_tenant(client, &new.slug).await?;
    }
    Ok(added)
}

/// Says it in its own words where another tenant is the customer.
pub(super) fn stripe_taken(error: tokio_postgres::Error, stripe: Option<&str>) -> ControlError {
    let is_taken = error.code() == Some(&SqlState::UNIQUE_VIOLATION)
        && error.as_db_error().and_then(DbError::constraint).is_some_and(|name| name.contains("stripe"));
    if is_taken {
        ControlError::StripeCustomerTaken(stripe.unwrap_or_default().to_owned())
    } else {
        error.into()
    }
}

pub(super) async fn read(client: &impl GenericClient, slug: &Slug) -> Result<TenantSummary, ControlError> {
    let found = store::summaries(client, Some(slug)).await?.pop();
    found.ok_or_else(|| ControlError::UnreadableTenant(slug.clone()))
}

/// What a repeated command asks for and does not change.
fn differences(new: &NewTenant, found: &TenantSummary) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(name) = new.name.as_ref().filter(|name| **name != found.tenant.name) {
        notes.push(format!("the tenant's name is {:?} and was not changed to {name:?}", found.tenant.name));
    }
    if let Some(stripe) = &new.stripe_customer_id
        && found.stripe_customer_id.as_ref() != Some(stripe)
    {
        let is = found.stripe_customer_id.as_deref().unwrap_or("not set");
        notes.push(format!("the tenant's Stripe customer is {is} and was not changed to {stripe}"));
    }
    if let Some(level) = new.level.filter(|level| *level != found.tenant.level) {
        notes.push(format!(
            "the tenant's level is {} and was not changed to {1}; `pgtenant tenant level {2} {1}` does",
            found.tenant.level.as_str(),
            level.as_str(),
            found.tenant.slug,
        ));
    }
    if found.tenant.status == Status::Suspended {
        notes.push("the tenant is suspended and stays so".into());
    }
    if found.tenant.status == Status::Dropping {
        let slug = &found.tenant.slug;
        notes.push(format!(
            "the tenant is to be dropped and stays so; `pgtenant tenant undrop {slug}` keeps it"
        ));
    }
    notes
}

/// A new tenant's role and schema must be new too: what is there under their names is somebody else's.
async fn refuse_foreign(client: &impl GenericClient, names: &TenantNames) -> Result<(), ControlError> {
    if role::exists(client, &names.role).await? {
        return Err(ControlError::ForeignRole(names.role.as_str().to_owned()));
    }
    if schema_owner(client, &names.schema).await?.is_some() {
        return Err(ControlError::ForeignSchema(names.schema.as_str().to_owned()));
    }
    Ok(())
}

pub(super) async fn schema_owner(
    client: &impl GenericClient,
    schema: &Ident,
) -> Result<Option<String>, ControlError> {
    let sql = "SELECT r.rolname::text FROM pg_catalog.pg_namespace n
               JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner WHERE n.nspname = $1";
    let row = client.query_opt(sql, &[&schema.as_str()]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

pub(super) async fn ensure_role(
    client: &impl GenericClient,
    tenant: &Tenant,
    roles: &Installation,
    master_key: &MasterKey,
    steps: &mut Vec<Step>,
) -> Result<(), ControlError> {
    let password = master_key.tenant_password(tenant.id, tenant.password_version);
    let role = &tenant.names.role;
    let made = role::ensure(client, role, RoleKind::Tenant(&password)).await?;
    let joined = role::ensure_member(client, role, &roles.tenants_role).await?;
    let outcome =
        if made == Outcome::Unchanged && joined == Outcome::Created { Outcome::Changed } else { made };
    steps.push(Step::new(outcome, format!("role {}", role.as_str())));
    Ok(())
}

/// The schema belongs to the administrator: its owner could drop it, or open it to others. The tenant
/// owns the tables in it, so that its migrations can alter them.
async fn ensure_schema(
    client: &impl GenericClient,
    names: &TenantNames,
    (template, content): (&Ident, Content<'_>),
    steps: &mut Vec<Step>,
) -> Result<(), ControlError> {
    let TenantNames { schema, role } = names;
    let owner = schema_owner(client, schema).await?;
    let entered = role::enter(client, role).await?;
    let step = match (owner, content) {
        (None, Content::Loaded { aside, .. }) => {
            take_loaded(client, aside, names).await?;
            Step::new(Outcome::Created, format!("schema {} with what was loaded", schema.as_str()))
        }
        (None, Content::Template | Content::Placed { .. }) => {
            client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
            // Before the clone: PostgreSQL lets a role own only where it may create.
            client.batch_execute(&format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")).await?;
            // So that none of its routines is open for a moment.
            close_routines(client, names).await?;
            ledger::hold_template(client).await?;
            let tables = clone::clone_schema(client, Original::Template(template), names).await?;
            ledger::inherit(client, schema).await?;
            let plural = if tables == 1 { "" } else { "s" };
            Step::new(
                Outcome::Created,
                format!("schema {} with {tables} table{plural} of the template", schema.as_str()),
            )
        }
        (Some(owner), _) => {
            let wrong_owner = owner == role.as_str();
            if wrong_owner {
                client.batch_execute(&format!("ALTER SCHEMA {schema} OWNER TO CURRENT_USER")).await?;
            }
            client.batch_execute(&format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")).await?;
            let outcome = if wrong_owner { Outcome::Changed } else { Outcome::Unchanged };
            Step::new(outcome, format!("schema {}, its tables left as they are", schema.as_str()))
        }
    };
    steps.push(step);
    steps.extend(close_routines(client, names).await?);
    if entered {
        role::leave(client, role).await?;
    }
    Ok(())
}

/// Gives the schema that was loaded aside its name, and what is in it to the tenant's role.
pub(super) async fn take_loaded(
    client: &impl GenericClient,
    aside: &Ident,
    TenantNames { schema, role }: &TenantNames,
) -> Result<(), ControlError> {
    // The role aside is dropped in the same transaction: there is nothing to leave.
    role::enter(client, aside).await?;
    // What is owned by the role aside is named in no text.
    client
        .batch_execute(&format!(
            "ALTER SCHEMA {aside} RENAME TO {schema}; COMMENT ON SCHEMA {schema} IS NULL;
             GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}; REASSIGN OWNED BY {aside} TO {role}"
        ))
        .await?;
    Ok(())
}

/// Takes EXECUTE on the tenant's routines from PUBLIC, now and for those to come.
///
/// Without it USAGE of the schema would be all that keeps others out, and PostgreSQL does not ask for that
/// where a type is given by its number (Parse with a parameter type): a domain's check then runs for anybody,
/// with its owner's rights where a function in it is SECURITY DEFINER.
pub(super) async fn close_routines(
    client: &impl GenericClient,
    names: &TenantNames,
) -> Result<Option<Step>, ControlError> {
    let TenantNames { schema, role } = names;
    client
        .batch_execute(&format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {role} REVOKE EXECUTE ON ROUTINES FROM PUBLIC"
        ))
        .await?;
    let open = client
        .query(
            // By what the role owns: pg_proc has no index for that, and holds the routines of all tenants.
            "SELECT p.oid::pg_catalog.regprocedure::text FROM pg_catalog.pg_roles r
             JOIN pg_catalog.pg_shdepend s
                 ON s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.refobjid = r.oid AND s.deptype = 'o'
                 AND s.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                 AND s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
             JOIN pg_catalog.pg_proc p ON p.oid = s.objid
             WHERE r.rolname = $1 AND p.prokind IN ('f', 'p', 'a', 'w')
               AND EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
                           WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')",
            &[&role.as_str()],
        )
        .await?;
    for row in &open {
        let routine: &str = row.try_get(0)?;
        client.batch_execute(&format!("REVOKE EXECUTE ON ROUTINE {routine} FROM PUBLIC")).await?;
    }
    Ok((!open.is_empty()).then(|| {
        let what = format!("{} routines of schema {}, no longer open to PUBLIC", open.len(), schema.as_str());
        Step::new(Outcome::Changed, what)
    }))
}

/// A new tenant's level, or what the level of one that is there needs.
async fn ensure_level(
    client: &impl GenericClient,
    new: &NewTenant,
    tenant: &Tenant,
    created: bool,
    steps: &mut Vec<Step>,
) -> Result<(), ControlError> {
    let wanted = if created { new.level.unwrap_or(new.default_level) } else { tenant.level };
    if wanted == Level::Shared {
        let applied = level::apply(client, tenant, wanted).await;
        steps.push(applied.map_err(|error| match error {
            // A new tenant has nothing that the template does not have.
            ControlError::TenantHasCode { slug, found } if created => {
                ControlError::TemplateHasCode { slug, found }
            }
            other => other,
        })?);
    }
    Ok(())
}

/// Adds a user if the name is free. Never changes a password.
async fn ensure_user(
    client: &impl GenericClient,
    tenant: TenantId,
    user: &Ident,
    new: &NewTenant,
    notes: &mut Vec<String>,
) -> Result<(Step, Option<SecretString>), ControlError> {
    let NewTenant { password, access, .. } = new;
    let what = match access {
        Access::ReadWrite => format!("user {}", user.as_str()),
        Access::ReadOnly => format!("user {}, may only read", user.as_str()),
    };
    match store::owner_of_user(client, user.as_str()).await? {
        Some((owner, has)) if owner == tenant => {
            if password.is_some() {
                notes.push(format!("user {} exists; its password was not changed", user.as_str()));
            }
            if has != Some(*access) {
                let has = has.map_or("unknown", Access::as_str);
                notes.push(format!("user {} exists; its access is {has} and was not changed", user.as_str()));
            }
            return Ok((Step::new(Outcome::Unchanged, format!("user {}", user.as_str())), None));
        }
        Some(_) => return Err(ControlError::UserTaken(user.as_str().to_owned())),
        None => {}
    }
    let (secret, generated) = match password {
        Some(given) => (given.clone(), None),
        None => {
            let generated = generate_password()?;
            (generated.clone(), Some(generated))
        }
    };
    let verifier = scram_sha_256(secret.expose_secret().as_bytes());
    if !store::insert_user(client, user, tenant, &verifier, *access).await? {
        return Err(ControlError::UserTaken(user.as_str().to_owned()));
    }
    Ok((Step::new(Outcome::Created, what), generated))
}

pub(super) fn generate_password() -> Result<SecretString, ControlError> {
    let mut bytes = Zeroizing::new([0; PASSWORD_BYTES]);
    getrandom::fill(bytes.as_mut_slice()).map_err(ControlError::Random)?;
    Ok(secret_hex(bytes.as_slice()))
}
