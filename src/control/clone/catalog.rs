//! Reads a schema from the catalogs. All queries go out at once, each driven by the objects in the schema: the catalogs
//! grow with the number of tenants, and no query looks through one. Where the planner might think it cheaper, as for what there is
//! hardly any of, LATERAL with OFFSET 0 has it look up each object by the index.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, GenericClient, Row};

use crate::control::ControlError;
use crate::control::clone::contents::{Contents, Dependency, Item, Object, Part};
use crate::tenant::{Ident, TenantNames};

/// Whose schema is read.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    /// Its number.
    pub(super) oid: u32,
    /// Its name.
    pub(super) schema: &'a Ident,
    /// Roles whose rights are not carried: those of the tenant whose schema it is. The new one gets its own.
    pub(super) roles: Vec<u32>,
}

/// Whether what a clone must not have is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// Yes.
    Closely,
    /// No: it is compared with an original that was looked at.
    Lightly,
}

/// What may not be carried, and what may.
pub(super) struct Reading {
    /// All there is.
    pub(super) contents: Contents,
    /// What a clone must not have, in words.
    pub(super) unsupported: Vec<String>,
    /// Tables that rows are in.
    pub(super) tables: usize,
}

/// The numbers of the catalogs that are asked for by what is in them.
struct Classes {
    relation: u32,
    routine: u32,
    type_: u32,
    statistics: u32,
    collation: u32,
    schema: u32,
}

/// Parameters of all queries; see the files.
struct Given<'a> {
    first: &'a [u32],
    schema: u32,
    to: &'a str,
    role: &'a str,
    fifth: &'a [u32],
    routines: &'a [u32],
    classes: &'a [u32],
    objects: &'a [u32],
    roles: &'a [u32],
    /// `search_path`, as a setting's value.
    path: &'a str,
}

impl Given<'_> {
    async fn ask(&self, client: &impl GenericClient, sql: &str) -> Result<Vec<Row>, Error> {
        let params: [(&(dyn ToSql + Sync), Type); 10] = [
            (&self.first, Type::OID_ARRAY),
            (&self.schema, Type::OID),
            (&self.to, Type::TEXT),
            (&self.role, Type::TEXT),
            (&self.fifth, Type::OID_ARRAY),
            (&self.routines, Type::OID_ARRAY),
            (&self.classes, Type::OID_ARRAY),
            (&self.objects, Type::OID_ARRAY),
            (&self.roles, Type::OID_ARRAY),
            (&self.path, Type::TEXT),
        ];
        // The server writes names with the `search_path` that it has. It must have another one when it reads the query: an operator in the
        // schema, of types that fit better than PostgreSQL's own, would be taken and run with the administrator's rights. So the
        // path is set by the query itself, before anything else of it, which LATERAL and OFFSET make sure of.
        let sql = format!(
            "SELECT x.* FROM (SELECT pg_catalog.set_config('search_path', $10, true) OFFSET 0) AS p (path)
             CROSS JOIN LATERAL (SELECT f.* FROM (\n{sql}\n) AS f WHERE p.path IS NOT NULL OFFSET 0) AS x"
        );
        let (rows, ()) =
            tokio::try_join!(client.query_typed(&sql, &params), client.batch_execute(SAFE_PATH))?;
        Ok(rows)
    }
}

/// For all that is not to find names in anybody's schema.
pub(super) const SAFE_PATH: &str = "SET LOCAL search_path = pg_catalog";

/// Reads all of it, with the statements that make it in another schema for another role. The `search_path` must be
/// [`SAFE_PATH`].
pub(super) async fn read(
    client: &impl GenericClient,
    source: &Source<'_>,
    to: &TenantNames,
    looks: Looks,
) -> Result<Reading, ControlError> {
    let classes = classes(client).await?;
    let rows = client.query_typed(include_str!("members.sql"), &[(&source.oid, Type::OID)]).await?;
    let dependencies = rows.iter().map(dependency).collect::<Result<Vec<_>, _>>()?;
    let mut all: Vec<Object> = dependencies.iter().map(|row| row.object).collect();
    all.sort_unstable();
    all.dedup();
    let of = |class: u32| -> Vec<u32> {
        all.iter().filter(|object| object.0 == class).map(|object| object.1).collect()
    };
    let (relations, routines, types) = (of(classes.relation), of(classes.routine), of(classes.type_));
    let (statistics, collations) = (of(classes.statistics), of(classes.collation));
    let (all_classes, all_objects): (Vec<u32>, Vec<u32>) = all.iter().copied().unzip();
    // `pg_temp` last, where it would otherwise be first unnamed.
    let path = format!("{}, pg_temp", source.schema);
    let given = |first, fifth| Given {
        first,
        schema: source.oid,
        to: to.schema.as_str(),
        role: to.role.as_str(),
        fifth,
        routines: &routines,
        classes: &all_classes,
        objects: &all_objects,
        roles: &source.roles,
        path: &path,
    };
    let routines_sql = routines_sql(client).await?;
    let (by_type, by_collation, by_routine) =
        (given(&types, &[]), given(&collations, &[]), given(&routines, &[]));
    let (by_relation, by_statistics) = (given(&relations, &[]), given(&relations, &statistics));
    let (by_object, by_both) = (given(&all_classes, &all_objects), given(&relations, &types));
    // What there is none of is not asked for.
    let asked = |objects: &[u32], sql| if objects.is_empty() { NOTHING } else { sql };
    let answers = tokio::try_join!(
        by_type.ask(client, asked(&types, include_str!("types.sql"))),
        by_collation.ask(client, asked(&collations, include_str!("collations.sql"))),
        by_routine.ask(client, asked(&routines, &routines_sql)),
        by_relation.ask(client, include_str!("sequences.sql")),
        by_relation.ask(client, include_str!("tables.sql")),
        by_relation.ask(client, include_str!("constraints.sql")),
        by_statistics.ask(client, include_str!("views.sql")),
        by_relation.ask(client, include_str!("behaviour.sql")),
        by_object.ask(client, include_str!("words.sql")),
        by_both.ask(client, include_str!("parts.sql")),
        by_both.ask(client, if looks == Looks::Closely { include_str!("unsupported.sql") } else { NOTHING }),
    )?;
    let (
        types,
        collations,
        routines,
        sequences,
        tables,
        constraints,
        views,
        behaviour,
        words,
        parts,
        unsupported,
    ) = answers;
    let mut items = Vec::new();
    for rows in [types, collations, routines, sequences, tables, constraints, views, behaviour, words] {
        for row in rows {
            items.push(item(&row)?);
        }
    }
    let parts = parts.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let unsupported = unsupported.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    let tables = items.iter().filter(|item| item.phase == TABLES).count();
    let contents = Contents::new((classes.schema, source.oid), &dependencies, items, &parts);
    Ok(Reading { contents, unsupported, tables })
}

/// In which tables are made; see tables.sql.
const TABLES: i32 = 40;

/// No rows, whatever the parameters.
const NOTHING: &str = "SELECT WHERE false";

async fn classes(client: &impl GenericClient) -> Result<Classes, Error> {
    let row = client
        .query_typed_one(
            "SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid,
                    'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass::pg_catalog.oid,
                    'pg_catalog.pg_collation'::pg_catalog.regclass::pg_catalog.oid, 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid",
            &[],
        )
        .await?;
    Ok(Classes {
        relation: row.try_get(0)?,
        routine: row.try_get(1)?,
        type_: row.try_get(2)?,
        statistics: row.try_get(3)?,
        collation: row.try_get(4)?,
        schema: row.try_get(5)?,
    })
}

/// Bodies that are parsed when they are written are of version 14.
async fn routines_sql(client: &impl GenericClient) -> Result<String, Error> {
    let row = client
        .query_typed_one(
            "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 140000",
            &[],
        )
        .await?;
    let sql = include_str!("routines.sql");
    if row.try_get(0)? {
        return Ok(sql.to_owned());
    }
    Ok(sql.replace("pg_catalog.pg_get_function_sqlbody(r.oid)", "NULL"))
}

fn dependency(row: &Row) -> Result<Dependency, Error> {
    let on: Option<u32> = row.try_get(2)?;
    let on = match on {
        Some(class) => Some(((class, row.try_get(3)?), row.try_get(4)?)),
        None => None,
    };
    Ok(Dependency { object: (row.try_get(0)?, row.try_get(1)?), on })
}

fn item(row: &Row) -> Result<Item, Error> {
    Ok(Item {
        object: (row.try_get(0)?, row.try_get(1)?),
        phase: row.try_get(2)?,
        name: row.try_get(3)?,
        statement: row.try_get(4)?,
        compared: row.try_get(5)?,
        checked: row.try_get(6)?,
    })
}

fn part(row: &Row) -> Result<Part, Error> {
    let of: Option<u32> = row.try_get(2)?;
    let of = match of {
        Some(class) => Some((class, row.try_get(3)?)),
        None => None,
    };
    Ok(Part { object: (row.try_get(0)?, row.try_get(1)?), of })
}
