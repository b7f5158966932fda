use std::collections::HashSet;

use super::*;
use crate::console::Type;
use crate::telemetry::overview::{ClientRow, ClientState, ListenerRow, PoolRow, ServerRow, TenantRow};
use crate::telemetry::{DenialRecord, Lately, TrafficTotals};

fn facts() -> Facts {
    Facts { database: "app".into(), host: "db".into(), port: 5432, max_servers: 50, settings: vec![] }
}

/// With one of everything.
fn overview() -> Overview {
    let second = Duration::from_secs(1);
    let traffic = TrafficTotals {
        queries: 20,
        transactions: 10,
        server_time: second,
        wait_time: second / 2,
        assignments: 10,
        ..TrafficTotals::default()
    };
    let lately = Lately { done: traffic, time: 10 * second };
    let denial = DenialRecord {
        at: std::time::Instant::now(),
        tenant: "acme".into(),
        user: "app".into(),
        peer: "192.0.2.1".into(),
        client: 7,
        rule: "cross_schema",
        sqlstate: "42501",
        statement: "select ?".into(),
    };
    Overview {
        now: Duration::from_secs(1_796_000_000),
        tenants: vec![TenantRow {
            slug: "acme".into(),
            level: "dedicated",
            traffic,
            lately,
            ..TenantRow::default()
        }],
        pools: vec![PoolRow {
            name: "acme".into(),
            role: "tenant_acme".into(),
            waiting: 1,
            active: 2,
            idle: 3,
            max_wait: Duration::from_millis(1500),
            ..PoolRow::default()
        }],
        clients: vec![ClientRow {
            pid: 7,
            slug: "acme".into(),
            user: "app".into(),
            state: ClientState::Waiting,
            pin: Some(("temporary", 5 * second)),
            requested: Some(Duration::from_millis(1500)),
            ..ClientRow::default()
        }],
        servers: vec![ServerRow { pid: 99, client: Some(7), ..ServerRow::default() }],
        listeners: vec![ListenerRow::default()],
        denials: vec![(second, denial)],
        ..Overview::default()
    }
}

/// The value of a column in a table's first row.
fn value(show: Show, column: &str) -> Value {
    let table = table(show, &overview(), &facts());
    let at = table.columns.iter().position(|it| it.name == column).unwrap_or_else(|| panic!("{column}"));
    table.rows[0][at].clone()
}

#[test]
fn every_table_has_a_value_for_each_of_its_columns_and_no_name_twice() {
    let (overview, facts) = (overview(), facts());
    for show in Show::ALL {
        let table = table(*show, &overview, &facts);
        let names: HashSet<_> = table.columns.iter().map(|column| column.name).collect();
        assert_eq!(names.len(), table.columns.len(), "{show:?}");
        assert!(!table.rows.is_empty() || matches!(show, Show::Help | Show::Config), "{show:?}");
        for row in &table.rows {
            assert_eq!(row.len(), table.columns.len(), "{show:?}");
            for (column, value) in table.columns.iter().zip(row) {
                let fits = match value {
                    Value::Null => true,
                    Value::Text(_) => column.kind == Type::Text,
                    Value::Number(_) => column.kind != Type::Text,
                };
                assert!(fits, "{show:?}.{} is {value:?}", column.name);
            }
        }
    }
}

/// From PgBouncer 1.18, which was asked: what programs look for by name, with its type.
#[test]
fn columns_of_pgbouncer_are_all_there_with_their_types() {
    let text = |names: &'static str| names.split(' ').map(|name| (name, Type::Text));
    let int = |names: &'static str| names.split(' ').map(|name| (name, Type::Int4));
    let numeric = |names: &'static str| names.split(' ').map(|name| (name, Type::Numeric));
    let sockets: Vec<_> = text(
        "type user database state addr local_addr connect_time request_time ptr link tls application_name",
    )
    .chain(int("port local_port wait wait_us close_needed remote_pid"))
    .collect();
    let stats = "total_xact_count total_query_count total_received total_sent total_xact_time total_query_time total_wait_time avg_xact_count avg_query_count avg_recv avg_sent avg_xact_time avg_query_time avg_wait_time";
    let totals = "xact_count query_count bytes_received bytes_sent xact_time query_time wait_time";
    for (show, expected) in [
        (Show::Stats, text("database").chain(numeric(stats)).collect::<Vec<_>>()),
        (Show::StatsTotals, text("database").chain(numeric(totals)).collect()),
        (Show::StatsAverages, text("database").chain(numeric(totals)).collect()),
        (Show::Totals, text("name").chain(numeric("value")).collect()),
        (
            Show::Pools,
            text("database user pool_mode")
                .chain(int("cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active sv_active_cancel sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait maxwait_us"))
                .collect(),
        ),
        (Show::Clients, sockets.clone()),
        (Show::Servers, sockets),
        (Show::Lists, text("list").chain(int("items")).collect()),
        (
            Show::Databases,
            text("name host database force_user pool_mode")
                .chain(int("port pool_size min_pool_size reserve_pool max_connections current_connections paused disabled"))
                .collect(),
        ),
        (Show::Users, text("name pool_mode").collect()),
        (Show::Config, text("key value default changeable").collect()),
        (Show::Mem, text("name").chain(int("size used free")).collect()),
        (Show::Version, text("version").collect()),
        (Show::State, text("key value").collect()),
    ] {
        for (name, kind) in expected {
            let found = columns(show).iter().find(|column| column.name == name);
            assert_eq!(found.map(|column| column.kind), Some(kind), "{show:?}.{name}");
        }
    }
    // The exporter reads these by their place.
    for (show, places) in [(Show::Lists, 2), (Show::Config, 4), (Show::Version, 1)] {
        assert_eq!(columns(show).len(), places, "{show:?}");
    }
}

#[test]
fn averages_are_a_second_and_each_and_times_are_microseconds() {
    assert_eq!(value(Show::Stats, "total_xact_time"), Value::Number(1_000_000));
    assert_eq!(value(Show::Stats, "avg_xact_count"), Value::Number(1));
    assert_eq!(value(Show::Stats, "avg_query_count"), Value::Number(2));
    assert_eq!(value(Show::Stats, "avg_xact_time"), Value::Number(100_000));
    assert_eq!(value(Show::StatsAverages, "wait_time"), Value::Number(50_000));
    assert_eq!(value(Show::StatsTotals, "wait_time"), Value::Number(500_000));
    assert_eq!((per_second(5, Duration::ZERO), each(5, 0)), (0, 0), "no period has ended");
}

#[test]
fn waiting_is_told_in_seconds_and_microseconds() {
    assert_eq!(value(Show::Pools, "maxwait"), Value::Number(1));
    assert_eq!(value(Show::Pools, "maxwait_us"), Value::Number(500_000));
    assert_eq!(value(Show::Pools, "cl_active"), Value::Number(5), "with those that do nothing");
    assert_eq!(value(Show::Clients, "wait"), Value::Number(1));
    assert_eq!(value(Show::Clients, "wait_us"), Value::Number(500_000));
    assert_eq!(value(Show::Servers, "link"), value(Show::Clients, "ptr"));
    assert_eq!(value(Show::Pins, "reason"), "temporary".into());
}

#[test]
fn times_are_written_as_pgbouncer_writes_them() {
    assert_eq!(stamp(Duration::ZERO, Duration::ZERO), "1970-01-01 00:00:00 UTC");
    assert_eq!(stamp(Duration::from_secs(951_782_399), Duration::ZERO), "2000-02-28 23:59:59 UTC");
    assert_eq!(stamp(Duration::from_secs(951_782_400), Duration::ZERO), "2000-02-29 00:00:00 UTC");
    assert_eq!(
        stamp(Duration::from_secs(4_107_542_400 + 61), Duration::from_secs(60)),
        "2100-03-01 00:00:01 UTC"
    );
}

#[test]
fn settings_that_drivers_ask_for_are_known_and_others_are_not() {
    for (columns, _) in PARAMETERS {
        assert_eq!(columns.len(), 1);
        assert!(parameter(columns[0].name).is_some());
    }
    assert_eq!(parameter("nope"), None);
}
