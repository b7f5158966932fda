//! `pgtenant tenant move`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use secrecy::SecretString;
use serde_json::json;

use crate::cli::connect::{AdminArgs, secret};
use crate::cli::load::ConfigArgs;
use crate::cli::place::cluster_name;
use crate::cli::progress::Line;
use crate::cli::tenant::StatusArgs;
use crate::cli::tenant::backup::HowArgs;
use crate::cli::tenant::output::{human_bytes, printable, proxy_url, steps, steps_json, write_json};
use crate::config::Config;
use crate::control::Run;
use crate::control::moving::{
    After, End, Ends, MoveFailure, MoveOptions, Moved, Side, Told, Undone, move_between, move_tenant, origin,
    undo_between, undo_move,
};
use crate::control::placed::config_of;
use crate::tenant::{ClusterName, Slug};

/// Where the password of the other administrator may be.
const PASSWORD_VARIABLE: &str = "PGTENANT_TO_ADMIN_PASSWORD";

/// Arguments of `tenant move`.
#[derive(Args, Clone, Debug)]
pub struct MoveArgs {
    /// Which tenant, and how.
    #[command(flatten)]
    pub tenant: StatusArgs,
    /// Its short name there [default: the same].
    #[arg(long = "as", value_name = "NEWSLUG")]
    pub new_slug: Option<String>,
    /// Where to.
    #[command(flatten)]
    pub to: ToArgs,
    /// Another cluster of this installation, `main` or one of `[clusters.NAME]`, in place of another installation. Clients go on with
    /// what they have, and nothing is kept where the tenant was.
    #[arg(long, value_name = "NAME", value_parser = cluster_name, conflicts_with_all = ["to_config", "new_slug", "yes"])]
    pub to_cluster: Option<ClusterName>,
    /// Bring the tenant back: out of service there, and in service here with what it had when it was moved. Also gives up a
    /// move that broke off.
    #[arg(long, conflicts_with_all = ["new_slug", "work_dir"])]
    pub undo: bool,
    /// Yes, what was written there since stays there.
    #[arg(long, requires = "undo")]
    pub yes: bool,
    /// Directory for the data on their way, as large as a backup [default: the system's for temporary files].
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// How and how long.
    #[command(flatten)]
    pub how: HowArgs,
}

/// The other installation, and who administers it.
#[derive(Args, Clone, Debug)]
pub struct ToArgs {
    /// Configuration file of the other installation's proxy. Environment variables do not count for it.
    #[arg(long, value_name = "FILE", required_unless_present = "to_cluster")]
    pub to_config: Option<PathBuf>,
    /// Connection string of an administrator there, as `--admin-url` is one of an administrator here.
    #[arg(long, value_name = "URL", env = "PGTENANT_TO_ADMIN_URL", hide_env_values = true, value_parser = secret)]
    pub to_admin_url: Option<SecretString>,
    /// Administrator to log in as there, in place of a connection string.
    #[arg(long, value_name = "NAME", env = "PGTENANT_TO_ADMIN_USER", conflicts_with = "to_admin_url")]
    pub to_admin_user: Option<String>,
    /// File with that administrator's password; the environment variable PGTENANT_TO_ADMIN_PASSWORD does too.
    #[arg(long, value_name = "FILE")]
    pub to_admin_password_file: Option<PathBuf>,
}

impl ToArgs {
    fn config(&self) -> Result<Config> {
        let Some(config) = self.to_config.clone() else {
            bail!("say where to: `--to-config` or `--to-cluster`")
        };
        let context = format!("the other configuration (`--to-config {}`)", config.display());
        ConfigArgs { config }
            .load_without_environment()
            .map_err(|problems| anyhow!("{}\n\n{problems}", problems.summary()))
            .context(context)
    }

    fn admin(&self) -> Result<AdminArgs> {
        if self.to_admin_url.is_none() && self.to_admin_user.is_none() {
            bail!(
                "this command needs an administrator of the other database too; give its connection string with \
                 `--to-admin-url` or PGTENANT_TO_ADMIN_URL, or its name with `--to-admin-user` and its password in \
                 {PASSWORD_VARIABLE}"
            );
        }
        Ok(AdminArgs {
            admin_url: self.to_admin_url.clone(),
            admin_user: self.to_admin_user.clone(),
            admin_password_file: self.to_admin_password_file.clone(),
            password_variable: Some(PASSWORD_VARIABLE),
        })
    }
}

pub(super) async fn run(args: &MoveArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let slug = args.tenant.slug()?;
    if slug.is_canary() {
        bail!("tenant {slug} is one of `pgtenant verify`, which makes and removes it");
    }
    let work_dir = args.work_dir.clone().unwrap_or_else(std::env::temp_dir);
    if !work_dir.is_dir() {
        bail!("there is no directory {}; make it first", work_dir.display());
    }
    let options = MoveOptions {
        to_slug: args.new_slug.as_deref().map(Slug::parse).transpose()?.unwrap_or_else(|| slug.clone()),
        slug,
        work_dir,
        run: args.tenant.run(),
        programs: args.how.programs()?,
    };
    if let Some(cluster) = &args.to_cluster {
        return to_cluster(args, &options, (config, cluster), out).await;
    }
    let other = args.to.config()?;
    let mut admin = args.tenant.admin.connect(config).await?;
    let connected = args.to.admin()?.connect(&other).await;
    let mut other_admin = connected.context("in the other installation")?;
    let mut here = Side { admin: &mut admin, config };
    let mut there = Side { admin: &mut other_admin, config: &other };
    if args.undo {
        let done = undo_move(&mut here, &mut there, &options, args.yes).await;
        let done = done.map_err(|failure| not_done(&options.slug, failure, "the move is not undone"))?;
        return if args.tenant.json { undone_json(&done, out) } else { undone(&done, &options, out) };
    }
    let line = Line::new();
    let tell = |told| tell(&line, told);
    let done = move_tenant(&mut here, &mut there, &options, &tell, args.how.stopped()).await;
    line.end();
    let done = done.map_err(|failure| not_done(&options.slug, failure, "it is not moved"))?;
    if args.tenant.json {
        told_json(&done, &other, &options, out)
    } else {
        told(&done, &other, &options, out)
    }
}

fn tell(line: &Line, told: Told) {
    match told {
        Told::Bytes(what, bytes) => line.bytes(what, bytes),
        Told::Tables(done, of) => line.count("tables", done, of, "compared"),
    }
}

/// To another cluster of this installation.
async fn to_cluster(
    args: &MoveArgs,
    options: &MoveOptions,
    (config, to): (&Config, &ClusterName),
    out: &mut dyn Write,
) -> Result<()> {
    let (slug, by) = (&options.slug, &args.tenant.admin);
    let mut admin = by.connect(config).await?;
    let from = origin(&admin, slug).await?;
    let (here, there) = (config_of(config, &from)?, config_of(config, to)?);
    let (mut left, mut right) = (by.place(config, &from).await?, by.place(config, to).await?);
    let mut ends = Ends {
        main: &mut admin,
        from: End { config: &here, admin: left.as_mut().map(|place| &mut place.client) },
        to: End { config: &there, admin: right.as_mut().map(|place| &mut place.client) },
    };
    if args.undo {
        let done = undo_between(&mut ends, options).await;
        let done = done.map_err(|failure| not_done(slug, failure, "the move is not given up"))?;
        return if args.tenant.json { undone_json(&done, out) } else { undone(&done, options, out) };
    }
    let line = Line::new();
    let told = |told| tell(&line, told);
    let done = move_between(&mut ends, options, &told, args.how.stopped()).await;
    line.end();
    let done = done.map_err(|failure| not_done(slug, failure, "it is not moved"))?;
    if args.tenant.json { told_json(&done, config, options, out) } else { told_cluster(&done, options, out) }
}

fn not_done(slug: &Slug, failure: MoveFailure, what: &str) -> anyhow::Error {
    let what = match failure.after {
        After::HandedOver | After::Between | After::Left => "the move is not at its end",
        After::Unchanged | After::Back | After::Out => what,
    };
    anyhow::Error::new(failure).context(format!("tenant {slug}: {what}"))
}

fn told(done: &Moved, other: &Config, options: &MoveOptions, out: &mut dyn Write) -> Result<()> {
    steps(&done.steps, &done.notes, out)?;
    let Moved { slug, to_slug, peer, status, .. } = done;
    let peer = printable(peer);
    let status = status.as_str();
    if options.run == Run::Dry {
        writeln!(
            out,
            "tenant {slug} would be tenant {to_slug} of {peer}, {status}: {} tables, {} with indexes\n\
             it would be out of service while they are copied and compared\ndry run: nothing was changed",
            done.size.0,
            human_bytes(done.size.1)
        )?;
        return Ok(());
    }
    compared(done, out)?;
    writeln!(out, "tenant {slug} is now tenant {to_slug} of {peer}, {status}")?;
    if let Some(until) = &done.drop_after {
        writeln!(
            out,
            "here it is out of service, and kept until {until}; `pgtenant tenant move {slug} --undo` brings it back"
        )?;
    }
    for user in &done.users {
        writeln!(out, "connect through the proxy there: {}", proxy_url(other, user, None))?;
    }
    Ok(())
}

fn compared(done: &Moved, out: &mut dyn Write) -> Result<()> {
    let Some((tables, rows)) = done.compared else { return Ok(()) };
    let plural = |count: bool| if count { "" } else { "s" };
    let (of_tables, of_rows) = (plural(tables == 1), plural(rows == 1));
    writeln!(out, "compared {tables} table{of_tables} with {rows} row{of_rows}: the same here and there")?;
    Ok(())
}

fn told_cluster(done: &Moved, options: &MoveOptions, out: &mut dyn Write) -> Result<()> {
    steps(&done.steps, &done.notes, out)?;
    let Moved { slug, peer, status, size, .. } = done;
    let status = status.as_str();
    if options.run == Run::Dry {
        writeln!(
            out,
            "tenant {slug} would be on {peer}, {status}: {} tables, {} with indexes\n\
             it would be out of service while they are copied and compared\ndry run: nothing was changed",
            size.0,
            human_bytes(size.1)
        )?;
        return Ok(());
    }
    compared(done, out)?;
    writeln!(out, "tenant {slug} is on {peer}, {status}; its clients connect as before")?;
    Ok(())
}

fn told_json(done: &Moved, other: &Config, options: &MoveOptions, out: &mut dyn Write) -> Result<()> {
    let urls: Vec<_> = done.users.iter().map(|user| proxy_url(other, user, None)).collect();
    write_json(
        &json!({
            "slug": done.slug.as_str(),
            "to_slug": done.to_slug.as_str(),
            "to": done.peer,
            "status": done.status.as_str(),
            "dry_run": options.run == Run::Dry,
            "tables": done.compared.map(|(tables, _)| tables),
            "rows": done.compared.map(|(_, rows)| rows),
            "bytes": done.size.1,
            "drop_after": done.drop_after,
            "users": done.users,
            "urls": urls,
            "steps": steps_json(&done.steps),
            "notes": done.notes,
        }),
        out,
    )
}

fn undone(done: &Undone, options: &MoveOptions, out: &mut dyn Write) -> Result<()> {
    steps(&done.steps, &[], out)?;
    let Undone { slug, to_slug, peer, status, .. } = done;
    let (status, peer) = (status.as_str(), printable(peer));
    if done.was_in_service {
        writeln!(
            out,
            "note: what was written there stays there, in tenant {to_slug}, which is to be dropped"
        )?;
    }
    if options.run == Run::Dry {
        writeln!(out, "tenant {slug} would be {status} here again, and out of service in {peer}")?;
        writeln!(out, "dry run: nothing was changed")?;
    } else {
        writeln!(out, "tenant {slug} is {status} here again, and out of service in {peer}")?;
    }
    Ok(())
}

fn undone_json(done: &Undone, out: &mut dyn Write) -> Result<()> {
    write_json(
        &json!({
            "slug": done.slug.as_str(),
            "to_slug": done.to_slug.as_str(),
            "to": done.peer,
            "status": done.status.as_str(),
            "was_in_service": done.was_in_service,
            "steps": steps_json(&done.steps),
        }),
        out,
    )
}
