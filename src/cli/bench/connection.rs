//! Open connections to the endpoint, and what keeps a few of them.

use std::collections::{BTreeMap, HashMap};
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
        for begin in &work.begin {
            self.client.batch_execute(begin).await?;
        }
        let mut answers = Vec::with_capacity(work.statements.len());
        for statement in &work.statements {
            answers.push(self.rows(statement).await?);
        }
        if !work.begin.is_empty() {
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

/// Connections that nobody uses at the moment, for all clients; beyond a number of them the longest unused is closed.
pub(super) struct Kept<T> {
    most: usize,
    /// Their logins and themselves, by when they were given back.
    open: BTreeMap<u64, (usize, T)>,
    /// When those of a login were given back, the last one last.
    by_login: HashMap<usize, Vec<u64>>,
    now: u64,
}

impl<T> Kept<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: BTreeMap::new(), by_login: HashMap::new(), now: 0 }
    }

    /// The one of this login that was used last, to be given back with [`put`](Self::put).
    pub(super) fn take(&mut self, login: usize) -> Option<T> {
        let at = self.by_login.get_mut(&login)?.pop()?;
        self.open.remove(&at).map(|(_, connection)| connection)
    }

    /// Keeps it. What comes back is in excess, to be closed.
    pub(super) fn put(&mut self, login: usize, connection: T) -> Option<T> {
        self.now += 1;
        self.open.insert(self.now, (login, connection));
        self.by_login.entry(login).or_default().push(self.now);
        if self.open.len() <= self.most {
            return None;
        }
        let (at, (login, connection)) = self.open.pop_first()?;
        if let Some(given_back) = self.by_login.get_mut(&login) {
            given_back.retain(|of| *of != at);
        }
        Some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_goes_to_its_own_login_and_the_longest_unused_is_closed() {
        let mut kept = Kept::new(2);
        assert_eq!(kept.take(1), None);
        assert_eq!(kept.put(1, "a"), None);
        assert_eq!(kept.take(2), None);
        assert_eq!(kept.put(2, "b"), None);
        assert_eq!(kept.take(1), Some("a"));
        assert_eq!(kept.put(1, "a"), None);
        assert_eq!(kept.put(1, "c"), Some("b"));
        assert_eq!(kept.take(2), None);
        assert_eq!(kept.take(1), Some("c"), "the last one given back");
        assert_eq!(kept.take(1), Some("a"));
        assert_eq!(kept.take(1), None);
    }

    #[test]
    fn values_stand_where_their_numbers_stood() {
        let statement = Statement { sql: "a $1 b $2 c $1".to_owned(), parameters: vec![7, 12], ids: 1..=1 };
        assert_eq!(interpolated(&statement), "a 7 b 12 c 7");
    }
}
