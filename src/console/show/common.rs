//! The tables that PgBouncer has too.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Facts, cols, each, micros, per_second, stamp};
use crate::console::{Column, Value};
use crate::telemetry::overview::{ClientRow, ClientState, Overview, PoolRow, ServerRow, TenantRow};
use crate::telemetry::{Lately, TrafficTotals};

pub(super) const STATS: &[Column] = cols![
    "database" Text,
    "total_xact_count" Numeric,
    "total_query_count" Numeric,
    "total_server_assignment_count" Numeric,
    "total_received" Numeric,
    "total_sent" Numeric,
    "total_xact_time" Numeric,
    "total_query_time" Numeric,
    "total_wait_time" Numeric,
    "avg_xact_count" Numeric,
    "avg_query_count" Numeric,
    "avg_server_assignment_count" Numeric,
    "avg_recv" Numeric,
    "avg_sent" Numeric,
    "avg_xact_time" Numeric,
    "avg_query_time" Numeric,
    "avg_wait_time" Numeric,
];

pub(super) const STATS_TOTALS: &[Column] = cols![
    "database" Text,
    "xact_count" Numeric,
    "query_count" Numeric,
    "server_assignment_count" Numeric,
    "bytes_received" Numeric,
    "bytes_sent" Numeric,
    "xact_time" Numeric,
    "query_time" Numeric,
    "wait_time" Numeric,
];

pub(super) const STATS_AVERAGES: &[Column] = STATS_TOTALS;

pub(super) const POOLS: &[Column] = cols![
    "database" Text,
    "user" Text,
    "cl_active" Int4,
    "cl_waiting" Int4,
    "cl_active_cancel_req" Int4,
    "cl_waiting_cancel_req" Int4,
    "sv_active" Int4,
    "sv_active_cancel" Int4,
    "sv_being_canceled" Int4,
    "sv_idle" Int4,
    "sv_used" Int4,
    "sv_tested" Int4,
    "sv_login" Int4,
    "maxwait" Int4,
    "maxwait_us" Int4,
    "pool_mode" Text,
    "level" Text,
    "cl_pinned" Int4,
    "paused" Int4,
    "cluster" Text,
];

/// The columns that both ends of a connection have, and then more.
macro_rules! ends {
    ($($more:tt)+) => {
        cols![
            "type" Text,
            "user" Text,
            "database" Text,
            "state" Text,
            "addr" Text,
            "port" Int4,
            "local_addr" Text,
            "local_port" Int4,
            "connect_time" Text,
            "request_time" Text,
            "wait" Int4,
            "wait_us" Int4,
            "close_needed" Int4,
            "ptr" Text,
            "link" Text,
            "remote_pid" Int4,
            "tls" Text,
            "application_name" Text,
            $($more)+
        ]
    };
}

pub(super) const CLIENTS: &[Column] = ends!["id" Int4, "access" Text, "admin" Int4, "pin" Text];

pub(super) const SERVERS: &[Column] = ends!["id" Int8, "age" Int8, "serves" Text, "cluster" Text];

pub(super) const DATABASES: &[Column] = cols![
    "name" Text,
    "host" Text,
    "port" Int4,
    "database" Text,
    "force_user" Text,
    "pool_size" Int4,
    "min_pool_size" Int4,
    "reserve_pool" Int4,
    "reserve_pool_size" Int4,
    "pool_mode" Text,
    "max_connections" Int4,
    "current_connections" Int4,
    "max_client_connections" Int4,
    "current_client_connections" Int4,
    "paused" Int4,
    "disabled" Int4,
    "cluster" Text,
];

pub(super) const USERS: &[Column] = cols![
    "name" Text,
    "pool_mode" Text,
    "database" Text,
    "current_client_connections" Int4,
];

pub(super) const MEM: &[Column] = cols![
    "name" Text,
    "size" Int4,
    "used" Int4,
    "free" Int4,
    "memtotal" Int8,
];

/// How server connections are shared, in PgBouncer's word.
const MODE: &str = "transaction";

fn totals_of(traffic: &TrafficTotals) -> [u64; 8] {
    let held = micros(traffic.server_time);
    [
        traffic.transactions,
        traffic.queries,
        traffic.assignments,
        traffic.bytes_from_clients,
        traffic.bytes_to_clients,
        held,
        held,
        micros(traffic.wait_time),
    ]
}

fn averages_of(lately: &Lately) -> [u64; 8] {
    let (done, held) = (&lately.done, micros(lately.done.server_time));
    let rate = |count| per_second(count, lately.time);
    [
        rate(done.transactions),
        rate(done.queries),
        rate(done.assignments),
        rate(done.bytes_from_clients),
        rate(done.bytes_to_clients),
        each(held, done.transactions),
        each(held, done.queries),
        each(micros(done.wait_time), done.assignments),
    ]
}

pub(super) fn stats(overview: &Overview, totals: bool, averages: bool) -> Vec<Vec<Value>> {
    let row = |tenant: &TenantRow| {
        let mut row = vec![Value::from(tenant.slug.as_str())];
        if totals {
            row.extend(totals_of(&tenant.traffic).map(Value::from));
        }
        if averages {
            row.extend(averages_of(&tenant.lately).map(Value::from));
        }
        row
    };
    overview.tenants.iter().map(row).collect()
}

pub(super) fn totals(overview: &Overview) -> Vec<Vec<Value>> {
    let (mut all, mut lately) = (TrafficTotals::default(), Lately::default());
    for tenant in &overview.tenants {
        all = all + tenant.traffic;
        lately += tenant.lately;
    }
    // These never fall, whatever tenants go.
    all.transactions = overview.counters.transactions;
    all.queries = overview.counters.queries;
    all.bytes_from_clients = overview.counters.bytes_from_clients;
    all.bytes_to_clients = overview.counters.bytes_to_clients;
    let names = [
        "xact_count",
        "query_count",
        "server_assignment_count",
        "client_bytes",
        "server_bytes",
        "xact_time",
        "query_time",
        "wait_time",
    ];
    let named = |prefix: &'static str, values: [u64; 8]| {
        names
            .into_iter()
            .zip(values)
            .map(move |(name, value)| vec![format!("{prefix}_{name}").into(), value.into()])
    };
    named("total", totals_of(&all)).chain(named("avg", averages_of(&lately))).collect()
}

pub(super) fn pool(row: &PoolRow) -> Vec<Value> {
    vec![
        row.name.as_str().into(),
        row.role.as_str().into(),
        (row.active + row.idle).into(),
        row.waiting.into(),
        0_u64.into(),
        0_u64.into(),
        row.servers_active.into(),
        0_u64.into(),
        0_u64.into(),
        row.servers_idle.into(),
        0_u64.into(),
        row.servers_tested.into(),
        row.servers_login.into(),
        row.max_wait.as_secs().into(),
        u64::from(row.max_wait.subsec_micros()).into(),
        MODE.into(),
        row.level.into(),
        row.pinned.into(),
        row.is_paused.into(),
        row.cluster.as_str().into(),
    ]
}

/// The cluster that every installation has.
const MAIN: &str = "main";

/// What stands for a server process: two clusters may have one of the same number.
fn pointer(pid: i32, cluster: &str) -> String {
    if cluster.is_empty() || cluster == MAIN { format!("S{pid}") } else { format!("S{pid}@{cluster}") }
}

/// What is shown in the place of an address.
fn end(address: Option<&(String, u16)>) -> [Value; 2] {
    match address {
        Some((address, port)) => [address.as_str().into(), (*port).into()],
        None => ["unix".into(), 0_u64.into()],
    }
}

pub(super) fn client(row: &ClientRow, overview: &Overview) -> Vec<Value> {
    let requested = row.requested.unwrap_or(row.age);
    let waits = if row.state == ClientState::Waiting { requested } else { Duration::ZERO };
    let mut shown: Vec<Value> =
        vec!["C".into(), row.user.as_str().into(), row.slug.as_str().into(), row.state.as_str().into()];
    shown.extend(end(row.address.as_ref()));
    shown.extend(end(row.local.as_ref()));
    shown.extend([
        stamp(overview.now, row.age).into(),
        stamp(overview.now, requested).into(),
        waits.as_secs().into(),
        u64::from(waits.subsec_micros()).into(),
        0_u64.into(),
        format!("C{}", row.pid).into(),
        row.server_pid.map_or_else(String::new, |pid| pointer(pid, &row.cluster)).into(),
        0_u64.into(),
        row.tls.clone().unwrap_or_default().into(),
        row.application_name.as_str().into(),
        row.pid.into(),
        row.access.into(),
        row.is_admin.into(),
        row.pin.map(|(reason, _)| reason).into(),
    ]);
    shown
}

pub(super) fn server(row: &ServerRow, overview: &Overview) -> Vec<Value> {
    let mut shown: Vec<Value> =
        vec!["S".into(), row.role.as_str().into(), row.pool.as_str().into(), row.state.as_str().into()];
    shown.extend(end(Some(&row.address)));
    shown.extend([
        Value::Null,
        Value::Null,
        stamp(overview.now, row.age).into(),
        stamp(overview.now, row.used.unwrap_or(row.age)).into(),
        0_u64.into(),
        0_u64.into(),
        row.close_needed.into(),
        pointer(row.pid, &row.cluster).into(),
        row.client.map_or_else(String::new, |pid| format!("C{pid}")).into(),
        row.pid.into(),
        row.tls.clone().unwrap_or_default().into(),
        row.application_name.as_str().into(),
        row.id.into(),
        row.age.as_secs().into(),
        row.serves.clone().into(),
        row.cluster.as_str().into(),
    ]);
    shown
}

pub(super) fn lists(overview: &Overview) -> Vec<Vec<Value>> {
    let lists = [
        ("databases", overview.tenants.len()),
        ("users", users(overview).len()),
        ("peers", 0),
        ("pools", overview.pools.len()),
        ("peer_pools", 0),
        ("free_clients", 0),
        ("used_clients", overview.clients.len()),
        ("login_clients", overview.logging_in),
        ("free_servers", 0),
        ("used_servers", overview.servers.len()),
        ("dns_names", 0),
        ("dns_zones", 0),
        ("dns_queries", 0),
        ("dns_pending", 0),
    ];
    lists.into_iter().map(|(list, items)| vec![list.into(), items.into()]).collect()
}

pub(super) fn database(row: &TenantRow, facts: &Facts) -> Vec<Value> {
    let (host, port, database) = match &row.place {
        Some((host, port, database)) => (host, *port, database),
        None => (&facts.host, facts.port, &facts.database),
    };
    vec![
        row.slug.as_str().into(),
        host.as_str().into(),
        port.into(),
        database.as_str().into(),
        Value::Null,
        row.max_servers.unwrap_or(facts.max_servers).into(),
        row.min_servers.into(),
        0_u64.into(),
        0_u64.into(),
        MODE.into(),
        row.max_servers.unwrap_or(0).into(),
        row.servers.into(),
        row.max_clients.unwrap_or(0).into(),
        row.clients.into(),
        row.is_paused.into(),
        row.is_disabled.into(),
        row.cluster.as_str().into(),
    ]
}

pub(super) fn users(overview: &Overview) -> Vec<Vec<Value>> {
    let mut users: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for client in &overview.clients {
        *users.entry((&client.user, &client.slug)).or_default() += 1;
    }
    let row = |((user, slug), clients): ((&str, &str), usize)| {
        vec![user.into(), Value::Null, slug.into(), clients.into()]
    };
    users.into_iter().map(row).collect()
}

pub(super) fn mem(overview: &Overview) -> Vec<Vec<Value>> {
    let verdicts = &overview.verdicts;
    let size = each(verdicts.bytes, verdicts.entries as u64);
    vec![vec![
        "verdict_cache".into(),
        size.into(),
        verdicts.entries.into(),
        0_u64.into(),
        verdicts.bytes.into(),
    ]]
}
