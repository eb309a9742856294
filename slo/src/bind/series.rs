//! The names of time series that stand for rows here, and what their labels are called.

use crate::measure::Over;

/// What a series counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    pub over: Over,
    /// Nanoseconds in the unit of `le`; 0 for a plain counter.
    pub le_ns: i64,
}

/// The family of a series of this name.
pub(super) fn family(name: &str) -> Option<Family> {
    let (base, bucket) = match name {
        name if name.ends_with("_bucket") => (name.trim_end_matches("_bucket"), true),
        name => (
            name.trim_end_matches("_count").trim_end_matches("_total"),
            false,
        ),
    };
    let counters = [
        ("inquest_executions", Over::Executions),
        ("inquest_states", Over::States),
        ("inquest_attempts", Over::Attempts),
        ("inquest_invocations", Over::Invocations),
        ("inquest_spans", Over::Spans),
        ("traces_spanmetrics_calls", Over::Spans),
        ("traces_span_metrics_calls", Over::Spans),
        ("calls", Over::Spans),
    ];
    let histograms = [
        (
            "inquest_execution_duration_seconds",
            Over::Executions,
            1_000_000_000,
        ),
        (
            "inquest_state_duration_seconds",
            Over::States,
            1_000_000_000,
        ),
        (
            "inquest_attempt_duration_seconds",
            Over::Attempts,
            1_000_000_000,
        ),
        (
            "inquest_invocation_duration_seconds",
            Over::Invocations,
            1_000_000_000,
        ),
        ("inquest_span_duration_seconds", Over::Spans, 1_000_000_000),
        ("traces_spanmetrics_latency", Over::Spans, 1_000_000_000),
        (
            "traces_spanmetrics_duration_seconds",
            Over::Spans,
            1_000_000_000,
        ),
        (
            "traces_span_metrics_duration_seconds",
            Over::Spans,
            1_000_000_000,
        ),
        (
            "traces_span_metrics_duration_milliseconds",
            Over::Spans,
            1_000_000,
        ),
        ("traces_span_metrics_duration", Over::Spans, 1_000_000),
        ("duration_seconds", Over::Spans, 1_000_000_000),
        ("duration_milliseconds", Over::Spans, 1_000_000),
    ];
    let counter = counters.iter().find(|(known, _)| *known == base && !bucket);
    let histogram = histograms.iter().find(|(known, _, _)| *known == base);
    match (counter, histogram) {
        (Some((_, over)), _) => Some(Family {
            over: *over,
            le_ns: 0,
        }),
        (None, Some((_, over, le_ns))) => Some(Family {
            over: *over,
            le_ns: *le_ns,
        }),
        (None, None) => None,
    }
}

/// The column that a label is called here, and the value in our words.
pub(super) fn label(over: Over, label: &str, value: &str) -> Option<(&'static str, String)> {
    let own: &[&'static str] = match over {
        Over::Executions => &[
            "state_machine",
            "status",
            "engine",
            "region",
            "account",
            "error",
            "root_error",
            "root_state",
            "state_machine_version",
            "state_machine_alias",
            "name",
        ],
        Over::States => &["state_machine", "state", "state_type", "status", "error"],
        Over::Attempts => &[
            "state_machine",
            "state",
            "resource_type",
            "function_name",
            "status",
            "error",
        ],
        Over::Invocations => &[
            "function_name",
            "function_version",
            "status",
            "error_type",
            "cold_start_kind",
        ],
        Over::Spans => &[
            "service_name",
            "name",
            "kind",
            "status_code",
            "source",
            "scope_name",
        ],
    };
    if let Some(column) = own.iter().find(|column| **column == label) {
        return Some((column, words(column, value)));
    }
    let column = match (over, label) {
        (Over::Spans, "service") => "service_name",
        (Over::Spans, "span_name" | "operation") => "name",
        (Over::Spans, "span_kind") => "kind",
        (Over::Executions | Over::States | Over::Attempts, "workflow") => "state_machine",
        (Over::Invocations | Over::Attempts, "function") => "function_name",
        _ => return None,
    };
    Some((column, words(column, value)))
}

/// `STATUS_CODE_ERROR` is `error` here, `SPAN_KIND_SERVER` is `server`.
fn words(column: &str, value: &str) -> String {
    match column {
        "status_code" => value.replace("STATUS_CODE_", "").to_lowercase(),
        "kind" => value.replace("SPAN_KIND_", "").to_lowercase(),
        _ => value.to_owned(),
    }
}
