//! Plain traces without a workflow: where in a service the trouble is, by what services, databases, queues and RPC
//! systems write. What is right was written down before anything was run.

use analysis::services::{Hop, Period, explain};
use model::{Outcome, SpanId, SpanKind, TraceId, UnixNanos, Verdict};

const MS: i64 = 1_000_000;

/// What befalls a request.
#[derive(Default, Clone, Copy)]
struct Ill {
    /// Added to the time of the answering service, milliseconds.
    slow_ms: i64,
    /// Added on the way to it.
    wire_ms: i64,
    fails: bool,
}

/// Who answers: service, kind of the call and of the answer, what the call says of its peer.
struct Callee {
    service: &'static str,
    call: SpanKind,
    answer: Option<SpanKind>,
    peer: Option<&'static str>,
    operations: &'static [&'static str],
    places: &'static [(&'static str, &'static str)],
}

const NODES: &[(&str, &str)] = &[("node-1", ""), ("node-2", ""), ("node-3", "")];
const PODS: &[(&str, &str)] = &[
    ("node-1", "cart-5d-aa"),
    ("node-1", "cart-5d-bb"),
    ("node-2", "cart-5d-cc"),
    ("node-2", "cart-5d-dd"),
];
const GET_AND_PUT: &[&str] = &["GET /cart", "PUT /cart", "DELETE /cart"];

const CART: Callee = Callee {
    service: "cart",
    call: SpanKind::Client,
    answer: Some(SpanKind::Server),
    peer: Some("cart.svc"),
    operations: GET_AND_PUT,
    places: NODES,
};

fn id(n: usize, salt: u64) -> u64 {
    (n as u64 * 64 + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1
}

/// 240 requests of a front to one callee; `ill` says what befalls which.
fn period(from: usize, callee: &Callee, ill: impl Fn(&str, &str, &str) -> Ill) -> Period {
    let mut spans = Vec::new();
    for n in from..from + 240 {
        let trace_id = TraceId((u128::from(id(n, 1)) << 64 | 7).to_be_bytes());
        let operation = callee.operations[n % callee.operations.len()];
        let (host, pod) = callee.places[(n / 3) % callee.places.len()];
        let of = ill(operation, host, pod);
        let jitter = (n as i64 * 37 % 19) * MS / 10;
        let work = 12 * MS + jitter + of.slow_ms * MS;
        let way = 2 * MS + of.wire_ms * MS;
        let text = |it: &str| (!it.is_empty()).then(|| it.into());
        let hop = |span: u64, parent: u64, service: &str, name: &str, kind, start: i64, ns| Hop {
            trace_id,
            span_id: SpanId(id(n, span).to_be_bytes()),
            parent_span_id: match parent {
                0 => SpanId::default(),
                parent => SpanId(id(n, parent).to_be_bytes()),
            },
            service: service.into(),
            name: name.into(),
            kind,
            start: UnixNanos(n as i64 * 1_000 * MS + start),
            duration_ns: ns,
            failed: of.fails,
            message: if of.fails { "internal error" } else { "" }.into(),
            ..Hop::default()
        };
        let mut front = hop(
            2,
            0,
            "front",
            "GET /",
            SpanKind::Server,
            0,
            work + way + 6 * MS,
        );
        front.host = text("node-9");
        let mut call = hop(3, 2, "front", operation, callee.call, 3 * MS, work + way);
        call.peer = callee.peer.map(Into::into);
        call.host = text("node-9");
        spans.extend([front, call]);
        if let Some(kind) = callee.answer {
            let mut answer = hop(
                4,
                3,
                callee.service,
                operation,
                kind,
                3 * MS + way / 2,
                work,
            );
            (answer.host, answer.pod) = (text(host), text(pod));
            spans.push(answer);
        }
    }
    Period {
        spans,
        lines: Vec::new(),
    }
}

fn judged(callee: &Callee, ill: impl Fn(&str, &str, &str) -> Ill) -> Verdict {
    let well = period(0, callee, |_, _, _| Ill::default());
    explain("x", &period(1_000, callee, ill), &well)
}

/// Kind, name and path of the culprit.
fn check(what: &str, verdict: &Verdict, kind: &str, name: &str, path: &[&str]) {
    let culprit = verdict.culprit.clone().unwrap_or_default();
    assert_eq!(
        (culprit.kind.as_str(), culprit.name.as_str()),
        (kind, name),
        "{what}: {:?} {}",
        verdict.outcome,
        verdict.mechanism
    );
    assert_eq!(culprit.path, path, "{what}: {}", verdict.mechanism);
    assert!(!verdict.exhibits.is_empty(), "{what}");
}

const SLOW: Ill = Ill {
    slow_ms: 300,
    wire_ms: 0,
    fails: false,
};
const FAILS: Ill = Ill {
    slow_ms: 0,
    wire_ms: 0,
    fails: true,
};

fn when(it: bool, of: Ill) -> Ill {
    if it { of } else { Ill::default() }
}

#[test]
fn one_of_several_hosts_ends_the_path() {
    let verdict = judged(&CART, |_, host, _| when(host == "node-2", SLOW));
    check(
        "a slow node",
        &verdict,
        "service",
        "cart",
        &["cart", "node-2"],
    );
    assert_eq!(verdict.suspects[0].name, "cart");
    let verdict = judged(&CART, |_, host, _| when(host == "node-3", FAILS));
    check(
        "a failing node",
        &verdict,
        "service",
        "cart",
        &["cart", "node-3"],
    );
    let far = Ill {
        wire_ms: 250,
        ..Ill::default()
    };
    let verdict = judged(&CART, |_, host, _| when(host == "node-1", far));
    check(
        "a slow way to a node",
        &verdict,
        "service",
        "cart",
        &["cart", "node-1"],
    );
}

#[test]
fn a_host_on_which_others_are_ill_too_is_the_culprit() {
    let both = |bad: bool| {
        let on = |host: &str| when(bad && host == "node-2", SLOW);
        let mut all = period(if bad { 1_000 } else { 0 }, &CART, |_, host, _| on(host));
        let other = Callee {
            service: "stock",
            peer: Some("stock.svc"),
            operations: &["GET /stock"],
            ..CART
        };
        let theirs = period(if bad { 3_000 } else { 2_000 }, &other, |_, host, _| {
            on(host)
        });
        all.spans.extend(theirs.spans);
        all
    };
    let verdict = explain("x", &both(true), &both(false));
    let culprit = verdict.culprit.clone().unwrap_or_default();
    assert_eq!(
        (culprit.kind.as_str(), culprit.name.as_str()),
        ("host", "node-2")
    );
    assert_eq!(verdict.category, Some(model::Category::Infrastructure));
}

#[test]
fn a_pod_is_told_from_its_node() {
    let pods = Callee {
        places: PODS,
        ..CART
    };
    let verdict = judged(&pods, |_, _, pod| when(pod == "cart-5d-bb", FAILS));
    check(
        "a pod",
        &verdict,
        "service",
        "cart",
        &["cart", "cart-5d-bb"],
    );
    let verdict = judged(&pods, |_, host, _| when(host == "node-2", SLOW));
    check(
        "a node of two pods",
        &verdict,
        "service",
        "cart",
        &["cart", "node-2"],
    );
}

#[test]
fn one_of_several_operations_ends_the_path() {
    let verdict = judged(&CART, |operation, _, _| {
        when(operation == "PUT /cart", FAILS)
    });
    check(
        "an operation fails",
        &verdict,
        "service",
        "cart",
        &["cart", "PUT /cart"],
    );
    let verdict = judged(&CART, |operation, _, _| {
        when(operation == "GET /cart", SLOW)
    });
    check(
        "an operation is slow",
        &verdict,
        "service",
        "cart",
        &["cart", "GET /cart"],
    );
}

#[test]
fn what_is_ill_everywhere_is_the_service() {
    check(
        "slow",
        &judged(&CART, |_, _, _| SLOW),
        "service",
        "cart",
        &["cart"],
    );
    check(
        "failing",
        &judged(&CART, |_, _, _| FAILS),
        "service",
        "cart",
        &["cart"],
    );
    let one = Callee {
        places: &[("node-1", "cart-5d-aa")],
        operations: &["GET /cart"],
        ..CART
    };
    check(
        "a single place",
        &judged(&one, |_, _, _| SLOW),
        "service",
        "cart",
        &["cart"],
    );
    // Half of the requests everywhere.
    let flaky = |operation: &str, _: &str, _: &str| when(operation != "GET /cart", FAILS);
    check(
        "two operations of three",
        &judged(&CART, flaky),
        "service",
        "cart",
        &["cart"],
    );
}

#[test]
fn who_records_nothing_is_known_by_name() {
    let silent = |service, call, peer, operations| Callee {
        service,
        call,
        answer: None,
        peer: Some(peer),
        operations,
        places: NODES,
    };
    let database = silent("", SpanKind::Client, "pg-orders", &["SELECT orders"]);
    check(
        "a database",
        &judged(&database, |_, _, _| SLOW),
        "service",
        "pg-orders",
        &["pg-orders"],
    );
    let remote = silent("", SpanKind::Client, "geo.v1.Geo", &["geo.v1.Geo/Find"]);
    check(
        "an RPC",
        &judged(&remote, |_, _, _| FAILS),
        "service",
        "geo.v1.Geo",
        &["geo.v1.Geo"],
    );
    let queue = Callee {
        service: "mailer",
        call: SpanKind::Producer,
        answer: Some(SpanKind::Consumer),
        peer: Some("mails"),
        operations: &["mails process"],
        places: NODES,
    };
    check(
        "a consumer",
        &judged(&queue, |_, _, _| SLOW),
        "service",
        "mailer",
        &["mailer"],
    );
    let host = judged(&queue, |_, host, _| when(host == "node-2", FAILS));
    check(
        "a consumer's host",
        &host,
        "service",
        "mailer",
        &["mailer", "node-2"],
    );
}

#[test]
fn nothing_is_no_crime() {
    let verdict = judged(&CART, |_, _, _| Ill::default());
    assert_eq!(verdict.outcome, Outcome::NoCrime, "{}", verdict.mechanism);
}
