//! Tenants that stand in a file, for a database without a registry: `tenants.file`.
//!
//! The file is TOML, a table a tenant. It holds verifiers of passwords, so that nobody but its owner may read it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::auth::Verifier;
use crate::config::kind;
use crate::config::{limits, settings};
use crate::tenant::{Access, ClusterName, Ident, Overrides, Slug, TenantId, TenantNames};

/// What the ids of tenants without one are made of, besides their slugs.
const ID_LABEL: &[u8] = b"pgtenant/v1/tenant of a file/";

/// Longest display name, in characters.
const MAX_NAME_CHARS: usize = 200;

/// All that the file says, in the order of the slugs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantsFile {
    /// Where it is.
    pub path: PathBuf,
    /// The tenants.
    pub tenants: Vec<FileTenant>,
}

/// One tenant of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTenant {
    /// As given, else made of the slug.
    pub id: TenantId,
    /// Short name.
    pub slug: Slug,
    /// Display name.
    pub name: String,
    /// Schema and role.
    pub names: TenantNames,
    /// The role of those that only read; `None` where there are none.
    pub reader_role: Option<Ident>,
    /// Counts up when the derived password of its roles is to change.
    pub password_version: i32,
    /// Limits of its own.
    pub limits: Overrides,
    /// What its sessions begin with.
    pub settings: BTreeMap<String, String>,
    /// Where its data is.
    pub cluster: ClusterName,
    /// Who may log in.
    pub users: Vec<FileUser>,
}

/// One user of a tenant of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUser {
    /// Name in the startup packet.
    pub name: String,
    /// What its password is checked against.
    pub verifier: Verifier,
    /// What it may do.
    pub access: Access,
}

/// Something wrong with one of them: never with a verifier in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The line, where that is known.
    pub(super) line: Option<usize>,
    /// Where, as `tenants.acme.role`; empty for the file as a whole.
    pub(super) key: String,
    /// What.
    pub(super) wrong: String,
    /// What to do about it.
    pub(super) remedy: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    tenants: BTreeMap<String, WrittenTenant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTenant {
    id: Option<String>,
    name: Option<String>,
    schema: Option<String>,
    role: Option<String>,
    reader_role: Option<String>,
    password_version: Option<i32>,
    cluster: Option<String>,
    #[serde(default)]
    limits: BTreeMap<String, Scalar>,
    #[serde(default)]
    settings: BTreeMap<String, Scalar>,
    #[serde(default)]
    users: BTreeMap<String, WrittenUser>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenUser {
    verifier: String,
    access: Option<String>,
}

/// What an operator writes with quotes or without.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Bool(true) => "on".to_owned(),
            Self::Bool(false) => "off".to_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// The id of a tenant without one of its own: the same on every proxy that reads the same slug.
#[must_use]
pub fn id_of(slug: &Slug) -> TenantId {
    let digest = Sha256::digest([ID_LABEL, slug.as_str().as_bytes()].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    TenantId(Builder::from_custom_bytes(bytes).into_uuid())
}

/// Reads the file's text.
pub(super) fn read(path: &Path, text: &str) -> Result<TenantsFile, Vec<Mistake>> {
    let written: Written = toml::from_str(text).map_err(|error| vec![not_readable(text, &error)])?;
    let mut mistakes = Vec::new();
    if written.tenants.is_empty() {
        let remedy = "write a table `[tenants.<slug>]` for each, or set tenants.file to \"off\"";
        mistakes.push(Mistake::new("", "there is no tenant in it", remedy));
    }
    let tenants: Vec<FileTenant> = written
        .tenants
        .into_iter()
        .filter_map(|(slug, written)| tenant(&slug, written, &mut mistakes))
        .collect();
    refuse_shared_names(&tenants, &mut mistakes);
    if mistakes.is_empty() { Ok(TenantsFile { path: path.to_owned(), tenants }) } else { Err(mistakes) }
}

impl Mistake {
    fn new(key: impl Into<String>, wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line: None, key: key.into(), wrong: wrong.into(), remedy: remedy.into() }
    }
}

/// What the parser says, without the text around the place: a verifier may stand there.
fn not_readable(text: &str, error: &toml::de::Error) -> Mistake {
    let before =
        |span: std::ops::Range<usize>| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
    let remedy = "see docs/config.md, \"Tenants in a file\", for what a tenant's table may have";
    Mistake { line: error.span().map(|span| 1 + before(span)), ..Mistake::new("", error.message(), remedy) }
}

fn tenant(slug: &str, written: WrittenTenant, mistakes: &mut Vec<Mistake>) -> Option<FileTenant> {
    let key = format!("tenants.{slug}");
    let before = mistakes.len();
    let slug = match Slug::parse(slug) {
        Ok(slug) => slug,
        Err(error) => {
            mistakes.push(Mistake::new(key, error.to_string(), "rename the table"));
            return None;
        }
    };
    let usual = TenantNames::for_slug(&slug);
    let schema = identifier(written.schema, &key, "schema", mistakes).unwrap_or(usual.schema);
    let role = identifier(written.role, &key, "role", mistakes).unwrap_or(usual.role);
    let reader_role = identifier(written.reader_role, &key, "reader_role", mistakes);
    let name = written.name.unwrap_or_else(|| slug.to_string());
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.contains(char::is_control) {
        let wrong =
            format!("a display name has 1 to {MAX_NAME_CHARS} characters, none of them a control character");
        mistakes.push(Mistake::new(format!("{key}.name"), wrong, "write another one, or leave it out"));
    }
    let password_version = written.password_version.unwrap_or(1);
    if password_version < 1 {
        let wrong = format!("{password_version} is no version");
        mistakes.push(Mistake::new(format!("{key}.password_version"), wrong, "count from 1 on"));
    }
    let limits = limits(written.limits, &key, mistakes);
    let settings = settings_of(written.settings, &key, mistakes);
    let users: Vec<FileUser> = written
        .users
        .into_iter()
        .filter_map(|(name, written)| user(name, &written, &key, mistakes))
        .collect();
    if reader_role.is_none() && users.iter().any(|user| user.access == Access::ReadOnly) {
        let wrong = "a user may only read, and the tenant has no role for that";
        let remedy = "name a role of its own that has SELECT and nothing else, for example \"reader_acme\"";
        mistakes.push(Mistake::new(format!("{key}.reader_role"), wrong, remedy));
    }
    let cluster = written.cluster.as_deref().map_or(Ok(ClusterName::MAIN), ClusterName::parse);
    let cluster = cluster.unwrap_or_else(|error| {
        let remedy = "write the name of a section [clusters.NAME] of the configuration, or leave it out";
        mistakes.push(Mistake::new(format!("{key}.cluster"), error.to_string(), remedy));
        ClusterName::MAIN
    });
    let id = written.id.map_or_else(|| Ok(id_of(&slug)), |text| Uuid::parse_str(&text).map(TenantId));
    let id = id.unwrap_or_else(|error| {
        mistakes.push(Mistake::new(format!("{key}.id"), error.to_string(), "write a UUID, or leave it out"));
        id_of(&slug)
    });
    let names = TenantNames { schema, role };
    let read =
        FileTenant { id, slug, name, names, reader_role, password_version, limits, settings, cluster, users };
    (mistakes.len() == before).then_some(read)
}

/// A name of a schema or a role that can be a tenant's.
fn identifier(
    written: Option<String>,
    tenant: &str,
    what: &str,
    mistakes: &mut Vec<Mistake>,
) -> Option<Ident> {
    let read = kind::tenants_own(&written?);
    read.map_err(|wrong| {
        mistakes.push(Mistake::new(format!("{tenant}.{what}"), wrong.wrong, wrong.remedy));
    })
    .ok()
}

fn limits(written: BTreeMap<String, Scalar>, tenant: &str, mistakes: &mut Vec<Mistake>) -> Overrides {
    let written = written.into_iter().map(|(name, value)| (name, value.into_text())).collect();
    limits::overrides(&written).unwrap_or_else(|error| {
        let remedy = "see docs/operations.md for the limits of a tenant";
        mistakes.push(Mistake::new(format!("{tenant}.limits"), error.to_string(), remedy));
        Overrides::default()
    })
}

fn settings_of(
    written: BTreeMap<String, Scalar>,
    tenant: &str,
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<String, String> {
    let mut read = BTreeMap::new();
    for (name, value) in written {
        match settings::pair(&name, &value.into_text()) {
            Ok((name, value)) => {
                read.insert(name, value);
            }
            Err(error) => {
                let remedy = "see docs/operations.md for the settings of a tenant";
                mistakes.push(Mistake::new(format!("{tenant}.settings"), error.to_string(), remedy));
            }
        }
    }
    read
}

fn user(name: String, written: &WrittenUser, tenant: &str, mistakes: &mut Vec<Mistake>) -> Option<FileUser> {
    let key = format!("{tenant}.users.{name}");
    if let Err(error) = Ident::parse(&name) {
        mistakes.push(Mistake::new(&key, error.to_string(), "write the name that the client sends"));
    }
    let verifier = Verifier::parse(&written.verifier)
        .map_err(|error| {
            let remedy = "make one with `pgtenant static verifier`, or take it from pg_authid.rolpassword";
            mistakes.push(Mistake::new(format!("{key}.verifier"), error.to_string(), remedy));
        })
        .ok();
    let word = written.access.as_deref().unwrap_or(Access::ReadWrite.as_str());
    let access = Access::from_word(word);
    if access.is_none() {
        let wrong = format!("{word:?} is no access");
        mistakes.push(Mistake::new(format!("{key}.access"), wrong, "write \"read_write\" or \"read_only\""));
    }
    Some(FileUser { name, verifier: verifier?, access: access? })
}

/// Two tenants with one schema or one role are not kept apart, and a user of two is nobody's.
fn refuse_shared_names(tenants: &[FileTenant], mistakes: &mut Vec<Mistake>) {
    let (mut ids, mut schemas, mut roles, mut users) =
        (Owners::default(), Owners::default(), Owners::default(), Owners::default());
    for tenant in tenants {
        let slug = tenant.slug.as_str();
        mistakes.extend(ids.take(slug, "id", tenant.id, &tenant.id.to_string()));
        let TenantNames { schema, role } = &tenant.names;
        mistakes.extend(schemas.take(slug, "schema", schema.as_str(), schema.as_str()));
        mistakes.extend(roles.take(slug, "role", role.as_str(), role.as_str()));
        if let Some(reader) = &tenant.reader_role {
            mistakes.extend(roles.take(slug, "reader_role", reader.as_str(), reader.as_str()));
        }
        for user in &tenant.users {
            mistakes.extend(users.take(slug, "users", user.name.as_str(), &user.name));
        }
    }
}

/// Who has what, of one kind.
struct Owners<'a, T>(HashMap<T, &'a str>);

impl<T> Default for Owners<'_, T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<'a, T: Eq + Hash> Owners<'a, T> {
    fn take(&mut self, slug: &'a str, what: &str, thing: T, shown: &str) -> Option<Mistake> {
        let other = self.0.insert(thing, slug)?;
        let wrong = format!("{shown:?} is tenant {other}'s already");
        Some(Mistake::new(format!("tenants.{slug}.{what}"), wrong, "give each tenant its own"))
    }
}
