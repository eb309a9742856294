use super::*;
use model::{
    Attributes, Hop, HopOutcome, LogOrigin, LogRecord, Span, SpanId, SpanKind, TraceId, UnixNanos,
    Value,
};

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
        .collect()
}

fn span(pairs: &[(&str, &str)]) -> Span {
    Span {
        trace_id: TraceId([1; 16]),
        span_id: SpanId([2; 8]),
        name: "router svc_a egress".into(),
        kind: SpanKind::Client,
        service_name: "edge".into(),
        start_time: UnixNanos(1_700_000_000_000_001_000),
        end_time: UnixNanos(1_700_000_000_000_002_000),
        attributes: attributes(pairs),
        ..Span::default()
    }
}

fn record(pairs: &[(&str, &str)]) -> LogRecord {
    LogRecord {
        log_id: TraceId([9; 16]),
        time: UnixNanos(1_700_000_000_000_001_000),
        attributes: attributes(pairs),
        origin: LogOrigin::AccessLog,
        ..LogRecord::default()
    }
}

#[test]
fn spans_are_told_in_words() {
    let check = |pairs: &[(&str, &str)], outcome: HopOutcome, words: &[&str]| {
        let mut pairs = pairs.to_vec();
        pairs.extend([
            ("component", "proxy"),
            ("upstream_cluster", "svc_a"),
            ("upstream_address", "10.0.0.7:80"),
        ]);
        let hop = of_span(&span(&pairs)).expect("a hop");
        assert_eq!(hop.outcome, outcome, "{}", hop.reason);
        for word in words {
            assert!(hop.reason.contains(word), "{:?} lacks {word:?}", hop.reason);
        }
    };
    let f = |flags| ("response_flags", flags);
    check(
        &[f("-"), ("http.status_code", "200")],
        HopOutcome::Ok,
        &["svc_a at 10.0.0.7:80 answered 200"],
    );
    check(
        &[f("-"), ("http.status_code", "503")],
        HopOutcome::UpstreamError,
        &["svc_a", "itself answered 503"],
    );
    check(
        &[f("UF"), ("http.status_code", "503")],
        HopOutcome::Failed,
        &["could not connect to svc_a at 10.0.0.7:80", "(UF)"],
    );
    check(
        &[f("UO")],
        HopOutcome::Failed,
        &["circuit breaker of svc_a"],
    );
    check(
        &[f("URX,UT"), ("retry.count", "2")],
        HopOutcome::Failed,
        &[
            "did not answer within the time limit; the retries were used up",
            "try number 3",
        ],
    );
    check(
        &[f("UF,URX")],
        HopOutcome::Failed,
        &["could not connect", "retries were used up"],
    );
    check(
        &[f("DC"), ("http.status_code", "0")],
        HopOutcome::Client,
        &["the client went away"],
    );
    check(
        &[f("FI"), ("http.status_code", "500")],
        HopOutcome::Injected,
        &["on purpose"],
    );
    check(
        &[f("NR"), ("http.status_code", "404")],
        HopOutcome::Refused,
        &["no route matches"],
    );
    check(
        &[f("UH"), ("http.status_code", "503")],
        HopOutcome::Failed,
        &["no healthy host of svc_a"],
    );
    check(&[f("DF")], HopOutcome::Failed, &["could not be resolved"]);
    check(&[f("UC")], HopOutcome::Failed, &["cut the connection"]);
    check(
        &[f("XYZ"), ("http.status_code", "503")],
        HopOutcome::Ok,
        &["response flag XYZ"],
    );
    check(
        &[f("NoHealthyUpstream")],
        HopOutcome::Failed,
        &["no healthy host", "(UH)"],
    );
    check(
        &[f("-"), ("error", "true"), ("http.status_code", "0")],
        HopOutcome::Failed,
        &["no answer of svc_a"],
    );
    check(
        &[
            f("-"),
            ("http.status_code", "200"),
            ("grpc.status_code", "14"),
        ],
        HopOutcome::UpstreamError,
        &["gRPC status 14"],
    );
}

#[test]
fn every_flag_has_words_of_its_own() {
    let mut all: Vec<&str> = flags::FLAGS.iter().map(|flag| flag.words).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), flags::FLAGS.len());
}

#[test]
fn details_tell_more() {
    let check = |pairs: &[(&str, &str)], expect: &str| {
        let hop = of_record(&record(pairs)).expect("a hop");
        assert_eq!(hop.reason, expect);
    };
    check(
        &[
            ("response_flags", "UF"),
            ("response_code", "503"),
            ("upstream_cluster", "dead"),
            ("upstream_host", "10.0.0.8:81"),
            (
                "response_code_details",
                "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
            ),
        ],
        "could not connect to dead at 10.0.0.8:81: connection refused (UF)",
    );
    check(
        &[
            ("response_flags", "UF"),
            (
                "upstream_transport_failure_reason",
                "delayed connect error: 111",
            ),
            ("cluster", "dead"),
        ],
        "could not connect to dead: connection refused (UF)",
    );
    check(
        &[
            ("response_flags", "URX"),
            ("code", "503"),
            ("details", "via_upstream"),
            ("cluster", "b"),
            ("attempts", "3"),
        ],
        "b itself answered 503; the retries were used up; 3 tries (URX)",
    );
    check(
        &[
            ("response_flags", "UT"),
            ("cluster", "b"),
            ("response_code_details", "upstream_per_try_timeout"),
        ],
        "b did not answer within the time limit of a try (UT)",
    );
    check(
        &[
            ("response_flags", "-"),
            ("response_code", "403"),
            (
                "response_code_details",
                "rbac_access_denied_matched_policy[ns[shop]]",
            ),
        ],
        "the proxy answered 403; the access policy ns[shop forbids it",
    );
    check(
        &[
            ("response_flags", "-"),
            ("response_code", "503"),
            ("response_code_details", "direct_response"),
        ],
        "the proxy itself answered 503, as configured",
    );
}

#[test]
fn meshes_are_told_by_their_names() {
    let check = |pairs: &[(&str, &str)], mesh: &str, words: &str| {
        let mut all = vec![("response_flags", "UH")];
        all.extend(pairs);
        let hop = of_span(&span(&all)).expect("a hop");
        assert_eq!(hop.mesh, mesh);
        assert!(hop.reason.contains(words), "{}", hop.reason);
    };
    check(
        &[(
            "upstream_cluster",
            "outbound|9080|v2|reviews.shop.svc.cluster.local",
        )],
        "istio",
        "reviews.shop.svc.cluster.local:9080 (v2)",
    );
    check(
        &[
            (
                "node_id",
                "sidecar~10.1.1.1~cart-1.shop~shop.svc.cluster.local",
            ),
            ("upstream_cluster", "x"),
        ],
        "istio",
        "x",
    );
    check(
        &[
            ("node_id", "mesh/shop/virtualNode/cart"),
            ("upstream_cluster", "cds_egress_shop_price_http_8080"),
        ],
        "app_mesh",
        "price of mesh shop",
    );
    let mut activator = span(&[]);
    activator.service_name = "activator-service".into();
    assert_eq!(of_span(&activator).expect("a hop").mesh, "knative");
    assert_eq!(
        of_span(&span(&[("http.status_code", "200")])),
        None,
        "no proxy"
    );
}

fn both() -> (Hop, Hop) {
    let mut server = span(&[
        ("response_flags", "UF"),
        ("guid:x-request-id", "r1"),
        ("component", "proxy"),
    ]);
    server.kind = SpanKind::Server;
    server.name = "/pay".into();
    let log = record(&[
        ("response_flags", "UF"),
        ("request_id", "r1"),
        ("upstream_cluster", "dead"),
        ("attempts", "2"),
        (
            "traceparent",
            "00-01010101010101010101010101010101-0303030303030303-01",
        ),
        (
            "response_code_details",
            "upstream_reset_before_response_started{connection_timeout}",
        ),
    ]);
    (
        of_span(&server).expect("a hop"),
        of_record(&log).expect("a hop"),
    )
}

#[test]
fn a_span_and_the_record_of_the_same_request_are_one_hop() {
    let (span, log) = both();
    assert_eq!(span.trace_id, log.trace_id);
    let expect = merge([span.clone(), log.clone()]);
    assert_eq!(expect.len(), 1);
    assert_eq!(expect[0].span_id, span.span_id);
    assert_eq!(
        expect[0].reason,
        "connecting to dead took too long; 2 tries (UF)"
    );
    assert_eq!(merge([log.clone(), span.clone()]), expect, "in any order");
    let later = merge([log.clone()]);
    assert_eq!(
        merge(later.into_iter().chain([span.clone()])),
        expect,
        "whatever is held"
    );
    assert_eq!(
        merge(
            expect
                .clone()
                .into_iter()
                .chain([log.clone(), span.clone()])
        ),
        expect,
        "however often"
    );
    let mut other = log.clone();
    other.request_id = "r2".into();
    other.span_id = SpanId([7; 8]);
    assert_eq!(
        merge([span.clone(), other]).len(),
        2,
        "another request at the same time"
    );
    let mut next = log;
    next.start_time = UnixNanos(next.start_time.0 + 500_000);
    assert_eq!(
        merge([span, next]).len(),
        2,
        "the next proxy on the way of the same request"
    );
}

#[test]
fn a_record_alone_becomes_a_span() {
    let (_, log) = both();
    let span = span_of(&log);
    assert_eq!(span.parent_span_id, SpanId([3; 8]));
    assert_eq!(span.source, model::SpanSource::AccessLog);
    assert_eq!(span.status_message, log.reason);
    let again = of_span(&span).expect("it reads as a hop");
    assert_eq!((again.outcome, again.trace_id), (log.outcome, log.trace_id));
}

#[test]
fn a_request_without_a_trace_is_a_trace_of_its_own() {
    let log =
        of_record(&record(&[("response_flags", "-"), ("x_request_id", "abc")])).expect("a hop");
    assert_eq!(log.trace_id, trace_of_request("abc"));
    assert!(!is_access_log(&LogRecord {
        body: "hello".into(),
        ..LogRecord::default()
    }));
}

#[test]
fn the_try_and_the_request_tell_each_other_what_they_know() {
    let mut request =
        of_span(&span(&[("response_flags", "UO"), ("component", "proxy")])).expect("a hop");
    request.direction = "inbound".into();
    request.request = "GET /pay".into();
    let mut attempt = span(&[
        ("response_flags", "UO"),
        ("upstream_cluster", "cart"),
        ("component", "proxy"),
    ]);
    (attempt.span_id, attempt.parent_span_id) = (SpanId([4; 8]), SpanId([2; 8]));
    let attempt = of_span(&attempt).expect("a hop");
    let merged = merge([attempt, request]);
    let told = merged
        .iter()
        .find(|hop| hop.direction == "inbound")
        .expect("the request");
    assert!(
        told.reason
            .starts_with("the circuit breaker of cart was open"),
        "{}",
        told.reason
    );

    let mut late = span(&[
        ("response_flags", "UT"),
        ("upstream_cluster", "cart"),
        ("component", "proxy"),
    ]);
    (late.kind, late.name) = (SpanKind::Server, "/pay".into());
    let mut given_up = span(&[
        ("response_flags", "-"),
        ("canceled", "true"),
        ("upstream_cluster", "cart"),
        ("component", "proxy"),
    ]);
    (given_up.span_id, given_up.parent_span_id) = (SpanId([4; 8]), SpanId([2; 8]));
    let both = [
        of_span(&late).expect("a hop"),
        of_span(&given_up).expect("a hop"),
    ];
    let merged = merge(both.clone());
    let told = merged
        .iter()
        .find(|hop| hop.direction == "outbound")
        .expect("the try");
    assert_eq!(told.outcome, HopOutcome::Failed);
    assert_eq!(
        told.reason,
        "cart had not answered when the time limit was over"
    );
    assert_eq!(merge(merged.clone().into_iter().chain(both)), merged);
}
