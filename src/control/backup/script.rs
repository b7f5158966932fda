//! What a dump says before and behind its rows.

use crate::control::backup::BackupError;
use crate::control::backup::toc::shown;
use crate::guard::dump::{Names, Taken, take};
use crate::guard::script::{Part, Script};

/// What a dump asks for, besides its rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Before the rows.
    pub(super) before: Vec<String>,
    /// Behind them.
    pub(super) after: Vec<String>,
    /// When the schema has its name, as the tenant.
    pub(super) later: Vec<String>,
    /// What is left out.
    pub(super) notes: Vec<String>,
}

impl Plan {
    /// Of both sections. Everything in them is looked at before anything is run.
    pub(super) fn new(pre_data: &str, post_data: &str, names: &Names) -> Result<Self, BackupError> {
        let mut plan = Self::default();
        for part in Script::new(pre_data) {
            let run = plan.take(part, names)?;
            plan.before.extend(run);
        }
        for part in Script::new(post_data) {
            let run = plan.take(part, names)?;
            plan.after.extend(run);
        }
        Ok(plan)
    }

    fn take(&mut self, part: Part<'_>, names: &Names) -> Result<Option<String>, BackupError> {
        let text = match part {
            Part::Sql { text, .. } => text,
            Part::Foreign { what, .. } => return Err(refused("it is no SQL", &format!("{what:?}"))),
        };
        let taken = take(text, names).map_err(|why| refused(why, text))?;
        self.sort(taken).map_err(|()| refused("rows are in the wrong section", text))
    }

    /// Keeps what is for later; gives back what is to be run now. Rows are none of it.
    pub(super) fn sort(&mut self, taken: Taken) -> Result<Option<String>, ()> {
        match taken {
            Taken::Nothing => {}
            Taken::Run(sql) => return Ok(Some(sql)),
            Taken::Later(sql) => self.later.push(sql),
            Taken::Policy(sql, later) => {
                self.later.push(later);
                return Ok(Some(sql));
            }
            Taken::OtherRole(role) => {
                let note = format!("a privilege of role {role}, which is none of the tenant's, was left out");
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
            Taken::Copy { .. } => return Err(()),
        }
        Ok(None)
    }
}

pub(super) fn refused(why: impl ToString, statement: &str) -> BackupError {
    BackupError::Statement { why: why.to_string(), statement: shown(statement) }
}
