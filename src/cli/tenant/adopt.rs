//! `pgtenant tenant adopt`.

use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::Args;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::cli::connect::AdminArgs;
use crate::cli::place::{Place, cluster_name};
use crate::cli::progress::Line;
use crate::cli::tenant::output::{printable, proxy_url, steps_json, write_json};
use crate::config::Config;
use crate::control::{
    Adopted, Adoption, Outcome, Run, UserChange, add_user, adopt, adopt_at, adoptable, known,
};
use crate::tenant::{Access, ClusterName, Ident, Slug};

/// Arguments of `tenant adopt`.
#[derive(Args, Clone, Debug)]
pub struct AdoptArgs {
    /// The schemas to adopt: a name, or a pattern with `*` for any characters. Can be given more than once.
    #[arg(long, value_name = "PATTERN", required_unless_present = "all", conflicts_with = "all")]
    pub schema: Vec<String>,
    /// All schemas with the prefix.
    #[arg(long)]
    pub all: bool,
    /// What their names begin with; the rest is the tenant's short name.
    #[arg(long, default_value = "tenant_")]
    pub prefix: String,
    /// Close the holes that can be closed without knowing the application: rights of everybody and of other tenants, objects of other
    /// owners, sequences that tenants share.
    #[arg(long)]
    pub fix: bool,
    /// The application connects to the proxy now: take the rights on these schemas from the role it worked as.
    #[arg(long)]
    pub release_owner: bool,
    /// Make a user for each tenant that has none, with the slug as its name and a password that is shown once.
    #[arg(long)]
    pub users: bool,
    /// The application's own table of tenants, such as global.tenants: ids, names and Stripe customers come from there.
    #[arg(long, value_name = "TABLE")]
    pub tenants_table: Option<String>,
    /// The cluster that the schemas are on, `main` or one of `[clusters.NAME]`; its tables are meant by `--tenants-table`, too.
    #[arg(long, value_name = "NAME", value_parser = cluster_name, default_value_t)]
    pub cluster: ClusterName,
    /// Say what would be, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print a JSON array, with an object for each schema.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// One schema that cannot be adopted does not stop the others.
pub(super) async fn run(args: &AdoptArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    if args.prefix.is_empty() {
        bail!("`--prefix` is what the names of all tenants' schemas begin with, such as tenant_");
    }
    let mut client = args.admin.connect(config).await?;
    let mut place = args.admin.place(config, &args.cluster).await?;
    let schemas = chosen(place.as_ref().map_or(&client, |place| &place.client), args, config).await?;
    let (mut objects, mut failed) = (Vec::new(), 0);
    let line = Line::new();
    for (number, schema) in schemas.iter().enumerate() {
        line.count("schemas", number, schemas.len(), &printable(schema.as_str()));
        let done = adopt_one((&mut client, place.as_mut()), schema, args, config).await;
        line.end();
        match done {
            Ok((done, user)) if args.json => objects.push(done_json(schema, &done, user.as_ref(), config)),
            Ok((done, user)) => told(schema, &done, user.as_ref(), config, out)?,
            Err(error) => {
                failed += 1;
                let error = format!("{error:#}");
                if args.json {
                    objects.push(json!({ "schema": schema.as_str(), "outcome": "refused", "error": error }));
                } else {
                    let lines: Vec<String> = error.lines().map(printable).collect();
                    writeln!(out, "refused  {}", lines.join("\n"))?;
                }
            }
        }
    }
    if args.json {
        write_json(&objects.into(), out)?;
    } else if args.dry_run {
        writeln!(out, "dry run: nothing was changed")?;
    }
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} of {} schemas were not adopted", schemas.len()),
    }
}

async fn chosen(client: &Client, args: &AdoptArgs, config: &Config) -> Result<Vec<Ident>> {
    let patterns = if args.all { vec!["*".to_owned()] } else { args.schema.clone() };
    let mut schemas: Vec<Ident> = Vec::new();
    for pattern in &patterns {
        let found = adoptable(client, pattern, &args.prefix, &config.schemas).await?;
        if found.is_empty() {
            bail!(
                "no schema beginning with {} matches {pattern:?}; `--prefix` is what names of tenants' schemas begin with",
                args.prefix
            );
        }
        for schema in found {
            if !schemas.contains(&schema) {
                schemas.push(schema);
            }
        }
    }
    Ok(schemas)
}

async fn adopt_one(
    (client, mut place): (&mut Client, Option<&mut Place>),
    schema: &Ident,
    args: &AdoptArgs,
    config: &Config,
) -> Result<(Adopted, Option<UserChange>)> {
    let rest = schema.as_str().strip_prefix(&args.prefix).unwrap_or_default();
    let slug = Slug::parse(rest)
        .with_context(|| format!("the rest of schema {} is no slug; rename the schema", schema.as_str()))?;
    let known = match &args.tenants_table {
        None => None,
        Some(table) => known(place.as_ref().map_or(client, |place| &place.client), table, &slug).await?,
    };
    let unknown = args.tenants_table.as_ref().filter(|_| known.is_none());
    let adoption = Adoption {
        schema: schema.clone(),
        slug,
        prefix: args.prefix.clone(),
        fix: args.fix,
        release: args.release_owner,
        known,
    };
    let run = if args.dry_run { Run::Dry } else { Run::Apply };
    let (key, schemas) = (&config.secrets.master_key, &config.schemas);
    let mut done = match &mut place {
        None => adopt(client, &adoption, key, schemas, run).await?,
        Some(Place { name, client: there, .. }) => {
            adopt_at((client, there), &adoption, name, (key, schemas), run).await?
        }
    };
    if let Some(table) = unknown {
        done.notes.push(format!("{table} does not know {}, which has an id of its own now", adoption.slug));
    }
    let mut user = None;
    if args.users && run == Run::Apply && done.summary.users.is_empty() {
        // A slug is an identifier.
        let name = Ident::parse(adoption.slug.as_str())?;
        user = Some(add_user(client, &adoption.slug, &name, Access::ReadWrite, None).await?);
    }
    Ok((done, user))
}

fn outcome(done: &Adopted) -> Outcome {
    match (done.created, done.steps.iter().all(|step| step.outcome == Outcome::Unchanged)) {
        (true, _) => Outcome::Created,
        (false, true) => Outcome::Unchanged,
        (false, false) => Outcome::Changed,
    }
}

fn told(
    schema: &Ident,
    done: &Adopted,
    user: Option<&UserChange>,
    config: &Config,
    out: &mut dyn Write,
) -> Result<()> {
    let tenant = &done.summary.tenant;
    writeln!(out, "{:<8} tenant {} of schema {}", outcome(done), tenant.slug, printable(schema.as_str()))?;
    for step in done.steps.iter().filter(|step| step.outcome != Outcome::Unchanged) {
        writeln!(out, "         {} {}", step.outcome, printable(&step.what))?;
    }
    for hole in &done.closed {
        writeln!(out, "         closed: {}", printable(&hole.what))?;
    }
    for note in &done.notes {
        writeln!(out, "         note: {}", printable(note))?;
    }
    if let Some(password) = user.and_then(|user| user.generated.as_ref()) {
        let url = proxy_url(config, tenant.slug.as_str(), Some(password.expose_secret()));
        writeln!(out, "         shown only now: {url}")?;
    }
    Ok(())
}

fn done_json(schema: &Ident, done: &Adopted, user: Option<&UserChange>, config: &Config) -> Value {
    let tenant = &done.summary.tenant;
    let mut object = json!({
        "schema": schema.as_str(),
        "slug": tenant.slug.as_str(),
        "id": tenant.id.to_string(),
        "role": tenant.names.role.as_str(),
        "outcome": outcome(done).to_string(),
        "steps": steps_json(&done.steps),
        "closed": done.closed.iter().map(|hole| hole.what.as_str()).collect::<Vec<_>>(),
        "notes": done.notes,
    });
    if let Some(password) = user.and_then(|user| user.generated.as_ref()) {
        object["user"] = json!(tenant.slug.as_str());
        object["url"] = json!(proxy_url(config, tenant.slug.as_str(), Some(password.expose_secret())));
    }
    object
}
