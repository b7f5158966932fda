//! A private, throwaway PostgreSQL: for `pgtenant demo` and for the tests.
//!
//! The server is driven by `pg_ctl`. A watchdog process (`sh`, waiting on a pipe from us) stops it and
//! removes its files also when this process dies without a chance to tidy up: Ctrl-C, SIGKILL, a test
//! binary whose statics are never dropped.

mod find;
mod standby;
mod watchdog;

use std::fs::{self, DirBuilder};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use crate::cli::cluster::watchdog::Watchdog;

pub use find::{find_binaries, find_clients};
pub use standby::PRIMARY_SETTINGS;

/// The only superuser of a private server.
pub const SUPERUSER: &str = "postgres";

/// How often a start is tried again when another process took the port in between.
const PORT_ATTEMPTS: usize = 5;

/// `sun_path` holds 104 bytes on macOS and 108 on Linux; `/.s.PGSQL.65535` takes 15 of them.
const MAX_SOCKET_DIR_BYTES: usize = 88;

/// Settings of data that nobody will miss. Commits are still written at once: with synchronous_commit
/// off, an immediate stop takes back what was committed just before it.
const THROWAWAY: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("wal_init_zero", "off"),
    ("max_wal_senders", "0"),
    ("shared_buffers", "64MB"),
    ("max_connections", "200"),
    ("max_prepared_transactions", "0"),
    ("listen_addresses", "127.0.0.1"),
    ("lc_messages", "C"),
];

/// What may be chosen about a private server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the binaries are; `None` searches, see [`find_binaries`].
    pub bin_dir: Option<PathBuf>,
    /// Server settings over the defaults for throwaway data.
    pub settings: Vec<(String, String)>,
}

/// How to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Ends sessions, writes a checkpoint (SIGINT).
    Fast,
    /// As after a crash: sessions just break (SIGQUIT).
    Immediate,
}

/// A running server of our own. Dropping it stops the server and removes every file.
///
/// All methods block; from async code call them in `spawn_blocking`.
#[derive(Debug)]
pub struct PrivateCluster {
    bin_dir: PathBuf,
    dir: PathBuf,
    run_as: Option<(u32, u32)>,
    port: u16,
    password: String,
    watchdog: Watchdog,
}

impl PrivateCluster {
    /// Makes a data directory under the system's temporary directory and starts a server on a free
    /// port of 127.0.0.1 and on a Unix socket. All logins need a password (SCRAM-SHA-256), also the
    /// superuser's, which is generated. As root the server runs as user `postgres`, else `nobody`,
    /// because PostgreSQL refuses to run as root.
    ///
    /// # Errors
    /// When PostgreSQL's binaries are missing (with the command that installs them) or the server does
    /// not start (with the end of its log).
    pub fn start(options: &Options) -> Result<Self> {
        let bin_dir = find_binaries(options.bin_dir.as_deref())?;
        let dir = make_directory()?;
        let watchdog = Watchdog::start(&dir)?;
        let run_as = if fs::metadata(&dir)?.uid() == 0 { Some(unprivileged_user()?) } else { None };
        let password = random_hex(16)?;
        let mut cluster = Self { bin_dir, dir, run_as, port: 0, password, watchdog };
        cluster.init(options)?;
        for _ in 1..PORT_ATTEMPTS {
            if cluster.start_on_free_port().is_ok() {
                return Ok(cluster);
            }
            if !cluster.log().contains("could not create any TCP/IP sockets") {
                break;
            }
        }
        cluster.start_on_free_port()?;
        Ok(cluster)
    }

    /// TCP port on 127.0.0.1; also the number in the socket's file name.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Directory of the Unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// The generated password of [`SUPERUSER`].
    #[must_use]
    pub fn superuser_password(&self) -> &str {
        &self.password
    }

    /// Connection string of the superuser for one database, over TCP. Holds the password.
    #[must_use]
    pub fn superuser_url(&self, database: &str) -> String {
        format!("postgresql://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Path of one of PostgreSQL's programs, for example `psql`.
    #[must_use]
    pub fn bin(&self, program: &str) -> PathBuf {
        self.bin_dir.join(program)
    }

    /// What the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.log_file()).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    /// Stops the server; its data stays until the drop.
    ///
    /// # Errors
    /// When it does not stop within a minute.
    pub fn stop(&mut self, how: Stop) -> Result<()> {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.pg_ctl(&["stop", "-m", mode]).context("cannot stop the private PostgreSQL")?;
        self.watchdog.watch(0)
    }

    /// Starts a stopped server, or stops (fast) and starts a running one, on the same port.
    ///
    /// # Errors
    /// When it does not start, with the end of its log.
    pub fn restart(&mut self) -> Result<()> {
        self.pg_ctl(&["restart", "-m", "fast", "-l", &self.log_file().to_string_lossy()])
            .with_context(|| self.failure("cannot restart the private PostgreSQL"))?;
        self.watchdog.watch(self.postmaster_pid()?)
    }

    fn init(&self, options: &Options) -> Result<()> {
        let password_file = self.dir.join("superuser");
        fs::write(&password_file, &self.password)?;
        if let Some((uid, gid)) = self.run_as {
            for path in [&self.dir, &password_file] {
                chown(path, Some(uid), Some(gid))?;
            }
        }
        let mut initdb = self.command("initdb");
        initdb.arg("-D").arg(self.data_dir()).arg("--pwfile").arg(&password_file);
        initdb.args(["-U", SUPERUSER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]);
        run(&mut initdb).context("cannot create the private PostgreSQL's data directory")?;
        fs::remove_file(&password_file)?;
        let own = [("unix_socket_directories".to_owned(), self.dir.to_string_lossy().into_owned())];
        let given = THROWAWAY.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.append_settings(given.chain(own).chain(options.settings.iter().cloned()))
    }

    /// Later lines win, so defaults come first.
    fn append_settings(&self, settings: impl Iterator<Item = (String, String)>) -> Result<()> {
        let file = self.data_dir().join("postgresql.conf");
        let mut text = fs::read_to_string(&file)?;
        for (name, value) in settings {
            text.push_str(&format!("{name} = '{}'\n", value.replace('\\', "\\\\").replace('\'', "''")));
        }
        fs::write(&file, text).context("cannot write postgresql.conf")
    }

    fn start_on_free_port(&mut self) -> Result<()> {
        self.port = free_port()?;
        self.append_settings([("port".to_owned(), self.port.to_string())].into_iter())?;
        // A log of an earlier attempt must not speak for this one.
        let _ = fs::remove_file(self.log_file());
        self.pg_ctl(&["start", "-l", &self.log_file().to_string_lossy()])
            .with_context(|| self.failure("cannot start a private PostgreSQL"))?;
        self.watchdog.watch(self.postmaster_pid()?)
    }

    fn pg_ctl(&self, args: &[&str]) -> Result<()> {
        let mut command = self.command("pg_ctl");
        command.args(args).arg("-D").arg(self.data_dir()).args(["-w", "-s", "-t", "60"]);
        run(&mut command).map(drop)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin(program));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").current_dir(&self.dir).stdin(Stdio::null());
        if let Some((uid, gid)) = self.run_as {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// First line of `postmaster.pid`.
    fn postmaster_pid(&self) -> Result<u32> {
        let text = fs::read_to_string(self.data_dir().join("postmaster.pid"))?;
        text.lines()
            .next()
            .and_then(|line| line.trim().parse().ok())
            .context("postmaster.pid holds no process id")
    }

    fn failure(&self, what: &str) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        format!("{what}; its log ends with:\n{}", lines[lines.len().saturating_sub(10)..].join("\n"))
    }
}

impl Drop for PrivateCluster {
    fn drop(&mut self) {
        if self.postmaster_pid().is_ok() {
            let _ = self.stop(Stop::Immediate);
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A port nobody listens on, below the range the system takes from by itself: a server that is stopped
/// for a while must find its port free again.
fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let mut random = [0; 2];
        fill(&mut random)?;
        let port = 20_000 + u16::from_be_bytes(random) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between 20000 and 32000")
}

/// Runs a program to its end; its own words are the error.
fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    // pg_ctl's server keeps what it inherits open, so a pipe would not end; stdout goes nowhere.
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let Output { status, stderr, .. } = command.output().with_context(|| format!("cannot run {name}"))?;
    if !status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&stderr).trim());
    }
    Ok(())
}

/// Secret enough for a password or a key.
pub(in crate::cli) fn random_hex(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer)?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn fill(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer).map_err(|error| anyhow!("the system gives no random numbers: {error}"))
}

/// A new directory only we can enter, with a path short enough for a socket in it.
fn make_directory() -> Result<PathBuf> {
    let mut base = std::env::temp_dir();
    let name = format!("pgtenant-{}", random_hex(6)?);
    if base.join(&name).as_os_str().len() > MAX_SOCKET_DIR_BYTES {
        base = PathBuf::from("/tmp");
    }
    let dir = base.join(name);
    DirBuilder::new().mode(0o700).create(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

/// User and group PostgreSQL can run as when we are root.
fn unprivileged_user() -> Result<(u32, u32)> {
    let id = |flag: &str, user: &str| -> Option<u32> {
        let output = Command::new("id").args([flag, user]).stderr(Stdio::null()).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    ["postgres", "nobody"].iter().find_map(|user| Some((id("-u", user)?, id("-g", user)?))).context(
        "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`; \
         run this as an ordinary user",
    )
}
