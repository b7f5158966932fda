//! `pgtenant token issue`.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use crate::auth::jwt::{self, NewToken};
use crate::auth::{Access, UnixTime};
use crate::cli::connect::connect_reader;
use crate::cli::out;
use crate::cli::tenant::output::{proxy_url, write_json};
use crate::config::Config;
use crate::config::auth::AdminTokens;
use crate::control::ControlError;
use crate::registry::{listed_tenant, store};
use crate::tenant::{Slug, Status, Tenant};
use crate::tokens;

/// What to do with tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a short-lived token for one tenant, or an admin, and print nothing but the token.
    Issue(IssueArgs),
}

/// Arguments of `token issue`.
#[derive(Args, Clone, Debug)]
pub struct IssueArgs {
    /// The tenant's short name. Without one, a token with the scope `admin` is for any tenant.
    #[arg(long, value_name = "SLUG")]
    pub tenant: Option<String>,
    /// What it may do: `read_only`, `read_write` or `admin`.
    #[arg(long, value_parser = scope, default_value = "read_only")]
    pub scope: Access,
    /// How long it is good for, such as 15m or 1h.
    #[arg(long, value_parser = lifetime, default_value = "15m")]
    pub expires: Duration,
    /// Whom it is for; stands in the proxy's log. A token with the scope `admin` needs it.
    #[arg(long)]
    pub user: Option<String>,
    /// Print one JSON object in place of the token.
    #[arg(long)]
    pub json: bool,
}

fn scope(text: &str) -> Result<Access, String> {
    Access::from_word(text).ok_or_else(|| "a scope is `read_only`, `read_write` or `admin`".to_owned())
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = humantime::parse_duration(text);
    let lifetime = lifetime.map_err(|_| "write a time with its unit, such as 15m or 1h".to_owned())?;
    if lifetime < Duration::from_secs(1) { Err("give at least 1s".to_owned()) } else { Ok(lifetime) }
}

/// Runs the command.
///
/// # Errors
/// With the remedy.
pub async fn run(command: TokenCommand, config: &Config, out: &mut dyn Write) -> Result<()> {
    match command {
        TokenCommand::Issue(args) => issue(&args, config, out).await,
    }
}

async fn issue(args: &IssueArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let Some(path) = &config.auth.issue_key else {
        bail!(
            "there is no key to sign with; make one with `(umask 077; openssl genpkey -algorithm ed25519 -out issue.pem)` \
             and name it in `auth.issue_key`, for the proxy too"
        );
    };
    let most = config.auth.issue_max_lifetime;
    if args.expires > most {
        bail!("a token lives for at most {} (`auth.issue_max_lifetime`)", humantime::format_duration(most));
    }
    if args
        .user
        .as_ref()
        .is_some_and(|user| user.is_empty() || user.len() > 255 || user.contains(char::is_control))
    {
        bail!("`--user` has 1 to 255 bytes and no control characters");
    }
    refuse_admin(args, config)?;
    let key = tokens::issue_key(path)?;
    let tenant = tenant(args, config).await?;
    let issued = tokens::now();
    let expires = UnixTime(issued.0.saturating_add(args.expires.as_secs()));
    let id = Uuid::now_v7().to_string();
    let new = NewToken {
        tenant: tenant.as_ref().map(|tenant| tenant.id),
        access: args.scope,
        user: args.user.as_deref(),
        issued,
        expires,
        id: &id,
    };
    let token = jwt::issue(&key, &new).context("cannot sign the token")?;
    let slug = tenant.as_ref().map_or("<tenant>", |tenant| tenant.slug.as_str());
    let url = proxy_url(config, &format!("{}.{slug}", config.auth.token_user), None);
    if args.json {
        let object = json!({
            "token": token, "id": id, "tenant": tenant.map(|tenant| tenant.slug.to_string()), "scope": args.scope.as_str(),
            "expires_at": expires.0, "url": url,
        });
        return write_json(&object, out);
    }
    writeln!(out, "{token}")?;
    out::error(format_args!("connect through the proxy, with the token as the password: {url}"));
    Ok(())
}

/// A token that nobody would take is not made.
fn refuse_admin(args: &IssueArgs, config: &Config) -> Result<()> {
    if args.scope != Access::Admin {
        return Ok(());
    }
    if config.auth.admin_tokens == AdminTokens::Off {
        bail!(
            "a token with the scope `admin` would be refused; set `auth.admin_tokens` to \"read_only\", for the proxy too"
        );
    }
    if args.user.is_none() {
        bail!("a token with the scope `admin` says whose it is, for the audit; give `--user`");
    }
    Ok(())
}

/// The tenant it is for, by its id, so that the token stays good when the tenant is renamed, and another that takes the name
/// gets nothing.
async fn tenant(args: &IssueArgs, config: &Config) -> Result<Option<Tenant>> {
    let Some(slug) = &args.tenant else {
        if args.scope == Access::Admin {
            return Ok(None);
        }
        bail!("name the tenant it is for with `--tenant`");
    };
    let slug = Slug::parse(slug)?;
    if let Some(file) = &config.tenants.file {
        let found = listed_tenant(file, &config.secrets, &slug);
        return Ok(Some(found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?));
    }
    let client = connect_reader(config).await?;
    store::require_current(&client).await?;
    let found = store::summaries(&client, Some(&slug)).await.map_err(ControlError::from)?.pop();
    let tenant = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?.tenant;
    if tenant.status != Status::Active {
        bail!("tenant {slug} is {}; a token for it would be refused", tenant.status.as_str());
    }
    Ok(Some(tenant))
}
