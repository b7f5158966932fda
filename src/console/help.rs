//! What `SHOW HELP` says.

use crate::console::Show;

/// The detail of the notice.
pub(super) fn text() -> String {
    let words: Vec<_> = Show::ALL.iter().map(|show| show.word()).collect();
    let mut lines = String::new();
    for line in words.chunks(6) {
        lines.push_str(&format!("\n\tSHOW {}", line.join("|")));
    }
    for line in [
        "PAUSE [<tenant>]",
        "RESUME [<tenant>]",
        "RECONNECT [<tenant>]",
        "WAIT_CLOSE [<tenant>]",
        "KILL [<tenant>]",
        "KILL_CLIENT <id>",
        "DISABLE <tenant>",
        "ENABLE <tenant>",
        "SUSPEND [<tenant>]",
        "SET <key> = <value>|DEFAULT",
        "SET <limit> = <value>|DEFAULT FOR <tenant>",
        "RELOAD",
        "SHUTDOWN [WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]",
    ] {
        lines.push_str(&format!("\n\t{line}"));
    }
    lines
}
