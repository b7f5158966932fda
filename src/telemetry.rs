//! Log lines, and the counters behind the periodic line about what the proxy does.

use tracing_subscriber::EnvFilter;

/// Whether a text is a filter for log lines.
///
/// # Errors
/// What is wrong with it.
pub fn check_filter(text: &str) -> Result<(), String> {
    EnvFilter::builder().parse(text).map(drop).map_err(|error| error.to_string())
}
