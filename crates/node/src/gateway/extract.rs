//! What stands in the path and query of a request; what cannot be read is a problem like any other.

use axum::extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery};
use axum::response::Response;
use fogline_protocol::problem::Kind;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::answer;
use crate::fault::Fault;

/// The names in a path.
pub(super) struct Path<T>(pub(super) T);

/// The values of a query.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let found = AxumPath::<T>::from_request_parts(parts, state).await;
        found
            .map(|AxumPath(names)| Self(names))
            .map_err(|error| unreadable(&error.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let found = AxumQuery::<T>::from_request_parts(parts, state).await;
        found
            .map(|AxumQuery(values)| Self(values))
            .map_err(|error| unreadable(&error.body_text()))
    }
}

fn unreadable(why: &str) -> Response {
    answer::fault(&Fault::new(Kind::BadRequest, why, "see /openapi.json"))
}
