//! Tidies up after us when we cannot.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Reads server process ids from the pipe. At its end, which is our end: SIGQUIT to the last one named
/// (nobody will miss the data), SIGKILL after ten seconds, and the directory goes.
const SCRIPT: &str = r#"
pid=0
while read -r line; do pid=$line; done
if [ "$pid" -gt 1 ]; then
    kill -QUIT "$pid" 2>/dev/null
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -KILL "$pid" 2>/dev/null
fi
rm -rf -- "$1"
"#;

/// A process that outlives us by as long as tidying up takes.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

impl Watchdog {
    /// Starts watching; `dir` will be removed.
    pub(super) fn start(dir: &Path) -> Result<Self> {
        Command::new("sh")
            .args(["-c", SCRIPT, "pgtenant-watchdog"])
            .arg(dir)
            .current_dir("/")
            // Out of the terminal's process group: Ctrl-C is for us alone.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
            .context("cannot start sh")
    }

    /// Names the server's process; 0 for none.
    pub(super) fn watch(&mut self, pid: u32) -> Result<()> {
        let pipe = self.0.stdin.as_mut().context("the watchdog has no pipe")?;
        writeln!(pipe, "{pid}").context("the watchdog is gone")
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
