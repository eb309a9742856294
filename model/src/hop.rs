//! A hop: what a proxy did with one request, from its span, its access log, or both.

use crate::{SpanId, TraceId, UnixNanos};
use serde::{Deserialize, Serialize};

/// How a hop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HopOutcome {
    /// The upstream answered, and well.
    #[default]
    Ok,
    /// The upstream answered with a failure (5xx) of its own.
    UpstreamError,
    /// The proxy could not bring an answer of the upstream.
    Failed,
    /// The client left, or sent what cannot be answered.
    Client,
    /// The proxy said no: limits, authorisation, no route.
    Refused,
    /// Chaos on purpose.
    Injected,
}

impl HopOutcome {
    /// The word stored in the `outcome` column.
    pub fn as_str(self) -> &'static str {
        match self {
            HopOutcome::Ok => "ok",
            HopOutcome::UpstreamError => "upstream_error",
            HopOutcome::Failed => "failed",
            HopOutcome::Client => "client",
            HopOutcome::Refused => "refused",
            HopOutcome::Injected => "injected",
        }
    }

    /// True where the hop is to blame, or what is behind it.
    pub fn is_failure(self) -> bool {
        matches!(self, HopOutcome::UpstreamError | HopOutcome::Failed)
    }
}

/// What a proxy did with one request.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Hop {
    /// The trace of the request.
    pub trace_id: TraceId,
    /// The proxy's span: its tracer's, or the one made of its access log.
    pub span_id: SpanId,
    /// Its parent, zero if unknown.
    pub parent_span_id: SpanId,
    /// The proxy, as it names itself.
    pub proxy: String,
    /// What it belongs to: `envoy`, `istio`, `app_mesh`, `knative`.
    pub mesh: String,
    /// `inbound` (takes requests for others), `outbound` (one try to reach an upstream) or empty.
    pub direction: String,
    /// When it began.
    pub start_time: UnixNanos,
    /// Nanoseconds.
    pub duration_ns: i64,
    /// Method and path, or the name of the span.
    pub request: String,
    /// Status that was answered; 0 if none was.
    pub status_code: i64,
    /// Envoy's response flags, such as `UF,URX`; empty for none.
    pub response_flags: String,
    /// Envoy's response code details, such as `upstream_reset_before_response_started{connection_failure}`.
    pub details: String,
    /// Name of the upstream cluster.
    pub upstream_cluster: String,
    /// Address of the upstream host.
    pub upstream_address: String,
    /// Tries to reach the upstream; 0 if unknown.
    pub attempts: i64,
    /// Number of this try's repetition, for `outbound`: 0 for the first.
    pub retry: i64,
    /// `x-request-id`, empty if unknown.
    pub request_id: String,
    /// How it ended.
    pub outcome: HopOutcome,
    /// What happened, in words.
    pub reason: String,
    /// `span`, `access_log` or `span+access_log`.
    pub source: String,
}
