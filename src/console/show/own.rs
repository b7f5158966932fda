//! The tables that PgBouncer has nothing like.

use std::time::Duration;

use super::{cols, stamp};
use crate::console::{Column, Value};
use crate::telemetry::DenialRecord;
use crate::telemetry::overview::{ClientRow, ListenerRow, Overview, PoolRow, TenantRow};

pub(super) const TENANTS: &[Column] = cols![
    "tenant" Text,
    "id" Text,
    "level" Text,
    "state" Text,
    "clients" Int4,
    "active" Int4,
    "waiting" Int4,
    "pinned" Int4,
    "servers" Int4,
    "max_clients" Int4,
    "max_servers" Int4,
    "min_servers" Int4,
    "weight" Int4,
    "max_transactions_per_second" Int4,
    "xact_count" Numeric,
    "query_count" Numeric,
    "denials" Numeric,
    "cluster" Text,
];

pub(super) const PINS: &[Column] = cols![
    "id" Int4,
    "database" Text,
    "user" Text,
    "reason" Text,
    "since" Text,
    "age" Int8,
    "state" Text,
    "remote_pid" Int4,
    "application_name" Text,
];

pub(super) const QUEUES: &[Column] = cols![
    "database" Text,
    "user" Text,
    "waiting" Int4,
    "maxwait" Int4,
    "maxwait_us" Int4,
    "waits_for" Text,
    "max_waiting" Int4,
    "sv_active" Int4,
    "max_servers" Int4,
];

pub(super) const LISTENERS: &[Column] = cols![
    "id" Int4,
    "database" Text,
    "channels" Int4,
    "queued" Int4,
    "queued_bytes" Int8,
];

pub(super) const DENIALS: &[Column] = cols![
    "time" Text,
    "database" Text,
    "user" Text,
    "addr" Text,
    "id" Int4,
    "rule" Text,
    "sqlstate" Text,
    "statement" Text,
];

pub(super) fn state(overview: &Overview) -> Vec<Vec<Value>> {
    let word = |yes: bool| if yes { "yes" } else { "no" };
    let (ends, paused, suspended) = (overview.is_shutting_down, overview.is_paused, overview.is_suspended);
    let active = !ends && !paused && !suspended;
    [("active", active), ("paused", paused), ("suspended", suspended), ("shutting_down", ends)]
        .into_iter()
        .map(|(key, value)| vec![key.into(), word(value).into()])
        .collect()
}

pub(super) fn tenant(row: &TenantRow) -> Vec<Value> {
    let words = [(row.is_disabled, "disabled"), (row.is_paused, "paused"), (row.is_suspended, "suspended")];
    let words: Vec<_> = words.into_iter().filter_map(|(is_so, word)| is_so.then_some(word)).collect();
    let state = if words.is_empty() { "active".to_owned() } else { words.join(", ") };
    vec![
        row.slug.as_str().into(),
        row.id.to_string().into(),
        row.level.into(),
        state.into(),
        row.clients.into(),
        row.active.into(),
        row.waiting.into(),
        row.pinned.into(),
        row.servers.into(),
        row.max_clients.into(),
        row.max_servers.into(),
        row.min_servers.into(),
        u64::from(row.weight).into(),
        row.rate.into(),
        row.traffic.transactions.into(),
        row.traffic.queries.into(),
        row.traffic.denials.into(),
        row.cluster.as_str().into(),
    ]
}

pub(super) fn pin(row: &ClientRow, overview: &Overview) -> Vec<Value> {
    let (reason, age) = row.pin.unwrap_or_default();
    vec![
        row.pid.into(),
        row.slug.as_str().into(),
        row.user.as_str().into(),
        reason.into(),
        stamp(overview.now, age).into(),
        age.as_secs().into(),
        row.state.as_str().into(),
        row.server_pid.into(),
        row.application_name.as_str().into(),
    ]
}

pub(super) fn queue(row: &PoolRow, overview: &Overview) -> Vec<Value> {
    let own = overview.clusters.iter().find(|cluster| cluster.name == row.cluster);
    let budget = own.map_or(overview.budget, |cluster| cluster.budget);
    let waits_for = if row.is_paused {
        "resume"
    } else if row.is_over_rate {
        "rate"
    } else if row.max_servers.is_some_and(|most| row.servers_active >= most) {
        "tenant limit"
    } else if row.servers_login > 0 {
        "login"
    } else if budget.total >= budget.limit {
        "budget"
    } else {
        "connection"
    };
    vec![
        row.name.as_str().into(),
        row.role.as_str().into(),
        row.waiting.into(),
        row.max_wait.as_secs().into(),
        u64::from(row.max_wait.subsec_micros()).into(),
        waits_for.into(),
        row.max_waiting.into(),
        row.servers_active.into(),
        row.max_servers.into(),
    ]
}

pub(super) fn listener(row: &ListenerRow) -> Vec<Value> {
    vec![
        row.client.into(),
        row.slug.as_str().into(),
        row.channels.into(),
        row.queued.into(),
        row.queued_bytes.into(),
    ]
}

pub(super) fn denial((ago, record): &(Duration, DenialRecord), overview: &Overview) -> Vec<Value> {
    vec![
        stamp(overview.now, *ago).into(),
        record.tenant.as_str().into(),
        record.user.as_str().into(),
        record.peer.as_str().into(),
        record.client.into(),
        record.rule.into(),
        record.sqlstate.into(),
        record.statement.as_str().into(),
    ]
}

pub(super) fn verdicts(overview: &Overview) -> Vec<Vec<Value>> {
    let verdicts = &overview.verdicts;
    [
        ("hits", verdicts.hits),
        ("key_hits", verdicts.key_hits),
        ("misses", verdicts.misses),
        ("entries", verdicts.entries as u64),
        ("bytes", verdicts.bytes),
        ("max_bytes", verdicts.max_bytes),
    ]
    .into_iter()
    .map(|(name, value)| vec![name.into(), value.into()])
    .collect()
}
