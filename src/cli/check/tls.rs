//! Whether the certificates and keys can be used.

use crate::config::Config;
use crate::config::problem::{Place, Problem, Problems};
use crate::net::tls::{Acceptor, Connector, Trouble};

/// Reads the files as `serve` will; what to warn of.
pub(super) fn check(config: &Config, problems: &mut Problems) -> Vec<String> {
    let ours = config.listen.tls.as_ref().map(|tls| Acceptor::load(tls).map(|(_, warning)| warning));
    let server = Connector::check(&config.server.tls);
    let mut warnings = Vec::new();
    for found in ours.into_iter().chain([server]) {
        match found {
            Ok(warning) => warnings.extend(warning),
            Err(Trouble { key, wrong, remedy }) => {
                problems.push(Problem { place: Place::Machine, key: Some(key), wrong, remedy });
            }
        }
    }
    warnings
}
