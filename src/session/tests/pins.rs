//! State that ties a client to its server connection, and what becomes of it.

use super::*;

#[test]
fn discard_all_forgets_every_name_and_unpins() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    talk.client(&query("create temp table t (a int)"));
    talk.backends("CZ");
    talk.holds(&[PinReason::Temporary]);
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Temporary));
    talk.client(&query("discard all"));
    talk.backends("CZ");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
    assert_eq!(talk.client(&bind("s1")), "<E 26000>");
}

#[test]
fn failed_discard_all_forgets_nothing() {
    let mut talk = Talk::attached();
    talk.client(&query("set temp_buffers = '1MB'"));
    talk.backends("CZ");
    talk.client(&query("discard all"));
    talk.backend(b'E', b"SERROR\0C25001\0\0");
    talk.backends("Z");
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Setting));
}

#[test]
fn reset_all_unpins_unless_a_rollback_can_undo_it() {
    let mut talk = Talk::attached();
    talk.client(&query("set temp_buffers = '1MB'"));
    talk.backends("CZ");
    talk.client(&query("begin; reset all"));
    talk.backends("CC");
    talk.backend(b'Z', b"T");
    talk.client(&query("rollback"));
    talk.backends("CZ");
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Setting));
    talk.client(&query("reset all"));
    talk.backends("CZ");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn reset_string_of_a_client_side_pool_unpins() {
    let mut talk = Talk::attached();
    for text in ["select pg_advisory_lock(1)", "declare c cursor with hold for select 1", "set seed = 0"] {
        talk.client(&query(text));
        talk.backends("CZ");
    }
    let both = [PinReason::AdvisoryLock, PinReason::HoldCursor];
    talk.holds(&both);
    assert!(matches!(talk.session.at_boundary(), Boundary::Pinned(_)));
    // As asyncpg does.
    talk.client(&query(RESET_STRING));
    talk.backends("TDCCCCZ");
    talk.holds(&[]);
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

const RESET_STRING: &str = "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;";

#[test]
fn reset_string_of_a_client_that_left_nothing_asks_nothing() {
    let mut talk = Talk::attached();
    talk.client(&query(RESET_STRING));
    talk.backends("TDCCCCZ");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

#[test]
fn pin_ends_as_soon_as_the_server_says_that_the_state_is_gone() {
    for (begin, end, reason) in [
        ("create temp table t ()", "drop table t", PinReason::Temporary),
        ("prepare p as select 1", "deallocate p", PinReason::Prepare),
        ("declare c cursor with hold for select 1", "close c", PinReason::HoldCursor),
        ("select pg_advisory_lock(1)", "select pg_advisory_unlock(1)", PinReason::AdvisoryLock),
        ("create temp table t ()", "discard temp", PinReason::Temporary),
    ] {
        let mut talk = Talk::attached();
        talk.ran(begin);
        talk.holds(&[reason]);
        assert_eq!(talk.session.at_boundary(), Boundary::Pinned(reason));
        talk.ran("select 1");
        assert_eq!(talk.session.at_boundary(), Boundary::Pinned(reason), "asked again for nothing");
        talk.ran(end);
        talk.holds(&[]);
        assert_eq!(talk.session.at_boundary(), Boundary::Release, "{end}");
        assert_eq!(talk.reset_plan(), ResetPlan::Clean, "{end}");
    }
}

#[test]
fn state_that_code_left_out_of_sight_pins() {
    let mut talk = Talk::attached();
    talk.ran("select f()");
    assert!(talk.session.question(false).unwrap().contains("pg_my_temp_schema"));
    talk.holds(&[PinReason::Temporary]);
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Temporary));
    assert_eq!(talk.reset_plan(), ResetPlan::Discard, "should its client leave");
}

#[test]
fn code_that_deallocates_what_others_count_on_has_the_connection_discarded() {
    let mut talk = Talk::attached();
    talk.client(&parse("s1", "select 1"));
    talk.client(SYNC);
    talk.backends("1Z");
    for (count, plan) in [("statements:1", "Narrow"), ("statements:0", "Discard")] {
        talk.ran("do 'begin execute $$deallocate all$$; end'");
        let row = tracking::row(&[Some(""), Some(count)]);
        talk.session.answered(&[row], false, talk.server.as_mut().unwrap()).unwrap();
        assert_eq!(talk.session.at_boundary(), Boundary::Release);
        assert!(format!("{:?}", talk.reset_plan()).starts_with(plan), "{count}");
    }
}

#[test]
fn one_pin_too_many_is_refused_and_the_session_goes_on() {
    let commons = Arc::<Commons>::default();
    let talk = || {
        let mut talk = Talk::attached();
        talk.session = Session::new(talk.session.scope().clone(), Arc::default(), Arc::clone(&commons));
        commons.set_limits(Limits { max_pinned: 1, ..Limits::default() });
        talk
    };
    let (mut one, mut two) = (talk(), talk());
    one.ran("create temp table t ()");
    one.holds(&[PinReason::Temporary]);
    assert!(one.session.count_pin(true));
    assert_eq!(two.client(&query("create temp table t ()")), "<E 53400><Z>");
    assert_eq!(two.client(&parse("", "prepare p as select 1")), "Parse  \"prepare p as select 1\"");
    assert!(two.client(&bind("")).contains("pgtenant_refused"), "in the batch it is refused in its turn");
    two.client(SYNC);
    two.backends("1");
    assert_eq!(two.backend(b'E', b"SERROR\0C42601\0\0"), "<E 53400>");
    assert_eq!(two.backends("Z"), "[Z]");
    one.ran("drop table t");
    one.holds(&[]);
    one.session.count_pin(false);
    assert!(two.client(&query("create temp table t ()")).starts_with("Query"));
    drop(one);
    assert_eq!(commons.pinned(), 0);
}

#[test]
fn sequence_state_of_another_session_is_discarded_before_it_is_read() {
    let mut talk = Talk::attached();
    talk.server.as_mut().unwrap().sequences_of = u64::MAX;
    assert_eq!(talk.client(&query("select 1")), "Query \"select 1\"");
    talk.backends("CZ");
    assert_eq!(
        talk.client(&query("select lastval()")),
        "Query \"DISCARD SEQUENCES\", Query \"select lastval()\""
    );
    assert_eq!(talk.backends("CZTDCZ"), "[T][D][C][Z]");
    talk.server.as_mut().unwrap().sequences_of = u64::MAX;
    talk.client(&parse("", "select lastval()"));
    assert!(talk.client(&bind("")).contains("DISCARD SEQUENCES"));
    talk.client(&execute());
    talk.client(SYNC);
    assert_eq!(talk.backends("112C32CZ"), "[1][2][C][Z]");
    talk.ran("insert into t values (1)");
    assert_eq!(talk.client(&query("select lastval()")), "Query \"select lastval()\"", "its own");
}

#[test]
fn insert_keeps_the_connection_for_one_more_transaction_unless_the_tenant_never_reads_sequences() {
    let mut talk = Talk::attached();
    for _ in 0..20 {
        talk.ran("insert into t values (1)");
        assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Sequence));
        talk.ran("select 1");
    }
    talk.ran("insert into t values (1)");
    assert_eq!(talk.session.at_boundary(), Boundary::Release, "nobody asks");
    talk.ran("select lastval()");
    talk.ran("insert into t values (1)");
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Sequence));
    talk.ran("select lastval()");
    assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Sequence));
    talk.ran("select 1");
    assert_eq!(talk.session.at_boundary(), Boundary::Release);
}

/// Others of the tenant may wait for its connection for as long as it has one transaction after the other.
#[test]
fn client_that_inserts_in_each_transaction_does_not_keep_the_connection_for_ever() {
    let mut talk = Talk::attached();
    for _ in 0..20 {
        talk.ran("insert into t values (1)");
        assert_eq!(talk.session.at_boundary(), Boundary::Pinned(PinReason::Sequence));
    }
    talk.ran("insert into t values (1)");
    assert_eq!(talk.session.at_boundary(), Boundary::Release, "nobody asks");
}
