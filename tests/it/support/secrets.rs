//! Everything that the proxy logs in any test, at the finest level, is searched for secrets.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{LazyLock, Once, RwLock};

use pgtenant::telemetry::Spoken;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::support::proxy::PASSWORD;

/// What no secret of the tests looks like by chance, and each of them contains: users' passwords, the master key, what is
/// checked against a password, tokens.
const ALWAYS: [&str; 4] = [PASSWORD, "5a5a5a5a5a5a5a5a", "SCRAM-SHA-256$", "eyJ"];

/// Those that were made meanwhile.
static MADE: LazyLock<RwLock<HashSet<String>>> = LazyLock::new(RwLock::default);

/// What was audited.
static AUDITED: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// The lines of the audit with this in them.
pub(crate) fn audited(text: &str) -> Vec<String> {
    AUDITED.read().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
}

/// Searches for this one too, from now on.
pub(crate) fn watch_for(secret: &str) {
    MADE.write().unwrap().insert(secret.to_owned());
}

/// Ends all tests where a line of a log has one in it: a panic would be caught by whoever logs.
pub(crate) fn look_at(line: &str) {
    if has_secret(line) {
        let _ = writeln!(io::stderr(), "a secret was logged; run the tests one by one to see by which");
        std::process::abort();
    }
}

/// Whether a text has one in it.
fn has_secret(text: &str) -> bool {
    ALWAYS.iter().any(|secret| text.contains(secret))
        || MADE.read().unwrap().iter().any(|secret| text.contains(secret))
}

/// Looks at what is logged from now on; prints it too where the variable PGTENANT_TEST_LOG is set.
pub(crate) fn watch_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let prints = std::env::var_os("PGTENANT_TEST_LOG").is_some();
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || Watched { prints });
        let filter = tracing_subscriber::EnvFilter::new("pgtenant=trace");
        let _ = tracing_subscriber::registry().with(filter).with(Spoken(lines)).try_init();
    });
}

struct Watched {
    prints: bool,
}

impl Write for Watched {
    /// One line of the log.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        look_at(&line);
        if line.contains(pgtenant::telemetry::AUDIT) {
            AUDITED.write().unwrap().push(line.into_owned());
        }
        if self.prints {
            let _ = io::stderr().write_all(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn secret_in_the_log_is_found() {
    watch_for("made just now");
    assert!(has_secret(&format!("user x, password {PASSWORD}")));
    assert!(has_secret("made just now, by nobody"));
    assert!(!has_secret("client disconnected"));
}
