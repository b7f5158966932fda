//! Strings that PostgreSQL reads as names: cast to `regclass` and its like, or given to functions.

use pgtenant_sqltree::{Kind, Message, field};

use crate::guard::facts::Findings;
use crate::guard::{Denial, constants, names, rules, walk};

/// How a string names something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// `[schema.]object`, by the rules of identifiers.
    Object,
    /// `[schema.]function(type, …)`.
    Signature,
    /// A type, in the grammar's words.
    Type,
    /// A schema, by the rules of identifiers.
    SchemaName,
    /// A schema, exactly as written.
    Schema,
    /// SQL that is run.
    Statement,
}

/// The types whose values are names, and how PostgreSQL reads them from a string.
fn of_type(name: &str) -> Option<Reference> {
    Some(match name {
        "regclass" | "regproc" | "regoper" | "regcollation" | "regconfig" | "regdictionary" => {
            Reference::Object
        }
        "regprocedure" | "regoperator" => Reference::Signature,
        "regtype" => Reference::Type,
        "regnamespace" => Reference::SchemaName,
        _ => return None,
    })
}

/// `regclass(text)` casts as well, and `regclassin(cstring)` does it below.
pub(super) fn of_type_function(name: &str) -> Option<Reference> {
    of_type(name).or_else(|| of_type(name.strip_suffix("in")?))
}

/// A string with this meaning stands in the text.
pub(super) fn note(reference: Reference, text: &str, findings: &mut Findings) {
    match reference {
        Reference::Object => object(text, findings),
        Reference::Signature => match names::signature(text) {
            Some((name, types)) => {
                object(name, findings);
                for name in types {
                    type_name(name, findings);
                }
            }
            None => object(text, findings),
        },
        Reference::Type => type_name(text, findings),
        Reference::SchemaName => {
            if let Some(parts) = names::split(text, '.') {
                parts.iter().for_each(|schema| findings.schema(schema));
            }
        }
        Reference::Schema => findings.schema(text),
        Reference::Statement => statement(text, findings),
    }
}

/// What cannot be split names nothing: PostgreSQL refuses it.
fn object(text: &str, findings: &mut Findings) {
    if let Some(parts) = names::split(text, '.') {
        findings.qualified(&parts);
    }
}

/// Lets the grammar read the type. What is not in it names nothing: PostgreSQL refuses it. What is only
/// too much for us may name anything.
fn type_name(text: &str, findings: &mut Findings) {
    if !text.contains('.') && !text.contains('(') {
        return;
    }
    match walk::inner(&format!("SELECT NULL::{text}"), None, findings) {
        Some(Ok(inner)) => findings.merge(inner, false),
        Some(Err(denial)) if denial.rule == &rules::UNPARSABLE => {}
        Some(Err(denial)) => findings.deny(denial),
        None => too_many(findings),
    }
}

fn statement(text: &str, findings: &mut Findings) {
    match walk::inner(text, None, findings) {
        Some(Ok(inner)) => findings.merge(inner, true),
        // A position would count from the beginning of the inner text.
        Some(Err(denial)) => findings.deny(Denial { position: None, ..denial }),
        None => too_many(findings),
    }
}

/// The body of a function in SQL, which does not run now.
pub(super) fn body(text: &str, function: &str, findings: &mut Findings) {
    match walk::inner(text, Some(function), findings) {
        Some(Ok(inner)) => findings.merge(inner, false),
        Some(Err(mut denial)) => {
            denial.message = format!("in the function's body: {}", denial.message);
            denial.position = None;
            findings.deny(denial);
        }
        None => too_many(findings),
    }
}

fn too_many(findings: &mut Findings) {
    findings.refuse(&rules::TOO_COMPLEX, "too much SQL inside strings, or nested too deep");
}

/// `'…'::regclass` and the like, also for arrays of them.
pub(super) fn cast(cast: Message<'_>, findings: &mut Findings) {
    let Some((reference, array)) = target(cast) else { return };
    let Some(argument) = cast.child(field::type_cast::ARG) else { return };
    note_all(reference, array, argument, findings);
}

/// `x::regclass = '…'`: the string becomes a regclass too.
pub(super) fn comparison(expression: Message<'_>, findings: &mut Findings) {
    let left = expression.child(field::a_expr::LEXPR);
    let right = expression.child(field::a_expr::REXPR);
    for (side, other) in [(left, right), (right, left)] {
        if let (Some(side), Some(other)) = (side, other)
            && side.kind() == Kind::TypeCast
            && let Some((reference, _)) = target(side)
        {
            note_all(reference, true, other, findings);
        }
    }
}

fn note_all(reference: Reference, array: bool, expression: Message<'_>, findings: &mut Findings) {
    for text in constants::strings(expression, findings) {
        if array && text.trim_start().starts_with('{') {
            for element in names::array_elements(&text) {
                note(reference, &element, findings);
            }
        } else {
            note(reference, &text, findings);
        }
    }
}

/// What the cast's type makes of a string, and whether it is an array of it.
fn target(cast: Message<'_>) -> Option<(Reference, bool)> {
    let target = cast.child(field::type_cast::TYPE_NAME)?;
    let parts = constants::parts(target.children(field::type_name::NAMES));
    let name = match parts.as_slice() {
        [name] | ["pg_catalog", name] => *name,
        _ => return None,
    };
    let array = target.children(field::type_name::ARRAY_BOUNDS).next().is_some();
    of_type(name)
        .map(|reference| (reference, array))
        .or_else(|| Some((of_type(name.strip_prefix('_')?)?, true)))
}
