//! What can be asked of a node, and who answers it.
//!
//! A table rather than a crate's router: finding who answers is in the way of every invocation, and a router that knows
//! nothing of them allocates what these borrow from the request.

use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::str::Utf8Error;
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
use super::received::Received;
use super::{apps, explanations, invocations, nodes, observe, pages, patience, runs, sessions};
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

macro_rules! routes {
    ($($noted:ident $title:literal => $handler:path,)*) => {
        vec![$(Route::new($title, Noted::$noted, |asked| Box::pin($handler(asked)))),*]
    };
}

/// Those that most requests take come first.
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    routes! {
        Trace "POST /v1/apps/{app}/sessions/{session}/functions/{function}" => invocations::in_session,
        Trace "POST /v1/apps/{app}/functions/{function}" => invocations::without_session,
        Trace "GET /v1/apps/{app}/sessions/{session}/states/{state}" => invocations::get_state,
        Trace "PUT /v1/apps/{app}/sessions/{session}/states/{state}" => invocations::put_state,
        Trace "DELETE /v1/apps/{app}/sessions/{session}/states/{state}" => invocations::remove_state,
        Trace "POST /v1/apps/{app}/sessions/{session}/states/{state}/open" => invocations::open_state,
        Metrics "GET /v1/apps" => apps::list,
        Metrics "POST /v1/apps" => apps::deploy,
        Metrics "GET /v1/apps/{app}" => apps::describe,
        Metrics "DELETE /v1/apps/{app}" => apps::delete,
        Metrics "POST /v1/apps/{app}/rollback" => apps::roll_back,
        Metrics "GET /v1/apps/{app}/logs" => apps::logs,
        Metrics "GET /v1/apps/{app}/sessions" => sessions::list,
        Trace "POST /v1/apps/{app}/sessions" => sessions::create,
        Metrics "GET /v1/apps/{app}/sessions/{session}" => sessions::describe,
        Trace "DELETE /v1/apps/{app}/sessions/{session}" => sessions::delete,
        Metrics "GET /v1/apps/{app}/sessions/{session}/states" => sessions::states,
        Metrics "POST /v1/apps/{app}/sessions/{session}/states" => sessions::held_states,
        Trace "POST /v1/apps/{app}/sessions/{session}/convert" => sessions::convert,
        Trace "POST /v1/apps/{app}/sessions/{session}/migrate" => sessions::migrate,
        Trace "POST /v1/apps/{app}/sessions/{session}/runs" => runs::start,
        Metrics "GET /v1/apps/{app}/sessions/{session}/runs/{run}" => runs::describe,
        Metrics "GET /v1/apps/{app}/sessions/{session}/runs/{run}/result" => runs::result,
        Metrics "POST /v1/apps/{app}/functions/{function}/explain" => explanations::without_session,
        Metrics "POST /v1/apps/{app}/sessions/{session}/functions/{function}/explain" => explanations::in_session,
        Metrics "GET /v1/nodes" => nodes::list,
        Metrics "GET /v1/quota" => nodes::quota,
        Trace "POST /v1/nodes/{node}/drain" => nodes::drain,
        Nothing "GET /livez" => observe::live,
        Nothing "GET /readyz" => observe::ready,
        Nothing "GET /metrics" => observe::metrics,
        Nothing "GET /openapi.json" => observe::openapi,
    }
});

impl Route {
    fn new(title: &'static str, noted: Noted, handler: Handler) -> Self {
        let (method, path) = title.split_once(' ').expect("a title has a method and a path");
        Self {
            title,
            method: method.parse().expect("it is a method"),
            segments: segments(path).ok().flatten().expect("no route has more"),
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

/// The segments of a path, unless there are more than any route has.
///
/// # Errors
/// When what is escaped is no text.
fn segments(path: &str) -> Result<Option<Segments<'_>>, Utf8Error> {
    let Some(mut rest) = path.strip_prefix('/') else {
        return Ok(None);
    };
    let is_escaped = path.contains('%');
    let mut segments = Segments::new();
    loop {
        // Segments are so short that a search costs more than to look at each byte.
        let end = rest.bytes().position(|byte| byte == b'/');
        let (segment, after) = rest.split_at(end.unwrap_or(rest.len()));
        let segment = if is_escaped {
            percent_decode_str(segment).decode_utf8()?
        } else {
            Cow::Borrowed(segment)
        };
        if segments.try_push(segment).is_err() {
            return Ok(None);
        }
        match after.strip_prefix('/') {
            Some(after) => rest = after,
            None => return Ok(Some(segments)),
        }
    }
}

/// Answers a request within its deadline, and notes what is to be noted of it.
pub(crate) async fn answer(node: &Arc<Node>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let mut body = Received::new(body, &node.bodies);
    let response = answered(node, &head, &mut body).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        body.linger(&head.headers).await;
    }
    response
}

async fn answered(node: &Arc<Node>, head: &Parts, body: &mut Received) -> Response {
    let started = Instant::now();
    let counted = |response: Response| {
        let took = started.elapsed().as_secs_f64();
        node.metrics.answered(response.status().as_u16(), took);
        response
    };
    if let Err(fault) = pages::check(&node.tenants, head) {
        return counted(answer::fault(&fault));
    }
    let path = match segments(head.uri.path()) {
        Ok(path) => path.unwrap_or_default(),
        Err(error) => {
            let title = format!("the path is not text: {error}");
            let fault = Fault::new(Kind::BadRequest, title, "see /openapi.json");
            return counted(answer::fault(&fault));
        }
    };
    let Some((route, names)) = Route::find(&head.method, &path) else {
        return counted(nowhere(head, &path));
    };
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
    let mut response = trace::within(trace, pin!(work)).await;
    if route.noted != Noted::Nothing {
        response = counted(response);
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
        Ok(Err(fault)) => answer::refusal(headers, &fault),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fogline_protocol::openapi;
    use http::Method;

    use super::{Noted, ROUTES, Route, segments};

    fn found(method: Method, path: &str) -> Option<(&'static str, Vec<String>)> {
        let path = segments(path).unwrap()?;
        let (route, names) = Route::find(&method, &path)?;
        Some((route.title, names.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn the_document_describes_every_route_and_no_other() {
        let document: serde_json::Value = serde_json::from_str(openapi::document()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let methods = |(path, item): (&String, &serde_json::Value)| {
            let methods = item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| *key != "parameters");
            let titles = methods.map(|method| format!("{} {path}", method.to_uppercase()));
            titles.collect::<Vec<_>>()
        };
        let described: BTreeSet<String> = paths.iter().flat_map(methods).collect();
        let routes: BTreeSet<String> = ROUTES.iter().map(|route| route.title.to_owned()).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn the_document_says_which_requests_are_part_of_their_callers_trace() {
        let document: serde_json::Value = serde_json::from_str(openapi::document()).unwrap();
        for route in ROUTES.iter() {
            let (method, path) = route.title.split_once(' ').unwrap();
            let parameters = document["paths"][path][method.to_lowercase()]["parameters"].as_array();
            for header in ["traceparent", "tracestate"] {
                let reference = format!("#/components/parameters/{header}");
                let named = parameters.is_some_and(|all| all.iter().any(|it| it["$ref"] == reference));
                assert_eq!(named, route.noted == Noted::Trace, "{}: {header}", route.title);
            }
        }
    }

    #[test]
    fn names_are_what_stands_in_their_place() {
        let title = "POST /v1/apps/{app}/sessions/{session}/functions/{function}";
        let names = vec!["hits".to_owned(), "s_f_1".to_owned(), "count".to_owned()];
        let plain = found(Method::POST, "/v1/apps/hits/sessions/s_f_1/functions/count");
        assert_eq!(plain, Some((title, names.clone())));
        let escaped = found(
            Method::POST,
            "/v1/%61pps/hits/sessions/s%5Ff%5F1/functions/c%6Funt",
        );
        assert_eq!(escaped, Some((title, names)));
        let slash = found(Method::GET, "/v1/apps/a%2Fb").unwrap();
        assert_eq!(slash.1, ["a/b"], "an escaped slash is part of a name");
    }

    #[test]
    fn what_is_no_route_is_none() {
        for path in [
            "/",
            "//",
            "/v1",
            "/v1/apps/",
            "/v1/apps/a/",
            "v1/apps",
            "/v1/apps/a/b",
            "/livez/",
            "*",
        ] {
            let found =
                found(Method::GET, path).filter(|(_, names)| names.iter().all(|name| !name.is_empty()));
            assert_eq!(found, None, "{path}");
        }
        let long = format!("/v1/apps{}", "/a".repeat(100));
        assert_eq!(found(Method::GET, &long), None);
        assert_eq!(found(Method::PATCH, "/v1/apps"), None);
    }

    #[test]
    fn what_is_got_may_be_asked_for_without_its_body() {
        assert_eq!(found(Method::HEAD, "/livez").unwrap().0, "GET /livez");
    }
}
