//! What the dashboard shows, as JSON: all of it in one answer, with as many rows as are looked at.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::client::overview as look;
use crate::monitor::health::{Problem, is_ready};
use crate::monitor::history::{Charts, Lately};
use crate::monitor::metrics::Clients;
use crate::monitor::{Monitor, clients, locked, login};
use crate::telemetry::TrafficTotals;
use crate::telemetry::overview::{Overview, TenantRow};

/// Most tenants in one answer.
const MOST_TENANTS: usize = 200;

/// Most pins and most queues in one answer.
const MOST_ROWS: usize = 50;

/// Refusals in one answer.
const MOST_DENIALS: usize = 50;

/// Longest text that is searched for, in characters.
const MAX_SEARCH: usize = 63;

/// Rates are between looks that are at least so far apart.
const RATE_OVER: Duration = Duration::from_secs(4);

/// Rates are wanted for so long after somebody asked.
const WANTED_FOR: Duration = Duration::from_secs(30);

/// What each tenant does in a second, while somebody looks.
#[derive(Debug, Default)]
pub(super) struct Rates {
    earlier: Option<(Instant, HashMap<Uuid, TrafficTotals>)>,
    rates: HashMap<Uuid, Rate>,
    /// When the page was asked for last.
    asked: Option<Instant>,
}

/// In a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rate {
    transactions: f64,
    queries: f64,
    bytes: f64,
    /// Server connections at work, on average.
    busy: f64,
}

impl Rates {
    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < WANTED_FOR)
    }

    /// Takes in what there is now.
    pub(super) fn look(&mut self, now: Instant, tenants: &[TenantRow]) {
        let time = self.earlier.as_ref().map(|(then, _)| now.saturating_duration_since(*then));
        match (&self.earlier, time) {
            (Some(_), Some(time)) if time < RATE_OVER => return,
            // A look that is older than this is of another time.
            (Some((_, before)), Some(time)) if time < 4 * WANTED_FOR => {
                let seconds = time.as_secs_f64();
                let rate = |tenant: &TenantRow| {
                    let done = tenant.traffic.since(&before.get(&tenant.id).copied().unwrap_or_default());
                    let bytes = done.bytes_from_clients + done.bytes_to_clients;
                    Rate {
                        transactions: done.transactions as f64 / seconds,
                        queries: done.queries as f64 / seconds,
                        bytes: bytes as f64 / seconds,
                        busy: done.server_time.as_secs_f64() / seconds,
                    }
                };
                self.rates = tenants.iter().map(|tenant| (tenant.id, rate(tenant))).collect();
            }
            _ => self.rates.clear(),
        }
        let totals = tenants.iter().filter(|tenant| tenant.traffic != TrafficTotals::default());
        self.earlier = Some((now, totals.map(|tenant| (tenant.id, tenant.traffic)).collect()));
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ask {
    /// Part of a slug.
    search: String,
    /// By which column.
    sort: Column,
    /// The smallest first.
    ascending: bool,
    /// Which of the pages, the first is 0.
    page: usize,
    /// Rows of a page.
    rows: usize,
    /// Tenants without clients too.
    all: bool,
}

/// A column of the table of tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Column {
    /// Its slug.
    Tenant,
    /// Transactions a second.
    #[default]
    Transactions,
    /// Texts a second.
    Queries,
    /// Bytes a second.
    Bytes,
    /// Client connections.
    Clients,
    /// Server connections.
    Servers,
    /// Clients that wait.
    Waiting,
    /// Clients that are pinned.
    Pinned,
    /// Refusals.
    Denials,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Shown {
    /// Milliseconds since 1970.
    now: u64,
    uptime: u64,
    version: &'static str,
    database: String,
    ready: bool,
    /// All tenants wait until an operator lets them go on.
    paused: bool,
    suspended: bool,
    problems: Vec<Problem>,
    lately: Lately,
    charts: Charts,
    totals: Totals,
    tenants: Tenants,
    queues: Vec<Queue>,
    pins: Vec<Pin>,
    denials: Vec<Denial>,
}

#[derive(Debug, Serialize)]
struct Totals {
    tenants: usize,
    clients: usize,
    clients_limit: usize,
    clients_idle: usize,
    clients_login: usize,
    waiting: usize,
    pinned: usize,
    listeners: usize,
    servers: usize,
    servers_idle: usize,
    servers_limit: usize,
}

#[derive(Debug, Serialize)]
struct Tenants {
    /// All in service.
    all: usize,
    /// Those that were asked for.
    found: usize,
    rows: Vec<Tenant>,
}

#[derive(Debug, Serialize)]
struct Tenant {
    tenant: String,
    level: &'static str,
    cluster: String,
    paused: bool,
    suspended: bool,
    disabled: bool,
    transactions: Option<f64>,
    queries: Option<f64>,
    bytes: Option<f64>,
    busy: Option<f64>,
    clients: usize,
    servers: usize,
    waiting: usize,
    pinned: usize,
    denials: u64,
}

#[derive(Debug, Serialize)]
struct Queue {
    tenant: String,
    waiting: usize,
    longest: f64,
    for_rate: bool,
}

#[derive(Debug, Serialize)]
struct Pin {
    tenant: String,
    user: String,
    client: i32,
    application: String,
    reason: &'static str,
    seconds: u64,
}

#[derive(Debug, Serialize)]
struct Denial {
    /// Seconds ago.
    ago: u64,
    tenant: String,
    user: String,
    peer: String,
    client: i32,
    rule: &'static str,
    sqlstate: &'static str,
    statement: String,
}

/// Answers the page.
pub(super) async fn overview(
    State(monitor): State<Arc<Monitor>>,
    Extension(ConnectInfo(peer)): Extension<ConnectInfo<SocketAddr>>,
    headers: HeaderMap,
    Query(ask): Query<Ask>,
) -> Response {
    if let Err(denied) = monitor.may_see(peer, &headers).await {
        return login::refuse(denied);
    }
    locked(&monitor.rates).asked = Some(Instant::now());
    // With ten thousand clients this takes milliseconds, which no client should wait for.
    let shown = tokio::task::spawn_blocking(move || monitor.shown(look(&monitor.shared), &ask)).await;
    shown.map_or_else(
        |_| StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        |shown| Json(shown).into_response(),
    )
}

impl Monitor {
    fn shown(&self, overview: Overview, ask: &Ask) -> Shown {
        let problems = self.problems();
        let (lately, charts) = {
            let history = locked(&self.history);
            (history.lately(), history.charts())
        };
        let tenants = tenants(&overview.tenants, &locked(&self.rates).rates, ask);
        Shown {
            now: u64::try_from(overview.now.as_millis()).unwrap_or(u64::MAX),
            uptime: overview.uptime.as_secs(),
            version: env!("CARGO_PKG_VERSION"),
            database: self.shared.config().server.database.clone(),
            ready: is_ready(&problems),
            paused: overview.is_paused,
            suspended: overview.is_suspended,
            problems,
            lately,
            charts,
            totals: self.totals(&overview, clients(&overview)),
            tenants,
            queues: queues(&overview),
            pins: pins(&overview),
            denials: denials(overview),
        }
    }

    fn totals(&self, overview: &Overview, clients: Clients) -> Totals {
        Totals {
            tenants: overview.tenants.len(),
            clients: overview.clients.len() + overview.logging_in,
            clients_limit: self.shared.config().listen.max_clients,
            clients_idle: clients.idle,
            clients_login: clients.login,
            waiting: clients.waiting,
            pinned: clients.pinned,
            listeners: overview.listeners.len(),
            servers: overview.budget.total,
            servers_idle: overview.budget.idle,
            servers_limit: overview.budget.limit,
        }
    }
}

fn tenants(all: &[TenantRow], rates: &HashMap<Uuid, Rate>, ask: &Ask) -> Tenants {
    let search: String = ask.search.trim().to_lowercase().chars().take(MAX_SEARCH).collect();
    let is_asked_for = |tenant: &&TenantRow| {
        let is_there = ask.all || tenant.clients > 0 || tenant.servers > 0 || !search.is_empty();
        is_there && tenant.slug.contains(&search)
    };
    let mut found: Vec<&TenantRow> = all.iter().filter(is_asked_for).collect();
    let rate = |tenant: &TenantRow| rates.get(&tenant.id).copied().unwrap_or_default();
    found.sort_by(|a, b| {
        let (one, other) = (rate(a), rate(b));
        let order = match ask.sort {
            Column::Tenant => Ordering::Equal,
            Column::Transactions => one.transactions.total_cmp(&other.transactions),
            Column::Queries => one.queries.total_cmp(&other.queries),
            Column::Bytes => one.bytes.total_cmp(&other.bytes),
            Column::Clients => a.clients.cmp(&b.clients),
            Column::Servers => a.servers.cmp(&b.servers),
            Column::Waiting => a.waiting.cmp(&b.waiting),
            Column::Pinned => a.pinned.cmp(&b.pinned),
            Column::Denials => a.traffic.denials.cmp(&b.traffic.denials),
        };
        let order = if ask.ascending { order } else { order.reverse() };
        // By name where nothing else tells them apart, and the other way round only if that was asked for.
        let names = a.slug.cmp(&b.slug);
        order.then(if ask.sort == Column::Tenant && !ask.ascending { names.reverse() } else { names })
    });
    let rows = ask.rows.clamp(1, MOST_TENANTS);
    let page = found.iter().skip(ask.page.saturating_mul(rows)).take(rows);
    let rows = page.map(|tenant| row(tenant, rates.get(&tenant.id))).collect();
    Tenants { all: all.len(), found: found.len(), rows }
}

fn row(tenant: &TenantRow, rate: Option<&Rate>) -> Tenant {
    Tenant {
        tenant: tenant.slug.clone(),
        level: tenant.level,
        cluster: tenant.cluster.clone(),
        paused: tenant.is_paused,
        suspended: tenant.is_suspended,
        disabled: tenant.is_disabled,
        transactions: rate.map(|rate| rate.transactions),
        queries: rate.map(|rate| rate.queries),
        bytes: rate.map(|rate| rate.bytes),
        busy: rate.map(|rate| rate.busy),
        clients: tenant.clients,
        servers: tenant.servers,
        waiting: tenant.waiting,
        pinned: tenant.pinned,
        denials: tenant.traffic.denials,
    }
}

fn queues(overview: &Overview) -> Vec<Queue> {
    let queues = overview.queues().into_iter().take(MOST_ROWS);
    let queue = |pool: &crate::telemetry::overview::PoolRow| Queue {
        tenant: pool.name.clone(),
        waiting: pool.waiting,
        longest: pool.max_wait.as_secs_f64(),
        for_rate: pool.is_over_rate,
    };
    queues.map(queue).collect()
}

fn pins(overview: &Overview) -> Vec<Pin> {
    let pinned = overview.pins().into_iter().take(MOST_ROWS);
    let pin = |client: &crate::telemetry::overview::ClientRow| {
        let (reason, age) = client.pin?;
        Some(Pin {
            tenant: client.slug.clone(),
            user: client.user.clone(),
            client: client.pid,
            application: client.application_name.clone(),
            reason,
            seconds: age.as_secs(),
        })
    };
    pinned.filter_map(pin).collect()
}

fn denials(overview: Overview) -> Vec<Denial> {
    let latest = overview.denials.into_iter().take(MOST_DENIALS);
    let denial = |(ago, denial): (Duration, crate::telemetry::DenialRecord)| Denial {
        ago: ago.as_secs(),
        tenant: denial.tenant,
        user: denial.user,
        peer: denial.peer,
        client: denial.client,
        rule: denial.rule,
        sqlstate: denial.sqlstate,
        statement: denial.statement,
    };
    latest.map(denial).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: u128, slug: &str, transactions: u64, clients: usize) -> TenantRow {
        TenantRow {
            id: Uuid::from_u128(id),
            slug: slug.into(),
            clients,
            traffic: TrafficTotals { transactions, ..TrafficTotals::default() },
            ..TenantRow::default()
        }
    }

    fn slugs(shown: &Tenants) -> Vec<&str> {
        shown.rows.iter().map(|row| row.tenant.as_str()).collect()
    }

    fn ask() -> Ask {
        Ask { rows: 10, ..Ask::default() }
    }

    #[test]
    fn rates_are_between_two_looks_and_there_are_none_before_the_second() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        rates.look(now, &[tenant(1, "a", 100, 1)]);
        assert!(rates.rates.is_empty());
        rates.look(now + Duration::from_secs(2), &[tenant(1, "a", 900, 1)]);
        assert!(rates.rates.is_empty(), "too soon");
        rates.look(now + Duration::from_secs(5), &[tenant(1, "a", 200, 1), tenant(2, "b", 50, 1)]);
        let rate = |id| rates.rates[&Uuid::from_u128(id)].transactions;
        assert!((rate(1) - 20.0).abs() < 1e-9 && (rate(2) - 10.0).abs() < 1e-9);
        rates.look(now + Duration::from_secs(1000), &[tenant(1, "a", 200, 1)]);
        assert!(rates.rates.is_empty(), "nobody looked for long");
    }

    #[test]
    fn tenants_are_searched_sorted_and_shown_by_the_page() {
        let all: Vec<TenantRow> =
            (0..300).map(|n| tenant(n, &format!("t{n:03}"), 0, usize::try_from(n % 7).unwrap())).collect();
        let rates = HashMap::from([(Uuid::from_u128(42), Rate { transactions: 9.0, ..Rate::default() })]);
        let first = tenants(&all, &rates, &ask());
        assert_eq!((first.all, first.found, first.rows.len()), (300, 257, 10));
        // 42 has no clients.
        assert!(!slugs(&first).contains(&"t042"));
        let found = tenants(&all, &rates, &Ask { search: " T04 ".into(), ..ask() });
        assert_eq!((found.found, slugs(&found)[0]), (10, "t042"));
        let by = Ask { sort: Column::Clients, all: true, rows: 3, page: 1, ..ask() };
        assert_eq!(slugs(&tenants(&all, &rates, &by)), ["t027", "t034", "t041"]);
        let by = Ask { sort: Column::Tenant, ascending: true, all: true, rows: 1, page: 299, ..ask() };
        assert_eq!(slugs(&tenants(&all, &rates, &by)), ["t299"]);
        let beyond = Ask { rows: usize::MAX, page: usize::MAX, all: true, ..ask() };
        assert!(tenants(&all, &rates, &beyond).rows.is_empty());
        let most = Ask { rows: usize::MAX, all: true, ..ask() };
        assert_eq!(tenants(&all, &rates, &most).rows.len(), MOST_TENANTS);
    }
}
