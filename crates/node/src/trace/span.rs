//! One piece of work, from its beginning to its end.

use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fogline_protocol::trace::{SpanId, TraceContext};

use super::{Recorder, context};
use crate::fault::Fault;

/// What a span is to those before and behind it, as OTLP numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// What is said of a span.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(Cow<'static, str>),
    Count(u64),
    Is(bool),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Is(is)
    }
}

/// A span that has ended.
pub(crate) struct Ended {
    pub(super) context: TraceContext,
    pub(super) parent: Option<SpanId>,
    pub(super) kind: Kind,
    pub(super) name: Cow<'static, str>,
    /// Since 1970.
    pub(super) began: Duration,
    pub(super) took: Duration,
    pub(super) attributes: Vec<(&'static str, Value)>,
    /// Why it failed, if it did.
    pub(super) failure: Option<String>,
}

/// A span under way, or nothing if the request is not recorded. It ends when it is dropped.
#[must_use]
pub(crate) struct Span<'a>(Option<Box<Open<'a>>>);

struct Open<'a> {
    recorder: &'a Recorder,
    since: Instant,
    /// `None` once it was sent.
    span: Option<Ended>,
}

impl<'a> Span<'a> {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(super) fn begin(
        recorder: &'a Recorder,
        context: TraceContext,
        parent: Option<SpanId>,
        kind: Kind,
        name: Cow<'static, str>,
    ) -> Self {
        let span = Ended {
            context,
            parent,
            kind,
            name,
            // A clock before 1970 says nothing.
            began: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            took: Duration::ZERO,
            attributes: Vec::with_capacity(8),
            failure: None,
        };
        Self(Some(Box::new(Open {
            recorder,
            since: Instant::now(),
            span: Some(span),
        })))
    }

    fn span(&mut self) -> Option<&mut Ended> {
        self.0.as_mut().and_then(|open| open.span.as_mut())
    }

    /// Whether it is recorded: what is costly to say need not be said otherwise.
    pub(crate) fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// What it causes is of this context.
    pub(super) fn context(&self) -> Option<TraceContext> {
        let span = self.0.as_ref()?.span.as_ref()?;
        Some(span.context.clone())
    }

    /// Does work that is caused by it, if it is recorded.
    pub(crate) fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        context::within(self.context(), work)
    }

    /// Says something of it, under a name of the semantic conventions, or one of ours: `fogline.…`.
    pub(crate) fn is(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(span) = self.span() {
            span.attributes.push((name, value.into()));
        }
    }

    /// Says what it is about, behind its name.
    pub(crate) fn about(&mut self, what: &dyn std::fmt::Display) {
        if let Some(span) = self.span() {
            span.name = format!("{} {what}", span.name).into();
        }
    }

    /// It failed: a word for the kind of failure, and what was said of it.
    pub(crate) fn failed(&mut self, kind: impl Into<Value>, why: &str) {
        if let Some(span) = self.span() {
            span.attributes.push(("error.type", kind.into()));
            span.failure = Some(why.to_owned());
        }
    }

    /// What came of it.
    pub(crate) fn gave<T>(&mut self, result: &Result<T, Fault>) {
        if let Err(fault) = result {
            self.failed(fault.problem().kind.name(), &fault.problem().title);
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(mut span) = self.span.take() {
            span.took = self.since.elapsed();
            if self.recorder.spans.try_send(span).is_err() {
                self.recorder.counts.dropped(1);
            }
        }
    }
}
