//! `pgtenant key create`, `list` and `revoke`.

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::auth::{Access, KeyId};
use crate::cli::connect::{AdminArgs, connect_reader};
use crate::cli::tenant::output::{printable, write_columns, write_json};
use crate::config::Config;
use crate::control::{ControlError, KeyTerms, create_key, revoke_key};
use crate::registry::keys::{self, KeySummary};
use crate::registry::store;
use crate::tenant::Slug;

/// Longest life of a key that ends.
const MAX_LIFETIME: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 200;

/// What to do with API keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key for a tenant. It is shown once and cannot be shown again.
    Create(CreateArgs),
    /// List the keys of all tenants, or of one.
    List(ListArgs),
    /// Revoke a key. Running proxies refuse it and end its sessions at once.
    Revoke(RevokeArgs),
}

/// Arguments of `key create`.
#[derive(Args, Clone, Debug)]
pub struct CreateArgs {
    /// The tenant's short name.
    pub slug: String,
    /// What it may do: `read_only` or `read_write`.
    #[arg(long, value_parser = scope, default_value = "read_only")]
    pub scope: Access,
    /// How long it is good for, such as 90d or 12h; `never` for one without an end.
    #[arg(long, value_parser = lifetime, default_value = "90d")]
    pub expires: Lifetime,
    /// What it is for.
    #[arg(long, default_value = "")]
    pub name: String,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Arguments of `key list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// The tenant's short name [default: all tenants].
    pub slug: Option<String>,
    /// Print a JSON array.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `key revoke`.
#[derive(Args, Clone, Debug)]
pub struct RevokeArgs {
    /// The key's id: what stands between the first two underscores.
    pub id: String,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// For how long a key is good; without end where it is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(pub Option<Duration>);

fn scope(text: &str) -> Result<Access, String> {
    Access::from_word(text)
        .filter(|access| *access != Access::Admin)
        .ok_or_else(|| "the scope of a key is `read_only` or `read_write`".to_owned())
}

fn lifetime(text: &str) -> Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime(None));
    }
    match humantime::parse_duration(text) {
        Ok(lifetime) if lifetime >= Duration::from_secs(1) && lifetime <= MAX_LIFETIME => {
            Ok(Lifetime(Some(lifetime)))
        }
        Ok(_) => Err("give a time from 1s to 10 years, or `never`".to_owned()),
        Err(_) => Err("write a time with its unit, such as 90d or 12h, or `never`".to_owned()),
    }
}

/// Runs the command.
///
/// # Errors
/// With the remedy; nothing was changed then.
pub async fn run(command: KeyCommand, config: &Config, out: &mut dyn Write) -> Result<()> {
    match command {
        KeyCommand::Create(args) => create(&args, config, out).await,
        KeyCommand::List(args) => list(&args, config, out).await,
        KeyCommand::Revoke(args) => revoke(&args, config, out).await,
    }
}

async fn create(args: &CreateArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let slug = Slug::parse(&args.slug)?;
    let name = args.name.trim();
    if name.chars().count() > MAX_NAME_CHARS || name.contains(char::is_control) {
        bail!("`--name` has at most {MAX_NAME_CHARS} characters and no control characters");
    }
    let client = args.admin.connect(config).await?;
    let terms = KeyTerms { access: args.scope, name, lifetime: args.expires.0 };
    let (key, summary) = create_key(&client, &slug, terms).await?;
    let text = key.text();
    if args.json {
        let mut object = summary.to_json();
        object["key"] = json!(text.expose_secret());
        return write_json(&object, out);
    }
    let end = summary.expires_at.map_or_else(|| "never ends".to_owned(), |end| format!("ends {end}"));
    writeln!(out, "key {} of tenant {slug}, {}, {end}", key.id, args.scope)?;
    writeln!(out, "shown only now: {}", text.expose_secret())?;
    if !config.auth.api_keys {
        writeln!(out, "note: `auth.api_keys` is off in this configuration: no proxy with it takes the key")?;
    }
    Ok(())
}

async fn list(args: &ListArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let slug = args.slug.as_deref().map(Slug::parse).transpose()?;
    let client = connect_reader(config).await?;
    store::require_current(&client).await?;
    let found = keys::summaries(&client, slug.as_ref(), None).await.map_err(ControlError::from)?;
    if args.json {
        return write_json(&found.iter().map(KeySummary::to_json).collect(), out);
    }
    let heads = ["ID", "TENANT", "NAME", "SCOPE", "STATE", "CREATED", "EXPIRES", "LAST USED"];
    let mut rows = vec![heads.map(str::to_owned)];
    for key in found {
        let or_dash = |time: Option<String>| time.unwrap_or_else(|| "-".to_owned());
        let name = if key.name.is_empty() { "-".to_owned() } else { printable(&key.name) };
        let (expires, used) = (or_dash(key.expires_at), or_dash(key.last_used_at));
        rows.push([key.id, key.tenant, name, key.access, key.state, key.created_at, expires, used]);
    }
    write_columns(&rows, out)
}

async fn revoke(args: &RevokeArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let Some(id) = KeyId::parse(&args.id) else {
        bail!(
            "the id of a key has twelve hexadecimal digits; `pgtenant key list` shows them. Do not give the whole key"
        );
    };
    let client = args.admin.connect(config).await?;
    let Some(summary) = revoke_key(&client, id).await? else {
        bail!("there is no key {id}; `pgtenant key list` shows all");
    };
    if args.json {
        return write_json(&summary.to_json(), out);
    }
    writeln!(out, "key {id} of tenant {} is revoked", summary.tenant)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetime_has_a_unit_and_bounds_or_is_said_to_have_none() {
        assert_eq!(lifetime("90d"), Ok(Lifetime(Some(Duration::from_secs(90 * 86_400)))));
        assert_eq!(lifetime("never"), Ok(Lifetime(None)));
        for text in ["", "90", "0s", "-1d", "100 years", "off"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
        assert!(scope("admin").is_err() && scope("read_only").is_ok());
    }
}
