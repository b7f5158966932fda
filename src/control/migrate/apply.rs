//! The files that one schema lacks, one after the other, each with its row in the ledger.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::Client;

use crate::config::{self, Config, PublicSchema};
use crate::control::ControlError;
use crate::control::migrate::files::{File, Files};
use crate::control::migrate::judge::{Judged, judge};
use crate::control::migrate::login::TenantLogin;
use crate::control::migrate::plan::rest;
use crate::control::migrate::session::{self, Signs, Surroundings, Trouble};
use crate::guard::{Guard, Scope};
use crate::registry::ledger::{self, Place, Target};
use crate::registry::{describe, store};
use crate::tenant::{Access, ChannelPrefix, Ident, Level, Tenant, TenantId};

/// How often, and how long apart, the end of a transaction is asked for whose connection broke while it was committed.
const ASKS: (u32, Duration) = (20, Duration::from_millis(500));

/// Which file failed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The file; `None` where it did not come to one.
    pub file: Option<String>,
    /// For people.
    pub error: String,
}

/// What was done for one schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Files that were applied now.
    pub applied: Vec<String>,
    /// What stopped it.
    pub failure: Option<Failure>,
}

/// A file that a schema lacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Todo {
    pub(super) number: i64,
    /// It was run outside a transaction before, and not to its end.
    pub(super) cut_off: Option<CutOff>,
}

/// How an earlier attempt outside a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CutOff {
    /// Nobody knows: the program ended first.
    Unknown,
    /// PostgreSQL said that it failed.
    Failed,
}

/// What all schemas have in common.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) files: Files,
    /// The administrator's connection that writes the ledger.
    pub(super) ledger: Client,
    pub(super) schemas: config::Schemas,
    pub(super) attempts: u32,
    pub(super) hardened: bool,
    lock_timeout: Duration,
    checks_client: bool,
    guard: Guard,
    guard_config: config::Guard,
    login: TenantLogin,
}

impl Context {
    pub(super) async fn new(
        config: &Config,
        files: Files,
        ledger: Client,
        attempts: u32,
    ) -> Result<Self, ControlError> {
        let sql = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4";
        let version: i32 = ledger.query_one(sql, &[]).await?.try_get(0)?;
        let hardened = store::installation(&ledger).await?.is_some_and(|installation| installation.hardened);
        // Only reporting is for applications whose statements nobody knows yet.
        let guard_config = config::Guard { mode: config::GuardMode::Enforce, ..config.guard.clone() };
        Ok(Self {
            files,
            ledger,
            schemas: config.schemas.clone(),
            attempts,
            hardened,
            lock_timeout: config.migrations.lock_timeout,
            checks_client: version >= 140_000,
            guard: Guard::new(&guard_config),
            guard_config,
            login: TenantLogin::new(config)?,
        })
    }

    fn surroundings(&self, schema: &Ident) -> Surroundings {
        Surroundings {
            path: [schema.clone(), self.schemas.global.clone()],
            lock_timeout: self.lock_timeout,
            checks_client: self.checks_client,
        }
    }

    fn scope(&self, schema: &Ident, role: &Ident) -> Scope {
        let config = &self.guard_config;
        Scope {
            tenant: TenantId(uuid::Uuid::nil()),
            schema: schema.clone(),
            role: role.clone(),
            channels: ChannelPrefix::new(&[0; 32]),
            public_is_own: config.public_schema == PublicSchema::Tenant,
            shared_schemas: std::iter::once(&self.schemas.global)
                .chain(&config.extra_schemas)
                .cloned()
                .collect(),
            extra_functions: config.extra_functions.iter().cloned().collect(),
            extra_settings: config.extra_settings.iter().map(|name| name.as_str().into()).collect(),
            level: Level::Dedicated,
            hardened: false,
            access: Access::ReadWrite,
        }
    }

    /// The connection is logged in as the tenant, whatever its level. What the level says of its code holds for files too.
    pub(super) fn tenant_scope(&self, tenant: &Tenant) -> Scope {
        let may_have_code = tenant.level == Level::Dedicated || self.hardened;
        Scope {
            tenant: tenant.id,
            channels: tenant.channels.clone(),
            level: if may_have_code { Level::Dedicated } else { Level::Shared },
            ..self.scope(&tenant.names.schema, &tenant.names.role)
        }
    }

    /// Judges a file as [`tenant_scope`](Self::tenant_scope) has it.
    pub(super) fn judge(&self, file: &File, scope: &Scope) -> Result<Judged, String> {
        judge(file, &self.guard, scope)
    }

    /// Whoever looks at a template is nobody's tenant.
    pub(super) fn template_scope(&self) -> Scope {
        self.scope(&self.schemas.template, &self.schemas.template)
    }
}

/// Applies what a tenant lacks.
pub(super) async fn tenant(context: &Context, place: &Place, todo: &[Todo]) -> Done {
    let mut done = Done::default();
    let found = store::summaries(&context.ledger, Some(&place.slug)).await;
    let tenant = match found.map(|mut found| found.pop()) {
        Ok(Some(summary)) if summary.tenant.id == place.id => summary.tenant,
        Ok(_) => {
            done.failure =
                Some(Failure { file: None, error: "it is not in the registry any more".to_owned() });
            return done;
        }
        Err(error) => {
            done.failure = Some(Failure { file: None, error: describe(&error) });
            return done;
        }
    };
    let scope = context.tenant_scope(&tenant);
    let mut hand = Hand {
        surroundings: context.surroundings(&tenant.names.schema),
        target: Target::Tenant(tenant.id),
        context,
        tenant: Some(tenant),
        client: None,
    };
    apply_all(&mut hand, &scope, todo, &mut done).await;
    done
}

/// Applies what the template lacks, on the administrator's connection: nobody else's code is in it.
pub(super) async fn template(context: &Context, client: Client, todo: &[Todo]) -> Done {
    let mut done = Done::default();
    let scope = context.template_scope();
    let mut hand = Hand {
        surroundings: context.surroundings(&context.schemas.template),
        target: Target::Template,
        context,
        tenant: None,
        client: Some(client),
    };
    apply_all(&mut hand, &scope, todo, &mut done).await;
    done
}

async fn apply_all(hand: &mut Hand<'_>, scope: &Scope, todo: &[Todo], done: &mut Done) {
    for todo in todo {
        let Some(file) = hand.context.files.get(todo.number) else { continue };
        match hand.apply(file, scope, todo.cut_off).await {
            Ok(()) => done.applied.push(file.label()),
            Err(error) => {
                done.failure = Some(Failure { file: Some(file.label()), error });
                return;
            }
        }
    }
}

/// What works on one schema.
struct Hand<'c> {
    context: &'c Context,
    target: Target,
    surroundings: Surroundings,
    /// Who logs in; `None` for the template.
    tenant: Option<Tenant>,
    client: Option<Client>,
}

impl Hand<'_> {
    async fn apply(&mut self, file: &File, scope: &Scope, mut cut_off: Option<CutOff>) -> Result<(), String> {
        let judged = self.context.judge(file, scope)?;
        for attempt in 1.. {
            let tried = match (file.in_transaction, self.target) {
                (true, Target::Tenant(_)) => self.in_transaction(file, &judged.text).await,
                (true, Target::Template) => self.in_transaction_of_the_template(file, &judged.text).await,
                (false, _) => {
                    let tried = self.alone(file, &judged, cut_off).await;
                    cut_off = Some(CutOff::Failed);
                    tried
                }
            };
            match tried {
                Ok(()) => return Ok(()),
                Err(Trouble::Again(error)) if attempt < self.context.attempts => {
                    tracing::debug!(file = %file.label(), %error, attempt, "tried again in a moment");
                    sleep(rest(attempt)).await;
                }
                Err(Trouble::Again(error)) => {
                    return Err(format!(
                        "{error}; given up after {attempt} attempts, run this again at a quieter time"
                    ));
                }
                Err(Trouble::Final(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sees to a connection that is arranged for a file.
    async fn arrange(&mut self, in_transaction: bool) -> Result<(), Trouble> {
        if let Some(tenant) = &self.tenant
            && self.client.as_ref().is_none_or(Client::is_closed)
        {
            let connected = self.context.login.connect(tenant).await;
            self.client = Some(connected.map_err(|error| Trouble::of_login(&error))?);
        }
        let arranged = self.surroundings.arrange(self.client()?, in_transaction).await;
        arranged.map_err(|error| Trouble::of(&error, ""))
    }

    fn client(&self) -> Result<&Client, Trouble> {
        let lost = || Trouble::Final("the connection to PostgreSQL was lost; run this again".to_owned());
        self.client.as_ref().filter(|client| !client.is_closed()).ok_or_else(lost)
    }

    /// The row is written, with the transaction's number, before the file is run; PostgreSQL says what became of it.
    async fn in_transaction(&mut self, file: &File, text: &str) -> Result<(), Trouble> {
        let (context, target, number) = (self.context, self.target, file.migration.number);
        self.arrange(true).await?;
        let client = self.client()?;
        let of = |error: tokio_postgres::Error| Trouble::of(&error, text);
        client.batch_execute("BEGIN").await.map_err(of)?;
        let signs = Signs::read(client).await.map_err(of)?;
        let begun = ledger::begin(&context.ledger, target, &file.migration, Some(&signs.xid)).await;
        if !begun.map_err(|error| ledger_trouble(&error))? {
            let _ = client.batch_execute("ROLLBACK").await;
            return Err(Trouble::Again("an earlier attempt is still in progress".to_owned()));
        }
        if let Err(trouble) = session::run(client, text, &signs).await {
            let _ = client.batch_execute("ROLLBACK").await;
            return Err(self.failed(number, trouble).await);
        }
        let committed = match client.batch_execute("COMMIT").await {
            Ok(()) => Ok(()),
            Err(error) if error.as_db_error().is_some() => Err(Trouble::of(&error, "")),
            // The answer is lost, which does not say that the transaction is.
            Err(error) => self.outcome(&signs.xid, &describe(&error)).await?,
        };
        match committed {
            Ok(()) => {
                let noted = ledger::applied(&context.ledger, target, number).await;
                noted.map_err(|error| ledger_trouble(&error))
            }
            Err(trouble) => Err(self.failed(number, trouble).await),
        }
    }

    /// What became of a transaction whose connection broke. An error where that is not known: then the row stays.
    async fn outcome(&self, xid: &str, error: &str) -> Result<Result<(), Trouble>, Trouble> {
        for _ in 0..ASKS.0 {
            let fate =
                ledger::fate(&self.context.ledger, xid).await.map_err(|error| ledger_trouble(&error))?;
            match fate.as_deref() {
                Some("committed") => return Ok(Ok(())),
                Some("aborted") => return Ok(Err(Trouble::Final(error.to_owned()))),
                _ => sleep(ASKS.1).await,
            }
        }
        Err(Trouble::Final(format!(
            "{error}; whether it was committed is not known yet. Run this again, PostgreSQL will say it"
        )))
    }

    /// The template's own ledger is the administrator's to write, in the same transaction; who would clone it waits.
    async fn in_transaction_of_the_template(&mut self, file: &File, text: &str) -> Result<(), Trouble> {
        let (context, number) = (self.context, file.migration.number);
        self.arrange(true).await?;
        let client = self.client()?;
        let of = |error: tokio_postgres::Error| Trouble::of(&error, text);
        let run = async {
            client.batch_execute("BEGIN").await.map_err(of)?;
            ledger::lock_template(client).await.map_err(of)?;
            let signs = Signs::read(client).await.map_err(of)?;
            if !ledger::begin(client, Target::Template, &file.migration, None).await.map_err(of)? {
                return Err(Trouble::Final("it was applied meanwhile; run this again".to_owned()));
            }
            session::run(client, text, &signs).await?;
            ledger::applied(client, Target::Template, number).await.map_err(of)?;
            client.batch_execute("COMMIT").await.map_err(of)
        };
        let Err(trouble) = run.await else { return Ok(()) };
        let _ = client.batch_execute("ROLLBACK").await;
        if ledger::begin(&context.ledger, Target::Template, &file.migration, None).await.is_ok() {
            return Err(self.failed(number, trouble).await);
        }
        Err(trouble)
    }

    /// A statement that runs in no transaction. If it is cut off, its row says so.
    async fn alone(&mut self, file: &File, judged: &Judged, cut_off: Option<CutOff>) -> Result<(), Trouble> {
        let (context, target, number) = (self.context, self.target, file.migration.number);
        let schema = self.surroundings.path[0].clone();
        self.arrange(false).await?;
        let client = self.client()?;
        let of = |error: tokio_postgres::Error| Trouble::of(&error, &judged.text);
        if !ledger::begin(&context.ledger, target, &file.migration, None).await.map_err(of)? {
            return Err(Trouble::Again("an earlier attempt is still in progress".to_owned()));
        }
        let run = async {
            if let (Some(index), Some(cut_off)) = (&judged.index, cut_off) {
                let there = session::index_state(&context.ledger, &schema, index).await.map_err(of)?;
                match (there, cut_off) {
                    (Some(true), CutOff::Unknown) => return Ok(()),
                    (Some(false), _) => {
                        session::drop_broken_index(client, &schema, index).await.map_err(of)?;
                    }
                    _ => {}
                }
            }
            client.batch_execute(&judged.text).await.map_err(of)
        };
        match run.await {
            Ok(()) => {
                let noted = ledger::applied(&context.ledger, target, number).await;
                noted.map_err(|error| ledger_trouble(&error))
            }
            Err(trouble) => {
                let trouble = self.failed(number, trouble).await;
                Err(match trouble {
                    Trouble::Final(error) => Trouble::Final(format!(
                        "{error}; it ran outside a transaction, and what it did until then stands"
                    )),
                    again @ Trouble::Again(_) => again,
                })
            }
        }
    }

    /// Writes down that it failed, for `migrate status`; whether that can be written does not change that it did.
    async fn failed(&self, number: i64, trouble: Trouble) -> Trouble {
        let (Trouble::Again(error) | Trouble::Final(error)) = &trouble;
        if let Err(unwritten) = ledger::failed(&self.context.ledger, self.target, number, error).await {
            tracing::warn!(error = %describe(&unwritten), "the ledger does not take what failed");
        }
        trouble
    }
}

fn ledger_trouble(error: &tokio_postgres::Error) -> Trouble {
    Trouble::Final(format!(
        "the ledger cannot be written: {}; run this again, it finds out what was applied",
        describe(error)
    ))
}

/// Shared by the tasks of a run.
pub(super) type SharedContext = Arc<Context>;
