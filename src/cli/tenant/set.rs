//! `pgtenant tenant set`.

use std::io::Write;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use crate::cli::tenant::output::{steps, steps_json, write_json};
use crate::cli::tenant::{StatusArgs, display_name, stripe_customer};
use crate::config::{Config, settings};
use crate::control::{Change, Set, set_tenant};

/// Arguments of `tenant set`.
#[derive(Args, Clone, Debug)]
pub struct SetArgs {
    /// Which tenant, and how.
    #[command(flatten)]
    pub tenant: StatusArgs,
    /// PostgreSQL settings that its sessions begin with, such as `timezone=Europe/Berlin statement_timeout=30s`.
    #[arg(value_name = "SETTING=VALUE")]
    pub set: Vec<String>,
    /// Put this setting back to the configuration's; `all` for every one.
    #[arg(long, value_name = "SETTING")]
    pub reset: Vec<String>,
    /// Its display name.
    #[arg(long)]
    pub name: Option<String>,
    /// Its customer id at Stripe.
    #[arg(long, value_name = "ID")]
    pub stripe_customer: Option<String>,
    /// It is no customer at Stripe.
    #[arg(long, conflicts_with = "stripe_customer")]
    pub no_stripe_customer: bool,
}

pub(super) async fn run(args: &SetArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let slug = args.tenant.slug()?;
    let change = change(args)?;
    let mut client = args.tenant.admin.connect(config).await?;
    let done = set_tenant(&mut client, &slug, &change, args.tenant.run()).await?;
    if args.tenant.json { told_json(&done, out) } else { told(&done, args.tenant.dry_run, out) }
}

fn change(args: &SetArgs) -> Result<Change> {
    let customer = args.stripe_customer.as_deref().map(stripe_customer).transpose()?;
    let change = Change {
        name: args.name.as_deref().map(display_name).transpose()?,
        stripe_customer_id: if args.no_stripe_customer { Some(None) } else { customer.map(Some) },
        set: args.set.iter().map(|text| settings::assignment(text)).collect::<Result<_, _>>()?,
        reset: args.reset.iter().map(|text| settings::name(text)).collect::<Result<_, _>>()?,
        reset_all: args.reset.iter().any(|text| text == "all"),
    };
    if args.set.is_empty()
        && args.reset.is_empty()
        && change.name.is_none()
        && change.stripe_customer_id.is_none()
    {
        bail!(
            "say what to set: SETTING=VALUE, `--reset`, `--name`, `--stripe-customer` or `--no-stripe-customer`"
        );
    }
    Ok(change)
}

fn told(done: &Set, dry: bool, out: &mut dyn Write) -> Result<()> {
    steps(&done.steps, &[], out)?;
    writeln!(
        out,
        "tenant {}: sessions that begin from now on begin with its settings",
        done.summary.tenant.slug
    )?;
    if dry {
        writeln!(out, "dry run: nothing was changed")?;
    }
    Ok(())
}

fn told_json(done: &Set, out: &mut dyn Write) -> Result<()> {
    let tenant = &done.summary.tenant;
    write_json(
        &json!({
            "slug": tenant.slug.as_str(),
            "name": tenant.name,
            "stripe_customer_id": done.summary.stripe_customer_id,
            "settings": tenant.settings,
            "steps": steps_json(&done.steps),
        }),
        out,
    )
}
