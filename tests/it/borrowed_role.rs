//! Attacks at level `shared` that were found to get at the login of the pool, which may take any tenant's role, or to have the server read or
//! run something else than what the guard has judged. What is looked for is always the other tenant's row, and who a statement runs as.

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, bind, close_statement, execute, flush, parse, query, sync, unnamed};

const WHO: &str = "select current_user, (select string_agg(body, ',') from notes)";

/// One server connection; the row of beta tells whose it is.
fn proxies() -> [Proxy; 2] {
    let one = |config: &mut pgtenant::config::Config| config.pool.max_server_connections = 1;
    let both = [
        Proxy::start_shared(&["alpha", "beta"], one),
        Proxy::start_shared_unhardened(&["alpha", "beta"], one),
    ];
    for proxy in &both {
        proxy.wire("beta").run("insert into notes (body) values ('of beta')");
    }
    both
}

/// SQL in a text that no guard sees, which takes the role of beta where it runs as somebody who may.
fn takes_role_of_beta(proxy: &Proxy) -> String {
    let sql = format!("select pgtenant_guard.set_config('role','{}',true)", proxy.role("beta"));
    let hex: String = sql.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("select query_to_xml(convert_from(decode('{hex}','hex'),'UTF8'),true,true,'')")
}

/// Nothing that came was of beta, or ran as anybody but alpha, as which the session goes on.
fn assert_alpha(proxy: &Proxy, wire: &mut Wire, seen: &[String], what: &str) {
    let seen = seen.join("\n");
    assert!(!seen.contains("of beta") && !seen.contains("pgtenant_pool"), "{what}: {seen}");
    assert!(!seen.contains(&format!("DataRow {}", proxy.role("beta"))), "{what}: {seen}");
    wire.query("rollback");
    assert_eq!(wire.value("select current_user"), proxy.role("alpha"), "{what}");
}

#[test]
fn text_that_goes_on_behind_the_end_of_its_block_is_refused() {
    for proxy in proxies() {
        for (first, end) in [
            ("select 1", "commit"),
            ("select 1", "rollback"),
            ("select 1/0", "rollback"),
            ("select 1", "commit and chain"),
            ("select 1", "commit; begin; savepoint a"),
        ] {
            for text in [format!("{end}; {WHO}"), format!("{end}; {}; {WHO}", takes_role_of_beta(&proxy))] {
                let mut wire = proxy.wire("alpha");
                wire.run("begin");
                wire.query(first);
                let mut seen = wire.query(&text);
                assert!(seen[0].starts_with("Error"), "{text}: {seen:?}");
                seen.extend(wire.query("rollback to a"));
                seen.extend(wire.query(WHO));
                assert_alpha(&proxy, &mut wire, &seen, &text);
            }
        }
        // What only ends the block, or begins the next one, goes on as ever.
        let mut wire = proxy.wire("alpha");
        wire.run("begin");
        wire.run("insert into notes (body) values ('kept'); commit; begin");
        assert_eq!(wire.value("select count(*) from notes where body = 'kept'"), "1");
        wire.run("commit");
    }
}

#[test]
fn end_of_a_transaction_by_a_portal_that_was_not_bound_last_takes_the_role_away_from_nothing() {
    for proxy in proxies() {
        let long = "q".repeat(70);
        for (bound, executed) in [("p", "p"), (&*long, &long[..63])] {
            let evil = takes_role_of_beta(&proxy);
            let ends =
                [parse("c", "commit"), bind(bound, "c", &[]), unnamed("select 1", &[]), execute(executed, 0)];
            let goes_on = [unnamed(WHO, &[]), unnamed(&evil, &[]), unnamed(WHO, &[]), sync()];
            let mut wire = proxy.wire("alpha");
            let seen = wire.say(&[ends.concat(), goes_on.concat()].concat());
            assert_alpha(&proxy, &mut wire, &seen, bound);
            // In a batch of its own, in a block, with a query behind it.
            let mut wire = proxy.wire("alpha");
            wire.run("begin");
            wire.say(&[parse("d", "commit"), bind(bound, "d", &[]), sync()].concat());
            let batch = [unnamed("select 1", &[]), execute(executed, 0), query(&format!("{evil}; {WHO}"))];
            let seen = wire.say(&batch.concat());
            assert_alpha(&proxy, &mut wire, &seen, bound);
        }
    }
}

#[test]
fn statement_that_a_trigger_prepares_under_a_name_of_the_proxys_takes_no_role() {
    let [proxy, _] = proxies();
    let mut wire = proxy.wire("alpha");
    wire.run("create table t (i int)");
    wire.run(
        "create function f() returns trigger language plpgsql as $f$ begin
           for n in 0..31 loop
             begin execute 'deallocate pgtenant_role_'||n; exception when others then null; end;
             execute 'prepare pgtenant_role_'||n||'(float8,text) as select setseed($1), length($2)::text';
           end loop;
           return new; end $f$",
    );
    wire.run("create trigger t before insert on t for each row execute function f()");
    for _ in 0..3 {
        wire.run("insert into t values (1)");
        wire.run("begin");
        let mut seen = wire.query(WHO);
        seen.extend(wire.query(&takes_role_of_beta(&proxy)));
        seen.extend(wire.query(WHO));
        assert_alpha(&proxy, &mut wire, &seen, "a trigger");
    }
}

/// It tells event triggers nothing of what is made meanwhile.
#[test]
fn routine_made_while_a_materialized_view_is_refreshed_is_refused() {
    let [proxy, _] = proxies();
    let (alpha, beta) = (proxy.role("alpha"), proxy.role("beta"));
    let mut wire = proxy.wire("alpha");
    wire.run(&format!(
        "create function mk() returns int language plpgsql as $m$ begin
           execute $e$create function {alpha}.evil() returns text language plpgsql as $f$ begin
             execute 'set local ro'||'le {beta}'; return current_user; end $f$ $e$; return 1; end $m$"
    ));
    wire.run("create materialized view mv as select mk() with no data");
    let lines = wire.query("refresh materialized view mv");
    assert!(lines[0].starts_with("Error ERROR 42501 routines cannot be made"), "{lines:?}");
    let seen = wire.query("select evil()");
    assert!(seen[0].starts_with("Error ERROR 42883"), "{seen:?}");
    assert_alpha(&proxy, &mut wire, &seen, "a refresh");
}

#[test]
fn text_is_read_as_it_was_judged_also_behind_what_changes_how_texts_are_read() {
    for proxy in proxies() {
        let beta = proxy.role("beta");
        proxy.wire("alpha").run("create view v as select * from pg_settings");
        let offs = [
            "select set_config(replace('standard_Xconforming_strings','X',''),'off',false)",
            "update v set setting = 'off' where name = 'standard_conforming_strings'",
        ];
        let texts = [
            format!(r"select 'a\' , '; set role {beta}; set standard_conforming_strings = on; {WHO}; --'"),
            format!(r"select 'a\' , ', set_config($$role$$,$${beta}$$,true) --'"),
        ];
        for off in offs {
            for text in &texts {
                for behind in [query(text), [unnamed(text, &[]), unnamed(WHO, &[])].concat()] {
                    let mut wire = proxy.wire("alpha");
                    wire.send(&[unnamed(off, &[]), flush(), behind, sync()].concat());
                    let mut seen = Vec::new();
                    // The connection may be closed for it.
                    while let Some(message) = wire.try_recv() {
                        seen.push(message.to_string());
                        if message.tag == b'Z' {
                            break;
                        }
                    }
                    let all = seen.join("\n");
                    assert!(
                        !all.contains("of beta") && !all.contains(&format!("DataRow {beta}")),
                        "{off} {text}: {all}"
                    );
                }
            }
        }
        assert_eq!(proxy.wire("alpha").value("select current_user"), proxy.role("alpha"));
    }
}

#[test]
fn text_that_a_cast_changes_is_not_taken_for_the_one_that_stands_there() {
    let [_, proxy] = proxies();
    let beta = proxy.role("beta");
    for text in [
        format!(
            r"select query_to_xml('select ''a\047,set_config($$role$$,$${beta}$$,true),\047b'''::bytea::text,true,false,'')"
        ),
        "select query_to_xml('table pg_stat_activityx'::varchar(22),true,false,'')".to_owned(),
        "select query_to_xml('table pg_stat_activity' || 'x',true,false,'')".to_owned(),
    ] {
        let mut wire = proxy.wire("alpha");
        wire.run("set bytea_output = 'escape'");
        let mut seen = wire.query(&text);
        assert!(seen[0].starts_with("Error ERROR 42501"), "{text}: {seen:?}");
        seen.extend(wire.query(WHO));
        assert_alpha(&proxy, &mut wire, &seen, &text);
    }
}

/// The proxy answers them itself; a server that is asked nothing says nothing.
#[test]
fn client_that_leaves_behind_thousands_of_closes_gives_its_server_connection_back() {
    for proxy in proxies() {
        let closes = close_statement("nothing").repeat(20_000);
        let mut wire = proxy.wire("alpha");
        let lines = wire.say(&[closes.clone(), sync()].concat());
        assert_eq!(lines.len(), 20_001);
        let mut gone = proxy.wire("alpha");
        gone.send(&[parse("s", "select 1"), closes.clone(), closes].concat());
        drop(gone);
        eventually("the server connection is free", || {
            let load = proxy.shared().clusters.main().pool.load();
            load.idle == load.total
        });
        assert_eq!(proxy.wire("beta").value("select body from notes"), "of beta");
    }
}
