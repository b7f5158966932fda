//! The guard: judges every statement text before a server may see it.

mod verdict;

pub use verdict::{Cleared, Deallocated, Denial, Effect, Effects, Rule, Scope, Verdict};
