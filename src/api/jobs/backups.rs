//! The directory of backups: the only place where the API writes and reads them. Callers name backups, never paths.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::api::Api;
use crate::api::input::{Params, slug};
use crate::api::problem::Problem;
use crate::tenant::Slug;

/// End of a backup's name.
const SUFFIX: &str = ".pgtenant";

/// Longest name, in bytes: what file systems take.
const MAX_NAME_BYTES: usize = 255;

/// Names in one answer.
const MOST_OF_A_PAGE: usize = 1_000;

/// Whether this can be a backup's name: one word that leads nowhere else.
pub(super) fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.len() <= MAX_NAME_BYTES
        && name.len() > SUFFIX.len()
        && name.ends_with(SUFFIX)
        && !name.starts_with('.')
        && name.bytes().all(letter)
}

/// The backup of this name, which is a directory and no link to one.
pub(super) fn find(dir: &Path, name: &str) -> Result<PathBuf, Problem> {
    let path = dir.join(name);
    let is_there = is_name(name) && path.symlink_metadata().is_ok_and(|found| found.is_dir());
    if is_there {
        return Ok(path);
    }
    let detail = "there is no backup of this name; GET /v1/backups has those that there are";
    Err(Problem::new(StatusCode::NOT_FOUND, "unknown_backup", detail))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    tenant: Option<String>,
    after: Option<String>,
}

/// Names, in order: `acme-20260102T030405Z.pgtenant`.
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let tenant = params.tenant.as_deref().map(slug).transpose()?;
    let dir = api.jobs.backup_dir()?.clone();
    let read = tokio::task::spawn_blocking(move || names(&dir, tenant.as_ref())).await;
    let mut found = read.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(|error| {
        tracing::error!(%error, "the directory of backups cannot be read");
        let detail = format!("the directory of backups cannot be read: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "operator", detail)
    })?;
    if let Some(after) = &params.after {
        found.retain(|name| name > after);
    }
    let next = (found.len() > MOST_OF_A_PAGE).then(|| found[MOST_OF_A_PAGE - 1].clone());
    found.truncate(MOST_OF_A_PAGE);
    Ok(Json(json!({ "backups": found, "next": next })).into_response())
}

fn names(dir: &Path, tenant: Option<&Slug>) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in dir.read_dir()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let wanted = tenant.is_none_or(|tenant| of(&name) == Some(tenant.as_str()));
        if wanted && is_name(&name) && entry.file_type()?.is_dir() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Whose it is by its name. Slugs have no `-`.
fn of(name: &str) -> Option<&str> {
    name.split_once('-').map(|(slug, _)| slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_leads_nowhere_else() {
        for name in ["acme-20260102T030405Z.pgtenant", "before.the.move.pgtenant"] {
            assert!(is_name(name), "{name}");
        }
        let long = format!("{}.pgtenant", "a".repeat(MAX_NAME_BYTES));
        for name in [
            "",
            ".pgtenant",
            "..",
            "../x.pgtenant",
            "a/b.pgtenant",
            "x",
            ".x.pgtenant",
            "a\0.pgtenant",
            &long,
        ] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn link_is_no_backup_and_drafts_are_not_listed() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["acme-1.pgtenant", "acme_2-1.pgtenant", ".acme-2.pgtenant.0a", "notes"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink("/etc", dir.path().join("etc-1.pgtenant")).unwrap();
        std::fs::write(dir.path().join("file-1.pgtenant"), "").unwrap();
        assert_eq!(names(dir.path(), None).unwrap(), ["acme-1.pgtenant", "acme_2-1.pgtenant"]);
        let acme = Slug::parse("acme").unwrap();
        assert_eq!(names(dir.path(), Some(&acme)).unwrap(), ["acme-1.pgtenant"]);
        assert!(find(dir.path(), "acme-1.pgtenant").is_ok());
        for name in ["etc-1.pgtenant", "file-1.pgtenant", "gone-1.pgtenant", ".."] {
            assert!(find(dir.path(), name).is_err(), "{name}");
        }
    }
}
