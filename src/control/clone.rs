//! Clones the template, without its rows, into a tenant's new schema, from the catalogs.
//!
//! `LIKE … INCLUDING ALL` alone would drop foreign keys and leave serial columns on the template's one
//! sequence. So every object is written as the server itself describes it under the template's `search_path`, which leaves out the
//! template's name, and is made under the new schema's. Then the clone is read in the same way, and must be the same.
//!
//! The statements run as the tenant's role, inside a function that is SECURITY DEFINER: there PostgreSQL refuses to change
//! role. Making an object can run code of the template's (a constant call in a check is computed, a materialized view is filled),
//! and that code has no more rights than the tenant.

mod catalog;
mod contents;
mod literal;

use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;

use crate::control::ControlError;
use crate::control::clone::catalog::{Looks, Reading, SAFE_PATH, Source};
use crate::tenant::{Ident, TenantNames};

/// What the server writes must be what it reads, whatever the administrator's own settings are. Bodies are not checked: what
/// they name may come later.
const SETTINGS: &str = "SET LOCAL jit = off; SET LOCAL check_function_bodies = off; SET LOCAL DateStyle = ISO;
    SET LOCAL IntervalStyle = postgres; SET LOCAL extra_float_digits = 3; SET LOCAL quote_all_identifiers = off;
    SET LOCAL standard_conforming_strings = on; SET LOCAL xmloption = content; SET LOCAL default_tablespace = '';
    SET LOCAL transform_null_equals = off; SET LOCAL client_min_messages = warning";

/// The function that makes the clone, while it does.
const MAKER: &str = "\"pgtenant makes the clone\"";

/// What is cloned.
#[derive(Clone, Copy, Debug)]
pub(super) enum Original<'a> {
    /// The template: who may use something of it, and is no tenant, may use it in the clone.
    Template(&'a Ident),
    /// A tenant's schema. Rights of its own two roles are not carried: the new tenant's get theirs.
    #[expect(dead_code, reason = "for a verb that clones a tenant")]
    Tenant {
        /// Its schema and its role.
        names: &'a TenantNames,
        /// Its role that only reads.
        reader: Option<&'a Ident>,
    },
}

impl Original<'_> {
    const fn schema(&self) -> &Ident {
        match self {
            Self::Template(schema) => schema,
            Self::Tenant { names, .. } => &names.schema,
        }
    }

    fn roles(&self) -> Vec<&str> {
        match self {
            Self::Template(_) => Vec::new(),
            Self::Tenant { names, reader } => {
                std::iter::once(names.role.as_str()).chain(reader.map(Ident::as_str)).collect()
            }
        }
    }
}

/// Fills a schema that this transaction has just created (nobody else's code can be in it yet) and where the tenant's
/// role may create. The administrator must be able to hand things to that role. Returns the number of tables.
pub(super) async fn clone_schema(
    client: &impl GenericClient,
    original: Original<'_>,
    to: &TenantNames,
) -> Result<usize, ControlError> {
    client.batch_execute(SETTINGS).await?;
    client.batch_execute(SAFE_PATH).await?;
    let source = source(client, original).await?;
    lock_tables(client, source.oid).await?;
    let template = catalog::read(client, &source, to, Looks::Closely).await?;
    let statements = statements(client, &source, &template).await?;
    make(client, to, &statements).await?;
    let clone = Source { schema: &to.schema, oid: schema_oid(client, &to.schema).await?, roles: Vec::new() };
    let made = catalog::read(client, &clone, to, Looks::Lightly).await?;
    let differences = template.contents.differences(&made.contents);
    if !differences.is_empty() {
        return Err(ControlError::Template(differences));
    }
    open_schema(client, &source, to).await?;
    Ok(template.tables)
}

async fn source<'a>(client: &impl GenericClient, original: Original<'a>) -> Result<Source<'a>, ControlError> {
    let schema = match original {
        Original::Template(schema) => schema,
        Original::Tenant { names, .. } => &names.schema,
    };
    let roles = client
        .query_typed(
            "SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = ANY ($1)",
            &[(&original.roles(), Type::TEXT_ARRAY)],
        )
        .await?;
    let roles = roles.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(Source { oid: schema_oid(client, original.schema()).await?, schema, roles })
}

async fn schema_oid(client: &impl GenericClient, schema: &Ident) -> Result<u32, ControlError> {
    let row = client
        .query_opt("SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1", &[&schema.as_str()])
        .await?;
    let row = row.ok_or_else(|| ControlError::NoTemplate(schema.as_str().to_owned()))?;
    Ok(row.try_get(0)?)
}

/// Keeps the template's tables as they are until the clone is made.
async fn lock_tables(client: &impl GenericClient, schema: u32) -> Result<(), ControlError> {
    let row = client
        .query_one(
            "SELECT 'LOCK TABLE ' || pg_catalog.string_agg(pg_catalog.format('ONLY %s.%I', c.relnamespace::pg_catalog.regnamespace, c.relname),
                        ', ' ORDER BY c.relname) || ' IN ACCESS SHARE MODE'
             FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid
             WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = $1
               AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.relkind IN ('r', 'p')",
            &[&schema],
        )
        .await?;
    if let Some(lock) = row.try_get::<_, Option<&str>>(0)? {
        client.batch_execute(lock).await?;
    }
    Ok(())
}

/// The statements in order with what each makes, or all that stands against them.
async fn statements(
    client: &impl GenericClient,
    source: &Source<'_>,
    template: &Reading,
) -> Result<Vec<(String, String)>, ControlError> {
    let contents = &template.contents;
    let mut astray = template.unsupported.clone();
    astray.extend(contents.unwritable().map(str::to_owned));
    astray.extend(describe(client, contents.unknown()).await?);
    let schema = source.schema.as_str();
    for item in contents.items().iter().filter(|item| item.checked) {
        if item.statement.as_deref().is_some_and(|statement| literal::names(statement, schema)) {
            astray.push(format!("{}, which names {schema} in a string", item.name));
        }
    }
    astray.sort();
    astray.dedup();
    if !astray.is_empty() {
        return Err(ControlError::Template(astray));
    }
    let ordered = contents.in_order().map_err(ControlError::Template)?;
    Ok(ordered.into_iter().filter_map(|item| Some((item.name.clone(), item.statement.clone()?))).collect())
}

/// In the server's words, with the names of schemas. What an extension brought along is named with it.
async fn describe(
    client: &impl GenericClient,
    objects: impl Iterator<Item = (u32, u32)>,
) -> Result<Vec<String>, ControlError> {
    let (classes, objects): (Vec<u32>, Vec<u32>) = objects.unzip();
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let rows = client
        .query_typed(
            "SELECT COALESCE(pg_catalog.pg_describe_object(m.class, m.object, 0), 'an object dropped just now')
             FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS m (class, object)
             WHERE NOT EXISTS (
                 -- Part of what is named itself.
                 SELECT FROM pg_catalog.pg_depend d JOIN ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS o (class, object)
                     ON o.class = d.refclassid AND o.object = d.refobjid
                 WHERE d.classid = m.class AND d.objid = m.object AND d.deptype IN ('a', 'e', 'i'))
             ORDER BY 1",
            &[(&classes, Type::OID_ARRAY), (&objects, Type::OID_ARRAY)],
        )
        .await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Runs them as the tenant's role. An error names what could not be made.
async fn make(
    client: &impl GenericClient,
    to: &TenantNames,
    statements: &[(String, String)],
) -> Result<(), ControlError> {
    let TenantNames { schema, role } = to;
    let maker = format!("{schema}.{MAKER}");
    client
        .batch_execute(&format!(
            "CREATE FUNCTION {maker}(names pg_catalog.text[], statements pg_catalog.text[]) RETURNS pg_catalog.void
                 LANGUAGE plpgsql SECURITY DEFINER AS $pgtenant${}$pgtenant$;
             GRANT EXECUTE ON FUNCTION {maker} TO PUBLIC;
             ALTER FUNCTION {maker} OWNER TO {role}",
            include_str!("clone/maker.sql")
        ))
        .await?;
    let (names, texts): (Vec<&str>, Vec<&str>) =
        statements.iter().map(|(name, text)| (name.as_str(), text.as_str())).unzip();
    client.batch_execute(&format!("SET LOCAL search_path = {schema}, pg_temp")).await?;
    let sql = format!("SELECT {maker}($1, $2)");
    let made = client.query_typed(&sql, &[(&names, Type::TEXT_ARRAY), (&texts, Type::TEXT_ARRAY)]).await;
    made.map_err(refused)?;
    client.batch_execute(SAFE_PATH).await?;
    Ok(client.batch_execute(&format!("DROP FUNCTION {maker}")).await?)
}

/// What the tenant's role may not make or cannot: that is for whoever wrote the template. Other errors are of the moment.
fn refused(error: tokio_postgres::Error) -> ControlError {
    let of_the_moment = ["08", "40", "53", "55", "57", "58", "XX"];
    match error.as_db_error() {
        Some(said) if !of_the_moment.contains(&said.code().code().get(..2).unwrap_or_default()) => {
            ControlError::Template(vec![format!("{} ({})", said.message(), said.code().code())])
        }
        _ => error.into(),
    }
}

/// Who may use the template, and is no tenant, may use the clone. Only for a template: a tenant's schema is opened by the administrator.
async fn open_schema(
    client: &impl GenericClient,
    source: &Source<'_>,
    to: &TenantNames,
) -> Result<(), ControlError> {
    if !source.roles.is_empty() {
        return Ok(());
    }
    let rows = client
        .query_typed(
            "SELECT pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I%s', $2, r.rolname,
                        CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
             FROM pg_catalog.pg_namespace n CROSS JOIN pg_catalog.aclexplode(n.nspacl) a JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
             WHERE n.oid = $1 AND a.grantee <> n.nspowner AND a.privilege_type = 'USAGE'",
            &[(&source.oid, Type::OID), (&to.schema.as_str(), Type::TEXT)],
        )
        .await?;
    for row in rows {
        client.batch_execute(row.try_get(0)?).await?;
    }
    Ok(())
}
