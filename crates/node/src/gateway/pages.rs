//! Web pages, which may not ask a node that asks nobody for a token.
//!
//! A browser on the machine of such a node sends it what any page wants: some requests without asking the node before, with
//! what may deploy a program, and all of them once the name of the page's server leads to 127.0.0.1.

use std::net::IpAddr;

use fogline_protocol::problem::Kind;
use http::header::{HOST, HeaderName, ORIGIN};
use http::request::Parts;

use crate::fault::Fault;
use crate::tokens::Tenants;

/// In requests of browsers: whose page sends them.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what a page of another server may have sent, unless a token is asked for.
pub(super) fn check(tenants: &Tenants, head: &Parts) -> Result<(), Fault> {
    if matches!(tenants, Tenants::Tokens(_)) {
        return Ok(());
    }
    let host = match head.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => text(head, &HOST),
    };
    if let Some(host) = host.filter(|host| !is_loopback(host)) {
        return Err(refused(
            format!("a node without tokens is not called {host}"),
            "ask it as 127.0.0.1 or localhost; or give it tenants with tokens",
        ));
    }
    let own = |origin: &str| origin.strip_prefix("http://").is_some_and(|it| Some(it) == host);
    let is_foreign = text(head, &ORIGIN).is_some_and(|origin| !own(origin))
        || text(head, &SEC_FETCH_SITE).is_some_and(|site| !matches!(site, "none" | "same-origin"));
    if is_foreign {
        return Err(refused(
            "web pages of others may not ask a node without tokens".to_owned(),
            "ask it from a program; or give it tenants with tokens",
        ));
    }
    Ok(())
}

fn refused(title: String, hint: &str) -> Fault {
    Fault::new(Kind::Unauthorized, title, hint)
}

/// A header, where one that is not text is nobody's.
fn text<'a>(head: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    let value = head.headers.get(name)?;
    Some(value.to_str().unwrap_or_default())
}

/// Whether this is what a machine calls itself, whatever the port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|it: IpAddr| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asks(uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        check(&Tenants::Open("local".parse().unwrap()), &head).is_ok()
    }

    #[test]
    fn a_node_without_tokens_is_asked_by_its_own_names_only() {
        for host in [
            "127.0.0.1:7070",
            "127.8.0.1",
            "localhost:1",
            "LocalHost",
            "[::1]",
            "[::1]:7070",
        ] {
            assert!(asks("/", &[("host", host)]), "{host}");
            assert!(asks(&format!("http://{host}/"), &[]), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:80",
            "10.0.0.1",
            "[::2]:7070",
            "",
            "\u{ff}",
        ] {
            assert!(!asks("/", &[("host", host)]), "{host}");
        }
        assert!(!asks("http://evil.example/", &[("host", "localhost")]));
        assert!(asks("/", &[]), "HTTP/1.0, which browsers do not speak");
    }

    #[test]
    fn pages_of_others_do_not_ask_and_its_own_do() {
        let host = ("host", "127.0.0.1:7070");
        let own = [
            host,
            ("origin", "http://127.0.0.1:7070"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert!(asks("/", &own));
        assert!(asks("/", &[host, ("sec-fetch-site", "none")]));
        for foreign in [
            ("origin", "http://evil.example"),
            ("origin", "http://127.0.0.1:7071"),
            ("origin", "null"),
            ("origin", "\u{ff}"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!asks("/", &[host, foreign]), "{foreign:?}");
        }
    }

    #[test]
    fn who_asks_for_tokens_asks_for_nothing_else() {
        let request = Request::get("http://evil.example/").header("origin", "http://evil.example");
        let (head, ()) = request.body(()).unwrap().into_parts();
        check(&Tenants::Tokens(Vec::new()), &head).unwrap();
    }
}
