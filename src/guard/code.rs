//! Statements that bring code of the tenant's own, or run it: at level `shared` that could change the role.

use pgtenant_sqltree::enums::ObjectType;
use pgtenant_sqltree::{Message, field};

use crate::guard::facts::Findings;
use crate::guard::{CodeSettings, Effect, constants, function_class, rules, statements};

/// At level `shared` without hardening, code of the tenant's own could change the role.
pub(super) fn brings(what: &str, findings: &mut Findings) {
    findings.refuse_unhardened(
        &rules::OPAQUE_CODE,
        format!("{what} could change the role of a shared server connection"),
    );
}

/// Aggregates and operators run functions; collations, text search objects and shell types do not.
pub(super) fn define(statement: Message<'_>, findings: &mut Findings) {
    match statements::enumeration(statement, field::define_stmt::KIND) {
        Some(
            ObjectType::ObjectCollation | ObjectType::ObjectTsconfiguration | ObjectType::ObjectTsdictionary,
        ) => {}
        Some(ObjectType::ObjectAggregate) => brings("aggregates", findings),
        Some(ObjectType::ObjectOperator) => brings("operators", findings),
        _ => brings("types", findings),
    }
}

/// A range type may have functions of its own.
pub(super) fn range(statement: Message<'_>, findings: &mut Findings) {
    let has_code = statement
        .children(field::create_range_stmt::PARAMS)
        .any(|option| matches!(option.text(field::def_elem::DEFNAME), "canonical" | "subtype_diff"));
    if has_code {
        brings("functions of range types", findings);
    }
}

/// A routine by its name in parts, which is run later.
pub(super) fn runs_routine<'t>(name: impl Iterator<Item = Message<'t>>, findings: &mut Findings) {
    let parts = constants::parts(name);
    match parts.split_last() {
        Some((_, [.., "pg_catalog" | "information_schema"])) | None => {}
        Some((name, [.., schema])) => findings.code(Some(schema), name),
        Some((name, [])) if function_class::of(name).is_none() => findings.code(None, name),
        Some(_) => {}
    }
}

/// Only PL/pgSQL can be made to run within the tenant's role, see [`definer_block`].
pub(super) fn do_block(statement: Message<'_>, findings: &mut Findings) {
    findings.opaque();
    findings.depends_on_literals();
    let mut left = CodeSettings::default();
    let bodies =
        statement.children(field::do_stmt::ARGS).filter_map(|option| option.child(field::def_elem::ARG));
    bodies.for_each(|body| left.read(body.text(field::string::SVAL)));
    left.names.iter().for_each(|name| findings.changes(name));
    if !left.names.is_empty() {
        findings.effect(Effect::Setting);
    }
    if left.others {
        findings.effect(Effect::UntrackedSetting);
    }
    if do_body(statement).is_none() {
        findings.refuse_shared(&rules::OPAQUE_CODE, "only DO blocks in PL/pgSQL are run at level shared");
    }
}

/// The body of a DO block in PL/pgSQL.
fn do_body(statement: Message<'_>) -> Option<&str> {
    let mut body = None;
    for option in statement.children(field::do_stmt::ARGS) {
        let text = option.child(field::def_elem::ARG)?.text(field::string::SVAL);
        match option.text(field::def_elem::DEFNAME) {
            "as" if body.is_none() => body = Some(text),
            "language" if text == "plpgsql" => {}
            _ => return None,
        }
    }
    body
}

/// CREATE SCHEMA IF NOT EXISTS of the tenant's own schema, which is there: the notice PostgreSQL would give.
/// It asks for the right to create schemas first, which no tenant has, and tools stop at that.
pub(super) fn schema_is_there(statement: Message<'_>) -> String {
    let name = statement.text(field::create_schema_stmt::SCHEMANAME);
    let tag = unused_tag(name, "do");
    let literal = name.replace('\'', "''");
    format!(
        "DO ${tag}$BEGIN RAISE NOTICE USING ERRCODE = 'duplicate_schema', \
         MESSAGE = 'schema \"{literal}\" already exists, skipping'; END${tag}$ LANGUAGE plpgsql"
    )
}

/// A DO block that stays in the tenant's role.
///
/// The role of a shared server connection can be changed by code, unless that runs within a function with
/// SECURITY DEFINER: PostgreSQL then refuses to. So a DO block is made one, of a DO block of ours.
pub(super) fn definer_block(statement: Message<'_>) -> Option<String> {
    let body = do_body(statement)?;
    let inner = unused_tag(body, "body");
    let outer = unused_tag(body, "do");
    Some(format!(
        "DO ${outer}$BEGIN \
         CREATE FUNCTION pg_temp.pgtenant_do() RETURNS pg_catalog.void LANGUAGE plpgsql SECURITY DEFINER \
         AS ${inner}${body}${inner}$; \
         PERFORM pg_temp.pgtenant_do(); \
         DROP FUNCTION pg_temp.pgtenant_do(); \
         END${outer}$ LANGUAGE plpgsql"
    ))
}

/// A tag for a dollar quote that the body does not contain, not even without its dollars.
fn unused_tag(body: &str, word: &str) -> String {
    let mut tag = format!("pgtenant_{word}");
    let mut number = 0_u32;
    while body.contains(&tag) {
        number += 1;
        tag = format!("pgtenant_{word}_{number}x");
    }
    tag
}
