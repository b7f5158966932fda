//! `pgtenant tenant …`: what operators do to tenants.

pub mod adopt;
mod backup;
pub mod copy;
pub mod dropping;
mod many;
pub mod moving;
pub(in crate::cli) mod output;
pub mod rename;
pub mod set;

pub use backup::{BackupArgs, HowArgs, RestoreArgs};

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tokio_postgres::Client;

use crate::cli::connect::{AdminArgs, connect_reader};
use crate::cli::place::{Place, cluster_name};
use crate::config::Config;
use crate::control::{
    ControlError, NewTenant, Provisioned, Run, change_limits, create_tenant, password, placed,
    rotate_password, set_level, set_status,
};
use crate::registry::moves::{self, Direction};
use crate::registry::store;
use crate::tenant::{
    Access, ClusterName, DISPLAY_NAME_RULE, Ident, Level, STRIPE_CUSTOMER_RULE, Slug, Status, Tenant,
    is_display_name, is_stripe_customer,
};

/// Longest line with a password that is read, with its end, in bytes.
const MAX_PASSWORD_LINE: usize = password::MAX_PASSWORD_BYTES + 2;

/// What to do with tenants.
#[derive(Clone, Debug, Subcommand)]
pub enum TenantCommand {
    /// Create a tenant: role, schema with the template's tables, user. Run again, it completes what is
    /// missing and changes nothing else.
    Create(CreateArgs),
    /// List all tenants.
    List(ListArgs),
    /// Show one tenant.
    Show(ShowArgs),
    /// Give a tenant limits of its own, or put them back to the configuration's. Running proxies follow at once.
    Limit(LimitArgs),
    /// Set the name of a tenant, its customer at Stripe, and PostgreSQL settings that its sessions begin with.
    Set(Box<set::SetArgs>),
    /// Move a tenant to a level: server connections of its own, or those of all shared tenants. Running proxies
    /// follow at once; clients that are connected are disconnected when their transaction ends.
    Level(LevelArgs),
    /// Take a tenant out of service: within a second its sessions end on every proxy, and nobody of it is let in. Its data stays.
    Suspend(StatusArgs),
    /// Take a suspended tenant back into service.
    Resume(StatusArgs),
    /// Make tenants of the schemas of an application that runs already. It goes on as before until it is released.
    Adopt(Box<adopt::AdoptArgs>),
    /// Drop a tenant: its sessions end at once, and `tenant purge` deletes it when its time of grace is over.
    Drop(dropping::DropArgs),
    /// Keep a tenant that was dropped, as long as it is there.
    Undrop(dropping::UndropArgs),
    /// Delete the tenants that were dropped, and whose time of grace is over: schema, roles, users, keys.
    Purge(dropping::PurgeArgs),
    /// Give a tenant another slug. Its schema and roles get new names with it, and its sessions end; its users, keys and
    /// passwords stay.
    Rename(rename::RenameArgs),
    /// Give the server roles of a tenant, or of all, their next password. Nobody is disconnected, and running proxies
    /// need not be told.
    RotatePassword(RotateArgs),
    /// Write a backup of a tenant, while it and all others work: a directory with a dump, a manifest and checksums.
    Backup(BackupArgs),
    /// Restore a backup: as a new tenant, or with `--replace` in the place of what the tenant has.
    Restore(RestoreArgs),
    /// Make another tenant with the same data: a backup that is restored at once, while all work.
    Clone(copy::CloneArgs),
    /// Move a tenant to another cluster of this installation, or to another installation, with data, users, keys, limits, settings; then
    /// it is kept here for its time of grace. It is out of service meanwhile.
    Move(Box<moving::MoveArgs>),
}

/// Arguments of `tenant create`.
#[derive(Args, Clone, Debug)]
pub struct CreateArgs {
    /// Short name: lower-case letters, digits and underscores, at most 56.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    pub slug: Option<String>,
    /// Create many: a file (`-` for standard input) with a line of JSON for each tenant, or CSV whose first line names the
    /// columns: slug, name, user, read_only, stripe_customer, level. One that fails does not stop the others; run again, the
    /// command creates what is missing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "user", "password_stdin", "stripe_customer"])]
    pub from: Option<PathBuf>,
    /// Tenants that are created at once, each on a connection of its own.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "from", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub jobs: u8,
    /// Display name [default: the slug].
    #[arg(long)]
    pub name: Option<String>,
    /// User name for logging in through the proxy [default: the slug].
    #[arg(long)]
    pub user: Option<String>,
    /// Read the user's password, one line, from standard input. Without this one is generated and shown once.
    #[arg(long)]
    pub password_stdin: bool,
    /// The user may only read: with a role that has SELECT only, in read-only transactions.
    #[arg(long, requires = "user")]
    pub read_only: bool,
    /// Customer id at Stripe.
    #[arg(long, value_name = "ID")]
    pub stripe_customer: Option<String>,
    /// `dedicated`, with server connections of its own, or `shared`, with those of all shared tenants [default: the
    /// configuration's `tenants.level`].
    #[arg(long, value_parser = level_word)]
    pub level: Option<Level>,
    /// The cluster that its data is to be on, `main` or one of `[clusters.NAME]` [default: the configuration's
    /// `tenants.cluster`].
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    pub cluster: Option<ClusterName>,
    /// Print one JSON object; with `--from` one for each tenant, each on a line.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Arguments of `tenant list`.
#[derive(Args, Clone, Debug, Default)]
pub struct ListArgs {
    /// Print a JSON array.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `tenant show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The tenant's short name.
    pub slug: String,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `tenant limit`.
#[derive(Args, Clone, Debug)]
pub struct LimitArgs {
    /// Which tenant, and how.
    #[command(flatten)]
    pub tenant: StatusArgs,
    /// What to set, such as `max_clients=20 statement_timeout=30s weight=200`; what is not named stays.
    #[arg(value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Put this limit back to the configuration's; `all` for every one.
    #[arg(long, value_name = "NAME")]
    pub reset: Vec<String>,
}

/// Arguments of `tenant level`.
#[derive(Args, Clone, Debug)]
pub struct LevelArgs {
    /// Which tenant, and how.
    #[command(flatten)]
    pub tenant: StatusArgs,
    /// `dedicated` or `shared`.
    #[arg(value_parser = level_word)]
    pub level: Level,
}

/// A tenant, and how to go about what is done to it: part of many commands, and all of `tenant suspend` and `tenant resume`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// The tenant's short name.
    pub slug: String,
    /// Say what would be, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Arguments of `tenant rotate-password`.
#[derive(Args, Clone, Debug)]
pub struct RotateArgs {
    /// The tenant's short name.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub slug: Option<String>,
    /// All tenants, one after the other; run again after an error, it gives all of them another one.
    #[arg(long)]
    pub all: bool,
    /// Print a JSON object for each tenant.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

impl StatusArgs {
    /// The tenant.
    ///
    /// # Errors
    /// When it is no slug.
    pub(in crate::cli) fn slug(&self) -> Result<Slug> {
        Ok(Slug::parse(&self.slug)?)
    }

    /// Whether anything is changed.
    pub(in crate::cli) const fn run(&self) -> Run {
        if self.dry_run { Run::Dry } else { Run::Apply }
    }
}

fn level_word(text: &str) -> Result<Level, String> {
    Level::from_word(text).ok_or_else(|| "a level is `dedicated` or `shared`".to_owned())
}

async fn rotate(args: &RotateArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let mut client = args.admin.connect(config).await?;
    let slugs = match &args.slug {
        Some(slug) => vec![Slug::parse(slug)?],
        None => {
            store::require_current(&client).await?;
            let all = store::summaries(&client, None).await.map_err(ControlError::from)?;
            all.into_iter().map(|summary| summary.tenant.slug).collect()
        }
    };
    let count = slugs.len();
    for (number, slug) in slugs.iter().enumerate() {
        let place = args.admin.place_of(config, &client, slug).await?;
        let key = &config.secrets.master_key;
        let rotated = match place {
            None => rotate_password(&mut client, slug, key).await,
            Some(mut place) => {
                let ends = (&mut client, &mut place.client);
                placed::on_objects(ends, slug, async |there| rotate_password(there, slug, key).await).await
            }
        };
        let step = rotated.with_context(|| format!("tenant {slug}, after {number} of {count}"))?;
        output::rotated(slug, &step, (number + 1, count), args.json, out)?;
    }
    Ok(())
}

/// Runs the command; `input` is where `--password-stdin` reads.
///
/// # Errors
/// With the remedy; nothing was changed then.
pub async fn run(
    command: TenantCommand,
    config: &Config,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<()> {
    match command {
        TenantCommand::Create(args) => create(args, config, input, out).await,
        TenantCommand::List(args) => list(&args, config, out).await,
        TenantCommand::Show(args) => show(&args, config, out).await,
        TenantCommand::Limit(args) => limit(&args, config, out).await,
        TenantCommand::Level(args) => level(&args, config, out).await,
        TenantCommand::Suspend(args) => status(&args, Status::Suspended, config, out).await,
        TenantCommand::Resume(args) => status(&args, Status::Active, config, out).await,
        TenantCommand::Adopt(args) => adopt::run(&args, config, out).await,
        TenantCommand::Drop(args) => dropping::drop(&args, config, out).await,
        TenantCommand::Undrop(args) => dropping::undrop(&args, config, out).await,
        TenantCommand::Purge(args) => dropping::purge(&args, config, out).await,
        TenantCommand::Rename(args) => rename::run(&args, config, out).await,
        TenantCommand::Set(args) => set::run(&args, config, out).await,
        TenantCommand::RotatePassword(args) => rotate(&args, config, out).await,
        TenantCommand::Backup(args) => backup::backup(&args, config, out).await,
        TenantCommand::Restore(args) => backup::restore(&args, config, out).await,
        TenantCommand::Clone(args) => copy::run(&args, config, out).await,
        TenantCommand::Move(args) => moving::run(&args, config, out).await,
    }
}

async fn create(
    args: CreateArgs,
    config: &Config,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<()> {
    let Some(slug) = &args.slug else {
        // One of the two is there.
        let file = args.from.clone().unwrap_or_default();
        return many::run(&args, &file, config, input, out).await;
    };
    let new = NewTenant {
        slug: new_slug(slug)?,
        name: args.name.as_deref().map(display_name).transpose()?,
        stripe_customer_id: args.stripe_customer.as_deref().map(stripe_customer).transpose()?,
        user: args.user.as_deref().map(user_name).transpose()?,
        password: if args.password_stdin { Some(read_password(input)?) } else { None },
        access: if args.read_only { Access::ReadOnly } else { Access::ReadWrite },
        level: args.level,
        default_level: config.tenants.level,
    };
    let mut client = args.admin.connect(config).await?;
    let cluster = args.cluster.as_ref().unwrap_or(&config.tenants.cluster);
    let mut place = args.admin.place(config, cluster).await?;
    let done = create_at(&mut client, place.as_mut(), &new, config).await?;
    if args.json { output::created_json(&done, config, out) } else { output::created(&done, config, out) }
}

/// On this cluster, or on that of `[server]`.
async fn create_at(
    client: &mut Client,
    place: Option<&mut Place>,
    new: &NewTenant,
    config: &Config,
) -> Result<Provisioned, ControlError> {
    let (key, schemas) = (&config.secrets.master_key, &config.schemas);
    match place {
        None => create_tenant(client, new, key, schemas).await,
        Some(place) => placed::create((client, &mut place.client), new, &place.name, (key, schemas)).await,
    }
}

async fn list(args: &ListArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let client = connect_reader(config).await?;
    store::require_current(&client).await?;
    let mut tenants = store::summaries(&client, None).await.map_err(ControlError::from)?;
    tenants.retain(|summary| !summary.tenant.slug.is_canary());
    if args.json { output::list_json(&tenants, out) } else { output::list(&tenants, out) }
}

async fn show(args: &ShowArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let slug = Slug::parse(&args.slug)?;
    let client = connect_reader(config).await?;
    store::require_current(&client).await?;
    let found = store::summaries(&client, Some(&slug)).await.map_err(ControlError::from)?.pop();
    let tenant = found.ok_or(ControlError::UnknownTenant(slug))?;
    let size = size(&client, &tenant.tenant, config).await?;
    let mut moved = Vec::new();
    for direction in [Direction::Out, Direction::In] {
        let found = moves::find(&client, tenant.tenant.id, direction).await.map_err(ControlError::from)?;
        moved.extend(found.map(|found| (direction, found)));
    }
    if args.json {
        output::show_json(&tenant, size, &moved, out)
    } else {
        output::show(&tenant, size, &moved, out)
    }
}

/// Tables and bytes of its schema; `None` where its cluster does not tell.
async fn size(client: &Client, tenant: &Tenant, config: &Config) -> Result<Option<(i64, i64)>> {
    let schema = &tenant.names.schema;
    if tenant.cluster == config.cluster {
        return Ok(Some(store::schema_size(client, schema).await.map_err(ControlError::from)?));
    }
    let Some(at) = config.at(&tenant.cluster) else { return Ok(None) };
    let Ok(there) = connect_reader(&at).await else { return Ok(None) };
    Ok(store::schema_size(&there, schema).await.ok())
}

async fn limit(args: &LimitArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let LimitArgs { tenant, set, reset } = args;
    let slug = tenant.slug()?;
    let mut client = tenant.admin.connect(config).await?;
    let now = change_limits(&mut client, &slug, &pairs(set)?, reset, tenant.run()).await?;
    if tenant.json { output::limits_json(&now, out) } else { output::limits(&now, &config.limits, out) }
}

async fn level(args: &LevelArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let LevelArgs { tenant, level } = args;
    let slug = tenant.slug()?;
    let mut client = tenant.admin.connect(config).await?;
    let (level, run) = (*level, tenant.run());
    let change = match tenant.admin.place_of(config, &client, &slug).await? {
        None => set_level(&mut client, &slug, level, run).await?,
        Some(mut place) => {
            let ends = (&mut client, &mut place.client);
            placed::on_objects(ends, &slug, async |there| set_level(there, &slug, level, run).await).await?
        }
    };
    if tenant.json { output::level_json(&change, out) } else { output::level(&change, tenant.dry_run, out) }
}

async fn status(args: &StatusArgs, status: Status, config: &Config, out: &mut dyn Write) -> Result<()> {
    let slug = args.slug()?;
    let mut client = args.admin.connect(config).await?;
    let change = set_status(&mut client, &slug, status, args.run()).await?;
    if args.json { output::status_json(&change, out) } else { output::status(&change, args.dry_run, out) }
}

/// Reads `NAME=VALUE`.
fn pairs(texts: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |text: &String| {
        let Some((name, value)) = text.split_once('=') else {
            bail!("write a limit as NAME=VALUE, for example max_clients=20; {text:?} has no `=`");
        };
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    texts.iter().map(pair).collect()
}

/// A slug that a tenant may have for long.
fn new_slug(text: &str) -> Result<Slug> {
    let slug = Slug::parse(text)?;
    if slug.is_canary() {
        bail!(
            "slugs of that kind are those of `pgtenant verify`, which makes and removes them; choose another slug"
        );
    }
    Ok(slug)
}

fn display_name(text: &str) -> Result<String> {
    let text = text.trim();
    if !is_display_name(text) {
        bail!("`--name` {DISPLAY_NAME_RULE}");
    }
    Ok(text.to_owned())
}

pub(in crate::cli) fn user_name(text: &str) -> Result<Ident> {
    if text.contains(char::is_control) {
        bail!("a user name cannot hold control characters");
    }
    Ident::parse(text).context("this is no user name")
}

fn stripe_customer(text: &str) -> Result<String> {
    if !is_stripe_customer(text) {
        bail!("`--stripe-customer` {STRIPE_CUSTOMER_RULE}");
    }
    Ok(text.to_owned())
}

/// One line; PostgreSQL's own preparation of passwords (SASLprep) is applied when it is hashed.
pub(in crate::cli) fn read_password(input: &mut dyn BufRead) -> Result<SecretString> {
    // As long as it may be: it does not move, and is wiped.
    let mut line = Zeroizing::new(String::with_capacity(MAX_PASSWORD_LINE));
    input
        .take(MAX_PASSWORD_LINE as u64)
        .read_line(&mut line)
        .context("cannot read the password from standard input; it must be one line of UTF-8")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!(
            "there is no password on standard input; write it as one line, or leave out `--password-stdin`"
        );
    }
    Ok(password::check(password.into())?)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn password(input: &[u8]) -> Result<String> {
        read_password(&mut &input[..]).map(|password| password.expose_secret().to_owned())
    }

    #[test]
    fn password_is_the_first_line_without_its_end() {
        assert_eq!(password(b"s3cret pass\n").unwrap(), "s3cret pass");
        assert_eq!(password(b"s3cret\r\nmore\n").unwrap(), "s3cret");
        assert_eq!(password(b"s3cret").unwrap(), "s3cret");
    }

    #[test]
    fn password_that_is_empty_too_long_or_not_utf8_is_refused() {
        for input in [&b""[..], b"\n", &[b'x'; 1025], b"a\0b\n", b"\xff\xfe\n"] {
            assert!(password(input).is_err(), "{input:?}");
        }
    }

    #[test]
    fn limit_is_a_name_and_a_value() {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let found = pairs(&texts(&["max_clients = 20", "wait_timeout=5s"])).unwrap();
        assert_eq!(
            found.into_iter().map(|(name, value)| name + &value).collect::<Vec<_>>(),
            ["max_clients20", "wait_timeout5s"]
        );
        assert!(pairs(&texts(&["max_clients"])).is_err());
    }
}
