//! Conversations on server connections that tenants share.

use super::*;

/// The messages that take the role.
pub(super) const TAKES: &str = r#"(ahead: Parse  "SET standard_conforming_strings TO on", Bind , E, Parse  "SET LOCAL ROLE \"tenant_a\"", Bind , E)"#;

/// One that has the role for the session.
pub(super) fn server() -> ServerState {
    let mut server = ServerState::default();
    server.role.taken = true;
    server
}

impl Talk {
    /// Of a tenant of level `shared`, on a connection that served it before.
    pub(super) fn shared() -> Self {
        let mut talk = Self::shared_fresh();
        talk.client(&query("select 1"));
        talk.client(&query("select 1"));
        talk.backends("12C12CDC");
        talk.session.pipeline = Default::default();
        talk.session.role = Default::default();
        talk.session.reads_otherwise = false;
        talk
    }

    fn shared_fresh() -> Self {
        let mut talk = Self::detached();
        let scope = Scope { level: Level::Shared, hardened: true, ..talk.session.scope().clone() };
        talk.session = Session::new(scope, Arc::default(), commons());
        talk.server = Some(ServerState::default());
        talk.is_of("15.18");
        talk
    }

    /// Its server is of this version.
    pub(super) fn is_of(&mut self, version: &str) {
        self.server.as_mut().unwrap().parameters = vec![("server_version".into(), version.into())];
    }

    /// The server's answer to the messages that take the role.
    fn role_taken(&mut self) {
        assert_eq!(self.backends("12C12C"), "");
    }

    fn ready(&mut self, status: u8) -> String {
        self.backend(b'Z', &[status])
    }
}

#[test]
fn role_is_taken_in_the_transaction_of_each_query_and_the_client_sees_nothing_of_it() {
    let mut talk = Talk::shared_fresh();
    let sent = talk.client(&query("select a from t"));
    assert_eq!(sent, TAKES);
    assert_eq!(talk.client(&query("select a from t")), "Query \"select a from t\"");
    talk.role_taken();
    assert_eq!(talk.backends("TDCZ"), "[T][D][C][Z]");
    assert_eq!(talk.client(&query("select a from t")), TAKES);
    assert_eq!(talk.client(&query("select a from t")), "Query \"select a from t\"");
    talk.role_taken();
    assert_eq!(talk.backends("TDCZ"), "[T][D][C][Z]");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn seed_that_the_tenant_before_may_know_goes_with_the_first_role_taken() {
    let mut talk = Talk::shared();
    talk.server.as_mut().unwrap().role.handed_over(TenantId(Uuid::from_u128(1)), 1);
    let seeds = |talk: &mut Talk| {
        let sent = talk.client(&query("select a from t"));
        talk.client(&query("select a from t"));
        talk.role_taken();
        talk.backends("TDCZ");
        sent.contains("SET seed TO ")
    };
    assert!(seeds(&mut talk));
    assert!(!seeds(&mut talk));
}

#[test]
fn session_does_not_run_on_what_another_tenant_left() {
    let mut talk = Talk::shared();
    talk.server.as_mut().unwrap().role.handed_over(TenantId(Uuid::from_u128(2)), 1);
    assert_eq!(talk.client(&query("begin")), "(fails: internal error)");
}

impl Talk {
    /// On a connection that served another tenant before, and is handed over without waiting.
    fn handed_over() -> Self {
        let mut talk = Self::shared();
        assert!(talk.hand_over());
        talk
    }

    fn hand_over(&mut self) -> bool {
        let tenant = self.session.scope().tenant;
        self.is_of("15.18 (Debian 15.18-0+deb12u1)");
        self.server.as_mut().unwrap().hand_over(tenant, 1)
    }
}

#[test]
fn what_another_tenant_left_is_discarded_ahead_of_the_first_statement_in_its_own_batch() {
    let mut talk = Talk::handed_over();
    let sent = talk.client(&query("select a from t"));
    assert!(sent.starts_with("(ahead: Parse  \"DISCARD ALL\", Bind , E, Parse  \"SET seed TO 0.0"), "{sent}");
    assert!(sent.ends_with(r#", Bind , E, Parse  "SET LOCAL ROLE \"tenant_a\"", Bind , E)"#), "{sent}");
    assert_eq!(talk.client(&query("select a from t")), "Query \"select a from t\"");
    assert_eq!(talk.backends("12C12C12C"), "");
    assert_eq!(talk.backends("TDCZ"), "[T][D][C][Z]");
    assert_eq!(talk.client(&query("select a from t")), TAKES);
}

#[test]
fn role_is_taken_by_a_statement_where_commands_would_be_warned_of_or_cannot_say_what_goes_with_it() {
    let mut talk = Talk::shared();
    let tenant = talk.session.scope().tenant;
    let server = talk.server.as_mut().unwrap();
    server.parameters = vec![("server_version".into(), "15.8".into())];
    assert!(server.hand_over(tenant, 1));
    let sent = talk.client(&query("select a from t"));
    assert!(sent.contains("Bind , E, Parse  \"SELECT pg_catalog.setseed($1"), "{sent}");
}

#[test]
fn begin_on_a_connection_handed_over_is_sent_behind_the_discard_alone() {
    let mut talk = Talk::handed_over();
    assert_eq!(talk.client(&query("begin")), "(ahead: Parse  \"DISCARD ALL\", Bind , E)");
    assert_eq!(talk.client(&query("begin")), "Query \"begin\"");
    talk.backends("12CC");
    talk.ready(b'T');
    assert!(talk.client(&query("select a from t")).starts_with("(ahead: Parse  \"SET seed TO "));
}

#[test]
fn name_of_what_another_tenant_left_finds_nothing() {
    let portal = |tag| [&[tag, 0, 0, 0, 10], &b"Pheld\0"[..]].concat();
    for frame in [execute(), close("held"), portal(b'D'), portal(b'C')] {
        let mut talk = Talk::handed_over();
        assert_eq!(talk.client(&frame), "(ahead: Parse  \"DISCARD ALL\", Bind , E)", "{frame:?}");
    }
}

#[test]
fn what_can_stand_behind_nothing_waits_until_the_connection_is_discarded() {
    for sql in ["vacuum t", "discard all"] {
        let mut talk = Talk::handed_over();
        assert_eq!(talk.client(&query(sql)), "(takes the role)", "{sql}");
        assert!(talk.server.as_ref().unwrap().role.has_leftover(), "{sql}");
    }
}

#[test]
fn connection_on_which_the_discard_fails_runs_nothing_and_is_closed() {
    for (code, told) in [("57014", "Insert<E 57014>"), ("53200", "Insert<E 55000>")] {
        let mut talk = Talk::handed_over();
        talk.client(&query("select a from t"));
        talk.client(&query("select a from t"));
        talk.backends("12");
        let error = format!("SERROR\0VERROR\0C{code}\0Mno\0\0");
        assert_eq!(talk.backend(b'E', error.as_bytes()), told);
        assert_eq!(talk.backends("Z"), "[Z]");
        assert_eq!(talk.reset_plan(), ResetPlan::Close, "{code}");
    }
}

/// Only the batch that has it at its head is skipped where it fails.
#[test]
fn nothing_follows_the_batch_of_the_discard_before_it_is_known_to_have_succeeded() {
    for next in [parse("", "select a from t"), query("select a from t"), bind(""), execute(), SYNC.to_vec()] {
        let mut talk = Talk::handed_over();
        for frame in [parse("", "select a from t"), parse("", "select a from t"), bind(""), execute()] {
            assert_ne!(talk.client(&frame), "(waits)", "{frame:?}");
        }
        talk.client(SYNC);
        assert_eq!(talk.client(&next), "(waits)");
        talk.backends("12C12C12C");
        assert_eq!(talk.client(&next), "(waits)");
        assert_eq!(talk.backends("12DCZ"), "[1][2][D][C][Z]");
        assert_ne!(talk.client(&next), "(waits)");
    }
}

#[test]
fn discard_that_failed_is_tried_again_ahead_of_what_its_client_has_sent_meanwhile() {
    let mut talk = Talk::handed_over();
    talk.client(&query("select a from t"));
    talk.client(&query("select a from t"));
    talk.backends("12");
    talk.backend(b'E', b"SERROR\0VERROR\0C57014\0Mcanceling\0\0");
    assert_eq!(talk.backends("Z"), "[Z]");
    let again = talk.client(&query("select a from t"));
    assert!(again.starts_with("(ahead: Parse  \"DISCARD ALL\", Bind , E"), "{again}");
    assert_eq!(talk.reset_plan(), ResetPlan::Close);
}

#[test]
fn what_takes_the_role_is_answered_as_a_command_is_or_client_and_server_are_out_of_step() {
    for (answered, tag) in
        [("12", b'I'), ("12", b's'), ("12C12", b'I'), ("12C12C12", b's'), ("12", b'G'), ("12", b'H')]
    {
        let mut talk = Talk::handed_over();
        talk.client(&query("select a from t"));
        talk.client(&query("select a from t"));
        talk.backends(answered);
        let told = talk.backend(tag, &[0; 3]);
        assert!(told.contains("OutOfStep"), "{answered} {tag}: {told}");
    }
}

#[test]
fn client_that_leaves_before_its_first_statement_leaves_the_discard_to_the_next() {
    let mut talk = Talk::handed_over();
    talk.session = Session::new(talk.session.scope().clone(), Arc::default(), commons());
    assert!(talk.client(&query("select a from t")).starts_with("(ahead: Parse  \"DISCARD ALL\", "));
}

#[test]
fn discard_is_awaited_where_the_tenant_before_could_make_it_fail_or_the_server_would_undo_it() {
    let mut talk = Talk::shared();
    talk.server.as_mut().unwrap().role.ran_wild();
    talk.server.as_mut().unwrap().discarded();
    assert!(!talk.hand_over(), "code that leaves what no text shows");
    let mut talk = Talk::shared();
    talk.client(&query("do $$ begin end $$"));
    talk.client(&query("do $$ begin end $$"));
    assert!(!talk.hand_over(), "a text that is not followed");
    let mut talk = Talk::shared();
    let mut settings = Settings::default();
    settings.set("datestyle", "German");
    talk.server.as_mut().unwrap().settings = Arc::new(settings);
    assert!(!talk.hand_over(), "settings whose end the client would be told");
    let mut talk = Talk::shared();
    let tenant = talk.session.scope().tenant;
    talk.server.as_mut().unwrap().parameters = vec![("server_version".into(), "14.4".into())];
    assert!(!talk.server.as_mut().unwrap().hand_over(tenant, 1), "an old server");
    assert!(!ServerState::default().hand_over(tenant, 1), "an unknown server");
}

#[test]
fn role_that_cannot_be_taken_fails_the_query_and_a_sync_ends_the_skipping() {
    let mut talk = Talk::shared();
    talk.client(&query("select a from t"));
    talk.client(&query("select a from t"));
    assert_eq!(talk.backends("12"), "");
    assert_eq!(talk.backend(b'E', b"SERROR\0VERROR\0C42501\0Mno\0\0"), "Insert<E 55000>");
    assert_eq!(trace(talk.session.front()), "S");
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.reset_plan(), ResetPlan::Close);
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn cancel_that_hits_the_taking_of_the_role_is_the_clients_error_and_spoils_nothing() {
    let mut talk = Talk::shared();
    for frame in [parse("", "select a from t"), parse("", "select a from t"), bind(""), execute()] {
        talk.client(&frame);
    }
    talk.client(SYNC);
    assert_eq!(talk.backends("12"), "");
    assert_eq!(talk.backend(b'E', b"SERROR\0VERROR\0C57014\0Mcanceling\0\0"), "<E 57014>");
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.reset_plan(), ResetPlan::Clean);
    assert_eq!(talk.client(&parse("", "select a from t")), TAKES);
}

#[test]
fn taking_of_the_role_that_was_skipped_is_not_counted_on() {
    let mut talk = Talk::shared_fresh();
    // Of a portal that is not there.
    talk.client(&execute());
    talk.client(&query("select a from t"));
    talk.client(&query("select a from t"));
    assert_eq!(talk.backend(b'E', b"SERROR\0VERROR\0C34000\0Mno\0\0"), "[E]");
    talk.client(SYNC);
    assert_eq!(talk.backends("Z"), "[Z]");
    assert_eq!(talk.client(&query("select a from t")), TAKES);
}

#[test]
fn begin_needs_no_role_and_what_follows_in_the_block_takes_it_once() {
    let mut talk = Talk::shared();
    let begin = "begin isolation level serializable";
    assert_eq!(talk.client(&query(begin)), format!("Query {begin:?}"));
    // Nobody knows yet whether the block has begun.
    assert_eq!(talk.client(&query("select a from t")), "(waits)");
    talk.backend(b'C', b"");
    assert_eq!(talk.ready(b'T'), "[Z]");
    assert_eq!(talk.client(&query("select a from t")), TAKES);
    assert_eq!(talk.client(&query("select a from t")), "Query \"select a from t\"");
    talk.role_taken();
    talk.backends("TDC");
    talk.ready(b'T');
    assert_eq!(talk.client(&query("savepoint s")), "Query \"savepoint s\"");
    talk.backends("C");
    talk.ready(b'T');
    assert_eq!(talk.client(&query("commit")), "Query \"commit\"");
    talk.backends("CZ");
    assert_eq!(talk.client(&query("select a from t")), TAKES);
}

#[test]
fn savepoint_takes_the_role_before_it_so_that_going_back_does_not_lose_it() {
    let mut talk = Talk::shared();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.ready(b'T');
    assert_eq!(talk.client(&query("savepoint s")), TAKES);
    assert_eq!(talk.client(&query("savepoint s")), "Query \"savepoint s\"");
    talk.role_taken();
    talk.backends("C");
    talk.ready(b'T');
    assert_eq!(talk.client(&query("select a from t")), "Query \"select a from t\"");
}

/// `BEGIN; SET LOCAL lock_timeout = '1s'; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`: the last one must come before
/// anything that takes a snapshot.
#[test]
fn isolation_level_can_be_set_behind_what_can_stand_before_it() {
    for sql in ["set local lock_timeout = '1s'", "show jit", "listen a", "set constraints all deferred"] {
        let mut talk = Talk::shared();
        talk.client(&query("begin"));
        talk.backend(b'C', b"");
        talk.ready(b'T');
        let mut sent = talk.client(&query(sql));
        if sent == "(asks the hub)" {
            talk.session.hub_answered(Ok(()));
            sent = talk.client(&query(sql));
        }
        assert_eq!(sent, TAKES, "{sql}");
    }
}

#[test]
fn unnamed_statement_of_a_client_is_not_taken_for_the_command_that_came_in_its_place() {
    let mut talk = Talk::shared();
    for frame in [parse("", "show jit"), parse("", "show jit"), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backends("12C12C1Z");
    for frame in [parse("b", "begin"), bind("b"), execute(), SYNC.to_vec()] {
        talk.client(&frame);
    }
    talk.backends("12C");
    talk.ready(b'T');
    assert_eq!(talk.client(&bind("")), TAKES);
    assert_eq!(talk.client(&bind("")), "Parse  \"show jit\", Bind ");
}

#[test]
fn in_a_block_that_has_failed_the_error_is_of_the_statement_and_not_of_what_would_take_the_role() {
    let mut talk = Talk::shared();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.ready(b'T');
    talk.client(&query("commit and chain"));
    talk.backend(b'E', b"SERROR\0VERROR\0C40001\0Mno\0\0");
    talk.ready(b'E');
    assert_eq!(talk.client(&query("select a from t")), "Query \"select a from t\"");
    talk.backend(b'E', b"SERROR\0VERROR\0C25P02\0Mno\0\0");
    talk.ready(b'E');
    talk.client(&close("s"));
    assert_eq!(talk.client(&parse("s", "select a from t")), "Parse pgtenant_1 \"select a from t\"");
    talk.backend(b'E', b"SERROR\0VERROR\0C25P02\0Mno\0\0");
    talk.client(SYNC);
    talk.ready(b'E');
    // What ends the block may let something run.
    talk.client(&parse("", "rollback"));
    talk.client(&bind(""));
    assert_eq!(talk.client(&parse("", "select a from t")), TAKES);
}

#[test]
fn text_that_ends_the_block_it_is_in_has_the_role_up_to_there() {
    let mut talk = Talk::shared();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.ready(b'T');
    assert_eq!(talk.client(&query("insert into t values (1); commit; begin")), TAKES);
}

/// It would run as the login of all tenants' connections, which may take the role of each of them.
#[test]
fn text_does_not_go_on_behind_the_end_of_the_block_it_is_in() {
    for (status, text) in [
        (b'T', "insert into t values (1); commit; select a from t"),
        (b'T', "commit; select 1"),
        (b'T', "rollback and chain; select 1"),
        (b'E', "rollback; select 1"),
        (b'E', "commit; begin; select 1; commit"),
    ] {
        let mut talk = Talk::shared();
        talk.client(&query("begin"));
        talk.backend(b'C', b"");
        talk.ready(status);
        assert_eq!(talk.client(&query(text)), "Query \"pgtenant refused this statement\"", "{text}");
        assert_eq!(talk.backend(b'E', b"SERROR\0VERROR\0C42601\0Mno\0\0"), "<E 0A000>", "{text}");
    }
    let mut talk = Talk::shared();
    for frame in [parse("", "select a from t"), parse("", "select a from t"), bind(""), execute()] {
        talk.client(&frame);
    }
    assert_eq!(talk.client(&query("commit; select 1")), "Query \"pgtenant refused this statement\"");
}

/// By a portal that was bound before others, in the same batch or in one before, under any name that PostgreSQL takes for its own.
#[test]
fn end_of_a_transaction_is_seen_whichever_portal_it_is_and_the_role_taken_anew() {
    let long = "q".repeat(70);
    for (bound, executed) in [("p1", "p1"), (&*long, &long[..63]), (&*long, &*long)] {
        let mut talk = Talk::shared();
        talk.client(&query("begin"));
        talk.backend(b'C', b"");
        talk.ready(b'T');
        for frame in [parse("c", "commit"), bind_portal(bound, "c"), SYNC.to_vec()] {
            talk.client(&frame);
        }
        talk.backends("12");
        talk.ready(b'T');
        assert_eq!(talk.client(&parse("", "select 1")), TAKES);
        for frame in [parse("", "select 1"), bind(""), execute_portal(executed)] {
            talk.client(&frame);
        }
        assert_eq!(talk.client(&parse("", "select 1")), TAKES, "{executed}");
    }
}

#[test]
fn session_that_only_reads_is_made_to_again_behind_an_end_of_a_transaction_by_any_portal() {
    let mut talk = Talk::detached();
    let scope = Scope { access: crate::tenant::Access::ReadOnly, ..talk.session.scope().clone() };
    talk.session = Session::new(scope, Arc::default(), commons());
    talk.server = Some(ServerState::default());
    for frame in [parse("c", "commit"), bind_portal("p1", "c"), parse("", "select 1")] {
        talk.client(&frame);
    }
    for frame in [parse("", "select 1"), bind(""), execute_portal("p1")] {
        talk.client(&frame);
    }
    assert_eq!(
        talk.client(&parse("", "select 1")),
        "(ahead: Parse  \"SET transaction_read_only TO on\", Bind , E)"
    );
}

/// Code of a tenant's may deallocate what is prepared, and prepare something else under its name, in a trigger for example.
#[test]
fn what_takes_the_role_counts_on_nothing_that_is_prepared() {
    for version in ["15.18", "15.8", "14.4"] {
        let mut talk = Talk::shared_fresh();
        talk.is_of(version);
        for _ in 0..2 {
            let sent = talk.client(&query("select a from t"));
            assert!(sent.starts_with("(ahead: Parse  ") && !sent.contains("pgtenant_role"), "{sent}");
            talk.client(&query("select a from t"));
            talk.backends(&"12C".repeat(sent.matches("Parse").count()));
            talk.backends("TDCZ");
        }
    }
}

/// What ran before in the batch may have set `standard_conforming_strings` or `client_encoding`, which the server tells at its end.
#[test]
fn text_that_could_be_read_otherwise_is_read_as_judged_whatever_ran_before_it_in_its_batch() {
    let (plain, other) = ("select 'a'", r"select 'a\'");
    let runs = [parse("", "select f()"), parse("", "select f()"), bind(""), execute()];
    let reads = "(ahead: Parse  \"SET standard_conforming_strings TO on\", Bind , E, C, \
                 Parse  \"SET client_encoding TO 'UTF8'\", Bind , E, C)";
    for (text, is_alike) in [(plain, true), (other, false), ("select 'ä'", false)] {
        let mut talk = Talk::shared();
        runs.iter().for_each(|frame| drop(talk.client(frame)));
        for frame in [parse("", text), query(text)] {
            let sent = talk.client(&frame);
            assert_eq!(sent == reads, !is_alike, "{sent}");
            if is_alike {
                break;
            }
            assert_eq!(talk.client(&frame), trace(&frame));
            talk.client(&bind(""));
            talk.client(&execute());
        }
    }
    // A statement that is not on this server is parsed there.
    let mut talk = Talk::shared();
    talk.client(&parse("s", other));
    talk.client(&parse("s", other));
    talk.client(SYNC);
    talk.backends("12C12C1Z");
    talk.server.as_mut().unwrap().statements.clear();
    runs.iter().for_each(|frame| drop(talk.client(frame)));
    assert_eq!(talk.client(&bind("s")), reads);
    assert_eq!(talk.client(&bind("s")), format!("Parse pgtenant_1 {other:?}, Bind pgtenant_1"));
    // So is what comes behind its Sync, before the server has told it.
    talk.client(SYNC);
    talk.client(&parse("", other));
    assert_eq!(talk.client(&parse("", other)), reads);
}

#[test]
fn transaction_that_is_chained_takes_the_role_anew() {
    let mut talk = Talk::shared();
    talk.client(&query("begin"));
    talk.backend(b'C', b"");
    talk.ready(b'T');
    talk.client(&query("select a from t"));
    talk.client(&query("select a from t"));
    talk.role_taken();
    talk.backends("TDC");
    talk.ready(b'T');
    assert_eq!(talk.client(&query("commit and chain")), "Query \"commit and chain\"");
    talk.backend(b'C', b"");
    talk.ready(b'T');
    assert_eq!(talk.client(&query("select a from t")), TAKES);
}

#[test]
fn batch_that_ends_a_transaction_takes_the_role_again_for_what_follows() {
    let mut talk = Talk::shared();
    assert_eq!(talk.client(&parse("", "insert into t values (1)")), TAKES);
    for frame in [parse("", "insert into t values (1)"), bind(""), execute()] {
        talk.client(&frame);
    }
    assert_eq!(talk.client(&parse("", "commit")), "Parse  \"commit\"");
    talk.client(&bind(""));
    talk.client(&execute());
    assert_eq!(talk.client(&parse("", "select a from t")), TAKES);
    assert_eq!(talk.client(&parse("", "select a from t")), "Parse  \"select a from t\"");
}

#[test]
fn batches_in_flight_take_the_role_each_and_queries_wait_for_each_other() {
    let mut talk = Talk::shared();
    for _ in 0..2 {
        assert_eq!(talk.client(&parse("", "select a from t")), TAKES);
        for frame in [parse("", "select a from t"), bind(""), execute()] {
            assert_ne!(talk.client(&frame), "(waits)");
        }
        talk.client(SYNC);
    }
    talk.client(&query("select a from t"));
    talk.client(&query("select a from t"));
    assert_eq!(talk.client(&query("select a from t")), "(waits)");
    assert_eq!(talk.client(&[b'd', 0, 0, 0, 4]), "(waits)");
}

#[test]
fn what_runs_in_no_transaction_has_the_role_taken_for_the_session_and_given_back() {
    for sql in [
        "vacuum t",
        "create index concurrently on t (a)",
        "begin; insert into t values (1); commit; select 1",
        "reindex table concurrently t",
    ] {
        let mut talk = Talk::shared();
        assert_eq!(talk.client(&query(sql)), "(takes the role)", "{sql}");
        let server = talk.server.as_mut().unwrap();
        assert_eq!(talk.session.sql_for_role(), "SET ROLE \"tenant_a\"");
        talk.session.role_taken(server);
        assert_eq!(talk.client(&query(sql)), format!("Query {sql:?}"));
        talk.backends("CZ");
        assert_eq!(talk.reset_plan(), ResetPlan::Discard, "{sql}");
    }
}

#[test]
fn discard_all_needs_no_role_and_leaves_nothing() {
    let mut talk = Talk::shared();
    assert_eq!(talk.client(&query("discard all")), "Query \"discard all\"");
    talk.backends("CZ");
    assert_eq!(talk.client(&query("select a from t")), TAKES);
}

#[test]
fn settings_of_the_startup_packet_come_with_the_role_and_none_stays() {
    let mut start = Settings::default();
    start.set("timezone", "Asia/Tokyo");
    let mut talk = Talk::shared_fresh();
    talk.session = Session::new(talk.session.scope().clone(), Arc::new(start), commons());
    assert_eq!(*talk.session.settings_of_connection(), Settings::default());
    let sent = talk.client(&query("select a from t"));
    assert!(
        sent.contains(r#"Bind , E, Parse  "SET LOCAL \"timezone\" TO 'Asia/Tokyo'", Bind , E"#),
        "{sent}"
    );
    talk.client(&query("select a from t"));
    talk.backends("12C12C12C");
    // The client has had it all the time.
    assert_eq!(talk.backend(b'S', b"TimeZone\0Asia/Tokyo\0"), "");
    assert_eq!(talk.backend(b'S', b"DateStyle\0ISO\0"), "[S]");
    talk.backends("CZ");
    talk.client(&query("set timezone = 'UTC'"));
    talk.client(&query("set timezone = 'UTC'"));
    talk.backends("12C12C12C");
    // It is told when it is known what is in force.
    assert_eq!(talk.backend(b'S', b"TimeZone\0UTC\0"), "");
    assert_eq!(talk.backends("CZ"), "[C]");
    talk.answered(&[("timezone", "UTC")]);
    assert_eq!(talk.session.settings_of_connection().get("timezone"), Some("UTC"));
}

#[test]
fn names_of_the_proxys_own_statements_are_out_of_reach() {
    for sql in [
        "execute pgtenant_role_0(0, 'tenant_b')",
        "explain execute pgtenant_role_0(0, 'tenant_b')",
        "create table x as execute pgtenant_role_0(0, 'tenant_b')",
        "prepare pgtenant_role_0 as select 1",
    ] {
        assert_eq!(Talk::shared().client(&query(sql)), "<E 42501><Z>", "{sql}");
    }
    assert!(Talk::shared().client(&query("deallocate pgtenant_role_0")).contains("26000"));
}
