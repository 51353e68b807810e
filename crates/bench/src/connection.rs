//! One connection, HTTP/1.1.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use bytes::Bytes;
use fogline_protocol::headers::TIMEOUT_MS;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::error::BenchError;

/// Who is to answer.
#[derive(Clone, Debug)]
pub struct Server {
    address: SocketAddr,
    host: HeaderValue,
    /// How long it may take to answer, if not as long as it likes to.
    timeout: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
}

/// What came back, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The answer, unless it is a refusal.
    ///
    /// # Errors
    /// With the refusal's text.
    pub fn ok(self, doing: &'static str) -> Result<Self, BenchError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let text = String::from_utf8_lossy(&self.body).into_owned();
        Err(BenchError::Refused {
            doing,
            status: self.status.as_u16(),
            text,
        })
    }
}

impl Server {
    /// The server at `http://HOST:PORT`, as the tenant with this token.
    ///
    /// # Errors
    /// When the address is not such a one, or its name is not known.
    pub fn at(url: &str, token: Option<&str>) -> Result<Self, BenchError> {
        let bad = || BenchError::Url(url.to_owned());
        let host = url.strip_prefix("http://").ok_or_else(bad)?.trim_end_matches('/');
        let address = host
            .to_socket_addrs()
            .map_err(|_| bad())?
            .next()
            .ok_or_else(bad)?;
        let authorization = token.map(|token| HeaderValue::from_str(&format!("Bearer {token}")));
        Ok(Self {
            address,
            host: HeaderValue::from_str(host).map_err(|_| bad())?,
            timeout: None,
            authorization: authorization.transpose().map_err(|_| bad())?,
        })
    }

    /// The server at this address, without a token.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        let host = HeaderValue::from_str(&address.to_string()).expect("an address is plain text");
        Self {
            address,
            host,
            timeout: None,
            authorization: None,
        }
    }

    /// The same server, which is told how long it may take to answer.
    #[must_use]
    pub fn waiting(self, timeout: Duration) -> Self {
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let timeout = Some(HeaderValue::from(millis));
        Self { timeout, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection to it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect(&self) -> Result<Connection, BenchError> {
        let failed = |source| BenchError::Io(self.address, source);
        let stream = TcpStream::connect(self.address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let made = http1::handshake(TokioIo::new(stream)).await;
        let (sender, driver) = made.map_err(|source| BenchError::Http(self.address, source))?;
        // It ends with the sender; what breaks it is told to whoever waits for an answer.
        tokio::spawn(async move { drop(driver.await) });
        Ok(Connection {
            server: self.clone(),
            sender,
        })
    }
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    server: Server,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Sends a request, and waits for the whole answer.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, BenchError> {
        let failed = |source| BenchError::Http(self.server.address, source);
        request.headers_mut().insert(HOST, self.server.host.clone());
        if let Some(timeout) = &self.server.timeout {
            request.headers_mut().insert(TIMEOUT_MS, timeout.clone());
        }
        if let Some(authorization) = &self.server.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        self.sender.ready().await.map_err(failed)?;
        let response = self.sender.send_request(request).await.map_err(failed)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}
