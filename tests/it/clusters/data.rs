//! Migrations, backups and passwords of all clusters.

use pgtenant::cli::migrate::{self, MigrateCommand, StatusArgs, UpArgs};
use pgtenant::cli::tenant::{BackupArgs, HowArgs, RestoreArgs, TenantCommand};
use pgtenant::control::migrate::Progress;
use pgtenant::tenant::ClusterName;
use tempfile::TempDir;

use super::{WHERE, World, east};
use crate::support::cluster;
use crate::support::proxy::eventually;

/// Nobody looks.
struct Unseen;

impl Progress for Unseen {
    fn at(&mut self, _: usize, _: usize, _: &str) {}
}

fn migrate(world: &World, command: MigrateCommand) -> Result<String, String> {
    world.run(async {
        let mut out = Vec::new();
        let done = migrate::run(command, &world.proxy.db.config, &mut out, &mut Unseen).await;
        let out = String::from_utf8(out).unwrap();
        done.map(|()| out.clone()).map_err(|error| format!("{out}{error:#}"))
    })
}

pub(super) fn up(world: &World, files: &TempDir, canary: &[String]) -> Result<String, String> {
    migrate(
        world,
        MigrateCommand::Up(UpArgs {
            directory: Some(files.path().to_owned()),
            tenant: None,
            to: None,
            parallel: 2,
            canary: canary.to_vec(),
            out_of_order: false,
            dry_run: false,
            json: false,
            admin: world.admin_args(),
        }),
    )
}

#[test]
fn files_are_applied_on_all_clusters_and_clients_of_each_see_them_in_their_prepared_statements() {
    let world = World::start(&["beta"], |_| {});
    let files = tempfile::tempdir().unwrap();
    std::fs::write(
        files.path().join("1_colour.sql"),
        "ALTER TABLE notes ADD COLUMN colour text DEFAULT 'red'",
    )
    .unwrap();
    let (mut alpha, mut beta) = (world.proxy.wire("alpha"), world.proxy.wire("beta"));
    for wire in [&mut alpha, &mut beta] {
        wire.run("insert into notes (body) values ('old')");
        wire.run("prepare bodies as select body from notes");
        assert_eq!(wire.value("execute bodies"), "old");
    }
    let told = up(&world, &files, &[]).unwrap();
    assert!(told.contains("2 tenants migrated, 0 failed") && told.contains("(template of east)"), "{told}");
    for wire in [&mut alpha, &mut beta] {
        assert_eq!(wire.value("execute bodies"), "old");
        assert_eq!(wire.value("select colour from notes"), "red");
    }
    // What proxies go by is at rest again, and has moved.
    let state = "select s.changing::text || (s.epoch > 0)::text from pgtenant.schema_states s join pgtenant.tenants t on t.id = s.tenant_id
                 where t.cluster = 'east'";
    assert_eq!(world.main_value(state), "falsetrue");
    let status = StatusArgs { directory: Some(files.path().to_owned()), json: false };
    let status = migrate(&world, MigrateCommand::Status(status)).unwrap();
    assert!(status.lines().nth(1).unwrap().contains("yes") && status.contains("2 of 2"), "{status}");
    // The next tenant has it from the template there.
    world.create("gamma", pgtenant::tenant::Level::Dedicated).unwrap();
    assert_eq!(world.proxy.wire("gamma").value("select count(colour) from notes"), "0");
}

#[test]
fn canary_on_one_cluster_keeps_a_bad_file_from_the_others() {
    let world = World::start(&["beta"], |_| {});
    world.proxy.wire("beta").run("insert into notes (body) values (null)");
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("1_strict.sql"), "ALTER TABLE notes ALTER COLUMN body SET NOT NULL")
        .unwrap();
    let told = up(&world, &files, &[world.proxy.user("beta")]).unwrap_err();
    assert!(told.contains("on east") && !told.contains("main"), "{told}");
    world.proxy.wire("alpha").run("insert into notes (body) values (null)");
}

fn how() -> HowArgs {
    HowArgs { pg_bin: Some(cluster().bin("")), ..HowArgs::default() }
}

fn restore(world: &World, file: &TempDir, change: impl FnOnce(&mut RestoreArgs)) -> Result<String, String> {
    let mut args = RestoreArgs {
        file: file.path().join("a.pgtenant"),
        new_slug: None,
        replace: false,
        cluster: None,
        dry_run: false,
        json: false,
        how: how(),
        admin: world.admin_args(),
    };
    change(&mut args);
    world.tenant(TenantCommand::Restore(args))
}

#[test]
fn backup_goes_from_one_cluster_to_another_and_takes_the_place_of_what_is_there() {
    let world = World::start(&["beta"], |_| {});
    world.proxy.wire("beta").run("insert into notes (body) values ('of beta')");
    let file = tempfile::tempdir().unwrap();
    let backup = BackupArgs {
        slug: world.proxy.user("beta"),
        to: file.path().join("a.pgtenant"),
        with_users: true,
        json: false,
        how: how(),
    };
    world.tenant(TenantCommand::Backup(backup)).unwrap();
    world.proxy.wire("beta").run("delete from notes");
    // In its place, on its own cluster, wherever new tenants go.
    restore(&world, &file, |args| args.replace = true).unwrap();
    assert_eq!(world.proxy.wire("beta").value("select body from notes"), "of beta");
    let error = restore(&world, &file, |args| (args.replace, args.cluster) = (true, Some(ClusterName::MAIN)))
        .unwrap_err();
    assert!(error.contains("is on the cluster east, not on main"), "{error}");
    // As another tenant, on main and on east.
    for (name, cluster, port) in
        [("gamma", ClusterName::MAIN, world.proxy.server_port()), ("delta", east(), world.east.port())]
    {
        let slug = world.proxy.user(name);
        let told = restore(&world, &file, |args| {
            (args.new_slug, args.cluster) = (Some(slug.clone()), Some(cluster))
        });
        let told = told.unwrap();
        let (_, rest) = told.split_once("postgresql://").expect("a connection string");
        let (_, rest) = rest.split_once(':').unwrap();
        let password = rest.split_once('@').unwrap().0.to_owned();
        let parameters = [("user", slug.as_str()), ("database", world.proxy.db.name.as_str())];
        let log_in = || crate::support::wire::Wire::log_in(world.proxy.addr(), &parameters, &password);
        eventually("it is served", || log_in().is_ok());
        let mut wire = log_in().unwrap();
        assert_eq!(wire.value(WHERE), port.to_string());
        assert_eq!(wire.value("select body from notes"), "of beta");
    }
    assert_eq!(world.east_value("select count(*) from pgtenant.users"), "0");
}
