//! Moving a tenant from one cluster of an installation to another.
//!
//! The registry of `main` has the tenant and says where it is, so that nobody serves it twice:
//!
//! 1. It is suspended, and that it moves is written down (`copying`). Its tables are locked against writes, whoever has not
//!    heard yet.
//! 2. It is copied as a backup is, under the same id and the same names. Both copies are compared, row by row.
//! 3. In one transaction it is said to be on the other cluster, and put into service (`handed_over`).
//! 4. What is left where it was is deleted, and the move forgotten.
//!
//! Until the end of step 3 whatever fails puts it back into service where it was, and what arrived is removed. Run again, the
//! command goes on from what the registries say.

mod plan;
mod state;

pub use state::origin;

use std::pin::{Pin, pin};

use tokio_postgres::Client;
use tracing::warn;

use crate::config::Config;
use crate::control::backup::{self, BackupOptions, RestoreOptions, Stopped, WorkPlace};
use crate::control::moving::clusters::plan::Plan;
use crate::control::moving::clusters::state::{Attempt, Begun};
use crate::control::moving::fence::Fence;
use crate::control::moving::{
    After, MoveError, MoveFailure, MoveOptions, MoveProgress, Moved, Told, Undone, compare, stopped,
};
use crate::control::placed::Reserved;
use crate::control::{Outcome, Run, Step, end_sessions};
use crate::tenant::Tenant;

/// A cluster that has to do with it.
#[derive(Debug)]
pub struct End<'a> {
    /// Its configuration, as if it were the only one.
    pub config: &'a Config,
    /// The administrator's connection to it, where it is not `main`.
    pub admin: Option<&'a mut Client>,
}

/// The registry, and both clusters.
#[derive(Debug)]
pub struct Ends<'a> {
    /// The administrator's connection to `main`.
    pub main: &'a mut Client,
    /// Where the tenant is.
    pub from: End<'a>,
    /// Where it is to be.
    pub to: End<'a>,
}

impl Ends<'_> {
    fn there(&self) -> &Client {
        self.from.admin.as_deref().unwrap_or(self.main)
    }

    fn destination(&self) -> &Client {
        self.to.admin.as_deref().unwrap_or(self.main)
    }

    fn destination_mut(&mut self) -> &mut Client {
        match &mut self.to.admin {
            Some(admin) => admin,
            None => self.main,
        }
    }

    /// What the move is called in the registry and in messages.
    fn label(&self) -> String {
        state::label(&self.from.config.cluster, &self.to.config.cluster)
    }
}

/// Moves a tenant to another cluster, or goes on with a move that broke off. `stop` ends it as long as it can be put back. The slug
/// that it is to have there does not count: it keeps its own.
///
/// # Errors
/// [`MoveFailure`], which says where the tenant is.
pub async fn move_between(
    ends: &mut Ends<'_>,
    options: &MoveOptions,
    progress: MoveProgress<'_>,
    stop: impl Future<Output = Stopped>,
) -> Result<Moved, MoveFailure> {
    let unchanged = |error: MoveError| error.after(After::Unchanged);
    let plan = Plan::make(ends, options).await.map_err(unchanged)?;
    let mut moved = Moved {
        slug: options.slug.clone(),
        to_slug: options.slug.clone(),
        peer: format!("the cluster {}", ends.to.config.cluster),
        status: plan.status,
        users: plan.users,
        compared: None,
        size: plan.size,
        drop_after: None,
        steps: Vec::new(),
        notes: plan.notes,
    };
    if plan.is_there {
        moved.steps.push(Step::new(Outcome::Unchanged, "the tenant is there"));
        return Ok(moved);
    }
    if options.run == Run::Dry {
        return Ok(moved);
    }
    let tenant = match state::begin(ends, options).await.map_err(unchanged)? {
        Begun::Copying(begun) => {
            moved.steps.push(Step::new(Outcome::Changed, "status suspended, for the time of the move"));
            let mut copying = Copying { ends, options, progress, moved: &mut moved };
            if let Err(error) = copying.run(&begun, pin!(stop)).await {
                return Err(go_back(ends, options, &begun, error).await);
            }
            begun.tenant
        }
        Begun::HandedOver(tenant) => *tenant,
    };
    moved.steps.extend(state::clean(ends, &tenant).await.map_err(|error| error.after(After::Left))?);
    Ok(moved)
}

/// Gives up a move that broke off: what arrived is removed, and the tenant is in service where it is, if it was.
///
/// # Errors
/// [`MoveFailure`].
pub async fn undo_between(ends: &mut Ends<'_>, options: &MoveOptions) -> Result<Undone, MoveFailure> {
    let unchanged = |error: MoveError| error.after(After::Unchanged);
    let (tenant, found) = state::claim(ends, options).await.map_err(unchanged)?;
    let mut undone = Undone {
        slug: options.slug.clone(),
        to_slug: options.slug.clone(),
        peer: format!("the cluster {}", ends.to.config.cluster),
        status: found.status_before,
        was_in_service: false,
        steps: Vec::new(),
    };
    if options.run == Run::Dry {
        return Ok(undone);
    }
    let out = |error: MoveError| error.after(After::Out);
    if state::discard(ends, &tenant).await.map_err(out)? {
        let what = format!("what had arrived on {}", ends.to.config.cluster);
        undone.steps.push(Step::new(Outcome::Removed, what));
    }
    state::give_up(ends, options, found.attempt).await.map_err(out)?;
    undone.steps.push(Step::new(Outcome::Changed, format!("status {}", undone.status.as_str())));
    Ok(undone)
}

/// A copy on its way.
struct Copying<'a, 'e> {
    ends: &'a mut Ends<'e>,
    options: &'a MoveOptions,
    progress: MoveProgress<'a>,
    moved: &'a mut Moved,
}

impl Copying<'_, '_> {
    /// Copies, compares and hands over. Whatever fails here can be undone.
    async fn run(
        &mut self,
        begun: &Attempt,
        mut stop: Pin<&mut impl Future<Output = Stopped>>,
    ) -> Result<(), MoveError> {
        let tenant = &begun.tenant;
        if let Some(earlier) = begun.earlier {
            drop(self.place(earlier));
        }
        if state::discard(self.ends, tenant).await? {
            self.moved.steps.push(Step::new(Outcome::Removed, "what an earlier attempt had left"));
        }
        end_sessions(self.ends.there(), tenant).await?;
        let fence = stopped(Fence::raise(self.ends.from.config, tenant), stop.as_mut()).await?;
        let arrived = self.dump_and_load(begun, stop.as_mut()).await?;
        let sides = ((self.ends.from.config, tenant), (self.ends.to.config, &arrived));
        let compared = compare::compare(sides.0, sides.1, self.progress);
        self.moved.compared = Some(stopped(compared, stop).await?);
        fence.is_up().await?;
        state::hand_over(self.ends, self.options, begun).await?;
        let status = begun.status_before.as_str();
        let what = format!("cluster {}, status {status}", self.ends.to.config.cluster);
        self.moved.steps.push(Step::new(Outcome::Changed, what));
        Ok(())
    }

    /// As a backup that is restored at once. The tenant as it is there.
    async fn dump_and_load(
        &mut self,
        begun: &Attempt,
        mut stop: Pin<&mut impl Future<Output = Stopped>>,
    ) -> Result<Tenant, MoveError> {
        let MoveOptions { slug, programs, .. } = self.options;
        let (progress, work) = (self.progress, self.place(begun.attempt));
        let told = |what: &'static str, bytes: u64| progress(Told::Bytes(what, bytes));
        let dumped =
            BackupOptions { to: work.path().to_owned(), with_users: false, programs: programs.clone() };
        let ends = &*self.ends;
        let dump = backup::backup((&*ends.main, ends.there()), slug, ends.from.config, &dumped, &told);
        stopped(async { Ok(dump.await?) }, stop.as_mut()).await?;
        let Tenant { id, names, .. } = &begun.tenant;
        let loaded = RestoreOptions {
            from: work.path().to_owned(),
            slug: Some(slug.clone()),
            replace: false,
            run: Run::Apply,
            programs: programs.clone(),
            reserved: Some(Reserved { id: *id, names: names.clone(), created: false, comes: true }),
            arrival: None,
        };
        let config = self.ends.to.config;
        let restored = backup::restore(self.ends.destination_mut(), config, &loaded, &told, stop).await?;
        self.moved.notes.extend(restored.notes);
        let created = restored.created.ok_or(MoveError::Lost)?;
        let on = |step: Step| Step::new(step.outcome, format!("on {}: {}", config.cluster, step.what));
        self.moved.steps.extend(created.steps.into_iter().map(on));
        Ok(created.summary.tenant)
    }

    fn place(&self, attempt: uuid::Uuid) -> WorkPlace {
        WorkPlace::new(&self.options.work_dir, &format!("move-{attempt}"))
    }
}

/// Back into service where it is. What stays on the other cluster was never in service, and the next attempt removes it.
async fn go_back(
    ends: &mut Ends<'_>,
    options: &MoveOptions,
    begun: &Attempt,
    error: MoveError,
) -> MoveFailure {
    match state::give_up(ends, options, begun.attempt).await {
        Ok(true) => {}
        Ok(false) => return error.after(After::Unchanged),
        Err(why) => {
            warn!(tenant = %options.slug, error = %why, "a tenant that was to be moved could not be put back into service");
            return error.after(After::Out);
        }
    }
    if let Err(why) = state::discard(ends, &begun.tenant).await {
        warn!(tenant = %options.slug, error = %why, "what had arrived of a tenant stays there, out of service");
    }
    error.after(After::Back)
}
