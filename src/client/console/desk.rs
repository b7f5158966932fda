//! What the console's commands do.

use std::sync::Arc;
use std::time::Duration;

use crate::client::console::visit::{Cancellable, Visitor};
use crate::client::suspension::Whom;
use crate::client::{Cluster, ReloadError, SetByHand, Shared, audit, overview};
use crate::config::by_hand::{self, NotByHand};
use crate::config::own_limits::OwnLimit;
use crate::config::reload::{Effect, effect};
use crate::console::show::{self, Facts};
use crate::console::{Command, Done, Ending, Rights, Run, Show, Table, Target};
use crate::error::SqlState;
use crate::schedule::Owner;
use crate::session::Refusal;
use crate::telemetry::overview::Overview;
use crate::tenant::{Level, Slug, Tenant, TenantId, TenantRef};

/// How long the process may take to hear an order.
const HEARD: Duration = Duration::from_secs(5);

/// How long it may take to read its configuration again.
const RELOADED: Duration = Duration::from_secs(60);

/// How long SUSPEND waits for clients and servers that do not take what was read for them: PgBouncer's `suspend_timeout`.
const WRITTEN: Duration = Duration::from_secs(10);

/// When what is set holds.
const AT_ONCE: &str = "it holds at once";

/// Whoever sits at it can do this.
pub(super) struct Desk {
    shared: Arc<Shared>,
    rights: Rights,
    name: String,
    cancellable: Cancellable,
    /// The suspensions that it began.
    suspensions: Vec<(Whom, u64)>,
}

/// What nobody could end any more is ended: who has gone may have lost the way back.
impl Drop for Desk {
    fn drop(&mut self) {
        let ended = self.suspensions.drain(..);
        let ended = ended.filter(|(whom, number)| self.shared.suspension.end_this(*whom, *number)).count();
        if ended > 0 {
            audit::suspension_ended(&self.name);
        }
    }
}

impl Run for Desk {
    async fn run(&mut self, command: &Command) -> Result<Done, Refusal> {
        if !command.changes() {
            return self.perform(command).await;
        }
        let done = match self.rights {
            Rights::Admin => {
                audit::console_command(&self.name, command);
                self.perform(command).await
            }
            Rights::Stats => Err(may_only_look()),
        };
        audit::console_done(&self.name, command, done.as_ref().err());
        done
    }
}

impl Desk {
    pub(super) fn new(shared: Arc<Shared>, visitor: &Visitor) -> Self {
        let (rights, name) = (visitor.rights, visitor.name.clone());
        Self { shared, rights, name, cancellable: visitor.cancellable(), suspensions: Vec::new() }
    }

    async fn perform(&mut self, command: &Command) -> Result<Done, Refusal> {
        match command {
            Command::Show(show) => return Ok(Done::Table(self.show(*show))),
            Command::Pause(target) => self.pause(target).await?,
            Command::Kill(target) => self.kill(target).await?,
            Command::Resume(target) => self.resume(target)?,
            Command::Reconnect(target) => {
                let owners = self.owners(target)?;
                for cluster in self.clusters(target)? {
                    owners.iter().for_each(|owner| cluster.pool.renew_connections(*owner));
                }
                if self.is_shared(target)? {
                    let note = "its server connections are those of all tenants of level shared";
                    return Ok(Done::Note(Some(note.to_owned())));
                }
            }
            Command::WaitClose(target) => {
                let (owners, clusters) = (self.owners(target)?, self.clusters(target)?);
                let renewed = async {
                    for cluster in clusters {
                        for owner in &owners {
                            cluster.pool.renewed(*owner).await;
                        }
                    }
                };
                self.cancellable.run(renewed).await.ok_or_else(|| cancelled(None))?;
            }
            Command::KillClient(id) => {
                if !self.shared.roster.kill_client(*id) {
                    return Err(Refusal::error(
                        SqlState::UNDEFINED_OBJECT,
                        format!("there is no client {id}"),
                    )
                    .with_hint("SHOW CLIENTS has their ids in its column id."));
                }
            }
            Command::Disable(name) => {
                self.shared.disabled.insert(self.tenant(name)?.registered());
            }
            Command::Enable(name) => {
                if self.shared.disabled.remove(&self.tenant(name)?.registered()).is_none() {
                    let message = format!("tenant \"{name}\" is not disabled");
                    return Err(Refusal::error(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
                }
            }
            Command::Reload => return self.reload().await,
            Command::Shutdown(ending) => self.shut_down(*ending).await?,
            Command::Suspend(target) => return self.suspend(target).await,
            Command::Set(key, value, target) => return self.set(key, value.as_deref(), target).await,
            // The conversation does these by itself.
            Command::Parameter(_)
            | Command::Nothing(_)
            | Command::Begin
            | Command::Commit
            | Command::Rollback => {}
        }
        Ok(Done::Note(None))
    }

    fn show(&self, show: Show) -> Table {
        let facts = Facts::of(&self.shared.config(), &self.shared.by_hand());
        let seen = match show {
            // Nothing of what goes on is in these.
            Show::Version | Show::Config | Show::Help => Overview::default(),
            _ => overview(&self.shared),
        };
        show::table(show, &seen, &facts)
    }

    /// The tenant in service with this short name.
    fn tenant(&self, name: &str) -> Result<Arc<Tenant>, Refusal> {
        let slug = Slug::parse(name).ok();
        let found = slug.and_then(|slug| self.shared.directory.tenant_named(&TenantRef::Slug(slug)));
        found.ok_or_else(|| {
            Refusal::error(SqlState::UNDEFINED_OBJECT, format!("there is no tenant \"{name}\" in service"))
                .with_hint("SHOW TENANTS lists them.")
        })
    }

    /// Whom the pool knows the target as: a tenant and those of its sessions that only read, or everybody.
    fn whom(&self, target: &Target) -> Result<Vec<Option<TenantId>>, Refusal> {
        match target {
            Target::All => Ok(vec![None]),
            Target::Tenant(name) => {
                let id = self.tenant(name)?.id;
                Ok(vec![Some(id), Some(id.other_access())])
            }
        }
    }

    /// Where the target's server connections are.
    fn clusters(&self, target: &Target) -> Result<Vec<Arc<Cluster>>, Refusal> {
        let Target::Tenant(name) = target else {
            return Ok(self.shared.clusters.all().map(Arc::clone).collect());
        };
        let tenant = self.tenant(name)?;
        let found = self.shared.clusters.of(&tenant.cluster);
        found.map(|cluster| vec![Arc::clone(cluster)]).map_err(|unserved| {
            Refusal::error(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, unserved.to_string())
                .with_hint("It has no clients and no server connections here; DISABLE keeps them out when its cluster is there.")
        })
    }

    /// Whose server connections the target works on.
    fn owners(&self, target: &Target) -> Result<Vec<Option<Owner>>, Refusal> {
        let Target::Tenant(name) = target else { return Ok(vec![None]) };
        let tenant = self.tenant(name)?;
        let own = match tenant.level {
            Level::Dedicated => Owner::Tenant(tenant.id),
            Level::Shared => Owner::Shared,
        };
        Ok(vec![Some(own), Some(Owner::Tenant(tenant.id.other_access()))])
    }

    fn is_shared(&self, target: &Target) -> Result<bool, Refusal> {
        match target {
            Target::All => Ok(false),
            Target::Tenant(name) => Ok(self.tenant(name)?.level == Level::Shared),
        }
    }

    async fn pause(&self, target: &Target) -> Result<(), Refusal> {
        let whom = self.whom(target)?;
        for cluster in self.clusters(target)? {
            for tenant in &whom {
                cluster.pool.pause(*tenant);
            }
        }
        self.come_to_rest(target, &whom).await
    }

    async fn kill(&self, target: &Target) -> Result<(), Refusal> {
        let whom = self.whom(target)?;
        for cluster in self.clusters(target)? {
            for tenant in &whom {
                cluster.pool.pause(*tenant);
            }
        }
        whom.iter().for_each(|tenant| self.shared.roster.kill(*tenant));
        self.come_to_rest(target, &whom).await
    }

    async fn come_to_rest(&self, target: &Target, whom: &[Option<TenantId>]) -> Result<(), Refusal> {
        let clusters = self.clusters(target)?;
        let rest = async {
            for cluster in clusters {
                for tenant in whom {
                    cluster.pool.at_rest(*tenant).await;
                }
            }
        };
        let detail = "No server connection is given to anybody concerned until RESUME all the same.";
        self.cancellable.run(rest).await.ok_or_else(|| cancelled(Some(detail)))
    }

    fn resume(&self, target: &Target) -> Result<(), Refusal> {
        let mut was_paused = self.shared.suspension.end(self.suspended(target)?);
        let whom = self.whom(target)?;
        for cluster in self.clusters(target)? {
            for tenant in &whom {
                was_paused |= cluster.pool.go_on(*tenant);
            }
        }
        if was_paused {
            return Ok(());
        }
        let who = match target {
            Target::All => "the proxy is neither paused nor suspended as a whole".to_owned(),
            Target::Tenant(name) => format!("tenant \"{name}\" is neither paused nor suspended by itself"),
        };
        Err(Refusal::error(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, who)
            .with_hint("SHOW TENANTS says who is, SHOW STATE whether all are. Who was paused or suspended alone is resumed by name."))
    }

    /// Whom a suspension of the target is about.
    fn suspended(&self, target: &Target) -> Result<Whom, Refusal> {
        match target {
            Target::All => Ok(None),
            Target::Tenant(name) => Ok(Some(self.tenant(name)?.registered())),
        }
    }

    /// Returns when all that was read is written. RESUME, the end of the visit and the end of the process end it.
    async fn suspend(&mut self, target: &Target) -> Result<Done, Refusal> {
        let whom = self.suspended(target)?;
        let number = self.shared.suspension.begin(whom);
        self.suspensions.retain(|(begun, _)| *begun != whom);
        self.suspensions.push((whom, number));
        let written = self.cancellable.run(self.shared.suspension.all_written(whom, WRITTEN)).await;
        match written {
            Some(0) => Ok(Done::Note(None)),
            Some(left) => Ok(Done::Note(Some(format!(
                "{left} clients or their servers do not take what was read for them; the rest of it follows after RESUME"
            )))),
            None => {
                self.shared.suspension.end_this(whom, number);
                Err(cancelled(Some("What this command suspended is not suspended any more.")))
            }
        }
    }

    async fn set(&self, key: &str, value: Option<&str>, target: &Target) -> Result<Done, Refusal> {
        let (wish, holds) = match target {
            Target::All => self.wish(key, value)?,
            Target::Tenant(name) => (self.wish_for(key, value, name)?, AT_ONCE),
        };
        let path = match &wish {
            SetByHand::Key(row, _) => row.path(),
            SetByHand::Limit(limit) => limit.name.to_owned(),
        };
        let report = match tokio::time::timeout(RELOADED, self.shared.set_by_hand(wish)).await {
            Ok(Ok(report)) => report,
            Ok(Err(wrong)) => return Err(not_set(&path, &wrong)),
            Err(_) => return Err(unheard()),
        };
        let note = if report.changed.is_empty() { "it has that value already" } else { holds };
        if value.is_none() {
            return Ok(Done::Note(Some(format!("{note}: it is not set by hand any more"))));
        }
        Ok(Done::Note(Some(format!(
            "{note}, until RELOAD or the end of the process; the file is not changed"
        ))))
    }

    /// A key of the configuration, and when another value of it holds.
    fn wish(&self, key: &str, value: Option<&str>) -> Result<(SetByHand, &'static str), Refusal> {
        let (row, in_our_words) =
            by_hand::find(key, value.unwrap_or_default()).map_err(|why| not_by_hand(key, why))?;
        let holds = match effect(row) {
            Some(Effect::NewClients) => "it holds for clients that connect from now on",
            _ => AT_ONCE,
        };
        Ok((SetByHand::Key(row, value.map(|_| in_our_words)), holds))
    }

    /// A limit of one tenant.
    fn wish_for(&self, limit: &str, value: Option<&str>, tenant: &str) -> Result<SetByHand, Refusal> {
        let tenant = self.tenant(tenant)?;
        let (name, in_our_words) =
            by_hand::find_limit(limit, value.unwrap_or_default()).map_err(|why| not_by_hand(limit, why))?;
        Ok(SetByHand::Limit(OwnLimit {
            tenant: tenant.registered(),
            slug: tenant.slug.clone(),
            name,
            value: value.map(|_| in_our_words),
        }))
    }

    async fn reload(&self) -> Result<Done, Refusal> {
        match tokio::time::timeout(RELOADED, self.shared.reload()).await {
            Ok(Ok(report)) => Ok(Done::Note(Some(report.to_string()))),
            Ok(Err(wrong)) => Err(Refusal::error(SqlState::CONFIG_FILE_ERROR, "nothing was changed")
                .with_detail(wrong.to_string())),
            Err(_) => Err(unheard()),
        }
    }

    async fn shut_down(&self, ending: Ending) -> Result<(), Refusal> {
        tokio::time::timeout(HEARD, self.shared.ask_to_stop(ending)).await.map_err(|_| unheard())
    }
}

fn may_only_look() -> Refusal {
    Refusal::error(SqlState::INSUFFICIENT_PRIVILEGE, "permission denied: this login may only look")
        .with_hint("Log in as one of `console.admin_users`, or with an admin token where `auth.admin_tokens` is \"read_write\".")
}

fn cancelled(detail: Option<&'static str>) -> Refusal {
    let refusal = Refusal::error(SqlState::QUERY_CANCELED, "canceling statement due to user request");
    match detail {
        Some(detail) => refusal.with_detail(detail),
        None => refusal,
    }
}

fn unheard() -> Refusal {
    Refusal::error(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "the process did not take the order in time")
        .with_hint("It may be shutting down, or busy with an order from somebody else.")
}

fn not_by_hand(key: &str, why: NotByHand) -> Refusal {
    const FILE: &str = "Change the configuration file, and say RELOAD.";
    let (code, message, hint) = match why {
        NotByHand::Unknown => {
            (SqlState::UNDEFINED_OBJECT, format!("there is no setting \"{key}\""), "SHOW CONFIG lists them.")
        }
        NotByHand::NotLive => (
            SqlState::CANT_CHANGE_RUNTIME_PARAM,
            format!("\"{key}\" cannot be changed while the proxy serves"),
            "Change the configuration file, and restart the proxy (docs/config.md).",
        ),
        NotByHand::OnlyInFile => (
            SqlState::CANT_CHANGE_RUNTIME_PARAM,
            format!(
                "\"{key}\" is changed in the configuration file only, as what it says is more than a limit"
            ),
            FILE,
        ),
        NotByHand::OfAll => (
            SqlState::CANT_CHANGE_RUNTIME_PARAM,
            format!("\"{key}\" is of all tenants together"),
            "Say SET without FOR. docs/console.md lists what a tenant can have of its own.",
        ),
    };
    Refusal::error(code, message).with_hint(hint)
}

/// In the words of the key, where it is its value that is wrong.
fn not_set(key: &str, error: &ReloadError) -> Refusal {
    if let ReloadError::Problems(problems) = error
        && let Some(problem) = problems.iter().find(|problem| problem.key.as_deref() == Some(key))
    {
        let message = format!("{key}: {}", problem.wrong);
        return Refusal::error(SqlState::INVALID_PARAMETER_VALUE, message).with_hint(problem.remedy.clone());
    }
    if let ReloadError::Limit(wrong) = error {
        return Refusal::error(SqlState::INVALID_PARAMETER_VALUE, wrong.to_string())
            .with_hint("docs/console.md lists the limits of a tenant; the registry has what stays (`pgtenant tenant limit`).");
    }
    let code = match error {
        ReloadError::NoFile | ReloadError::Ending => SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        _ => SqlState::CONFIG_FILE_ERROR,
    };
    Refusal::error(code, "nothing was changed").with_detail(error.to_string())
}
