//! Traces: what a request caused, on all nodes, as spans that a receiver of OTLP collects.
//!
//! ```text
//! POST …/functions/f2          the gateway                 one node
//!   dispatch                   the choice of a node
//!     forward                  to another node
//!       invoke                 there                       another node
//!         load, queue, execute, commit
//!           store load         a call to a store, there or at a third node
//! ```
//!
//! A request that is not recorded carries no context, and costs a look at its headers.

mod context;
mod export;
mod messages;
mod span;
mod store;

use std::sync::Arc;

use fogline_core::model::NodeName;
use fogline_protocol::headers;
use fogline_protocol::peer::{Invoke, Target};
use fogline_protocol::trace::{SpanId, TraceContext, TraceId};
use fogline_state::Store;
use http::{HeaderMap, Uri};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::admit;
use crate::metrics::Spans;
use crate::random;

pub(crate) use context::{cause, caused, within};
use export::Exporter;
pub(crate) use span::{Kind, Span};

/// Spans that wait to be sent. Beyond it spans are dropped, and counted: a receiver that is slow or away must not fill
/// a node's memory.
const QUEUE: usize = 4096;

/// Where traces go, and how many.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceOptions {
    /// Where the receiver is, as `http://127.0.0.1:4318`; `/v1/traces` is added to its path.
    pub receiver: Uri,
    /// The share of requests that are recorded, of those that come without a context of their own: 0 to 1.
    pub sample: f64,
    /// The name under which the receiver shows the nodes.
    pub service: String,
}

/// Begins spans; by default none.
#[derive(Clone, Default)]
pub(crate) struct Tracer(Option<Arc<Recorder>>);

struct Recorder {
    spans: mpsc::Sender<span::Ended>,
    /// A random number below it has a request recorded.
    threshold: u64,
    /// Whether all are; the threshold cannot say so.
    all: bool,
    counts: Spans,
}

/// What begins a node's spans, and what brings them to the receiver. Without one, contexts are passed on.
pub(crate) fn start(
    options: Option<&TraceOptions>,
    node: &NodeName,
    counts: &Spans,
) -> (Tracer, Option<Exporter>) {
    let Some(options) = options else {
        return (Tracer(None), None);
    };
    let (spans, ended) = mpsc::channel(QUEUE);
    let recorder = Recorder {
        spans,
        // Casts from floats saturate.
        threshold: (options.sample * u64::MAX as f64) as u64,
        all: options.sample >= 1.0,
        counts: counts.clone(),
    };
    let exporter = Exporter::new(options, node, ended, counts.clone());
    (Tracer(Some(Arc::new(recorder))), Some(exporter))
}

impl Tracer {
    /// The span of a request from outside, and the context of what the request causes. Whether it is recorded its
    /// headers say, else chance.
    pub(crate) fn request(
        &self,
        name: &'static str,
        headers: &HeaderMap,
    ) -> (Span<'_>, Option<TraceContext>) {
        let text = |name| admit::text(headers, name).ok().flatten();
        let parent = text(headers::TRACEPARENT)
            .and_then(|parent| TraceContext::read(parent, text(headers::TRACESTATE)));
        let Some(recorder) = &self.0 else {
            return (Span::none(), parent.filter(|parent| parent.sampled));
        };
        let (context, parent) = match parent {
            Some(parent) if parent.sampled => (parent.of_span(SpanId(random::bytes())), Some(parent.span)),
            None if recorder.draws() => {
                let context = TraceContext {
                    trace: TraceId(random::bytes()),
                    span: SpanId(random::bytes()),
                    sampled: true,
                    state: None,
                };
                (context, None)
            }
            Some(_) | None => return (Span::none(), None),
        };
        let span = Span::begin(recorder, context.clone(), parent, Kind::Server, name.into());
        (span, Some(context))
    }

    /// A span of an invocation that causes nothing else, but for what is done [around](Span::around) it.
    pub(crate) fn leaf(&self, call: &Invoke, name: &'static str) -> Span<'_> {
        self.child(call.trace.as_ref(), Kind::Internal, name)
    }

    /// A span of what the work under way causes.
    pub(crate) fn caused(&self, kind: Kind, name: &'static str) -> Span<'_> {
        match &self.0 {
            Some(_) => self.child(cause().as_ref(), kind, name),
            None => Span::none(),
        }
    }

    fn child(&self, parent: Option<&TraceContext>, kind: Kind, name: &'static str) -> Span<'_> {
        let (Some(recorder), Some(parent)) = (&self.0, parent) else {
            return Span::none();
        };
        let context = parent.of_span(SpanId(random::bytes()));
        Span::begin(recorder, context, Some(parent.span), kind, name.into())
    }

    /// The store, with spans of what is asked of it; `at` is the node that keeps it, if another one does.
    pub(crate) fn store(&self, inner: Arc<dyn Store>, at: Option<&NodeName>) -> Arc<dyn Store> {
        match &self.0 {
            None => inner,
            Some(_) => Arc::new(store::Traced {
                inner,
                tracer: self.clone(),
                at: at.cloned(),
            }),
        }
    }

    /// A span of an invocation. What the invocation causes from now on is caused by it.
    pub(crate) fn of(&self, call: &mut Invoke, kind: Kind, name: &'static str) -> Span<'_> {
        let mut span = self.child(call.trace.as_ref(), kind, name);
        let Some(context) = span.context() else {
            return span;
        };
        call.trace = Some(context);
        if let Target::Function(function) = &call.target {
            span.is("faas.invoked_name", function.to_string());
        }
        span.is("faas.invocation_id", call.id.to_string());
        span.is("fogline.tenant", call.tenant.to_string());
        span.is("fogline.app", call.app.to_string());
        if let Some(session) = &call.session {
            // Whoever has the id of a session may be able to use it, so that traces have a name for it only.
            let hash = Sha256::digest(session.to_string().as_bytes());
            span.is("fogline.session", data_encoding::HEXLOWER.encode(&hash[..8]));
        }
        span
    }
}

impl Recorder {
    fn draws(&self) -> bool {
        self.all || u64::from_le_bytes(random::bytes()) < self.threshold
    }
}
