//! The formats beside OTLP that the server takes: which path, and who in `collectors` reads it.

use axum::http::StatusCode;
use collectors::{
    envoy, xray,
    zipkin::{self, Encoding},
};
use ingest::{Format, Stream, foreign::Read};
use model::{Batch, Span};

/// Streams that are taken on the address of OTLP/gRPC.
pub const STREAMS: [Stream; 1] = [Stream {
    path: envoy::STREAM_ACCESS_LOGS,
    open: || {
        let mut als = envoy::Als::default();
        Box::new(move |message| als.read(message))
    },
}];

/// What is taken on the address of OTLP/HTTP.
pub fn beside_otlp() -> Vec<Format> {
    ZIPKIN.into_iter().chain(XRAY).collect()
}

/// What X-Ray's SDKs and daemon call.
pub const XRAY: [Format; 3] = [
    Format {
        path: "/TraceSegments",
        taken: StatusCode::OK,
        read: |_, body| {
            let (spans, answer) = xray::put_trace_segments(body)?;
            Ok(Read {
                batch: of(spans),
                answer,
            })
        },
    },
    Format {
        path: "/GetSamplingRules",
        taken: StatusCode::OK,
        read: |_, _| {
            Ok(Read {
                answer: xray::sampling_rules(),
                ..Read::default()
            })
        },
    },
    Format {
        path: "/SamplingTargets",
        taken: StatusCode::OK,
        read: |_, _| {
            Ok(Read {
                answer: xray::sampling_targets(),
                ..Read::default()
            })
        },
    },
];

/// A datagram to X-Ray's daemon.
pub fn xray_datagram(bytes: &[u8]) -> Result<Batch, String> {
    xray::datagram(bytes).map(of)
}

fn of(spans: Vec<Span>) -> Batch {
    Batch {
        spans,
        ..Batch::default()
    }
}

/// What Zipkin tracers post, on the address of OTLP/HTTP and on one of its own.
pub const ZIPKIN: [Format; 2] = [
    Format {
        path: "/api/v2/spans",
        taken: StatusCode::ACCEPTED,
        read: zipkin_spans,
    },
    Format {
        path: "/api/v1/spans",
        taken: StatusCode::ACCEPTED,
        read: zipkin_spans,
    },
];

/// A tracer sends what is refused again and again, so one bad span must not keep back the good ones.
fn zipkin_spans(media_type: &str, body: &[u8]) -> Result<Read, String> {
    let encoding = Encoding::of(media_type, body);
    let read = zipkin::read(encoding, body).map_err(|error| error.to_string())?;
    if let Some((at, reason)) = read.problems.first() {
        let count = read.problems.len();
        if read.spans.is_empty() {
            return Err(format!(
                "span {at}: {reason} (of {count} spans none can be read)"
            ));
        }
        tracing::warn!(count, at, reason, "Zipkin spans were left out");
    }
    Ok(Read {
        batch: of(read.spans),
        answer: String::new(),
    })
}
