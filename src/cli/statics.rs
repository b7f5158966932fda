//! `pgtenant static`: what is needed around a file with all tenants (`tenants.file`).

use std::io::{BufRead, Write};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;

use crate::cli::load::ConfigArgs;
use crate::cli::place::cluster_name;
use crate::cli::tenant::output::{write_columns, write_json};
use crate::cli::tenant::read_password;
use crate::config::Config;
use crate::config::tenants_file::{FileTenant, TenantsFile};
use crate::control::listed;
use crate::control::placed::config_of;
use crate::tenant::{Access, ClusterName, Slug};

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum StaticCommand {
    /// Read a password, one line, from standard input, and print the verifier of it for the file.
    Verifier,
    /// Print the SQL that gives the database the roles, passwords, schemas and rights that the file speaks of.
    ///
    /// It can be run again, by an administrator and in the served database: `pgtenant static sql | psql -1`.
    Sql(SqlArgs),
    /// List the tenants of the file.
    List(ListArgs),
}

/// Arguments of `static sql`.
#[derive(Args, Clone, Debug)]
pub struct SqlArgs {
    /// Only these tenants [default: all of the cluster].
    pub slugs: Vec<String>,
    /// The cluster that the SQL is for, `main` or one of `[clusters.NAME]`.
    #[arg(long, value_name = "NAME", default_value = "main", value_parser = cluster_name)]
    pub cluster: ClusterName,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Arguments of `static list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// Print a JSON array.
    #[arg(long)]
    pub json: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the configuration, the file or the password.
pub fn run(command: &StaticCommand, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<()> {
    match command {
        StaticCommand::Verifier => {
            let password = read_password(input)?;
            writeln!(out, "{}", listed::verifier(password.expose_secret()))?;
            Ok(())
        }
        StaticCommand::Sql(args) => {
            let config = args.config.load()?;
            let file = file_of(&config)?;
            let wanted = wanted(file, &args.slugs, &args.cluster)?;
            let at = config_of(&config, &args.cluster)?;
            out.write_all(listed::sql(&at, &wanted).as_bytes())?;
            Ok(())
        }
        StaticCommand::List(args) => {
            let config = args.config.load()?;
            list(file_of(&config)?, args.json, out)
        }
    }
}

fn file_of(config: &Config) -> Result<&TenantsFile> {
    match &config.tenants.file {
        Some(file) => Ok(file),
        None => bail!(
            "no file with tenants is configured; name one in `tenants.file`, or use `pgtenant tenant` for a registry"
        ),
    }
}

fn wanted<'a>(file: &'a TenantsFile, slugs: &[String], cluster: &ClusterName) -> Result<Vec<&'a FileTenant>> {
    if slugs.is_empty() {
        return Ok(file.tenants.iter().filter(|tenant| tenant.cluster == *cluster).collect());
    }
    let mut wanted = Vec::new();
    for slug in slugs {
        let slug = Slug::parse(slug)?;
        let Some(found) = file.tenants.iter().find(|tenant| tenant.slug == slug) else {
            bail!("{} has no tenant {slug}", file.path.display());
        };
        if found.cluster != *cluster {
            bail!("tenant {slug} is on the cluster {0}; add `--cluster {0}`", found.cluster);
        }
        wanted.push(found);
    }
    Ok(wanted)
}

fn list(file: &TenantsFile, json: bool, out: &mut dyn Write) -> Result<()> {
    let users = |tenant: &FileTenant| -> Vec<String> {
        let shown = |user: &crate::config::tenants_file::FileUser| match user.access {
            Access::ReadWrite => user.name.clone(),
            Access::ReadOnly => format!("{} ({})", user.name, user.access.as_str()),
        };
        tenant.users.iter().map(shown).collect()
    };
    if json {
        let rows: Vec<_> = file
            .tenants
            .iter()
            .map(|tenant| {
                serde_json::json!({
                    "slug": tenant.slug.as_str(), "id": tenant.id.to_string(), "name": tenant.name,
                    "cluster": tenant.cluster.as_str(),
                    "schema": tenant.names.schema.as_str(), "role": tenant.names.role.as_str(),
                    "reader_role": tenant.reader_role.as_ref().map(crate::tenant::Ident::as_str),
                    "users": tenant.users.iter().map(|user| serde_json::json!({
                        "user": user.name, "access": user.access.as_str(),
                    })).collect::<Vec<_>>(),
                })
            })
            .collect();
        return write_json(&rows.into(), out);
    }
    let mut rows = vec![["TENANT", "SCHEMA", "ROLE", "USERS"].map(str::to_owned)];
    rows.extend(file.tenants.iter().map(|tenant| {
        let names = &tenant.names;
        [
            tenant.slug.to_string(),
            names.schema.as_str().to_owned(),
            names.role.as_str().to_owned(),
            users(tenant).join(", "),
        ]
    }));
    write_columns(&rows, out)
}
