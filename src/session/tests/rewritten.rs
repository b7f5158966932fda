//! Statements that go to the server in another form.

use super::*;

#[test]
fn rewritten_query_goes_to_the_server_in_its_other_form() {
    let mut talk = Talk::rewriting(None);
    assert_eq!(talk.client(&query(DO)), "(needs a server)");
    talk.server = Some(role::server());
    assert_eq!(talk.client(&query(DO)), "Query \"select pgtenant_do()\"");
    assert_eq!(talk.backends("CZ"), "[C][Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Unsettled);
    assert_eq!(talk.reset_plan(), ResetPlan::Discard, "its effects are those of the client's text");
    assert_eq!(talk.client(&query("select 1")), "Query \"select 1\"", "others go as they are");
}

#[test]
fn statement_is_rewritten_at_level_shared_only() {
    let mut talk = Talk::attached();
    talk.guard.learn_rewritten(DO, CALL);
    assert_eq!(talk.client(&query(DO)), format!("Query {DO:?}"));
    talk.backends("CZ");
    assert_eq!(talk.client(&parse("s", DO)), format!("Parse pgtenant_1 {DO:?}"));
}

#[test]
fn rewritten_query_destroys_the_unnamed_statement_as_any_other() {
    let mut talk = Talk::rewriting(Some(role::server()));
    talk.client(&parse("", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    talk.client(&query(DO));
    talk.backends("CZ");
    assert_eq!(talk.client(&bind("")), "<E 26000>");
}

#[test]
fn rewritten_unnamed_statement_follows_its_client_in_its_other_form() {
    let mut talk = Talk::rewriting(Some(role::server()));
    assert_eq!(talk.client(&parse("", DO)), "Parse  \"select pgtenant_do()\"");
    assert_eq!(talk.client(&bind("")), "Bind ");
    talk.client(&execute());
    talk.client(SYNC);
    assert_eq!(talk.backends("12CZ"), "[1][2][C][Z]");
    assert_eq!(talk.reset_plan(), ResetPlan::Discard);
    talk.server = Some(role::server());
    assert_eq!(talk.client(&bind("")), "Parse  \"select pgtenant_do()\", Bind ");
    talk.client(SYNC);
    assert_eq!(talk.backends("12Z"), "[2][Z]");
}

#[test]
fn rewritten_named_statement_is_prepared_in_its_other_form_wherever_it_runs() {
    let mut talk = Talk::rewriting(Some(role::server()));
    assert_eq!(talk.client(&parse("s1", DO)), "Parse pgtenant_1 \"select pgtenant_do()\"");
    assert_eq!(talk.client(&bind("s1")), "Bind pgtenant_1");
    talk.client(SYNC);
    assert_eq!(talk.backends("12Z"), "[1][2][Z]");
    // The same again is known, under whichever name.
    assert_eq!(talk.client(&parse("s2", DO)), "C pgtenant_1, Parse pgtenant_1 \"select pgtenant_do()\"");
    assert_eq!(talk.client(&bind("s2")), "Bind pgtenant_1");
    talk.client(SYNC);
    assert_eq!(talk.backends("312Z"), "[1][2][Z]");
    talk.server = Some(role::server());
    assert_eq!(talk.client(&bind("s1")), "Parse pgtenant_1 \"select pgtenant_do()\", Bind pgtenant_1");
    talk.client(SYNC);
    assert_eq!(talk.backends("12Z"), "[2][Z]");
    assert_eq!(talk.reset_plan(), ResetPlan::Discard);
}

#[test]
fn name_of_a_rewritten_statement_that_fails_is_free_again() {
    let mut talk = Talk::rewriting(Some(role::server()));
    talk.client(&parse("s", DO));
    talk.client(SYNC);
    assert_eq!(talk.backend(b'E', b"SERROR\0C42883\0\0"), "[E]");
    talk.backends("Z");
    assert_eq!(talk.client(&parse("s", "select 1")), "Parse pgtenant_2 \"select 1\"");
    talk.client(SYNC);
    talk.backends("1Z");
    assert_eq!(talk.client(&parse("s", DO)), format!("Parse pgtenant_2 \"{CALL}\""), "the name is taken");
}

#[test]
fn parameter_types_of_a_rewritten_parse_are_kept() {
    let mut talk = Talk::rewriting(Some(role::server()));
    for name in ["", "s"] {
        let types = [0, 1, 0, 0, 0, 23];
        let mut frame = Vec::new();
        write::parse(&mut frame, name.as_bytes(), &[DO.as_bytes(), &[0], &types].concat());
        assert!(talk.client(&frame).ends_with("\"select pgtenant_do()\""));
        assert!(talk.session.front().ends_with(&types), "{:?}", talk.session.front());
    }
}

#[test]
fn lost_server_ends_a_rewritten_query_as_any_other() {
    let mut talk = Talk::rewriting(Some(role::server()));
    talk.client(&query(DO));
    assert!(talk.session.server_lost(&Refusal::error(SqlState::CONNECTION_FAILURE, "gone")));
    assert_eq!(talk.with_replies(String::new()), "<E 08006><Z>");
}
