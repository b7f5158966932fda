//! What can go wrong in the control plane. Every message names the remedy.

use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::config::limits::LimitError;
use crate::control::migrate::Conflict;
use crate::registry::{RegistryError, describe};
use crate::tenant::{ClusterName, Slug};

/// Why an administrator's command failed. Nothing of it has happened then.
#[derive(Debug, Error)]
pub enum ControlError {
    /// The registry is missing, of another version, or out of reach.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Its schema and roles are in another database.
    #[error(
        "tenant {slug} is on the cluster {cluster}, and this is done in the database of another; `pgtenant tenant show {slug}` \
         says where it is, and `pgtenant tenant …` on the command line does to it what it can do there"
    )]
    Elsewhere {
        /// The tenant.
        slug: Slug,
        /// Where it is.
        cluster: ClusterName,
    },
    /// The configuration has no section for it.
    #[error(
        "the configuration describes no cluster {name}; it has {}; add a section [clusters.{name}]", .known.join(", ")
    )]
    NoCluster {
        /// What was asked for.
        name: ClusterName,
        /// What it has.
        known: Vec<String>,
    },
    /// They would be those of another tenant in the registry of `main`.
    #[error(
        "the names of schema and roles for the slug {0} are, or were, those of another tenant, on whichever cluster; choose another \
         slug, or keep the names with `--keep-names`"
    )]
    NamesElsewhere(Slug),
    /// `pgtenant init` was never run to its end.
    #[error("the tenant registry does not know its roles; run `pgtenant init`")]
    NoInstallation,
    /// The administrator's login cannot do this.
    #[error("role {role} cannot {what}; log in as a superuser, or run as one: {remedy}")]
    NotAllowed {
        /// Who tried.
        role: String,
        /// What it may not.
        what: String,
        /// SQL for somebody who may.
        remedy: String,
    },
    /// The hardening moves PostgreSQL's own functions, which takes a superuser.
    #[error(
        "role {role} is no superuser, which `pgtenant init {flag}` needs once; run it as a superuser, or leave \
         the hardening out: `pgtenant init` needs none"
    )]
    NotSuperuser {
        /// Who tried.
        role: String,
        /// The flag.
        flag: String,
    },
    /// The hardening was installed by a newer program.
    #[error("the hardening is of version {found}, this program knows up to {known}; use a newer pgtenant")]
    NewerHardening {
        /// Version in the database.
        found: i32,
        /// Version this program installs.
        known: i32,
    },
    /// A schema of the hardening's name exists and was made by somebody else.
    #[error("schema pgtenant_guard exists already and is not pgtenant's; rename or drop the schema")]
    ForeignGuardSchema,
    /// The hardening was installed and something keeps it from being in force.
    #[error("the hardening cannot be put in force; correct this and run it again:\n  {}", .0.join("\n  "))]
    HardeningDefects(Vec<String>),
    /// The configured registry login is the administrator itself.
    #[error(
        "`registry.user` is {0}, the role this command runs as; the proxy needs a role of its own without rights"
    )]
    RegistryRoleIsAdministrator(String),
    /// A role of that name exists and was made by somebody else.
    #[error(
        "role {0} exists already, and this database's registry did not make it; choose another name, \
         or drop it (`DROP OWNED BY` in every database, then `DROP ROLE`) if nothing needs it"
    )]
    ForeignRole(String),
    /// A schema of that name exists and was made by somebody else.
    #[error(
        "schema {0} exists already and belongs to no registered tenant; choose another slug, \
         or rename or drop the schema"
    )]
    ForeignSchema(String),
    /// A tenant of another slug has the schema.
    #[error("schema {0} is another tenant's already; `pgtenant tenant list --json` says whose")]
    SchemaTaken(String),
    /// The registry's row cannot be understood by this program.
    #[error(
        "the registry's row of tenant {0} cannot be understood by this program; use a newer pgtenant, or repair the row"
    )]
    UnreadableTenant(Slug),
    /// The user name is another tenant's.
    #[error("user {0} belongs to another tenant; choose another name")]
    UserTaken(String),
    /// The user is this tenant's, with other rights.
    #[error(
        "user {0} exists with another access; remove it first with `pgtenant user remove {0}`, or choose another name"
    )]
    UserDiffers(String),
    /// No user of this name.
    #[error("there is no user {0:?}; `pgtenant user list` shows all")]
    UnknownUser(String),
    /// A tenant of an older version.
    #[error("tenant {0} has no role that only reads; run `pgtenant tenant create {0}` again")]
    NoReaderRole(Slug),
    /// Another tenant is this customer.
    #[error("Stripe customer {0} belongs to another tenant; correct `--stripe-customer`")]
    StripeCustomerTaken(String),
    /// `pgtenant init` of this version was not run to its end.
    #[error("the tenant registry knows no pool role; run `pgtenant init`")]
    NoPoolRole,
    /// A shared connection finds the schema by the role's name.
    #[error(
        "tenant {slug} cannot be of level shared: its schema is {schema} and its role {role}, and they must have the \
         same name; rename one of them, in the database and in pgtenant.tenants"
    )]
    SchemaIsNotRole {
        /// The tenant.
        slug: Slug,
        /// Its schema.
        schema: String,
        /// Its role.
        role: String,
    },
    /// Its code could leave the tenant's role.
    #[error(
        "tenant {slug} cannot be of level shared in a database that is not hardened, because it has what can run code; \
         run `pgtenant init --harden`, or drop this:\n  {}", .found.join("\n  ")
    )]
    TenantHasCode {
        /// The tenant.
        slug: Slug,
        /// What it has.
        found: Vec<String>,
    },
    /// What it would have of the template could leave the tenant's role.
    #[error(
        "tenant {slug} cannot be of level shared in a database that is not hardened, because the template has what can \
         run code; run `pgtenant init --harden`, create it with `--level dedicated`, or drop the original of this from the template:\n  {}", .found.join("\n  ")
    )]
    TemplateHasCode {
        /// The tenant.
        slug: Slug,
        /// What it would have.
        found: Vec<String>,
    },
    /// Its code could leave the tenant's role once the hardening is gone.
    #[error(
        "the hardening cannot be removed while tenant {slug} is of level shared and has what can run code; run \
         `pgtenant tenant level {slug} dedicated`, or drop this:\n  {}", .found.join("\n  ")
    )]
    SharedTenantHasCode {
        /// The tenant.
        slug: Slug,
        /// What it has.
        found: Vec<String>,
    },
    /// A limit that there is not, or with a wrong value.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// No tenant of this slug.
    #[error("there is no tenant {0}; `pgtenant tenant list` shows all")]
    UnknownTenant(Slug),
    /// Another tenant has the slug.
    #[error("there is a tenant {0} already; choose another slug, or rename that one first")]
    SlugTaken(Slug),
    /// It is out of service for good, unless it is kept.
    #[error("tenant {0} is to be dropped; `pgtenant tenant undrop {0}` keeps it")]
    IsDropping(Slug),
    /// It is on its way to another installation.
    #[error(
        "tenant {0} is being moved to another server; run its `pgtenant tenant move` again, which ends the move, or with \
         `--undo`, which gives it up"
    )]
    Moving(Slug),
    /// It is on its way from another installation.
    #[error(
        "tenant {0} is being moved here from another server; run its `pgtenant tenant move` there again, which ends the move, \
         or with `--undo`, which gives it up"
    )]
    Arriving(Slug),
    /// It is another installation's.
    #[error(
        "tenant {slug} is served elsewhere, as tenant {slug_there} in {peer}, and nobody is to be in service twice; run \
         `pgtenant tenant move` with `--undo` where it was moved from, or, if that one is lost for good, `pgtenant tenant undrop \
         {slug} --although-moved`"
    )]
    WasMoved {
        /// The tenant.
        slug: Slug,
        /// What it is called there.
        slug_there: String,
        /// Where it is.
        peer: String,
    },
    /// The schema of a tenant to be.
    #[error("there is no schema {0}")]
    NoSchema(String),
    /// What is around it, or in it.
    #[error(
        "schema {schema} is not adopted; {} this and run it again:\n  {}",
        if *fixable == found.len() { "use `--fix`, or correct" } else { "correct" }, .found.join("\n  ")
    )]
    NotAdopted {
        /// The schema.
        schema: String,
        /// The holes.
        found: Vec<String>,
        /// How many of them are closed with `--fix`.
        fixable: usize,
    },
    /// Every login of the tenant would fail with it.
    #[error("setting {name} cannot be a tenant's: {why}")]
    BadSetting {
        /// Its name.
        name: String,
        /// Why not.
        why: String,
    },
    /// It could not go on with its application.
    #[error(
        "role {0} has NOINHERIT, so its application could not go on; run ALTER ROLE {0} INHERIT, or release it with \
         `--release-owner` once the application connects to the proxy"
    )]
    DoesNotInherit(String),
    /// The application's role was dropped without a release.
    #[error(
        "role {role}, which the application of schema {schema} worked as when it was adopted, does not exist any more; run this \
         again with `--release-owner`, which is what is left to do"
    )]
    OwnerGone {
        /// The schema.
        schema: String,
        /// The role.
        role: String,
    },
    /// The application's own table of tenants.
    #[error(
        "table {table} {why}; `--tenants-table` is one with the columns id and slug, such as global.tenants"
    )]
    BadTenantsTable {
        /// The table.
        table: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no way back.
    #[error(
        "some tables of tenant {0} are deleted already, so it cannot be kept; finish with `pgtenant tenant purge {0}`, and \
         restore it from its backup"
    )]
    DropBegun(Slug),
    /// It is not to be dropped.
    #[error("tenant {0} is not to be dropped; `pgtenant tenant drop {0}` comes first")]
    NotDropping(Slug),
    /// Its time of grace is not over.
    #[error(
        "tenant {slug} can still be kept, until {after}; wait, or delete it with `pgtenant tenant drop {slug} --now --yes`"
    )]
    NotDue {
        /// The tenant.
        slug: Slug,
        /// Until when, UTC.
        after: String,
    },
    /// Deleting it would delete something of others, or leave something of its own.
    #[error(
        "tenant {slug} is not deleted, and stays out of service; correct this and run it again:\n  {}",
        .found.join("\n  ")
    )]
    StillNeeded {
        /// The tenant.
        slug: Slug,
        /// What is in the way, and what to do with it.
        found: Vec<String>,
    },
    /// What would not be found under its new name.
    #[error(
        "the schema of tenant {slug} cannot get another name, because this names it in a text; change that, or run it \
         again with `--keep-names`:\n  {}", .found.join("\n  ")
    )]
    NamesItsSchema {
        /// The tenant.
        slug: Slug,
        /// What it has.
        found: Vec<String>,
    },
    /// Its creation has not come to its end.
    #[error("tenant {0} is not created yet; run `pgtenant tenant create {0}` again")]
    NotCreated(Slug),
    /// The template schema does not exist.
    #[error("the template schema {0} does not exist; run `pgtenant init`")]
    NoTemplate(String),
    /// The template holds what a clone cannot carry. Nothing is left out silently.
    #[error(
        "the template schema holds what cannot be cloned; change it or move it out of the template, and run this again:\n  {}",
        .0.join("\n  ")
    )]
    Template(Vec<String>),
    /// Files that are no migrations, or cannot be read.
    #[error("the directory of migrations is not as it has to be:\n  {}", .0.join("\n  "))]
    Files(Vec<String>),
    /// The ledger and the files do not go together.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Another run is under way.
    #[error(
        "another `pgtenant migrate` is in progress; wait for its end, and run this again if something is left"
    )]
    Migrating,
    /// A part of the run ended by an error of this program.
    #[error("a part of the run broke off: {0}; run this again, it goes on from where it was")]
    Task(String),
    /// Another administrator holds what this needs.
    #[error("another administrator's command is in progress; run this again in a moment ({0})")]
    Busy(String),
    /// No randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// PostgreSQL or the connection said so.
    #[error("{}{}", describe(.0), remedy_for(.0))]
    Db(tokio_postgres::Error),
}

// By hand, not `#[from]`: that would make it the source too, and chains would print it twice.
impl From<tokio_postgres::Error> for ControlError {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
            return Self::Busy(describe(&error));
        }
        Self::Db(error)
    }
}

fn remedy_for(error: &tokio_postgres::Error) -> &'static str {
    match error.code() {
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            "; log in as a superuser, or as the role with CREATEROLE that ran `pgtenant init`"
        }
        _ => "",
    }
}
