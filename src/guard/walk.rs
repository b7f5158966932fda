//! One walk over a tree: every node is shown to the rules.

use std::ops::Range;

use pgtenant_sqltree::{Kind, Malformed, Message, Tree, Value, Visit, Walk, field};

use crate::guard::facts::{Facts, Findings};
use crate::guard::rewrite::{self, DoesNotFit, Rewrite};
use crate::guard::{Deallocated, Denial, Effect, constants, functions, parse, references, rules, statements};
use crate::tenant::Level;

/// The facts of a text of at most `max_bytes`.
pub(super) fn facts(text: &str, max_bytes: usize) -> Facts {
    let mut findings = Findings::default();
    let tree = match parse::tree(text, max_bytes, &mut findings.tokens) {
        Ok(tree) => tree,
        Err(denial) => return Facts::refused(denial),
    };
    let collected = collect(&tree, text, &mut findings).and_then(|summary| {
        let sent =
            |level| rewrite::sent_in_place(text, &summary.rewrites, level).map_err(|DoesNotFit| Malformed);
        Ok((sent(Level::Dedicated)?, sent(Level::Shared)?, summary))
    });
    match collected {
        Ok((in_place, rewritten, summary)) => {
            let mut facts = findings.finish(summary.statements, summary.deallocates);
            facts.in_place = in_place;
            facts.rewritten = rewritten;
            facts
        }
        Err(Malformed) => Facts::refused(malformed()),
    }
}

/// What a text inside the text says; of a function's body in SQL, with the function's name, as it may
/// call its parameters `function.parameter`. `None` where there are too many of them.
pub(super) fn inner(
    text: &str,
    function: Option<&str>,
    outer: &mut Findings,
) -> Option<Result<Findings, Denial>> {
    let mut findings = outer.nested(function)?;
    // The outer text was within the limit, and this one is a part of it.
    let collected = parse::tree(text, usize::MAX, &mut findings.tokens)
        .and_then(|tree| collect(&tree, text, &mut findings).map_err(|Malformed| malformed()));
    outer.tokens = findings.tokens;
    Some(collected.map(|_| findings))
}

/// Where each statement of a text stands in it, in bytes, as the parser says.
pub(super) fn spans(tree: &Tree, text: &str) -> Vec<Range<usize>> {
    tree.root().children(field::parse_result::STMTS).map(|raw| span(raw, text)).collect()
}

fn span(raw: Message<'_>, text: &str) -> Range<usize> {
    let number = |field| usize::try_from(raw.number(field)).unwrap_or(usize::MAX);
    let start = number(field::raw_stmt::STMT_LOCATION).min(text.len());
    // No length: to the end of the text.
    let end = match number(field::raw_stmt::STMT_LEN) {
        0 => text.len(),
        length => start.saturating_add(length).min(text.len()),
    };
    start..start + text.get(start..end).unwrap_or_default().trim_end().len()
}

fn malformed() -> Denial {
    Denial::new(&rules::UNPARSABLE, "the parse tree could not be read")
}

struct Summary {
    statements: u32,
    deallocates: Option<Deallocated>,
    /// Bytes of the text, and what is sent in their place.
    rewrites: Vec<(Range<usize>, Rewrite)>,
}

fn collect(tree: &Tree, text: &str, findings: &mut Findings) -> Result<Summary, Malformed> {
    let root = tree.root();
    let mut summary = Summary { statements: 0, deallocates: None, rewrites: Vec::new() };
    for field in root.fields() {
        field?;
    }
    let several = root.children(field::parse_result::STMTS).nth(1).is_some();
    for raw in root.children(field::parse_result::STMTS) {
        summary.statements += 1;
        let statement = raw.child(field::raw_stmt::STMT);
        if !statement.is_some_and(|statement| literals_are_values(statement.kind())) {
            findings.depends_on_literals();
        }
        let Some(statement) = statement else { continue };
        summary.rewrites.extend(rewrite::of_statement(statement).map(|sent| (span(raw, text), sent)));
        findings.role.add(statement);
        let calls_before = findings.notify_calls.len();
        let before = findings.effect_bits();
        if several {
            statements::not_alone(statement, findings);
        } else {
            summary.deallocates = statements::alone(statement, findings);
        }
        for visit in Walk::new(raw) {
            node(visit?, findings);
        }
        let calls = findings.notify_calls.split_off(calls_before);
        if rewrite::runs_now(statement.kind()) {
            summary.rewrites.extend(rewrite::of_calls(text, calls));
        }
        if statements::only_explains(statement) {
            findings.effects_since(before, &[Effect::Write, Effect::Sequence]);
        }
    }
    Ok(summary)
}

/// Statements in whose trees a literal is a constant, which only [`constants`] reads. In others strings and
/// numbers stand in plain fields, as the name of a channel or a language.
const fn literals_are_values(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::SelectStmt | Kind::InsertStmt | Kind::UpdateStmt | Kind::DeleteStmt | Kind::MergeStmt
    )
}

/// Shows one node to the rules that concern it.
fn node(visit: Visit<'_>, findings: &mut Findings) {
    let message = visit.message;
    if matches!(message.kind(), Kind::RangeVar | Kind::AExpr | Kind::TypeName) {
        findings.reads();
    }
    match message.kind() {
        Kind::AConst | Kind::Integer | Kind::ParamRef | Kind::AStar => return,
        Kind::String => {
            if visit.parent == Kind::RawStmt {
                findings.refuse(&rules::UNKNOWN_STATEMENT, "this kind of statement is not known");
            }
            return;
        }
        Kind::RangeVar => relation(message, findings),
        Kind::ColumnRef => column(message, findings),
        Kind::TypeName => type_name(message, findings),
        Kind::FuncCall => functions::call(message, findings),
        Kind::TypeCast => references::cast(message, findings),
        Kind::AExpr => references::comparison(message, findings),
        Kind::DefElem => option(message, findings),
        Kind::List => {
            if !is_read_elsewhere(visit.parent, visit.field) {
                findings.qualified(&constants::parts(message.children(field::list::ITEMS)));
            }
            return;
        }
        // Words of the PostgreSQL 18 grammar that a server of 13 to 15 takes for names of functions.
        Kind::JsonObjectConstructor
        | Kind::JsonArrayConstructor
        | Kind::JsonParseExpr
        | Kind::JsonScalarExpr
        | Kind::JsonSerializeExpr
        | Kind::JsonFuncExpr
        | Kind::JsonObjectAgg
        | Kind::JsonArrayAgg
        | Kind::MergeSupportFunc => findings.opaque(),
        _ => {}
    }
    statements::statement(visit, findings);
    if message.kind().has_lists() {
        name_lists(message, findings);
    }
}

/// Every list of strings is taken for a name in parts, unless it stands where it is known not to be
/// one: a place that nobody thought of is refused when it only looks like a foreign name.
fn name_lists(message: Message<'_>, findings: &mut Findings) {
    let mut number = 0;
    let mut first = None;
    let mut parts = Vec::new();
    for field in message.fields().map_while(Result::ok) {
        let Value::Message(Some(item)) = field.value else { continue };
        if field.number != number {
            findings.qualified(&parts);
            parts.clear();
            first = None;
            number = field.number;
        }
        if item.kind() == Kind::String && !is_read_elsewhere(message.kind(), number) {
            let part = item.text(field::string::SVAL);
            // Most names have one part, which is not worth an allocation.
            match first {
                None => first = Some(part),
                Some(first) if parts.is_empty() => parts.extend([first, part]),
                Some(_) => parts.push(part),
            }
        }
    }
    findings.qualified(&parts);
}

/// Lists of strings that are no names in parts (columns, labels, arguments), and those that need their
/// statement to be understood, which [`statements`] and the functions below do.
const fn is_read_elsewhere(kind: Kind, number: u32) -> bool {
    use field as f;
    match kind {
        Kind::Alias => number == f::alias::COLNAMES,
        Kind::JoinExpr => number == f::join_expr::USING_CLAUSE,
        Kind::ResTarget => number == f::res_target::INDIRECTION,
        Kind::AIndirection => number == f::a_indirection::INDIRECTION,
        Kind::CommonTableExpr => number == f::common_table_expr::ALIASCOLNAMES,
        Kind::CTESearchClause => number == f::ctesearch_clause::SEARCH_COL_LIST,
        Kind::CTECycleClause => number == f::ctecycle_clause::CYCLE_COL_LIST,
        Kind::CreateTrigStmt => number == f::create_trig_stmt::ARGS || number == f::create_trig_stmt::COLUMNS,
        Kind::Constraint => number != f::constraint::EXCLUSIONS,
        Kind::CreateEnumStmt => number == f::create_enum_stmt::VALS,
        Kind::AlterTSConfigurationStmt => number == f::alter_tsconfiguration_stmt::TOKENTYPE,
        Kind::AccessPriv => number == f::access_priv::COLS,
        Kind::CopyStmt => number == f::copy_stmt::ATTLIST,
        Kind::VacuumRelation => number == f::vacuum_relation::VA_COLS,
        Kind::CreateStatsStmt => number == f::create_stats_stmt::STAT_TYPES,
        Kind::ViewStmt => number == f::view_stmt::ALIASES,
        Kind::IntoClause => number == f::into_clause::COL_NAMES,
        Kind::ColumnRef => number == f::column_ref::FIELDS,
        Kind::TypeName => number == f::type_name::NAMES,
        Kind::DefElem => number == f::def_elem::ARG,
        Kind::DropStmt => number == f::drop_stmt::OBJECTS,
        Kind::GrantStmt => number == f::grant_stmt::OBJECTS,
        Kind::CommentStmt => number == f::comment_stmt::OBJECT,
        Kind::RenameStmt => number == f::rename_stmt::OBJECT,
        Kind::AlterObjectSchemaStmt => number == f::alter_object_schema_stmt::OBJECT,
        Kind::AlterOwnerStmt => number == f::alter_owner_stmt::OBJECT,
        Kind::AlterObjectDependsStmt => number == f::alter_object_depends_stmt::OBJECT,
        _ => false,
    }
}

fn relation(relation: Message<'_>, findings: &mut Findings) {
    use field::range_var as f;
    let database = relation.text(f::CATALOGNAME);
    if !database.is_empty() {
        findings.database(database);
    }
    let schema = relation.text(f::SCHEMANAME);
    if !schema.is_empty() {
        findings.schema(schema);
    }
    if matches!(schema, "" | "pg_catalog") {
        catalog(relation.text(f::RELNAME), findings);
    }
    if relation.text(f::RELPERSISTENCE) == "t" {
        findings.effect(Effect::Temporary);
    }
}

/// Catalogs that PostgreSQL opens to nobody, because they hold rows, passwords or what the server is made of.
/// It refuses them itself; at level `shared` the guard does not count on that.
const CLOSED_CATALOGS: &[&str] = &[
    "pg_authid",
    "pg_shadow",
    "pg_user_mapping",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_largeobject",
    "pg_config",
    "pg_file_settings",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_backend_memory_contexts",
    "pg_shmem_allocations",
    "pg_shmem_allocations_numa",
    "pg_aios",
    "pg_replication_origin_status",
];

/// A relation of this name without a schema, or with that of the system's catalogs.
fn catalog(name: &str, findings: &mut Findings) {
    if name == "pg_stat_activity" {
        findings.refuse_shared(&rules::OTHER_SESSIONS, "pg_stat_activity shows sessions of other tenants");
    } else if CLOSED_CATALOGS.contains(&name) {
        findings.refuse(&rules::SERVER_ADMINISTRATION, format!("{name} is for the operator"));
    }
}

/// `table.column` has no schema, `schema.table.column` has, and so has `schema.table.*`.
fn column(column: Message<'_>, findings: &mut Findings) {
    if column.children(field::column_ref::FIELDS).nth(2).is_none() {
        return;
    }
    let fields = column.children(field::column_ref::FIELDS).count();
    let names = constants::parts(column.children(field::column_ref::FIELDS));
    // `function.parameter.field`: if it is a table after all, FROM names that with its schema.
    let parameter = fields == 3 && names.first().copied() == findings.function.as_deref();
    if !parameter {
        findings.qualified(names.get(..fields - 1).unwrap_or(&names));
    }
}

fn type_name(name: Message<'_>, findings: &mut Findings) {
    let mut parts = constants::parts(name.children(field::type_name::NAMES));
    if name.flag(field::type_name::PCT_TYPE) {
        parts.pop();
    }
    findings.qualified(&parts);
}

/// `name = value` in a statement's options.
fn option(option: Message<'_>, findings: &mut Findings) {
    let Some(list) = option.child(field::def_elem::ARG).filter(|arg| arg.kind() == Kind::List) else {
        return;
    };
    let mut parts = constants::parts(list.children(field::list::ITEMS));
    match option.text(field::def_elem::DEFNAME) {
        // Columns of COPY; the text or the files of a function.
        "force_quote" | "force_not_null" | "force_null" | "as" => {}
        "schemas" => parts.iter().for_each(|schema| findings.schema(schema)),
        "owned_by" => {
            parts.pop();
            findings.qualified(&parts);
        }
        _ => findings.qualified(&parts),
    }
}
