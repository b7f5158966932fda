//! What a client is told after it has logged in: the ParameterStatus values that a direct connection
//! with its settings would have told. Asked of a server once, then remembered.

use std::sync::Arc;

use dashmap::DashMap;

use crate::pool::{AttachError, CheckoutError, Ended, Pool};
use crate::server::cancel::CancelSlot;
use crate::session::params::Settings;
use crate::tenant::{Level, Tenant, TenantId};
use crate::wire::write;

/// Combinations of tenant and settings that are remembered; beyond that all are asked anew.
const MAX_REMEMBERED: usize = 10_000;

/// ParameterStatus messages, ready to send, and the settings they are the effect of.
#[derive(Debug)]
pub struct Welcome {
    /// The messages.
    pub messages: Vec<u8>,
    /// The settings, shared by all clients that have the same.
    pub settings: Arc<Settings>,
    /// Those of them that are among the messages, as these have them.
    pub reported: Arc<Settings>,
}

/// Why a client cannot be welcomed.
#[derive(Debug, thiserror::Error)]
pub enum WelcomeError {
    /// No server connection.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    /// A setting of the startup packet is wrong, or the connection broke.
    #[error(transparent)]
    Attach(#[from] AttachError),
}

#[derive(Debug, Default)]
pub(super) struct Welcomes {
    known: DashMap<(TenantId, Arc<Settings>), Arc<Welcome>>,
}

impl Welcomes {
    pub(super) fn forget(&self, tenant: TenantId) {
        self.known.retain(|(of, _), _| *of != tenant);
    }
}

impl Pool {
    /// What to tell a client of this tenant with these settings.
    ///
    /// # Errors
    /// [`WelcomeError`].
    pub async fn welcome(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        settings: Settings,
        cancel: &Arc<CancelSlot>,
    ) -> Result<Arc<Welcome>, WelcomeError> {
        let key = (tenant.id, Arc::new(settings));
        if let Some(known) = self.welcomes.known.get(&key) {
            return Ok(Arc::clone(&known));
        }
        let attached = self.checkout(tenant, cancel, &Arc::default(), None).await?.attach(&key.1).await?;
        let (mut messages, mut reported) = (Vec::new(), Settings::default());
        for (name, value) in attached.parameters() {
            // A direct connection is logged in as the tenant's role.
            let own = tenant.level == Level::Shared && name == "session_authorization";
            let value = if own { tenant.names.role.as_str() } else { value };
            write::parameter_status(&mut messages, name, value);
            if key.1.get(&name.to_ascii_lowercase()).is_some() {
                reported.set(name, value);
            }
        }
        attached.detach(Ended::Idle);
        let welcome =
            Arc::new(Welcome { messages, settings: Arc::clone(&key.1), reported: Arc::new(reported) });
        if self.welcomes.known.len() >= MAX_REMEMBERED {
            self.welcomes.known.clear();
        }
        self.welcomes.known.insert(key, Arc::clone(&welcome));
        Ok(welcome)
    }
}
