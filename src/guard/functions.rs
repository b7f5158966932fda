//! Functions by name: what a call does to the session, and which of its strings name objects.

use std::collections::HashSet;
use std::sync::LazyLock;

use pgtenant_sqltree::{Kind, Message, field};

use crate::guard::facts::Findings;
use crate::guard::references::{self, Reference};
use crate::guard::{Effect, constants, names, rules, settings};

/// Functions of pg_catalog that leave no session state, one a line.
static HARMLESS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("harmless_functions.txt").lines().filter(|line| !line.starts_with('#')).collect()
});

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
    "pg_clear_relation_stats",
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
    let schema = qualifier.last().copied().unwrap_or("pg_catalog");
    strings(name, call, findings);
    if name.starts_with("dblink") {
        findings.effect(Effect::Unclean);
        findings.opaque();
    } else if schema == "pg_catalog" {
        effects(name, call, findings);
    } else if schema != "information_schema" {
        findings.opaque();
    }
}

fn effects(name: &str, call: Message<'_>, findings: &mut Findings) {
    match name {
        "set_config" => settings::set_config(call, findings),
        "currval" | "lastval" => findings.effect(Effect::Sequence),
        "nextval" | "setval" => {
            findings.effect(Effect::Sequence);
            findings.effect(Effect::Write);
        }
        "pg_notify" => findings.refuse(&rules::NOTIFY, "pg_notify is not supported yet"),
        _ if is_session_lock(name) => findings.effect(Effect::AdvisoryLock),
        _ if is_file_function(name) => {
            findings.refuse(&rules::SERVER_FILES, format!("function {name} reaches files of the server"));
        }
        _ if HARMLESS.contains(name) || name.starts_with("pg_advisory_unlock") => {}
        _ => findings.opaque(),
    }
}

/// The session-level ones; those with `xact` in their names end with the transaction. Releasing one
/// leaves nothing: who took it did.
fn is_session_lock(name: &str) -> bool {
    ["pg_advisory_lock", "pg_try_advisory_lock"].iter().any(|prefix| name.starts_with(prefix))
}

fn is_file_function(name: &str) -> bool {
    matches!(name, "lo_import" | "lo_export" | "pg_stat_file" | "pg_current_logfile" | "pg_logdir_ls")
        || ["pg_read_file", "pg_read_binary_file", "pg_ls_", "pg_file_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Hands on the strings of a call that name objects, whichever schema the function is in: extensions
/// with such functions are often installed in a shared one.
fn strings(name: &str, call: Message<'_>, findings: &mut Findings) {
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
            for text in constants::strings(argument, findings) {
                references::note(reference, &text, findings);
            }
        }
    }
    if name == "pg_get_object_address" {
        address(&arguments, findings);
    }
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
