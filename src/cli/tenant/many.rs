//! `pgtenant tenant create --from FILE`: many tenants, several at once.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_postgres::error::SqlState;

use crate::cli::connect::AdminArgs;
use crate::cli::place::Place;
use crate::cli::progress::Line;
use crate::cli::tenant::output::{created_object, printable, proxy_url};
use crate::cli::tenant::{CreateArgs, create_at, display_name, new_slug, stripe_customer, user_name};
use crate::config::Config;
use crate::control::{ControlError, NewTenant, Provisioned};
use crate::tenant::{Access, ClusterName, Level};

/// Longest file, in bytes: it is held in memory.
const MAX_BYTES: u64 = 64 << 20;

/// Most lines.
const MAX_LINES: usize = 100_000;

/// How often a tenant is tried that another one, or somebody else, is in the way of.
const ATTEMPTS: usize = 5;

/// What a line says, and a program may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    slug: String,
    name: Option<String>,
    user: Option<String>,
    read_only: Option<bool>,
    #[serde(alias = "stripe_customer_id")]
    stripe_customer: Option<String>,
    level: Option<String>,
}

/// A line of the file.
#[derive(Debug)]
struct Item {
    line: u64,
    /// As far as it can be read.
    slug: String,
    new: Result<NewTenant, String>,
}

/// What became of it.
struct Ended {
    line: u64,
    slug: String,
    done: Result<Box<Provisioned>, String>,
}

/// Creates all of them. One that cannot be created does not stop the others.
pub(super) async fn run(
    args: &CreateArgs,
    file: &Path,
    config: &Config,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<()> {
    let items = read(file, input, args.level, config.tenants.level)?;
    let of = items.len();
    let jobs = usize::from(args.jobs).min(of).max(1);
    // A login that fails is told once, before anything is created.
    drop(args.admin.connect(config).await?);
    let cluster = args.cluster.clone().unwrap_or_else(|| config.tenants.cluster.clone());
    drop(args.admin.place(config, &cluster).await?);
    let (items, config_of_all) = (Mutex::new(items.into()), config.clone());
    let work = Arc::new(Work { items, cluster, config: config_of_all, admin: args.admin.clone() });
    let (sender, mut ended) = mpsc::channel(jobs);
    let hands: Vec<_> = (0..jobs)
        .map(|_| {
            let (work, sender, handle) = (Arc::clone(&work), sender.clone(), Handle::current());
            // Threads, not tasks: what costs most here is the hashing of passwords.
            tokio::task::spawn_blocking(move || handle.block_on(create_some(&work, &sender)))
        })
        .collect();
    drop(sender);
    let line = Line::new();
    let (mut count, mut failed, mut created) = (0, 0, 0);
    while let Some(one) = ended.recv().await {
        count += 1;
        failed += usize::from(one.done.is_err());
        created += usize::from(one.done.as_ref().is_ok_and(|done| done.created));
        line.end();
        tell(&one, args.json, config, out)?;
        line.count("tenants", count, of, &one.slug);
    }
    line.end();
    for hand in hands {
        hand.await.context("creating tenants broke; run this again, it goes on")??;
    }
    if !args.json {
        writeln!(out, "{created} tenants created, {failed} failed, {} were there", count - created - failed)?;
    }
    if failed > 0 {
        bail!("{failed} of {of} tenants were not created; correct their lines, and run this again");
    }
    Ok(())
}

struct Work {
    items: Mutex<VecDeque<Item>>,
    /// Where all of them are to be.
    cluster: ClusterName,
    config: Config,
    admin: AdminArgs,
}

async fn create_some(work: &Work, sender: &mpsc::Sender<Ended>) -> Result<()> {
    let Work { config, admin, cluster, .. } = work;
    let mut client = admin.connect(config).await?;
    let mut place = admin.place(config, cluster).await?;
    loop {
        let next = work.items.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(Item { line, slug, new }) = next else { return Ok(()) };
        let done = match new {
            Ok(new) => {
                create(&mut client, place.as_mut(), &new, config).await.map_err(|error| error.to_string())
            }
            Err(why) => Err(why),
        };
        if client.is_closed() {
            client = admin.connect(config).await?;
        }
        if place.as_ref().is_some_and(|place| place.client.is_closed()) {
            place = admin.place(config, cluster).await?;
        }
        if sender.send(Ended { line, slug, done: done.map(Box::new) }).await.is_err() {
            // Nobody is told any more.
            return Ok(());
        }
    }
}

async fn create(
    client: &mut tokio_postgres::Client,
    mut place: Option<&mut Place>,
    new: &NewTenant,
    config: &Config,
) -> Result<Provisioned, ControlError> {
    let mut attempt = 1;
    loop {
        let done = create_at(client, place.as_deref_mut(), new, config).await;
        match done {
            Err(error) if attempt < ATTEMPTS && is_passing(&error) => attempt += 1,
            done => return done,
        }
    }
}

/// Somebody else was at the same row of a catalog at the same moment. PostgreSQL has no code of its own for it.
fn is_passing(error: &ControlError) -> bool {
    match error {
        ControlError::Busy(_) => true,
        ControlError::Db(error) => error.as_db_error().is_some_and(|error| {
            [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(error.code())
                || *error.code() == SqlState::INTERNAL_ERROR && error.message().contains("concurrently")
        }),
        _ => false,
    }
}

fn tell(one: &Ended, json: bool, config: &Config, out: &mut dyn Write) -> Result<()> {
    let Ended { line, slug, done } = one;
    match (done, json) {
        (Ok(done), true) => {
            let mut object = created_object(done, config);
            object["line"] = json!(line);
            writeln!(out, "{object}")?;
        }
        (Err(why), true) => {
            let object: Value = json!({ "line": line, "slug": slug, "outcome": "failed", "error": why });
            writeln!(out, "{object}")?;
        }
        (Ok(done), false) => {
            let outcome = if done.created { "created" } else { "exists" };
            let password = done.generated_password.as_ref().map(ExposeSecret::expose_secret);
            let user = done.user.as_ref().map(|user| proxy_url(config, user.as_str(), password));
            let text = format!("{outcome:<8} {slug}  {}", user.unwrap_or_default());
            writeln!(out, "{}", text.trim_end())?;
            for note in &done.notes {
                writeln!(out, "         note: {}", printable(note))?;
            }
        }
        (Err(why), false) => writeln!(out, "failed   {} (line {line}): {}", printable(slug), printable(why))?,
    }
    out.flush()?;
    Ok(())
}

/// Reads the file: lines of JSON, or CSV whose first line names the columns.
fn read(file: &Path, input: &mut dyn BufRead, level: Option<Level>, default: Level) -> Result<Vec<Item>> {
    let mut text = String::new();
    let mut take = |from: &mut dyn Read| from.take(MAX_BYTES + 1).read_to_string(&mut text);
    let done = match file == Path::new("-") {
        true => take(input),
        false => std::fs::File::open(file).and_then(|mut from| take(&mut from)),
    };
    done.with_context(|| format!("cannot read {}; it is UTF-8 text", file.display()))?;
    if text.len() as u64 > MAX_BYTES {
        bail!("{} is longer than {} MiB; split it", file.display(), MAX_BYTES >> 20);
    }
    let text = text.trim_start_matches('\u{feff}');
    let rows = if text.trim_start().starts_with('{') { json_rows(text) } else { csv_rows(text) };
    let rows = rows.with_context(|| format!("{} cannot be read", file.display()))?;
    if rows.len() > MAX_LINES {
        bail!("{} has more than {MAX_LINES} tenants; split it", file.display());
    }
    let mut seen = HashMap::new();
    let items = rows.into_iter().map(|(line, row)| {
        let slug = row.as_ref().map_or_else(|_| "?".to_owned(), |row| row.slug.clone());
        let new = row.and_then(|row| checked(row, level, default).map_err(|error| format!("{error:#}")));
        let new = new.and_then(|new| match seen.insert(new.slug.clone(), line) {
            Some(before) => Err(format!("line {before} has the same slug")),
            None => Ok(new),
        });
        Item { line, slug, new }
    });
    Ok(items.collect())
}

/// A line's number and what it says, or why it cannot be read.
type Rows = Vec<(u64, Result<Row, String>)>;

fn json_rows(text: &str) -> Result<Rows> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let row = |line: &str| serde_json::from_str(line).map_err(|error| error.to_string());
    Ok(lines.map(|(number, line)| (number, row(line))).collect())
}

fn csv_rows(text: &str) -> Result<Rows> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().context("its first line names no columns")?.clone();
    if !header.iter().any(|name| name == "slug") {
        bail!(
            "its first line names the columns, slug and perhaps name, user, read_only, stripe_customer and level; there is no \
             `slug` in it"
        );
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let row = record.deserialize(Some(&header)).map_err(|error| error.to_string());
                rows.push((line, row));
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                rows.push((line, Err(error.to_string())));
            }
        }
    }
    Ok(rows)
}

fn checked(row: Row, level: Option<Level>, default_level: Level) -> Result<NewTenant> {
    let full = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let read_only = row.read_only.unwrap_or(false);
    let user = full(&row.user).as_deref().map(user_name).transpose()?;
    if read_only && user.is_none() {
        bail!("`read_only` is said of a `user`");
    }
    let word = |word: &String| Level::from_word(word).context("`level` is `dedicated` or `shared`");
    Ok(NewTenant {
        slug: new_slug(&row.slug)?,
        name: full(&row.name).as_deref().map(display_name).transpose()?,
        stripe_customer_id: full(&row.stripe_customer).as_deref().map(stripe_customer).transpose()?,
        user,
        password: None,
        access: if read_only { Access::ReadOnly } else { Access::ReadWrite },
        level: full(&row.level).as_ref().map(word).transpose()?.or(level),
        default_level,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<(u64, String, Result<NewTenant, String>)> {
        let read = read(Path::new("-"), &mut text.as_bytes(), None, Level::Dedicated).unwrap();
        read.into_iter().map(|item| (item.line, item.slug, item.new)).collect()
    }

    #[test]
    fn csv_and_lines_of_json_say_the_same() {
        let csv = "slug,name,level,read_only,user\nacme,\"Acme, Inc.\",shared,true,app\n\nbeta,,,,\n";
        let json = "{\"slug\":\"acme\",\"name\":\"Acme, Inc.\",\"level\":\"shared\",\"read_only\":true,\"user\":\"app\"}\n\n{\"slug\":\"beta\"}\n";
        for text in [csv, json] {
            let read = items(text);
            assert_eq!(read.len(), 2, "{read:?}");
            let [first, second] = [0, 1].map(|number| read[number].2.as_ref().unwrap());
            assert_eq!(first.name.as_deref(), Some("Acme, Inc."));
            assert_eq!((first.level, first.access), (Some(Level::Shared), Access::ReadOnly));
            assert_eq!((&second.name, second.level, &second.user), (&None, None, &None));
        }
    }

    #[test]
    fn wrong_line_is_named_and_does_not_spoil_the_others() {
        let said = |text: &str| {
            let wrong = items(text).into_iter().filter_map(|(line, _, new)| new.err().map(|why| (line, why)));
            wrong.collect::<Vec<_>>()
        };
        let csv = "slug,name\nok,\nNo Slug,\nok,\nmore,a,b\nlast,\n";
        let wrong = said(csv);
        assert_eq!(wrong.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5], "{wrong:?}");
        assert!(wrong[1].1.contains("line 2 has the same slug"));
        let json = "{\"slug\":\"ok\"}\n{\"slug\":\"a\",\"colour\":1}\n{\n";
        assert_eq!(said(json).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn file_without_slugs_is_refused() {
        for text in ["", "name\nAcme\n"] {
            let error = read(Path::new("-"), &mut text.as_bytes(), None, Level::Dedicated).unwrap_err();
            assert!(format!("{error:#}").contains("`slug`"), "{error:#}");
        }
    }
}
