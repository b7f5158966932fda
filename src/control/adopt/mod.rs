//! Takes over the schema of a running application as a tenant's: a role of its own, which owns what is in it, and nobody else's
//! way in. The application's role goes on as before, as a member of the tenant's, until it is released.

mod holes;
mod placed;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};
use uuid::Uuid;

use crate::auth::MasterKey;
use crate::config::Schemas;
use crate::control::placed::refuse_elsewhere;
use crate::control::provision::{self, NewTenant, schema_owner};
use crate::control::{ControlError, Outcome, Run, Step, channels, init, readers, rename, role};
use crate::registry::names;
use crate::registry::store::{self, TenantSummary};
use crate::registry::{adopted, master};
use crate::tenant::{Access, ClusterName, Ident, Level, Slug, Status, TenantId, TenantNames};

pub use holes::Hole;
pub use placed::adopt_at;

/// Which schema becomes which tenant, and how far this goes.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The schema.
    pub schema: Ident,
    /// The tenant's slug.
    pub slug: Slug,
    /// What schemas of tenants begin with.
    pub prefix: String,
    /// Close the holes that can be closed.
    pub fix: bool,
    /// The application works through the proxy now: its role loses its rights.
    pub release: bool,
    /// The application's own table of tenants, with the columns `id` and `slug`, perhaps `name` and `stripe_customer_id`.
    pub known: Option<Known>,
}

/// What the application's own table says of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id, so that tokens with it go on.
    pub id: Uuid,
    /// Display name.
    pub name: Option<String>,
    /// Customer at the payment provider.
    pub stripe_customer_id: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// The tenant.
    pub summary: TenantSummary,
    /// Whether it is new.
    pub created: bool,
    /// What was done.
    pub steps: Vec<Step>,
    /// Holes that were closed.
    pub closed: Vec<Hole>,
    /// What is to be known.
    pub notes: Vec<String>,
}

/// The schemas that begin with `prefix` and match `pattern`, with `*` for any characters, but for the common ones.
///
/// # Errors
/// When the catalogs cannot be read.
pub async fn adoptable(
    client: &Client,
    pattern: &str,
    prefix: &str,
    schemas: &Schemas,
) -> Result<Vec<Ident>, ControlError> {
    store::require_current(client).await?;
    let like = pattern.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_").replace('*', "%");
    let rows = client
        .query(
            "SELECT n.nspname::text FROM pg_catalog.pg_namespace n
             WHERE n.nspname LIKE $1 AND pg_catalog.starts_with(n.nspname::text, $2) AND n.nspname NOT IN ($3, $4, 'public')
               AND n.nspname !~ '^(pg_|pgtenant|information_schema$)' ORDER BY 1",
            &[&like, &prefix, &schemas.global.as_str(), &schemas.template.as_str()],
        )
        .await?;
    let mut found = Vec::new();
    for row in rows {
        // A name in the catalogs is an identifier.
        found.extend(Ident::parse(row.try_get(0)?).ok());
    }
    Ok(found)
}

/// What the application's own table says of the tenant, if it knows it.
///
/// # Errors
/// When there is no such table, or its columns do not fit.
pub async fn known(client: &Client, table: &str, slug: &Slug) -> Result<Option<Known>, ControlError> {
    let bad = |why: &str| ControlError::BadTenantsTable { table: table.to_owned(), why: why.to_owned() };
    // What is no name, or names no table: of class 42, or another database's.
    let not_read = |error: tokio_postgres::Error| match error.code() {
        Some(code) if code.code().starts_with("42") || *code == SqlState::FEATURE_NOT_SUPPORTED => {
            bad("cannot be read")
        }
        _ => error.into(),
    };
    let row = client
        .query_one("SELECT pg_catalog.to_regclass($1)::pg_catalog.oid::pg_catalog.regclass::text", &[&table])
        .await
        .map_err(not_read)?;
    // Quoted where it has to be, and with its schema: the search_path is pg_catalog's.
    let Some(table) = row.try_get::<_, Option<String>>(0)? else { return Err(bad("does not exist")) };
    let sql =
        format!("SELECT pg_catalog.to_jsonb(t) FROM {table} t WHERE pg_catalog.to_jsonb(t) ->> 'slug' = $1");
    let mut rows = client.query(&sql, &[&slug.as_str()]).await.map_err(not_read)?;
    let Some(row) = rows.pop() else { return Ok(None) };
    if !rows.is_empty() {
        return Err(bad("has the slug more than once"));
    }
    let row: serde_json::Value = row.try_get(0)?;
    let text = |name: &str| row.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    let id = text("id").and_then(|id| Uuid::try_parse(&id).ok());
    let id = id.ok_or_else(|| bad("has no column id of type uuid"))?;
    let full = |text: &String| !text.trim().is_empty();
    Ok(Some(Known {
        id,
        name: text("name").filter(full),
        stripe_customer_id: text("stripe_customer_id").filter(full),
    }))
}

/// Makes the schema a tenant's, in one transaction. Run again, it completes what is missing: what the application has made since
/// becomes the tenant's too.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn adopt(
    client: &mut Client,
    adoption: &Adoption,
    master_key: &MasterKey,
    schemas: &Schemas,
    run: Run,
) -> Result<Adopted, ControlError> {
    let tx = client.transaction().await?;
    let entry = register(&tx, adoption, &ClusterName::MAIN, master_key).await?;
    let done = take(&tx, adoption, &entry, (master_key, schemas)).await?;
    match run {
        Run::Apply => tx.commit().await?,
        Run::Dry => tx.rollback().await?,
    }
    Ok(done)
}

/// What a registry says of the tenant that it becomes.
struct Entry {
    found: TenantSummary,
    /// Whether it said nothing before.
    created: bool,
}

/// Does it to the schema and the roles, which are in the database of this registry.
async fn take(
    tx: &impl GenericClient,
    adoption: &Adoption,
    Entry { found, created }: &Entry,
    (master_key, schemas): (&MasterKey, &Schemas),
) -> Result<Adopted, ControlError> {
    let (tenant, created) = (&found.tenant, *created);
    let roles = store::installation(tx).await?.ok_or(ControlError::NoInstallation)?;
    refuse_elsewhere(tenant)?;
    if created && role::exists(tx, &tenant.names.role).await? {
        return Err(ControlError::ForeignRole(tenant.names.role.as_str().to_owned()));
    }
    let mut steps = Vec::new();
    let owner = old_owner(tx, adoption, tenant.id, created).await?;
    let owner = still_there(tx, adoption, tenant.id, owner, &mut steps).await?;
    let survey = holes::survey(tx, adoption, tenant, owner.as_ref(), schemas).await?;
    survey.refuse_open(adoption)?;
    provision::ensure_role(tx, tenant, &roles, master_key, &mut steps).await?;
    steps.extend(take_over(tx, &tenant.names, &survey).await?);
    steps.extend(keep_or_release(tx, adoption, tenant.id, &tenant.names.role, owner.as_ref()).await?);
    steps.push(readers::ensure(tx, tenant, (&roles, master_key), readers::There::Open).await?);
    master::set_password_key(tx, tenant.id, master_key.mark()).await?;
    steps.extend(init::grant_global(tx, &schemas.global).await?);
    store::activate(tx, tenant.id).await?;
    let summary = provision::read(tx, &adoption.slug).await?;
    Ok(Adopted { summary, created, steps, closed: survey.closable, notes: survey.notes })
}

/// Adds the registry's row, or locks the one that is there.
async fn register(
    client: &impl GenericClient,
    adoption: &Adoption,
    cluster: &ClusterName,
    master_key: &MasterKey,
) -> Result<Entry, ControlError> {
    store::require_current(client).await?;
    let id = TenantId(adoption.known.as_ref().map_or_else(Uuid::now_v7, |known| known.id));
    // A shared connection finds the schema by the role's name.
    let mut object_names = TenantNames { schema: adoption.schema.clone(), role: adoption.schema.clone() };
    if names::are_taken(client, &object_names, id).await? {
        object_names.role = rename::free_names(client, &adoption.slug, id).await?.role;
    }
    enter(client, adoption, (id, cluster), object_names, master_key).await
}

/// The same, under this id and with these names.
async fn enter(
    client: &impl GenericClient,
    adoption: &Adoption,
    at: (TenantId, &ClusterName),
    object_names: TenantNames,
    master_key: &MasterKey,
) -> Result<Entry, ControlError> {
    let known = adoption.known.as_ref();
    let new = NewTenant {
        slug: adoption.slug.clone(),
        name: known.and_then(|known| known.name.clone()),
        stripe_customer_id: known.and_then(|known| known.stripe_customer_id.clone()),
        user: None,
        password: None,
        access: Access::ReadWrite,
        level: None,
        default_level: Level::Dedicated,
    };
    let created = provision::register(client, &new, at, object_names, master_key).await?;
    channels::ensure_secret(client, &adoption.slug, master_key).await?;
    let found = provision::read(client, &adoption.slug).await?;
    let tenant = &found.tenant;
    if tenant.cluster != *at.1 {
        return Err(ControlError::Elsewhere { slug: tenant.slug.clone(), cluster: tenant.cluster.clone() });
    }
    if tenant.status == Status::Dropping {
        return Err(ControlError::IsDropping(tenant.slug.clone()));
    }
    if tenant.names.schema != adoption.schema {
        return Err(ControlError::SlugTaken(adoption.slug.clone()));
    }
    Ok(Entry { found, created })
}

/// The role that the application works as: the schema's owner, or who that was when it was adopted.
async fn old_owner(
    client: &impl GenericClient,
    adoption: &Adoption,
    id: TenantId,
    created: bool,
) -> Result<Option<Ident>, ControlError> {
    let known = adopted::from(client, id).await?;
    // Released, or whoever owns the schema by now is an administrator.
    if known.is_some() || !created {
        return Ok(known);
    }
    let Some(owner) = schema_owner(client, &adoption.schema).await? else {
        return Err(ControlError::NoSchema(adoption.schema.as_str().to_owned()));
    };
    let row = client.query_one("SELECT CURRENT_USER::text", &[]).await?;
    let administrator: &str = row.try_get(0)?;
    // The administrator is to own it.
    Ok(if owner == administrator { None } else { Ident::parse(&owner).ok() })
}

/// Its role was dropped, perhaps, since it was adopted. That is what comes after the release: it is written down as that, if
/// it is asked for.
async fn still_there(
    client: &impl GenericClient,
    adoption: &Adoption,
    id: TenantId,
    owner: Option<Ident>,
    steps: &mut Vec<Step>,
) -> Result<Option<Ident>, ControlError> {
    let Some(owner) = owner else { return Ok(None) };
    if role::exists(client, &owner).await? {
        return Ok(Some(owner));
    }
    let role = owner.as_str().to_owned();
    if !adoption.release {
        return Err(ControlError::OwnerGone { schema: adoption.schema.as_str().to_owned(), role });
    }
    adopted::release(client, id).await?;
    steps
        .push(Step::new(Outcome::Removed, format!("role {role}, which is gone, as that of the application")));
    Ok(None)
}

/// Gives the schema to the administrator and what is in it to the tenant's role, and closes the holes.
async fn take_over(
    client: &impl GenericClient,
    names: &TenantNames,
    survey: &holes::Survey,
) -> Result<Vec<Step>, ControlError> {
    let TenantNames { schema, role } = names;
    let entered = role::enter(client, role).await?;
    let mut outcome = Outcome::Unchanged;
    if schema_owner(client, schema).await? != current_user(client).await? {
        client.batch_execute(&format!("ALTER SCHEMA {schema} OWNER TO CURRENT_USER")).await?;
        outcome = Outcome::Changed;
    }
    client.batch_execute(&format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")).await?;
    let mut steps = vec![Step::new(outcome, format!("schema {}", schema.as_str()))];
    for hole in &survey.closable {
        if let Some(statement) = &hole.statement {
            client.batch_execute(statement).await?;
        }
    }
    // Each takes its name from what is there by then.
    let mut own = 0;
    while let Some((_, statement)) = holes::sequences(client, schema).await?.into_iter().next() {
        client.batch_execute(&statement).await?;
        own += 1;
    }
    if own > 0 {
        steps.push(Step::new(Outcome::Created, format!("{own} sequences of the tenant's own")));
    }
    let moved = holes::objects(client, names).await?;
    for object in &moved {
        if let Some(statement) = &object.statement {
            client.batch_execute(statement).await?;
        }
    }
    let outcome = if moved.is_empty() { Outcome::Unchanged } else { Outcome::Changed };
    steps.push(Step::new(outcome, format!("owner of {} objects", moved.len())));
    steps.extend(provision::close_routines(client, names).await?);
    if entered {
        role::leave(client, role).await?;
    }
    let left = holes::objects(client, names).await?;
    match left.first() {
        None => Ok(steps),
        Some(_) => Err(ControlError::NotAdopted {
            schema: schema.as_str().to_owned(),
            found: left
                .into_iter()
                .map(|object| format!("{} cannot be given to the tenant", object.what))
                .collect(),
            fixable: 0,
        }),
    }
}

async fn current_user(client: &impl GenericClient) -> Result<Option<String>, ControlError> {
    Ok(client.query_one("SELECT CURRENT_USER::text", &[]).await?.try_get(0)?)
}

/// Lets the application's role go on with the tenant's rights, or takes them away.
async fn keep_or_release(
    client: &impl GenericClient,
    adoption: &Adoption,
    id: TenantId,
    role: &Ident,
    owner: Option<&Ident>,
) -> Result<Option<Step>, ControlError> {
    let Some(owner) = owner else { return Ok(None) };
    if adoption.release {
        let was = adopted::release(client, id).await?;
        client
            .batch_execute(&format!(
                "REVOKE {role} FROM {owner}; REVOKE ALL ON SCHEMA {} FROM {owner}",
                adoption.schema
            ))
            .await?;
        let outcome = if was { Outcome::Removed } else { Outcome::Unchanged };
        return Ok(Some(Step::new(outcome, format!("rights of role {}", owner.as_str()))));
    }
    adopted::set(client, id, owner).await?;
    let outcome = role::ensure_application(client, owner, role).await?;
    Ok(Some(Step::new(
        outcome,
        format!("role {}, a member of {} until it is released", owner.as_str(), role.as_str()),
    )))
}
