//! Moving a tenant to another installation: another server, with a registry and a proxy of its own.
//!
//! A tenant is in service in one of the two at most, at every moment and whatever ends the command:
//!
//! 1. Here it is suspended, and that it moves is written down (`copying`). Its tables are locked against writes, whoever has not
//!    heard yet.
//! 2. It is copied as a backup is, and arrives there out of service. Both copies are compared, row by row.
//! 3. Here it becomes one that is to be dropped (`handed_over`): from then on nobody but `undo` puts it into service here.
//! 4. There it is put into service (`done`), and that is written down here.
//!
//! Until the end of step 3 whatever fails puts it back into service here, and what arrived there is removed. Run again, the
//! command goes on from what the registries say.

mod clusters;
mod compare;
mod error;
mod fence;
mod plan;
pub(in crate::control) mod state;
mod undo;

pub use clusters::{End, Ends, move_between, origin, undo_between};
pub use error::{After, MoveError, MoveFailure};
pub use undo::{Undone, undo_move};

use std::path::PathBuf;
use std::pin::{Pin, pin};

use tokio_postgres::Client;
use tracing::warn;
use uuid::Uuid;

use crate::config::Config;
use crate::control::backup::{
    self, Arrival, BackupError, BackupOptions, Programs, RestoreOptions, Stopped, WorkPlace,
};
use crate::control::moving::fence::Fence;
use crate::control::moving::plan::Plan;
use crate::control::moving::state::{Attempt, Begun};
use crate::control::{Outcome, Run, Step, end_sessions};
use crate::tenant::{Slug, Status, Tenant};

/// One of the two installations.
#[derive(Debug)]
pub struct Side<'a> {
    /// Its administrator.
    pub admin: &'a mut Client,
    /// Its configuration.
    pub config: &'a Config,
}

impl Side<'_> {
    /// What it is called in the other registry and in messages.
    #[must_use]
    pub fn name(&self) -> String {
        let server = &self.config.server;
        format!("database {} on {}", server.database, server.address)
    }
}

/// What to move, and how.
#[derive(Clone, Debug)]
pub struct MoveOptions {
    /// The tenant.
    pub slug: Slug,
    /// What it is to be called there.
    pub to_slug: Slug,
    /// Directory for the data on their way.
    pub work_dir: PathBuf,
    /// Whether anything is changed.
    pub run: Run,
    /// What dumps and reads dumps.
    pub programs: Programs,
}

/// Told while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// So many bytes are dumped, or loaded.
    Bytes(&'static str, u64),
    /// So many of so many tables are compared.
    Tables(usize, usize),
}

/// Is told how far it is.
pub type MoveProgress<'a> = &'a (dyn Fn(Told) + Send + Sync);

/// What was done, or would be.
#[derive(Debug)]
pub struct Moved {
    /// The tenant's slug here.
    pub slug: Slug,
    /// And there.
    pub to_slug: Slug,
    /// What the other installation is called.
    pub peer: String,
    /// Its status there.
    pub status: Status,
    /// Names of its users, which log in there as they did here.
    pub users: Vec<String>,
    /// Tables that were compared, and their rows; `None` where that was done by an earlier run, or not at all.
    pub compared: Option<(usize, u64)>,
    /// Tables of the tenant, and bytes of all that it has, before anything is moved.
    pub size: (i64, i64),
    /// Until when it can be brought back, UTC.
    pub drop_after: Option<String>,
    /// What was done, in both.
    pub steps: Vec<Step>,
    /// What is not as it was here, or is to be looked at.
    pub notes: Vec<String>,
}

/// Moves a tenant, or goes on with a move that broke off. `stop` ends it as long as it can be put back.
///
/// # Errors
/// [`MoveFailure`], which says where the tenant is.
pub async fn move_tenant(
    here: &mut Side<'_>,
    there: &mut Side<'_>,
    options: &MoveOptions,
    progress: MoveProgress<'_>,
    stop: impl Future<Output = Stopped>,
) -> Result<Moved, MoveFailure> {
    let unchanged = |error: MoveError| error.after(After::Unchanged);
    let plan = Plan::make(here, there, options).await.map_err(unchanged)?;
    let mut moved = Moved {
        slug: options.slug.clone(),
        to_slug: options.to_slug.clone(),
        peer: there.name(),
        status: plan.status,
        users: plan.users.clone(),
        compared: None,
        size: plan.size,
        drop_after: None,
        steps: Vec::new(),
        notes: plan.notes.clone(),
    };
    if options.run == Run::Dry {
        return Ok(moved);
    }
    let attempt = match state::begin(here, &moved.peer, options).await.map_err(unchanged)? {
        Begun::Copying(begun) => {
            moved.steps.push(Step::new(Outcome::Changed, "here: status suspended, for the time of the move"));
            let attempt = begun.attempt;
            let mut copying = Copying { here, there, options, progress, moved: &mut moved };
            if let Err(error) = copying.run(&plan, &begun, pin!(stop)).await {
                return Err(go_back(here, there, options, attempt, error).await);
            }
            attempt
        }
        Begun::HandedOver(attempt) => attempt,
        Begun::Done => {
            moved.notes.clear();
            moved.steps.push(Step::new(Outcome::Unchanged, "the tenant was moved before"));
            moved.drop_after = state::drop_after(here, &options.slug).await.map_err(unchanged)?;
            return Ok(moved);
        }
    };
    let given = |error: MoveError| error.after(After::HandedOver);
    moved.status = state::activate(there, options, attempt).await.map_err(given)?;
    moved.steps.push(Step::new(Outcome::Changed, format!("there: status {}", moved.status.as_str())));
    state::finish(here, options, attempt).await.map_err(given)?;
    moved.drop_after = state::drop_after(here, &options.slug).await.map_err(given)?;
    Ok(moved)
}

/// A copy on its way.
struct Copying<'a, 'h, 't> {
    here: &'a mut Side<'h>,
    there: &'a mut Side<'t>,
    options: &'a MoveOptions,
    progress: MoveProgress<'a>,
    moved: &'a mut Moved,
}

impl Copying<'_, '_, '_> {
    /// Copies, compares and hands over. Whatever fails here can be undone.
    async fn run(
        &mut self,
        plan: &Plan,
        begun: &Attempt,
        mut stop: Pin<&mut impl Future<Output = Stopped>>,
    ) -> Result<(), MoveError> {
        let tenant = &begun.carried.summary.tenant;
        if let Some(earlier) = begun.earlier {
            drop(self.place(earlier));
        }
        if state::discard(self.there, tenant.id, &self.options.to_slug).await? {
            let what = "there: what an earlier attempt had left";
            self.moved.steps.push(Step::new(Outcome::Removed, what));
        }
        end_sessions(self.here.admin, tenant).await?;
        let fence = stopped(Fence::raise(self.here.config, tenant), stop.as_mut()).await?;
        let arrived = self.dump_and_load(plan, begun, stop.as_mut()).await?;
        let sides = ((self.here.config, tenant), (self.there.config, &arrived));
        let compared = compare::compare(sides.0, sides.1, self.progress);
        self.moved.compared = Some(stopped(compared, stop).await?);
        fence.is_up().await?;
        state::hand_over(self.here, self.options, begun).await?;
        self.moved.steps.push(Step::new(Outcome::Changed, "here: status dropping"));
        Ok(())
    }

    /// As a backup that is restored at once. The tenant as it is there.
    async fn dump_and_load(
        &mut self,
        plan: &Plan,
        begun: &Attempt,
        mut stop: Pin<&mut impl Future<Output = Stopped>>,
    ) -> Result<Tenant, MoveError> {
        let MoveOptions { slug, to_slug, programs, .. } = self.options;
        let (progress, work) = (self.progress, self.place(begun.attempt));
        let told = |what: &'static str, bytes: u64| progress(Told::Bytes(what, bytes));
        let dumped =
            BackupOptions { to: work.path().to_owned(), with_users: false, programs: programs.clone() };
        let dump =
            backup::backup((&*self.here.admin, &*self.here.admin), slug, self.here.config, &dumped, &told);
        stopped(async { Ok(dump.await?) }, stop.as_mut()).await?;
        let loaded = RestoreOptions {
            reserved: None,
            from: work.path().to_owned(),
            slug: Some(to_slug.clone()),
            replace: false,
            run: Run::Apply,
            programs: programs.clone(),
            arrival: Some(Arrival {
                attempt: begun.attempt,
                peer: self.here.name(),
                status: begun.status_before,
                carried: begun.carried.clone(),
                settings: plan.settings.clone(),
            }),
        };
        let there = &mut *self.there;
        let restored = backup::restore(there.admin, there.config, &loaded, &told, stop).await?;
        self.moved.notes.extend(restored.notes);
        let created = restored.created.ok_or(MoveError::Lost)?;
        let steps = created.steps.into_iter();
        self.moved.steps.extend(steps.map(|step| Step::new(step.outcome, format!("there: {}", step.what))));
        Ok(created.summary.tenant)
    }

    fn place(&self, attempt: Uuid) -> WorkPlace {
        WorkPlace::new(&self.options.work_dir, &format!("move-{attempt}"))
    }
}

async fn stopped<T>(
    work: impl Future<Output = Result<T, MoveError>>,
    stop: Pin<&mut impl Future<Output = Stopped>>,
) -> Result<T, MoveError> {
    tokio::select! {
        done = work => done,
        stopped = stop => Err(BackupError::Stopped(stopped.as_str()).into()),
    }
}

/// Back into service here. What stays there was never in service, and the next attempt removes it.
async fn go_back(
    here: &mut Side<'_>,
    there: &mut Side<'_>,
    options: &MoveOptions,
    attempt: Uuid,
    error: MoveError,
) -> MoveFailure {
    let back = match state::give_up(here, options, attempt).await {
        Ok(true) => After::Back,
        Ok(false) => return error.after(After::Unchanged),
        Err(why) => {
            warn!(tenant = %options.slug, error = %why, "a tenant that was to be moved could not be put back into service");
            return error.after(After::Out);
        }
    };
    let id = state::id_of(here, &options.slug).await;
    let discarded = match id {
        Ok(id) => state::discard(there, id, &options.to_slug).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(why) = discarded {
        warn!(tenant = %options.to_slug, error = %why, "what had arrived of a tenant stays there, out of service");
    }
    error.after(back)
}
