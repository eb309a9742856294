//! Trace context as it travels in headers, messages and payloads: W3C, B3, X-Ray.
//!
//! Sources: <https://www.w3.org/TR/trace-context/>, <https://github.com/openzipkin/b3-propagation>,
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html> (tracing header).

use model::{SpanId, TraceId};

/// A trace, and the span in it that called, if that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller; zero if unknown.
    pub span_id: SpanId,
}

/// Names under which a context travels, in any case.
pub const NAMES: [&str; 7] = [
    "traceparent",
    "b3",
    "x-b3-traceid",
    "x-amzn-trace-id",
    "awstraceheader",
    "ce-traceparent",
    "traceheader",
];

/// The context that a header or member of this name holds.
pub fn read(name: &str, value: &str) -> Option<TraceContext> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    match name.as_str() {
        "traceparent" | "ce-traceparent" => traceparent(value),
        "b3" => b3(value),
        "x-b3-traceid" => Some(TraceContext {
            trace_id: padded(value.trim())?,
            span_id: SpanId::default(),
        }),
        "x-amzn-trace-id" | "awstraceheader" | "traceheader" => xray(value),
        _ => None,
    }
}

/// `00-<trace>-<span>-<flags>`.
pub fn traceparent(value: &str) -> Option<TraceContext> {
    let mut parts = value.trim().split('-');
    let version = parts.next()?;
    let trace_id: TraceId = parts.next()?.parse().ok()?;
    let span_id: SpanId = parts.next()?.parse().ok()?;
    parts.next()?;
    let known = version.len() == 2 && version != "ff" && !trace_id.is_zero() && !span_id.is_zero();
    known.then_some(TraceContext { trace_id, span_id })
}

/// `<trace>-<span>[-<sampled>[-<parent>]]`.
fn b3(value: &str) -> Option<TraceContext> {
    let mut parts = value.trim().split('-');
    let trace_id = padded(parts.next()?)?;
    let span_id: SpanId = parts.next()?.parse().ok()?;
    Some(TraceContext { trace_id, span_id })
}

/// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
fn xray(value: &str) -> Option<TraceContext> {
    let part = |name: &str| {
        let mut parts = value.split([';', ',']).map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let trace_id = crate::lambda::xray_trace(part("Root").unwrap_or(value.trim()))?;
    let span_id = part("Parent").and_then(|id| id.parse().ok());
    Some(TraceContext {
        trace_id,
        span_id: span_id.unwrap_or_default(),
    })
}

/// 16 digits are the lower half of an id.
fn padded(id: &str) -> Option<TraceId> {
    if id.len() != 16 && id.len() != 32 {
        return None;
    }
    let id: TraceId = format!("{id:0>32}").parse().ok()?;
    (!id.is_zero()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_of_all_kinds() {
        let check = |name: &str, value: &str, expect: Option<(&str, &str)>| {
            let held =
                read(name, value).map(|it| (it.trace_id.to_string(), it.span_id.to_string()));
            let expect = expect.map(|(trace, span)| (trace.to_owned(), span.to_owned()));
            assert_eq!(held, expect, "{name}: {value}");
        };
        let trace = "80f198ee56343ba864fe8b2a57d3eff7";
        let span = "e457b5a2e4d86bd1";
        let none = "0000000000000000";
        check(
            "TraceParent",
            &format!("00-{trace}-{span}-01"),
            Some((trace, span)),
        );
        check(
            "ce_traceparent",
            &format!("00-{trace}-{span}-01"),
            Some((trace, span)),
        );
        check(
            "b3",
            &format!("{trace}-{span}-1-05e3ac9a4f6e3b90"),
            Some((trace, span)),
        );
        check(
            "X-B3-TraceId",
            "64fe8b2a57d3eff7",
            Some(("000000000000000064fe8b2a57d3eff7", none)),
        );
        check(
            "X-Amzn-Trace-Id",
            &format!("Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent={span};Sampled=1"),
            Some((trace, span)),
        );
        check(
            "AWSTraceHeader",
            "Root=1-80f198ee-56343ba864fe8b2a57d3eff7",
            Some((trace, none)),
        );
        check("traceparent", "00-0-0-0", None);
        check("traceparent", &format!("ff-{trace}-{span}-01"), None);
        check("b3", "0", None);
        check("cookie", &format!("00-{trace}-{span}-01"), None);
    }
}
