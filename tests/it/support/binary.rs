//! The real program, as an operator starts it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};

use std::io::Write as _;
use tempfile::TempDir;

use crate::support::cluster;
use crate::support::proxy::PASSWORD;
use crate::support::secrets::look_at;
use crate::support::wire::Wire;

/// `pgtenant serve` as a child process.
pub(crate) struct Binary {
    child: Child,
    addr: SocketAddr,
    dir: Arc<TempDir>,
    log: Arc<Mutex<String>>,
    /// What its file begins with.
    config: String,
    variables: Vec<(String, String)>,
    pub(crate) database: String,
}

impl Binary {
    /// After `init` and `tenant create` by the same program.
    pub(crate) fn start(tenants: &[&str]) -> Self {
        Self::start_with(tenants, &[])
    }

    /// The same, with variables in the environment of `serve`.
    pub(crate) fn start_with(tenants: &[&str], variables: &[(&str, &str)]) -> Self {
        let (dir, database, config) = site("");
        let admin = cluster().superuser_url(&database);
        succeed(&command(dir.path()).args(["init", "--admin-url", &admin]).output().unwrap());
        for tenant in tenants {
            let slug = format!("{database}_{tenant}");
            let mut child = command(dir.path())
                .args(["tenant", "create", &slug, "--password-stdin", "--admin-url", &admin])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
            succeed(&child.wait_with_output().unwrap());
        }
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables = variables.iter().map(owned).collect();
        let mut serve = command(dir.path());
        serve.arg("serve");
        Self::serve(serve, Arc::new(dir), variables, config, database)
    }

    /// With tenants that stand in a file, for a database that an administrator got ready with the SQL the program prints.
    /// In the text `DB` is the database and `VERIFIER` that of the usual password.
    pub(crate) fn of_file(tenants: &str) -> Self {
        let (dir, database, config) = site("[tenants]\nfile = \"tenants.toml\"\n");
        write_tenants(dir.path(), &database, tenants);
        let sql = command(dir.path()).args(["static", "sql"]).output().unwrap();
        succeed(&sql);
        // It can be run again.
        for _ in 0..2 {
            psql(&database, &String::from_utf8(sql.stdout.clone()).unwrap());
        }
        let mut serve = command(dir.path());
        serve.arg("serve");
        Self::serve(serve, Arc::new(dir), Vec::new(), config, database)
    }

    /// Writes the file anew, and asks for it to be read again.
    pub(crate) fn rewrite_tenants(&self, tenants: &str) {
        write_tenants(self.dir.path(), &self.database, tenants);
        self.signal("-HUP");
    }

    /// One more process of the same installation, which takes over from this one. `None` where it ends instead of serving.
    pub(crate) fn take_over(&self, more: &[(&str, &str)]) -> Self {
        let mut serve = self.command();
        serve.args(["serve", "--takeover"]).envs(more.iter().copied());
        let (dir, variables) = (Arc::clone(&self.dir), self.variables.clone());
        Self::serve(serve, dir, variables, self.config.clone(), self.database.clone())
    }

    /// The same program, started by a command that ends in it.
    pub(crate) fn start_by(&self, serve: Command) -> Self {
        let (dir, variables) = (Arc::clone(&self.dir), self.variables.clone());
        Self::serve(serve, dir, variables, self.config.clone(), self.database.clone())
    }

    fn serve(
        mut serve: Command,
        dir: Arc<TempDir>,
        variables: Vec<(String, String)>,
        config: String,
        database: String,
    ) -> Self {
        serve.envs(variables.iter().cloned()).stderr(Stdio::piped());
        let mut child = serve.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (addr, said) = listening(&mut lines);
        let log = Arc::new(Mutex::new(said));
        let kept = Arc::clone(&log);
        // Read on, or the pipe fills and the program waits.
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                look_at(&line);
                kept.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self { child, addr, dir, log, config, variables, database }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn wire(&self, tenant: &str) -> Wire {
        self.wire_with(tenant, &[])
    }

    /// With more in the startup packet.
    pub(crate) fn wire_with(&self, tenant: &str, more: &[(&str, &str)]) -> Wire {
        let user = format!("{}_{tenant}", self.database);
        let parameters = [&[("user", user.as_str()), ("database", &self.database)][..], more].concat();
        Wire::log_in(self.addr, &parameters, PASSWORD).expect("login")
    }

    pub(crate) fn try_wire(&self, tenant: &str) -> Result<Wire, String> {
        let user = format!("{}_{tenant}", self.database);
        Wire::log_in(self.addr, &[("user", &user), ("database", &self.database)], PASSWORD)
    }

    /// Connection string through the proxy.
    pub(crate) fn url(&self, tenant: &str) -> String {
        let password = PASSWORD.replace(' ', "%20");
        let Self { addr, database, .. } = self;
        format!("postgresql://{database}_{tenant}:{password}@{addr}/{database}")
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Memory the process occupies.
    pub(crate) fn resident_bytes(&self) -> usize {
        let output =
            Command::new("ps").args(["-o", "rss=", "-p", &self.child.id().to_string()]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<usize>().unwrap() * 1024
    }

    /// Another command of the same installation.
    pub(crate) fn command(&self) -> Command {
        command(self.dir.path())
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Where its configuration and keys are.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes more sections into its file, in place of those that were written before.
    pub(crate) fn configure(&self, more: &str) {
        fs::write(self.dir.path().join("pgtenant.toml"), format!("{}{more}", self.config)).unwrap();
    }

    /// Waits until the log, from this place on, has this in it.
    pub(crate) fn wait_for_log(&self, from: usize, wanted: &str) -> String {
        crate::support::proxy::eventually(wanted, || self.log()[from..].contains(wanted));
        self.log()[from..].to_owned()
    }

    /// Descriptors that are open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count)
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory with a master key and a configuration, and an empty database.
fn site(more: &str) -> (TempDir, String, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let database = format!("binary_{}", dir.path().file_name().unwrap().to_str().unwrap().replace('.', ""))
        .to_lowercase();
    psql("postgres", &format!("create database {database}"));
    write_secret(&dir.path().join("master.key"), &"5a".repeat(32));
    let config = format!(
        "[listen]\naddresses = [\"127.0.0.1:0\"]\n[server]\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"{database}\"\n\
         [registry]\nuser = \"{database}_proxy\"\n[secrets]\nmaster_key_file = \"master.key\"\n{more}",
        cluster().port()
    );
    fs::write(dir.path().join("pgtenant.toml"), &config).unwrap();
    (dir, database, config)
}

fn write_secret(path: &Path, text: &str) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn write_tenants(dir: &Path, database: &str, tenants: &str) {
    let mut child = command(dir)
        .args(["static", "verifier"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    let made = child.wait_with_output().unwrap();
    succeed(&made);
    let verifier = format!("verifier = \"{}\"", String::from_utf8(made.stdout).unwrap().trim());
    let text = tenants.replace("DB", database).replace("VERIFIER", &verifier);
    write_secret(&dir.join("tenants.toml"), &text);
}

/// Runs a script as the superuser, in one transaction.
pub(crate) fn psql(database: &str, script: &str) {
    let mut psql = Command::new(cluster().bin("psql"));
    psql.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-f", "-"]).arg(cluster().superuser_url(database));
    let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    succeed(&child.wait_with_output().unwrap());
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("pgtenant"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
        command.env_remove(name);
    }
    command.current_dir(dir).env("PGTENANT_CONFIG", dir.join("pgtenant.toml")).stdin(Stdio::null());
    command
}

fn succeed(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// The address in the log line that says it serves, and the log up to there.
fn listening(log: &mut impl BufRead) -> (SocketAddr, String) {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "serve ended: {said}");
        let plain: String = line.chars().filter(|c| !c.is_control()).collect();
        let address = plain
            .split("127.0.0.1:")
            .nth(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        if let Some(Ok(port)) = address.filter(|_| plain.contains("serving")).map(|port| port.parse::<u16>())
        {
            return (SocketAddr::from(([127, 0, 0, 1], port)), said);
        }
        said.push_str(&line);
    }
}
