//! `pgtenant tenant clone`: a backup that is restored at once as another tenant.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cli::cluster::random_hex;
use crate::cli::connect::AdminArgs;
use crate::cli::tenant::backup::{self, HowArgs, RestoreArgs};
use crate::config::Config;
use crate::tenant::Slug;

/// Arguments of `tenant clone`.
#[derive(Args, Clone, Debug)]
pub struct CloneArgs {
    /// The tenant's short name.
    pub slug: String,
    /// Short name of the new tenant, which has a schema with the same data.
    pub new_slug: String,
    /// Directory for the data on their way, as large as a backup [default: the system's for temporary files].
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Read and check all of it but the rows, say what would be, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// How and how long each half.
    #[command(flatten)]
    pub how: HowArgs,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// While it is held, there is a place for the data that nobody else can read.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        // What is left is the owner's alone, and in the way of nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) async fn run(args: &CloneArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let (slug, new_slug) = (Slug::parse(&args.slug)?, Slug::parse(&args.new_slug)?);
    if slug == new_slug {
        bail!("the clone of tenant {slug} needs another short name");
    }
    let dir = args.work_dir.clone().unwrap_or_else(std::env::temp_dir);
    if !dir.is_dir() {
        bail!("there is no directory {}; make it first", dir.display());
    }
    let place = Place(dir.join(format!("pgtenant-clone-{}.pgtenant", random_hex(8)?)));
    backup::take(&slug, &place.0, false, &args.how, config).await?;
    let restore = RestoreArgs {
        file: place.0.clone(),
        new_slug: Some(new_slug.to_string()),
        replace: false,
        dry_run: args.dry_run,
        json: args.json,
        how: args.how.clone(),
        admin: args.admin.clone(),
    };
    backup::restore(&restore, config, out).await.with_context(|| format!("tenant {slug} is not cloned"))
}
