//! What a browser may do to us: only pages of our own may read and write, under no other name.

use crate::api::problem;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, Response, StatusCode, header},
    middleware::Next,
};
use std::{net::SocketAddr, sync::Arc};

const CSP: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; \
    frame-ancestors 'none'; form-action 'self'";

/// Names under which we answer.
#[derive(Debug, Clone)]
pub struct Guard {
    listen: SocketAddr,
    allowed_hosts: Arc<[String]>,
}

impl Guard {
    /// For a server that listens on `listen` and is also known as `allowed_hosts`.
    pub fn new(listen: SocketAddr, allowed_hosts: &[String]) -> Self {
        Guard {
            listen,
            allowed_hosts: allowed_hosts
                .iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
        }
    }

    /// A page elsewhere may point its own name at 127.0.0.1 and then read everything ("DNS
    /// rebinding"); its name is still in `Host`, and is refused here.
    fn knows(&self, host: &str) -> bool {
        let name = host_name(host).to_ascii_lowercase();
        let local = name == "localhost" || name == "127.0.0.1" || name == "[::1]";
        if local || self.allowed_hosts.contains(&name) {
            return true;
        }
        let ip = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        match ip {
            // An address in `Host` cannot be a rebound name.
            Ok(_) => true,
            Err(_) => self.allowed_hosts.is_empty() && !self.listen.ip().is_loopback(),
        }
    }

    fn check(&self, request: &Request) -> Result<(), (StatusCode, String)> {
        let header = |name: HeaderName| request.headers().get(name).and_then(|it| it.to_str().ok());
        let authority = request.uri().authority().map(|it| it.as_str());
        let host = header(header::HOST).or(authority).unwrap_or_default();
        if !self.knows(host) {
            return Err((
                StatusCode::MISDIRECTED_REQUEST,
                format!(
                    "this server is not known as '{host}': use http://localhost:{}, or start it with \
                     --allowed-host {}",
                    self.listen.port(),
                    host_name(host)
                ),
            ));
        }
        if matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        ) {
            return Ok(());
        }
        let origin = header(header::ORIGIN);
        let same = origin.is_none_or(|origin| {
            origin
                .split_once("://")
                .is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
        });
        let cross = header(HeaderName::from_static("sec-fetch-site")) == Some("cross-site");
        match same && !cross {
            true => Ok(()),
            false => Err((
                StatusCode::FORBIDDEN,
                format!(
                    "a page of {} may not write here",
                    origin.unwrap_or("another site")
                ),
            )),
        }
    }
}

fn host_name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => &host[..rest.find(']').map_or(host.len(), |end| end + 2)],
        None => host.split(':').next().unwrap_or(host),
    }
}

/// Refuses what is not for us, and adds the headers that keep payloads from being more than data.
pub async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response<Body> {
    let mut answer = match guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err((status, text)) => problem::respond(status, text),
    };
    let headers = answer.headers_mut();
    let mut set = |name: &'static str, value: &'static str| {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    };
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "same-origin");
    set("cross-origin-opener-policy", "same-origin");
    set("cross-origin-resource-policy", "same-origin");
    // The case file to send on has a policy of its own, which allows less.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(CSP));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, host: &str, origin: Option<&str>) -> Request {
        let mut request = Request::builder()
            .method(method)
            .uri("/api/sql")
            .header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request.body(Body::empty()).expect("a request")
    }

    #[test]
    fn strangers_are_refused() {
        let local = Guard::new(
            ([127, 0, 0, 1], 4319).into(),
            &["traces.example.com".into()],
        );
        let check = |method: Method, host: &str, origin: Option<&str>, expect: bool| {
            let outcome = local.check(&request(method, host, origin));
            assert_eq!(outcome.is_ok(), expect, "{host} {origin:?} {outcome:?}");
        };
        check(Method::GET, "127.0.0.1:4319", None, true);
        check(Method::GET, "localhost:4319", None, true);
        check(Method::GET, "[::1]:4319", None, true);
        check(Method::GET, "traces.example.com", None, true);
        check(Method::GET, "evil.example.com:4319", None, false);
        check(Method::GET, "", None, false);
        check(Method::POST, "localhost:4319", None, true);
        check(
            Method::POST,
            "localhost:4319",
            Some("http://localhost:4319"),
            true,
        );
        check(
            Method::POST,
            "localhost:4319",
            Some("http://localhost:3000"),
            false,
        );
        check(Method::POST, "localhost:4319", Some("null"), false);
        check(
            Method::POST,
            "localhost:4319",
            Some("https://evil.example.com"),
            false,
        );
    }
}
