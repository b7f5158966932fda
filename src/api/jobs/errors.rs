//! What long verbs say when something is wrong, as problems.

use axum::http::StatusCode;

use crate::api::problem::Problem;
use crate::control::backup::{BackupError, Stopped};
use crate::control::moving::{After, MoveError, MoveFailure};

/// Longest detail of a problem that is kept, in characters: some repeat what a server said.
const MAX_DETAIL_CHARS: usize = 4_000;

/// It was ended before its end.
pub(super) fn stopped(why: Stopped) -> Problem {
    let why = match why {
        Stopped::Interrupted => "the job was cancelled, or the API was told to end",
        Stopped::TimeLimit => "the job took longer than the API's --job-time-limit",
    };
    Problem::new(
        StatusCode::CONFLICT,
        "stopped",
        format!("{why}; nothing was changed by what was not finished"),
    )
}

fn told(status: StatusCode, code: &'static str, error: &dyn std::error::Error) -> Problem {
    Problem::new(status, code, error.to_string().chars().take(MAX_DETAIL_CHARS).collect::<String>())
}

impl From<BackupError> for Problem {
    fn from(error: BackupError) -> Self {
        let code = match error {
            BackupError::Control(error) => return error.into(),
            BackupError::Exists(_) => "exists",
            BackupError::OnCluster { .. } => "on_another_cluster",
            BackupError::Damaged { .. } | BackupError::Rows { .. } => "damaged",
            BackupError::TenantExists(_) => "tenant_exists",
            BackupError::NothingToReplace(_) => {
                return told(StatusCode::NOT_FOUND, "unknown_tenant", &error);
            }
            BackupError::InProgress(_) | BackupError::ReplacedMeanwhile(_) => "in_progress",
            BackupError::Held(_) => "held",
            BackupError::Dependents(_) => "dependents",
            BackupError::Table { .. } => "unreadable_table",
            BackupError::Item(_)
            | BackupError::Statement { .. }
            | BackupError::Script(_)
            | BackupError::Load { .. } => "not_loaded",
            BackupError::Stopped(_) => "stopped",
            BackupError::File { .. }
            | BackupError::Start { .. }
            | BackupError::OldProgram { .. }
            | BackupError::OldServer { .. }
            | BackupError::Program { .. }
            | BackupError::TenantLogin { .. } => {
                return told(StatusCode::INTERNAL_SERVER_ERROR, "operator", &error);
            }
        };
        told(StatusCode::CONFLICT, code, &error)
    }
}

/// Where the tenant is after it stands in the detail, and in the code where it may be out of service.
impl From<MoveFailure> for Problem {
    fn from(failure: MoveFailure) -> Self {
        match failure.after {
            After::Unchanged | After::Back => {}
            After::Left => return told(StatusCode::CONFLICT, "left_behind", &failure),
            After::Out | After::HandedOver | After::Between => {
                return told(StatusCode::CONFLICT, "out_of_service", &failure);
            }
        }
        let code = match &failure.error {
            MoveError::InProgress(_) => "in_progress",
            MoveError::Held { .. } => "held",
            MoveError::Backup(BackupError::Stopped(_)) => "stopped",
            MoveError::WouldLose { .. } => "would_lose",
            _ => "not_moved",
        };
        told(StatusCode::CONFLICT, code, &failure)
    }
}
