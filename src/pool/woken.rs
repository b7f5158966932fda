//! [`Woken`]: a task of the tests, here and in what builds upon this.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Wake;

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct Woken(AtomicU32);

impl Woken {
    pub(crate) fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
