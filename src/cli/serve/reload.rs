//! Reading the configuration again while the proxy serves: all of it is applied, or nothing is changed.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli::serve::ports::{Inherited, Opened};
use crate::cli::serve::{Running, tell_statistics};
use crate::cli::{ONLY_REPORTS, audit_file};
use crate::client::{Order, OrderReceiver, ReloadError, ReloadReport};
use crate::config::by_hand::ByHand;
use crate::config::keys::Row;
use crate::config::problem::Problems;
use crate::config::reload::{Plan, plan};
use crate::config::{Config, GuardMode};
use crate::console::Ending;
use crate::control::verify::{AcceptError, Watcher};
use crate::net::tls::{Acceptor, Prepared};
use crate::telemetry::Sink;
use crate::tokens::Tokens;

/// How often is looked whether the last client has left.
const LOOK: Duration = Duration::from_millis(100);

/// Reads the configuration from where it is, with what is set by hand.
pub type ReadConfig = Arc<dyn Fn(&ByHand) -> Result<Config, Problems> + Send + Sync>;

/// Ends tasks that go by what a reload may change.
#[derive(Debug)]
pub(super) struct Replaceable {
    pub(super) verify: CancellationToken,
    pub(super) statistics: CancellationToken,
    pub(super) tokens: CancellationToken,
    pub(super) tls: CancellationToken,
}

impl Replaceable {
    /// None runs.
    pub(super) fn none() -> Self {
        Self {
            verify: CancellationToken::new(),
            statistics: CancellationToken::new(),
            tokens: CancellationToken::new(),
            tls: CancellationToken::new(),
        }
    }
}

/// All that can fail, done before anything is changed.
struct Ready {
    opened: Opened,
    tls: Option<Prepared>,
    tokens: Option<Option<Arc<Tokens>>>,
    verifier: Option<Watcher>,
    /// Opened again, as the old file may have been renamed.
    audit: Option<Sink>,
    warnings: Vec<String>,
}

impl Running {
    /// Does what is ordered, until it is told to stop.
    pub(super) async fn take_orders(self: Arc<Self>, mut orders: OrderReceiver) {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Reload(answer) => {
                    let _ = answer.send(self.reload().await);
                }
                Order::Set(wish, answer) => {
                    let _ = answer.send(self.set(wish).await);
                }
                Order::Stop(ending) => self.end_when(ending),
            }
        }
    }

    fn end_when(self: &Arc<Self>, ending: Ending) {
        match ending {
            Ending::Now => {
                tracing::info!("asked to stop");
                self.stop_asked.cancel();
            }
            Ending::WaitForServers => {
                tracing::info!(
                    "no clients are taken any more; shutting down when no server connection is in use"
                );
                self.ports.close();
                self.shared.drain();
                self.shared.clusters.pause_all();
                let this = Arc::clone(self);
                self.spawn(async move {
                    this.shared.clusters.all_at_rest().await;
                    this.stop_asked.cancel();
                });
            }
            Ending::WaitForClients => {
                tracing::info!("no clients are taken any more; shutting down when the last has left");
                self.ports.close();
                self.shared.drain();
                let this = Arc::clone(self);
                self.spawn(async move {
                    while !this.shared.roster.is_empty() {
                        tokio::time::sleep(LOOK).await;
                    }
                    this.stop_asked.cancel();
                });
            }
        }
    }

    /// Reads the configuration again, and tells the log what came of it.
    pub(super) async fn reload(self: &Arc<Self>) -> Result<ReloadReport, ReloadError> {
        let _turn = self.reloading.lock().await;
        let reloaded = match &self.source {
            Some(source) => {
                let source = Arc::clone(source);
                match tokio::task::spawn_blocking(move || source(&ByHand::new())).await {
                    Ok(Ok(config)) => self.apply(config).await,
                    Ok(Err(problems)) => Err(problems.into()),
                    Err(_) => Err(ReloadError::Ending),
                }
            }
            // Certificates, and other files, may be others all the same.
            None => self.apply(Config::clone(&self.shared.config())).await,
        };
        match &reloaded {
            Ok(report) => {
                self.shared.note_by_hand(ByHand::new());
                tracing::info!("the configuration was read again: {report}");
                for key in &report.restart {
                    tracing::warn!(key, "another value takes a restart; the old one holds");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the configuration was read again and cannot be used; nothing is changed");
            }
        }
        reloaded
    }

    /// Goes by this configuration from now on, as far as that is possible without a restart.
    ///
    /// # Errors
    /// [`ReloadError`]; then nothing was changed.
    pub(super) async fn apply(self: &Arc<Self>, new: Config) -> Result<ReloadReport, ReloadError> {
        let old = self.shared.config();
        self.put(plan(&old, new), &old).await
    }

    /// The same, of what was compared already.
    pub(super) async fn put(self: &Arc<Self>, plan: Plan, old: &Config) -> Result<ReloadReport, ReloadError> {
        let Plan { config, changed, restart, clusters_changed, clusters_restart } = plan;
        let config = Arc::new(config);
        let ready = self.prepare(old, &config).await?;
        if let Some(log) = self.log.as_ref().filter(|_| config.log != old.log) {
            log.set_filter(&config.log.filter)
                .map_err(|wrong| ReloadError::Key { key: "log.filter", wrong })?;
        }
        let with = |rows: &[&'static Row], clusters: bool| {
            rows.iter().map(|row| row.path()).chain(clusters.then(|| "clusters".to_owned())).collect()
        };
        let report = ReloadReport {
            changed: with(&changed, clusters_changed),
            restart: with(&restart, clusters_restart),
            warnings: ready.warnings.clone(),
        };
        self.put_in_force(old, &config, ready);
        if let Some(file) = config.tenants.file.as_ref().filter(|_| config.tenants.file != old.tenants.file) {
            self.shared.clusters.all().for_each(|cluster| cluster.registry.relist(file));
            // A file that was read cannot fail.
            let _ = self.shared.directory.relist(file).await;
        }
        Ok(report)
    }

    async fn prepare(&self, old: &Config, config: &Arc<Config>) -> Result<Ready, ReloadError> {
        self.audit_tenants(old, config).await?;
        let mut warnings = Vec::new();
        let tls = match config.listen.tls.clone() {
            None => None,
            Some(settings) => {
                let read = tokio::task::spawn_blocking(move || Prepared::read(&settings)).await;
                let (prepared, warning) = read.map_err(|_| ReloadError::Ending)??;
                warnings.extend(warning);
                Some(prepared)
            }
        };
        let tokens = if config.auth == old.auth {
            None
        } else {
            let (auth, counters) = (config.auth.clone(), Arc::clone(&self.shared.counters));
            let opened = tokio::task::spawn_blocking(move || Tokens::open(&auth, counters)).await;
            Some(opened.map_err(|_| ReloadError::Ending)??)
        };
        let verifier = if config.verify == old.verify { None } else { Some(self.verifier(config)?) };
        let audit = match config.log.audit_file.as_deref() {
            None => None,
            Some(path) => Some(audit_file::open(path).map_err(|error| ReloadError::Key {
                key: "log.audit_file",
                wrong: audit_file::remedy(path, &error),
            })?),
        };
        let opened = self.ports.open(&config.listen, &mut Inherited::default())?;
        Ok(Ready { opened, tls, tokens, verifier, audit, warnings })
    }

    /// Nobody of another file is served before it was looked at what its roles may do.
    async fn audit_tenants(&self, old: &Config, config: &Config) -> Result<(), ReloadError> {
        let refused = |wrong| Err(ReloadError::Key { key: "tenants.file", wrong });
        match (&old.tenants.file, &config.tenants.file) {
            (None, None) => Ok(()),
            (Some(before), Some(file)) if before == file => Ok(()),
            (Some(_), Some(file)) => {
                for cluster in self.shared.clusters.all() {
                    match cluster.registry.audit_file(file, &config.schemas).await {
                        Ok(findings) if findings.is_empty() => {}
                        Ok(findings) => {
                            let all: Vec<_> = findings.iter().map(ToString::to_string).collect();
                            return refused(all.join("\n  - "));
                        }
                        Err(error) => return refused(error.to_string()),
                    }
                }
                Ok(())
            }
            _ => refused(
                "a registry in place of a file, or a file in place of a registry, takes a restart".to_owned(),
            ),
        }
    }

    /// What audits the catalogs under this configuration.
    fn verifier(&self, config: &Arc<Config>) -> Result<Watcher, ReloadError> {
        Watcher::new(self.registry.clone(), Arc::clone(config), Arc::clone(&self.shared.counters))
            .map_err(|error: AcceptError| ReloadError::Key { key: "verify.accept", wrong: error.to_string() })
    }

    /// Nothing of this can fail.
    fn put_in_force(self: &Arc<Self>, old: &Config, config: &Arc<Config>, ready: Ready) {
        if config.guard.mode == GuardMode::Report && old.guard.mode != GuardMode::Report {
            tracing::warn!("{ONLY_REPORTS}");
        }
        if let Some(log) = &self.log {
            log.set_audit(ready.audit);
        }
        self.put_tls(ready.tls);
        if let Some(tokens) = ready.tokens {
            self.put_tokens(tokens);
        }
        self.shared.reconfigure(Arc::clone(config));
        if let Some(verifier) = ready.verifier {
            self.put_verifier(verifier, config);
        }
        if config.log.stats_period != old.log.stats_period {
            self.tell_statistics();
        }
        self.ports.serve(ready.opened, &self.desk());
        for warning in &ready.warnings {
            tracing::warn!("{warning}");
        }
    }

    /// New sessions have this TLS, and those who are there with a certificate are looked at again.
    pub(super) fn put_tls(self: &Arc<Self>, prepared: Option<Prepared>) {
        let before = self.shared.tls.load_full();
        match (prepared, before) {
            (Some(prepared), Some(acceptor)) => {
                acceptor.renew(prepared);
                tracing::info!("certificates for clients were read again; new connections use them");
            }
            (Some(prepared), None) => {
                let acceptor = Arc::new(Acceptor::from(prepared));
                self.shared.tls.store(Some(Arc::clone(&acceptor)));
                self.follow_tls(&acceptor);
            }
            (None, _) => {
                self.shared.tls.store(None);
                self.replaceable().tls.cancel();
            }
        }
    }

    pub(super) fn follow_tls(self: &Arc<Self>, acceptor: &Arc<Acceptor>) {
        let end = self.renewed(|tasks| &mut tasks.tls);
        self.spawn_until(end.clone(), Arc::clone(acceptor).follow_files());
        self.spawn_until(end, Arc::clone(&self.shared).follow_certificates(acceptor.reads()));
    }

    /// These are the keys of tokens from now on.
    pub(super) fn put_tokens(self: &Arc<Self>, tokens: Option<Arc<Tokens>>) {
        let end = self.renewed(|tasks| &mut tasks.tokens);
        self.shared.tokens.store(tokens.clone());
        if let Some(tokens) = tokens {
            self.spawn_until(end, tokens.run());
        }
    }

    pub(super) fn put_verifier(self: &Arc<Self>, verifier: Watcher, config: &Config) {
        let end = self.renewed(|tasks| &mut tasks.verify);
        let shared = Arc::clone(&self.shared);
        let others = move || {
            let others = shared.clusters.all().skip(1);
            others.map(|cluster| (cluster.name.clone(), cluster.registry.clone())).collect()
        };
        if let Some(period) = config.verify.interval {
            self.spawn_until(end, verifier.with_others(others).run(period));
        }
    }

    pub(super) fn tell_statistics(self: &Arc<Self>) {
        let end = self.renewed(|tasks| &mut tasks.statistics);
        self.spawn_until(end, tell_statistics(Arc::clone(&self.shared)));
    }

    /// Ends the task that this token ends, and gives one for the next.
    fn renewed(&self, which: fn(&mut Replaceable) -> &mut CancellationToken) -> CancellationToken {
        let mut tasks = self.replaceable();
        let token = which(&mut tasks);
        token.cancel();
        *token = self.background.child_token();
        token.clone()
    }

    fn replaceable(&self) -> std::sync::MutexGuard<'_, Replaceable> {
        self.replaceable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn_until(&self, end: CancellationToken, work: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(async move {
            tokio::select! { () = work => {}, () = end.cancelled() => {} }
        });
    }
}
