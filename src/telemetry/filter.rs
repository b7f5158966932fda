//! [`LiveFilter`]: which lines are written, and can be changed while the process runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer};

use crate::telemetry::speaker::{enter_spans, spans_are_entered};

/// A filter in force. Copies are of the same one.
///
/// `tracing_subscriber::reload` would take a lock each time that a span is entered, which is for each step of each
/// client where the filter looks at spans; this reads one flag there, and a pointer where a line is to be judged.
#[derive(Clone, Debug)]
pub(super) struct LiveFilter(Arc<ArcSwap<EnvFilter>>);

/// Whether a filter looks at the spans that a line stands in.
fn looks_at_spans(text: &str) -> bool {
    text.contains('[')
}

impl LiveFilter {
    pub(super) fn new(text: &str, filter: EnvFilter) -> Self {
        enter_spans(looks_at_spans(text));
        Self(Arc::new(ArcSwap::from_pointee(filter)))
    }

    /// This one is in force from now on. Spans that are open already are unknown to it.
    pub(super) fn set(&self, text: &str, filter: EnvFilter) {
        self.0.store(Arc::new(filter));
        enter_spans(looks_at_spans(text));
        tracing::callsite::rebuild_interest_cache();
    }
}

impl<S: Subscriber> Layer<S> for LiveFilter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        Layer::<S>::register_callsite(&**self.0.load(), metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        Layer::<S>::enabled(&**self.0.load(), metadata, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Layer::<S>::max_level_hint(&**self.0.load())
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if spans_are_entered() {
            self.0.load().on_new_span(attributes, id, context);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if spans_are_entered() {
            Layer::<S>::on_record(&**self.0.load(), id, values, context);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if spans_are_entered() {
            Layer::<S>::on_enter(&**self.0.load(), id, context);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if spans_are_entered() {
            Layer::<S>::on_exit(&**self.0.load(), id, context);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if spans_are_entered() {
            Layer::<S>::on_close(&**self.0.load(), id, context);
        }
    }
}
