//! Loading a dump into the schema aside, in one transaction.

use std::collections::BTreeMap;
use std::fs::File;

use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;
use tokio::io::AsyncBufReadExt;
use tokio_postgres::Client;

use crate::config::Config;
use crate::control::backup::aside::Aside;
use crate::control::backup::rows::{Rows, Section};
use crate::control::backup::script::{Plan, refused};
use crate::control::backup::toc::shown;
use crate::control::backup::{BackupError, Manifest, Programs, Progress, session};
use crate::guard::dump::{Names, Taken};

/// Rows are sent on in portions of this size.
const PORTION: usize = 256 * 1024;

/// What is loaded, and who reads it.
pub(super) struct Source<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) dump: File,
    pub(super) programs: &'a Programs,
    pub(super) names: &'a Names,
}

impl Source<'_> {
    /// Reads what the dump says besides its rows, and refuses what no dump of a tenant says.
    pub(super) async fn plan(&mut self) -> Result<Plan, BackupError> {
        let list = self.programs.text(&mut self.dump, &["--list"]).await?;
        super::toc::check(&list, &self.names.from)?;
        let mut sections = Vec::new();
        for section in ["--section=pre-data", "--section=post-data"] {
            sections.push(self.programs.text(&mut self.dump, &[section, "--no-owner", "--file=-"]).await?);
        }
        Plan::new(&sections[0], &sections[1], self.names)
    }

    /// Loads it. All of it is there then, or nothing.
    pub(super) async fn load(
        &mut self,
        plan: &mut Plan,
        config: &Config,
        aside: &Aside,
        progress: Progress<'_>,
    ) -> Result<(), BackupError> {
        let opened = session::open(config, &aside.name, &aside.password).await;
        let client = opened.map_err(|error| BackupError::Load {
            what: format!("cannot log in as {}, which loads the dump", aside.name.as_str()),
            why: error.why,
        })?;
        // Functions of the tenant find each other as they do in its sessions.
        let begin = format!(
            "SET search_path = {}, {}; SET check_function_bodies = off; SET client_min_messages = warning; BEGIN",
            aside.name, config.schemas.global
        );
        client.batch_execute(&begin).await.map_err(BackupError::load("the dump cannot be loaded"))?;
        for sql in &plan.before {
            run(&client, sql).await?;
        }
        self.rows(&client, plan, progress).await?;
        for sql in &plan.after {
            run(&client, sql).await?;
        }
        client.batch_execute("COMMIT").await.map_err(BackupError::load("the dump cannot be loaded"))
    }

    async fn rows(
        &mut self,
        client: &Client,
        plan: &mut Plan,
        progress: Progress<'_>,
    ) -> Result<(), BackupError> {
        let what = ["--section=data", "--no-owner", "--file=-"];
        let (running, stdout) = self.programs.read(&mut self.dump, &what)?;
        let mut section = Section::new(stdout);
        let mut found = BTreeMap::new();
        let mut bytes = 0;
        while let Some(taken) = section.next(self.names).await? {
            if let Taken::Copy { sql, table } = taken {
                let mut told = |more: u64| {
                    bytes += more;
                    progress("loaded", bytes);
                };
                let rows = copy(client, &sql, &mut section, &mut told).await?;
                *found.entry(table).or_insert(0) += rows;
            } else if let Some(sql) =
                plan.sort(taken).map_err(|()| refused("rows are in the wrong place", ""))?
            {
                run(client, &sql).await?;
            }
        }
        running.end().await?;
        compare(self.manifest, &found)
    }
}

/// The rows are those that were counted when the backup was made.
fn compare(manifest: &Manifest, found: &BTreeMap<String, u64>) -> Result<(), BackupError> {
    let mut left: BTreeMap<&str, u64> = found.iter().map(|(table, rows)| (table.as_str(), *rows)).collect();
    let expected = manifest.tables.iter().map(|table| (table.table.as_str(), table.rows));
    for (table, expected) in expected {
        let found = left.remove(table).unwrap_or(0);
        if found != expected {
            return Err(BackupError::Rows { table: table.to_owned(), found, expected });
        }
    }
    match left.pop_first() {
        Some((table, found)) => Err(BackupError::Rows { table: table.to_owned(), found, expected: 0 }),
        None => Ok(()),
    }
}

async fn run(client: &Client, sql: &str) -> Result<(), BackupError> {
    client.batch_execute(sql).await.map_err(BackupError::load(shown(sql)))
}

/// Sends the rows that follow. How many they were.
async fn copy<R: tokio::io::AsyncRead + Unpin>(
    client: &Client,
    sql: &str,
    section: &mut Section<R>,
    told: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, BackupError> {
    let sink = client.copy_in::<_, Bytes>(sql).await.map_err(BackupError::load(shown(sql)))?;
    let mut sink = Box::pin(sink);
    let mut rows = Rows::default();
    let mut out = BytesMut::with_capacity(PORTION);
    while !rows.is_at_end() {
        let chunk = section.input.fill_buf().await.map_err(BackupError::file("read from", "pg_restore"))?;
        if chunk.is_empty() {
            return Err(refused("its rows end too early", sql));
        }
        let used = rows.feed(chunk, &mut out);
        section.input.consume(used);
        if out.len() >= PORTION || rows.is_at_end() {
            told(out.len() as u64);
            if sink.send(out.split().freeze()).await.is_err() {
                // Why, the end says.
                break;
            }
        }
    }
    sink.as_mut().finish().await.map_err(BackupError::load(shown(sql)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::backup::manifest::TableRows;

    #[test]
    fn rows_must_be_those_that_were_counted() {
        let text = r#"{"format":1,"pgtenant":"","server_version":0,"pg_dump":0,"created_at":"","dump_bytes":0,"tables":[],
            "tenant":{"slug":"a","name":"","status":"","level":"","limits":{},"schema":"","role":"","created_at":""}}"#;
        let mut manifest = Manifest::read(text.as_bytes()).unwrap();
        manifest.tables =
            vec![TableRows { table: "a".into(), rows: 2 }, TableRows { table: "b".into(), rows: 0 }];
        let compared = |found: &[(&str, u64)]| {
            let found = found.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect();
            compare(&manifest, &found).map_err(|error| error.to_string())
        };
        assert_eq!(compared(&[("a", 2)]), Ok(()));
        for wrong in [&[("a", 1)][..], &[], &[("a", 2), ("c", 1)], &[("a", 2), ("b", 1)]] {
            assert!(compared(wrong).unwrap_err().contains("were counted"), "{wrong:?}");
        }
    }
}
