//! Somebody with a connection, who runs statements and shows what came back.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::cli::demo::table::Table;
use crate::registry::describe;

/// Nothing in the demo takes longer unless something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client of the proxy, or of PostgreSQL itself.
#[derive(Debug)]
pub(super) struct Person {
    /// Stands before the prompt.
    name: String,
    client: Client,
    connection: JoinHandle<()>,
}

/// What a statement gave.
#[derive(Debug)]
pub(super) enum Answer {
    Rows(Table),
    Error(Box<DbError>),
}

impl Person {
    /// Logs in.
    ///
    /// # Errors
    /// When nobody answers, or the login is refused.
    pub(super) async fn connect(name: &str, login: &tokio_postgres::Config) -> Result<Self> {
        let (client, connection) = timeout(PATIENCE, login.connect(NoTls))
            .await
            .with_context(|| format!("{name}: no answer to the login within {PATIENCE:?}"))?
            .map_err(|error| anyhow!(describe(&error)))
            .with_context(|| format!("{name} cannot log in"))?;
        let connection = tokio::spawn(async move {
            // Whatever ends it, the statement that runs meanwhile fails with it.
            let _ = connection.await;
        });
        Ok(Self { name: name.to_owned(), client, connection })
    }

    /// The connection.
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Runs a statement in the simple protocol, as psql does.
    ///
    /// # Errors
    /// When the connection broke. A statement that the server refuses is an answer.
    pub(super) async fn run(&self, sql: &str) -> Result<Answer> {
        let answer = timeout(PATIENCE, self.client.simple_query(sql))
            .await
            .with_context(|| format!("{}: no answer within {PATIENCE:?} to: {sql}", self.name))?;
        match answer {
            Ok(messages) => Ok(Answer::Rows(table(&messages))),
            Err(error) => match error.as_db_error() {
                Some(refused) => Ok(Answer::Error(Box::new(refused.clone()))),
                None => Err(anyhow!(describe(&error)).context(format!("{}: {sql}", self.name))),
            },
        }
    }

    /// Runs a statement that must give rows.
    ///
    /// # Errors
    /// What came instead.
    pub(super) async fn rows(&self, sql: &str) -> Result<Table> {
        match self.run(sql).await? {
            Answer::Rows(table) => Ok(table),
            Answer::Error(error) => Err(anyhow!("{} ({})", error.message(), error.code().code()))
                .with_context(|| format!("{}: {sql}", self.name)),
        }
    }

    /// The statement behind a prompt, and the answer, as in psql.
    pub(super) fn show(&self, sql: &str, answer: &Answer) -> Vec<String> {
        let mut lines = vec![format!("{}=> {sql};", self.name)];
        lines.extend(answer.lines());
        lines
    }

    /// Says good-bye and waits until it is said.
    pub(super) async fn leave(self) {
        drop(self.client);
        let _ = timeout(PATIENCE, self.connection).await;
    }
}

impl Answer {
    /// The error, or what came instead of it.
    pub(super) const fn error(&self) -> Option<&DbError> {
        match self {
            Self::Error(error) => Some(error),
            Self::Rows(_) => None,
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Rows(table) if table.columns.is_empty() => Vec::new(),
            Self::Rows(table) => table.lines(),
            Self::Error(error) => error_lines(error),
        }
    }

    /// In one line, for a step that did not hold.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Rows(table) => format!("{} rows", table.rows.len()),
            Self::Error(error) => format!("{} ({})", error.message(), error.code().code()),
        }
    }
}

fn table(messages: &[SimpleQueryMessage]) -> Table {
    let mut table = Table::default();
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                table.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                table.rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
            }
            _ => {}
        }
    }
    table
}

/// As psql with `VERBOSITY` between its default and verbose: with the code, without the source's line.
fn error_lines(error: &DbError) -> Vec<String> {
    let mut lines = vec![format!("{}:  {}: {}", error.severity(), error.code().code(), error.message())];
    lines.extend(error.detail().map(|detail| format!("DETAIL:  {detail}")));
    lines.extend(error.hint().map(|hint| format!("HINT:  {hint}")));
    lines
}
