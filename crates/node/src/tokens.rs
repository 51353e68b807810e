//! Who may ask: a token for each tenant, or none in loopback development mode.

use std::collections::BTreeSet;

use aws_lc_rs::constant_time;
use fogline_core::model::TenantName;
use fogline_protocol::problem::Kind;
use sha2::{Digest, Sha256};

use crate::fault::Fault;

/// The tenants of a node.
#[derive(Clone)]
pub enum Tenants {
    /// Loopback development mode: whoever reaches the node is this tenant.
    Open(TenantName),
    /// Each has a token; what is kept is its SHA-256.
    Tokens(Vec<(TenantName, [u8; 32])>),
}

impl Tenants {
    /// Tenants with tokens. An empty token is nobody's: no request proves it.
    #[must_use]
    pub fn with_tokens(tenants: impl IntoIterator<Item = (TenantName, String)>) -> Self {
        let hashed = tenants
            .into_iter()
            .map(|(tenant, token)| (tenant, Sha256::digest(token.trim()).into()));
        Self::Tokens(hashed.collect())
    }

    /// All of them.
    pub(crate) fn names(&self) -> Vec<&TenantName> {
        match self {
            Self::Open(tenant) => vec![tenant],
            Self::Tokens(tokens) => tokens.iter().map(|(tenant, _)| tenant).collect(),
        }
    }

    /// Those whose functions may be programs: in development mode the one that there is, otherwise those that are allowed to.
    pub(crate) fn with_processes(&self, allowed: &BTreeSet<TenantName>) -> BTreeSet<TenantName> {
        match self {
            Self::Open(tenant) => BTreeSet::from([tenant.clone()]),
            Self::Tokens(_) => allowed.clone(),
        }
    }

    /// The tenant that an `Authorization` header proves. Takes as long for a wrong token as for a right one.
    pub(crate) fn of(&self, authorization: Option<&str>) -> Result<TenantName, Fault> {
        let tokens = match self {
            Self::Open(tenant) => return Ok(tenant.clone()),
            Self::Tokens(tokens) => tokens,
        };
        let given = bearer(authorization);
        let mut found = None;
        for (tenant, expected) in tokens {
            if is_same(given.as_ref(), expected) {
                found = Some(tenant.clone());
            }
        }
        found.ok_or_else(|| {
            Fault::new(
                Kind::Unauthorized,
                "no tenant has this token",
                "send it as `Authorization: Bearer TOKEN`; the operator has it in the tenant's token file",
            )
        })
    }
}

/// Who may do what concerns all tenants, as emptying a node.
#[derive(Clone)]
pub enum Operator {
    /// Loopback development mode: whoever reaches the node.
    Anyone,
    /// Whoever has this token; what is kept is its SHA-256.
    Token([u8; 32]),
    /// Nobody: the node was given no operator's token.
    Nobody,
}

impl Operator {
    /// Whoever has this token. No request proves an empty one.
    #[must_use]
    pub fn with_token(token: &str) -> Self {
        Self::Token(Sha256::digest(token.trim()).into())
    }

    /// Whether an `Authorization` header proves an operator.
    pub(crate) fn check(&self, authorization: Option<&str>) -> Result<(), Fault> {
        match self {
            Self::Anyone => Ok(()),
            Self::Token(expected) if is_same(bearer(authorization).as_ref(), expected) => Ok(()),
            Self::Token(_) => Err(Fault::new(
                Kind::Unauthorized,
                "this is for operators, and the token is not theirs",
                "send the token in the node's operator-token-file as `Authorization: Bearer TOKEN`",
            )),
            Self::Nobody => Err(Fault::new(
                Kind::Unauthorized,
                "this is for operators, and the node has no token for them",
                "name an operator-token-file in its configuration",
            )),
        }
    }
}

/// The SHA-256 of the token that a header bears, unless there is none. The scheme is in any case (RFC 9110).
fn bearer(authorization: Option<&str>) -> Option<[u8; 32]> {
    let (scheme, token) = authorization?.split_once(' ')?;
    let token = token.trim();
    let is_one = scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty();
    is_one.then(|| Sha256::digest(token).into())
}

fn is_same(given: Option<&[u8; 32]>, expected: &[u8; 32]) -> bool {
    given.is_some_and(|given| constant_time::verify_slices_are_equal(given, expected).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{Operator, Tenants};

    /// As they come of a token file that is empty.
    #[test]
    fn an_empty_token_is_nobodys() {
        for empty in ["", " \n"] {
            let tenants = Tenants::with_tokens([("shop".parse().unwrap(), empty.to_owned())]);
            let operator = Operator::with_token(empty);
            for header in [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Basic x")] {
                assert!(tenants.of(header).is_err(), "{header:?}");
                assert!(operator.check(header).is_err(), "{header:?}");
            }
        }
    }

    #[test]
    fn the_scheme_is_in_any_case_and_the_token_is_not() {
        let tenants = Tenants::with_tokens([("shop".parse().unwrap(), "Key".to_owned())]);
        for header in ["Bearer Key", "bearer Key", "BEARER  Key "] {
            assert!(tenants.of(Some(header)).is_ok(), "{header}");
        }
        for header in ["Bearer key", "Key", "Basic Key", "BearerKey"] {
            assert!(tenants.of(Some(header)).is_err(), "{header}");
        }
    }
}
