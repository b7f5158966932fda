//! Functions by name: what a call does to the session, and which of its strings name objects.

use pgtenant_sqltree::{Kind, Message, field};

use crate::guard::facts::Findings;
use crate::guard::function_class::{self, Class};
use crate::guard::references::{self, Reference};
use crate::guard::{Effect, constants, names, rules, settings};

/// Functions whose first argument is a relation, as regclass or as text.
const OF_A_RELATION: &[&str] = &[
    "nextval",
    "currval",
    "setval",
    "to_regclass",
    "pg_relation_size",
    "pg_table_size",
    "pg_indexes_size",
    "pg_total_relation_size",
    "pg_relation_filenode",
    "pg_relation_filepath",
    "pg_get_serial_sequence",
    "pg_get_viewdef",
    "pg_sequence_last_value",
    "pg_get_sequence_data",
    "pg_partition_root",
    "pg_partition_tree",
    "pg_partition_ancestors",
    "pg_column_is_updatable",
    "pg_relation_is_updatable",
    "pg_index_column_has_property",
    "pg_index_has_property",
    "row_security_active",
    "currtid2",
    "brin_summarize_new_values",
    "brin_summarize_range",
    "brin_desummarize_range",
    "gin_clean_pending_list",
    "pg_extension_config_dump",
    "table_to_xml",
    "table_to_xmlschema",
    "table_to_xml_and_xmlschema",
    "pg_prewarm",
    "pg_freespace",
    "pgstattuple",
    "pgstattuple_approx",
    "pgstatindex",
    "pgstatginindex",
    "pgstathashindex",
    "pg_relpages",
    "pg_visibility",
    "pg_visibility_map",
    "pg_visibility_map_summary",
    "pg_check_frozen",
    "pg_check_visible",
    "bt_index_check",
    "bt_index_parent_check",
    "verify_heapam",
    "get_raw_page",
    "connectby",
];

/// Where a call has the string.
#[derive(Clone, Copy, Debug)]
enum Position {
    /// Counted from the first argument.
    First(usize),
    /// Counted from the last one, which is 1.
    Last(usize),
    /// The first of exactly two.
    FirstOfTwo,
    /// The second of exactly two.
    SecondOfTwo,
}

/// A call of a function.
pub(super) fn call(call: Message<'_>, findings: &mut Findings) {
    let parts = constants::parts(call.children(field::func_call::FUNCNAME));
    let Some((&name, qualifier)) = parts.split_last() else { return };
    strings(name, call, findings);
    match qualifier.last() {
        Some(&"information_schema") => {}
        None | Some(&"pg_catalog") => match function_class::of(name) {
            Some(class) => built_in(class, name, call, findings),
            None => {
                findings.opaque();
                findings.code(None, name);
            }
        },
        Some(&schema) => {
            findings.opaque();
            findings.code(Some(schema), name);
        }
    }
    of_an_extension(name, findings);
}

/// A function of PostgreSQL; a tenant's own of that name and other argument types may be meant as well,
/// where its schema is searched.
fn built_in(class: Class, name: &str, call: Message<'_>, findings: &mut Findings) {
    match class {
        // The only harmless one that ends something.
        Class::Harmless if name == "pg_advisory_unlock_all" => findings.effect(Effect::Releases),
        Class::Harmless | Class::Text => {}
        Class::Setting => settings::set_config(call, findings),
        Class::SequenceState => findings.effect(Effect::ReadsSequence),
        Class::Sequence => {
            findings.effect(Effect::Sequence);
            findings.effect(Effect::Write);
        }
        Class::Notify => notify(call, findings),
        Class::SessionLock => {
            findings.effect(Effect::AdvisoryLock);
            refuse_lock(findings);
        }
        Class::Unlock => {
            findings.effect(Effect::Releases);
            refuse_lock(findings);
        }
        Class::TransactionLock => refuse_lock(findings),
        Class::State => findings.opaque(),
        Class::WholeDatabase => {
            findings
                .refuse(&rules::CROSS_SCHEMA, format!("function {name} reads the schemas of all tenants"));
        }
        Class::OtherSessions => {
            findings.opaque();
            refuse_sessions(name, findings);
        }
        Class::Activity => refuse_sessions(name, findings),
        Class::LargeObject => {
            findings.opaque();
            large_object(findings);
        }
        Class::File => {
            findings.refuse(&rules::SERVER_FILES, format!("function {name} reaches files of the server"));
        }
        Class::Administration => {
            findings.refuse(&rules::SERVER_ADMINISTRATION, format!("function {name} is for the operator"));
        }
    }
}

/// At level `shared` only the hardening adds the tenant to the channel.
fn notify(call: Message<'_>, findings: &mut Findings) {
    findings.effect(Effect::Notify);
    findings.refuse_unhardened(&rules::NOTIFY, "channels of pg_notify are common to all tenants");
    findings.refuse_read_only("pg_notify is not available in a read-only session");
    if let (true, Ok(at)) =
        (findings.is_outermost(), usize::try_from(call.number(field::func_call::LOCATION)))
    {
        // Another text is sent in the place of this one.
        findings.depends_on_literals();
        findings.notify_calls.push(at);
    }
}

fn refuse_lock(findings: &mut Findings) {
    findings.refuse_unhardened(
        &rules::ADVISORY_LOCK,
        "advisory locks are common to all tenants of this database",
    );
}

fn refuse_sessions(name: &str, findings: &mut Findings) {
    findings
        .refuse_shared(&rules::OTHER_SESSIONS, format!("function {name} reaches sessions of other tenants"));
}

/// A statement reaches large objects.
pub(super) fn large_object(findings: &mut Findings) {
    findings.refuse_shared(&rules::LARGE_OBJECT, "large objects are not available at level shared");
    findings.refuse_read_only("large objects are not available in a read-only session");
}

/// Functions of PostgreSQL's own extensions, whichever schema they were put in.
fn of_an_extension(name: &str, findings: &mut Findings) {
    if name.starts_with("dblink") {
        findings.effect(Effect::Unclean);
        findings.opaque();
    }
    // Of set_user. Its other functions have names that an application may have given its own.
    if name == "set_session_auth" {
        findings.refuse(&rules::ROLE_CHANGE, format!("function {name} makes the session another role's"));
    }
    if name.starts_with("dblink") || name == "xpath_table" {
        let message = format!("function {name} runs SQL text out of the guard's sight");
        findings.refuse_shared(&rules::OPAQUE_CODE, message);
    }
}

/// Hands on the strings of a call that name objects, whichever schema the function is in: extensions
/// with such functions are often installed in a shared one.
fn strings(name: &str, call: Message<'_>, findings: &mut Findings) {
    if matches!(name, "pg_restore_relation_stats" | "pg_restore_attribute_stats") {
        return statistics(&call.children(field::func_call::ARGS).collect::<Vec<_>>(), findings);
    }
    let Some((position, reference)) = named_argument(name) else { return };
    let arguments: Vec<_> = call.children(field::func_call::ARGS).collect();
    let named = arguments.iter().any(|argument| argument.kind() == Kind::NamedArgExpr);
    let at = match position {
        Position::First(at) => Some(at),
        Position::Last(from_end) => arguments.len().checked_sub(from_end),
        Position::FirstOfTwo => (arguments.len() == 2).then_some(0),
        Position::SecondOfTwo => (arguments.len() == 2).then_some(1),
    };
    for (index, &argument) in arguments.iter().enumerate() {
        if named || Some(index) == at {
            let texts = constants::strings(argument, findings);
            if !constants::is_plain(argument) && reads_by_name(name) {
                findings.refuse_unhardened(
                    &rules::OPAQUE_CODE,
                    format!("function {name} is given a text that is put together at run time"),
                );
            }
            for text in texts {
                references::note(reference, &text, findings);
            }
        }
    }
    if name == "pg_get_object_address" {
        address(&arguments, findings);
    }
}

/// `pg_restore_relation_stats('schemaname', 'x', …)`: names and values in turn.
fn statistics(arguments: &[Message<'_>], findings: &mut Findings) {
    for pair in arguments.chunks_exact(2) {
        if constants::string(pair[0], findings).is_some_and(|name| name == "schemaname")
            && let Some(schema) = constants::string(pair[1], findings)
        {
            findings.schema(&schema);
        }
    }
}

/// Whether it runs the text it is given, or reads the relation that it names.
fn reads_by_name(name: &str) -> bool {
    function_class::of(name) == Some(Class::Text) || name.starts_with("crosstab") || name == "connectby"
}

/// `pg_get_object_address(type, names, arguments)`: the first of several names is a schema.
fn address(arguments: &[Message<'_>], findings: &mut Findings) {
    let Some(&argument) = arguments.get(1) else { return };
    let mut parts: Vec<String> = constants::strings(argument, findings).into_iter().map(Into::into).collect();
    if let [literal] = parts.as_slice()
        && literal.trim_start().starts_with('{')
    {
        parts = names::array_elements(literal);
    }
    if let [schema, _, ..] = parts.as_slice() {
        findings.schema(schema);
    }
}

/// Which argument of a function names something.
fn named_argument(name: &str) -> Option<(Position, Reference)> {
    use Position::{First, FirstOfTwo, Last, SecondOfTwo};
    Some(match name {
        _ if OF_A_RELATION.contains(&name) => (First(0), Reference::Object),
        "has_table_privilege" | "has_any_column_privilege" | "has_sequence_privilege" => {
            (Last(2), Reference::Object)
        }
        "has_column_privilege" => (Last(3), Reference::Object),
        "has_function_privilege" => (Last(2), Reference::Signature),
        "has_type_privilege" => (Last(2), Reference::Type),
        // pg_clear_relation_stats(schema, table), pg_clear_attribute_stats(schema, table, column, inherited)
        "pg_clear_relation_stats" | "pg_clear_attribute_stats" => (First(0), Reference::Schema),
        "has_schema_privilege" => (Last(2), Reference::Schema),
        "schema_to_xml" | "schema_to_xmlschema" | "schema_to_xml_and_xmlschema" => {
            (First(0), Reference::Schema)
        }
        "to_regnamespace" => (First(0), Reference::SchemaName),
        "to_regproc" | "to_regoper" | "to_regcollation" => (First(0), Reference::Object),
        "to_regprocedure" | "to_regoperator" => (First(0), Reference::Signature),
        "to_regtype" | "to_regtypemod" => (First(0), Reference::Type),
        "to_tsvector"
        | "to_tsquery"
        | "plainto_tsquery"
        | "phraseto_tsquery"
        | "websearch_to_tsquery"
        | "ts_lexize" => (FirstOfTwo, Reference::Object),
        "query_to_xml"
        | "query_to_xmlschema"
        | "query_to_xml_and_xmlschema"
        | "ts_stat"
        | "crosstab"
        | "crosstab2"
        | "crosstab3"
        | "crosstab4"
        | "crosstabn" => (First(0), Reference::Statement),
        "ts_rewrite" => (SecondOfTwo, Reference::Statement),
        "pg_get_object_address" => (First(usize::MAX), Reference::Object),
        _ => (First(0), references::of_type_function(name)?),
    })
}
