//! OTLP JSON, one request a line.

use super::{Coverage, File};
use crate::facts::{Record, Spanned};
use crate::setting::Setting;
use demo::otel::attributes;
use demo::run::REGION;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Who exports: service, host, version, language.
type Source<'a> = (&'a str, Option<&'a str>, Option<&'a str>, &'static str);

pub(super) fn files(setting: &Setting, coverage: Coverage) -> Vec<File> {
    let facts = &setting.world.facts;
    let mut files = Vec::new();
    let arrived = facts
        .spans
        .iter()
        .filter(|span| arrives(setting, span, coverage));
    let spans = traces(arrived.map(|span| {
        let mut shifted = span.span.clone();
        if coverage.skew_ms != 0 && span.host.as_deref() == skewed(setting) {
            shifted.start_ns += coverage.skew_ms * 1_000_000;
            shifted.end_ns += coverage.skew_ms * 1_000_000;
        }
        (span, shifted.otlp())
    }));
    if !spans.is_empty() {
        files.push(("otlp/traces.jsonl".to_owned(), spans));
    }
    let records = logs(&facts.records);
    if !records.is_empty() {
        files.push(("otlp/logs.jsonl".to_owned(), records));
    }
    files
}

/// Trace requests, one a line, by who exports.
pub(crate) fn traces<'a>(spans: impl Iterator<Item = (&'a Spanned, Value)>) -> Vec<u8> {
    let mut groups: BTreeMap<Source<'_>, Vec<Value>> = BTreeMap::new();
    for (span, written) in spans {
        let source = (
            span.service.as_str(),
            span.host.as_deref(),
            span.version.as_deref(),
            span.language,
        );
        groups.entry(source).or_default().push(written);
    }
    lines("resourceSpans", "scopeSpans", groups)
}

/// Log requests, one a line, by who exports.
pub(crate) fn logs(records: &[Record]) -> Vec<u8> {
    let mut groups: BTreeMap<Source<'_>, Vec<Value>> = BTreeMap::new();
    for record in records {
        let source = (
            record.service.as_str(),
            record.host.as_deref(),
            None,
            "java",
        );
        groups.entry(source).or_default().push(log(record));
    }
    lines("resourceLogs", "scopeLogs", groups)
}

fn lines(key: &str, inner: &str, groups: BTreeMap<Source<'_>, Vec<Value>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (source, entries) in groups {
        for chunk in entries.chunks(100) {
            let request = json!({key: [{"resource": {"attributes": resource(&source)}, inner: [scope(inner, chunk)]}]});
            bytes.extend(request.to_string().into_bytes());
            bytes.push(b'\n');
        }
    }
    bytes
}

fn skewed(setting: &Setting) -> Option<&str> {
    setting.world.hosts.keys().next().map(String::as_str)
}

/// True when a span is not lost.
pub(crate) fn arrives(setting: &Setting, span: &Spanned, coverage: Coverage) -> bool {
    coverage.span_loss == 0.0
        || !setting
            .world
            .chance
            .of(&format!("lost/{}", span.key))
            .chance(coverage.span_loss)
}

/// How SQL calls it.
pub fn reference(span: &Spanned) -> String {
    format!("span:{}/{}", span.span.trace_id, span.span.span_id)
}

fn resource(source: &Source<'_>) -> Value {
    let (service, host, version, language) = *source;
    let mut pairs = vec![
        ("service.name", json!(service)),
        (
            "telemetry.sdk.name",
            json!(if language == "cpp" {
                "envoy"
            } else {
                "opentelemetry"
            }),
        ),
        ("telemetry.sdk.language", json!(language)),
        ("cloud.region", json!(REGION)),
    ];
    if let Some(host) = host {
        pairs.push(("host.name", json!(host)));
    }
    if let Some(version) = version {
        pairs.push(("service.version", json!(version)));
    }
    attributes(&pairs)
}

fn scope(inner: &str, chunk: &[Value]) -> Value {
    match inner {
        "scopeSpans" => {
            json!({"scope": {"name": "io.opentelemetry.auto", "version": "2.21.0"}, "spans": chunk})
        }
        _ => json!({"scope": {"name": "app"}, "logRecords": chunk}),
    }
}

fn log(record: &Record) -> Value {
    let number = match record.level {
        "ERROR" => 17,
        "WARN" => 13,
        "INFO" => 9,
        _ => 0,
    };
    let mut value = json!({
        "timeUnixNano": record.at_ns.to_string(), "observedTimeUnixNano": (record.at_ns + 1_000_000).to_string(),
        "severityNumber": number, "severityText": record.level, "body": {"stringValue": record.body},
    });
    if let Some((trace, span)) = &record.context {
        value["traceId"] = json!(trace);
        value["spanId"] = json!(span);
    }
    value
}
