//! Kinds of statements: each is in one class, and some are looked into.

use pgtenant_sqltree::enums::{
    DiscardMode, GrantTargetType, ObjectType, ReindexObjectType, TransactionStmtKind,
};
use pgtenant_sqltree::{Kind, Message, Visit, field};

use crate::guard::facts::Findings;

use crate::guard::{
    Deallocated, Denial, Effect, Rule, code, constants, functions, references, rules, settings,
};

/// `CURSOR_OPT_HOLD` of PostgreSQL's `parsenodes.h`.
const CURSOR_OPT_HOLD: u64 = 0x20;

/// What is done with a kind of statement.
#[derive(Clone, Copy, Debug)]
enum Class {
    /// Allowed; what it does follows from its parts.
    Allow,
    /// Allowed; writes.
    Write,
    /// Allowed; runs code that the text does not show.
    Opaque,
    /// Allowed, but at level `shared` only with hardening: makes code of these kinds run.
    Code(&'static str),
    /// Refused.
    Refuse(&'static Rule),
}

/// The class of a kind. `None` for what is not a statement, or not known: a text of it is refused.
fn class(kind: Kind) -> Option<Class> {
    Some(match kind {
        Kind::RawStmt
        | Kind::SelectStmt
        | Kind::ReturnStmt
        | Kind::CopyStmt
        | Kind::ExplainStmt
        | Kind::PrepareStmt
        | Kind::DeallocateStmt
        | Kind::DeclareCursorStmt
        | Kind::FetchStmt
        | Kind::ClosePortalStmt
        | Kind::VariableSetStmt
        | Kind::VariableShowStmt
        | Kind::ConstraintsSetStmt
        | Kind::TransactionStmt
        | Kind::DiscardStmt
        | Kind::ListenStmt
        | Kind::NotifyStmt
        | Kind::UnlistenStmt => Class::Allow,
        Kind::InsertStmt
        | Kind::UpdateStmt
        | Kind::DeleteStmt
        | Kind::MergeStmt
        | Kind::TruncateStmt
        | Kind::LockStmt => Class::Write,
        Kind::CallStmt | Kind::ExecuteStmt => Class::Opaque,
        _ => return coded(kind).or_else(|| definition(kind)).or_else(|| refused(kind).map(Class::Refuse)),
    })
}

/// Statements that run code of their own, or have it run later.
fn coded(kind: Kind) -> Option<Class> {
    Some(Class::Code(match kind {
        Kind::DoStmt => "DO blocks",
        Kind::CreateFunctionStmt | Kind::AlterFunctionStmt => "routines",
        Kind::CreateCastStmt => "casts",
        _ => return None,
    }))
}

/// Statements that define objects of a schema, and maintenance.
fn definition(kind: Kind) -> Option<Class> {
    Some(match kind {
        Kind::CreateStmt
        | Kind::CreateTableAsStmt
        | Kind::ViewStmt
        | Kind::RefreshMatViewStmt
        | Kind::AlterTableStmt
        | Kind::ReplicaIdentityStmt
        | Kind::CreateSchemaStmt
        | Kind::CreateExtensionStmt
        | Kind::CreateSeqStmt
        | Kind::AlterSeqStmt
        | Kind::IndexStmt
        | Kind::CreateStatsStmt
        | Kind::AlterStatsStmt
        | Kind::CreateTrigStmt
        | Kind::RuleStmt
        | Kind::CreatePolicyStmt
        | Kind::AlterPolicyStmt
        | Kind::CreateDomainStmt
        | Kind::AlterDomainStmt
        | Kind::CreateEnumStmt
        | Kind::AlterEnumStmt
        | Kind::CompositeTypeStmt
        | Kind::CreateRangeStmt
        | Kind::AlterTypeStmt
        | Kind::DefineStmt
        | Kind::AlterOperatorStmt
        | Kind::AlterCollationStmt
        | Kind::AlterTSDictionaryStmt
        | Kind::AlterTSConfigurationStmt
        | Kind::CreateConversionStmt
        | Kind::CreateOpFamilyStmt
        | Kind::AlterOpFamilyStmt
        | Kind::DropStmt
        | Kind::RenameStmt
        | Kind::CommentStmt
        | Kind::AlterOwnerStmt
        | Kind::AlterObjectSchemaStmt
        | Kind::AlterObjectDependsStmt
        | Kind::GrantStmt
        | Kind::AlterDefaultPrivilegesStmt
        | Kind::VacuumStmt
        | Kind::ClusterStmt
        | Kind::ReindexStmt => Class::Write,
        _ => return None,
    })
}

/// The rule against a kind of statement that is refused altogether.
fn refused(kind: Kind) -> Option<&'static Rule> {
    Some(match kind {
        Kind::CreateRoleStmt
        | Kind::AlterRoleStmt
        | Kind::AlterRoleSetStmt
        | Kind::DropRoleStmt
        | Kind::GrantRoleStmt
        | Kind::ReassignOwnedStmt
        | Kind::DropOwnedStmt => &rules::ROLE_MANAGEMENT,
        Kind::CreatedbStmt
        | Kind::DropdbStmt
        | Kind::AlterDatabaseStmt
        | Kind::AlterDatabaseSetStmt
        | Kind::AlterDatabaseRefreshCollStmt
        | Kind::CreateTableSpaceStmt
        | Kind::DropTableSpaceStmt
        | Kind::AlterTableSpaceOptionsStmt
        | Kind::AlterTableMoveAllStmt
        | Kind::AlterSystemStmt
        | Kind::CheckPointStmt
        | Kind::LoadStmt
        | Kind::SecLabelStmt
        | Kind::AlterExtensionStmt
        | Kind::AlterExtensionContentsStmt
        | Kind::CreateFdwStmt
        | Kind::AlterFdwStmt
        | Kind::CreateForeignServerStmt
        | Kind::AlterForeignServerStmt
        | Kind::CreateForeignTableStmt
        | Kind::CreateUserMappingStmt
        | Kind::AlterUserMappingStmt
        | Kind::DropUserMappingStmt
        | Kind::ImportForeignSchemaStmt
        | Kind::CreatePublicationStmt
        | Kind::AlterPublicationStmt
        | Kind::CreateSubscriptionStmt
        | Kind::AlterSubscriptionStmt
        | Kind::DropSubscriptionStmt
        | Kind::CreateEventTrigStmt
        | Kind::AlterEventTrigStmt
        | Kind::CreatePLangStmt
        | Kind::CreateAmStmt
        | Kind::CreateTransformStmt
        | Kind::CreateOpClassStmt => &rules::SERVER_ADMINISTRATION,
        // Made by later stages of PostgreSQL, or by PL/pgSQL; a text cannot hold them.
        Kind::SetOperationStmt | Kind::PLAssignStmt => &rules::UNKNOWN_STATEMENT,
        _ => return None,
    })
}

/// A node that may be a statement, at the top or inside another one.
pub(super) fn statement(visit: Visit<'_>, findings: &mut Findings) {
    let message = visit.message;
    let kind = message.kind();
    match class(kind) {
        Some(Class::Allow) => {}
        Some(Class::Write) => findings.effect(Effect::Write),
        Some(Class::Opaque) => findings.opaque(),
        Some(Class::Code(what)) => {
            findings.effect(Effect::Write);
            code::brings(what, findings);
        }
        Some(Class::Refuse(rule)) => findings.refuse(rule, refusal(kind)),
        None if visit.parent == Kind::RawStmt || kind.name().ends_with("Stmt") => {
            findings.refuse(&rules::UNKNOWN_STATEMENT, refusal(kind));
        }
        None => return,
    }
    inspect(message, visit.parent, findings);
}

/// `CreateExtensionStmt` is told as `CREATE EXTENSION`, near enough for a person to know which.
fn refusal(kind: Kind) -> String {
    let mut words = String::new();
    for letter in kind.name().trim_end_matches("Stmt").chars() {
        if letter.is_ascii_uppercase() && words.chars().last().is_some_and(|last| last.is_ascii_lowercase()) {
            words.push(' ');
        }
        words.push(letter);
    }
    format!("statement of the kind \"{words}\" is not allowed here")
}

/// What kinds of statements do to the session, whatever they say.
fn effects_of_kind(kind: Kind, findings: &mut Findings) {
    match kind {
        Kind::DropStmt => {
            findings.effect(Effect::Releases);
            findings.effect(Effect::Schema);
        }
        Kind::ClosePortalStmt | Kind::DeallocateStmt | Kind::DiscardStmt => findings.effect(Effect::Releases),
        Kind::AlterTableStmt
        | Kind::RenameStmt
        | Kind::AlterObjectSchemaStmt
        | Kind::ViewStmt
        | Kind::CreateStmt
        | Kind::CreateTableAsStmt
        | Kind::CreateFunctionStmt
        | Kind::AlterFunctionStmt
        | Kind::AlterTypeStmt
        | Kind::AlterDomainStmt
        | Kind::CompositeTypeStmt
        | Kind::CreateTrigStmt
        | Kind::RuleStmt
        | Kind::CreatePolicyStmt
        | Kind::AlterPolicyStmt
        | Kind::CreateDomainStmt
        | Kind::CreateCastStmt
        | Kind::DefineStmt => findings.effect(Effect::Schema),
        _ => {}
    }
}

/// Looks into the statements that are judged, or have effects, by more than their kind.
fn inspect(message: Message<'_>, parent: Kind, findings: &mut Findings) {
    use field as f;
    effects_of_kind(message.kind(), findings);
    match message.kind() {
        Kind::InsertStmt | Kind::MergeStmt => findings.effect(Effect::Sequence),
        Kind::SelectStmt => select(message, findings),
        Kind::UpdateStmt => update(message, findings),
        Kind::CopyStmt => copy(message, findings),
        Kind::PrepareStmt => {
            findings.effect(Effect::Prepare);
            if is_reserved(message.text(f::prepare_stmt::NAME)) {
                findings.refuse_shared(&rules::ROLE_CHANGE, RESERVED);
            }
        }
        Kind::DeclareCursorStmt if message.number(f::declare_cursor_stmt::OPTIONS) & CURSOR_OPT_HOLD != 0 => {
            findings.effect(Effect::HoldCursor);
        }
        Kind::VariableSetStmt => settings::statement(message, parent, findings),
        Kind::TransactionStmt => transaction(message, findings),
        Kind::ListenStmt | Kind::UnlistenStmt => listen(message, parent, findings),
        Kind::NotifyStmt => notify(parent, findings),
        Kind::CreateSchemaStmt => create_schema(message, findings),
        Kind::CreateExtensionStmt => create_extension(message, findings),
        Kind::CreateFunctionStmt => create_function(message, findings),
        Kind::DefineStmt => code::define(message, findings),
        Kind::CreateRangeStmt => code::range(message, findings),
        Kind::CreateTrigStmt => code::runs_routine(message.children(f::create_trig_stmt::FUNCNAME), findings),
        Kind::DoStmt => {
            findings.refuse_read_only("DO is not available in a read-only session");
            code::do_block(message, findings);
        }
        // A procedure may end its transaction.
        Kind::CallStmt => findings.refuse_read_only("CALL is not available in a read-only session"),
        Kind::DiscardStmt
            if discards_all(message) && !(parent == Kind::RawStmt && findings.is_outermost()) =>
        {
            let message = "DISCARD ALL inside another statement would end the tenant's role";
            findings.refuse_shared(&rules::ROLE_CHANGE, message);
        }
        Kind::ExecuteStmt if is_reserved(message.text(f::execute_stmt::NAME)) => {
            findings.refuse_shared(&rules::ROLE_CHANGE, RESERVED);
        }
        Kind::ReindexStmt => reindex(message, findings),
        Kind::GrantStmt => grant(message, findings),
        Kind::AlterObjectSchemaStmt => {
            findings.schema(message.text(f::alter_object_schema_stmt::NEWSCHEMA));
            objects(
                message,
                f::alter_object_schema_stmt::OBJECT_TYPE,
                f::alter_object_schema_stmt::OBJECT,
                findings,
            );
        }
        Kind::DropStmt => objects(message, f::drop_stmt::REMOVE_TYPE, f::drop_stmt::OBJECTS, findings),
        Kind::RenameStmt => objects(message, f::rename_stmt::RENAME_TYPE, f::rename_stmt::OBJECT, findings),
        Kind::AlterOwnerStmt => {
            objects(message, f::alter_owner_stmt::OBJECT_TYPE, f::alter_owner_stmt::OBJECT, findings);
        }
        Kind::CommentStmt => objects(message, f::comment_stmt::OBJTYPE, f::comment_stmt::OBJECT, findings),
        Kind::AlterObjectDependsStmt => objects(
            message,
            f::alter_object_depends_stmt::OBJECT_TYPE,
            f::alter_object_depends_stmt::OBJECT,
            findings,
        ),
        _ => {}
    }
}

fn select(select: Message<'_>, findings: &mut Findings) {
    let locks = select.children(field::select_stmt::LOCKING_CLAUSE).next().is_some();
    if locks || select.child(field::select_stmt::INTO_CLAUSE).is_some() {
        findings.effect(Effect::Write);
    }
}

/// The view pg_settings has a rule that makes an UPDATE of it a SET.
fn update(update: Message<'_>, findings: &mut Findings) {
    let Some(relation) = update.child(field::update_stmt::RELATION) else { return };
    let schema = relation.text(field::range_var::SCHEMANAME);
    if relation.text(field::range_var::RELNAME) == "pg_settings" && matches!(schema, "" | "pg_catalog") {
        findings
            .refuse(&rules::FIXED_SETTING, "settings are changed with SET, not through the view pg_settings");
    }
}

fn copy(copy: Message<'_>, findings: &mut Findings) {
    use field::copy_stmt as f;
    if copy.flag(f::IS_PROGRAM) || !copy.text(f::FILENAME).is_empty() {
        findings.refuse(&rules::SERVER_FILES, "COPY with a file or program of the server is not allowed");
    }
    if copy.flag(f::IS_FROM) {
        findings.effect(Effect::Sequence);
        findings.effect(Effect::Write);
    }
}

/// Which channels a session listens to is followed where the statement stands by itself.
fn listen(statement: Message<'_>, parent: Kind, findings: &mut Findings) {
    let channel = match statement.kind() {
        Kind::ListenStmt => statement.text(field::listen_stmt::CONDITIONNAME),
        _ => statement.text(field::unlisten_stmt::CONDITIONNAME),
    };
    let stands_alone = parent == Kind::RawStmt && findings.is_outermost();
    if channel.is_empty() {
        return findings.effect(Effect::UnlistenAll);
    }
    if !stands_alone {
        return findings
            .refuse(&rules::NOTIFY, "LISTEN and UNLISTEN inside another statement are not followed");
    }
    findings.effect(Effect::Listen);
    if statement.kind() == Kind::ListenStmt {
        findings.listens(channel);
    }
}

/// Inside a rule or a function's body it is sent as it is, and at level `shared` nobody knows then whose it is.
fn notify(parent: Kind, findings: &mut Findings) {
    findings.effect(Effect::Notify);
    findings.refuse_read_only("NOTIFY is not available in a read-only session");
    if parent != Kind::RawStmt || !findings.is_outermost() {
        findings.refuse_shared(
            &rules::NOTIFY,
            "NOTIFY inside another statement has a channel common to all tenants",
        );
    }
}

/// The statement by which the proxy takes a tenant's role is one of these.
const RESERVED: &str = "names of prepared statements that begin with pgtenant_ are the proxy's own";

fn is_reserved(name: &str) -> bool {
    name.starts_with("pgtenant_")
}

const NO_TWO_PHASE: &str = "two-phase commit is not supported";

fn transaction(statement: Message<'_>, findings: &mut Findings) {
    findings.controls_transaction();
    match enumeration(statement, field::transaction_stmt::KIND) {
        Some(TransactionStmtKind::TransStmtPrepare) if findings.is_outermost() => {
            findings.deny(Denial::new(&rules::TWO_PHASE, NO_TWO_PHASE).ending_block());
        }
        Some(
            TransactionStmtKind::TransStmtPrepare
            | TransactionStmtKind::TransStmtCommitPrepared
            | TransactionStmtKind::TransStmtRollbackPrepared,
        ) => findings.refuse(&rules::TWO_PHASE, NO_TWO_PHASE),
        Some(TransactionStmtKind::Undefined) | None => {
            findings.refuse(&rules::UNKNOWN_STATEMENT, "this transaction command is not known");
        }
        Some(TransactionStmtKind::TransStmtRollback | TransactionStmtKind::TransStmtRollbackTo) => {
            findings.effect(Effect::Releases);
        }
        Some(_) => {}
    }
}

/// Tools send CREATE SCHEMA IF NOT EXISTS for a schema that they expect to be there already.
fn create_schema(statement: Message<'_>, findings: &mut Findings) {
    use field::create_schema_stmt as f;
    let name = statement.text(f::SCHEMANAME);
    if statement.flag(f::IF_NOT_EXISTS) && !name.is_empty() && statement.child(f::AUTHROLE).is_none() {
        findings.own_schema(name);
    } else {
        findings.refuse(&rules::SERVER_ADMINISTRATION, "schemas are created by the operator");
    }
}

/// Tools send CREATE EXTENSION IF NOT EXISTS for what the operator has installed: PostgreSQL skips that, and
/// refuses any other to a role without rights on the database.
fn create_extension(statement: Message<'_>, findings: &mut Findings) {
    use field::create_extension_stmt as f;
    let message = "extensions are installed by the operator";
    if statement.flag(f::IF_NOT_EXISTS) && statement.children(f::OPTIONS).next().is_none() {
        findings.refuse_shared(&rules::SERVER_ADMINISTRATION, message);
    } else {
        findings.refuse(&rules::SERVER_ADMINISTRATION, message);
    }
}

fn create_function(statement: Message<'_>, findings: &mut Findings) {
    let option = |name| {
        statement
            .children(field::create_function_stmt::OPTIONS)
            .find(|option| option.text(field::def_elem::DEFNAME) == name)
            .and_then(|option| option.child(field::def_elem::ARG))
    };
    let is_sql = option("language")
        .is_some_and(|language| language.text(field::string::SVAL).eq_ignore_ascii_case("sql"));
    if let (true, Some(texts)) = (is_sql, option("as")) {
        let name = constants::last_part(statement.children(field::create_function_stmt::FUNCNAME));
        for text in constants::parts(texts.children(field::list::ITEMS)) {
            references::body(text, name, findings);
        }
    }
}

pub(super) fn discards_all(statement: Message<'_>) -> bool {
    enumeration(statement, field::discard_stmt::TARGET) == Some(DiscardMode::DiscardAll)
}

fn reindex(statement: Message<'_>, findings: &mut Findings) {
    match enumeration(statement, field::reindex_stmt::KIND) {
        Some(ReindexObjectType::ReindexObjectIndex | ReindexObjectType::ReindexObjectTable) => {}
        Some(ReindexObjectType::ReindexObjectSchema) => {
            findings.schema(statement.text(field::reindex_stmt::NAME));
        }
        _ => findings.refuse(&rules::SERVER_ADMINISTRATION, "REINDEX of a whole database is not allowed"),
    }
}

fn grant(statement: Message<'_>, findings: &mut Findings) {
    use field::grant_stmt as f;
    let Some(objtype) = enumeration::<ObjectType>(statement, f::OBJTYPE) else {
        return findings.refuse(&rules::UNKNOWN_STATEMENT, "this form of GRANT is not known");
    };
    let all_in = enumeration(statement, f::TARGTYPE) == Some(GrantTargetType::AclTargetAllInSchema);
    if objtype == ObjectType::ObjectLargeobject {
        functions::large_object(findings);
    }
    if all_in || objtype == ObjectType::ObjectSchema {
        for schema in constants::parts(statement.children(f::OBJECTS)) {
            findings.schema(schema);
        }
    } else if let Some(rule) = not_in_a_schema(objtype) {
        findings.refuse(rule, "privileges on objects of this type are granted by the operator");
    } else {
        statement.children(f::OBJECTS).for_each(|object| name_of(objtype, object, findings));
    }
}

/// Statements about objects of any type, which is in the field `type_field`.
fn objects(statement: Message<'_>, type_field: u32, object_field: u32, findings: &mut Findings) {
    let Some(objtype) = enumeration::<ObjectType>(statement, type_field) else {
        return findings.refuse(&rules::UNKNOWN_STATEMENT, "this type of object is not known");
    };
    if objtype == ObjectType::ObjectLargeobject {
        functions::large_object(findings);
    }
    let comment = statement.kind() == Kind::CommentStmt
        && matches!(objtype, ObjectType::ObjectSchema | ObjectType::ObjectExtension);
    match not_in_a_schema(objtype) {
        Some(rule) if !comment => findings.refuse(rule, "objects of this type are managed by the operator"),
        _ => statement.children(object_field).for_each(|object| name_of(objtype, object, findings)),
    }
}

/// Types of objects that a tenant cannot own, with the rule that says so.
const fn not_in_a_schema(objtype: ObjectType) -> Option<&'static Rule> {
    match objtype {
        ObjectType::ObjectRole => Some(&rules::ROLE_MANAGEMENT),
        ObjectType::ObjectDatabase
        | ObjectType::ObjectTablespace
        | ObjectType::ObjectSchema
        | ObjectType::ObjectExtension
        | ObjectType::ObjectLanguage
        | ObjectType::ObjectTransform
        | ObjectType::ObjectEventTrigger
        | ObjectType::ObjectPublication
        | ObjectType::ObjectPublicationNamespace
        | ObjectType::ObjectPublicationRel
        | ObjectType::ObjectSubscription
        | ObjectType::ObjectFdw
        | ObjectType::ObjectForeignServer
        | ObjectType::ObjectUserMapping
        | ObjectType::ObjectParameterAcl
        | ObjectType::ObjectAccessMethod => Some(&rules::SERVER_ADMINISTRATION),
        _ => None,
    }
}

/// The name of one object, as lists of strings: types and functions are nodes that the walk comes to.
fn name_of(objtype: ObjectType, object: Message<'_>, findings: &mut Findings) {
    if object.kind() == Kind::String {
        if objtype == ObjectType::ObjectSchema {
            findings.schema(object.text(field::string::SVAL));
        }
        return;
    }
    let mut parts = constants::parts(object.children(field::list::ITEMS));
    if object.kind() != Kind::List || parts.is_empty() {
        return;
    }
    match objtype {
        // [schema.]table, and the name of its part.
        ObjectType::ObjectTrigger
        | ObjectType::ObjectPolicy
        | ObjectType::ObjectRule
        | ObjectType::ObjectColumn
        | ObjectType::ObjectTabconstraint => {
            parts.pop();
        }
        // The access method, and [schema.]name.
        ObjectType::ObjectOpclass | ObjectType::ObjectOpfamily => {
            parts.remove(0);
        }
        _ => {}
    }
    findings.qualified(&parts);
}

pub(super) fn enumeration<E: TryFrom<i32>>(message: Message<'_>, number: u32) -> Option<E> {
    i32::try_from(message.number(number)).ok().and_then(|value| E::try_from(value).ok())
}

/// A statement that is the whole text.
pub(super) fn alone(statement: Message<'_>, findings: &mut Findings) -> Option<Deallocated> {
    match statement.kind() {
        Kind::DiscardStmt if discards_all(statement) => {
            findings.effect(Effect::DiscardAll);
            None
        }
        Kind::DeallocateStmt if statement.flag(field::deallocate_stmt::ISALL) => Some(Deallocated::All),
        Kind::DeallocateStmt => {
            Some(Deallocated::Name(statement.text(field::deallocate_stmt::NAME).to_owned()))
        }
        _ => None,
    }
}

/// A statement among others: what can only be followed when it is alone cannot be followed here.
pub(super) fn not_alone(statement: Message<'_>, findings: &mut Findings) {
    match statement.kind() {
        Kind::DeallocateStmt => {
            findings.effect(Effect::Prepare);
            findings.opaque();
        }
        // PostgreSQL refuses DISCARD ALL among other statements.
        Kind::DiscardStmt if discards_all(statement) => findings.opaque(),
        _ => {}
    }
}

/// EXPLAIN without ANALYZE: plans, and does not run.
pub(super) fn only_explains(statement: Message<'_>) -> bool {
    statement.kind() == Kind::ExplainStmt
        && !statement
            .children(field::explain_stmt::OPTIONS)
            .any(|option| option.text(field::def_elem::DEFNAME).eq_ignore_ascii_case("analyze"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new version of the parser brings new statements: they fail here, instead of being refused to
    /// users as unknown, or allowed unseen.
    #[test]
    fn every_statement_of_the_parser_is_in_exactly_one_class() {
        for &kind in Kind::ALL {
            let is_statement = kind.name().ends_with("Stmt");
            assert_eq!(class(kind).is_some(), is_statement, "{}", kind.name());
            let classes = [coded(kind).is_some(), definition(kind).is_some(), refused(kind).is_some()];
            assert!(classes.into_iter().filter(|&is_in| is_in).count() <= 1, "{}", kind.name());
        }
    }

    #[test]
    fn refused_kind_is_told_in_words() {
        assert_eq!(
            refusal(Kind::CreateTableSpaceStmt),
            "statement of the kind \"Create Table Space\" is not allowed here"
        );
    }
}
