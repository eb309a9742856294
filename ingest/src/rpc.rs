//! The few messages that answers consist of.
//!
//! Sources: `opentelemetry/proto/collector/*/v1/*_service.proto`, `google/rpc/status.proto`,
//! `google/rpc/error_details.proto`.

use crate::door::{Outcome, Refusal};
use bytes::Bytes;
use prost::Message;
use serde_json::json;

/// `ExportTraceServiceResponse` and `ExportLogsServiceResponse`, which look alike.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) partial_success: Option<PartialSuccess>,
}

/// `ExportTracePartialSuccess` and `ExportLogsPartialSuccess`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(crate) rejected: i64,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(crate) retry_delay: Option<Duration>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Duration {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

/// A success as protobuf. As OTLP asks, it says nothing when there is nothing to say.
pub(crate) fn response(outcome: &Outcome) -> Bytes {
    let partial_success = has_remarks(outcome).then(|| PartialSuccess {
        rejected: outcome.rejected.cast_signed(),
        error_message: outcome.message.clone(),
    });
    ExportResponse { partial_success }.encode_to_vec().into()
}

/// A success as JSON; `rejected` is the member's name, `rejectedSpans` or `rejectedLogRecords`.
pub(crate) fn response_json(outcome: &Outcome, rejected: &str) -> Bytes {
    let json = if has_remarks(outcome) {
        let count = outcome.rejected.to_string();
        json!({"partialSuccess": {rejected: count, "errorMessage": outcome.message}})
    } else {
        json!({})
    };
    json.to_string().into()
}

fn has_remarks(outcome: &Outcome) -> bool {
    outcome.rejected > 0 || !outcome.message.is_empty()
}

/// A refusal as gRPC has it, with the time after which to try again if that helps.
pub(crate) fn status(refusal: &Refusal) -> Status {
    let (code, delay) = match refusal {
        // Some exporters send again after RESOURCE_EXHAUSTED, which would not help here.
        Refusal::Malformed(_) | Refusal::TooLarge(_) => (tonic::Code::InvalidArgument, None),
        Refusal::Busy { retry_after, .. } | Refusal::Unavailable { retry_after, .. } => {
            (tonic::Code::Unavailable, Some(*retry_after))
        }
    };
    let details = delay.map(|delay| Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
        value: RetryInfo {
            retry_delay: Some(Duration {
                seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
                nanos: delay.subsec_nanos().cast_signed(),
            }),
        }
        .encode_to_vec(),
    });
    Status {
        code: code as i32,
        message: refusal.to_string(),
        details: details.into_iter().collect(),
    }
}
