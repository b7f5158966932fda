//! `pgtenant tenant clone`: a backup that is restored at once as another tenant.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cli::cluster::random_hex;
use crate::cli::connect::connect_reader;
use crate::cli::tenant::StatusArgs;
use crate::cli::tenant::backup::{self, HowArgs, RestoreArgs};
use crate::config::Config;
use crate::control::backup::WorkPlace;
use crate::control::placed::cluster_of;
use crate::tenant::Slug;

/// Arguments of `tenant clone`.
#[derive(Args, Clone, Debug)]
pub struct CloneArgs {
    /// Which tenant, and how.
    #[command(flatten)]
    pub tenant: StatusArgs,
    /// Short name of the new tenant, which has a schema with the same data.
    pub new_slug: String,
    /// Directory for the data on their way, as large as a backup [default: the system's for temporary files].
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// How and how long each half.
    #[command(flatten)]
    pub how: HowArgs,
}

pub(super) async fn run(args: &CloneArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let (slug, new_slug) = (args.tenant.slug()?, Slug::parse(&args.new_slug)?);
    if slug == new_slug {
        bail!("the clone of tenant {slug} needs another short name");
    }
    let dir = args.work_dir.clone().unwrap_or_else(std::env::temp_dir);
    if !dir.is_dir() {
        bail!("there is no directory {}; make it first", dir.display());
    }
    let place = WorkPlace::new(&dir, &format!("clone-{}", random_hex(8)?));
    backup::take(&slug, place.path(), false, &args.how, config).await?;
    let restore = RestoreArgs {
        file: place.path().to_owned(),
        new_slug: Some(new_slug.to_string()),
        replace: false,
        // Where the tenant is, so that the two can be told apart by nothing but their names.
        cluster: cluster_of(&connect_reader(config).await?, &slug).await?,
        dry_run: args.tenant.dry_run,
        json: args.tenant.json,
        how: args.how.clone(),
        admin: args.tenant.admin.clone(),
    };
    backup::restore(&restore, config, out).await.with_context(|| format!("tenant {slug} is not cloned"))
}
