//! Whether a text needs its tenant's role at level `shared`, and for how long: that role is taken for one
//! transaction, ahead of the first statement in it that needs one.

use pgtenant_sqltree::enums::{ReindexObjectType, TransactionStmtKind};
use pgtenant_sqltree::{Kind, Message, field};

use crate::guard::RoleNeed;
use crate::guard::statements::enumeration;

/// What the statements of one text need, one after the other.
#[derive(Debug, Default)]
pub(super) struct Needs {
    statements: u32,
    /// Those that begin, set up or end a transaction.
    controls: u32,
    /// Those behind which the isolation level of the transaction can still be set.
    without_snapshot: u32,
    /// One that refuses to run in a transaction block.
    alone: bool,
    pub(super) ends_transaction: bool,
    /// Something that needs the role stands behind one that ends a transaction.
    pub(super) goes_on_behind_end: bool,
}

impl Needs {
    pub(super) fn add(&mut self, statement: Message<'_>) {
        self.statements += 1;
        let kind = (statement.kind() == Kind::TransactionStmt)
            .then(|| enumeration(statement, field::transaction_stmt::KIND))
            .flatten();
        let controls = match kind {
            Some(
                TransactionStmtKind::TransStmtBegin
                | TransactionStmtKind::TransStmtStart
                | TransactionStmtKind::TransStmtCommit
                | TransactionStmtKind::TransStmtRollback,
            ) => true,
            Some(_) => false,
            // A savepoint would take the role away again, these must come before anything else.
            None => sets_transaction(statement),
        };
        self.controls += u32::from(controls);
        self.goes_on_behind_end |= self.ends_transaction && !controls;
        self.ends_transaction |= matches!(
            kind,
            Some(TransactionStmtKind::TransStmtCommit | TransactionStmtKind::TransStmtRollback)
        );
        self.without_snapshot += u32::from(takes_no_snapshot(statement));
        self.alone |= runs_alone(statement);
    }

    pub(super) const fn take_no_snapshot(&self) -> bool {
        self.without_snapshot == self.statements
    }

    pub(super) fn result(&self, discards_all: bool) -> RoleNeed {
        if discards_all || self.controls == self.statements {
            RoleNeed::Nothing
        } else if self.controls > 0 || (self.alone && self.statements == 1) {
            RoleNeed::Session
        } else {
            RoleNeed::Transaction
        }
    }
}

/// SET TRANSACTION, which PostgreSQL refuses behind the first query of a transaction.
fn sets_transaction(statement: Message<'_>) -> bool {
    statement.kind() == Kind::VariableSetStmt
        && statement
            .text(field::variable_set_stmt::NAME)
            .get(.."transaction".len())
            .is_some_and(|start| start.eq_ignore_ascii_case("transaction"))
}

/// PostgreSQL's `PlannedStmtRequiresSnapshot` (src/backend/tcop/pquery.c), but for what is not known to be worth it.
fn takes_no_snapshot(statement: Message<'_>) -> bool {
    matches!(
        statement.kind(),
        Kind::TransactionStmt
            | Kind::LockStmt
            | Kind::VariableSetStmt
            | Kind::VariableShowStmt
            | Kind::ConstraintsSetStmt
            | Kind::ListenStmt
            | Kind::NotifyStmt
            | Kind::UnlistenStmt
    )
}

/// Statements that commit on their own, and so refuse to run in a transaction block.
fn runs_alone(statement: Message<'_>) -> bool {
    use field as f;
    match statement.kind() {
        Kind::VacuumStmt => statement.flag(f::vacuum_stmt::IS_VACUUMCMD),
        Kind::IndexStmt => statement.flag(f::index_stmt::CONCURRENT),
        Kind::DropStmt => statement.flag(f::drop_stmt::CONCURRENT),
        Kind::ClusterStmt => statement.child(f::cluster_stmt::RELATION).is_none(),
        Kind::ReindexStmt => {
            let concurrently =
                |option: Message<'_>| option.text(f::def_elem::DEFNAME).eq_ignore_ascii_case("concurrently");
            enumeration(statement, f::reindex_stmt::KIND) == Some(ReindexObjectType::ReindexObjectSchema)
                || statement.children(f::reindex_stmt::PARAMS).any(concurrently)
        }
        Kind::AlterTableStmt => statement.children(f::alter_table_stmt::CMDS).any(|command| {
            // Of DETACH PARTITION … CONCURRENTLY.
            let definition = command.child(f::alter_table_cmd::DEF);
            definition.is_some_and(|partition| {
                partition.kind() == Kind::PartitionCmd && partition.flag(f::partition_cmd::CONCURRENT)
            })
        }),
        _ => false,
    }
}
