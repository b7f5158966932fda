//! What `SHOW` answers: rows of an [`Overview`] under PgBouncer's names where they mean the same, and under others where
//! PgBouncer has nothing like it. docs/console.md has every column.

mod common;
mod config;
mod own;

use std::time::Duration;

pub use config::{Facts, Setting};

use crate::console::{Column, SERVER_VERSION, Show, Table, Value};
use crate::telemetry::overview::Overview;

macro_rules! cols {
    ($($name:literal $kind:ident),+ $(,)?) => {
        &[$($crate::console::Column { name: $name, kind: $crate::console::Type::$kind }),+]
    };
}
use cols;

/// The columns of a table.
#[must_use]
pub const fn columns(show: Show) -> &'static [Column] {
    match show {
        Show::Help => &[],
        Show::Version => cols!["version" Text],
        Show::State => cols!["key" Text, "value" Text],
        Show::Stats => common::STATS,
        Show::StatsTotals => common::STATS_TOTALS,
        Show::StatsAverages => common::STATS_AVERAGES,
        Show::Totals => cols!["name" Text, "value" Numeric],
        Show::Pools => common::POOLS,
        Show::Clients => common::CLIENTS,
        Show::Servers => common::SERVERS,
        Show::Lists => cols!["list" Text, "items" Int4],
        Show::Databases => common::DATABASES,
        Show::Users => common::USERS,
        Show::Config => cols!["key" Text, "value" Text, "default" Text, "changeable" Text],
        Show::Mem => common::MEM,
        Show::Tenants => own::TENANTS,
        Show::Pins => own::PINS,
        Show::Queues => own::QUEUES,
        Show::Listeners => own::LISTENERS,
        Show::Denials => own::DENIALS,
        Show::Verdicts => cols!["name" Text, "value" Numeric],
    }
}

/// The table.
#[must_use]
pub fn table(show: Show, overview: &Overview, facts: &Facts) -> Table {
    let rows = match show {
        Show::Help => Vec::new(),
        Show::Version => vec![vec![concat!("pgtenant ", env!("CARGO_PKG_VERSION")).into()]],
        Show::State => own::state(overview),
        Show::Stats => common::stats(overview, true, true),
        Show::StatsTotals => common::stats(overview, true, false),
        Show::StatsAverages => common::stats(overview, false, true),
        Show::Totals => common::totals(overview),
        Show::Pools => overview.pools.iter().map(common::pool).collect(),
        Show::Clients => overview.clients.iter().map(|row| common::client(row, overview)).collect(),
        Show::Servers => overview.servers.iter().map(|row| common::server(row, overview)).collect(),
        Show::Lists => common::lists(overview),
        Show::Databases => overview.tenants.iter().map(|row| common::database(row, facts)).collect(),
        Show::Users => common::users(overview),
        Show::Config => facts.settings.iter().map(Setting::row).collect(),
        Show::Mem => common::mem(overview),
        Show::Tenants => overview.tenants.iter().map(own::tenant).collect(),
        Show::Pins => overview.pins().into_iter().map(|row| own::pin(row, overview)).collect(),
        Show::Queues => overview.queues().into_iter().map(|row| own::queue(row, overview)).collect(),
        Show::Listeners => overview.listeners.iter().map(own::listener).collect(),
        Show::Denials => overview.denials.iter().map(|row| own::denial(row, overview)).collect(),
        Show::Verdicts => own::verdicts(overview),
    };
    Table { columns: columns(show), rows }
}

/// Settings of PostgreSQL that programs ask a server for, and what is answered.
const PARAMETERS: &[(&[Column], &str)] = &[
    (cols!["application_name" Text], ""),
    (cols!["client_encoding" Text], "UTF8"),
    (cols!["datestyle" Text], "ISO, MDY"),
    (cols!["default_transaction_read_only" Text], "off"),
    (cols!["in_hot_standby" Text], "off"),
    (cols!["integer_datetimes" Text], "on"),
    (cols!["search_path" Text], ""),
    (cols!["server_encoding" Text], "UTF8"),
    (cols!["server_version" Text], SERVER_VERSION),
    (cols!["server_version_num" Text], "160000"),
    (cols!["standard_conforming_strings" Text], "on"),
    (cols!["timezone" Text], "UTC"),
    (cols!["transaction_isolation" Text], "read committed"),
    (cols!["transaction_read_only" Text], "off"),
];

/// The value of one of the settings that programs ask a server for.
#[must_use]
pub fn parameter(name: &str) -> Option<Table> {
    let found = PARAMETERS.iter().find(|(columns, _)| columns.iter().any(|column| column.name == name));
    found.map(|(columns, value)| Table { columns, rows: vec![vec![Value::from(*value)]] })
}

/// What a client is told of the server when it has logged in.
pub const WELCOME: &[(&str, &str)] = &[
    ("server_version", SERVER_VERSION),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("TimeZone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
    ("is_superuser", "off"),
    ("default_transaction_read_only", "off"),
    ("in_hot_standby", "off"),
];

/// A time as PgBouncer writes it: `2026-11-29 22:48:30 UTC`. `now` is since 1970.
fn stamp(now: Duration, ago: Duration) -> String {
    let seconds = now.saturating_sub(ago).as_secs();
    let (days, second) = ((seconds / 86_400) as i64, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The date so many days after 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`).
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + (month <= 2) as i64, month, day)
}

/// Whole microseconds.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// So many in a second, on average over this time; none in no time.
fn per_second(count: u64, time: Duration) -> u64 {
    let rate = (u128::from(count) * 1_000_000).checked_div(time.as_micros());
    u64::try_from(rate.unwrap_or(0)).unwrap_or(u64::MAX)
}

/// The part of each of so many; nothing of none.
fn each(total: u64, of: u64) -> u64 {
    total.checked_div(of).unwrap_or(0)
}

#[cfg(test)]
mod tests;
