//! Measures the store alone: `cargo run --release -p inquest-store --example spans -- [spans] [folder]`.
//!
//! The load is the one of `docs/performance.md`: requests of 100 spans, traces of 3 to 500 spans that
//! overlap in time, 20 services of 3 instances, about 12 attributes a span and 16 a resource. Prints CPU
//! seconds per million spans, bytes per span, and the time to find traces by id.

use arrow::{
    array::{
        ArrayRef, BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch,
        StringBuilder,
    },
    datatypes::{DataType, Field, Schema},
};
use inquest_store::{self as store, Store, StoreConfig, Table, tables::ATTRIBUTE_PREFIX};
use model::TraceId;
use std::{sync::Arc, time::Instant};

const PER_REQUEST: u64 = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let spans: u64 = arguments.next().map_or(Ok(1_000_000), |n| n.parse())?;
    let folder = arguments.next();
    let temporary = tempfile::tempdir()?;
    let folder = folder.map_or(temporary.path().to_owned(), Into::into);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(spans, StoreConfig::at(folder)))
}

async fn measure(spans: u64, config: StoreConfig) -> Result<(), Box<dyn std::error::Error>> {
    let (store, _) = Store::open(config).await?;
    let mut random = Random(1);
    let mut open = Vec::new();
    let mut ids = Vec::new();
    let mut generating = 0.0;
    let start = cpu();
    for request in 0..spans / PER_REQUEST {
        let before = cpu();
        let batch = request_of(request, &mut random, &mut open, &mut ids);
        generating += cpu() - before;
        store.append(Table::Spans, batch).await?;
    }
    let appended = cpu();
    store.flush().await?;
    let flushed = cpu();
    report(
        "append and write blocks",
        flushed - start - generating,
        spans,
    );
    println!(
        "  of which after the last append {:.2} s",
        flushed - appended
    );
    sizes("as flushed", &store);
    let before = cpu();
    store.compact().await?;
    report("compact", cpu() - before, spans);
    sizes("compacted", &store);
    println!("peak memory {} MiB", peak_mebibytes());
    find(&store, &ids).await?;
    store.close().await?;
    Ok(())
}

async fn find(store: &Store, ids: &[TraceId]) -> Result<(), store::Error> {
    let mut times = Vec::new();
    let before = cpu();
    for n in 0..400 {
        let id = ids[(n * 7919) % ids.len()];
        let begin = Instant::now();
        let found = store.snapshot().find(Table::Spans, &[id]).await?;
        times.push(begin.elapsed());
        assert!(!found.is_empty());
    }
    times.sort_unstable();
    println!(
        "trace by id: {:.1} CPU ms, p50 {:?}, p99 {:?}",
        (cpu() - before) * 1e3 / times.len() as f64,
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
    Ok(())
}

fn report(what: &str, seconds: f64, spans: u64) {
    let per_million = seconds * 1e6 / spans as f64;
    println!("{what}: {per_million:.2} CPU s per million spans");
}

fn sizes(when: &str, store: &Store) {
    let blocks = store.snapshot().blocks(Table::Spans);
    let bytes: u64 = blocks.iter().map(|block| block.bytes).sum();
    let rows: u64 = blocks.iter().map(|block| block.rows).sum();
    println!(
        "{when}: {} blocks, {rows} spans, {:.1} bytes per span",
        blocks.len(),
        bytes as f64 / rows as f64
    );
}

/// CPU seconds of this process, from `/proc/self/stat` (clock ticks of 10 ms).
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse().ok()).unwrap_or(0.0);
    (ticks(12) + ticks(13)) / 100.0
}

fn peak_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) / 1024
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// A trace that is still sending.
struct Open {
    id: [u8; 16],
    left: u64,
    parents: Vec<u64>,
}

fn request_of(
    request: u64,
    random: &mut Random,
    open: &mut Vec<Open>,
    ids: &mut Vec<TraceId>,
) -> RecordBatch {
    while open.len() < 30 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&random.next().to_be_bytes());
        id[8..].copy_from_slice(&random.next().to_be_bytes());
        ids.push(TraceId(id));
        let left = 3 + random.below(25) * random.below(20) / 7;
        open.push(Open {
            id,
            left,
            parents: vec![0],
        });
    }
    let (mut trace, mut span, mut parent) = (
        BinaryBuilder::new(),
        BinaryBuilder::new(),
        BinaryBuilder::new(),
    );
    let mut texts: Vec<StringBuilder> = (0..18).map(|_| StringBuilder::new()).collect();
    let mut numbers: Vec<Int64Builder> = (0..7).map(|_| Int64Builder::new()).collect();
    let (mut double, mut truth) = (Float64Builder::new(), BooleanBuilder::new());
    let service = random.below(20);
    let instance = random.below(3);
    let resource = format!(
        "{{\"service.instance.id\":\"{service}-{instance}\",\"service.version\":\"1.{service}.0\",\"deployment.environment\":\"production\",\"host.name\":\"node-{instance}\",\"k8s.namespace.name\":\"shop\",\"k8s.pod.name\":\"service-{service}-{instance}\",\"k8s.node.name\":\"node-{instance}\",\"cloud.provider\":\"aws\",\"cloud.region\":\"eu-central-1\",\"cloud.availability_zone\":\"eu-central-1{instance}\",\"os.type\":\"linux\",\"process.runtime.name\":\"cpython\",\"telemetry.sdk.language\":\"python\",\"telemetry.sdk.name\":\"opentelemetry\",\"telemetry.sdk.version\":\"1.39.0\"}}"
    );
    for _ in 0..PER_REQUEST {
        let at = random.below(open.len() as u64) as usize;
        let state = &mut open[at];
        let id = random.next();
        trace.append_value(state.id);
        span.append_value(id.to_be_bytes());
        let above = state.parents[random.below(state.parents.len() as u64) as usize];
        if above == 0 {
            parent.append_null();
        } else {
            parent.append_value(above.to_be_bytes());
        }
        state.parents.push(id);
        state.left -= 1;
        if state.left == 0 {
            open.swap_remove(at);
            if open.is_empty() {
                let mut id = [7; 16];
                id[..8].copy_from_slice(&random.next().to_be_bytes());
                ids.push(TraceId(id));
                open.push(Open {
                    id,
                    left: 3,
                    parents: vec![0],
                });
            }
        }
        let route = random.below(12);
        let is_error = random.below(1000) < 15;
        let mut text = texts.iter_mut();
        let mut put = |value: Option<&str>| {
            if let Some(builder) = text.next() {
                builder.append_option(value);
            }
        };
        put(Some(&format!("service-{service}")));
        put(Some(&format!("GET /api/v1/things/{route}")));
        put(Some(["internal", "server", "client"][(route % 3) as usize]));
        put(Some(if is_error { "error" } else { "unset" }));
        put(is_error.then_some("deadline exceeded"));
        put(Some("io.opentelemetry.http"));
        put(Some("2.1.0"));
        put(Some("otlp"));
        put(Some(&resource));
        put(is_error.then_some("[{\"time\":1700000000000000000,\"name\":\"exception\",\"attributes\":{\"exception.type\":\"TimeoutError\",\"exception.message\":\"deadline exceeded\"}}]"));
        put(Some(["GET", "POST", "PUT"][(route % 3) as usize]));
        put(Some(&format!("/api/v1/things/{{id}}/{route}")));
        put(Some(&format!(
            "/api/v1/things/{}/{route}",
            random.below(100_000)
        )));
        put(Some(&format!("10.0.{}.{}", instance, random.below(250))));
        put(Some(&format!("user-{}", random.below(5_000))));
        put(Some(&format!("tenant-{}", random.below(50))));
        put((route < 4).then_some("SELECT * FROM things WHERE id = $1"));
        put((route > 9)
            .then(|| format!("{:016x}{:016x}", random.next(), random.next()))
            .as_deref());
        let start = 1_700_000_000_000_000_000
            + request as i64 * 60_000_000
            + random.below(500_000_000) as i64;
        let values = [
            Some(start),
            Some((random.below(1000) * random.below(100_000)) as i64),
            Some(257),
            Some(if is_error { 504 } else { 200 }),
            Some(random.below(64_000) as i64),
            Some(8080),
            Some(random.below(128) as i64),
        ];
        numbers
            .iter_mut()
            .zip(values)
            .for_each(|(b, v)| b.append_option(v));
        if route < 6 {
            double.append_value(random.below(1 << 52) as f64 / 1e9);
        } else {
            double.append_null();
        }
        truth.append_value(route == 3);
    }
    let mut texts = texts
        .into_iter()
        .map(|mut b| Arc::new(b.finish()) as ArrayRef);
    let mut numbers = numbers
        .into_iter()
        .map(|mut b| Arc::new(b.finish()) as ArrayRef);
    let base = Table::Spans.schema();
    let mut columns: Vec<(Arc<Field>, ArrayRef)> = Vec::new();
    let base_field = |name: &str| {
        Arc::new(
            base.field_with_name(name)
                .cloned()
                .unwrap_or_else(|_| Field::new(name, DataType::Utf8, true)),
        )
    };
    columns.push((base_field("trace_id"), Arc::new(trace.finish())));
    columns.push((base_field("span_id"), Arc::new(span.finish())));
    columns.push((base_field("parent_span_id"), Arc::new(parent.finish())));
    for name in [
        "service_name",
        "name",
        "kind",
        "status_code",
        "status_message",
        "scope_name",
        "scope_version",
        "source",
        "resource",
        "events",
    ] {
        columns.extend(texts.next().map(|column| (base_field(name), column)));
    }
    for name in ["start_time", "duration_ns", "flags"] {
        columns.extend(numbers.next().map(|column| (base_field(name), column)));
    }
    let attribute = |name: &str, column: &ArrayRef| {
        Arc::new(Field::new(
            format!("{ATTRIBUTE_PREFIX}{name}"),
            column.data_type().clone(),
            true,
        ))
    };
    for name in [
        "http.request.method",
        "http.route",
        "url.path",
        "client.address",
        "enduser.id",
        "tenant.id",
        "db.query.text",
        "messaging.message.id",
    ] {
        columns.extend(
            texts
                .next()
                .map(|column| (attribute(name, &column), column)),
        );
    }
    for name in [
        "http.response.status_code",
        "http.response.body.size",
        "server.port",
        "thread.id",
    ] {
        columns.extend(
            numbers
                .next()
                .map(|column| (attribute(name, &column), column)),
        );
    }
    let double: ArrayRef = Arc::new(double.finish());
    columns.push((attribute("app.score", &double), double));
    let truth: ArrayRef = Arc::new(truth.finish());
    columns.push((attribute("app.cached", &truth), truth));
    let (fields, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of one length")
}
