//! What can be asked of a node, and who answers it.
//!
//! A table rather than a crate's router: finding who answers is in the way of every invocation, and a router that knows
//! nothing of them allocates what these borrow from the request.

use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use arrayvec::ArrayVec;
use fogline_protocol::problem::Kind;
use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use percent_encoding::percent_decode_str;

use super::answer::{self, Response};
use super::asked::{Asked, Body, Names};
use super::{apps, explanations, invocations, nodes, observe, patience, runs, sessions};
use crate::admit;
use crate::fault::Fault;
use crate::node::Node;
use crate::trace::{self, Span};

/// Segments of the longest route.
const MAX_SEGMENTS: usize = 8;

type Segments<'a> = ArrayVec<Cow<'a, str>, MAX_SEGMENTS>;

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response, Fault>> + Send + 'a>>;

/// Answers a request.
type Handler = for<'a> fn(Asked<'a>) -> Answering<'a>;

/// What is noted of the requests of a route.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noted {
    /// Nothing: they only look at the node.
    Nothing,
    /// How many there are, what they are answered, and how long that takes.
    Metrics,
    /// The same, and a span in the trace that they belong to.
    Trace,
}

/// What can be asked.
struct Route {
    /// Method and path, with names in braces.
    title: &'static str,
    method: Method,
    segments: Segments<'static>,
    noted: Noted,
    handler: Handler,
}

/// The route that most requests take comes first.
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    use Noted::{Metrics, Nothing, Trace};
    let route = Route::new;
    vec![
        route(
            "POST /v1/apps/{app}/sessions/{session}/functions/{function}",
            Trace,
            |asked| Box::pin(invocations::in_session(asked)),
        ),
        route("POST /v1/apps/{app}/functions/{function}", Trace, |asked| {
            Box::pin(invocations::without_session(asked))
        }),
        route(
            "GET /v1/apps/{app}/sessions/{session}/states/{state}",
            Trace,
            |asked| Box::pin(invocations::get_state(asked)),
        ),
        route(
            "PUT /v1/apps/{app}/sessions/{session}/states/{state}",
            Trace,
            |asked| Box::pin(invocations::put_state(asked)),
        ),
        route(
            "DELETE /v1/apps/{app}/sessions/{session}/states/{state}",
            Trace,
            |asked| Box::pin(invocations::remove_state(asked)),
        ),
        route(
            "POST /v1/apps/{app}/sessions/{session}/states/{state}/open",
            Trace,
            |asked| Box::pin(invocations::open_state(asked)),
        ),
        route("GET /v1/apps", Metrics, |asked| Box::pin(apps::list(asked))),
        route("POST /v1/apps", Metrics, |asked| Box::pin(apps::deploy(asked))),
        route("GET /v1/apps/{app}", Metrics, |asked| {
            Box::pin(apps::describe(asked))
        }),
        route("DELETE /v1/apps/{app}", Metrics, |asked| {
            Box::pin(apps::delete(asked))
        }),
        route("POST /v1/apps/{app}/rollback", Metrics, |asked| {
            Box::pin(apps::roll_back(asked))
        }),
        route("GET /v1/apps/{app}/logs", Metrics, |asked| {
            Box::pin(apps::logs(asked))
        }),
        route("GET /v1/apps/{app}/sessions", Metrics, |asked| {
            Box::pin(sessions::list(asked))
        }),
        route("POST /v1/apps/{app}/sessions", Trace, |asked| {
            Box::pin(sessions::create(asked))
        }),
        route("GET /v1/apps/{app}/sessions/{session}", Metrics, |asked| {
            Box::pin(sessions::describe(asked))
        }),
        route("DELETE /v1/apps/{app}/sessions/{session}", Trace, |asked| {
            Box::pin(sessions::delete(asked))
        }),
        route("GET /v1/apps/{app}/sessions/{session}/states", Metrics, |asked| {
            Box::pin(sessions::states(asked))
        }),
        route(
            "POST /v1/apps/{app}/sessions/{session}/states",
            Metrics,
            |asked| Box::pin(sessions::held_states(asked)),
        ),
        route("POST /v1/apps/{app}/sessions/{session}/convert", Trace, |asked| {
            Box::pin(sessions::convert(asked))
        }),
        route("POST /v1/apps/{app}/sessions/{session}/migrate", Trace, |asked| {
            Box::pin(sessions::migrate(asked))
        }),
        route("POST /v1/apps/{app}/sessions/{session}/runs", Trace, |asked| {
            Box::pin(runs::start(asked))
        }),
        route(
            "GET /v1/apps/{app}/sessions/{session}/runs/{run}",
            Metrics,
            |asked| Box::pin(runs::describe(asked)),
        ),
        route(
            "GET /v1/apps/{app}/sessions/{session}/runs/{run}/result",
            Metrics,
            |asked| Box::pin(runs::result(asked)),
        ),
        route(
            "POST /v1/apps/{app}/functions/{function}/explain",
            Metrics,
            |asked| Box::pin(explanations::without_session(asked)),
        ),
        route(
            "POST /v1/apps/{app}/sessions/{session}/functions/{function}/explain",
            Metrics,
            |asked| Box::pin(explanations::in_session(asked)),
        ),
        route("GET /v1/nodes", Metrics, |asked| Box::pin(nodes::list(asked))),
        route("GET /v1/quota", Metrics, |asked| Box::pin(nodes::quota(asked))),
        route("POST /v1/nodes/{node}/drain", Trace, |asked| {
            Box::pin(nodes::drain(asked))
        }),
        route("GET /livez", Nothing, |asked| Box::pin(observe::live(asked))),
        route("GET /readyz", Nothing, |asked| Box::pin(observe::ready(asked))),
        route("GET /metrics", Nothing, |asked| Box::pin(observe::metrics(asked))),
        route("GET /openapi.json", Nothing, |asked| {
            Box::pin(observe::openapi(asked))
        }),
    ]
});

impl Route {
    fn new(title: &'static str, noted: Noted, handler: Handler) -> Self {
        let (method, path) = title.split_once(' ').expect("a title has a method and a path");
        Self {
            title,
            method: method.parse().expect("it is a method"),
            segments: segments(path).expect("no route has more"),
            noted,
            handler,
        }
    }

    /// The names in a path, if it is one of this route.
    fn names<'a>(&self, path: &'a Segments<'_>) -> Option<Names<'a>> {
        if self.segments.len() != path.len() {
            return None;
        }
        let mut names = Names::new();
        for (of_route, of_path) in self.segments.iter().zip(path) {
            if of_route.starts_with('{') {
                names.push(of_path);
            } else if of_route != of_path {
                return None;
            }
        }
        Some(names)
    }

    /// What a path is answered by under a method.
    fn find<'a>(method: &Method, path: &'a Segments<'_>) -> Option<(&'static Self, Names<'a>)> {
        // What has an answer has one without a body, too.
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let mut routes = ROUTES.iter().filter(|route| route.method == *method);
        routes.find_map(|route| Some((route, route.names(path)?)))
    }
}

/// The segments of a path, unless there are more than any route has. What is no text becomes none that is a name.
fn segments(path: &str) -> Option<Segments<'_>> {
    let is_escaped = path.contains('%');
    let mut segments = Segments::new();
    let mut rest = path.strip_prefix('/')?;
    loop {
        // Segments are so short that a search costs more than to look at each byte.
        let end = rest.bytes().position(|byte| byte == b'/');
        let (segment, after) = rest.split_at(end.unwrap_or(rest.len()));
        let segment = if is_escaped {
            percent_decode_str(segment).decode_utf8_lossy()
        } else {
            Cow::Borrowed(segment)
        };
        segments.try_push(segment).ok()?;
        match after.strip_prefix('/') {
            Some(after) => rest = after,
            None => return Some(segments),
        }
    }
}

/// Answers a request within its deadline, and notes what is to be noted of it.
pub(crate) async fn answer(node: &Arc<Node>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let path = segments(head.uri.path()).unwrap_or_default();
    let Some((route, names)) = Route::find(&head.method, &path) else {
        return nowhere(&head, &path);
    };
    let started = Instant::now();
    let (span, trace) = match route.noted {
        Noted::Trace => node.tracer.request(route.title, &head.headers),
        Noted::Metrics | Noted::Nothing => (Span::none(), None),
    };
    let asked = Asked {
        node,
        names,
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
        trace: trace.clone(),
    };
    let work = in_time(&head.headers, (route.handler)(asked));
    let response = trace::within(trace, pin!(work)).await;
    if route.noted != Noted::Nothing {
        let took = started.elapsed().as_secs_f64();
        node.metrics.answered(response.status().as_u16(), took);
    }
    if span.is_recorded() {
        describe(span, route, response.status());
    }
    response
}

async fn in_time(headers: &HeaderMap, work: Answering<'_>) -> Response {
    let answered = match admit::timeout(headers) {
        Ok(timeout) => patience::within(timeout, work).await,
        Err(fault) => Ok(Err(fault)),
    };
    match answered {
        Ok(Ok(response)) => response,
        Ok(Err(fault)) => answer::fault(&fault),
        Err(_) => answer::fault(&Fault::deadline()),
    }
}

fn describe(mut span: Span<'_>, route: &'static Route, status: StatusCode) {
    let (_, path) = route.title.split_once(' ').unwrap_or_default();
    span.is("http.request.method", route.method.as_str());
    span.is("http.route", path);
    span.is("faas.trigger", "http");
    span.is("http.response.status_code", u64::from(status.as_u16()));
    if status.is_server_error() {
        span.failed(status.as_str().to_owned(), "");
    }
}

/// What is answered when there is no route.
fn nowhere(head: &Parts, path: &Segments<'_>) -> Response {
    let routes = ROUTES.iter().filter(|route| route.names(path).is_some());
    let mut methods: Vec<&str> = routes.map(|route| route.method.as_str()).collect();
    let uri = head.uri.path();
    if methods.is_empty() {
        let fault = Fault::not_found(format!("there is nothing at {uri}"), "see /openapi.json");
        return answer::fault(&fault);
    }
    if methods.contains(&Method::GET.as_str()) {
        methods.push(Method::HEAD.as_str());
    }
    let title = format!("{} is not for {uri}", head.method);
    let mut response = answer::fault(&Fault::new(Kind::MethodNotAllowed, title, "see /openapi.json"));
    if let Ok(methods) = HeaderValue::from_str(&methods.join(",")) {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}
