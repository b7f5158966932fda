//! Names of things in PostgreSQL: databases, roles, schemas, settings.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::{DeTable, DeValue};

use crate::config::kind::{Given, Wrong, article, shown};
use crate::tenant::{ClusterName, Ident};

/// Prefix of the names PostgreSQL keeps for itself.
const SYSTEM_PREFIX: &str = "pg_";

/// Prefix of the names that belong to tenants.
const TENANT_PREFIX: &str = "tenant_";

/// The schema of the registry.
const REGISTRY_SCHEMA: &str = "pgtenant";

/// The schema of the hardening.
const GUARD_SCHEMA: &str = "pgtenant_guard";

/// A database name.
pub(in crate::config) fn database(given: Given<'_>) -> Result<String, Wrong> {
    identifier(given.text()?).map(|name| name.as_str().to_owned())
}

/// A database name, or `None` for `"off"`.
pub(in crate::config) fn database_or_off(given: Given<'_>) -> Result<Option<String>, Wrong> {
    if given.text()? == "off" { Ok(None) } else { database(given).map(Some) }
}

/// The name of a cluster.
pub(in crate::config) fn cluster(given: Given<'_>) -> Result<ClusterName, Wrong> {
    ClusterName::parse(given.text()?).map_err(|error| {
        Wrong::new(error.to_string(), "write \"main\", or the name of a section [clusters.NAME]")
    })
}

/// Users of the console, each once.
pub(in crate::config) fn console_users(given: Given<'_>) -> Result<Vec<String>, Wrong> {
    let names = given.list()?.iter().map(|text| identifier(text)).collect::<Result<_, _>>()?;
    Ok(each_once("user", names)?.iter().map(|name| name.as_str().to_owned()).collect())
}

/// A role of the proxy's own.
pub(in crate::config) fn role(given: Given<'_>) -> Result<String, Wrong> {
    let name = identifier(given.text()?)?;
    let remedy = "choose another name, for example \"pgtenant_proxy\"";
    refuse_reserved(&name, "role", remedy)?;
    if matches!(name.as_str(), "public" | "none") {
        return Err(Wrong::new(
            format!("PostgreSQL reserves the role name {}", shown(name.as_str())),
            remedy,
        ));
    }
    Ok(name.as_str().to_owned())
}

/// A schema all tenants know.
pub(in crate::config) fn schema(given: Given<'_>) -> Result<Ident, Wrong> {
    schema_name(given.text()?)
}

/// Schemas, each once.
pub(in crate::config) fn schemas(given: Given<'_>) -> Result<Vec<Ident>, Wrong> {
    each_once("schema", given.list()?.iter().map(|text| schema_name(text)).collect::<Result<_, _>>()?)
}

/// A list of function names, each once and without a schema.
pub(in crate::config) fn functions(given: Given<'_>) -> Result<Vec<Ident>, Wrong> {
    each_once("function", given.list()?.iter().map(|text| identifier(text)).collect::<Result<_, _>>()?)
}

fn each_once(what: &str, names: Vec<Ident>) -> Result<Vec<Ident>, Wrong> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(Wrong::new(
            format!("the {what} {} is listed twice", shown(twice.as_str())),
            "remove one of the two",
        )),
        None => Ok(names),
    }
}

/// A schema or a role that is one tenant's.
pub(in crate::config) fn tenants_own(text: &str) -> Result<Ident, Wrong> {
    let name = identifier(text)?;
    let shared = [REGISTRY_SCHEMA, GUARD_SCHEMA, "information_schema", "public", "none"];
    if name.as_str().starts_with(SYSTEM_PREFIX) || shared.contains(&name.as_str()) {
        let wrong = format!("{} cannot be one tenant's", shown(name.as_str()));
        return Err(Wrong::new(
            wrong,
            "give the tenant a schema and a role of its own, for example \"tenant_acme\"",
        ));
    }
    Ok(name)
}

fn schema_name(text: &str) -> Result<Ident, Wrong> {
    let name = identifier(text)?;
    refuse_reserved(&name, "schema", "name another schema")?;
    if matches!(name.as_str(), REGISTRY_SCHEMA | "information_schema") {
        let owner = if name.as_str() == REGISTRY_SCHEMA { "the registry" } else { "PostgreSQL" };
        return Err(Wrong::new(
            format!("the schema {} belongs to {owner}", shown(name.as_str())),
            "name another schema",
        ));
    }
    Ok(name)
}

fn identifier(text: &str) -> Result<Ident, Wrong> {
    Ident::parse(text)
        .map_err(|error| Wrong::new(error.to_string(), "write the name as it is in the catalog"))
}

fn refuse_reserved(name: &Ident, what: &str, remedy: &str) -> Result<(), Wrong> {
    let prefixes = [(SYSTEM_PREFIX, "PostgreSQL keeps for itself"), (TENANT_PREFIX, "belong to tenants")];
    match prefixes.iter().find(|(prefix, _)| name.as_str().starts_with(prefix)) {
        Some((prefix, whose)) => Err(Wrong::new(
            format!(
                "{} is one of the {what} names beginning with `{prefix}`, which {whose}",
                shown(name.as_str())
            ),
            remedy,
        )),
        None => Ok(()),
    }
}

/// Settings the proxy decides alone, and why.
const RESERVED_SETTINGS: [(&str, &str); 9] = [
    ("role", "a server connection must act as the tenant's role and no other"),
    ("session_authorization", "a server connection must act as the tenant's role and no other"),
    ("search_path", "pgtenant sets it to the tenant's schema and the global one"),
    ("client_encoding", "it is always UTF8, because other encodings can hide statements from the guard"),
    ("standard_conforming_strings", "it is always on, because off hides statements from the guard"),
    ("replication", "a replication connection reads every tenant's data"),
    ("options", "it could set any of the settings refused here; list settings one by one"),
    ("user", "the login is the tenant's role"),
    ("database", "it is set by server.database"),
];

/// PostgreSQL settings; names ignore case, so they are kept in lower case.
pub(in crate::config) fn settings(given: Given<'_>) -> Result<BTreeMap<String, String>, Wrong> {
    let remedy = "write it as a table, for example { statement_timeout = \"30s\" }";
    match given {
        Given::Variable(text) => match DeValue::parse(text) {
            Ok(value) if value.get_ref().is_table() => settings(Given::Toml(value.get_ref())),
            Ok(_) => Err(Wrong::new("expected a table of settings", remedy)),
            Err(error) => Err(Wrong::new(format!("not a table in TOML: {}", error.message()), remedy)),
        },
        Given::Toml(DeValue::Table(table)) => read_settings(table),
        Given::Toml(other) => {
            Err(Wrong::new(format!("expected a table of settings, found {}", article(other)), remedy))
        }
    }
}

fn read_settings(table: &DeTable<'_>) -> Result<BTreeMap<String, String>, Wrong> {
    let mut settings = BTreeMap::new();
    for (name, value) in table {
        let name = setting_name(name.get_ref())?;
        let value = setting_value(&name, value.get_ref())?;
        if settings.insert(name.clone(), value).is_some() {
            return Err(Wrong::new(
                format!("the setting `{name}` is given twice; PostgreSQL's setting names ignore case"),
                "remove one of the two",
            ));
        }
    }
    Ok(settings)
}

/// Settings that no tenant may change whatever the operator says, and why.
const NEVER_EXTRA: [(&str, &str); 14] = [
    ("role", "a tenant must act as its own role and no other"),
    ("session_authorization", "a tenant must act as its own role and no other"),
    ("is_superuser", "PostgreSQL decides it by the role"),
    (
        "search_path",
        "it is allowed as far as it names the schemas a tenant may name; see guard.extra_schemas",
    ),
    ("client_encoding", "it is always UTF8, because other encodings can hide statements from the guard"),
    ("standard_conforming_strings", "it is always on, because off hides statements from the guard"),
    ("local_preload_libraries", "it loads code into server processes"),
    ("session_preload_libraries", "it loads code into server processes"),
    ("dynamic_library_path", "it decides which code server processes load"),
    ("event_triggers", "off takes the hardening out of force"),
    ("replication", "a replication connection reads every tenant's data"),
    ("options", "it could set any of the settings refused here; list settings one by one"),
    ("user", "it is no setting"),
    ("database", "it is no setting"),
];

/// Prefix of settings that are for the proxy.
const OWN_SETTINGS: &str = "pgtenant.";

/// Settings that tenants may change besides those the guard knows, each once, in lower case.
pub(in crate::config) fn extra_settings(given: Given<'_>) -> Result<Vec<String>, Wrong> {
    let mut names = Vec::new();
    for text in given.list()? {
        let name = plain_setting_name(&text)?;
        if let Some((_, why)) = NEVER_EXTRA.iter().find(|(never, _)| *never == name) {
            return Err(Wrong::new(
                format!("tenants can never be let change `{name}`: {why}"),
                format!("remove `{name}`"),
            ));
        }
        if name.starts_with(OWN_SETTINGS) {
            return Err(Wrong::new(
                format!(
                    "`{name}` is one of the settings beginning with `{OWN_SETTINGS}`, which pgtenant keeps for itself"
                ),
                format!("remove `{name}`"),
            ));
        }
        if names.contains(&name) {
            return Err(Wrong::new(
                format!("the setting `{name}` is listed twice; PostgreSQL's setting names ignore case"),
                "remove one of the two",
            ));
        }
        names.push(name);
    }
    Ok(names)
}

/// The name of a setting of a server connection, in lower case.
pub(in crate::config) fn setting_name(text: &str) -> Result<String, Wrong> {
    let name = plain_setting_name(text)?;
    match RESERVED_SETTINGS.iter().find(|(reserved, _)| *reserved == name) {
        Some((_, why)) => {
            Err(Wrong::new(format!("`{name}` cannot be set here: {why}"), format!("remove `{name}`")))
        }
        None => Ok(name),
    }
}

/// A name as PostgreSQL takes it (`valid_custom_variable_name` in its guc.c), ASCII only, in lower case.
fn plain_setting_name(text: &str) -> Result<String, Wrong> {
    let part = |part: &str| {
        part.bytes().enumerate().all(|(at, byte)| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
            b'0'..=b'9' | b'$' => at > 0,
            _ => false,
        }) && !part.is_empty()
    };
    let name = text.to_ascii_lowercase();
    if !text.split('.').all(part) {
        return Err(Wrong::new(
            format!("{} is not the name of a PostgreSQL setting", shown(text)),
            "use letters, digits and underscores, with a dot after an extension's name",
        ));
    }
    if name.starts_with("_pq_.") {
        return Err(Wrong::new(
            format!("`{name}` is an option of the protocol, not a setting"),
            format!("remove `{name}`"),
        ));
    }
    Ok(name)
}

fn setting_value(name: &str, value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(digits) if digits.radix() == 10 => digits.to_string(),
        DeValue::Float(digits) => digits.to_string(),
        DeValue::Boolean(on) => (if *on { "on" } else { "off" }).to_owned(),
        other => {
            return Err(Wrong::new(
                format!("the setting `{name}` has {} as its value", article(other)),
                "write the value in quotes, as in postgresql.conf",
            ));
        }
    };
    if text.contains('\0') {
        return Err(Wrong::new(format!("the value of `{name}` holds a NUL byte"), "remove it"));
    }
    Ok(text)
}
