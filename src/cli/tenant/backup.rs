//! `pgtenant tenant backup` and `restore`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::Client;

use crate::cli::cluster::find_clients;
use crate::cli::connect::{AdminArgs, connect_reader};
use crate::cli::place::{Place, cluster_name};
use crate::cli::progress::Line;
use crate::cli::tenant::output::{created, human_bytes, printable, proxy_url, write_json};
use crate::config::Config;
use crate::control::backup::{
    self, Backup, BackupError, BackupOptions, Manifest, Programs, RestoreOptions, Restored, Stopped,
};
use crate::control::placed::{cluster_of, config_of};
use crate::control::{Run, Step};
use crate::tenant::{ClusterName, Slug};

/// Arguments of `tenant backup`.
#[derive(Args, Clone, Debug)]
pub struct BackupArgs {
    /// The tenant's short name.
    pub slug: String,
    /// What the backup is to be called; in a directory that exists it gets a name of slug and time.
    #[arg(long, value_name = "FILE|DIR", default_value = ".")]
    pub to: PathBuf,
    /// With the tenant's users and the verifiers of their passwords.
    #[arg(long)]
    pub with_users: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// How and how long.
    #[command(flatten)]
    pub how: HowArgs,
}

/// Arguments of `tenant restore`.
#[derive(Args, Clone, Debug)]
pub struct RestoreArgs {
    /// The backup.
    pub file: PathBuf,
    /// Make another tenant of it, with this short name. The tenant that it is of may exist.
    #[arg(long = "as", value_name = "NEWSLUG")]
    pub new_slug: Option<String>,
    /// Put it in the place of what the tenant (with `--as`, that one) has now. What that is, is lost: make a backup of it
    /// before.
    #[arg(long)]
    pub replace: bool,
    /// The cluster that a new tenant's data is to be on, `main` or one of `[clusters.NAME]` [default: the configuration's
    /// `tenants.cluster`].
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    pub cluster: Option<ClusterName>,
    /// Read and check all of it but the rows, say what would be, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// How and how long.
    #[command(flatten)]
    pub how: HowArgs,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// What both need.
#[derive(Args, Clone, Debug)]
pub struct HowArgs {
    /// Directory of pg_dump and pg_restore [default: found, see the manual].
    #[arg(long, value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,
    /// Give up after this time.
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = humantime::parse_duration)]
    pub time_limit: Duration,
}

impl Default for HowArgs {
    fn default() -> Self {
        Self { pg_bin: None, time_limit: Duration::from_secs(12 * 3600) }
    }
}

impl HowArgs {
    /// Where they are, also for other commands that back up first.
    pub(in crate::cli) fn programs(&self) -> Result<Programs> {
        let dir = find_clients(self.pg_bin.as_deref())?;
        Ok(Programs { pg_dump: dir.join("pg_dump"), pg_restore: dir.join("pg_restore") })
    }

    /// Ctrl-C, SIGTERM, or the end of the time.
    pub(super) async fn stopped(&self) -> Stopped {
        let terminated = async {
            match signal(SignalKind::terminate()) {
                Ok(mut terminate) => drop(terminate.recv().await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => Stopped::Interrupted,
            () = terminated => Stopped::Interrupted,
            () = tokio::time::sleep(self.time_limit) => Stopped::TimeLimit,
        }
    }
}

pub(super) async fn backup(args: &BackupArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let slug = Slug::parse(&args.slug)?;
    let done = take(&slug, &args.to, args.with_users, &args.how, config).await?;
    if args.json { backup_json(&done, out) } else { backup_words(&done, out) }
}

/// Backs a tenant up that is about to be deleted, with its users.
pub(super) async fn backup_first(slug: &Slug, dir: &Path, how: &HowArgs, config: &Config) -> Result<Step> {
    let done = take(slug, dir, true, how, config).await?;
    Ok(Step::created(format!("backup {}", done.path.display())))
}

/// Makes a backup, with what there is to see of it at a terminal.
pub(super) async fn take(
    slug: &Slug,
    to: &Path,
    with_users: bool,
    how: &HowArgs,
    config: &Config,
) -> Result<Backup> {
    let options = BackupOptions { to: to.to_owned(), with_users, programs: how.programs()? };
    let registry = connect_reader(config).await?;
    let at = match cluster_of(&registry, slug).await? {
        Some(name) => config_of(config, &name)?,
        None => config.clone(),
    };
    let there = connect_reader(&at).await.with_context(|| format!("there is no backup of tenant {slug}"))?;
    let bar = Line::new();
    let tell = |what: &'static str, bytes| bar.bytes(what, bytes);
    let done = tokio::select! {
        done = backup::backup((&registry, &there), slug, &at, &options, &tell) => done,
        stopped = how.stopped() => Err(BackupError::Stopped(stopped.as_str())),
    };
    bar.end();
    done.with_context(|| format!("there is no backup of tenant {slug}"))
}

pub(super) async fn restore(args: &RestoreArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let options = RestoreOptions {
        from: args.file.clone(),
        slug: args.new_slug.as_deref().map(Slug::parse).transpose()?,
        replace: args.replace,
        run: if args.dry_run { Run::Dry } else { Run::Apply },
        programs: args.how.programs()?,
        arrival: None,
        reserved: None,
    };
    let mut admin = args.admin.connect(config).await?;
    let place =
        if config.clusters.is_empty() { None } else { place_of(args, config, &admin, &options).await? };
    let bar = Line::new();
    let tell = |what: &'static str, bytes| bar.bytes(what, bytes);
    let stopped = args.how.stopped();
    let done = match place {
        None => backup::restore(&mut admin, config, &options, &tell, stopped).await,
        Some((mut place, slug)) => {
            let ends = (&mut admin, &mut place.client);
            backup::restore_at(ends, &slug, (&place.config, &options), &tell, stopped).await
        }
    };
    bar.end();
    let done = done.with_context(|| format!("{} is not restored", args.file.display()))?;
    if args.json {
        restore_json(&done, args.dry_run, config, out)
    } else {
        restore_words(&done, args.dry_run, config, out)
    }
}

/// Where a backup goes that does not go to `main`, and as which tenant.
async fn place_of(
    args: &RestoreArgs,
    config: &Config,
    admin: &Client,
    options: &RestoreOptions,
) -> Result<Option<(Place, Slug)>> {
    let usual = &config.tenants.cluster;
    let (name, slug) = backup::destination(admin, options, args.cluster.as_ref(), usual).await?;
    Ok(args.admin.place(config, &name).await?.map(|place| (place, slug)))
}

fn size(bytes: u64) -> String {
    human_bytes(i64::try_from(bytes).unwrap_or(i64::MAX))
}

fn display(path: &Path) -> String {
    printable(&path.display().to_string())
}

fn content(manifest: &Manifest) -> String {
    let (tables, rows) = (manifest.tables.len(), manifest.rows());
    let plural = |count: bool| if count { "" } else { "s" };
    format!("{tables} table{} with {rows} row{}", plural(tables == 1), plural(rows == 1))
}

fn backup_words(done: &Backup, out: &mut dyn Write) -> Result<()> {
    let Backup { path, manifest, sha256 } = done;
    writeln!(out, "backup of tenant {}, of {}", manifest.tenant.slug, manifest.created_at)?;
    writeln!(out, "{}, {} of dump, SHA-256 {sha256}", content(manifest), size(manifest.dump_bytes))?;
    match &manifest.users {
        Some(users) => {
            let plural = if users.len() == 1 { "" } else { "s" };
            writeln!(out, "{} user{plural} with the verifiers of their passwords", users.len())?;
        }
        None => writeln!(out, "without its users (`--with-users`)")?,
    }
    writeln!(out, "{}", display(path))?;
    Ok(())
}

fn backup_json(done: &Backup, out: &mut dyn Write) -> Result<()> {
    let Backup { path, manifest, sha256 } = done;
    write_json(
        &json!({
            "slug": manifest.tenant.slug,
            "path": path.display().to_string(),
            "created_at": manifest.created_at,
            "tables": manifest.tables.len(),
            "rows": manifest.rows(),
            "bytes": manifest.dump_bytes,
            "sha256": sha256,
            "users": manifest.users.as_ref().map(Vec::len),
        }),
        out,
    )
}

fn restore_words(done: &Restored, dry: bool, config: &Config, out: &mut dyn Write) -> Result<()> {
    let Restored { slug, manifest, .. } = done;
    if let Some(made) = &done.created {
        created(made, config, out)?;
    }
    for note in &done.notes {
        writeln!(out, "note: {}", printable(note))?;
    }
    let verb = match (dry, done.replaced) {
        (false, false) => "is",
        (false, true) => "has, in the place of what it had,",
        (true, false) => "would be",
        (true, true) => "would have, in the place of what it has,",
    };
    writeln!(
        out,
        "tenant {slug} {verb} the backup of tenant {} of {}: {}",
        manifest.tenant.slug,
        printable(&manifest.created_at),
        content(manifest)
    )?;
    if dry {
        writeln!(out, "dry run: nothing was changed")?;
    }
    Ok(())
}

fn restore_json(done: &Restored, dry: bool, config: &Config, out: &mut dyn Write) -> Result<()> {
    let user = done.created.as_ref().and_then(|made| made.user.as_ref());
    let password = done.created.as_ref().and_then(|made| made.generated_password.as_ref());
    let password = password.map(ExposeSecret::expose_secret);
    write_json(
        &json!({
            "slug": done.slug.as_str(),
            "of": done.manifest.tenant.slug,
            "created_at": done.manifest.created_at,
            "tables": done.manifest.tables.len(),
            "rows": done.manifest.rows(),
            "replaced": done.replaced,
            "created": done.created.is_some(),
            "dry_run": dry,
            "user": user.map(crate::tenant::Ident::as_str),
            "password": password,
            "url": user.map(|user| proxy_url(config, user.as_str(), password)),
            "notes": done.notes,
        }),
        out,
    )
}
