//! Names, routes, connections. *What it looks for*: Envoy's `DF`, `NR`, `UF`, resolver and connect errors.
//! *Why it matters*: the other side never saw the request. *How to confirm*: no server span below the call.

use crate::case::{
    charges,
    clue::{self, Clue},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::{Category, Span};

/// Flags of a proxy that never got through.
const FLAGS: [&str; 5] = ["DF", "NR", "UF", "LR", "NC"];

/// Words of a connection that had come about.
const BROKEN: [&str; 4] = [
    "reset by peer",
    "econnreset",
    "broken pipe",
    "connection was closed",
];

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure.attempt else {
        return Vec::new();
    };
    let caller = failure.function().unwrap_or(failure.state());
    let known = |n: usize| habitual(scene, &failure.spans.charged(n));
    let spans = failure.spans.spans.iter().enumerate();
    let flagged = spans
        .clone()
        .find(|(n, it)| flag_of(it, &FLAGS).is_some() && !known(*n));
    let flagged = flagged.map(|(n, _)| n);
    let spans = spans.filter(|(n, it)| !charges::failed(it) || !known(*n));
    let worded = spans.filter(|(n, _)| failure.spans.charged(*n) != caller);
    let worded = worded
        .filter(|(_, it)| charges::failed(it))
        .find(|(_, it)| network_words(&super::dependency::words(it)))
        .map(|(n, _)| n);
    if let Some(n) = flagged.or(worded) {
        let span = failure.spans.spans[n];
        let name = failure.spans.charged(n);
        let flag = flag_of(span, &FLAGS).unwrap_or_default();
        if let Some(clue) =
            super::way_out::way_out(scene, failure, &name).filter(|_| flag.is_empty())
        {
            let shown = clue::span(span, format!("the call to {name} got no connection"));
            return vec![clue.with([shown])];
        }
        let how = meaning(&flag, &crate::case::clues::dependency::words(span));
        let suspect = clue::entity(scene, "service", &name, &[&attempt.path, caller]);
        let mechanism = format!(
            "{caller} could not reach {name} in {}: {how}",
            failure.state()
        );
        return vec![
            Clue::new(suspect, Category::NetworkConfig, 0.94, mechanism)
                .with([clue::span(
                    span,
                    format!("the call to {name} got no connection: {how}"),
                )])
                .with(failure.exhibit())
                .changed(changed(scene, failure, &name))
                .explaining([super::function::carried(caller, &name, span)]),
        ];
    }
    if !matches!(failure.topic(), Some(Topic::Name | Topic::Connection))
        || super::platform::told(&failure.error)
    {
        return Vec::new();
    }
    let mut lines = failure.lines.iter().filter(|it| network_words(&it.body));
    let named = service_in(scene, &failure.said());
    // Whom the error does not name, one of the lines about it may.
    let telling = lines
        .clone()
        .find_map(|it| Some((*it, service_in(scene, &it.body)?)))
        .filter(|_| named.is_none());
    let line = telling
        .as_ref()
        .map(|it| it.0)
        .or_else(|| lines.next().copied());
    let known = named.or(telling.map(|it| it.1)).filter(|it| it != caller);
    if let Some(clue) = known
        .as_ref()
        .and_then(|it| super::way_out::way_out(scene, failure, it))
    {
        let shown = line.map(|it| clue::log(it, text::brief(&it.body, 160)));
        return vec![clue.with(shown)];
    }
    // The certificate with which the caller shows who it is, is its own.
    let own = line.is_some_and(|it| of_client(&it.body)) || of_client(&failure.words());
    let (kind, name) = match &known {
        Some(service) if !is_shared_api(service) && !own => ("service", service.clone()),
        _ => match failure.function() {
            Some(function) => ("function", function.to_owned()),
            None => ("state", failure.state().to_owned()),
        },
    };
    let suspect = clue::entity(scene, kind, &name, &[&attempt.path, caller]);
    let whom = known.map_or("whom it calls".to_owned(), |it| it);
    let said = text::brief(&crate::case::failures::message(&failure.cause), 160);
    let how = match said.to_lowercase() {
        it if BROKEN.iter().any(|mark| it.contains(mark)) => "lost its connection to",
        _ => "could not reach",
    };
    let mechanism = format!("{caller} {how} {whom} in {}: {said}", failure.state());
    vec![
        Clue::new(suspect, Category::NetworkConfig, 0.85, mechanism)
            .with(failure.exhibit())
            .with(line.map(|it| {
                clue::log(
                    it,
                    format!("{caller} wrote: {}", text::brief(&it.body, 160)),
                )
            }))
            .changed(changed(scene, failure, &name)),
    ]
}

/// The latest change that could have cut the way: of whoever is not reached, or of what ways are made of.
fn changed(scene: &Scene, failure: &Failure, name: &str) -> Option<String> {
    const OF_WAYS: [&str; 22] = [
        "dns",
        "route",
        "network",
        "mesh",
        "security",
        "certificate",
        "record",
        "cname",
        "zone",
        "listener",
        "address",
        "upstream",
        "cluster",
        "proxy",
        "envoy",
        "peering",
        "gateway",
        "egress",
        "ingress",
        "endpoint",
        "firewall",
        "subnet",
    ];
    const WORDS: [&str; 8] = ["port", "url", "tls", "mtls", "host", "vpc", "nat", "acl"];
    let name = name.to_lowercase();
    let fits = |it: &&model::Change| {
        let told = format!("{} {} {}", it.kind, it.resource, it.change).to_lowercase();
        let mut words = told.split(|c: char| !c.is_alphanumeric());
        told.contains(&name)
            || OF_WAYS.iter().any(|word| told.contains(word))
            || words.any(|it| WORDS.contains(&it) || it == "sg")
    };
    super::deploy::recent(scene, failure)
        .filter(fits)
        .filter(|it| super::concerns(scene, Some(failure), it) || it.kind == "config")
        .max_by_key(|it| (it.time, it.trace_id))
        .map(super::deploy::told)
}

/// Whether most healthy runs live with failures of somebody.
fn habitual(scene: &Scene, name: &str) -> bool {
    let called = scene.healthy.iter().filter_map(|it| it.charges.get(name));
    let called: Vec<_> = called.collect();
    let bad = called.iter().filter(|it| it.errors > 0).count();
    called.len() >= 3 && bad * 2 > called.len()
}

fn network_words(words: &str) -> bool {
    matches!(text::topic(words), Some(Topic::Name | Topic::Connection))
}

/// The first of these flags that a proxy wrote on a span.
pub(super) fn flag_of(span: &Span, wanted: &[&str]) -> Option<String> {
    let flags = charges::flags(span)?;
    let mut each = flags.split(',').map(str::trim);
    each.find(|flag| wanted.contains(flag)).map(str::to_owned)
}

/// True for a call that never got through to anybody.
pub(in crate::case) fn is_unreached(span: &Span) -> bool {
    let words = || network_words(&super::dependency::words(span));
    flag_of(span, &FLAGS).is_some() || charges::failed(span) && words()
}

fn meaning(flag: &str, words: &str) -> String {
    match flag {
        "DF" => "its name could not be resolved (DF)".into(),
        "NR" => "there is no route to it (NR)".into(),
        "UF" => "the connection failed (UF)".into(),
        "LR" => "the connection was reset (LR)".into(),
        "NC" => "the cluster does not exist (NC)".into(),
        // What a proxy answered for whoever was not reached tells no more than the reason before it.
        _ => text::brief(words.split(" status code ").next().unwrap_or(words), 120),
    }
}

/// Words of a certificate of the client's own.
fn of_client(words: &str) -> bool {
    const CERTIFICATE: [&str; 3] = ["certificate", "keystore", "x509"];
    const OWN: [&str; 7] = [
        "client certificate",
        "client cert",
        "keystore",
        "-client.",
        "client.p12",
        "client.pem",
        "client.crt",
    ];
    let lower = words.to_lowercase();
    CERTIFICATE.iter().any(|it| lower.contains(it)) && OWN.iter().any(|it| lower.contains(it))
}

/// True for an endpoint of an API of AWS, such as `ssm.eu-central-1.amazonaws.com`: everybody's calls go there, so who
/// cannot reach it has a way out that is closed. Not for a database, a cache or a gateway of one's own.
pub(super) fn is_shared_api(host: &str) -> bool {
    const OWN: [&str; 14] = [
        ".rds.",
        ".cache.",
        ".elb.",
        ".es.",
        ".aoss.",
        ".redshift.",
        ".redshift-serverless.",
        ".docdb.",
        ".neptune.",
        ".kafka.",
        ".mq.",
        ".execute-api.",
        ".compute.",
        ".efs.",
    ];
    let host = host.split(':').next().unwrap_or(host);
    let of_aws = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];
    of_aws.iter().any(|end| host.ends_with(end)) && !OWN.iter().any(|part| host.contains(part))
}

/// The service that the text of an error names: by an address that is known, else by what looks like a host.
pub(in crate::case) fn service_in(scene: &Scene, words: &str) -> Option<String> {
    scene
        .address_in(words)
        .or_else(|| host_in(words).map(|host| scene.service_at(&host)))
        .or_else(|| address_in(words).map(|address| scene.service_at(&address)))
        .or_else(|| answering(words).map(|name| scene.service_at(&name)))
}

/// Whoever is said to have answered with a refusal or an error: `ledger answered 503`, `ledger returned HTTP 429`,
/// `ledger: 429 Too Many Requests`.
fn answering(words: &str) -> Option<String> {
    const SAID: [&str; 6] = [
        "answered",
        "responded",
        "returned",
        "replied",
        "failed with",
        "said",
    ];
    const PHRASES: [&str; 5] = [
        "429 Too Many Requests",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Time",
    ];
    const BEHIND: [&str; 8] = ["after", "for", "from", "in", "on", "to", "when", "while"];
    let is_status = |rest: &str| {
        let rest = rest.trim_start();
        let rest = rest.strip_prefix("with").map_or(rest, str::trim_start);
        let rest = rest.strip_prefix("HTTP").map_or(rest, str::trim_start);
        let rest = rest.strip_prefix("status").map_or(rest, str::trim_start);
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let code: u16 = rest[..digits].parse().unwrap_or(0);
        // `512 rows` is a count.
        let next = rest[digits..].trim_start();
        let word = next.split(|c: char| !c.is_ascii_lowercase()).next();
        let counts = word.is_some_and(|it| !it.is_empty() && !BEHIND.contains(&it));
        (code == 429 || (500..600).contains(&code)) && !counts
    };
    let said = SAID.iter().find_map(|verb| {
        let mut places = words.match_indices(verb);
        places.find_map(|(at, verb)| {
            let before = words[..at].strip_suffix(' ')?;
            is_status(&words[at + verb.len()..]).then(|| last_name(before))?
        })
    });
    said.or_else(|| {
        PHRASES.iter().find_map(|phrase| {
            let at = words.find(phrase)?;
            last_name(words[..at].strip_suffix(": ")?)
        })
    })
}

/// The name at the end of a text, if it is one that services have and no common word.
fn last_name(text: &str) -> Option<String> {
    const COMMON: [&str; 22] = [
        "api", "attempt", "backend", "call", "client", "endpoint", "error", "gateway", "handler",
        "host", "http", "peer", "provider", "proxy", "request", "response", "server", "service",
        "status", "target", "they", "upstream",
    ];
    let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
    let start = text.rfind(|c| !of_name(c)).map_or(0, |at| at + 1);
    // What stands in the middle of a word or a path is none.
    let clear = start == 0 || text[..start].ends_with([' ', '"', '\'', '(', ':', '[']);
    let name = &text[start..];
    let lettered = name.len() > 3 && name.starts_with(|c: char| c.is_ascii_lowercase());
    let known = clear && lettered && !COMMON.contains(&name) && !is_file(name);
    known.then(|| name.to_owned())
}

/// A peer that is known by its address and port alone: the one that was called, as Go writes both (`10.0.1.7:4411->…`).
/// This machine itself is nobody else.
pub(super) fn address_in(words: &str) -> Option<String> {
    let called = |part: &str| {
        let tokens = part.split(|c: char| !(c.is_ascii_digit() || ".:".contains(c)));
        let mut found = tokens.filter_map(|it| {
            let token = it.trim_end_matches([':', '.']);
            let address: std::net::SocketAddrV4 = token.parse().ok()?;
            let ip = address.ip();
            let other = !ip.is_loopback() && !ip.is_unspecified() && !ip.is_link_local();
            other.then(|| address.to_string())
        });
        found.next()
    };
    let after = words.split("->").skip(1).find_map(called);
    after.or_else(|| called(words))
}

/// A host name in the text of an error: what stands where clients write it, or is written like one.
pub(super) fn host_in(words: &str) -> Option<String> {
    const BEFORE: [&str; 23] = [
        "server at \"",
        "server at \\\"",
        "server at '",
        "server on '",
        "server on \"",
        "ENOTFOUND",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "host=",
        "host '",
        "host \"",
        "host name \"",
        "http://",
        "https://",
        "grpc://",
        "tcp://",
        "lookup ",
        "resolve ",
        "UnknownHostException:",
        "connect to ",
        "refused: ",
        "refused (",
        "address ",
    ];
    let marked = BEFORE.iter().find_map(|mark| {
        let mut after = words.split(mark).skip(1);
        after.find_map(|rest| {
            let rest = rest.trim_start_matches([' ', ':', '\'', '"', '/', '(']);
            named(rest)
        })
    });
    let tokens = || {
        words
            .split(|c: char| c.is_whitespace() || "\\\"'()[]{}<>,;=/@".contains(c))
            .map(|it| it.trim_end_matches([':', '.']))
            .find(|it| is_host(it))
            .and_then(named)
    };
    marked.or_else(tokens)
}

/// The host at the beginning of a text.
fn named(rest: &str) -> Option<String> {
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || ".-_".contains(c)))
        .unwrap_or(rest.len());
    let host = rest[..end].trim_end_matches('.');
    let named = host.contains(['.', '-']) || host.len() > 3 && rest[end..].starts_with([':', '/']);
    let whole = host.len() > 3 && rest[end..].trim().is_empty();
    let lettered = host.chars().any(|c| c.is_ascii_lowercase());
    ((named || whole) && lettered && !is_file(host)).then(|| host.to_owned())
}

/// `a.b.internal`, `a.b:443` and `a:8080`, but no class, number or file.
fn is_host(token: &str) -> bool {
    let (host, port) = token.rsplit_once(':').unwrap_or((token, ""));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    let lettered = host.starts_with(|c: char| c.is_ascii_lowercase());
    let ported = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    let last = host.rsplit('.').next().unwrap_or_default();
    const ENDS: [&str; 12] = [
        "internal", "local", "com", "net", "org", "io", "example", "svc", "cloud", "dev", "app",
        "test",
    ];
    let dotted = host.contains('.') && ENDS.contains(&last);
    lettered && host.chars().all(plain) && (dotted || ported) && !is_file(host)
}

fn is_file(host: &str) -> bool {
    const ENDS: [&str; 10] = [
        ".py", ".js", ".mjs", ".ts", ".java", ".go", ".cs", ".rb", ".rs", ".dll",
    ];
    ENDS.iter().any(|end| host.ends_with(end))
        || host.starts_with("java.")
        || host.starts_with("com.")
}

#[cfg(test)]
mod tests {
    use super::{address_in, answering, host_in, is_shared_api};

    #[test]
    fn who_answered_with_an_error_is_named() {
        let check = |words: &str, expect: Option<&str>| {
            assert_eq!(answering(words).as_deref(), expect, "{words}")
        };
        check(
            "textgate answered 429 Too Many Requests, Retry-After: 2",
            Some("textgate"),
        );
        check("ledger-core returned HTTP 503", Some("ledger-core"));
        check(
            "rates responded with status 502 after 3 tries",
            Some("rates"),
        );
        check(
            "textgate: 429 Too Many Requests after 3 tries",
            Some("textgate"),
        );
        check("the server responded with 500", None);
        check("Error: Request failed with status code 429", None);
        check("quote returned 200", None);
        check("quote returned 512 rows", None);
        check("HTTPError: 503 Service Unavailable", None);
        check("/var/task/gate.js returned 503", None);
    }

    #[test]
    fn apis_of_aws_are_everybodys() {
        let check = |host: &str, expect: bool| assert_eq!(is_shared_api(host), expect, "{host}");
        check("ssm.eu-central-1.amazonaws.com", true);
        check("secretsmanager.us-east-1.amazonaws.com:443", true);
        check("drop.s3.cn-north-1.amazonaws.com.cn", true);
        check("books.c1x2.eu-west-1.rds.amazonaws.com", false);
        check("s.x1.0001.euw1.cache.amazonaws.com", false);
        check("a1b2.execute-api.eu-west-1.amazonaws.com", false);
        check("ssm.internal", false);
    }

    #[test]
    fn peers_without_a_name_have_an_address() {
        let check = |words: &str, expect: Option<&str>| {
            assert_eq!(address_in(words).as_deref(), expect, "{words}")
        };
        check("connect ETIMEDOUT 10.0.3.12:5432", Some("10.0.3.12:5432"));
        check(
            "dial tcp 10.0.3.12:6379: i/o timeout",
            Some("10.0.3.12:6379"),
        );
        check(
            "read tcp 10.0.1.7:4411->10.0.3.12:6379: i/o timeout",
            Some("10.0.3.12:6379"),
        );
        check("connect ECONNREFUSED 127.0.0.1:2773", None);
        check("at 2026-05-04 10:21:33 version 1.2.3.4", None);
        check("line 4:12", None);
    }

    #[test]
    fn hosts_are_found_where_clients_write_them() {
        let check = |words: &str, expect: Option<&str>| {
            assert_eq!(host_in(words).as_deref(), expect, "{words}")
        };
        check(
            "getaddrinfo ENOTFOUND ledger.shop.internal",
            Some("ledger.shop.internal"),
        );
        check(
            "HTTPSConnectionPool(host='tax.example', port=443): Max retries",
            Some("tax.example"),
        );
        check(
            "dial tcp: lookup rates.internal on 10.0.0.2:53: no such host",
            Some("rates.internal"),
        );
        check("java.net.UnknownHostException: risk-api", Some("risk-api"));
        check(
            "Connection refused (ledger.prod.svc.cluster.local:443)",
            Some("ledger.prod.svc.cluster.local"),
        );
        check("No such host is known. (rates:8443)", Some("rates"));
        check(
            "actively refused it (tax.internal:443)",
            Some("tax.internal"),
        );
        check("File \"/var/task/app.py\", line 4: connect timed out", None);
        check("java.net.SocketTimeoutException: Read timed out", None);
        check(
            "mongo-0.db.internal:27017: [Errno 111] Connection refused",
            Some("mongo-0.db.internal"),
        );
        check("connect ECONNREFUSED 10.3.2.1:443", None);
        check(
            r#"connection to server at \"pg-main.corp.local\" (10.0.3.12), port 5432 failed"#,
            Some("pg-main.corp.local"),
        );
        check("it broke", None);
    }
}
