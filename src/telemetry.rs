//! Log lines, and the counters behind the periodic line about what the proxy does.

mod counters;
mod denials;
mod filter;
mod flood;
mod histogram;
pub mod overview;
mod period;
mod sparing;
mod speaker;
mod traffic;
mod verification;
mod window;

pub use counters::{Batch, Counters, Snapshot};
pub use denials::{DenialRecord, Denials};
pub use flood::{Flood, LineKind};
pub use histogram::Times;
pub use period::Period;
pub use speaker::{Speaker, Spoken, speaking};
pub use traffic::{Lately, Traffic, TrafficTotals};
pub use verification::Verified;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::telemetry::filter::LiveFilter;

/// Target of the lines that are audited: what those do who may look at every tenant, and with `log.audit_file` logins and
/// refusals.
pub const AUDIT: &str = "pgtenant::audit";

/// Takes whole lines of the log.
pub type Sink = Box<dyn Fn(&[u8]) -> io::Result<()> + Send + Sync>;

type Audit = Arc<ArcSwapOption<Sink>>;

/// Writes lines to standard error, and audited ones where those go.
struct LineWriter(Audit);

/// Where one line goes.
enum Destination {
    Errors(io::Stderr),
    Audit(Arc<Sink>),
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Destination;

    fn make_writer(&'a self) -> Destination {
        Destination::Errors(io::stderr())
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Destination {
        let audit = if metadata.target() == AUDIT { self.0.load_full() } else { None };
        audit.map_or_else(|| self.make_writer(), Destination::Audit)
    }
}

impl Write for Destination {
    /// One line, as `tracing_subscriber::fmt` writes it. Where an audited line cannot be written it is told on standard
    /// error, and does not get lost.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self {
            Self::Errors(errors) => errors.write(line),
            Self::Audit(sink) => {
                if sink(line).is_err() {
                    io::stderr().write_all(line)?;
                }
                Ok(line.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

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
pub fn start(filter: &str, lines: Lines, audit: Option<Sink>) -> Result<Log, StartError> {
    let filter = LiveFilter::new(filter, parse_filter(filter).map_err(StartError::Filter)?);
    let coloured = audit.is_none() && io::IsTerminal::is_terminal(&io::stderr());
    let log = Log { filter: filter.clone(), audit: Arc::new(ArcSwapOption::new(audit.map(Arc::new))) };
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(LineWriter(Arc::clone(&log.audit)));
    match lines {
        Lines::Text => registry.with(Spoken(layer.with_ansi(coloured))).try_init()?,
        Lines::Json => {
            registry.with(Spoken(layer.json().flatten_event(true).with_current_span(true))).try_init()?;
        }
    }
    Ok(log)
}

/// The log of this process, once it is started.
#[derive(Clone)]
pub struct Log {
    filter: LiveFilter,
    audit: Audit,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl Log {
    /// This filter is in force from now on.
    ///
    /// # Errors
    /// What is wrong with it; the old one stays.
    pub fn set_filter(&self, text: &str) -> Result<(), String> {
        self.filter.set(text, parse_filter(text)?);
        Ok(())
    }

    /// Audited lines go there from now on; without one, to standard error.
    pub fn set_audit(&self, audit: Option<Sink>) {
        self.audit.store(audit.map(Arc::new));
    }
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
