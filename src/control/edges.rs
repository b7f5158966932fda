//! What leads from one schema to another: foreign keys, views, defaults, triggers.

use tokio_postgres::GenericClient;

use crate::control::ControlError;
use crate::tenant::Ident;

/// How much of what was found an error names.
const NAMED: usize = 20;

/// Which of the two needs the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// The other schema's object depends on this one's.
    In,
    /// This schema's object depends on the other's.
    Out,
}

/// An object of another schema, and one of this.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) direction: Direction,
    pub(super) other_schema: String,
    pub(super) other: String,
    pub(super) own: String,
}

/// All of a schema's, but for what PostgreSQL brings along.
pub(super) async fn of(client: &impl GenericClient, schema: &Ident) -> Result<Vec<Edge>, ControlError> {
    let rows = client.query(include_str!("edges.sql"), &[&schema.as_str()]).await?;
    // What a view reads, its rule reads.
    let described = |text: Option<&str>| {
        let text = text.unwrap_or("an object dropped just now");
        text.strip_prefix("rule _RETURN on ").unwrap_or(text).to_owned()
    };
    rows.iter()
        .map(|row| {
            Ok(Edge {
                direction: if row.try_get::<_, &str>(0)? == "in" { Direction::In } else { Direction::Out },
                other_schema: row.try_get(1)?,
                other: described(row.try_get(2)?),
                own: described(row.try_get(3)?),
            })
        })
        .collect()
}

/// The first, and how many more there are.
pub(super) fn some(mut found: Vec<String>) -> Vec<String> {
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}
