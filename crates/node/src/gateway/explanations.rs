//! Where invocations would run.

use fogline_protocol::peer::Target;
use http::StatusCode;

use super::answer::{self, Response};
use super::asked::{Asked, named};
use super::body;
use crate::admit::admit;
use crate::fault::Fault;
use crate::invoke::{Job, explain};

pub(super) async fn without_session(asked: Asked<'_>) -> Result<Response, Fault> {
    let [app, function] = asked.names()?;
    answered(asked, app, None, function).await
}

pub(super) async fn in_session(asked: Asked<'_>) -> Result<Response, Fault> {
    let [app, session, function] = asked.names()?;
    answered(asked, app, Some(session), function).await
}

async fn answered(
    asked: Asked<'_>,
    app: &str,
    session: Option<&str>,
    function: &str,
) -> Result<Response, Fault> {
    let scope = asked.scope(app, session)?;
    let Asked {
        node, headers, body, ..
    } = asked;
    let carried = body::carried(headers, body).await?;
    let target = Target::Function(named(function)?);
    let job = Job {
        call: admit(node, &scope, target, &carried.input, headers)?,
        input: carried.input,
        envelopes: carried.envelopes,
    };
    Ok(answer::json(StatusCode::OK, &explain(node, &job).await?))
}
