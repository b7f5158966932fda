//! A guard that only reports.

use super::*;

#[test]
fn reported_statement_goes_to_the_server_and_closes_the_connection_on_return() {
    let mut talk = Talk::reporting();
    let text = "select * from tenant_b.t";
    assert_eq!(talk.client(&query(text)), "Query \"select * from tenant_b.t\"");
    assert_eq!(talk.backend(b'E', b"SERROR\0C42501\0\0"), "[E]");
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
    assert_eq!(talk.reset_plan(), ResetPlan::Close);
    let reports: Vec<_> = talk.session.take_reports().map(|denial| denial.rule.id).collect();
    assert_eq!(reports, ["cross_schema"]);
    assert_eq!(talk.session.take_denials().count(), 0);
    // A DISCARD ALL of the client's does not make it clean.
    talk.client(&query("discard all"));
    talk.backends("CZ");
    assert_eq!(talk.reset_plan(), ResetPlan::Close);
}

#[test]
fn reported_statement_can_be_prepared_and_each_connection_that_runs_it_is_closed() {
    let mut talk = Talk::reporting();
    for frame in [parse("s", "select * from tenant_b.t"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    assert_eq!(talk.backends("1Z"), "[1][Z]");
    assert_eq!(talk.session.take_reports().count(), 1);
    talk.server = Some(ServerState::default());
    assert_eq!(talk.reset_plan(), ResetPlan::Clean);
    let expected = "Parse pgtenant_1 \"select * from tenant_b.t\", Bind pgtenant_1";
    assert_eq!(talk.client(&bind("s")), expected);
    assert_eq!(talk.client(&execute()), "E");
    talk.client(SYNC);
    assert_eq!(talk.backends("12CZ"), "[2][C][Z]");
    assert_eq!(talk.reset_plan(), ResetPlan::Close);
    assert_eq!(talk.session.take_reports().count(), 0, "judged once");
}

#[test]
fn statement_judged_before_there_was_a_server_is_reported_once() {
    let mut talk = Talk::reporting();
    let server = talk.server.take();
    assert_eq!(talk.client(&query("set role x")), "(needs a server)");
    talk.server = server;
    assert_eq!(talk.client(&query("set role x")), "Query \"set role x\"");
    assert_eq!(talk.session.take_reports().count(), 1);
}

#[test]
fn connection_that_had_settings_of_doubt_is_closed_on_return() {
    let mut talk = Talk::attached();
    talk.session.distrust_settings();
    talk.client(&query("select 1"));
    talk.backends("CZ");
    assert_eq!(talk.reset_plan(), ResetPlan::Close);
}
