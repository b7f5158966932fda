//! What in and around a schema would be a hole once a tenant of its own has it.

use std::collections::BTreeMap;

use tokio_postgres::GenericClient;

use crate::config::Schemas;
use crate::control::adopt::Adoption;
use crate::control::{ControlError, edges};
use crate::tenant::{Ident, Tenant, TenantNames};

/// A way past the wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// What it is.
    pub what: String,
    /// What closes it; `None` where the adoption itself does.
    pub statement: Option<String>,
}

/// All that was found of one schema.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    /// Closed by the adoption where it may.
    pub(super) closable: Vec<Hole>,
    /// For somebody who knows what they are for.
    pub(super) open: Vec<String>,
    /// No holes.
    pub(super) notes: Vec<String>,
}

impl Survey {
    /// Nothing is adopted with a hole in it.
    pub(super) fn refuse_open(&self, adoption: &Adoption) -> Result<(), ControlError> {
        if self.open.is_empty() && (adoption.fix || self.closable.is_empty()) {
            return Ok(());
        }
        let mut found = self.open.clone();
        found.extend(self.closable.iter().map(|hole| match &hole.statement {
            Some(statement) => format!("{} (`--fix` does: {statement})", hole.what),
            None => format!("{} (`--fix` mends it)", hole.what),
        }));
        Err(ControlError::NotAdopted {
            schema: adoption.schema.as_str().to_owned(),
            found: edges::some(found),
            fixable: self.closable.len(),
        })
    }
}

/// Something in the schema that is not the tenant's yet.
pub(super) struct Object {
    owner: String,
    pub(super) what: String,
    pub(super) statement: Option<String>,
}

/// What the tenant's role does not own yet.
pub(super) async fn objects(
    client: &impl GenericClient,
    names: &TenantNames,
) -> Result<Vec<Object>, ControlError> {
    let params = [names.schema.as_str(), names.role.as_str()];
    let rows = client.query(include_str!("objects.sql"), &[&params[0], &params[1]]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Object { owner: row.try_get(0)?, what: row.try_get(1)?, statement: row.try_get(2)? })
    };
    rows.iter().map(read).collect()
}

/// Columns that share a sequence with others, and what gives each its own.
pub(super) async fn sequences(
    client: &impl GenericClient,
    schema: &Ident,
) -> Result<Vec<(String, String)>, ControlError> {
    let rows = client.query(include_str!("sequences.sql"), &[&schema.as_str()]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Looks at everything; changes nothing.
pub(super) async fn survey(
    client: &impl GenericClient,
    adoption: &Adoption,
    tenant: &Tenant,
    owner: Option<&Ident>,
    schemas: &Schemas,
) -> Result<Survey, ControlError> {
    let mut survey = Survey::default();
    owners(client, &tenant.names, owner, &mut survey).await?;
    rights(client, tenant, owner, &mut survey).await?;
    let shared = sequences(client, &adoption.schema).await?;
    let is_shared = !shared.is_empty();
    survey.closable.extend(shared.into_iter().map(|(what, _)| Hole { what, statement: None }));
    neighbours(client, adoption, schemas, is_shared, &mut survey).await?;
    let nobody = String::new();
    let owner = owner.map_or(nobody.as_str(), Ident::as_str);
    for row in client.query(include_str!("code.sql"), &[&adoption.schema.as_str(), &owner]).await? {
        survey.open.push(row.try_get(0)?);
    }
    Ok(survey)
}

/// What is not the application's own would be taken from somebody else.
async fn owners(
    client: &impl GenericClient,
    names: &TenantNames,
    owner: Option<&Ident>,
    survey: &mut Survey,
) -> Result<(), ControlError> {
    let row = client.query_one("SELECT CURRENT_USER::text", &[]).await?;
    let administrator: &str = row.try_get(0)?;
    for object in objects(client, names).await? {
        if object.statement.is_none() {
            survey.open.push(format!(
                "{} cannot be given to a tenant; drop it, or move it to another schema",
                object.what
            ));
        } else if object.owner != administrator && owner.is_none_or(|owner| owner.as_str() != object.owner) {
            let what = format!("{} belongs to role {}", object.what, object.owner);
            survey.closable.push(Hole { what, statement: None });
        }
    }
    Ok(())
}

/// Who else may do something with the schema.
async fn rights(
    client: &impl GenericClient,
    tenant: &Tenant,
    owner: Option<&Ident>,
    survey: &mut Survey,
) -> Result<(), ControlError> {
    let mut ours = vec![tenant.names.role.as_str()];
    ours.extend(tenant.reader_role.as_ref().map(Ident::as_str));
    ours.extend(owner.map(Ident::as_str));
    let schema = tenant.names.schema.as_str();
    for row in client.query(include_str!("rights.sql"), &[&schema, &ours]).await? {
        let (is_hole, what, statement): (bool, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if is_hole {
            survey.closable.push(Hole { what, statement: Some(statement) });
        } else {
            survey.notes.push(format!("{what}, and stays so; {statement} ends that"));
        }
    }
    Ok(())
}

/// Foreign keys, views and the like that lead out of the schema, or into it.
async fn neighbours(
    client: &impl GenericClient,
    adoption: &Adoption,
    schemas: &Schemas,
    is_shared: bool,
    survey: &mut Survey,
) -> Result<(), ControlError> {
    let open = open_schemas(client).await?;
    let is_tenants =
        |name: &str| name.starts_with(&adoption.prefix) || open.get(name) == Some(&Reach::Tenants);
    let mut common: BTreeMap<String, usize> = BTreeMap::new();
    for edge in edges::of(client, &adoption.schema).await? {
        let edges::Edge { direction, other_schema, other, own } = edge;
        match direction {
            edges::Direction::In
                if is_tenants(&other_schema) || open.get(&other_schema) == Some(&Reach::Everybody) =>
            {
                survey.open.push(format!(
                    "{other} depends on {own}, and tenants can reach it; drop it, or close its schema"
                ));
            }
            edges::Direction::In => {
                survey
                    .notes
                    .push(format!("{other} depends on {own}; the tenant cannot be dropped before it is"));
            }
            // Told with what gives the column a sequence of its own.
            edges::Direction::Out
                if is_shared && own.starts_with("default value") && other.starts_with("sequence ") => {}
            edges::Direction::Out if is_tenants(&other_schema) => {
                survey.open.push(format!("{own} depends on {other}, which is another tenant's; drop it"));
            }
            edges::Direction::Out if other_schema == schemas.template.as_str() => {
                survey.open.push(format!(
                    "{own} depends on {other}, which is the template's; give it one of its own"
                ));
            }
            edges::Direction::Out if other_schema == schemas.global.as_str() => {}
            edges::Direction::Out => *common.entry(other_schema).or_default() += 1,
        }
    }
    survey.notes.extend(common.into_iter().map(|(schema, count)| {
        format!("{count} things depend on schema {schema}; where tenants are to name it, list it in `guard.extra_schemas`")
    }));
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Everybody,
    Tenants,
}

/// Schemas that are not closed to tenants, or are one's.
async fn open_schemas(client: &impl GenericClient) -> Result<BTreeMap<String, Reach>, ControlError> {
    let sql = "SELECT n.nspname::text, t.id IS NOT NULL FROM pg_catalog.pg_namespace n
               LEFT JOIN pgtenant.tenants t ON t.schema_name = n.nspname
               WHERE t.id IS NOT NULL OR pg_catalog.has_schema_privilege('public', n.oid, 'USAGE')";
    let rows = client.query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let reach = if row.try_get(1)? { Reach::Tenants } else { Reach::Everybody };
            Ok((row.try_get(0)?, reach))
        })
        .collect()
}
