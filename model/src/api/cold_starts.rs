//! `GET /api/v1/cold-starts?function=&from=&to=`: cold starts by function and version, with causes and advice.

use serde::{Deserialize, Serialize};

/// Cold starts of all functions in a time range.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ColdStarts {
    /// By function and version, most time lost first.
    pub functions: Vec<FunctionColdStarts>,
    /// Single cold starts, newest first (at most `limit`).
    pub rows: Vec<ColdStartRow>,
    /// Invocations looked at.
    pub invocations: u64,
    /// True when there were more invocations than are looked at; the newest were.
    pub truncated: bool,
    /// When nothing matches and a name in the filter is nobody's: which one, and what is like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Cold starts of one version of a function.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FunctionColdStarts {
    /// Function.
    pub function: String,
    /// Version; empty if unknown.
    pub version: String,
    /// Invocations whose kind is known.
    pub invocations: u64,
    /// Those of them that were cold.
    pub cold: u64,
    /// Invocations of which nobody knows.
    pub unknown: u64,
    /// Cold share, 0 to 1.
    pub ratio: f64,
    /// Median time until the runtime was ready, milliseconds.
    pub init_ms_p50: Option<f64>,
    /// 95th percentile.
    pub init_ms_p95: Option<f64>,
    /// Milliseconds that cold starts really added to executions, in all.
    pub added_ms: f64,
    /// Cold starts by cause, most frequent first.
    pub causes: Vec<(String, u64)>,
    /// Buckets over time: (start as decimal nanoseconds, invocations, cold).
    pub buckets: Vec<(String, u64, u64)>,
    /// What would help, each with its numbers; empty where the evidence supports nothing.
    pub advice: Vec<String>,
}

/// One cold start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ColdStartRow {
    /// Trace id of the invocation, hex.
    pub trace_id: String,
    /// Span of the invocation, hex.
    pub span_id: String,
    /// Lambda's request id.
    pub request_id: String,
    /// Function.
    pub function: String,
    /// Version; empty if unknown.
    pub version: String,
    /// When, decimal nanoseconds.
    pub time: String,
    /// `init`, `suppressed_init`, `failed_init`, `snapstart_restore`.
    pub kind: String,
    /// `scale_out`, `new_version`, `runtime_killed`, `idle`, `unknown`.
    pub cause: String,
    /// The fact behind the cause, in words.
    pub reason: String,
    /// Milliseconds until the runtime was ready; `None` if not reported.
    pub init_ms: Option<f64>,
    /// ARN of the execution it happened in, if joined.
    pub execution_arn: Option<String>,
    /// On the critical path of that execution; `None` without one.
    pub on_critical_path: Option<bool>,
    /// Milliseconds by which that execution would have been shorter without it.
    pub added_ms: Option<f64>,
}
