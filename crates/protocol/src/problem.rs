//! Errors as the client API says them: RFC 9457, `application/problem+json`.

use serde::{Deserialize, Serialize};

/// The media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// The caller: the request is wrong.
    Caller,
    /// The author of the function.
    Function,
    /// Nobody: there is more to do than there is room for; try again later.
    Load,
    /// Whoever runs the nodes.
    Operator,
    /// The authors of Fogline.
    Platform,
}

/// What kind of error it is: the last part of its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request cannot be read.
    BadRequest,
    /// There is no token, or a wrong one.
    Unauthorized,
    /// There is no such application, function, session, state or run.
    NotFound,
    /// The method is not for this path.
    MethodNotAllowed,
    /// The session was deleted, or has expired.
    Gone,
    /// The body is larger than the cap.
    TooLarge,
    /// The manifest or a component cannot be deployed.
    NotDeployable,
    /// The function says that its input is wrong.
    InvalidInput,
    /// The idempotency key, or number, belongs to another request.
    KeyReused,
    /// The reply to this number is no longer kept.
    ReplyExpired,
    /// The home of the session has fallen behind what the client has seen.
    StateRegressed,
    /// An envelope is wrong, foreign, damaged, or older than one that was presented with it or before.
    BadEnvelope,
    /// States that the client holds were not presented.
    EnvelopeMissing,
    /// The session is on its way to the client, which must take its states first.
    MovingToClient,
    /// What was asked does not go with where the session is, or with the manifest.
    Conflict,
    /// The function reported an error.
    FunctionFailed,
    /// The function trapped: it panicked, ran out of memory or stack, or did what no component may.
    FunctionTrapped,
    /// The function took longer, or computed or gave out more, than its limits allow.
    FunctionLimit,
    /// A queue is full.
    Overloaded,
    /// The tenant has as many sessions, or bytes in them, as it may have.
    QuotaExceeded,
    /// The deadline has passed.
    DeadlineExceeded,
    /// A store or node cannot be reached.
    Unavailable,
    /// The application, or the version of it that the session needs, is on its way to the node.
    RollingOut,
    /// This cannot happen.
    Internal,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Gone,
        Self::TooLarge,
        Self::NotDeployable,
        Self::InvalidInput,
        Self::KeyReused,
        Self::ReplyExpired,
        Self::StateRegressed,
        Self::BadEnvelope,
        Self::EnvelopeMissing,
        Self::MovingToClient,
        Self::Conflict,
        Self::FunctionFailed,
        Self::FunctionTrapped,
        Self::FunctionLimit,
        Self::Overloaded,
        Self::QuotaExceeded,
        Self::DeadlineExceeded,
        Self::Unavailable,
        Self::RollingOut,
        Self::Internal,
    ];

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Gone => "gone",
            Self::TooLarge => "too-large",
            Self::NotDeployable => "not-deployable",
            Self::InvalidInput => "invalid-input",
            Self::KeyReused => "key-reused",
            Self::ReplyExpired => "reply-expired",
            Self::StateRegressed => "state-regressed",
            Self::BadEnvelope => "bad-envelope",
            Self::EnvelopeMissing => "envelope-missing",
            Self::MovingToClient => "moving-to-client",
            Self::Conflict => "conflict",
            Self::FunctionFailed => "function-failed",
            Self::FunctionTrapped => "function-trapped",
            Self::FunctionLimit => "function-limit",
            Self::Overloaded => "overloaded",
            Self::QuotaExceeded => "quota-exceeded",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::Unavailable => "unavailable",
            Self::RollingOut => "rolling-out",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::BadEnvelope => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::ReplyExpired | Self::MovingToClient | Self::Conflict => 409,
            Self::Gone => 410,
            Self::StateRegressed => 412,
            Self::TooLarge => 413,
            Self::NotDeployable | Self::InvalidInput | Self::KeyReused => 422,
            Self::EnvelopeMissing => 428,
            Self::Overloaded | Self::QuotaExceeded => 429,
            Self::Internal => 500,
            Self::FunctionFailed | Self::FunctionTrapped | Self::FunctionLimit => 502,
            Self::Unavailable | Self::RollingOut => 503,
            Self::DeadlineExceeded => 504,
        }
    }

    /// Who must act.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::FunctionFailed | Self::FunctionTrapped | Self::FunctionLimit => Blame::Function,
            Self::Overloaded | Self::DeadlineExceeded | Self::RollingOut => Blame::Load,
            Self::Unavailable | Self::StateRegressed => Blame::Operator,
            Self::Internal => Blame::Platform,
            _ => Blame::Caller,
        }
    }

    /// Whether the same request, sent again under the same key, may succeed.
    #[must_use]
    pub fn retriable(self) -> bool {
        matches!(
            self,
            Self::Overloaded | Self::DeadlineExceeded | Self::Unavailable | Self::RollingOut
        )
    }
}

/// An error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `/problems/KIND`, a reference relative to the node, which has no page there.
    #[serde(rename = "type")]
    pub type_: String,
    /// The kind.
    pub kind: Kind,
    /// Who must act.
    pub blame: Blame,
    /// The HTTP status.
    pub status: u16,
    /// What happened, in one sentence, with the input at fault.
    pub title: String,
    /// What to do.
    pub hint: String,
    /// The step of the workflow in which it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

impl Problem {
    /// An error.
    #[must_use]
    pub fn new(kind: Kind, title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            type_: format!("/problems/{}", kind.name()),
            kind,
            blame: kind.blame(),
            status: kind.status(),
            title: title.into(),
            hint: hint.into(),
            step: None,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(step) = &self.step {
            write!(f, "step {step}: ")?;
        }
        write!(f, "{}", self.title)?;
        if !self.hint.is_empty() {
            write!(f, "\nhint: {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
