//! Sessions that may only read.

use super::*;
use crate::tenant::Access;

/// The rule that refuses it for a session that may only read, after one that may write was let pass.
fn judged(text: &str) -> &'static str {
    assert_eq!(verdict(text), "allow", "{text}");
    match guard().judge(text, &Scope { access: Access::ReadOnly, ..scope() }) {
        Verdict::Allow(..) => "allow",
        Verdict::Deny(denial) => denial.rule.id,
    }
}

#[test]
fn what_could_make_a_transaction_write_or_reaches_beyond_one_is_refused() {
    for text in [
        "SET TRANSACTION READ WRITE",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE",
        "SET transaction_read_only = off",
        "SET LOCAL \"TRANSACTION_read_only\" TO false",
        "RESET transaction_read_only",
        "SET transaction_read_only TO DEFAULT",
        "SELECT set_config('transaction_read_only', $1, true)",
        "CALL p()",
        "DO 'BEGIN END'",
        "NOTIFY c",
        "SELECT pg_notify('c', '')",
        "SELECT lo_create(0)",
        "VACUUM t",
        "CREATE INDEX CONCURRENTLY ON t (a)",
        "SELECT 1; COMMIT; SELECT 2",
        "BEGIN; SELECT 1",
    ] {
        assert_eq!(judged(text), "read_only", "{text}");
    }
}

#[test]
fn what_keeps_a_transaction_as_it_is_passes_and_what_postgresql_refuses_itself() {
    for text in [
        "SELECT 1",
        "SELECT 1; SELECT 2",
        "BEGIN READ WRITE",
        "START TRANSACTION READ ONLY",
        "SET TRANSACTION READ ONLY",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET transaction_read_only = on",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "SET default_transaction_read_only = off",
        "RESET ALL",
        "DISCARD ALL",
        "LISTEN c",
        "INSERT INTO t VALUES (1)",
        "CREATE TABLE x ()",
    ] {
        assert_eq!(judged(text), "allow", "{text}");
    }
}
