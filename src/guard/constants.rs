//! Strings that stand in the text, also in casts and put together with `||`.

use std::borrow::Cow;

use pgtenant_sqltree::{Kind, Message, field};

use crate::guard::facts::Findings;

/// How many operators and casts are looked through; more is no constant to us.
const MAX_DEPTH: u32 = 16;

/// The string an expression is, if that stands in the text. The findings then hold for this literal only.
pub(super) fn string<'t>(expression: Message<'t>, findings: &Findings) -> Option<Cow<'t, str>> {
    findings.depends_on_literals();
    evaluate(expression, MAX_DEPTH)
}

fn evaluate(expression: Message<'_>, depth: u32) -> Option<Cow<'_, str>> {
    let depth = depth.checked_sub(1)?;
    match expression.kind() {
        Kind::AConst => {
            expression.child(field::a_const::SVAL).map(|value| Cow::Borrowed(value.text(field::string::SVAL)))
        }
        Kind::TypeCast => evaluate(expression.child(field::type_cast::ARG)?, depth),
        Kind::CollateClause => evaluate(expression.child(field::collate_clause::ARG)?, depth),
        Kind::NamedArgExpr => evaluate(expression.child(field::named_arg_expr::ARG)?, depth),
        Kind::AExpr if is_concatenation(expression) => {
            let left = evaluate(expression.child(field::a_expr::LEXPR)?, depth)?;
            let right = evaluate(expression.child(field::a_expr::REXPR)?, depth)?;
            Some(left + right)
        }
        _ => None,
    }
}

/// Whether the server takes it for the very string that stands there. A cast may change it (`'a\\047'::bytea::text`,
/// `'pg_stat_activityx'::varchar(16)`), and so may an operator `||` of the tenant's, or its own type `text`.
pub(super) fn is_plain(expression: Message<'_>) -> bool {
    match expression.kind() {
        Kind::AConst => expression.child(field::a_const::SVAL).is_some(),
        Kind::NamedArgExpr => expression.child(field::named_arg_expr::ARG).is_some_and(is_plain),
        Kind::TypeCast => {
            let (argument, target) =
                (expression.child(field::type_cast::ARG), expression.child(field::type_cast::TYPE_NAME));
            let is_text = |target: Message<'_>| {
                parts(target.children(field::type_name::NAMES)) == ["pg_catalog", "text"]
                    && target.children(field::type_name::ARRAY_BOUNDS).next().is_none()
            };
            argument.is_some_and(|argument| argument.kind() == Kind::AConst && is_plain(argument))
                && target.is_some_and(is_text)
        }
        _ => false,
    }
}

fn is_concatenation(expression: Message<'_>) -> bool {
    last_part(expression.children(field::a_expr::NAME)) == "||"
}

/// All strings of an expression that is a string, or a list or array of strings.
pub(super) fn strings<'t>(expression: Message<'t>, findings: &Findings) -> Vec<Cow<'t, str>> {
    findings.depends_on_literals();
    let string = |expression| evaluate(expression, MAX_DEPTH);
    match expression.kind() {
        Kind::List => expression.children(field::list::ITEMS).filter_map(string).collect(),
        Kind::AArrayExpr => expression.children(field::a_array_expr::ELEMENTS).flat_map(array_item).collect(),
        Kind::TypeCast => match expression.child(field::type_cast::ARG) {
            Some(array) if array.kind() == Kind::AArrayExpr => strings_of_array(array),
            _ => string(expression).into_iter().collect(),
        },
        _ => string(expression).into_iter().collect(),
    }
}

fn strings_of_array(array: Message<'_>) -> Vec<Cow<'_, str>> {
    array.children(field::a_array_expr::ELEMENTS).flat_map(array_item).collect()
}

/// One element; of an inner array, its elements one level down.
fn array_item(element: Message<'_>) -> Vec<Cow<'_, str>> {
    let string = |expression| evaluate(expression, MAX_DEPTH);
    if element.kind() == Kind::AArrayExpr {
        return element.children(field::a_array_expr::ELEMENTS).filter_map(string).collect();
    }
    string(element).into_iter().collect()
}

/// Whether it is the constant `true`.
pub(super) fn is_true(expression: Message<'_>) -> bool {
    expression
        .child(field::a_const::BOOLVAL)
        .filter(|_| expression.kind() == Kind::AConst)
        .is_some_and(|value| value.flag(field::boolean::BOOLVAL))
}

/// The strings of a list of `String` nodes, as in names of several parts.
pub(super) fn parts<'t>(list: impl Iterator<Item = Message<'t>>) -> Vec<&'t str> {
    list.filter(|part| part.kind() == Kind::String).map(|part| part.text(field::string::SVAL)).collect()
}

/// The last part of a name.
pub(super) fn last_part<'t>(list: impl Iterator<Item = Message<'t>>) -> &'t str {
    list.filter(|part| part.kind() == Kind::String).last().map_or("", |part| part.text(field::string::SVAL))
}
