//! The columns of `hops`.

use super::{id, int, text, time};
use arrow::datatypes::Field;

pub(super) fn columns() -> Vec<Field> {
    vec![
        id("trace_id", "trace of the request"),
        id(
            "span_id",
            "the proxy's span: its tracer's, or the one made of its access log",
        ),
        id("parent_span_id", "its parent, zero if unknown"),
        text("proxy", "the proxy, as it names itself"),
        text("mesh", "envoy, istio, app_mesh or knative"),
        text(
            "direction",
            "inbound: takes requests for others; outbound: tries to reach an upstream",
        ),
        time("start_time", "when it began"),
        int("duration_ns", "nanoseconds"),
        text("request", "method and path, or the name of the span"),
        int("status_code", "status that was answered, 0 if none was"),
        text("response_flags", "Envoy's response flags, such as UF,URX"),
        text("details", "Envoy's response code details"),
        text("upstream_cluster", "upstream cluster"),
        text("upstream_address", "address of the upstream host"),
        int("attempts", "tries to reach the upstream, 0 if unknown"),
        int(
            "retry",
            "for a try: which repetition it is, 0 for the first",
        ),
        text("request_id", "x-request-id, empty if unknown"),
        text(
            "outcome",
            "ok, upstream_error (the upstream answered 5xx), failed (no answer of the upstream was brought), client, refused or injected",
        ),
        text("reason", "what happened, in words"),
        text("source", "span, access_log or span+access_log"),
    ]
}
