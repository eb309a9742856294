//! The same data as `tests/sdk/send.py`, by the official Rust SDK.

use opentelemetry::{
    Context, InstrumentationScope, KeyValue, SpanId, StringValue, TraceFlags, TraceId, Value,
    logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity},
    trace::{
        Link, Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceState,
        Tracer, TracerProvider,
    },
};
use opentelemetry_otlp::{
    Compression, LogExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use opentelemetry_sdk::{
    Resource,
    logs::SdkLoggerProvider,
    trace::{IdGenerator, SdkTracerProvider},
};
use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The trace of that number; spans 0a0a… and 0b0b…
#[derive(Debug)]
struct Ids {
    number: u8,
    spans: AtomicU8,
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let mut id = [0x11; 16];
        id[0] = self.number;
        TraceId::from_bytes(id)
    }
    fn new_span_id(&self) -> SpanId {
        SpanId::from_bytes([0x0a + self.spans.fetch_add(1, Ordering::Relaxed); 8])
    }
}

fn at(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000) + Duration::from_millis(ms)
}

/// Sends over `grpc`, `proto` or `json`.
pub fn send(transport: &str, compression: &str, endpoint: &str, number: u8) {
    let compression = match compression {
        "gzip" => Some(Compression::Gzip),
        "zstd" => Some(Compression::Zstd),
        _ => None,
    };
    if transport == "grpc" {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let mut spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint);
        let mut logs = LogExporter::builder().with_tonic().with_endpoint(endpoint);
        if let Some(compression) = compression {
            spans = spans.with_compression(compression);
            logs = logs.with_compression(compression);
        }
        return emit(spans.build().unwrap(), logs.build().unwrap(), number);
    }
    let protocol = match transport {
        "json" => Protocol::HttpJson,
        _ => Protocol::HttpBinary,
    };
    let mut spans = SpanExporter::builder()
        .with_http()
        .with_protocol(protocol)
        .with_endpoint(format!("{endpoint}/v1/traces"));
    let mut logs = LogExporter::builder()
        .with_http()
        .with_protocol(protocol)
        .with_endpoint(format!("{endpoint}/v1/logs"));
    if let Some(compression) = compression {
        spans = spans.with_compression(compression);
        logs = logs.with_compression(compression);
    }
    emit(spans.build().unwrap(), logs.build().unwrap(), number);
}

fn emit(spans: SpanExporter, logs: LogExporter, number: u8) {
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", "sdk-test"))
        .with_attribute(KeyValue::new("host.name", "h1"))
        .build();
    let tracers = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_id_generator(Ids {
            number,
            spans: AtomicU8::new(0),
        })
        .with_simple_exporter(spans)
        .build();
    let scope = InstrumentationScope::builder("sdk-scope").with_version("1.2.3");
    let root = trace(&tracers.tracer_with_scope(scope.build()));

    let loggers = SdkLoggerProvider::builder()
        .with_resource(resource)
        .with_simple_exporter(logs)
        .build();
    let logger = loggers.logger("sdk-scope");
    let mut record = logger.create_log_record();
    record.set_timestamp(at(20));
    record.set_observed_timestamp(at(21));
    record.set_severity_number(Severity::Info);
    record.set_severity_text("INFO");
    record.set_body(AnyValue::from("order placed"));
    record.add_attribute("order.id", "o-1");
    record.add_attribute("items", 3);
    record.set_trace_context(root.trace_id(), root.span_id(), Some(root.trace_flags()));
    logger.emit(record);
    tracers.shutdown().unwrap();
    loggers.shutdown().unwrap();
}

/// Two spans; returns the context of the first.
fn trace(tracer: &impl Tracer<Span: Send + Sync + 'static>) -> SpanContext {
    let tags = Value::Array(vec![StringValue::from("a"), StringValue::from("b")].into());
    let root = SpanBuilder::from_name("GET /orders")
        .with_kind(SpanKind::Server)
        .with_start_time(at(0))
        .with_attributes([
            KeyValue::new("http.route", "/orders/{id}"),
            KeyValue::new("http.response.status_code", 200),
            KeyValue::new("ratio", 0.5),
            KeyValue::new("cached", true),
            KeyValue::new("tags", tags),
        ]);
    let root = tracer.build_with_context(root, &Context::new());
    let context = root.span_context().clone();
    let around = Context::new().with_span(root);
    let other = SpanContext::new(
        TraceId::from_bytes([0xee; 16]),
        SpanId::from_bytes([0xdd; 8]),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    let child = SpanBuilder::from_name("SELECT orders")
        .with_kind(SpanKind::Client)
        .with_start_time(at(10))
        .with_attributes([KeyValue::new("db.system", "postgresql")])
        .with_links(vec![Link::new(
            other,
            vec![KeyValue::new("why", "retry")],
            0,
        )]);
    let mut child = tracer.build_with_context(child, &around);
    let exception = vec![KeyValue::new("exception.type", "DbError")];
    child.add_event_with_timestamp("exception", at(50), exception);
    child.set_status(Status::error("no such table"));
    child.end_with_timestamp(at(60));
    around.span().end_with_timestamp(at(250));
    context
}
