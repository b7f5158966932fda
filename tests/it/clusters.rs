//! Several clusters behind one proxy: each tenant is served by its own, and by no other.

mod adopt;
mod api;
mod control;
mod data;
mod moving;
mod outages;
mod walls;

use std::time::{Duration, Instant};

use pgtenant::cli::cluster::{Options, PrivateCluster};
use pgtenant::cli::init::{self, InitArgs};
use pgtenant::cli::tenant::{CreateArgs, TenantCommand};
use pgtenant::client::overview;
use pgtenant::config::clusters::Cluster;
use pgtenant::config::{Config, Server, ServerAddress};
use pgtenant::tenant::{ClusterName, Level};
use tokio_postgres::Client;

use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::wire::{Wire, query};
use crate::support::{admin_args, cluster, connect, create_database, value};

/// The database of the other cluster has another name than that of the first.
const DATABASE: &str = "app";

fn east() -> ClusterName {
    ClusterName::parse("east").unwrap()
}

/// A proxy in front of the shared server, with `alpha`, and of a server of its own called east.
struct World {
    proxy: Proxy,
    east: PrivateCluster,
}

impl World {
    /// With these tenants on east, each with a table `notes`.
    fn start(tenants: &[&str], change: impl FnOnce(&mut Config) + Send) -> Self {
        let world = Self::without_init(change);
        world.init(false);
        for tenant in tenants {
            world.create(tenant, Level::Dedicated).unwrap();
        }
        world
    }

    /// East has a database, and nothing in it.
    fn without_init(change: impl FnOnce(&mut Config) + Send) -> Self {
        let east = PrivateCluster::start(&Options::default()).unwrap();
        let port = east.port();
        let proxy = Proxy::on(cluster(), &["alpha"], |config| {
            let address = ServerAddress::Tcp("127.0.0.1".into(), port);
            let server = Server { address, database: DATABASE.into(), ..config.server.clone() };
            config.clusters.insert(self::east(), Cluster { server, max_server_connections: 4 });
            config.pool.max_server_connections = 4;
            change(config);
        });
        let world = Self { proxy, east };
        // One administrator for both.
        let sql = format!("ALTER ROLE postgres PASSWORD '{}'", cluster().superuser_password());
        world.run(async {
            let admin = connect(&world.east.superuser_url("postgres")).await;
            create_database(&admin, DATABASE).await;
            admin.batch_execute(&sql).await.unwrap();
        });
        world
    }

    /// Commands are not sent between threads.
    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    /// `pgtenant init --cluster east`, and a template there.
    fn init(&self, harden: bool) -> String {
        let told = self.run(async {
            let mut out = Vec::new();
            let args =
                InitArgs { cluster: Some(east()), harden, admin: self.admin_args(), ..InitArgs::default() };
            init::run(args, &self.proxy.db.config, &mut out).await.unwrap();
            String::from_utf8(out).unwrap()
        });
        self.east_run("CREATE TABLE IF NOT EXISTS base_template.notes (id serial PRIMARY KEY, body text)");
        eventually("east is served", || self.proxy.shared().clusters.of(&east()).is_ok());
        told
    }

    fn admin_args(&self) -> pgtenant::cli::connect::AdminArgs {
        admin_args(&self.proxy.db.admin_url)
    }

    /// On east.
    fn create(&self, tenant: &str, level: Level) -> Result<String, String> {
        self.create_with(tenant, |args| args.level = Some(level))
    }

    fn create_with(&self, tenant: &str, change: impl FnOnce(&mut CreateArgs)) -> Result<String, String> {
        let change = |args: &mut CreateArgs| {
            args.cluster = Some(east());
            args.password_stdin = true;
            change(args);
        };
        let stdin = format!("{PASSWORD}\n");
        self.run(self.proxy.db.create_with(tenant, change, &stdin))
    }

    fn tenant(&self, command: TenantCommand) -> Result<String, String> {
        self.run(self.proxy.db.tenant(command, ""))
    }

    /// As the administrator of east.
    async fn east_admin(&self) -> Client {
        let (password, port) = (cluster().superuser_password(), self.east.port());
        connect(&format!("postgresql://postgres:{password}@127.0.0.1:{port}/{DATABASE}")).await
    }

    fn east_run(&self, sql: &str) {
        self.run(async { self.east_admin().await.batch_execute(sql).await.unwrap() });
    }

    fn east_value(&self, sql: &str) -> String {
        self.run(async { value(&self.east_admin().await, sql).await })
    }

    fn main_value(&self, sql: &str) -> String {
        self.proxy.admin().value(sql)
    }

    fn main_run(&self, sql: &str) {
        self.proxy.admin().run(sql);
    }
}

/// The port of the PostgreSQL that answers.
const WHERE: &str = "select inet_server_port()";

#[test]
fn tenants_of_two_clusters_come_to_one_address_and_each_is_on_its_own() {
    let world = World::start(&["beta"], |_| {});
    let (mut alpha, mut beta) = (world.proxy.wire("alpha"), world.proxy.wire("beta"));
    assert_eq!(alpha.value(WHERE), world.proxy.server_port().to_string());
    assert_eq!(beta.value(WHERE), world.east.port().to_string());
    alpha.run("insert into notes (body) values ('alpha''s')");
    beta.run("insert into notes (body) values ('beta''s')");
    let notes = "select string_agg(body, ',') from notes";
    assert_eq!((alpha.value(notes), beta.value(notes)), ("alpha's".into(), "beta's".into()));
    let schemas = |tenant| {
        format!("select count(*) from pg_namespace where nspname = '{}'", world.proxy.db.schema(tenant))
    };
    assert_eq!(
        (world.main_value(&schemas("alpha")), world.east_value(&schemas("alpha"))),
        ("1".into(), "0".into())
    );
    assert_eq!(
        (world.main_value(&schemas("beta")), world.east_value(&schemas("beta"))),
        ("0".into(), "1".into())
    );
    // The registry there knows objects, and nobody who logs in.
    assert_eq!(
        world.east_value(
            "select count(*) || ' ' || (select count(*) from pgtenant.users) from pgtenant.tenants"
        ),
        "1 0"
    );
    // Nothing of the other is there, whatever it is called.
    let other = beta.query(&format!("select * from {}.notes", world.proxy.db.schema("alpha")));
    assert!(other[0].starts_with("Error ERROR 42501"), "{other:?}");
}

#[test]
fn cancel_and_notifications_stay_on_the_cluster_of_their_tenant() {
    let world = World::start(&["beta", "gamma"], |_| {});
    let (mut alpha, mut beta, mut gamma) =
        (world.proxy.wire("alpha"), world.proxy.wire("beta"), world.proxy.wire("gamma"));
    for wire in [&mut alpha, &mut beta, &mut gamma] {
        wire.run("listen news");
    }
    let mut speaker = world.proxy.wire("beta");
    speaker.run("notify news, 'of beta'");
    assert_eq!(beta.recv().to_string(), format!("Notification {} news of beta", speaker.pid));
    for wire in [&mut alpha, &mut gamma] {
        assert_eq!(wire.query("select 1").len(), 4, "nobody else hears of it");
    }
    speaker.send(&query("select pg_sleep(60) as on_east"));
    eventually("it runs", || {
        world.east_value(
            "select count(*) from pg_stat_activity where state = 'active' and query like '%as on_east'",
        ) == "1"
    });
    speaker.cancel();
    let lines = speaker.until_ready();
    assert!(lines.iter().any(|line| line.starts_with("Error ERROR 57014")), "{lines:?}");
    assert_eq!(alpha.value("select 1"), "1");
}

#[test]
fn shared_tenants_of_two_clusters_share_with_those_of_their_own_only() {
    let world =
        World::without_init(|config| config.server.hardening_check_period = Duration::from_millis(200));
    world.init(true);
    for tenant in ["beta", "gamma"] {
        world.create(tenant, Level::Shared).unwrap();
    }
    let (mut beta, mut gamma) = (world.proxy.wire("beta"), world.proxy.wire("gamma"));
    for round in 0..10 {
        for (wire, name) in [(&mut beta, "beta"), (&mut gamma, "gamma")] {
            wire.run(&format!("insert into notes (body) values ('{name} {round}')"));
            let role = "select current_user || ' ' || inet_server_port()";
            assert_eq!(wire.value(role), format!("{} {}", world.proxy.role(name), world.east.port()));
        }
    }
    assert_eq!(beta.value("select count(*) from notes where body like 'beta %'"), "10");
    assert_eq!(gamma.value("select count(*) from notes where body not like 'gamma %'"), "0");
    // Main is not hardened, and nobody is shared there: its watch has nothing to do with this.
    assert_eq!(world.proxy.wire("alpha").value("select 1"), "1");
}

#[test]
fn links_between_clients_and_server_processes_are_those_of_one_cluster() {
    let world = World::start(&["beta"], |_| {});
    let (mut alpha, mut beta) = (world.proxy.wire("alpha"), world.proxy.wire("beta"));
    alpha.run("begin");
    beta.run("begin");
    let seen = overview(world.proxy.shared());
    let clusters: Vec<_> = seen.clusters.iter().map(|row| (row.name.as_str(), row.budget.total)).collect();
    assert_eq!((clusters, seen.budget.total, seen.budget.limit), (vec![("main", 1), ("east", 1)], 2, 8));
    for (slug, cluster) in [(world.proxy.user("alpha"), "main"), (world.proxy.user("beta"), "east")] {
        let client = seen.clients.iter().find(|row| row.slug == slug).unwrap();
        let server = seen.servers.iter().find(|row| row.pool == slug).unwrap();
        let tenant = seen.tenants.iter().find(|row| row.slug == slug).unwrap();
        let pool = seen.pools.iter().find(|row| row.name == slug).unwrap();
        for found in [&client.cluster, &server.cluster, &tenant.cluster, &pool.cluster] {
            assert_eq!(found, cluster);
        }
        assert_eq!((server.client, client.server_pid), (Some(client.pid), Some(server.pid)));
    }
    assert_ne!(seen.servers[0].id, seen.servers[1].id);
    let place = &seen.tenants.iter().find(|row| row.cluster == "east").unwrap().place;
    assert_eq!(*place, Some(("127.0.0.1".into(), world.east.port(), DATABASE.into())));
}

#[test]
fn budget_of_one_cluster_is_not_used_up_by_the_other() {
    let world = World::start(&["beta"], |config| config.pool.max_server_connections = 1);
    let mut held: Vec<Wire> = (0..4).map(|_| world.proxy.wire("beta")).collect();
    held.iter_mut().for_each(|wire| wire.run("begin"));
    let mut fifth = world.proxy.wire("beta");
    fifth.send(&query("select 'at last'"));
    eventually("it waits", || world.proxy.shared().clusters.load().waiting == 1);
    assert_eq!(world.proxy.wire("alpha").value("select 1"), "1");
    held[0].run("rollback");
    assert_eq!(fifth.until_ready()[1], "DataRow at last");
}

/// Within a second, as everywhere.
fn ends_within_a_second(wires: &mut [&mut Wire], why: &str) {
    let begin = Instant::now();
    for wire in wires {
        let end = wire.until_end();
        assert!(end[0].contains("57P01") && end[0].contains(why), "{end:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[test]
fn tenant_that_is_said_to_be_on_another_cluster_loses_its_sessions_and_is_served_by_no_other() {
    let world = World::start(&["beta"], |_| {});
    let (mut idle, mut at_work) = (world.proxy.wire("beta"), world.proxy.wire("beta"));
    at_work.run("begin; insert into notes (body) values ('never committed')");
    let place = |cluster: &str| {
        let slug = world.proxy.user("beta");
        world.main_run(&format!("update pgtenant.tenants set cluster = '{cluster}' where slug = '{slug}'"));
    };
    place("nowhere");
    ends_within_a_second(&mut [&mut idle, &mut at_work], "moved to another server");
    let refused = world.proxy.wire_with("beta", &[]).err().unwrap();
    assert!(refused.contains("57P03") && !refused.contains("nowhere"), "{refused}");
    // Nor by main, where it has nothing.
    place("main");
    eventually("main is asked, which knows no such role", || {
        world.proxy.wire_with("beta", &[]).err().is_some_and(|refused| refused.contains("08006"))
    });
    place("east");
    eventually("it is served again", || world.proxy.wire_with("beta", &[]).is_ok());
    assert_eq!(world.proxy.wire("beta").value("select count(*) from notes"), "0");
}

#[test]
fn cluster_that_is_new_in_the_configuration_takes_a_restart_and_times_hold_at_once() {
    let world = World::start(&["beta"], |_| {});
    let report = world
        .proxy
        .reconfigure(|config| {
            let mut west = config.clusters[&east()].clone();
            west.server.address = ServerAddress::Tcp("127.0.0.1".into(), 1);
            config.clusters.insert(ClusterName::parse("west").unwrap(), west);
            config.clusters.get_mut(&east()).unwrap().max_server_connections = 2;
        })
        .unwrap();
    assert_eq!((report.changed, report.restart), (vec!["clusters".to_owned()], vec!["clusters".to_owned()]));
    let seen = overview(world.proxy.shared());
    assert_eq!(seen.clusters.iter().map(|row| row.budget.limit).collect::<Vec<_>>(), [4, 2]);
    assert_eq!(world.proxy.wire("beta").value("select 1"), "1");
}
