//! A request, as whoever answers it sees it.

use std::sync::Arc;

use arrayvec::ArrayVec;
use bytes::Bytes;
use fogline_core::model::{AppName, SessionId, TenantName};
use fogline_protocol::headers;
use fogline_protocol::problem::Kind;
use fogline_protocol::trace::TraceContext;
use http::HeaderMap;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::received::Received;
use crate::admit::{self, Scope};
use crate::fault::Fault;
use crate::node::Node;

/// What a request carries: from a connection, or at hand.
pub type Body = Either<Incoming, Full<Bytes>>;

/// What stands in a path where its route has names.
pub(super) type Names<'a> = ArrayVec<&'a str, 3>;

const NAMES: &str = "`fogline get apps` and `fogline describe` list the names that there are";

/// A request that its route was found for.
pub(super) struct Asked<'a> {
    pub(super) node: &'a Arc<Node>,
    pub(super) names: Names<'a>,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a mut Received,
    /// The trace that what it causes belongs to.
    pub(super) trace: Option<TraceContext>,
}

impl<'a> Asked<'a> {
    /// The names in its path.
    pub(super) fn names<const N: usize>(&self) -> Result<[&'a str; N], Fault> {
        self.names
            .as_slice()
            .try_into()
            .map_err(|_| Fault::internal(format!("a path with {} names, not {N}", self.names.len())))
    }

    /// The values of its query.
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_urlencoded::from_str(self.query).map_err(|error| {
            let title = format!("the query is not what is expected: {error}");
            Fault::new(Kind::BadRequest, title, "see /openapi.json")
        })
    }

    /// The tenant that it proves, if the tenant's quota admits one more.
    pub(super) fn tenant(&self) -> Result<TenantName, Fault> {
        let authorization = admit::text(self.headers, headers::AUTHORIZATION)?;
        let tenant = self.node.tenants.of(authorization)?;
        self.node.quotas.admit(&tenant)?;
        Ok(tenant)
    }

    /// What its path names, for the tenant that it proves.
    pub(super) fn scope(&self, app: &str, session: Option<&str>) -> Result<Scope, Fault> {
        // Who asks is proven before anything else is said.
        let tenant = self.tenant()?;
        let app: AppName = named(app)?;
        let session: Option<SessionId> = session
            .map(str::parse)
            .transpose()
            .map_err(|error| Fault::not_found(format!("{error}"), "create one with POST …/sessions"))?;
        Ok(Scope { tenant, app, session })
    }
}

/// A name in a path.
pub(super) fn named<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Fault> {
    text.parse()
        .map_err(|error: T::Err| Fault::not_found(error.to_string(), NAMES))
}
