//! A million spans as a shop of twenty services would send them: the same bytes for the same seed.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span},
};
use prost::Message;

const SERVICES: [&str; 20] = [
    "frontend",
    "cart",
    "checkout",
    "payment",
    "shipping",
    "inventory",
    "catalog",
    "search",
    "recommendation",
    "pricing",
    "accounts",
    "email",
    "ads",
    "currency",
    "fraud",
    "tax",
    "reviews",
    "images",
    "sessions",
    "audit",
];
const INSTANCES: usize = 3;
const SPANS_A_REQUEST: usize = 100;
/// 2026-01-15T10:00:00Z.
const START: u64 = 1_768_471_200_000_000_000;
const TEN_MINUTES: u64 = 600_000_000_000;

/// SplitMix64.
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// Small numbers are more likely.
    fn skewed(&mut self, n: u64) -> u64 {
        let one = self.below(n);
        one.min(self.below(n)).min(self.below(n))
    }
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Requests with `spans` spans in all, in the order in which they are sent.
pub fn requests(spans: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random(seed);
    let mut waiting: Vec<Vec<Span>> = vec![Vec::new(); SERVICES.len() * INSTANCES];
    let mut sent = Vec::new();
    let mut made = 0;
    while made < spans {
        let at = START + (made as u64) * TEN_MINUTES / spans as u64;
        let size = (3 + random.skewed(120) as usize).min(spans - made).max(1);
        made += size;
        for (instance, span) in trace(&mut random, at, size) {
            waiting[instance].push(span);
            if waiting[instance].len() == SPANS_A_REQUEST {
                sent.push(request(instance, std::mem::take(&mut waiting[instance])));
            }
        }
    }
    for (instance, spans) in waiting.into_iter().enumerate() {
        if !spans.is_empty() {
            sent.push(request(instance, spans));
        }
    }
    sent
}

fn trace(random: &mut Random, at: u64, size: usize) -> Vec<(usize, Span)> {
    let mut trace_id = random.next().to_be_bytes().to_vec();
    trace_id.extend(random.next().to_be_bytes());
    let tenant = random.skewed(200);
    let user = random.below(20_000);
    let mut spans: Vec<(usize, Span)> = Vec::with_capacity(size);
    for n in 0..size {
        let parent = (n > 0).then(|| random.below(n as u64) as usize);
        let (start, room) = match parent {
            None => (at, 20_000_000 + random.skewed(2_000_000_000)),
            Some(parent) => {
                let parent = &spans[parent].1;
                let took = parent.end_time_unix_nano - parent.start_time_unix_nano;
                let start = parent.start_time_unix_nano + random.below(took / 2 + 1);
                (start, parent.end_time_unix_nano - start)
            }
        };
        let stay = parent.filter(|_| random.below(3) > 0);
        let instance = match stay {
            Some(parent) => spans[parent].0,
            None => {
                let service = random.skewed(SERVICES.len() as u64) as usize;
                service * INSTANCES + random.below(INSTANCES as u64) as usize
            }
        };
        let mut span = Span {
            trace_id: trace_id.clone(),
            span_id: random.next().to_be_bytes().to_vec(),
            parent_span_id: parent.map_or(Vec::new(), |parent| spans[parent].1.span_id.clone()),
            flags: 1,
            start_time_unix_nano: start,
            end_time_unix_nano: start + 1 + random.below(room + 1),
            ..Span::default()
        };
        describe(random, &mut span, instance / INSTANCES, tenant, user);
        spans.push((instance, span));
    }
    spans
}

fn describe(random: &mut Random, span: &mut Span, service: usize, tenant: u64, user: u64) {
    let name = SERVICES[service];
    let kind = random.below(5);
    let item = random.skewed(8);
    let failed = random.below(1000) < 15;
    let mut attributes = vec![
        text("tenant.id", format!("tenant-{tenant}")),
        text("user.id", format!("user-{user}")),
        text("thread.name", format!("worker-{}", random.below(16))),
        int("thread.id", random.below(64) as i64),
        text(
            "feature.flag",
            ["control", "variant-a", "variant-b"][random.below(3) as usize],
        ),
    ];
    attributes.extend(match kind {
        0 | 1 => {
            let route = format!("/api/{name}/{{id}}/part-{item}");
            span.name = format!("GET {route}");
            span.kind = if kind == 0 { 2 } else { 3 };
            let id = random.below(100_000);
            vec![
                text("http.request.method", "GET"),
                text("http.route", route),
                text("url.path", format!("/api/{name}/{id}/part-{item}")),
                int("http.response.status_code", if failed { 503 } else { 200 }),
                text("server.address", format!("{name}.shop.svc.cluster.local")),
                int("server.port", 8080),
                text(
                    "user_agent.original",
                    format!("shop-client/{}.4 (linux)", random.below(12)),
                ),
            ]
        }
        2 => {
            span.name = format!("SELECT shop.{name}_{item}");
            span.kind = 3;
            vec![
                text("db.system", "postgresql"),
                text("db.namespace", "shop"),
                text("db.operation.name", "SELECT"),
                text("db.collection.name", format!("{name}_{item}")),
                text(
                    "db.query.text",
                    format!("SELECT * FROM {name}_{item} WHERE tenant = $1 AND id = $2"),
                ),
                int("db.response.returned_rows", random.skewed(500) as i64),
                text(
                    "server.address",
                    format!("db-{}.shop.svc.cluster.local", service % 4),
                ),
            ]
        }
        3 => {
            span.name = format!("publish {name}.events");
            span.kind = 4;
            vec![
                text("messaging.system", "kafka"),
                text("messaging.destination.name", format!("{name}.events")),
                text("messaging.operation.type", "publish"),
                int("messaging.kafka.partition", random.below(12) as i64),
                int("messaging.message.body.size", random.skewed(4096) as i64),
                text("messaging.message.id", uuid(random)),
            ]
        }
        _ => {
            span.name = format!("{name}.compute-{item}");
            span.kind = 1;
            vec![
                text(
                    "code.function.name",
                    format!("shop::{name}::compute_{item}"),
                ),
                int("code.line.number", 40 + item as i64 * 17),
                bool("cache.hit", random.below(4) > 0),
                double("score", random.unit()),
                int("items", random.skewed(60) as i64),
                text(
                    "step",
                    ["load", "rank", "filter", "write"][random.below(4) as usize],
                ),
            ]
        }
    });
    if failed {
        fail(random, span, name);
    }
    span.attributes = attributes;
}

fn fail(random: &mut Random, span: &mut Span, service: &str) {
    span.status = Some(Status {
        code: 2,
        message: "upstream timed out".into(),
    });
    let line = random.below(400);
    span.events.push(span::Event {
        time_unix_nano: span.end_time_unix_nano,
        name: "exception".into(),
        attributes: vec![
            text("exception.type", "TimeoutError"),
            text("exception.message", format!("{service}: no answer within 800 ms")),
            text(
                "exception.stacktrace",
                format!("TimeoutError: no answer\n  at call ({service}.rs:{line})\n  at serve (main.rs:88)"),
            ),
        ],
        ..span::Event::default()
    });
}

fn request(instance: usize, spans: Vec<Span>) -> Vec<u8> {
    let (service, replica) = (SERVICES[instance / INSTANCES], instance % INSTANCES);
    let resource = vec![
        text("service.name", service),
        text("service.version", format!("1.{}.0", instance % 7)),
        text("service.namespace", "shop"),
        text(
            "service.instance.id",
            format!("{service}-{replica}-6c9f7d5b4-x{instance:03}"),
        ),
        text("deployment.environment.name", "production"),
        text(
            "host.name",
            format!("node-{}.eu-central-1.compute.internal", instance % 9),
        ),
        text("host.arch", "arm64"),
        text("os.type", "linux"),
        int("process.pid", 1 + instance as i64),
        text("process.runtime.name", "rustc"),
        text("process.runtime.version", "1.95.0"),
        text("telemetry.sdk.name", "opentelemetry"),
        text("telemetry.sdk.language", "rust"),
        text("telemetry.sdk.version", "0.33.0"),
        text(
            "k8s.pod.name",
            format!("{service}-6c9f7d5b4-x{instance:03}"),
        ),
        text("cloud.region", "eu-central-1"),
    ];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: resource,
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "shop-instrumentation".into(),
                    version: "0.9.1".into(),
                    ..InstrumentationScope::default()
                }),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
    .encode_to_vec()
}

fn uuid(random: &mut Random) -> String {
    let (high, low) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
fn text(key: &str, value: impl Into<String>) -> KeyValue {
    pair(key, Value::StringValue(value.into()))
}
fn int(key: &str, value: i64) -> KeyValue {
    pair(key, Value::IntValue(value))
}
fn double(key: &str, value: f64) -> KeyValue {
    pair(key, Value::DoubleValue(value))
}
fn bool(key: &str, value: bool) -> KeyValue {
    pair(key, Value::BoolValue(value))
}
