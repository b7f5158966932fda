//! `pgtenant tenant rename`.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::tenant::output::{printable, steps, steps_json, write_json};
use crate::cli::tenant::{StatusArgs, display_name};
use crate::config::Config;
use crate::control::{ObjectNames, Outcome, Renamed, placed, rename_tenant};
use crate::tenant::Slug;

/// Arguments of `tenant rename`.
#[derive(Args, Clone, Debug)]
pub struct RenameArgs {
    /// Which tenant, and how.
    #[command(flatten)]
    pub tenant: StatusArgs,
    /// Its new short name.
    pub new_slug: String,
    /// Its new display name.
    #[arg(long)]
    pub name: Option<String>,
    /// Leave schema and roles as they are; sessions go on then. The next tenant of the old slug gets numbered ones.
    #[arg(long)]
    pub keep_names: bool,
}

pub(super) async fn run(args: &RenameArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let (old, new) = (args.tenant.slug()?, Slug::parse(&args.new_slug)?);
    let name = args.name.as_deref().map(display_name).transpose()?;
    let objects = if args.keep_names { ObjectNames::Keep } else { ObjectNames::Follow };
    let mut client = args.tenant.admin.connect(config).await?;
    let (slugs, name, run) = ((&old, &new), name.as_deref(), args.tenant.run());
    let done = match args.tenant.admin.place_of(config, &client, &old).await? {
        None => rename_tenant(&mut client, slugs, name, objects, run).await?,
        Some(mut place) => {
            placed::rename((&mut client, &mut place.client), slugs, name, objects, run).await?
        }
    };
    if args.tenant.json { told_json(&done, out) } else { told(&done, args.tenant.dry_run, out) }
}

fn told(done: &Renamed, dry: bool, out: &mut dyn Write) -> Result<()> {
    steps(&done.steps, &done.notes, out)?;
    let (before, tenant) = (&done.before, &done.summary.tenant);
    match (is_changed(done), dry) {
        (false, _) => writeln!(out, "tenant {} has this slug", tenant.slug)?,
        (true, false) => {
            writeln!(out, "tenant {before} is now {}, {}", tenant.slug, printable(&tenant.name))?
        }
        (true, true) => {
            writeln!(out, "tenant {before} would be {}\ndry run: nothing was changed", tenant.slug)?
        }
    }
    Ok(())
}

fn told_json(done: &Renamed, out: &mut dyn Write) -> Result<()> {
    let tenant = &done.summary.tenant;
    let outcome = if is_changed(done) { Outcome::Changed } else { Outcome::Unchanged };
    write_json(
        &json!({
            "slug": tenant.slug.as_str(),
            "before": done.before.as_str(),
            "name": tenant.name,
            "schema": tenant.names.schema.as_str(),
            "role": tenant.names.role.as_str(),
            "outcome": outcome.to_string(),
            "steps": steps_json(&done.steps),
            "notes": done.notes,
        }),
        out,
    )
}

fn is_changed(done: &Renamed) -> bool {
    done.steps.iter().any(|step| step.outcome != Outcome::Unchanged)
}
