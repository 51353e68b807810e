//! The gateway: the client API over HTTP.

mod answer;
mod apps;
mod body;
mod eager;
mod explanations;
mod extract;
mod invocations;
mod nodes;
mod observe;
mod runs;
mod serve;
mod sessions;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use fogline_core::model::{AppName, SessionId, TenantName};
use fogline_protocol::headers;
use fogline_protocol::problem::Kind;
use fogline_protocol::trace::TraceContext;
use http::{HeaderMap, Method, Uri};

pub(crate) use serve::serve;

use crate::admit::{self, Scope};
use crate::fault::Fault;
use crate::node::Node;
use crate::trace;

/// The routes.
pub(crate) fn router(node: Arc<Node>) -> Router {
    Router::new()
        .route("/v1/apps", get(apps::list).post(apps::deploy))
        .route("/v1/apps/{app}", get(apps::describe).delete(apps::delete))
        .route("/v1/apps/{app}/rollback", post(apps::roll_back))
        .route("/v1/apps/{app}/logs", get(apps::logs))
        .route(
            "/v1/apps/{app}/functions/{function}",
            post(invocations::without_session),
        )
        .route(
            "/v1/apps/{app}/sessions",
            get(sessions::list).post(sessions::create),
        )
        .route(
            "/v1/apps/{app}/sessions/{session}",
            get(sessions::describe).delete(sessions::delete),
        )
        .route(
            "/v1/apps/{app}/sessions/{session}/functions/{function}",
            post(invocations::in_session),
        )
        .route(
            "/v1/apps/{app}/functions/{function}/explain",
            post(explanations::without_session),
        )
        .route(
            "/v1/apps/{app}/sessions/{session}/functions/{function}/explain",
            post(explanations::in_session),
        )
        .route("/v1/apps/{app}/sessions/{session}/runs", post(runs::start))
        .route(
            "/v1/apps/{app}/sessions/{session}/runs/{run}",
            get(runs::describe),
        )
        .route(
            "/v1/apps/{app}/sessions/{session}/runs/{run}/result",
            get(runs::result),
        )
        .route(
            "/v1/apps/{app}/sessions/{session}/states",
            get(sessions::states).post(sessions::held_states),
        )
        .route(
            "/v1/apps/{app}/sessions/{session}/states/{state}",
            get(invocations::get_state)
                .put(invocations::put_state)
                .delete(invocations::remove_state),
        )
        .route(
            "/v1/apps/{app}/sessions/{session}/states/{state}/open",
            post(invocations::open_state),
        )
        .route(
            "/v1/apps/{app}/sessions/{session}/convert",
            post(sessions::convert),
        )
        .route(
            "/v1/apps/{app}/sessions/{session}/migrate",
            post(sessions::migrate),
        )
        .merge(watching())
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .with_state(node)
}

/// How the nodes are, and what an operator does with them.
fn watching() -> Router<Arc<Node>> {
    Router::new()
        .route("/v1/nodes", get(nodes::list))
        .route("/v1/quota", get(nodes::quota))
        .route("/v1/nodes/{node}/drain", post(nodes::drain))
        .route("/livez", get(observe::live))
        .route("/readyz", get(observe::ready))
        .route("/metrics", get(observe::metrics))
        .route("/openapi.json", get(observe::openapi))
}

async fn unknown_path(uri: Uri) -> Response {
    let fault = Fault::not_found(format!("there is nothing at {}", uri.path()), "see /openapi.json");
    answer::fault(&fault)
}

async fn unknown_method(method: Method, uri: Uri) -> Response {
    let title = format!("{method} is not for {}", uri.path());
    answer::fault(&Fault::new(Kind::MethodNotAllowed, title, "see /openapi.json"))
}

/// Answers a request within its deadline, and counts it.
async fn respond(
    node: &Node,
    headers: &HeaderMap,
    work: impl Future<Output = Result<Response, Fault>>,
) -> Response {
    let started = Instant::now();
    // Pinned where it is: moved into a timeout, all of it would be copied.
    let work = std::pin::pin!(work);
    let response = match admit::timeout(headers) {
        Ok(timeout) => match tokio::time::timeout(timeout, work).await {
            Ok(Ok(response)) => response,
            Ok(Err(fault)) => answer::fault(&fault),
            Err(_) => answer::fault(&Fault::deadline()),
        },
        Err(fault) => answer::fault(&fault),
    };
    node.metrics
        .answered(response.status().as_u16(), started.elapsed().as_secs_f64());
    response
}

/// How much of a caller's patience other nodes may take; the rest is for the answer.
fn before_answer(patience: Duration) -> Duration {
    patience.saturating_sub(MARGIN.min(patience / 4))
}

/// The tenant that a request proves, if its quota admits one more.
fn tenant(node: &Node, headers: &HeaderMap) -> Result<TenantName, Fault> {
    let tenant = node.tenants.of(admit::text(headers, headers::AUTHORIZATION)?)?;
    node.quotas.admit(&tenant)?;
    Ok(tenant)
}

/// As [`respond`], for what may be recorded in a trace.
async fn traced(
    node: &Node,
    headers: &HeaderMap,
    route: &'static str,
    work: impl AsyncFnOnce(Option<TraceContext>) -> Result<Response, Fault>,
) -> Response {
    let (mut span, context) = node.tracer.request(route, headers);
    let work = std::pin::pin!(respond(node, headers, work(context.clone())));
    let response = trace::within(context, work).await;
    if span.is_recorded() {
        let (method, path) = route.split_once(' ').unwrap_or(("", route));
        span.is("http.request.method", method);
        span.is("http.route", path);
        span.is("faas.trigger", "http");
        let status = response.status();
        span.is("http.response.status_code", u64::from(status.as_u16()));
        if status.is_server_error() {
            span.failed(status.as_str().to_owned(), "");
        }
    }
    response
}

/// What a path names, for the tenant that the request proves.
fn scope(node: &Node, headers: &HeaderMap, app: &str, session: Option<&str>) -> Result<Scope, Fault> {
    let tenant = tenant(node, headers)?;
    let app: AppName = app
        .parse()
        .map_err(|error| Fault::not_found(format!("{error}"), NAMES))?;
    let session: Option<SessionId> = session
        .map(str::parse)
        .transpose()
        .map_err(|error| Fault::not_found(format!("{error}"), "create one with POST …/sessions"))?;
    Ok(Scope { tenant, app, session })
}

/// What is left of a caller's time for the answer, if it has so much.
const MARGIN: Duration = Duration::from_secs(1);
const NAMES: &str = "`fogline get apps` and `fogline describe` list the names that there are";

/// A name in a path.
fn named<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Fault> {
    text.parse()
        .map_err(|error: T::Err| Fault::not_found(error.to_string(), NAMES))
}
