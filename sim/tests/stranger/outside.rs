//! Somebody whom functions call: refusals, errors, names, certificates, hosts.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::{Call, Lambda, lambda},
    vary,
};
use model::{Category, Fatality};
use serde_json::{Value, json};

/// Two functions, of which the second calls somebody.
fn caller(desk: &mut Desk, n: usize, machine: &str, second: Lambda, tries: usize) -> String {
    let mut run = Run::new(machine, &format!("x{n}"), at(n), &json!({"n": n}));
    desk.task(
        &mut run,
        "Collect",
        &lambda("collect-input", 100 + vary(n, 30)),
        &json!({"n": n}),
        &json!({"a": 1}),
    );
    let failed = second.error.clone();
    let all = vec![second; tries];
    if desk.retried(&mut run, "Ask", &all, &json!({"a": 1}), &json!({"b": 2})) {
        return desk.end(run, End::Well(&json!({"b": 2})));
    }
    let (kind, message) = failed.unwrap_or_default();
    let cause = json!({"errorType": kind, "errorMessage": message}).to_string();
    desk.end(run, End::Failed(&kind, &cause))
}

/// A quota of a partner; a deploy of ours in the same minutes went well before.
fn partner_limit(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 8 {
        desk.changed(at(n) - 30_000, "lambda", "ask-geocoder", "version 30 -> 31");
    }
    let call = Call::new(
        "GET",
        35,
        &[
            ("http.method", "GET"),
            ("http.url", "https://geo.partner.example/v1/find?q=1"),
            ("http.status_code", if ill { "429" } else { "200" }),
        ],
    );
    let mut ask =
        lambda("ask-geocoder", 120 + vary(n, 20)).version(if n < 8 { "30" } else { "31" });
    ask = match ill {
        true => ask.raising("HTTPError", "429 Client Error: Too Many Requests for url: https://geo.partner.example/v1/find?q=1 Retry-After: 30").calling(call.failing("Too Many Requests")),
        false => ask.calling(call),
    };
    caller(desk, n, "geocode", ask, if ill { 3 } else { 1 })
}

/// gRPC by the new names; the answering side says UNAVAILABLE, and its log why.
fn grpc_unavailable(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut call = Call::new(
        "pricing.v1.Pricing/Quote",
        30,
        &[
            ("rpc.system", "grpc"),
            ("rpc.service", "pricing.v1.Pricing"),
            ("rpc.method", "Quote"),
            ("server.address", "pricing"),
            ("rpc.grpc.status_code", if ill { "14" } else { "0" }),
        ],
    )
    .by(&[("service.name", "pricing")], 20);
    let mut ask = lambda("ask-price", 140 + vary(n, 20));
    if ill {
        call = call
            .failing("UNAVAILABLE: rule table is reloading")
            .serving_error("rule table is reloading");
        if let Some(server) = &mut call.server {
            server.log = Some((17, "rule table is reloading, 0 of 4 shards ready"));
        }
        ask = ask.raising(
            "grpc.RpcError",
            "StatusCode.UNAVAILABLE: rule table is reloading",
        );
    }
    caller(
        desk,
        n,
        "price-it",
        ask.calling(call),
        if ill { 3 } else { 1 },
    )
}

/// Two branches fail because of one service below both.
fn shared_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("offer", &format!("x{n}"), at(n), &json!({"n": n}));
    run.enter("Parallel", "Both", &json!({}));
    run.push("ParallelStateStarted", json!({}));
    let top = run.mark();
    let mut ends = Vec::new();
    for (state, name) in [("Taxes", "add-taxes"), ("Fees", "add-fees")] {
        run.back(top);
        let mut call = Call::new(
            "POST /rates",
            40,
            &[
                ("http.request.method", "POST"),
                ("server.address", "rates.svc"),
                ("http.response.status_code", if ill { "500" } else { "200" }),
            ],
        )
        .by(&[("service.name", "rates")], 30);
        let mut of = lambda(name, 130 + vary(n, 20));
        if ill {
            call = call
                .failing("")
                .serving_error("relation \"rates\" does not exist");
            of = of.raising("AxiosError", "Request failed with status code 500");
        }
        let tries = vec![of.calling(call); if ill { 2 } else { 1 }];
        desk.retried(&mut run, state, &tries, &json!({}), &json!({"x": 1}));
        ends.push(run.mark());
    }
    if ill {
        run.back(ends[0]);
        run.push("ParallelStateFailed", json!({}));
        return desk.end(run, End::Failed("AxiosError", "{\"errorType\":\"AxiosError\",\"errorMessage\":\"Request failed with status code 500\"}"));
    }
    run.push("ParallelStateSucceeded", json!({}));
    run.exit("Parallel", "Both", &json!([1, 1]));
    desk.end(run, End::Well(&json!([1, 1])))
}

/// Half of the tasks still know the name.
fn name_flaps(desk: &mut Desk, n: usize, ill: bool) -> String {
    let fails = ill && n % 2 == 1;
    let call = Call::new(
        "GET",
        8,
        &[
            ("http.method", "GET"),
            ("net.peer.name", "vault.corp.example"),
        ],
    );
    let mut ask = lambda("read-secret", 90 + vary(n, 20));
    ask = match fails {
        true => ask
            .raising(
                "URLError",
                "<urlopen error [Errno -2] Name or service not known>",
            )
            .calling(call.throwing("socket.gaierror", "[Errno -2] Name or service not known")),
        false => ask.calling(call),
    };
    caller(desk, n, "vaulted", ask, if fails { 2 } else { 1 })
}

/// A certificate ran out.
fn certificate(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut ask = lambda("post-ledger", 110 + vary(n, 20)).json();
    if ill {
        ask = ask.raising("url.Error", "Post \"https://ledger.bank.example/v2/postings\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-05-04T07:01:00Z is after 2026-05-04T06:59:59Z");
    }
    caller(desk, n, "bank-run", ask, if ill { 2 } else { 1 })
}

/// A service fails, and the clock of its host is four seconds behind.
fn skewed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut call = Call::new(
        "POST",
        50,
        &[
            ("http.request.method", "POST"),
            ("server.address", "quota.svc"),
            ("http.response.status_code", if ill { "500" } else { "200" }),
        ],
    )
    .by(&[("service.name", "quota"), ("host.name", "q-1")], 40);
    let mut ask = lambda("check-quota", 130 + vary(n, 20));
    if ill {
        call = call
            .failing("")
            .serving_error("index out of range [3] with length 3");
        ask = ask.raising("QuotaError", "quota answered 500");
    }
    if let Some(server) = &mut call.server {
        server.skew_ms = -4_000;
    }
    caller(
        desk,
        n,
        "quota-run",
        ask.calling(call),
        if ill { 3 } else { 1 },
    )
}

/// Three pods; on one of them everything fails.
fn bad_pod(desk: &mut Desk, n: usize, ill: bool) -> String {
    const PODS: [&str; 3] = ["limits-6c9-aaaa", "limits-6c9-bbbb", "limits-6c9-cccc"];
    let pod = PODS[n % 3];
    let bad = ill && pod == PODS[1];
    let mut call = Call::new(
        "GET /limit",
        40,
        &[
            ("http.request.method", "GET"),
            ("server.address", "limits"),
            ("http.response.status_code", if bad { "500" } else { "200" }),
        ],
    )
    .by(&[("service.name", "limits"), ("k8s.pod.name", pod)], 30);
    let mut ask = lambda("ask-limit", 130 + vary(n, 20));
    if bad {
        call = call
            .failing("")
            .serving_error("open /data/limits.db: input/output error");
        ask = ask.raising("Error", "limits answered 500");
    }
    caller(desk, n, "limited", ask.calling(call), 1)
}

/// One node of three is slow.
fn slow_node(desk: &mut Desk, n: usize, ill: bool) -> String {
    const NODES: [&str; 3] = ["ip-10-4-0-11", "ip-10-4-0-12", "ip-10-4-0-13"];
    let node = NODES[n % 3];
    let extra = if ill && node == NODES[0] { 6_000 } else { 0 };
    let took = 90 + vary(n, 30) + extra;
    let call = Call::new(
        "GET /geo",
        took,
        &[("http.request.method", "GET"), ("server.address", "geo")],
    )
    .by(
        &[("service.name", "geo"), ("k8s.node.name", node)],
        took - 6,
    );
    let ask = lambda("ask-geo", took + 60).calling(call);
    caller(desk, n, "geo-run", ask, 1)
}

/// A document store refuses a query that it took for months, since a release of the store: 400.
fn wrong_release_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut call = Call::new(
        "search",
        30,
        &[
            ("db.system", "opensearch"),
            ("db.operation", "search"),
            ("net.peer.name", "search.internal"),
            ("http.status_code", if ill { "503" } else { "200" }),
        ],
    );
    let mut ask = lambda("find-docs", 130 + vary(n, 20));
    if ill {
        call = call.failing("all shards failed");
        ask = ask.raising(
            "TransportError",
            "TransportError(503, 'search_phase_execution_exception', 'all shards failed')",
        );
    }
    caller(desk, n, "docs", ask.calling(call), if ill { 3 } else { 1 })
}

/// Reads time out; nobody recorded the other side, and the caller's log is all there is.
fn read_timeout_in_words(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut ask = lambda("ask-stock", 180 + vary(n, 30));
    if ill {
        ask.ms = 5_060;
        ask = ask.raising("ReadTimeout", "HTTPConnectionPool(host='stock.svc.cluster.local', port=8080): Read timed out. (read timeout=5)");
    }
    caller(desk, n, "stock-run", ask, if ill { 2 } else { 1 })
}

/// The function hangs in a call until its limit; only the last line says where.
fn hangs(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut ask = lambda("ask-inventory", 260 + vary(n, 40));
    ask.lines = vec![
        ("INFO", "GET http://inventory.svc:8080/v1/items".into()),
        ("INFO", "answered 200".into()),
    ];
    if ill {
        ask.ms = 20_000;
        ask.cut = true;
        ask.lines.truncate(1);
        ask.error = Some((
            "Sandbox.Timedout".into(),
            "RequestId: REQ Error: Task timed out after 20.00 seconds".into(),
        ));
    }
    caller(desk, n, "inventory-run", ask, 1)
}

/// A state's own limit, a direct function ARN, no telemetry at all.
fn dark_timeout(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("dark", &format!("x{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Convert", &json!({"n": n}));
    run.push("LambdaFunctionScheduled", json!({"resource": "arn:aws:lambda:eu-central-1:480213377711:function:convert-doc", "input": "{}", "timeoutInSeconds": 10}));
    run.push("LambdaFunctionStarted", json!({}));
    run.wait(if ill { 10_000 } else { 900 + vary(n, 200) });
    if ill {
        run.push("LambdaFunctionTimedOut", json!({"error": "States.Timeout"}));
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.push(
        "LambdaFunctionSucceeded",
        json!({"output": "{}", "outputDetails": {"truncated": false}}),
    );
    run.exit("Task", "Convert", &Value::Null);
    desk.end(run, End::Well(&json!({})))
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "a partner's quota beside a harmless release",
            &["geo.partner.example", "geo"],
            &[Capacity],
            partner_limit,
        ),
        crime("gRPC unavailable", &["pricing"], &[Error], grpc_unavailable),
        crime(
            "two functions share a broken service",
            &["rates"],
            &[Error],
            shared_below,
        )
        .fate(Fatality::Fatal),
        crime(
            "a name that flaps",
            &["vault.corp.example", "vault"],
            &[NetworkConfig],
            name_flaps,
        )
        .runs(12, 6),
        crime(
            "a certificate ran out",
            &["ledger.bank.example", "ledger"],
            &[NetworkConfig],
            certificate,
        ),
        crime(
            "a service fails on a skewed clock",
            &["quota"],
            &[Error],
            skewed,
        ),
        crime(
            "a pod fails",
            &["limits-6c9-bbbb"],
            &[Infrastructure],
            bad_pod,
        )
        .runs(12, 12),
        crime(
            "a node is slow",
            &["ip-10-4-0-11"],
            &[Infrastructure, Latency],
            slow_node,
        )
        .runs(14, 12),
        crime(
            "a search cluster is down, old names",
            &["search.internal", "search", "opensearch"],
            &[Error],
            wrong_release_below,
        ),
        crime(
            "a read times out, told in words only",
            &["stock.svc.cluster.local", "stock"],
            &[Latency],
            read_timeout_in_words,
        ),
        crime(
            "a function hangs in a call",
            &["inventory.svc", "inventory", "ask-inventory"],
            &[Latency],
            hangs,
        ),
        crime(
            "a function is late, no telemetry",
            &["convert-doc"],
            &[Latency],
            dark_timeout,
        ),
    ]
}
