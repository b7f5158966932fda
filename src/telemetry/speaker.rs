//! Whose lines are whose: a span that is made where there is a line to write, and not before.
//!
//! A span that is open for as long as a client is here is entered at each step of the client, which costs more than what
//! most steps do, and is kept in memory for those who never have anything to say. Here a step only notes who takes it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::metadata::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Span, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Somebody in whose name lines are written.
pub trait Speaker: Send + Sync {
    /// What each of them is to say of it.
    fn span(&self) -> Span;
}

thread_local! {
    static SPEAKER: RefCell<Option<Arc<dyn Speaker>>> = const { RefCell::new(None) };
}

/// The filter in force looks at spans: then they are entered, as it could not know them otherwise.
static BY_SPAN: AtomicBool = AtomicBool::new(false);

/// Whether a filter looks at the spans that a line stands in.
pub(super) fn enter_spans(needed: bool) {
    BY_SPAN.store(needed, Ordering::Relaxed);
}

/// What was said by it last.
pub(super) fn spans_are_entered() -> bool {
    BY_SPAN.load(Ordering::Relaxed)
}

/// Does a step of somebody's.
#[inline]
pub fn speaking<T>(speaker: &mut Option<Arc<dyn Speaker>>, step: impl FnOnce() -> T) -> T {
    if spans_are_entered() {
        let span = speaker.as_ref().map_or_else(Span::none, |speaker| speaker.span());
        return span.in_scope(step);
    }
    // Whoever panics in its step must not leave its name to the next.
    let _turn = Turn::begin(speaker);
    step()
}

/// Lends the name, without counting references, and takes it back.
struct Turn<'a> {
    /// Who spoke before.
    own: &'a mut Option<Arc<dyn Speaker>>,
}

impl<'a> Turn<'a> {
    fn begin(own: &'a mut Option<Arc<dyn Speaker>>) -> Self {
        SPEAKER.with_borrow_mut(|current| std::mem::swap(current, own));
        Self { own }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        SPEAKER.with_borrow_mut(|current| std::mem::swap(current, self.own));
    }
}

/// Writes lines in the span of who speaks.
#[derive(Debug)]
pub struct Spoken<L>(pub L);

impl<S, L> Layer<S> for Spoken<L>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    L: Layer<S>,
{
    fn on_layer(&mut self, subscriber: &mut S) {
        self.0.on_layer(subscriber);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        self.0.enabled(metadata, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.0.max_level_hint()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.0.on_new_span(attributes, id, context);
    }

    fn on_record(&self, span: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.0.on_record(span, values, context);
    }

    fn on_follows_from(&self, span: &Id, follows: &Id, context: Context<'_, S>) {
        self.0.on_follows_from(span, follows, context);
    }

    fn event_enabled(&self, event: &Event<'_>, context: Context<'_, S>) -> bool {
        self.0.event_enabled(event, context)
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let speaker = SPEAKER.with_borrow(Clone::clone);
        match speaker {
            Some(speaker) => speaker.span().in_scope(|| self.0.on_event(event, context)),
            None => self.0.on_event(event, context),
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.0.on_enter(id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.0.on_exit(id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.0.on_close(id, context);
    }

    fn on_id_change(&self, old: &Id, new: &Id, context: Context<'_, S>) {
        self.0.on_id_change(old, new, context);
    }
}
