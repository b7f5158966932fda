//! Prepared statements: by which name, on which server connection, and until when.

use super::*;

#[test]
fn prepared_statement_is_parsed_once_per_server_and_follows_its_client() {
    let mut talk = Talk::attached();
    assert_eq!(talk.client(&parse("s1", "select 1")), "Parse pgtenant_1 \"select 1\"");
    assert_eq!(talk.client(&bind("s1")), "Bind pgtenant_1");
    talk.client(SYNC);
    assert_eq!(talk.backends("12Z"), "[1][2][Z]");
    assert_eq!(talk.client(&bind("s1")), "Bind pgtenant_1");
    talk.client(SYNC);
    talk.backends("2Z");
    // Another server has to be told first; the client does not see that.
    talk.server = Some(ServerState::default());
    assert_eq!(talk.client(&bind("s1")), "Parse pgtenant_1 \"select 1\", Bind pgtenant_1");
    talk.client(SYNC);
    assert_eq!(talk.backends("12Z"), "[2][Z]");
}

#[test]
fn parse_of_what_the_server_knows_prepares_it_anew() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    assert_eq!(talk.client(&parse("s2", "select 1")), "C pgtenant_1, Parse pgtenant_1 \"select 1\"");
    for name in ["s1", "s2"] {
        assert_eq!(talk.client(&bind(name)), "Bind pgtenant_1");
    }
    talk.client(SYNC);
    assert_eq!(talk.backends("3122Z"), "[1][2][2][Z]");
}

#[test]
fn unnamed_statement_follows_its_client_to_another_server() {
    let mut talk = Talk::attached();
    assert_eq!(talk.client(&parse("", "select 1")), "Parse  \"select 1\"");
    talk.client(SYNC);
    talk.backends("1Z");
    talk.server = Some(ServerState::default());
    assert_eq!(talk.client(&bind("")), "Parse  \"select 1\", Bind ");
}

#[test]
fn unnamed_statement_of_another_client_is_never_bound() {
    let mut other = Talk::attached();
    other.client(&parse("", "select 'secret'"));
    other.client(SYNC);
    other.backends("1Z");
    let mut talk = Talk::detached();
    talk.server = other.server.take();
    assert_eq!(talk.client(&bind("")), "<E 26000>");
}

#[test]
fn name_that_is_unknown_or_taken_gets_the_error_a_server_would_give() {
    let mut talk = Talk::attached();
    assert_eq!(talk.client(&bind("nobody")), "<E 26000>");
    assert_eq!(talk.client(SYNC), "S");
    talk.backends("Z");
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    // The server looks at the text first, and says under which name it knows the first one.
    assert_eq!(talk.client(&parse("s1", "select 2")), "Parse pgtenant_1 \"select 2\"");
    let error = b"SERROR\0C42P05\0Mprepared statement \"pgtenant_1\" already exists\0\0";
    assert_eq!(talk.backend(b'E', error), "<E 42P05>");
}

#[test]
fn error_names_the_statement_as_the_request_did_also_when_it_lost_that_name_since() {
    let mut talk = Talk::attached();
    for name in ["a", "b", "c"] {
        talk.client(&parse(name, "select $1"));
    }
    talk.client(SYNC);
    talk.backends("13131Z");
    let error = b"SERROR\0C08P01\0M1, but prepared statement \"pgtenant_1\" requires 1\0\0";
    for (name, closes) in [("b", false), ("c", false), ("a", false), ("b", true)] {
        talk.client(&bind(name));
        talk.client(SYNC);
        if closes {
            talk.client(&close(name));
            talk.client(SYNC);
        }
        talk.session.on_backend(b'E', error, talk.server.as_mut().unwrap());
        let mut replies = Vec::new();
        talk.session.take_replies(&mut replies);
        let named = format!("1, but prepared statement \"{name}\" requires 1");
        assert_eq!(view::error_field(&replies[HEAD_BYTES..], b'M').unwrap(), named.as_bytes());
        talk.backends("Z");
    }
    assert_eq!(talk.backends("Z"), "[Z]");
}

#[test]
fn name_of_a_failed_parse_is_free_again() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select nothing_here"));
    talk.client(SYNC);
    assert_eq!(talk.backend(b'E', b"SERROR\0C42703\0\0"), "[E]");
    talk.backends("Z");
    assert_eq!(talk.client(&parse("s1", "select 1")), "Parse pgtenant_2 \"select 1\"");
}

#[test]
fn close_that_was_skipped_leaves_the_name() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    for frame in [bind("s1"), close("s1"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    assert_eq!(talk.backend(b'E', b"SERROR\0C22P02\0\0"), "[E]");
    talk.backends("Z");
    assert_eq!(talk.client(&bind("s1")), "Bind pgtenant_1");
}

#[test]
fn deallocating_by_a_simple_query_waits_for_what_is_outstanding_and_ends_the_batch() {
    let mut talk = Talk::attached();
    for frame in [parse("s1", "select 1"), bind("s1")] {
        talk.client(&frame);
    }
    assert_eq!(talk.client(&query("deallocate s1")), "(ahead: H)");
    assert_eq!(talk.client(&query("deallocate s1")), "(waits)");
    talk.backends("12");
    assert_eq!(talk.client(&query("deallocate s1")), "S");
    assert_eq!(talk.backends("Z"), "<C>[Z]");
    assert_eq!(talk.client(&bind("s1")), "<E 26000>");
}

#[test]
fn verdict_on_a_text_that_is_skipped_is_not_used_for_the_next() {
    let mut talk = Talk::attached();
    for frame in [parse("s1", "select 1"), bind("s1")] {
        talk.client(&frame);
    }
    talk.client(&query("deallocate s1"));
    talk.backends("1");
    talk.backend(b'E', b"SERROR\0C22P02\0\0");
    assert_eq!(talk.client(&query("deallocate s1")), "");
    talk.client(SYNC);
    talk.backends("Z");
    assert_eq!(talk.client(&query("select * from tenant_b.t")), "<E 42501><Z>");
}

#[test]
fn statement_prepared_by_message_can_be_deallocated_by_sql() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    assert_eq!(talk.client(&query("deallocate s1")), "<C><Z>");
    assert_eq!(talk.client(&bind("s1")), "<E 26000>");
}

#[test]
fn statement_whose_eviction_was_skipped_is_still_on_the_server() {
    let mut talk = Talk::attached();
    for n in 0..MAX_ON_SERVER {
        talk.client(&parse(&format!("s{n}"), &format!("select {n}")));
        talk.client(SYNC);
        talk.backends("1Z");
    }
    talk.client(&bind("s1"));
    let evicts = talk.client(&parse("more", "select 'more'"));
    assert_eq!(evicts, "C pgtenant_1, Parse pgtenant_501 \"select 'more'\"");
    talk.client(SYNC);
    assert_eq!(talk.backend(b'E', b"SERROR\0C22P02\0\0"), "[E]");
    talk.backends("Z");
    assert_eq!(talk.client(&bind("s0")), "Bind pgtenant_1", "not parsed again");
}

#[test]
fn deallocate_of_the_extended_protocol_takes_effect_when_it_is_executed() {
    let mut talk = Talk::attached();
    talk.client(&parse("s", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    assert_eq!(talk.client(&parse("", "deallocate s")), "Parse  \"DEALLOCATE pgtenant_1\"");
    talk.client(&bind(""));
    talk.client(SYNC);
    talk.backends("12Z");
    assert_eq!(talk.client(&bind("s")), "Bind pgtenant_1", "it was not executed");
    talk.client(SYNC);
    talk.backends("2Z");

    for frame in [bind("s"), bind(""), execute(), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backend(b'E', b"SERROR\0C22P02\0\0");
    talk.backends("Z");
    assert_eq!(talk.client(&bind("s")), "Bind pgtenant_1", "it was skipped");
    talk.client(SYNC);
    talk.backends("2Z");

    for frame in [bind(""), execute()] {
        talk.client(&frame);
    }
    assert_eq!(talk.client(&parse("t", "select 1")), "Parse pgtenant_1 \"select 1\"", "it is gone there");
    talk.client(SYNC);
    talk.backends("2");
    talk.backend(b'C', b"DEALLOCATE\0");
    talk.backends("1Z");
    assert_eq!(talk.client(&bind("s")), "<E 26000>");
}

#[test]
fn portal_that_deallocates_does_so_whichever_was_bound_behind_it() {
    let mut talk = Talk::attached();
    for frame in [parse("s", "select 1"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backends("1Z");
    for frame in [
        parse("d", "deallocate all"),
        bind_portal(&"p".repeat(70), "d"),
        parse("", "select 1"),
        bind(""),
        execute_portal(&"p".repeat(64)),
    ] {
        assert!(!talk.client(&frame).contains("waits"));
    }
    assert_eq!(talk.client(&bind("s")), "(waits)", "its answer decides");
    talk.backends("1212");
    talk.backend(b'C', b"DEALLOCATE ALL\0");
    let refused = "Parse pgtenant_refused \"pgtenant refused this statement\"";
    assert_eq!(talk.client(&bind("s")), refused);
    assert!(talk.server.as_ref().unwrap().statements.is_empty());
}

/// It was bound to a DISCARD ALL, and a cursor has its name later.
#[test]
fn portal_of_another_statement_is_not_taken_for_the_one_that_had_its_name() {
    let mut talk = Talk::attached();
    for frame in [parse("", "discard all"), bind_portal("p", ""), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backends("12Z");
    talk.client(&query("begin"));
    talk.backend(b'C', b"BEGIN\0");
    talk.backend(b'Z', b"T");
    talk.client(&query("create temp table mine (a int); declare p cursor for select 1"));
    talk.backends("CC");
    talk.backend(b'Z', b"T");
    talk.client(&execute_portal("p"));
    talk.client(SYNC);
    talk.backends("D");
    talk.backend(b'C', b"SELECT 1\0");
    talk.backend(b'Z', b"T");
    talk.client(&query("commit"));
    talk.backend(b'C', b"COMMIT\0");
    talk.backend(b'Z', b"I");
    assert_eq!(talk.session.pinned(), Some(PinReason::Temporary));

    // In the block itself, where it is bound and never executed.
    talk.client(&query("begin"));
    talk.backend(b'C', b"BEGIN\0");
    talk.backend(b'Z', b"T");
    for frame in [parse("", "discard all"), bind_portal("q", ""), execute_portal("q"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backends("12");
    talk.backend(b'C', b"FETCH 1\0");
    talk.backend(b'Z', b"T");
    assert!(talk.session.pinned().is_some());
}

/// What it returns would be told to other clients as the columns of the statement.
#[test]
fn columns_of_a_cursor_are_not_those_of_a_statement_whose_portal_had_its_name() {
    let mut talk = Talk::attached();
    for frame in [parse("n", "select 1"), bind_portal("p", "n"), execute_portal("p"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backends("12DCZ");
    for frame in [describe_portal("p"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    assert!(!talk.session.wants_body(b'T'));
    talk.backends("TZ");
    for frame in [bind_portal("p", "n"), describe_portal("p"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backends("2");
    assert!(talk.session.wants_body(b'T'), "in the batch that binds it");
}

#[test]
fn names_of_statements_are_as_long_as_postgresql_keeps_them() {
    let mut talk = Talk::attached();
    talk.client(&parse(&"s".repeat(70), "select 1"));
    assert_eq!(talk.client(&bind(&"s".repeat(63))), "Bind pgtenant_1");
    assert_eq!(
        talk.client(&bind(&"s".repeat(62))),
        "Parse pgtenant_refused \"pgtenant refused this statement\""
    );
}

/// The server is not asked anything, so that no answer of its would come.
#[test]
fn more_answers_of_the_proxys_own_than_may_be_outstanding_are_given() {
    let mut talk = Talk::attached();
    for _ in 0..20_000 {
        assert_eq!(talk.client(&close("nothing")).replace("<3>", ""), "");
    }
    assert_eq!(talk.client(SYNC), "S");
    assert!(talk.backends("Z").ends_with("[Z]"));
}

/// PostgreSQL holds its answer back until it is asked for it.
#[test]
fn more_answers_of_the_proxys_own_wait_for_one_of_the_servers_that_is_asked_for() {
    let mut talk = Talk::attached();
    talk.client(&parse("s", "select 1"));
    let sent: Vec<_> = (0..20_000).map(|_| talk.client(&close("nothing"))).collect();
    assert_eq!(sent.iter().filter(|sent| *sent == "(ahead: H)").count(), 1);
    assert!(talk.backends("1").starts_with("[1]<3><3>"));
    assert_eq!(talk.client(&close("nothing")), "");
}
