//! What a connection sends.

use std::future::Future;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;

use crate::connection::Answer;

/// What one connection sends, request by request.
pub trait Script: Send {
    /// The next request.
    fn request(&mut self) -> Request<Full<Bytes>>;

    /// Takes its answer, a success.
    ///
    /// # Errors
    /// What is wrong with the answer: the request counts as failed.
    fn answered(&mut self, answer: Answer) -> impl Future<Output = Result<(), String>> + Send;
}

/// The same request again and again.
#[derive(Clone, Debug)]
pub struct Same {
    path: Uri,
    body: Bytes,
}

impl Same {
    /// Posts this body to this path.
    ///
    /// # Panics
    /// When the path is not one.
    #[must_use]
    pub fn post(path: &str, body: impl Into<Bytes>) -> Self {
        Self {
            path: path.parse().expect("a path of our own is one"),
            body: body.into(),
        }
    }
}

impl Script for Same {
    fn request(&mut self) -> Request<Full<Bytes>> {
        post(self.path.clone(), self.body.clone())
    }

    async fn answered(&mut self, _: Answer) -> Result<(), String> {
        Ok(())
    }
}

pub(crate) fn post(path: Uri, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = path;
    request
}
