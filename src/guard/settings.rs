//! Settings: SET, `set_config`, function clauses and the startup packet, all by the same rules.

use std::borrow::Cow;

use pgtenant_sqltree::enums::VariableSetKind;
use pgtenant_sqltree::{Kind, Message, field};

use crate::guard::facts::Findings;
use crate::guard::{Effect, constants, names, rules};

/// The settings with rules of their own. Their names ignore the case of ASCII letters, quoted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    Role,
    SearchPath,
    ClientEncoding,
    StandardConformingStrings,
    Other,
}

impl Setting {
    fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "role" | "session_authorization" => Self::Role,
            "search_path" => Self::SearchPath,
            "client_encoding" => Self::ClientEncoding,
            "standard_conforming_strings" => Self::StandardConformingStrings,
            _ => Self::Other,
        }
    }
}

/// A SET or RESET, as a statement of its own or as a clause of a function.
pub(super) fn statement(set: Message<'_>, parent: Kind, findings: &mut Findings) {
    use field::variable_set_stmt as f;
    let name = set.text(f::NAME);
    let kind = i32::try_from(set.number(f::KIND)).ok().and_then(|kind| VariableSetKind::try_from(kind).ok());
    let at_top = parent == Kind::RawStmt;
    match kind {
        Some(VariableSetKind::VarSetValue) => {
            let values: Option<Vec<_>> =
                set.children(f::ARGS).map(|value| constant(value, findings)).collect();
            assign(name, values.as_deref(), at_top, findings);
        }
        Some(VariableSetKind::VarSetCurrent) if Setting::named(name) == Setting::Role => {
            refuse_role(name, findings);
        }
        Some(
            VariableSetKind::VarSetDefault
            | VariableSetKind::VarSetCurrent
            | VariableSetKind::VarSetMulti
            | VariableSetKind::VarReset
            | VariableSetKind::VarResetAll,
        ) => {}
        Some(VariableSetKind::Undefined) | None => {
            findings.refuse(&rules::UNKNOWN_STATEMENT, "this form of SET is not known");
        }
    }
    let transaction = kind == Some(VariableSetKind::VarSetMulti) && name.starts_with("TRANSACTION");
    if at_top && !transaction && !set.flag(f::IS_LOCAL) {
        findings.effect(match kind {
            Some(VariableSetKind::VarReset | VariableSetKind::VarSetDefault) => Effect::ResetSetting,
            Some(VariableSetKind::VarResetAll) => Effect::ResetAll,
            _ => Effect::Setting,
        });
    }
}

/// An argument of SET: a word, a string or a number.
fn constant<'t>(value: Message<'t>, findings: &Findings) -> Option<Cow<'t, str>> {
    findings.depends_on_literals();
    use field::a_const as f;
    if value.kind() == Kind::AConst {
        if let Some(number) = value.child(f::IVAL) {
            return Some(Cow::Owned(number.number(field::integer::IVAL).to_string()));
        }
        if let Some(number) = value.child(f::FVAL) {
            return Some(Cow::Borrowed(number.text(field::float::FVAL)));
        }
    }
    constants::string(value, findings)
}

/// A call of `set_config(name, value, is_local)`.
pub(super) fn set_config(call: Message<'_>, findings: &mut Findings) {
    let arguments: Vec<_> = call.children(field::func_call::ARGS).collect();
    let positional = arguments.len() == 3
        && !call.flag(field::func_call::FUNC_VARIADIC)
        && arguments.iter().all(|argument| argument.kind() != Kind::NamedArgExpr);
    if !positional {
        // Which argument is the name is not known: any of them might be.
        for argument in arguments {
            let Some(name) = constants::string(argument, findings) else { continue };
            if Setting::named(&name) != Setting::Other {
                assign(&name, None, true, findings);
            }
        }
        findings.effect(Effect::Setting);
        findings.opaque();
        return;
    }
    let value = constants::string(arguments[1], findings);
    match constants::string(arguments[0], findings) {
        Some(name) if Setting::named(&name) == Setting::SearchPath => match value {
            Some(list) => path_text(&list, findings),
            None => findings.opaque(),
        },
        Some(name) => {
            let values = value.map(|value| [value]);
            assign(&name, values.as_ref().map(<[_; 1]>::as_slice), true, findings);
        }
        None => {
            findings.effect(Effect::Setting);
            findings.opaque();
        }
    }
    if !constants::is_true(arguments[2]) {
        findings.effect(Effect::Setting);
    }
}

/// A setting in the startup packet: its text is what would stand in the configuration file.
pub(super) fn startup(name: &str, value: &str, findings: &mut Findings) {
    if Setting::named(name) == Setting::SearchPath {
        path_text(value, findings);
    } else {
        assign(name, Some(&[Cow::Borrowed(value)]), true, findings);
    }
}

/// `name` gets `values`; `None` are values that do not stand in the text.
fn assign(name: &str, values: Option<&[Cow<'_, str>]>, takes_effect: bool, findings: &mut Findings) {
    let value = match values {
        Some([value]) => Some(value.as_ref()),
        _ => None,
    };
    match Setting::named(name) {
        Setting::Role if value != Some("none") => refuse_role(name, findings),
        Setting::SearchPath => match values {
            Some(entries) => path(entries, takes_effect, findings),
            None => findings.opaque(),
        },
        Setting::ClientEncoding if !value.is_some_and(is_utf8) => {
            findings.refuse(&rules::FIXED_SETTING, "client_encoding stays UTF8");
        }
        Setting::StandardConformingStrings if !value.is_some_and(is_on) => {
            findings.refuse(&rules::FIXED_SETTING, "standard_conforming_strings stays on");
        }
        _ => {}
    }
}

fn refuse_role(name: &str, findings: &mut Findings) {
    let name = name.to_ascii_lowercase();
    findings.refuse(&rules::ROLE_CHANGE, format!("parameter \"{name}\" cannot be changed in this session"));
}

/// A search_path as text. PostgreSQL refuses one that it cannot split.
fn path_text(list: &str, findings: &mut Findings) {
    if let Some(entries) = names::split(list, ',') {
        path(&entries, true, findings);
    }
}

fn path(entries: &[Cow<'_, str>], takes_effect: bool, findings: &mut Findings) {
    for entry in entries {
        findings.path_entry(names::truncate(entry));
    }
    // New tables go to the first schema that exists: pg_temp in front makes them temporary, unsaid.
    let first = entries.iter().find(|entry| !matches!(entry.as_ref(), "" | "$user"));
    if takes_effect && first.is_some_and(|first| names::truncate(first) == "pg_temp") {
        findings.effect(Effect::Temporary);
    }
}

/// Names of UTF8 as `pg_char_to_encoding` takes them: only letters and digits count.
fn is_utf8(value: &str) -> bool {
    let clean: String =
        value.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    matches!(clean.as_str(), "utf8" | "unicode")
}

/// Spellings of true as `parse_bool` takes them.
fn is_on(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    matches!(value.as_str(), "on" | "1" | "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes")
}
