//! Log lines, and the counters behind the periodic line about what the proxy does.

mod counters;
mod denials;
mod histogram;
pub mod overview;
mod period;
mod sparing;
mod traffic;
mod verification;

pub use counters::{Batch, Counters, Snapshot};
pub use denials::{DenialRecord, Denials};
pub use histogram::Times;
pub use period::Period;
pub use traffic::{Lately, Traffic, TrafficTotals};
pub use verification::Verified;

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

/// Target of the lines about those who may look at every tenant.
pub const AUDIT: &str = "pgtenant::audit";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The filter cannot be read.
    #[error("the log filter cannot be read: {0}")]
    Filter(String),
    /// Something else in this process logs already.
    #[error("logging was started before: {0}")]
    Started(#[from] TryInitError),
}

/// Whether a text is a filter for log lines.
///
/// # Errors
/// What is wrong with it.
pub fn check_filter(text: &str) -> Result<(), String> {
    parse_filter(text).map(drop)
}

/// Sends log lines to standard error from now on, for the whole process.
///
/// # Errors
/// [`StartError`] when the filter is bad, or logging was started before.
pub fn start(filter: &str, lines: Lines) -> Result<(), StartError> {
    use tracing_subscriber::util::SubscriberInitExt;

    let filter = parse_filter(filter).map_err(StartError::Filter)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match lines {
        Lines::Text => builder.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).finish().try_init()?,
        Lines::Json => builder.json().flatten_event(true).with_current_span(true).finish().try_init()?,
    }
    Ok(())
}

/// What is audited is written down whatever else is not, unless the filter names it.
fn parse_filter(text: &str) -> Result<EnvFilter, String> {
    let filter = EnvFilter::builder().parse(text).map_err(|error| error.to_string())?;
    if text.contains(AUDIT) {
        return Ok(filter);
    }
    let audit = format!("{AUDIT}=info").parse().map_err(|error| format!("{error}"))?;
    Ok(filter.add_directive(audit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_is_written_whatever_the_filter_says_unless_it_names_it() {
        let directives = |text| parse_filter(text).unwrap().to_string();
        assert!(directives("error").contains("pgtenant::audit=info"));
        assert!(directives("off,pgtenant=warn").contains("pgtenant::audit=info"));
        let named = directives("info,pgtenant::audit=off");
        assert!(named.contains("pgtenant::audit=off") && !named.contains("pgtenant::audit=info"), "{named}");
    }
}
