//! `pgtenant user add`, `list`, `password` and `remove`.

use std::io::{BufRead, Write};

use anyhow::Result;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::cli::connect::{AdminArgs, connect_reader};
use crate::cli::tenant::output::{printable, proxy_url, write_columns, write_json};
use crate::cli::tenant::{read_password, user_name};
use crate::config::Config;
use crate::control::{ControlError, UserChange, add_user, remove_user, set_user_password};
use crate::registry::{store, users};
use crate::tenant::{Access, Slug};

/// What to do with users.
#[derive(Clone, Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user to a tenant.
    Add(AddArgs),
    /// List the users of all tenants, or of one.
    List(ListArgs),
    /// Give a user another password. Its sessions go on.
    Password(PasswordArgs),
    /// Remove a user. Running proxies end its sessions at once.
    Remove(RemoveArgs),
}

/// Arguments of `user add`.
#[derive(Args, Clone, Debug)]
pub struct AddArgs {
    /// The tenant's short name.
    pub slug: String,
    /// User name for logging in through the proxy; no other tenant's user has it.
    pub user: String,
    /// It may only read: with a role that has SELECT only, in read-only transactions.
    #[arg(long)]
    pub read_only: bool,
    /// Read the password, one line, from standard input. Without this one is generated and shown once.
    #[arg(long)]
    pub password_stdin: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Arguments of `user list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// The tenant's short name [default: all tenants].
    pub slug: Option<String>,
    /// Print a JSON array.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `user password`.
#[derive(Args, Clone, Debug)]
pub struct PasswordArgs {
    /// User name.
    pub user: String,
    /// Read the password, one line, from standard input. Without this one is generated and shown once.
    #[arg(long)]
    pub password_stdin: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Arguments of `user remove`.
#[derive(Args, Clone, Debug)]
pub struct RemoveArgs {
    /// User name.
    pub user: String,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Runs the command; `input` is where `--password-stdin` reads.
///
/// # Errors
/// With the remedy; nothing was changed then.
pub async fn run(
    command: UserCommand,
    config: &Config,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<()> {
    match command {
        UserCommand::Add(args) => {
            let (slug, user) = (Slug::parse(&args.slug)?, user_name(&args.user)?);
            let access = if args.read_only { Access::ReadOnly } else { Access::ReadWrite };
            let password = args.password_stdin.then(|| read_password(input)).transpose()?;
            let mut client = args.admin.connect(config).await?;
            let change = add_user(&mut client, &slug, &user, access, password).await?;
            tell(&change, user.as_str(), args.json, config, out)
        }
        UserCommand::List(args) => list(&args, config, out).await,
        UserCommand::Password(args) => {
            let user = user_name(&args.user)?;
            let password = args.password_stdin.then(|| read_password(input)).transpose()?;
            let mut client = args.admin.connect(config).await?;
            let change = set_user_password(&mut client, &user, password).await?;
            tell(&change, user.as_str(), args.json, config, out)
        }
        UserCommand::Remove(args) => {
            let user = user_name(&args.user)?;
            let mut client = args.admin.connect(config).await?;
            let change = remove_user(&mut client, &user).await?;
            tell(&change, user.as_str(), args.json, config, out)
        }
    }
}

async fn list(args: &ListArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let slug = args.slug.as_deref().map(Slug::parse).transpose()?;
    let client = connect_reader(config).await?;
    store::require_current(&client).await?;
    let found = users::summaries(&client, slug.as_ref()).await.map_err(ControlError::from)?;
    if args.json {
        let all = found.iter().map(|user| {
            json!({ "user": user.name, "tenant": user.tenant, "access": user.access, "created_at": user.created_at })
        });
        return write_json(&all.collect(), out);
    }
    let mut rows = vec![["USER", "TENANT", "ACCESS", "CREATED"].map(str::to_owned)];
    rows.extend(
        found.into_iter().map(|user| [printable(&user.name), user.tenant, user.access, user.created_at]),
    );
    write_columns(&rows, out)
}

fn tell(change: &UserChange, user: &str, json: bool, config: &Config, out: &mut dyn Write) -> Result<()> {
    let UserChange { tenant, step, generated } = change;
    let url = generated.as_ref().map(|password| proxy_url(config, user, Some(password.expose_secret())));
    if json {
        let mut object =
            json!({ "user": user, "tenant": tenant.as_str(), "outcome": step.outcome.to_string() });
        if let (Some(password), Some(url)) = (generated, url) {
            object["password"] = json!(password.expose_secret());
            object["url"] = json!(url);
        }
        return write_json(&object, out);
    }
    writeln!(out, "{:<8} {}, of tenant {tenant}", step.outcome, printable(&step.what))?;
    if let Some(url) = url {
        writeln!(out, "shown only now: {url}")?;
    }
    Ok(())
}
