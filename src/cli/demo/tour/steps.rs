//! The steps, one function each.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::cli::demo::data::{PLANS, Seed, TENANTS};
use crate::cli::demo::person::{Answer, Person};
use crate::cli::demo::table::Table;
use crate::cli::demo::tour::Tour;

/// SQLSTATE of a refusal, by the guard and by PostgreSQL alike.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// SQLSTATE of a row without the row it refers to.
const FOREIGN_KEY_VIOLATION: &str = "23503";

/// The guard's rule against naming another tenant's schema.
const RULE: &str = "rule `cross_schema`";

const ALPHA: &Seed = &TENANTS[0];
const BETA: &Seed = &TENANTS[1];

pub(super) async fn own_rows(tour: &mut Tour<'_>) -> Result<()> {
    let (alpha, beta) = (tour.stage.visit(ALPHA.slug).await?, tour.stage.visit(BETA.slug).await?);
    let answers = tour.show_both([&alpha, &beta], "SELECT * FROM customers").await?;
    for (answer, seed) in answers.iter().zip([ALPHA, BETA]) {
        let expected: Vec<&str> = seed.customers.iter().map(|(name, _)| *name).collect();
        tour.prove(
            values(answer, "name") == expected,
            &format!("{} got its own {} customers and no others", seed.slug, expected.len()),
            || answer.summary(),
        );
    }
    leave([alpha, beta]).await;
    Ok(())
}

pub(super) async fn shared_schema(tour: &mut Tour<'_>) -> Result<()> {
    let beta = tour.stage.visit(BETA.slug).await?;
    let sql = "SELECT name, plan, monthly FROM customers JOIN global.plans USING (plan)";
    let answer = tour.show(&beta, sql).await?;
    let price = |plan: &str| PLANS.iter().find_map(|(name, price)| (*name == plan).then_some(*price));
    let expected: BTreeSet<_> =
        BETA.customers.iter().map(|(name, plan)| (*name, price(plan).unwrap_or_default())).collect();
    let seen: BTreeSet<_> = values(&answer, "name").into_iter().zip(values(&answer, "monthly")).collect();
    tour.prove(seen == expected, "a tenant's own table joins with the shared one", || answer.summary());
    leave([beta]).await;
    Ok(())
}

pub(super) async fn cross_tenant_read(tour: &mut Tour<'_>) -> Result<()> {
    let sql = "SELECT * FROM tenant_beta.customers";
    let alpha = tour.stage.visit(ALPHA.slug).await?;
    let answer = tour.show(&alpha, sql).await?;
    let is_refusal =
        |answer: &Answer| answer.error().is_some_and(|error| error.code().code() == INSUFFICIENT_PRIVILEGE);
    let by_the_guard = |answer: &Answer| {
        answer.error().and_then(|error| error.detail()).is_some_and(|detail| detail.contains(RULE))
    };
    tour.prove(
        is_refusal(&answer) && by_the_guard(&answer),
        &format!("the guard refused it, by its {RULE}"),
        || answer.summary(),
    );
    tour.screen.remark("And without the guard? Logged in to PostgreSQL itself, past the proxy:");
    let role = tour.stage.visit_postgresql(ALPHA.slug).await?;
    let answer = tour.show(&role, sql).await?;
    tour.prove(
        is_refusal(&answer),
        "PostgreSQL refuses it by itself: two walls, and each holds alone",
        || answer.summary(),
    );
    leave([alpha, role]).await;
    Ok(())
}

pub(super) async fn own_sequences(tour: &mut Tour<'_>) -> Result<()> {
    let (alpha, beta) = (tour.stage.visit(ALPHA.slug).await?, tour.stage.visit(BETA.slug).await?);
    let sql = "INSERT INTO tickets (customer_id, title) VALUES (1, 'Hello') RETURNING id";
    for (person, seed) in [(&alpha, ALPHA), (&beta, BETA)] {
        let answer = tour.show(person, sql).await?;
        let next = (seed.tickets.len() + 1).to_string();
        tour.prove(
            values(&answer, "id") == [next.as_str()],
            &format!("{} counts its own tickets: this is number {next}", seed.slug),
            || format!("{}, ids {:?}", answer.summary(), values(&answer, "id")),
        );
    }
    let stranger = ALPHA.customers.len();
    let sql = format!("INSERT INTO tickets (customer_id, title) VALUES ({stranger}, 'Hello')");
    let answer = tour.show(&beta, &sql).await?;
    let refused = answer.error().is_some_and(|error| error.code().code() == FOREIGN_KEY_VIOLATION);
    let accepted = alpha.run(&sql).await?;
    tour.prove(
        refused && accepted.error().is_none(),
        &format!("customer {stranger} exists for alpha, where the same INSERT passed, but not for beta"),
        || format!("beta: {}; alpha: {}", answer.summary(), accepted.summary()),
    );
    leave([alpha, beta]).await;
    Ok(())
}

/// Clients that come one after the other.
const VISITS: [&Seed; 6] = [ALPHA, BETA, ALPHA, BETA, ALPHA, BETA];

pub(super) async fn pooling(tour: &mut Tour<'_>) -> Result<()> {
    let mut log = Table {
        columns: ["client", "of tenant", "server process", "logged in as"].map(str::to_owned).into(),
        rows: Vec::new(),
    };
    let mut served: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    tour.screen.remark("Six clients, one after the other: SELECT pg_backend_pid(), session_user");
    for (number, seed) in (1..).zip(VISITS) {
        let client = tour.stage.visit(seed.slug).await?;
        let rows = client.rows("SELECT pg_backend_pid(), session_user").await?;
        leave([client]).await;
        let [pid, role] = ["pg_backend_pid", "session_user"].map(|name| rows.column(name).concat());
        served.entry(pid.clone()).or_default().push(seed.slug);
        let row = [number.to_string(), seed.slug.to_owned(), pid, role];
        log.rows.push(row.map(Some).into());
    }
    tour.screen.block(&log.lines());
    let reused = |slug: &str| served.values().any(|of| of.iter().filter(|one| **one == slug).count() > 1);
    let seen = || format!("{served:?}");
    tour.prove(
        reused(ALPHA.slug) && reused(BETA.slug),
        "a server process served several clients of its tenant",
        seen,
    );
    let alone = served.values().all(|of| of.iter().all(|one| *one == of[0]));
    tour.prove(alone, "no server process served two tenants", seen);
    Ok(())
}

pub(super) async fn settings(tour: &mut Tour<'_>) -> Result<()> {
    let look = "SHOW timezone";
    let first = tour.stage.visit(ALPHA.slug).await?;
    let before = first.rows(look).await?;
    tour.show(&first, "SET timezone = 'Asia/Tokyo'").await?;
    let during = tour.show(&first, look).await?;
    let pid = first.rows("SELECT pg_backend_pid()").await?;
    leave([first]).await;
    tour.screen.remark("That client disconnects, another one of alpha connects:");
    let second = tour.stage.visit(ALPHA.slug).await?;
    let after = tour.show(&second, look).await?;
    let same = second.rows("SELECT pg_backend_pid()").await? == pid;
    leave([second]).await;
    let name = "TimeZone";
    tour.prove(
        values(&during, name) == ["Asia/Tokyo"] && values(&after, name) == before.column(name),
        if same {
            "on the same server process, the next client has the setting it would have without the other"
        } else {
            "the next client has the setting it would have without the other"
        },
        || format!("{:?}, then {:?}", values(&during, name), values(&after, name)),
    );
    Ok(())
}

fn values<'a>(answer: &'a Answer, column: &str) -> Vec<&'a str> {
    match answer {
        Answer::Rows(table) => table.column(column),
        Answer::Error(_) => Vec::new(),
    }
}

async fn leave<const N: usize>(people: [Person; N]) {
    for person in people {
        person.leave().await;
    }
}
