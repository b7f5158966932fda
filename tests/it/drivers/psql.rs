//! psql and pg_dump, as a script runs them and as a person uses them.

use super::*;

use std::collections::BTreeMap;

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn describes_the_tenants_own_tables() {
    let proxy = proxy(2);
    for tenant in ["alpha", "beta"] {
        let table = format!("only_{tenant}");
        let script = format!(
            "create table customers (id serial primary key, name text not null, unique (name));
             create table {table} (customer int references customers);\n\\pset tuples_only off\n\\d\n\\dt\n\\d customers\n\\d {table}
             \\dn\n\\df\n\\di+\n\\l\n\\du\ntable notes;\n"
        );
        let said = stdout(&proxy.psql(tenant, &script));
        assert_only_own_marker(tenant, &said);
        let schema = proxy.role(tenant);
        for line in [
            format!("{schema}|customers|table|{schema}"),
            format!("{schema}|customers_id_seq|sequence|{schema}"),
            "id|integer||not null|nextval('customers_id_seq'::regclass)".into(),
            "name|text||not null|".into(),
            "    \"customers_pkey\" PRIMARY KEY, btree (id)".into(),
            format!(
                "    TABLE \"{table}\" CONSTRAINT \"{table}_customer_fkey\" FOREIGN KEY (customer) \
                 REFERENCES customers(id)"
            ),
        ] {
            assert!(said.lines().any(|found| found == line), "no line {line} in {said}");
        }
        let other = if tenant == "alpha" { "only_beta" } else { "only_alpha" };
        assert!(!said.contains(other), "{said}");
    }
    assert_nobody_was_pinned(&proxy, "psql");
}

#[test]
fn eight_of_each_tenant_share_two_server_connections() {
    const CLIENTS: usize = 8;
    const EACH: usize = 2;
    const TURNS: usize = 5;
    let proxy = proxy_with(2 * EACH, EACH);
    let open = |tenant: &'static str| {
        let mut psql = proxy.program("psql", tenant);
        psql.args(["-XAtq"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        (tenant, psql.spawn().unwrap())
    };
    let mut clients: Vec<_> = ["alpha", "beta"].repeat(CLIENTS).into_iter().map(open).collect();
    // Each connects before it reads what to do.
    let all = clients.len() as u64;
    eventually("all are there", || proxy.shared().counters.snapshot().clients_current == all);
    let script = "begin;\nselect 'pid', pg_backend_pid();\ntable notes;\ncommit;\n".repeat(TURNS);
    for (_, psql) in &mut clients {
        psql.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    }
    let mut met = BTreeMap::<_, Vec<BTreeSet<_>>>::new();
    for (tenant, psql) in clients {
        let said = stdout(&psql.wait_with_output().unwrap());
        assert_eq!(said.matches(&marker(tenant)).count(), TURNS, "{said}");
        assert_only_own_marker(tenant, &said);
        let pids = said.lines().filter_map(|line| line.strip_prefix("pid|")).map(String::from);
        met.entry(tenant).or_default().push(pids.collect());
    }
    for clients in met.values() {
        let together: BTreeSet<_> = clients.iter().flatten().collect();
        assert!(together.len() <= EACH, "{clients:?}");
        let met_by = |pid| clients.iter().filter(|met| met.contains(pid)).count();
        assert!(together.into_iter().any(|pid| met_by(pid) > 1), "{clients:?}");
    }
    assert_nobody_was_pinned(&proxy, "psql, sixteen at once");
}

#[test]
fn copies_both_ways() {
    let proxy = proxy(2);
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("in.csv"), dir.path().join("out.csv"));
    let rows: String = (0..5000).map(|n| format!("{n},\"name, {n}\"\n")).collect();
    std::fs::write(&from, &rows).unwrap();
    for tenant in ["alpha", "beta"] {
        let script = format!(
            "create table goods (id int, name text);
             \\copy goods from '{}' with (format csv)
             insert into goods values (-1, '{}');
             \\copy (select * from goods order by id desc) to '{}' with (format csv)
             copy goods from stdin;\n6000\tinline\n\\.\n\
             select count(*) from goods;\n\\copy notes to stdout\n",
            from.display(),
            marker(tenant),
            to.display()
        );
        let said = stdout(&proxy.psql(tenant, &script));
        assert!(said.lines().any(|line| line == "5002"), "{said}");
        assert_only_own_marker(tenant, &said);
        let copied = std::fs::read_to_string(&to).unwrap();
        assert_eq!(copied.lines().count(), 5001);
        assert_eq!(copied.lines().next(), Some("4999,\"name, 4999\""));
        assert_only_own_marker(tenant, &copied);
    }
}

#[test]
fn rolls_back_and_commits() {
    let proxy = proxy(2);
    for tenant in ["alpha", "beta"] {
        let script = "begin; insert into notes (body) values ('undone'); rollback;
            begin; insert into notes (body) values ('half'); savepoint s; \
            insert into notes (body) values ('other half'); rollback to s; commit;
            select body from notes order by id;\n";
        let said = stdout(&proxy.psql(tenant, script));
        assert_eq!(said.lines().collect::<Vec<_>>(), [&marker(tenant), "half"]);
    }
}

#[test]
fn exit_codes_are_those_of_a_direct_connection() {
    let proxy = proxy(2);
    let code = |args: &[&str]| {
        let mut psql = proxy.program("psql", "alpha");
        let output = psql.args(["-XAtq"]).args(args).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    assert_eq!(code(&["-c", "select 1"]).0, Some(0));
    assert_eq!(code(&["-c", "select 1/0"]), (Some(1), "ERROR:  division by zero\n".into()));
    assert_eq!(code(&["-v", "ON_ERROR_STOP=1", "-c", "select 1/0", "-c", "select 1"]).0, Some(1));
    assert_eq!(code(&["-c", "select 1/0", "-c", "select 1"]).0, Some(0));
    let (status, error) = code(&["-c", "\\set VERBOSITY verbose", "-c", "table tenant_x.notes"]);
    assert!(status == Some(1) && error.starts_with("ERROR:  42501: "), "{error}");
    assert_eq!(code(&["-d", "nowhere", "-c", "select 1"]).0, Some(2));

    let output = proxy.psql("alpha", "select 'first';\nselect 1/0;\nselect 'second';\n");
    assert_eq!(output.status.code(), Some(3), "a script that stops");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "first\n");
    let single = ["-1", "-c", "insert into notes (body) values ('undone')", "-c", "select 1/0"];
    assert_eq!(code(&[&["-v", "ON_ERROR_STOP=1"], &single[..]].concat()).0, Some(1));
    assert_eq!(stdout(&proxy.psql("alpha", "select body from notes")), "marker of alpha\n");
}

#[test]
fn options_of_the_environment_are_in_force() {
    let proxy = proxy(2);
    for tenant in ["alpha", "beta"] {
        let mut psql = proxy.program("psql", tenant);
        psql.env("PGOPTIONS", "-c statement_timeout=54321 -c geqo=off").env("PGAPPNAME", "a person");
        psql.env("PGTZ", "Asia/Tokyo").env("PGDATESTYLE", "German");
        let show = "select current_setting('statement_timeout'), current_setting('geqo'), \
            current_setting('application_name'), current_setting('TimeZone'), date '2024-12-31'";
        let output = psql.args(["-XAtq", "-c", show, "-c", "table notes"]).output().unwrap();
        let said = stdout(&output);
        assert_eq!(said.lines().next(), Some("54321ms|off|a person|Asia/Tokyo|31.12.2024"));
        assert_only_own_marker(tenant, &said);
        let without = proxy.psql(tenant, "show geqo; show timezone");
        assert!(stdout(&without).starts_with("on\n") && !stdout(&without).contains("Tokyo"));
    }
}

#[test]
fn portions_descriptions_and_generated_queries_work() {
    let proxy = proxy(2);
    let script = "\\set FETCH_COUNT 10\nselect generate_series(1, 25);\n\\unset FETCH_COUNT
        select 1 as n, 'x'::text as t \\gdesc
        select 'select 42' union all select 'select body from notes' \\gexec
        select 'set by gset' as word \\gset\n\\echo :word\n";
    let said = stdout(&proxy.psql("alpha", script));
    let rows: String = (1..=25).map(|n| format!("{n}\n")).collect();
    assert_eq!(said, format!("{rows}n|integer\nt|text\n42\nmarker of alpha\nset by gset\n"));
}

#[test]
fn pg_dump_of_one_tenant_can_be_restored_by_another() {
    let proxy = proxy(2);
    let script = "create table customers (id serial primary key, name text);
        insert into customers (name) values ('one'), ('two');
        create view names as select name from customers;\n";
    stdout(&proxy.psql("alpha", script));
    let schema = proxy.role("alpha");
    let dump = |args: &[&str]| {
        let mut dump = proxy.program("pg_dump", "alpha");
        stdout(&dump.args(["-n", &schema, "--no-owner"]).args(args).output().unwrap())
    };
    assert_only_own_marker("alpha", &dump(&[]));
    assert_only_own_marker("alpha", &dump(&["--data-only", "--inserts"]));
    // What is in the way: the schema is there already, and the other tenant's has another name.
    let customers = dump(&["-t", &format!("{schema}.customers"), "-t", &format!("{schema}.names")]);
    let restored = proxy.psql("beta", &customers.replace(&schema, &proxy.role("beta")));
    stdout(&restored);
    let mut beta = proxy.wire("beta");
    assert_eq!(beta.value("select string_agg(name, ',') from names"), "one,two");
    assert_eq!(beta.value("insert into customers (name) values ('three') returning id"), "3");
    let refused = proxy.psql("beta", &customers);
    assert!(stderr(&refused).contains("is not in this tenant's scope"), "{}", stderr(&refused));
}

#[test]
fn reconnects_as_itself_and_as_another_tenant() {
    let proxy = proxy(2);
    let script = format!(
        "select 'as', current_user;\ntable notes;\n\\c\ntable notes;\n\\echo switch\n\\c - {}\n\
         select 'as', current_user;\ntable notes;\n",
        proxy.user("beta")
    );
    let said = stdout(&proxy.psql("alpha", &script));
    let (before, after) = said.split_once("switch\n").unwrap();
    assert_only_own_marker("alpha", before);
    assert_only_own_marker("beta", after);
    assert!(before.contains(&format!("as|{}", proxy.role("alpha"))), "{before}");
    assert!(after.contains(&format!("as|{}", proxy.role("beta"))), "{after}");
}

#[test]
fn script_stopped_by_an_interrupt_is_cancelled_on_the_server() {
    let proxy = proxy(2);
    let mut psql = proxy.program("psql", "alpha");
    psql.args(["-XAtq"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = psql.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"select pg_sleep(60);\nselect 'not reached';\n").unwrap();
    let mut admin = proxy.admin();
    let mut sleepers = || {
        let role = proxy.role("alpha");
        let sql = format!(
            "select count(*) from pg_stat_activity where usename = '{role}' and state = 'active' \
             and query like 'select pg_sleep%'"
        );
        admin.value(&sql)
    };
    eventually("the query runs", || sleepers() == "1");
    let kill = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    let error = stderr(&output);
    assert!(error.contains("canceling statement due to user request"), "{error}");
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(3), &b""[..]));
    eventually("the server has stopped it", || sleepers() == "0");
    assert_only_own_marker("alpha", &stdout(&proxy.psql("alpha", "table notes")));
}

#[test]
fn ctrl_c_at_a_terminal_cancels_and_the_session_goes_on() {
    let proxy = proxy(3);
    let mut psql = stories::python(&proxy, "psql_interactive.py");
    // The script runs psql with what is in its own environment.
    psql.envs(proxy.program("psql", "alpha").get_envs().filter_map(|(name, value)| Some((name, value?))));
    psql.env("PSQL", cluster().bin("psql"));
    stories::assert_tells(psql, 4);
}
