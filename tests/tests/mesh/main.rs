//! A real Envoy with failing upstreams, and the official Zipkin and X-Ray clients, send to a real Inquest:
//! the trace of each request says which hop failed and why.
//!
//! `cargo xtask test` sets what this needs: `INQUEST_BIN`, `INQUEST_VENV`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its clients has failed, and the panic says where"
)]

mod server;

use serde_json::Value;
use server::Server;

/// What the request to each path must be said to have come to, at the proxy that took it.
const EXPECTED: [(&str, i64, &str, &str); 6] = [
    ("ok", 200, "ok", "good at 127.0.0.1:"),
    ("fail", 503, "upstream_error", "itself answered 503"),
    (
        "dead",
        503,
        "failed",
        "could not connect to dead at 127.0.0.1:",
    ),
    (
        "slow",
        504,
        "failed",
        "did not answer within the time limit",
    ),
    ("overflow", 503, "failed", "circuit breaker"),
    ("nowhere", 404, "refused", "no route matches the request"),
];

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

#[test]
fn a_trace_says_which_hop_failed_and_why() {
    let server = Server::start();
    let told = server.python("envoy.py", &[&server.grpc_port, &server.http_port]);
    let told: Vec<Value> = serde_json::from_str(&told).unwrap();
    assert_eq!(told.len(), 5 * EXPECTED.len(), "five listeners");
    let untraced = |request: &Value| text(request, "listener") == "untraced";
    server.wait_for(
        "select count(*) as n from hops where source = 'span+access_log'",
        4 * EXPECTED.len() as u64,
    );
    server.wait_for(
        "select count(*) as n from hops where source = 'access_log'",
        EXPECTED.len() as u64,
    );
    for request in &told {
        let (trace, path) = (text(request, "trace_id"), text(request, "path"));
        let what = format!("{} /{path}", text(request, "listener"));
        let (_, status, outcome, words) = EXPECTED.iter().find(|it| it.0 == path).unwrap();
        assert_eq!(request["status"].as_i64(), Some(*status), "{what}");
        let hops = server.sql(&format!(
            "select span_id, outcome, reason, source, direction from hops where trace_id = '{trace}'"
        ));
        let inbound: Vec<&Value> = hops
            .iter()
            .filter(|it| text(it, "direction") == "inbound")
            .collect();
        assert_eq!(inbound.len(), 1, "{what}: one hop, not twins: {hops:?}");
        assert_eq!(text(inbound[0], "outcome"), *outcome, "{what}: {hops:?}");
        assert!(
            text(inbound[0], "reason").contains(words),
            "{what}: {hops:?}"
        );
        let spans = server.sql(&format!(
            "select kind, source from spans where trace_id = '{trace}'"
        ));
        let servers = spans
            .iter()
            .filter(|span| text(span, "kind") == "server")
            .count();
        assert_eq!(servers, 1, "{what}: {spans:?}");
        let of_log = spans
            .iter()
            .filter(|span| text(span, "source") == "access_log")
            .count();
        assert_eq!(of_log, usize::from(untraced(request)), "{what}: {spans:?}");
        let detail = server.get(&format!(
            "/api/v1/traces/{trace}/spans/{}",
            text(inbound[0], "span_id")
        ));
        assert!(detail.to_string().contains(words), "{what}: {detail}");
    }
    let map = server.get("/api/v1/map");
    let edge = |to: &str| {
        let edges = map["edges"].as_array().unwrap();
        edges.iter().find(|edge| text(edge, "to") == to).cloned()
    };
    let dead = edge("external:dead").expect("the map shows where the proxy went in vain");
    assert_eq!(dead["calls"], dead["errors"]);
    assert!(dead["examples"][0]["failed"].as_bool().unwrap());
}

#[test]
fn official_clients_of_zipkin_are_understood() {
    let server = Server::start();
    server.python("clients.py", &["zipkin-json", &server.zipkin_port]);
    server.python("clients.py", &["zipkin-proto", &server.http_port]);
    for trace in ["a".repeat(32), "b".repeat(32)] {
        let spans = server.sql(&format!(
            "select name, kind, service_name, status_code, source, attributes['peer.service'] as peer, \
             attributes['customer'] as customer from spans where trace_id = '{trace}' order by name"
        ));
        assert_eq!(spans.len(), 2, "{spans:?}");
        let told = |row: &Value| {
            ["name", "kind", "status_code", "peer", "customer"]
                .map(|name| text(row, name).to_owned())
        };
        assert_eq!(
            told(&spans[0]),
            ["charge", "client", "error", "payments", ""]
        );
        assert_eq!(told(&spans[1]), ["checkout", "server", "unset", "", "zoe"]);
        assert_eq!(text(&spans[0], "source"), "zipkin");
    }
}

#[test]
fn the_official_client_of_xray_is_understood() {
    let server = Server::start();
    server.python("clients.py", &["xray", &server.xray_port]);
    server.wait_for("select count(*) as n from spans where source = 'xray'", 2);
    let spans = server.sql(
        "select name, kind, status_code, status_message, attributes['customer'] as customer from spans \
         where trace_id = '581cf771a006649127e371903a2de979' order by name",
    );
    assert_eq!(text(&spans[0], "name"), "payments");
    assert_eq!(text(&spans[0], "status_message"), "ValueError: declined");
    assert_eq!(text(&spans[1], "customer"), "zoe");
}
