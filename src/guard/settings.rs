//! Settings: SET, `set_config`, function clauses and the startup packet, all by the same rules.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use pgtenant_sqltree::enums::VariableSetKind;
use pgtenant_sqltree::{Kind, Message, field};

use crate::guard::facts::Findings;
use crate::guard::{Effect, constants, names, rules};

/// Settings a tenant may change, one a line.
static ALLOWED: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| lines(include_str!("settings_allowed.txt")).collect());

/// What stands before the dot in names of settings that are not an application's own.
static PREFIXES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| lines(include_str!("settings_prefixes.txt")).collect());

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What there is to say about a setting by its name, which ignores the case of ASCII letters, quoted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    /// role, session_authorization.
    Role,
    SearchPath,
    ClientEncoding,
    StandardConformingStrings,
    /// default_text_search_config: its value is a name.
    TextSearchConfig,
    Seed,
    /// Holds for a transaction, which gives it a value when it begins.
    Transaction,
    /// The same of `transaction_read_only`.
    ReadOnly,
    /// Any other that a tenant may change.
    Free,
    /// Not known to be a tenant's own business: only the operator's word lets it pass.
    Unlisted,
}

impl Setting {
    fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "role" | "session_authorization" => Self::Role,
            "search_path" => Self::SearchPath,
            "client_encoding" => Self::ClientEncoding,
            "standard_conforming_strings" => Self::StandardConformingStrings,
            "default_text_search_config" => Self::TextSearchConfig,
            "seed" => Self::Seed,
            "transaction_isolation" | "transaction_deferrable" => Self::Transaction,
            "transaction_read_only" => Self::ReadOnly,
            name if ALLOWED.contains(name) || is_custom(name) => Self::Free,
            _ => Self::Unlisted,
        }
    }
}

/// Whether a name, in lower case, is one that an application made up: it has a dot, and no extension or
/// product known to have settings stands before it.
///
/// PostgreSQL 13 takes any such name and stores that of a function's clause as `name=value`, to be split at
/// the first `=` and with `_` for `-` when the function is called: there `SET "role=a.b"` becomes a role
/// change. Later versions refuse both signs, 13 lives with the dash.
fn is_custom(name: &str) -> bool {
    name.split_once('.').is_some_and(|(prefix, _)| {
        !name.contains('=') && !PREFIXES.contains(prefix.replace('-', "_").as_str())
    })
}

/// A SET or RESET, as a statement of its own, as a clause of a function, or of a role.
pub(super) fn statement(set: Message<'_>, parent: Kind, findings: &mut Findings) {
    use field::variable_set_stmt as f;
    // Refused as statements, and by PostgreSQL, whatever they set. A role may alter its own settings.
    if matches!(parent, Kind::AlterSystemStmt | Kind::AlterDatabaseSetStmt) {
        return;
    }
    let name = set.text(f::NAME);
    let kind = i32::try_from(set.number(f::KIND)).ok().and_then(|kind| VariableSetKind::try_from(kind).ok());
    let at_top = parent == Kind::RawStmt;
    let is_clause = parent == Kind::DefElem;
    if let (true, Some(role)) = (at_top, role_of(set)) {
        // What is sent is SET ROLE NONE, which changes nothing.
        findings.depends_on_literals();
        findings.own_role(&role);
        return refuse_role_at_shared(name, findings);
    }
    match kind {
        Some(VariableSetKind::VarSetValue) => {
            let values: Option<Vec<_>> =
                set.children(f::ARGS).map(|value| constant(value, findings)).collect();
            assign(name, values.as_deref(), at_top, findings);
        }
        Some(VariableSetKind::VarSetCurrent) => from_current(name, findings),
        Some(VariableSetKind::VarSetMulti) => several(set, findings),
        // A clause of a function that it takes away leaves less than there was.
        Some(VariableSetKind::VarSetDefault | VariableSetKind::VarReset) if !is_clause => {
            reset(name, findings);
        }
        Some(VariableSetKind::VarSetDefault | VariableSetKind::VarReset | VariableSetKind::VarResetAll) => {}
        Some(VariableSetKind::Undefined) | None => unknown_form(findings),
    }
    let transaction = kind == Some(VariableSetKind::VarSetMulti) && name.starts_with("TRANSACTION");
    if at_top && !transaction && !set.flag(f::IS_LOCAL) {
        for_the_session(set, kind, findings);
    }
}

/// The role that a SET ROLE names. Flyway sends one with the role it has, to be sure of it.
fn role_of(set: Message<'_>) -> Option<Cow<'_, str>> {
    use field::variable_set_stmt as f;
    let kind = i32::try_from(set.number(f::KIND)).ok().and_then(|kind| VariableSetKind::try_from(kind).ok());
    let mut values = set.children(f::ARGS);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let is_role =
        kind == Some(VariableSetKind::VarSetValue) && set.text(f::NAME).eq_ignore_ascii_case("role");
    let role = constants::string(value, &Findings::default()).filter(|_| is_role)?;
    (role != "none" && value.kind() == Kind::AConst).then_some(role)
}

/// What is sent in the place of a SET ROLE of the tenant's own role: the connection is logged in as that.
pub(super) fn role_in_place(set: Message<'_>) -> Option<&'static str> {
    role_of(set)?;
    let local = set.flag(field::variable_set_stmt::IS_LOCAL);
    Some(if local { "SET LOCAL ROLE NONE" } else { "SET ROLE NONE" })
}

/// A statement that changes settings beyond the transaction.
fn for_the_session(set: Message<'_>, kind: Option<VariableSetKind>, findings: &mut Findings) {
    use field::variable_set_stmt as f;
    let name = set.text(f::NAME);
    match kind {
        Some(VariableSetKind::VarReset | VariableSetKind::VarSetDefault) => {
            findings.effect(Effect::ResetSetting);
            if !is_of_the_connection(&name.to_ascii_lowercase()) {
                changes(name, findings);
            }
        }
        Some(VariableSetKind::VarResetAll) => findings.effect(Effect::ResetAll),
        Some(VariableSetKind::VarSetMulti) => {
            findings.effect(Effect::Setting);
            for option in set.children(f::ARGS).filter(|option| option.kind() == Kind::DefElem) {
                changes(&format!("default_{}", option.text(field::def_elem::DEFNAME)), findings);
            }
        }
        _ => {
            findings.effect(Effect::Setting);
            let mut values = set.children(f::ARGS);
            let value = values.next().and_then(|value| constant(value, findings));
            let stays = Setting::named(name) == Setting::Role && value.as_deref() == Some("none");
            if !stays {
                changes(name, findings);
            }
        }
    }
}

/// What a change of a setting leaves for the session.
pub(super) enum Left {
    Nothing,
    /// This setting, in lower case, has another value, which must follow the client.
    Followed(String),
    /// Something that means nothing on another server connection.
    OfTheConnection,
}

fn left(name: &str) -> Left {
    match name.to_ascii_lowercase().as_str() {
        // They stay what they are, or end with the transaction.
        "client_encoding"
        | "standard_conforming_strings"
        | "transaction_isolation"
        | "transaction_read_only"
        | "transaction_deferrable" => Left::Nothing,
        name if is_of_the_connection(name) => Left::OfTheConnection,
        // Old names (`map_old_guc_names` in guc.c).
        "sort_mem" => Left::Followed("work_mem".into()),
        "vacuum_mem" => Left::Followed("maintenance_work_mem".into()),
        name => Left::Followed(name.into()),
    }
}

/// What code leaves that sets what it calls `name`, which need be no setting.
pub(super) fn left_by_code(name: &str) -> Left {
    match Setting::named(name) {
        Setting::Role => Left::Nothing,
        Setting::Unlisted if !name.contains('.') => Left::Nothing,
        _ => left(name),
    }
}

/// `name` may have another value for the session afterwards.
fn changes(name: &str, findings: &mut Findings) {
    match left(name) {
        Left::Nothing => {}
        Left::Followed(name) => findings.changes(&name),
        Left::OfTheConnection => findings.effect(Effect::UntrackedSetting),
    }
}

/// Settings that mean something else on another server connection, or for the next client: a seed that was
/// drawn from, memory that cannot be changed once it was used, the time after which an idle one is closed, and
/// the role, which only a guard that reports lets pass.
fn is_of_the_connection(name: &str) -> bool {
    matches!(name, "seed" | "temp_buffers" | "idle_session_timeout" | "role" | "session_authorization")
}

fn unknown_form(findings: &mut Findings) {
    findings.refuse(&rules::UNKNOWN_STATEMENT, "this form of SET is not known");
}

/// `SET name FROM CURRENT`, a clause of a function: what the session has, it was allowed to have.
fn from_current(name: &str, findings: &mut Findings) {
    match Setting::named(name) {
        Setting::Role => refuse_role(name, findings),
        Setting::Unlisted => findings.setting(name),
        _ => {}
    }
}

/// `SET TRANSACTION …` and `SET SESSION CHARACTERISTICS AS TRANSACTION …`, which set what their options
/// name, and `SET TRANSACTION SNAPSHOT`, which sets nothing.
fn several(set: Message<'_>, findings: &mut Findings) {
    use field::variable_set_stmt as f;
    if !matches!(set.text(f::NAME), "TRANSACTION" | "TRANSACTION SNAPSHOT" | "SESSION CHARACTERISTICS") {
        unknown_form(findings);
    }
    // Those of the session are what its transactions begin with, which another one may.
    let prefix = if set.text(f::NAME) == "SESSION CHARACTERISTICS" { "default_" } else { "" };
    for option in set.children(f::ARGS).filter(|option| option.kind() == Kind::DefElem) {
        let value = option.child(field::def_elem::ARG).and_then(|value| constant(value, findings));
        let values = value.map(|value| [value]);
        let name = format!("{prefix}{}", option.text(field::def_elem::DEFNAME));
        assign(&name, values.as_ref().map(<[_; 1]>::as_slice), true, findings);
    }
}

/// RESET and SET … TO DEFAULT: every setting may go back to what the session began with. At level `shared`
/// that is the powerless role, which belongs to the proxy and not to the tenant.
fn reset(name: &str, findings: &mut Findings) {
    match Setting::named(name) {
        Setting::Role => refuse_role_at_shared(name, findings),
        Setting::ReadOnly => refuse_writing(findings),
        _ => {}
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
    let positional = !call.flag(field::func_call::FUNC_VARIADIC)
        && arguments.iter().all(|argument| argument.kind() != Kind::NamedArgExpr);
    let [name, value, is_local] = arguments[..] else { return other_set_config(&arguments, findings) };
    if !positional {
        return other_set_config(&arguments, findings);
    }
    if let Some(named) = constants::string(name, findings) {
        if Setting::named(&named) == Setting::SearchPath {
            // Schemas that are put together on the way there only route: at every level the role's
            // privileges decide what can be reached in them, as for names written out.
            match constants::string(value, findings) {
                Some(list) => path_text(&list, findings),
                None => findings.opaque(),
            }
        } else {
            let values = literal(value, findings).map(|value| [value]);
            assign(&named, values.as_ref().map(<[_; 1]>::as_slice), true, findings);
        }
    }
    let named = literal(name, findings);
    if named.is_none() {
        computed_name(findings);
    }
    if !constants::is_true(is_local) {
        findings.effect(Effect::Setting);
        if let Some(named) = named {
            changes(&named, findings);
        }
    }
}

/// A call of a function of this name that cannot be PostgreSQL's, whose parameters have no names up to
/// version 18. A later version may give them some, so what looks like the name is judged.
fn other_set_config(arguments: &[Message<'_>], findings: &mut Findings) {
    let is_name = |argument: &Message<'_>| {
        argument.kind() == Kind::NamedArgExpr && argument.text(field::named_arg_expr::NAME) == "setting_name"
    };
    let first = arguments.first().filter(|first| first.kind() != Kind::NamedArgExpr);
    for &argument in first.into_iter().chain(arguments.iter().filter(|argument| is_name(argument))) {
        if let Some(name) = constants::string(argument, findings) {
            assign(&name, None, true, findings);
        }
    }
    computed_name(findings);
}

/// Which setting `set_config` changes is not known: it may be the role, which a connection that is logged in
/// as the tenant cannot change, nor a call where the hardening has taken the function away.
fn computed_name(findings: &mut Findings) {
    findings.effect(Effect::Setting);
    findings.effect(Effect::UntrackedSetting);
    findings.opaque();
    let message = "set_config needs the name of the setting as a plain string";
    findings.refuse_unhardened(&rules::OPAQUE_CODE, message);
}

/// A string that the server cannot take for another one. A cast can (`'role.x'::varchar(4)` is the role), and
/// so can an operator `||` of the tenant's.
fn literal<'t>(value: Message<'t>, findings: &Findings) -> Option<Cow<'t, str>> {
    if value.kind() == Kind::AConst { constants::string(value, findings) } else { None }
}

/// A setting in the startup packet: its text is what would stand in the configuration file.
pub(super) fn startup(name: &str, value: &str, findings: &mut Findings) {
    match Setting::named(name) {
        Setting::SearchPath => path_text(value, findings),
        // They could not be put back when another client gets the server connection (PostgreSQL 16: "cannot
        // be reset").
        Setting::Seed | Setting::Transaction | Setting::ReadOnly => {
            let name = name.to_ascii_lowercase();
            findings
                .refuse(&rules::SETTING, format!("parameter \"{name}\" cannot be set when a session begins"));
        }
        _ => assign(name, Some(&[Cow::Borrowed(value)]), true, findings),
    }
}

/// `name` gets `values`; `None` are values that do not stand in the text.
fn assign(name: &str, values: Option<&[Cow<'_, str>]>, takes_effect: bool, findings: &mut Findings) {
    let value = match values {
        Some([value]) => Some(value.as_ref()),
        _ => None,
    };
    match Setting::named(name) {
        Setting::Role if value == Some("none") => refuse_role_at_shared(name, findings),
        Setting::Role => refuse_role(name, findings),
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
        Setting::TextSearchConfig => {
            findings.qualified(&value.and_then(|name| names::split(name, '.')).unwrap_or_default());
        }
        Setting::Seed => findings.opaque(),
        Setting::ReadOnly if !value.is_some_and(is_on) => refuse_writing(findings),
        Setting::Unlisted => findings.setting(name),
        _ => {}
    }
}

fn refuse_role(name: &str, findings: &mut Findings) {
    let name = name.to_ascii_lowercase();
    findings.refuse(&rules::ROLE_CHANGE, format!("parameter \"{name}\" cannot be changed in this session"));
}

fn refuse_writing(findings: &mut Findings) {
    findings.refuse_read_only("the transactions of a read-only session stay read-only");
}

fn refuse_role_at_shared(name: &str, findings: &mut Findings) {
    let name = name.to_ascii_lowercase();
    let message = format!("parameter \"{name}\" cannot be reset at level shared");
    findings.refuse_shared(&rules::ROLE_CHANGE, message);
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
