//! What a clone does, as its tenant through the proxy.

use pgtenant::cli::tenant::CreateArgs;
use pgtenant::tenant::Level;

use crate::clone::carried;
use crate::support::proxy::{PASSWORD, Proxy};
use crate::support::value;

/// Where the template's sequence is, which gives three numbers at a time.
const COUNTED: &str = "1010";

fn with_everything(proxy: &Proxy, level: Level) {
    let change = |args: &mut CreateArgs| {
        args.password_stdin = true;
        args.level = Some(level);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        proxy.db.admin_run("DROP TABLE base_template.notes").await;
        carried::fill(&proxy.db).await;
        let row = "SET search_path = base_template; INSERT INTO customers (id, name, short_name) VALUES (99, 'x', 'x')";
        proxy.db.admin_run(row).await;
        let counted = "SELECT last_value FROM base_template.invoice_no";
        assert_eq!(value(&proxy.db.admin().await, counted).await, COUNTED);
        for tenant in ["alpha", "beta"] {
            proxy.db.create_with(tenant, change, &format!("{PASSWORD}\n")).await.unwrap();
        }
    });
}

fn acts_as_the_tenant(proxy: &Proxy) {
    let (mut alpha, mut beta, mut admin) = (proxy.wire("alpha"), proxy.wire("beta"), proxy.admin());
    let (role, schema) = (proxy.role("alpha"), proxy.db.schema("alpha"));
    let refused = |conversation: Vec<String>, what: &str| {
        assert!(conversation.iter().any(|line| line.contains(what)), "{what}: {conversation:?}");
    };

    // Rows are not carried. The trigger writes into the tenant's own table, as the tenant, and the sequences begin anew.
    alpha.run("INSERT INTO customers (name, home) VALUES ('anna', ROW('street', '12', 'fair'))");
    assert_eq!(alpha.value("SELECT string_agg(note, ';') FROM scratch"), format!("it's as {role}"));
    let row =
        "SELECT concat_ws(' ', c.id, no, doubled, short_name, label(c), (home).how, feels) FROM customers c";
    assert_eq!(alpha.value(row), "1 1000 2 short 1: anna fair o'k");
    beta.run("INSERT INTO customers (name) VALUES ('berta')");
    assert_eq!(beta.value(row), "1 1000 2 short 1: berta o'k");
    assert_eq!(admin.value("SELECT last_value FROM base_template.invoice_no"), COUNTED);
    assert_eq!(admin.value("SELECT is_called FROM base_template.customers_id_seq"), "f");

    // Foreign keys and constraints.
    let child = |customer| {
        format!(
            "INSERT INTO \"Odd \"\"name\"\"\" (customer, small) OVERRIDING SYSTEM VALUE VALUES ({customer}, {customer}) RETURNING \"Mixed Case\""
        )
    };
    assert_eq!(alpha.value(&child(1)), "7");
    refused(alpha.query(&child(99)), "violates foreign key constraint");
    refused(alpha.query("INSERT INTO customers (name, short_name) VALUES ('c', 'UPPER')"), "is a code");
    refused(alpha.query("UPDATE \"Odd \"\"name\"\"\" SET at = now()"), "permission denied");

    // Routines, in whatever way they find their tables.
    assert_eq!(alpha.value("SELECT rights()"), role);
    assert_eq!(alpha.value("SELECT name FROM atomic(1)"), "anna");
    assert_eq!(alpha.value("SELECT n FROM count_of('o''k')"), "1");
    assert_eq!(alpha.value("SELECT total(x::amount) FROM generate_series(1, 3) x"), "6.00");
    assert_eq!(alpha.value("SELECT middle(0.5) WITHIN GROUP (ORDER BY x) FROM generate_series(4, 6) x"), "4");

    // Views, rules, and a materialized view that was filled when the clone was made.
    alpha.run("INSERT INTO happy (id, feels) VALUES (5, 'happy')");
    assert_eq!(alpha.value("SELECT called FROM happier"), "nobody");
    assert_eq!(alpha.value("SELECT count(*) FROM scratch WHERE note = 'to ''happy'': nobody'"), "1");
    refused(
        alpha.query("INSERT INTO happy (id, called, feels) VALUES (6, 'sad one', 'sad')"),
        "check option",
    );
    assert_eq!(alpha.value("SELECT concat(next, who) FROM aa_second"), format!("2{role}"));
    alpha.run("REFRESH MATERIALIZED VIEW empty_yet");

    // Partitions, policies, and what takes rows away.
    alpha.run("INSERT INTO events (id, at) VALUES (1, '2025-01-01'), (3, '2025-01-01'), (4, '2001-01-01')");
    let places = "SELECT string_agg(tableoid::regclass::text, ' ' ORDER BY id) FROM events";
    assert_eq!(alpha.value(places), "events_new_one events_new_rest events_old");
    // The trigger is switched off for one partition.
    assert_eq!(alpha.value("SELECT count(*) FROM scratch WHERE note LIKE 'event as%'"), "2");
    alpha.run("INSERT INTO odd_only VALUES (1)");
    refused(alpha.query("INSERT INTO odd_only VALUES (2)"), "row-level security");
    alpha.run("CALL tidy(0, 0)");
    // A rule would keep the first one, but it is switched off.
    assert_eq!(alpha.value("SELECT count(*) FROM scratch"), "0");

    // Who may read the template, and is no tenant, may read the clone, and no more than of the template.
    let reporting = carried::reporting(&proxy.db);
    admin.run(&format!("SET ROLE {reporting}"));
    assert_eq!(admin.value(&format!("SELECT count(*) FROM {schema}.customers")), "2");
    refused(admin.query(&format!("SELECT * FROM {schema}.events")), "permission denied");
    admin.run("RESET ROLE");
}

#[test]
fn clone_works_as_its_tenant() {
    let proxy = Proxy::start(&[], |_| {});
    with_everything(&proxy, Level::Dedicated);
    acts_as_the_tenant(&proxy);
}

#[test]
fn clone_works_as_its_tenant_at_level_shared() {
    let proxy = Proxy::start_shared(&[], |_| {});
    with_everything(&proxy, Level::Shared);
    acts_as_the_tenant(&proxy);
}
