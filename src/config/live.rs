//! [`Live`]: the configuration in force, which a reload may replace.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::Config;

/// The configuration in force. Reading it takes no lock.
#[derive(Debug)]
pub struct Live(ArcSwap<Config>);

impl Live {
    /// This one, to begin with.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self(ArcSwap::from_pointee(config))
    }

    /// What is in force at this moment. Who decides several things that belong together asks once.
    #[must_use]
    pub fn get(&self) -> Arc<Config> {
        self.0.load_full()
    }

    /// This one is in force from now on.
    pub fn set(&self, config: Arc<Config>) {
        self.0.store(config);
    }
}
