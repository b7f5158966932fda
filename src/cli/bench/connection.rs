//! Open connections to the endpoint, and what keeps a few of them.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::cli::bench::work::{Row, Statement, Work};
use crate::registry::describe;

/// Who waits longer for a login or an answer has an error.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How statements are sent; the names are pgbench's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    /// Values in the text, as psql and PHP do
    Simple,
    /// Parsed anew each time, in one round trip
    Extended,
    /// Parsed once a connection, under a name, as most drivers do
    Prepared,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The SQLSTATE, or a word where there is none.
    pub(super) code: String,
    pub(super) message: String,
}

impl Trouble {
    fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    fn slow(what: &str) -> Self {
        Self::new("time-out", format!("{what} took longer than {PATIENCE:?}"))
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let code = error.code().map_or("connection", |code| code.code());
        Self::new(code, error.as_db_error().map_or_else(|| describe(&error), |db| db.message().to_owned()))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// One that is logged in. Dropping it says good-bye.
pub(super) struct Connection {
    client: Client,
    protocol: Protocol,
    /// By their text.
    prepared: HashMap<String, tokio_postgres::Statement>,
}

impl Connection {
    pub(super) async fn open(login: &tokio_postgres::Config, protocol: Protocol) -> Result<Self, Trouble> {
        let opened = timeout(PATIENCE, login.connect(NoTls)).await;
        let (client, connection) = opened.map_err(|_| Trouble::slow("a login"))??;
        // What ends it fails the statement that runs meanwhile.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { client, protocol, prepared: HashMap::new() })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Does one transaction. After an error the connection is in no state to be used again.
    pub(super) async fn run(&mut self, work: &Work) -> Result<Vec<Vec<Row>>, Trouble> {
        timeout(PATIENCE, self.transaction(work)).await.map_err(|_| Trouble::slow("a transaction"))?
    }

    async fn transaction(&mut self, work: &Work) -> Result<Vec<Vec<Row>>, Trouble> {
        if let Some(begin) = &work.begin {
            self.client.batch_execute(begin).await?;
        }
        let mut answers = Vec::with_capacity(work.statements.len());
        for statement in &work.statements {
            answers.push(self.rows(statement).await?);
        }
        if work.begin.is_some() {
            self.client.batch_execute("COMMIT").await?;
        }
        Ok(answers)
    }

    async fn rows(&mut self, statement: &Statement) -> Result<Vec<Row>, Trouble> {
        let Statement { sql, parameters, .. } = statement;
        let rows = match self.protocol {
            Protocol::Simple => return simple(&self.client.simple_query(&interpolated(statement)).await?),
            Protocol::Extended => {
                let typed = |value| (value as &(dyn ToSql + Sync), Type::INT4);
                let typed: Vec<_> = parameters.iter().map(typed).collect();
                self.client.query_typed(sql, &typed).await?
            }
            Protocol::Prepared => {
                if !self.prepared.contains_key(sql) {
                    let types = vec![Type::INT4; parameters.len()];
                    self.prepared.insert(sql.clone(), self.client.prepare_typed(sql, &types).await?);
                }
                let values: Vec<_> = parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
                self.client.query(&self.prepared[sql], &values).await?
            }
        };
        let read = |row: &tokio_postgres::Row| {
            Ok(Row { id: row.try_get(0)?, tenant: row.try_get(1)?, process: row.try_get(2)? })
        };
        rows.iter().map(read).collect()
    }
}

/// The text with the values in it. The values are positive numbers, and `$` stands nowhere else.
fn interpolated(statement: &Statement) -> String {
    let values = statement.parameters.iter().enumerate();
    values.fold(statement.sql.clone(), |sql, (at, value)| {
        sql.replace(&format!("${}", at + 1), &value.to_string())
    })
}

fn simple(messages: &[SimpleQueryMessage]) -> Result<Vec<Row>, Trouble> {
    let mut rows = Vec::new();
    for message in messages {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let number = |at| row.get(at).and_then(|text: &str| text.parse().ok());
        match (number(0), row.get(1), number(2)) {
            (Some(id), Some(tenant), Some(process)) => {
                rows.push(Row { id, tenant: tenant.to_owned(), process });
            }
            _ => return Err(Trouble::new("protocol", "a row has other columns than were asked for")),
        }
    }
    Ok(rows)
}

/// Connections that one client keeps open, each for one login; the longest unused makes room.
pub(super) struct Kept<T> {
    /// The last used one last.
    open: Vec<(usize, T)>,
    most: usize,
}

impl<T> Kept<T> {
    pub(super) const fn new(most: usize) -> Self {
        Self { open: Vec::new(), most }
    }

    /// The one of this login, to be given back with [`put`](Self::put). Without one there is room to open it:
    /// the longest unused is closed.
    pub(super) fn take(&mut self, login: usize) -> Option<T> {
        if let Some(at) = self.open.iter().position(|(of, _)| *of == login) {
            return Some(self.open.remove(at).1);
        }
        if self.open.len() >= self.most {
            self.open.remove(0);
        }
        None
    }

    pub(super) fn put(&mut self, login: usize, connection: T) {
        self.open.push((login, connection));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_goes_to_its_own_login_and_the_longest_unused_makes_room() {
        let mut kept = Kept::new(2);
        assert_eq!(kept.take(1), None);
        kept.put(1, "a");
        assert_eq!(kept.take(2), None);
        kept.put(2, "b");
        assert_eq!(kept.take(1), Some("a"));
        kept.put(1, "a");
        assert_eq!(kept.take(3), None);
        assert_eq!(kept.open, [(1, "a")]);
        kept.put(3, "c");
        assert_eq!(kept.take(2), None);
        assert_eq!(kept.open, [(3, "c")]);
    }

    #[test]
    fn values_stand_where_their_numbers_stood() {
        let statement = Statement { sql: "a $1 b $2 c $1".to_owned(), parameters: vec![7, 12], ids: 1..=1 };
        assert_eq!(interpolated(&statement), "a 7 b 12 c 7");
    }
}
