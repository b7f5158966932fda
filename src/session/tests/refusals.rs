//! Statements that are refused, and what the client and the server make of it.

use super::*;

#[test]
fn query_needs_a_server_and_is_then_passed_on_as_it_is() {
    let mut talk = Talk::detached();
    assert_eq!(talk.client(&query("select 1")), "(needs a server)");
    talk.server = Some(ServerState::default());
    assert_eq!(talk.client(&query("select 1")), "Query \"select 1\"");
    assert_eq!(talk.backends("TDC"), "[T][D][C]");
    assert_eq!(talk.session.at_boundary(), Boundary::Busy);
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn refused_query_outside_a_transaction_is_answered_without_a_server() {
    assert_eq!(Talk::detached().client(&query("select * from tenant_b.t")), "<E 42501><Z>");
}

#[test]
fn refused_query_in_a_transaction_fails_on_the_server_too() {
    let mut talk = Talk::attached();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    assert_eq!(talk.client(&query("select * from tenant_b.t")), "Query \"pgtenant refused this statement\"");
    // The server's own error is replaced; its ReadyForQuery says that the transaction is aborted.
    assert_eq!(talk.backend(b'E', b"SERROR\0C42601\0\0"), "<E 42501>");
    assert_eq!(talk.backend(b'Z', b"E"), "[Z]");
    assert!(talk.session.in_transaction());
}

/// As in PostgreSQL, where PREPARE TRANSACTION ends the block also when it fails.
#[test]
fn refused_prepare_transaction_ends_the_block() {
    let mut talk = Talk::attached();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    assert_eq!(
        talk.client(&query("prepare transaction 'x'")),
        "Query \"ROLLBACK\", Query \"pgtenant refused this statement\""
    );
    assert_eq!(talk.backends("CZ"), "");
    assert_eq!(talk.backend(b'E', b"SERROR\0C42601\0\0"), "<E 0A000>");
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn refused_prepare_transaction_ends_the_block_within_its_batch_too() {
    let mut talk = Talk::attached();
    for frame in [parse("", "begin"), bind(""), execute()] {
        talk.client(&frame);
    }
    assert_eq!(
        talk.client(&parse("", "prepare transaction 'x'")),
        "Parse pgtenant_first \"ROLLBACK\", Bind pgtenant_first, E, C pgtenant_first, \
         Parse pgtenant_refused \"pgtenant refused this statement\""
    );
    for frame in [bind(""), execute(), SYNC.to_vec()] {
        talk.client(&frame);
    }
    assert_eq!(talk.backends("12C"), "[1][2][C]");
    assert_eq!(talk.backends("12C3"), "");
    assert_eq!(talk.backend(b'E', b"SERROR\0C42601\0\0"), "<E 0A000>");
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.client(&bind("")), "<E 26000>");
}

#[test]
fn refused_commit_of_a_prepared_transaction_leaves_the_block_open() {
    let mut talk = Talk::attached();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.backend(b'Z', b"T");
    assert_eq!(talk.client(&query("commit prepared 'x'")), "Query \"pgtenant refused this statement\"");
}

#[test]
fn refused_parse_is_answered_and_everything_up_to_sync_is_skipped() {
    let mut talk = Talk::detached();
    assert_eq!(talk.client(&parse("", "select * from tenant_b.t")), "<E 42501>");
    assert_eq!(talk.client(&bind("")), "");
    assert_eq!(talk.client(&query("select 1")), "");
    assert_eq!(talk.client(SYNC), "<Z>");
    assert_eq!(talk.client(&query("select 1")), "(needs a server)");
}

#[test]
fn refused_parse_behind_allowed_requests_is_answered_in_its_turn() {
    let mut talk = Talk::attached();
    for frame in [parse("", "select 1"), bind(""), execute()] {
        talk.client(&frame);
    }
    assert_eq!(
        talk.client(&parse("", "select * from tenant_b.t")),
        "Parse pgtenant_refused \"pgtenant refused this statement\""
    );
    talk.client(SYNC);
    assert_eq!(talk.backends("12DC"), "[1][2][D][C]");
    assert_eq!(talk.backend(b'E', b"SERROR\0C42601\0\0"), "<E 42501>");
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn overlong_statement_is_refused_by_its_head_and_the_session_goes_on() {
    let mut talk = Talk::detached();
    let frame = query(&"x".repeat(300 << 10));
    assert_eq!(talk.client(&frame), "<E 54000><Z>");
    assert_eq!(talk.client(&query("select 1")), "(needs a server)");
}

#[test]
fn syntax_error_says_where_as_a_server_does() {
    let mut talk = Talk::detached();
    let frame = query("select 'ä' frm t");
    let head = FrameHead::parse(&frame).unwrap().unwrap();
    talk.session.on_frontend(head, &frame, None, &talk.guard);
    let mut replies = Vec::new();
    talk.session.take_replies(&mut replies);
    let body = &frames(&replies)[0][HEAD_BYTES..];
    assert_eq!(view::error_field(body, b'M'), Some(&b"syntax error at or near \"t\""[..]));
    assert_eq!(view::error_field(body, b'P'), Some(&b"16"[..]));
}

#[test]
fn function_call_is_refused() {
    assert_eq!(Talk::detached().client(&[b'F', 0, 0, 0, 4]), "<E 0A000><Z>");
}
