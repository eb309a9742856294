//! Traces of services that no workflow started: the shop's pages, with logs.

use crate::dice::Dice;
use crate::files::File;
use crate::otel::{self, Span};
use serde_json::{Value, json};

/// A call in the shop: service, name, kind, share of its parent's time, what it calls in turn.
struct Step {
    service: &'static str,
    name: &'static str,
    kind: u8,
    share: f64,
    attributes: &'static [(&'static str, &'static str)],
    calls: &'static [Step],
}

const SELECT: Step = Step {
    service: "catalog",
    name: "SELECT products",
    kind: 3,
    share: 0.55,
    attributes: &[
        ("db.system.name", "postgresql"),
        ("db.namespace", "catalog"),
    ],
    calls: &[],
};

const PAGES: [Step; 3] = [
    Step {
        service: "storefront",
        name: "GET /products/{id}",
        kind: 2,
        share: 1.0,
        attributes: &[
            ("http.request.method", "GET"),
            ("http.route", "/products/{id}"),
        ],
        calls: &[
            Step {
                service: "catalog",
                name: "catalog.Products/Get",
                kind: 2,
                share: 0.5,
                attributes: &[("rpc.system", "grpc"), ("rpc.service", "catalog.Products")],
                calls: &[SELECT],
            },
            Step {
                service: "reviews",
                name: "GET /reviews",
                kind: 2,
                share: 0.3,
                attributes: &[("http.request.method", "GET"), ("http.route", "/reviews")],
                calls: &[Step {
                    service: "reviews",
                    name: "GET reviews:page",
                    kind: 3,
                    share: 0.4,
                    attributes: &[("db.system.name", "redis")],
                    calls: &[],
                }],
            },
        ],
    },
    Step {
        service: "storefront",
        name: "POST /cart",
        kind: 2,
        share: 1.0,
        attributes: &[("http.request.method", "POST"), ("http.route", "/cart")],
        calls: &[Step {
            service: "cart",
            name: "cart.Cart/Add",
            kind: 2,
            share: 0.7,
            attributes: &[("rpc.system", "grpc"), ("rpc.service", "cart.Cart")],
            calls: &[
                Step {
                    service: "cart",
                    name: "HSET cart",
                    kind: 3,
                    share: 0.2,
                    attributes: &[("db.system.name", "redis")],
                    calls: &[],
                },
                SELECT,
            ],
        }],
    },
    Step {
        service: "storefront",
        name: "GET /search",
        kind: 2,
        share: 1.0,
        attributes: &[("http.request.method", "GET"), ("http.route", "/search")],
        calls: &[Step {
            service: "search",
            name: "query index",
            kind: 1,
            share: 0.8,
            attributes: &[("search.engine", "tantivy")],
            calls: &[],
        }],
    },
];

/// The spans and logs of a day of pages.
pub fn files(seed: u64, anchor: i64) -> Vec<File> {
    let mut dice = Dice::new(seed, "storefront");
    let mut spans: Vec<(&'static str, Span)> = Vec::new();
    for _ in 0..240 {
        let at = anchor - dice.between(30_000, 6 * 3_600_000);
        let page = &PAGES[dice.between(0, 2) as usize];
        let fails = dice.chance(0.06);
        let (trace_id, took) = (dice.hex(32), dice.duration(38.0));
        let start = at * 1_000_000;
        let end = start + (took * 1e6) as i64;
        visit(
            &mut dice,
            page,
            (&trace_id, ""),
            (start, end),
            fails,
            &mut spans,
        );
    }
    vec![
        ("otlp/storefront.jsonl".into(), traces(&spans)),
        ("otlp/storefront-logs.jsonl".into(), logs(&spans)),
    ]
}

fn visit(
    dice: &mut Dice,
    step: &'static Step,
    (trace_id, parent_id): (&str, &str),
    (start_ns, end_ns): (i64, i64),
    fails: bool,
    spans: &mut Vec<(&'static str, Span)>,
) {
    let span_id = dice.hex(16);
    let mut attributes: Vec<(&'static str, Value)> = step
        .attributes
        .iter()
        .map(|(key, value)| (*key, json!(value)))
        .collect();
    if step.kind == 2 && step.service == "storefront" {
        attributes.push((
            "http.response.status_code",
            json!(if fails { 500 } else { 200 }),
        ));
        attributes.push((
            "user_agent.name",
            json!(dice.pick(&["Firefox", "Chrome", "Safari"])),
        ));
    }
    let leaf = step.calls.is_empty();
    spans.push((
        step.service,
        Span {
            trace_id: trace_id.to_owned(),
            span_id: span_id.clone(),
            parent_id: parent_id.to_owned(),
            name: step.name.to_owned(),
            kind: step.kind,
            start_ns,
            end_ns,
            attributes,
            error: fails.then(|| match leaf {
                true => "canceling statement due to statement timeout".to_owned(),
                false => format!("{} failed", step.name),
            }),
        },
    ));
    let (length, mut at) = (end_ns - start_ns, start_ns + (end_ns - start_ns) / 20);
    for (index, call) in step.calls.iter().enumerate() {
        let took = (length as f64 * call.share * (0.75 + 0.25 * dice.unit())) as i64;
        let fails = fails && index == 0;
        visit(
            dice,
            call,
            (trace_id, &span_id),
            (at, at + took),
            fails,
            spans,
        );
        at += took + length / 50;
    }
}

fn resource(service: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("service.name", json!(service)),
        ("service.namespace", json!("shop")),
        ("service.version", json!("2026.11.3")),
        ("deployment.environment.name", json!("production")),
        ("k8s.namespace.name", json!("shop")),
        ("k8s.deployment.name", json!(service)),
    ]
}

fn services(spans: &[(&'static str, Span)]) -> Vec<(&'static str, Vec<Span>)> {
    let mut by_service = std::collections::BTreeMap::<_, Vec<Span>>::new();
    for (service, span) in spans {
        by_service.entry(*service).or_default().push(span.clone());
    }
    by_service.into_iter().collect()
}

fn traces(spans: &[(&'static str, Span)]) -> Vec<u8> {
    let mut lines = Vec::new();
    for (service, spans) in services(spans) {
        for chunk in spans.chunks(64) {
            let request = otel::export(&resource(service), "shop", chunk);
            lines.extend(request.to_string().into_bytes());
            lines.push(b'\n');
        }
    }
    lines
}

/// Every failed span says why, and every page says that it was served.
fn logs(spans: &[(&'static str, Span)]) -> Vec<u8> {
    let mut lines = Vec::new();
    for (service, spans) in services(spans) {
        let records: Vec<Value> = spans
            .iter()
            .filter_map(|span| record(service, span))
            .collect();
        if records.is_empty() {
            continue;
        }
        let request = json!({"resourceLogs": [{
            "resource": {"attributes": otel::attributes(&resource(service))},
            "scopeLogs": [{"scope": {"name": "shop"}, "logRecords": records}],
        }]});
        lines.extend(request.to_string().into_bytes());
        lines.push(b'\n');
    }
    lines
}

fn record(service: &str, span: &Span) -> Option<Value> {
    let (number, word, body) = match &span.error {
        Some(error) => (17, "ERROR", format!("{}: {error}", span.name)),
        None if service == "storefront" => (9, "INFO", format!("served {}", span.name)),
        None => return None,
    };
    Some(json!({
        "timeUnixNano": span.end_ns.to_string(), "observedTimeUnixNano": (span.end_ns + 900_000).to_string(),
        "severityNumber": number, "severityText": word, "body": {"stringValue": body},
        "traceId": span.trace_id, "spanId": span.span_id,
        "attributes": otel::attributes(&[("code.function.name", json!("handle"))]),
    }))
}
