//! Where data are on their way from one schema to another.

use std::path::{Path, PathBuf};

/// A place for a backup that nobody keeps. It is removed with what is in it when this is dropped.
#[derive(Debug)]
pub struct WorkPlace(PathBuf);

impl WorkPlace {
    /// In this directory, under a name that is nobody else's. Only its owner can read what is written there.
    #[must_use]
    pub fn new(dir: &Path, name: &str) -> Self {
        Self(dir.join(format!("pgtenant-{name}.pgtenant")))
    }

    /// What the backup is to be called.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkPlace {
    fn drop(&mut self) {
        // What is left is the owner's alone, and in the way of nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
