//! Real clients, unmodified: psql, pgbench, tokio-postgres, psycopg and asyncpg, each as a tenant.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::cluster;
use crate::support::proxy::{Proxy, eventually, stdout};

/// Tenants alpha and beta, each with one row in `notes` that nobody else may see.
fn proxy(server_connections: usize) -> Proxy {
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.pool.max_server_connections = server_connections;
        config.pool.max_server_connections_per_tenant = server_connections;
    });
    for tenant in ["alpha", "beta"] {
        proxy.wire(tenant).run(&format!("insert into notes (body) values ('{}')", marker(tenant)));
    }
    proxy
}

fn marker(tenant: &str) -> String {
    format!("marker of {tenant}")
}

/// The one marker that this tenant has, and no other.
#[track_caller]
fn assert_only_own_marker(tenant: &str, text: &str) {
    assert!(text.contains(&marker(tenant)), "{tenant}: its row is missing in {text}");
    let strange = text.replace(&marker(tenant), "");
    assert!(!strange.contains("marker of"), "{tenant}: rows of another tenant in {text}");
}

mod psql {
    use super::*;

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
        let mut psql = story(&proxy, "alpha", "psql_interactive.py");
        // The script runs psql with what is in its own environment.
        psql.envs(proxy.program("psql", "alpha").get_envs().filter_map(|(name, value)| Some((name, value?))));
        psql.env("PSQL", cluster().bin("psql"));
        assert_tells(&mut psql, 4);
    }
}

mod pgbench {
    use super::*;

    const CLIENTS: usize = 32;
    const SERVER_CONNECTIONS: usize = 4;

    fn pgbench(proxy: &Proxy, tenant: &str, args: &[&str]) -> Command {
        let mut command = proxy.program("pgbench", tenant);
        command.args(args).stdin(Stdio::null());
        command
    }

    fn initialize(proxy: &Proxy, tenant: &str) {
        let output = pgbench(proxy, tenant, &["-i", "--foreign-keys"]).output().unwrap();
        stdout(&output);
        let accounts =
            "select relnamespace::regnamespace from pg_class where oid = 'pgbench_accounts'::regclass";
        assert_eq!(proxy.wire(tenant).value(accounts), proxy.role(tenant));
    }

    /// Runs with all clients; each does `transactions`, and none fails.
    fn run(proxy: &Proxy, tenant: &str, mode: &str, script: &[&str], transactions: usize) {
        let (clients, each) = (CLIENTS.to_string(), transactions.to_string());
        // It waits for the answer to each PREPARE and lets all other clients of the thread stand still in
        // their transactions, also those that hold what this client waits for.
        let threads = if mode == "prepared" { &clients } else { "2" };
        let args = ["-n", "-c", &clients, "-j", threads, "-t", &each, "-M", mode];
        let output = pgbench(proxy, tenant, &[&args, script].concat()).output().unwrap();
        let said = stdout(&output);
        let total = CLIENTS * transactions;
        let all = format!("number of transactions actually processed: {total}/{total}");
        assert!(said.contains(&all), "{mode} {script:?}: {said}");
        assert!(said.contains("number of failed transactions: 0 (0.000%)"), "{mode} {script:?}: {said}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("error"), "{mode} {script:?}: {told}");
        assert!(proxy.server_connections() <= SERVER_CONNECTIONS);
    }

    /// What TPC-B-like transactions add to every table is the same, and each was counted once.
    fn assert_balanced(proxy: &Proxy, tenant: &str, transactions: usize) {
        let mut wire = proxy.wire(tenant);
        let sum = |table: &str, column: &str| format!("select sum({column}) from pgbench_{table}");
        let history = wire.value(&sum("history", "delta"));
        for (table, column) in [("accounts", "abalance"), ("branches", "bbalance"), ("tellers", "tbalance")] {
            assert_eq!(wire.value(&sum(table, column)), history, "{tenant}: {table}");
        }
        assert_eq!(wire.value("select count(*) from pgbench_history"), transactions.to_string());
        assert_only_own_marker(tenant, &wire.query("table notes").join("\n"));
    }

    #[test]
    fn thirty_two_clients_over_four_server_connections_lose_nothing() {
        const EACH: usize = 8;
        let proxy = proxy(SERVER_CONNECTIONS);
        initialize(&proxy, "alpha");
        for mode in ["simple", "extended", "prepared"] {
            run(&proxy, "alpha", mode, &["-S"], 4 * EACH);
            run(&proxy, "alpha", mode, &["-b", "tpcb-like"], EACH);
        }
        // A new connection for every transaction.
        run(&proxy, "alpha", "simple", &["-S", "-C"], 2);
        assert_balanced(&proxy, "alpha", 3 * CLIENTS * EACH);
        who_served_whom(&proxy);
        let beta = proxy.wire("beta").query("table pgbench_accounts").join("\n");
        assert!(beta.contains("42P01"), "{beta}");
    }

    #[test]
    fn two_tenants_at_once_keep_their_books_apart() {
        let proxy = proxy(SERVER_CONNECTIONS);
        let tenants = [("alpha", "simple", 6), ("beta", "extended", 9)];
        std::thread::scope(|scope| {
            for (tenant, mode, each) in tenants {
                let proxy = &proxy;
                scope.spawn(move || {
                    initialize(proxy, tenant);
                    run(proxy, tenant, mode, &["-b", "tpcb-like"], each);
                });
            }
        });
        for (tenant, _, each) in tenants {
            assert_balanced(&proxy, tenant, CLIENTS * each);
        }
    }

    /// The same few server processes serve all clients, whose statements come one by one and in pipelines.
    fn who_served_whom(proxy: &Proxy) {
        let mut wire = proxy.wire("alpha");
        wire.run("create table seen (client int, pid int)");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seen.sql");
        let insert = "insert into seen values (:client_id, pg_backend_pid());\n";
        let pipeline = format!("\\startpipeline\nbegin;\n{insert}select 1;\n{insert}end;\n\\endpipeline\n");
        for (mode, script) in [("simple", insert), ("prepared", insert), ("extended", &pipeline)] {
            std::fs::write(&file, script).unwrap();
            run(proxy, "alpha", mode, &["-f", file.to_str().unwrap()], 10);
        }
        let all = "select count(*) || ' rows of ' || count(distinct client) from seen";
        assert_eq!(wire.value(all), format!("{} rows of {CLIENTS}", CLIENTS * 10 * 4));
        let pids: usize = wire.value("select count(distinct pid) from seen").parse().unwrap();
        assert!((1..=SERVER_CONNECTIONS).contains(&pids), "{pids} server processes served {CLIENTS} clients");
    }
}

mod rust {
    use super::*;

    use std::pin::pin;
    use std::sync::Arc;

    use futures_util::{SinkExt, TryStreamExt, future};
    use tokio::sync::Barrier;
    use tokio_postgres::error::SqlState;
    use tokio_postgres::{Client, Config, NoTls};

    use crate::support::connect;

    async fn bodies(client: &Client) -> String {
        let rows = client.query("select body from notes", &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn prepared_statements_follow_twelve_clients_over_three_server_connections() {
        let proxy = proxy(3);
        let all_in = Arc::new(Barrier::new(12));
        let work = |number: i32| {
            let (url, all_in) = (proxy.url("alpha"), Arc::clone(&all_in));
            async move {
                let mut client = connect(&url).await;
                let pid = client.prepare("select pg_backend_pid()").await.unwrap();
                let add = client.prepare("select $1::int + $2::int").await.unwrap();
                let note = client.prepare("insert into notes (body) values ($1)").await.unwrap();
                all_in.wait().await;
                let mut pids = BTreeSet::new();
                for turn in 0..10 {
                    let transaction = client.transaction().await.unwrap();
                    pids.insert(transaction.query_one(&pid, &[]).await.unwrap().get::<_, i32>(0));
                    let sum: i32 = transaction.query_one(&add, &[&number, &turn]).await.unwrap().get(0);
                    assert_eq!(sum, number + turn);
                    transaction.execute(&note, &[&format!("{number} {turn}")]).await.unwrap();
                    transaction.commit().await.unwrap();
                    assert_only_own_marker("alpha", &bodies(&client).await);
                }
                all_in.wait().await;
                pids
            }
        };
        let seen = proxy.run(future::join_all((0..12).map(work)));
        let together: BTreeSet<_> = seen.iter().flatten().collect();
        assert!(together.len() <= 3, "{seen:?}");
        assert_eq!(proxy.wire("alpha").value("select count(distinct body) from notes"), "121");
        assert!(proxy.server_connections() <= 3);
    }

    #[tokio::test]
    async fn copies_both_ways() {
        let proxy = proxy(2);
        for tenant in ["alpha", "beta"] {
            let client = proxy.connect(tenant).await;
            client.batch_execute("create table goods (id int, name text)").await.unwrap();
            let mut sink = Box::pin(client.copy_in("copy goods from stdin").await.unwrap());
            for block in 0..10 {
                let rows: String = (0..500).map(|n| format!("{}\tgood\n", block * 500 + n)).collect();
                sink.send(bytes::Bytes::from(rows)).await.unwrap();
            }
            assert_eq!(sink.as_mut().finish().await.unwrap(), 5000);
            // Dropped without finish, it must not count.
            let mut sink = Box::pin(client.copy_in("copy goods from stdin").await.unwrap());
            sink.send(bytes::Bytes::from_static(b"1\tlost\n")).await.unwrap();
            drop(sink);
            let out = client.copy_out("copy (select id from goods order by id) to stdout").await.unwrap();
            let out: Vec<bytes::Bytes> = out.try_collect().await.unwrap();
            let text = String::from_utf8(out.concat()).unwrap();
            assert!(text.lines().eq((0..5000).map(|n| n.to_string())));
            assert_only_own_marker(tenant, &bodies(&client).await);
        }
    }

    #[tokio::test]
    async fn pipelined_queries_are_answered_each_with_its_own() {
        let proxy = proxy(2);
        let client = proxy.connect("alpha").await;
        let answers = future::join_all((0..100_i32).map(|n| {
            let client = &client;
            async move { client.query_one("select $1::int * 2", &[&n]).await.unwrap().get::<_, i32>(0) }
        }));
        assert_eq!(answers.await, (0..100).map(|n| n * 2).collect::<Vec<_>>());
        let statement = client.prepare("select 100 / $1::int").await.unwrap();
        let answers = future::join_all([5_i32, 0, 4].map(|n| {
            let (client, statement) = (&client, &statement);
            async move { client.query_one(statement, &[&n]).await.map(|row| row.get::<_, i32>(0)) }
        }));
        let [first, failed, last] = <[_; 3]>::try_from(answers.await).unwrap();
        assert_eq!((first.unwrap(), last.unwrap()), (20, 25));
        assert_eq!(failed.unwrap_err().code(), Some(&SqlState::DIVISION_BY_ZERO));
        assert_only_own_marker("alpha", &bodies(&client).await);
    }

    #[tokio::test]
    async fn transactions_roll_back_nest_and_survive_errors() {
        let proxy = proxy(2);
        let mut client = proxy.connect("alpha").await;
        let mut transaction = client.transaction().await.unwrap();
        transaction.execute("insert into notes (body) values ('kept')", &[]).await.unwrap();
        let savepoint = transaction.savepoint("part").await.unwrap();
        savepoint.execute("insert into notes (body) values ('undone')", &[]).await.unwrap();
        let error = savepoint.query("select 1 / 0", &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
        let error = savepoint.query("select 1", &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
        savepoint.rollback().await.unwrap();
        transaction.commit().await.unwrap();
        // Dropped without commit, it is rolled back.
        let transaction = client.transaction().await.unwrap();
        transaction.execute("delete from notes", &[]).await.unwrap();
        drop(transaction);
        assert_eq!(bodies(&client).await, "marker of alpha\nkept");
    }

    #[tokio::test]
    async fn portal_gives_rows_in_portions() {
        let proxy = proxy(2);
        let mut client = proxy.connect("alpha").await;
        let transaction = client.transaction().await.unwrap();
        let portal = transaction.bind("select generate_series(1, 250)", &[]).await.unwrap();
        let mut sizes = Vec::new();
        while sizes.last() != Some(&0) {
            sizes.push(transaction.query_portal(&portal, 100).await.unwrap().len());
        }
        assert_eq!(sizes, [100, 100, 50, 0]);
        transaction.commit().await.unwrap();
        assert_only_own_marker("alpha", &bodies(&client).await);
    }

    #[test]
    fn cancel_token_cancels_its_own_client_only() {
        let proxy = proxy(2);
        let (one, two) = proxy.run(async { (proxy.connect("alpha").await, proxy.connect("alpha").await) });
        let sleep = async |client: &Client| client.batch_execute("select pg_sleep(60)").await;
        let when_both_sleep = async || {
            let sql = format!(
                "select count(*) from pg_stat_activity where usename = '{}' and wait_event = 'PgSleep'",
                proxy.role("alpha")
            );
            let admin = connect(&proxy.db.admin_url).await;
            while admin.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) < 2 {
                tokio::task::yield_now().await;
            }
        };
        let canceled = |answer: Result<(), tokio_postgres::Error>| {
            assert_eq!(answer.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
        };
        proxy.run(async {
            let (mut first, mut second) = (pin!(sleep(&one)), pin!(sleep(&two)));
            tokio::select! {
                answer = &mut first => panic!("not asleep: {answer:?}"),
                answer = &mut second => panic!("not asleep: {answer:?}"),
                () = when_both_sleep() => one.cancel_token().cancel_query(NoTls).await.unwrap(),
            }
            tokio::select! {
                answer = &mut second => panic!("cancelled with the other: {answer:?}"),
                answer = &mut first => canceled(answer),
            }
            two.cancel_token().cancel_query(NoTls).await.unwrap();
            canceled(second.await);
            assert_only_own_marker("alpha", &bodies(&one).await);
            assert_only_own_marker("alpha", &bodies(&two).await);
            // With nothing to cancel, a cancel does nothing to whatever runs next.
            one.cancel_token().cancel_query(NoTls).await.unwrap();
            assert_only_own_marker("alpha", &bodies(&one).await);
        });
    }

    #[tokio::test]
    async fn errors_leave_the_connection_usable() {
        let proxy = proxy(1);
        let client = proxy.connect("alpha").await;
        for (sql, code) in [
            ("selec", SqlState::SYNTAX_ERROR),
            ("select * from nowhere", SqlState::UNDEFINED_TABLE),
            ("select 1 / 0", SqlState::DIVISION_BY_ZERO),
            ("select * from tenant_other.notes", SqlState::INSUFFICIENT_PRIVILEGE),
        ] {
            assert_eq!(client.query(sql, &[]).await.unwrap_err().code(), Some(&code), "{sql}");
            assert_eq!(client.batch_execute(sql).await.unwrap_err().code(), Some(&code), "{sql}");
            assert_only_own_marker("alpha", &bodies(&client).await);
        }
    }

    #[tokio::test]
    async fn options_in_the_connection_string_are_in_force() {
        let proxy = proxy(1);
        let mut config: Config = proxy.url("alpha").parse().unwrap();
        config.options("-c lock_timeout=1234").application_name("a service");
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let other = proxy.connect("alpha").await;
        for _ in 0..2 {
            let sql = "select current_setting('lock_timeout') || ' ' || current_setting('application_name')";
            let set: String = client.query_one(sql, &[]).await.unwrap().get(0);
            assert_eq!(set, "1234ms a service");
            assert_eq!(other.query_one("show lock_timeout", &[]).await.unwrap().get::<_, &str>(0), "0");
        }
    }
}

mod notifications {
    use std::time::Duration;

    use futures_util::StreamExt;
    use futures_util::stream::poll_fn;
    use tokio::time::timeout;
    use tokio_postgres::{AsyncMessage, NoTls};

    use super::*;

    #[test]
    fn psql_prints_its_own_at_once() {
        let proxy = proxy(1);
        let said =
            stdout(&proxy.psql("alpha", "listen x;\nnotify x, 'one';\nselect 1;\nlisten y; notify y;\n"));
        assert!(
            said.contains(
                "Asynchronous notification \"x\" with payload \"one\" received from server process"
            ),
            "{said}"
        );
        assert!(said.contains("Asynchronous notification \"y\" received from server process"), "{said}");
    }

    #[tokio::test]
    async fn tokio_postgres_hears_while_it_queries() {
        let proxy = proxy(1);
        let (client, mut connection) = tokio_postgres::connect(&proxy.url("alpha"), NoTls).await.unwrap();
        let mut messages = poll_fn(move |cx| connection.poll_message(cx));
        let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(notification) = message {
                    let _ = heard.send(notification.payload().to_owned());
                }
            }
        });
        client.batch_execute("LISTEN x").await.unwrap();
        let other = proxy.connect("alpha").await;
        for n in 0..20 {
            other.execute("SELECT pg_notify('x', $1)", &[&n.to_string()]).await.unwrap();
            client.query_one("SELECT 1", &[]).await.unwrap();
            let payload = timeout(Duration::from_secs(20), hears.recv()).await.unwrap();
            assert_eq!(payload, Some(n.to_string()));
        }
    }
}

mod python {
    use super::*;

    #[test]
    fn psycopg_story_holds_over_three_server_connections() {
        let proxy = proxy(3);
        assert_tells(&mut story(&proxy, "alpha", "psycopg_story.py"), 14);
    }

    #[test]
    fn psycopg_and_asyncpg_listen_over_two_server_connections() {
        let proxy = proxy(2);
        assert_tells(&mut story(&proxy, "alpha", "notify_story.py"), 3);
    }

    #[test]
    fn asyncpg_story_holds_over_three_server_connections() {
        let proxy = proxy(3);
        assert_tells(&mut story(&proxy, "beta", "asyncpg_story.py"), 9);
    }
}

/// A script of `tests/drivers`, with the drivers that setup.sh installs.
fn story(proxy: &Proxy, tenant: &str, script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/test-venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup.sh test", python.display());
    let mut command = Command::new(python);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
        command.env_remove(name);
    }
    command
        .arg(root.join("tests/drivers").join(script))
        .env("DSN", proxy.url(tenant))
        .env("MARKER", marker(tenant))
        .env("SERVER_CONNECTIONS", proxy.db.config.pool.max_server_connections.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    command
}

/// The script proves this many things, and succeeds.
#[track_caller]
fn assert_tells(story: &mut Command, proofs: usize) {
    let output = story.output().unwrap();
    let said = stdout(&output);
    assert_eq!(said.lines().filter(|line| line.starts_with("ok: ")).count(), proofs, "{said}");
}
