//! pg_dump and pg_restore, as children.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::config::tls::ServerMode;
use crate::config::{Server, ServerAddress};
use crate::control::backup::BackupError;
use crate::registry::server_config;
use crate::tenant::Ident;

/// How much of the end of what a child says is kept.
const MOST_STDERR: usize = 4096;

/// Longest text that is read from a child at once: definitions of objects, not rows.
pub(super) const MOST_TEXT: u64 = 64 << 20;

/// Settings of pg_dump's session. They win over those that the tenant gave its role.
const SETTINGS: &str = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c client_encoding=UTF8 \
     -c standard_conforming_strings=on -c quote_all_identifiers=off -c default_transaction_read_only=on";

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Writes dumps.
    pub pg_dump: PathBuf,
    /// Reads them.
    pub pg_restore: PathBuf,
}

/// A child whose standard output is read.
pub(super) struct Running {
    child: Child,
    name: &'static str,
    stderr: JoinHandle<Vec<u8>>,
    secret: Option<SecretString>,
}

impl Programs {
    /// The major version of pg_dump, which must not be older than the server.
    pub(super) async fn dump_version(&self, server: u32) -> Result<u32, BackupError> {
        not_older(&self.pg_dump, "the server is", server / 10_000).await
    }

    /// The major version of pg_restore, which must not be older than the pg_dump that made the dump.
    pub(super) async fn restore_version(&self, pg_dump: u32) -> Result<u32, BackupError> {
        not_older(&self.pg_restore, "the backup is", pg_dump).await
    }

    /// Starts pg_dump of a schema, as this role, in this snapshot.
    pub(super) fn dump(
        &self,
        server: &Server,
        login: (&Ident, &SecretString),
        schema: &Ident,
        snapshot: &str,
    ) -> Result<(Running, ChildStdout), BackupError> {
        let mut command = command(&self.pg_dump);
        environment(&mut command, server, login)?;
        // A schema in quotes is a name, not a pattern.
        command.args(["--format=custom", "--no-password", "--encoding=UTF8", "--lock-wait-timeout=30s"]);
        command.args(["--no-publications", "--no-subscriptions", "--no-security-labels", "--no-tablespaces"]);
        command.arg(format!("--schema={schema}")).arg(format!("--snapshot={snapshot}"));
        command.stdin(Stdio::null());
        start(command, &self.pg_dump, "pg_dump", Some(login.1.clone()))
    }

    /// What pg_restore makes of a dump, without a database: its table of contents, or a section as SQL.
    pub(super) fn read(&self, dump: &mut File, what: &[&str]) -> Result<(Running, ChildStdout), BackupError> {
        use std::io::Seek;
        let from_the_start = dump.rewind().and_then(|()| dump.try_clone());
        let input = from_the_start.map_err(BackupError::file("read", "dump"))?;
        let mut command = command(&self.pg_restore);
        command.args(what).stdin(Stdio::from(input));
        start(command, &self.pg_restore, "pg_restore", None)
    }

    /// The same, all of it.
    pub(super) async fn text(&self, dump: &mut File, what: &[&str]) -> Result<String, BackupError> {
        let (running, stdout) = self.read(dump, what)?;
        let mut text = Vec::new();
        let read = stdout.take(MOST_TEXT).read_to_end(&mut text).await;
        read.map_err(BackupError::file("read from", &self.pg_restore))?;
        if text.len() as u64 == MOST_TEXT {
            return Err(BackupError::Script("the definitions of its objects are longer than 64 MiB"));
        }
        running.end().await?;
        String::from_utf8(text)
            .map_err(|_| BackupError::Script("the definitions of its objects are not UTF-8"))
    }
}

impl Running {
    /// Waits for the end, which must be a good one.
    pub(super) async fn end(mut self) -> Result<(), BackupError> {
        let status = self.child.wait().await.map_err(BackupError::file("wait for", self.name))?;
        if status.success() {
            return Ok(());
        }
        let said = self.stderr.await.unwrap_or_default();
        let mut stderr = String::from_utf8_lossy(&said).trim().to_owned();
        if let Some(secret) = &self.secret {
            stderr = stderr.replace(secret.expose_secret(), "(password)");
        }
        let stderr = stderr.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
        Err(BackupError::Program { program: self.name, status: status.to_string(), stderr })
    }
}

async fn not_older(program: &Path, needs: &'static str, needed: u32) -> Result<u32, BackupError> {
    let mut asked = command(program);
    let output = asked.arg("--version").stdin(Stdio::null()).output().await;
    let output = output.map_err(|error| BackupError::Start { program: program.to_owned(), error })?;
    let found = major(&String::from_utf8_lossy(&output.stdout)).unwrap_or(0);
    if found < needed {
        return Err(BackupError::OldProgram { program: program.to_owned(), found, needs, needed });
    }
    Ok(found)
}

/// `pg_dump (PostgreSQL) 15.18 (Debian …)` is of 15.
fn major(said: &str) -> Option<u32> {
    let version = said.split(") ").nth(1)?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Without what this process's environment says to libpq.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").kill_on_drop(true);
    command
}

/// How to log in. The password is nowhere else than here: arguments are read by everybody on the machine.
fn environment(
    command: &mut Command,
    server: &Server,
    (role, password): (&Ident, &SecretString),
) -> Result<(), BackupError> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for address in server.addresses() {
        let login = server_config(address, &server.database)?;
        ports.push(login.get_ports().first().copied().unwrap_or_default().to_string());
        hosts.push(match address {
            ServerAddress::Tcp(host, _) => host.clone(),
            ServerAddress::Unix(path) => path.parent().unwrap_or(path).display().to_string(),
        });
    }
    command.env("PGHOST", hosts.join(",")).env("PGPORT", ports.join(","));
    if hosts.len() > 1 {
        command.env("PGTARGETSESSIONATTRS", "read-write");
    }
    let tls = &server.tls;
    command
        .env("PGDATABASE", &server.database)
        .env("PGUSER", role.as_str())
        .env("PGPASSWORD", password.expose_secret())
        .env("PGAPPNAME", "pgtenant backup")
        .env("PGCONNECT_TIMEOUT", server.connect_timeout.as_secs().max(2).to_string())
        .env("PGOPTIONS", SETTINGS)
        .env("PGGSSENCMODE", "disable")
        .env("PGSSLMODE", if tls.mode == ServerMode::Off { "disable" } else { tls.mode.as_str() });
    if let Some(ca) = &tls.ca {
        command.env("PGSSLROOTCERT", ca);
    }
    if let Some(identity) = &tls.identity {
        command.env("PGSSLCERT", &identity.certificate).env("PGSSLKEY", &identity.key);
    }
    Ok(())
}

fn start(
    mut command: Command,
    program: &Path,
    name: &'static str,
    secret: Option<SecretString>,
) -> Result<(Running, ChildStdout), BackupError> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = command.spawn();
    let mut child = started.map_err(|error| BackupError::Start { program: program.to_owned(), error })?;
    let pipes = child.stdout.take().zip(child.stderr.take());
    let Some((stdout, stderr)) = pipes else { return Err(BackupError::Script("a child has no output")) };
    Ok((Running { child, name, stderr: tokio::spawn(tail(stderr)), secret }, stdout))
}

/// The end of what is said, however much that is.
async fn tail(mut stderr: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut said = Vec::new();
    let mut chunk = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
        said.extend_from_slice(&chunk[..length]);
        if said.len() > 2 * MOST_STDERR {
            said.drain(..said.len() - MOST_STDERR);
        }
    }
    said.drain(..said.len().saturating_sub(MOST_STDERR));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_version_is_read_from_what_a_program_says_of_itself() {
        assert_eq!(major("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("pg_restore (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("something else"), None);
    }

    #[tokio::test]
    async fn only_the_end_of_much_is_kept() {
        let said = "x".repeat(100_000) + "the end";
        let kept = tail(said.as_bytes()).await;
        assert!(kept.len() <= MOST_STDERR && kept.ends_with(b"the end"));
    }
}
