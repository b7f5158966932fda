//! What is known of the hardening, for those who serve tenants of level shared.

/// The last word of the watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HardeningWatch {
    /// Nobody looks: no tenant is of level shared.
    #[default]
    Unknown,
    /// All of it is in force.
    Hardened,
    /// There is none, and there is to be none: the guard refuses code instead.
    Unhardened,
    /// It cannot be relied upon: tenants of level shared are not served until it can.
    OutOfService {
        /// For the log; never for a client.
        why: String,
    },
}

impl HardeningWatch {
    /// Whether the guard may count on it; `None` while tenants of level shared are not served.
    #[must_use]
    pub const fn serves(&self) -> Option<bool> {
        match self {
            Self::Hardened => Some(true),
            Self::Unhardened => Some(false),
            Self::Unknown | Self::OutOfService { .. } => None,
        }
    }
}
