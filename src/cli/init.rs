//! `pgtenant init`.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;

use crate::cli::connect::AdminArgs;
use crate::config::Config;
use crate::control::{InitPlan, init};
use crate::tenant::Ident;

/// Makes the database ready for tenants: registry, roles, common schemas. Can be run again.
#[derive(Args, Clone, Debug, Default)]
pub struct InitArgs {
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Runs the command.
///
/// # Errors
/// With the remedy; nothing was changed then.
pub async fn run(args: InitArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let user = &config.registry.user;
    let plan = InitPlan {
        registry_role: Ident::parse(user).context("`registry.user` is no role name")?,
        registry_password: config.secrets.master_key.role_password(user),
        schemas: config.schemas.clone(),
    };
    let mut client = args.admin.connect(config).await?;
    for step in init(&mut client, &plan).await? {
        writeln!(out, "{:<8} {}", step.outcome, step.what)?;
    }
    writeln!(out, "database {} is ready for tenants", config.server.database)?;
    Ok(())
}
