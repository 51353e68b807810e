//! The body of a request: bounded in size and in time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::StateName;
use fogline_core::model::limits::MAX_BODY;
use fogline_protocol::multipart;
use fogline_protocol::problem::Kind;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use super::patience;
use super::received::{Cut, MAX_BODIES, Received};
use crate::fault::Fault;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a request carries.
pub(crate) struct Carried {
    /// The input, or the only part that is no envelope.
    pub(crate) input: Bytes,
    pub(crate) envelopes: BTreeMap<StateName, Bytes>,
    /// Whether it came in parts, and the answer is to come so.
    pub(crate) in_parts: bool,
}

/// The whole body.
pub(crate) async fn whole(headers: &HeaderMap, body: &mut Received) -> Result<Bytes, Fault> {
    let too_large = || {
        Fault::new(
            Kind::TooLarge,
            format!("the body is larger than {} bytes", MAX_BODY.0),
            "send less at once; large states can be appended to",
        )
    };
    let stated = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|length| length > MAX_BODY.0) {
        return Err(too_large());
    }
    match patience::within(PATIENCE, body.read()).await {
        Ok(Ok(whole)) => Ok(whole),
        Ok(Err(Cut::TooLarge)) => Err(too_large()),
        Ok(Err(Cut::NoRoom)) => Err(Fault::overloaded(format!(
            "the node has {MAX_BODIES} of requests' bodies, the most at once"
        ))),
        Ok(Err(Cut::Broken(error))) => Err(Fault::new(
            Kind::BadRequest,
            format!("the body broke off: {error}"),
            "send it again under the same key",
        )),
        Err(_) => Err(Fault::new(
            Kind::DeadlineExceeded,
            format!("the body had not arrived after {} s", PATIENCE.as_secs()),
            "send it again under the same key",
        )),
    }
}

/// The parts of a `multipart/form-data` body.
pub(crate) async fn parts(headers: &HeaderMap, body: Bytes) -> Result<Vec<multipart::Part>, Fault> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    multipart::read(content_type, body).await.map_err(|error| {
        Fault::new(
            Kind::BadRequest,
            format!("the body's parts cannot be read: {error}"),
            "send multipart/form-data",
        )
    })
}

/// An input, alone or with envelopes.
pub(crate) async fn carried(headers: &HeaderMap, body: &mut Received) -> Result<Carried, Fault> {
    let body = whole(headers, body).await?;
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !multipart::is_multipart(content_type) {
        return Ok(Carried {
            input: body,
            envelopes: BTreeMap::new(),
            in_parts: false,
        });
    }
    let mut carried = Carried {
        input: Bytes::new(),
        envelopes: BTreeMap::new(),
        in_parts: true,
    };
    let mut name = None;
    for part in Box::pin(parts(headers, body)).await? {
        match (multipart::state_of(&part.name), part.name.as_str()) {
            (Some(state), _) => {
                carried.envelopes.insert(state, part.bytes);
            }
            (None, multipart::INPUT | multipart::VALUE | multipart::CONVERT) => {
                if let Some(other) = name.replace(part.name.clone()) {
                    return Err(Fault::new(
                        Kind::BadRequest,
                        format!("there are a part \"{other}\" and a part \"{}\"", part.name),
                        "send the one that is meant",
                    ));
                }
                carried.input = part.bytes;
            }
            (None, other) => {
                return Err(Fault::new(
                    Kind::BadRequest,
                    format!("there is a part \"{other}\""),
                    "name parts input (value, convert) and state.NAME",
                ));
            }
        }
    }
    Ok(carried)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use http::{Request, Response};
    use http_body_util::Either;
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto::Builder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::super::received::Room;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_half_way_is_waited_for_so_long_and_no_longer() {
        let (mut caller, node) = tokio::io::duplex(1024);
        let service = service_fn(async |request: Request<Incoming>| {
            let (head, body) = request.into_parts();
            let mut body = Received::new(Either::Left(body), &Arc::new(Room::new(MAX_BODIES)));
            let fault = whole(&head.headers, &mut body).await.unwrap_err();
            Ok::<_, Infallible>(Response::new(format!("{:?}", fault.problem().kind)))
        });
        let since = Instant::now();
        let asking = async move {
            let half =
                b"POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 8\r\n\r\nhalf";
            caller.write_all(half).await.unwrap();
            let mut answer = String::new();
            caller.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let serving = Builder::new(TokioExecutor::new());
        let serving = serving.serve_connection(TokioIo::new(node), service);
        let (answer, _) = tokio::join!(asking, serving);
        assert!(answer.ends_with("DeadlineExceeded"), "{answer}");
        assert!(since.elapsed() >= PATIENCE && since.elapsed() < 2 * PATIENCE);
    }
}
