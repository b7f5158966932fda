//! Clones the template's tables, without their rows, into a tenant's new schema.
//!
//! `LIKE … INCLUDING ALL` alone would drop foreign keys and leave serial columns on the template's one
//! sequence, so defaults, constraints and indexes are taken from the catalogs as the server writes them.

use tokio_postgres::GenericClient;

use crate::control::ControlError;
use crate::tenant::{Ident, TenantNames};

/// Fills a schema that this transaction has just created (nobody else's code can be in it yet), and
/// gives everything to the tenant's role, which the administrator must be able to hand things to.
/// Returns the number of tables.
pub(super) async fn clone_template(
    client: &impl GenericClient,
    template: &Ident,
    to: &TenantNames,
) -> Result<usize, ControlError> {
    let tables = lock_tables(client, template).await?;
    let unsupported: Vec<String> =
        texts(client, include_str!("clone_unsupported.sql"), &[template.as_str()]).await?;
    if !unsupported.is_empty() {
        return Err(ControlError::Template(unsupported));
    }
    set_path(client, template).await?;
    let script = script(client, template, to).await?;
    set_path(client, &to.schema).await?;
    client.batch_execute(&script).await?;
    client.batch_execute("SET LOCAL search_path = pg_catalog").await?;
    let astray =
        texts(client, include_str!("clone_check.sql"), &[template.as_str(), to.schema.as_str()]).await?;
    if !astray.is_empty() {
        return Err(ControlError::Template(astray));
    }
    Ok(tables)
}

/// Keeps the template's tables as they are until the clone is made.
async fn lock_tables(client: &impl GenericClient, template: &Ident) -> Result<usize, ControlError> {
    let schema = client
        .query_opt("SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&template.as_str()])
        .await?;
    if schema.is_none() {
        return Err(ControlError::NoTemplate(template.as_str().to_owned()));
    }
    let locks = texts(
        client,
        "SELECT pg_catalog.format('LOCK TABLE %I.%I IN ACCESS SHARE MODE', n.nspname, c.relname)
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind = 'r' ORDER BY c.relname",
        &[template.as_str()],
    )
    .await?;
    client.batch_execute(&locks.join(";\n")).await?;
    Ok(locks.len())
}

/// `pg_temp` last, where it would otherwise be first unnamed.
async fn set_path(client: &impl GenericClient, schema: &Ident) -> Result<(), ControlError> {
    Ok(client.batch_execute(&format!("SET LOCAL search_path = {schema}, pg_temp")).await?)
}

async fn script(
    client: &impl GenericClient,
    template: &Ident,
    to: &TenantNames,
) -> Result<String, ControlError> {
    let params = [template.as_str(), to.schema.as_str(), to.role.as_str()];
    let rows = client.query(include_str!("clone.sql"), &[&params[0], &params[1], &params[2]]).await?;
    let (mut script, mut astray) = (String::new(), Vec::new());
    for row in rows {
        let (statement, definition): (Option<&str>, &str) = (row.try_get(0)?, row.try_get(1)?);
        // Also in a string: `nextval('base_template.seq'::text)` is found by name at run time.
        if definition.contains(template.as_str()) {
            astray.push(format!("{} names the template: {definition}", row.try_get::<_, &str>(2)?));
        }
        if let Some(statement) = statement {
            script.push_str(statement);
            script.push_str(";\n");
        }
    }
    if astray.is_empty() { Ok(script) } else { Err(ControlError::Template(astray)) }
}

/// The first column of a query whose parameters are texts.
async fn texts(client: &impl GenericClient, sql: &str, params: &[&str]) -> Result<Vec<String>, ControlError> {
    let params: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
        params.iter().map(|param| param as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
    let rows = client.query(sql, &params).await?;
    rows.iter().map(|row| row.try_get(0).map_err(Into::into)).collect()
}
