//! The program itself, and what needs a server or client set up in its own way.

use crate::support::binary::Binary;
use crate::support::proxy::{Proxy, stdout};

#[test]
fn program_initialises_creates_a_tenant_serves_and_stops_at_sigterm() {
    let mut binary = Binary::start(&["alpha"]);
    let listed = stdout(&binary.command().args(["check"]).output().unwrap());
    assert!(!listed.is_empty());
    let mut wire = binary.wire("alpha");
    assert_eq!(wire.value("select current_user"), format!("tenant_{}_alpha", binary.database));
    wire.run("begin");
    binary.terminate();
    // The transaction may finish.
    wire.run("select 1");
    wire.run("commit");
    let farewell = "Error FATAL 57P01 terminating connection due to administrator command";
    assert_eq!(wire.until_end(), [farewell, "end"]);
    assert!(binary.wait().success());
}

#[test]
fn psql_over_a_unix_socket() {
    let dir = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
    let path = dir.path().to_owned();
    let proxy = Proxy::start(&["alpha"], |config| config.listen.unix_socket_dir = Some(path));
    // The file is named after the configured port, which is 0 here: any free one.
    let mut command = proxy.program("psql", "alpha");
    let socket = std::fs::read_dir(dir.path()).unwrap().flatten().next().expect("a socket").file_name();
    let port = socket.to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    if port == "0" {
        // libpq takes no port 0; the socket answers all the same.
        let target = dir.path().join(".s.PGSQL.6432");
        std::fs::rename(dir.path().join(&socket), target).unwrap();
        command.env("PGPORT", "6432");
    } else {
        command.env("PGPORT", port);
    }
    command.env("PGHOST", dir.path()).args(["-XAtqc", "select 'by socket'"]);
    assert_eq!(stdout(&command.output().unwrap()), "by socket\n");
}

#[test]
fn psql_shows_a_refusal_with_its_hint() {
    let output =
        Proxy::start(&["alpha"], |_| {}).psql("alpha", "select * from tenant_somebody_else.notes;\n");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("ERROR:") && error.contains("HINT:"), "{error}");
}

#[test]
fn pgbench_script_with_a_pipeline() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 4);
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("pipeline.sql");
    std::fs::write(
        &script,
        "\\startpipeline\nselect 1;\ninsert into notes (body) values ('p');\nselect 2;\n\\endpipeline\n",
    )
    .unwrap();
    let output = proxy
        .program("pgbench", "alpha")
        .args(["-n", "-c", "8", "-t", "20", "-M", "extended", "-f"])
        .arg(&script)
        .output()
        .unwrap();
    assert!(stdout(&output).contains("actually processed: 160/160"));
    assert_eq!(proxy.wire("alpha").value("select count(*) from notes"), "160");
}

#[test]
fn dump_of_a_tenant_is_checked_with_its_data_skipped() {
    let binary = Binary::start(&["alpha"]);
    let slug = format!("{}_alpha", binary.database);
    let mut wire = binary.wire("alpha");
    wire.run("create table words (id serial primary key, word text not null default ';', unique (word))");
    wire.run("insert into words (word) values (E'it''s\\n\\\\.\\nno end; \\\\d $$'), ('plain')");
    wire.run("create function f() returns int begin atomic select 1; select 2; end");
    wire.run("create function g() returns int language plpgsql as 'begin return 1; end'");
    for (more, refused) in [(&[][..], 1), (&["--inserts", "--table", "words"], 0)] {
        let mut dump = std::process::Command::new(crate::support::cluster().bin("pg_dump"));
        dump.args(["--no-owner", "-n", &format!("tenant_{slug}")]).args(more).arg(binary.url("alpha"));
        let sql = stdout(&dump.output().unwrap());
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, &sql).unwrap();
        let checked = binary.command().args(["check", "sql", "--tenant", &slug]).arg(&path).output().unwrap();
        let told = String::from_utf8(checked.stdout).unwrap();
        let refusals: Vec<&str> =
            told.lines().filter(|line| line.split_whitespace().nth(1) == Some("refuse")).collect();
        // The schema itself is made by the operator.
        let created = refusals.iter().filter(|line| line.contains("CREATE SCHEMA")).count();
        assert_eq!((refusals.len(), created), (refused, refused), "{sql}{told}");
        assert!(told.contains("words"), "{told}");
        let error = String::from_utf8(checked.stderr).unwrap();
        assert_eq!((checked.status.code(), error.as_str()), (Some(i32::from(refused > 0)), ""));
    }
}

#[test]
fn statements_of_a_tenant_that_kept_its_names_are_checked_for_those() {
    let binary = Binary::start(&["alpha"]);
    let (old, new) = (format!("{}_alpha", binary.database), format!("{}_apex", binary.database));
    let admin = crate::support::cluster().superuser_url(&binary.database);
    let rename = ["tenant", "rename", &old, &new, "--keep-names", "--admin-url", &admin];
    stdout(&binary.command().args(rename).output().unwrap());
    let file = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::write(&file, format!("SELECT FROM tenant_{old}.words;")).unwrap();
    let check = |more: &[&str]| {
        let mut command = binary.command();
        command.args(["check", "sql", "--tenant", &new]).args(more).arg(&file);
        command.output().unwrap().status.code()
    };
    assert_eq!(check(&[]), Some(1), "the slug does not say it");
    assert_eq!(check(&["--schema", &format!("tenant_{old}")]), Some(0));
    assert_eq!(check(&["--registry"]), Some(0));
    assert_eq!(check(&["--registry", "--level", "shared"]), Some(2), "the registry knows that");
}
