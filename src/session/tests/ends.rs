//! Messages that end a session, and servers that are lost.

use super::*;

#[test]
fn client_that_asks_without_end_waits_for_answers() {
    let mut talk = Talk::attached();
    talk.client(&parse("", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    let mut asked = 0;
    while talk.client(&bind("")) != "(waits)" {
        asked += 1;
        assert!(asked <= 20_000);
    }
    talk.backends("2");
    assert_ne!(talk.client(&bind("")), "(waits)");
}

#[test]
fn notifications_never_reach_a_client() {
    let mut talk = Talk::attached();
    talk.client(&query("select 1"));
    assert_eq!(talk.backend(b'A', b"\0\0\0\x01channel\0payload\0"), "");
}

#[test]
fn encoding_or_strings_changed_by_code_on_the_server_end_the_session() {
    for (told, expected) in [
        (&b"client_encoding\0GBK\0"[..], "Unjudgeable"),
        (b"standard_conforming_strings\0off\0", "Unjudgeable"),
        (b"client_encoding\0UTF8\0", "[S]"),
        (b"TimeZone\0UTC\0", "[S]"),
    ] {
        let mut talk = Talk::attached();
        talk.client(&query("select f()"));
        assert_eq!(talk.backend(b'S', told), expected);
    }
}

#[test]
fn fatal_error_of_the_server_is_not_passed_on_as_it_is() {
    let mut talk = Talk::attached();
    talk.client(&query("select pg_sleep(9)"));
    assert_eq!(talk.backend(b'E', b"SFATAL\0VFATAL\0C57P01\0Mbye\0\0"), "ServerFailed");
}

#[test]
fn lost_server_ends_the_query_and_not_the_session() {
    let mut talk = Talk::attached();
    talk.client(&query("select 1"));
    assert!(talk.session.server_lost(&Refusal::error(SqlState::CONNECTION_FAILURE, "gone")));
    assert_eq!(talk.with_replies(String::new()), "<E 08006><Z>");
    talk.server = Some(ServerState::default());
    assert_eq!(talk.client(&query("select 1")), "Query \"select 1\"");
}

#[test]
fn lost_server_takes_an_open_transaction_and_pinned_state_with_it() {
    let refusal = Refusal::error(SqlState::CONNECTION_FAILURE, "gone");
    let mut talk = Talk::attached();
    talk.client(&query("begin"));
    talk.backend(b'Z', b"T");
    assert!(!talk.session.server_lost(&refusal));
    let mut talk = Talk::attached();
    talk.client(&query("set work_mem = '1MB'"));
    assert!(!talk.session.server_lost(&refusal));
}

#[test]
fn malformed_messages_end_the_session() {
    for frame in [
        &[b'Q', 0, 0, 0, 5, b'x'][..],
        &[b'P', 0, 0, 0, 5, 0],
        &[b'E', 0, 0, 0, 5, 0],
        &[b'C', 0, 0, 0, 6, b'X', 0],
        &[b'S', 0, 0, 0, 5, 0],
        &[b'p', 0, 0, 0, 4],
        &[0xff, 0, 0, 0, 4],
    ] {
        let got = Talk::attached().client(frame);
        assert!(got.starts_with("(fails"), "{frame:?}: {got}");
    }
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let mut frame = query("select 'x'");
    frame[13] = 0xff;
    assert_eq!(Talk::detached().client(&frame), "<E 22021><Z>");
}
