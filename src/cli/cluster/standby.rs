//! A standby of a private server, which follows it by streaming replication.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use anyhow::{Context, Result};

use crate::cli::cluster::watchdog::Watchdog;
use crate::cli::cluster::{PrivateCluster, make_directory, run, unprivileged_user};

/// What the server that is followed needs, as [`Options::settings`](crate::cli::cluster::Options).
pub const PRIMARY_SETTINGS: [(&str, &str); 2] = [("wal_level", "replica"), ("max_wal_senders", "4")];

impl PrivateCluster {
    /// Starts a server that follows this one, with the same logins. This one was started with [`PRIMARY_SETTINGS`].
    ///
    /// # Errors
    /// When it cannot be copied, or does not start.
    pub fn standby(&self) -> Result<Self> {
        let dir = make_directory()?;
        let watchdog = Watchdog::start(&dir)?;
        let run_as = if fs::metadata(&dir)?.uid() == 0 { Some(unprivileged_user()?) } else { None };
        if let Some((uid, gid)) = run_as {
            chown(&dir, Some(uid), Some(gid))?;
        }
        let (bin_dir, password) = (self.bin_dir.clone(), self.password.clone());
        let mut standby = Self { bin_dir, dir, run_as, port: 0, password, watchdog };
        let mut copy = standby.command("pg_basebackup");
        copy.arg("-D").arg(standby.data_dir()).args(["-R", "-X", "stream", "-c", "fast", "--no-sync"]);
        copy.args(["-d", &self.superuser_url("")]);
        run(&mut copy).context("cannot copy the private PostgreSQL")?;
        let own = ("unix_socket_directories".to_owned(), standby.dir.to_string_lossy().into_owned());
        standby.append_settings([own].into_iter())?;
        standby.start_on_free_port()?;
        Ok(standby)
    }

    /// Makes a standby a primary.
    ///
    /// # Errors
    /// When it does not become one within a minute.
    pub fn promote(&self) -> Result<()> {
        self.pg_ctl(&["promote"]).context("cannot promote the standby")
    }
}
