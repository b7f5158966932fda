//! Reads `[tenants]`, and the file with all tenants where there is one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::config::file::{Input, OTHERS_MAY};
use crate::config::keys;
use crate::config::kind::Wrong;
use crate::config::problem::{Place, Problem};
use crate::config::source::Source;
use crate::config::tenants_file::{self, TenantsFile};
use crate::config::{Registry, Schemas, Tenants, Verify};
use crate::tenant::Level;

pub(super) fn tenants(source: &mut Source<'_>, input: &Input<'_>) -> Option<Tenants> {
    let level = source.take(&keys::TENANTS_LEVEL);
    let cluster = source.take(&keys::TENANTS_CLUSTER);
    let drop_grace = source.take(&keys::TENANTS_DROP_GRACE);
    let path = source.take(&keys::TENANTS_FILE);
    let file = match path? {
        None => None,
        Some(path) => Some(Arc::new(from_file(source, input, path)?)),
    };
    if file.is_some() && level == Some(Level::Shared) {
        let remedy =
            "leave tenants.level at \"dedicated\", or keep the tenants in a registry: `pgtenant init`";
        source.refuse(&keys::TENANTS_LEVEL.row, Wrong::new(NO_REGISTRY, remedy));
    }
    Some(Tenants { level: level?, cluster: cluster?, drop_grace: drop_grace?, file })
}

/// Why something cannot be had with tenants in a file.
const NO_REGISTRY: &str =
    "with the tenants in a file (tenants.file) there is no registry, and this needs one";

/// What else does not go with tenants in a file.
pub(super) fn agree(
    source: &mut Source<'_>,
    tenants: &Tenants,
    (registry, schemas, verify): (&Registry, &Schemas, &Verify),
) {
    let Some(file) = &tenants.file else { return };
    if verify.interval.is_some() {
        let remedy = "set verify.interval to \"off\"; what logins may do is looked at when serve starts";
        source.refuse(&keys::VERIFY_INTERVAL.row, Wrong::new(NO_REGISTRY, remedy));
    }
    for tenant in &file.tenants {
        let roles = [Some(&tenant.names.role), tenant.reader_role.as_ref()];
        if roles.into_iter().flatten().any(|role| role.as_str() == registry.user) {
            let wrong = format!("{} is the role of tenant {}", registry.user, tenant.slug);
            let remedy = "name a role that has no rights: it only looks into the catalogs";
            source.refuse(&keys::REGISTRY_USER.row, Wrong::new(wrong, remedy));
        }
        for (key, schema) in
            [(&keys::SCHEMAS_GLOBAL, &schemas.global), (&keys::SCHEMAS_TEMPLATE, &schemas.template)]
        {
            if tenant.names.schema == *schema {
                let wrong = format!("{} is the schema of tenant {}", schema.as_str(), tenant.slug);
                source.refuse(&key.row, Wrong::new(wrong, "name another schema; it need not exist"));
            }
        }
    }
}

fn from_file(source: &mut Source<'_>, input: &Input<'_>, mut path: PathBuf) -> Option<TenantsFile> {
    let row = &keys::TENANTS_FILE.row;
    // A variable was set by somebody who sees the working directory, the file by somebody who sees the file.
    if let (Place::File { .. }, Some(dir)) = (source.place(row), Path::new(input.name).parent()) {
        path = dir.join(path);
    }
    let shown = path.display().to_string();
    let file = match (input.read_file)(&path) {
        Ok(file) => file,
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::NotFound => format!("write the tenants to {shown}, or correct the path"),
                io::ErrorKind::PermissionDenied => {
                    format!("run as the owner of {shown}, or change its owner to the user that runs pgtenant")
                }
                _ => format!("make {shown} a plain text file"),
            };
            source.refuse(row, Wrong::new(format!("{shown} cannot be read: {error}"), remedy));
            return None;
        }
    };
    if file.mode & OTHERS_MAY != 0 {
        let wrong = format!(
            "others can read or write {shown} (mode {:03o}), and it holds verifiers of passwords",
            file.mode & 0o777
        );
        source.refuse(row, Wrong::new(wrong, format!("run: chmod 600 {shown}")));
        return None;
    }
    match tenants_file::read(&path, file.text.expose_secret()) {
        Ok(read) => Some(read),
        Err(mistakes) => {
            for mistake in mistakes {
                source.add(Problem {
                    place: Place::File { name: shown.clone(), line: mistake.line },
                    key: (!mistake.key.is_empty()).then_some(mistake.key),
                    wrong: mistake.wrong,
                    remedy: mistake.remedy,
                });
            }
            None
        }
    }
}
