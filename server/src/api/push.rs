//! Doors for what AWS pushes: Amazon Data Firehose and EventBridge API destinations. A success is only said
//! when everything is durable; what is not taken is refused in the way that makes the sender come again.
//!
//! Firehose: "Deliver data to an HTTP endpoint" (request and response format). The records are what a
//! CloudWatch Logs subscription puts there: gzip'd JSON in base64.

use super::App;
use crate::{clock, collect::size};
use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use base64::Engine as _;
use collectors::import::{self, Refused, Report};
use flate2::read::GzDecoder;
use model::UnixNanos;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    io::Read,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tokio::runtime::Handle;

/// Name of the source that Firehose pushes to.
pub const FIREHOSE: &str = "push/firehose";
/// Name of the source that EventBridge pushes to.
pub const EVENTBRIDGE: &str = "push/eventbridge";
/// Largest request after unpacking, bytes.
const UNPACKED: u64 = 256 << 20;

/// Who may push.
#[derive(Clone, Default)]
pub struct Keys {
    keys: Arc<[String]>,
    /// Without any key, only senders on this machine could reach us.
    open: bool,
}

impl Keys {
    /// These keys; without any, everybody may who reaches a loopback address.
    pub fn new(keys: &[String], loopback: bool) -> Self {
        Keys {
            keys: keys.into(),
            open: keys.is_empty() && loopback,
        }
    }

    fn allow(&self, headers: &HeaderMap) -> bool {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        let given = [
            header("x-amz-firehose-access-key"),
            header("x-api-key"),
            bearer,
        ];
        self.open
            || given
                .into_iter()
                .flatten()
                .any(|given| self.keys.iter().any(|key| same(key, given)))
    }
}

/// Compared in a time that does not tell how much was right.
fn same(key: &str, given: &str) -> bool {
    let differences = key
        .bytes()
        .zip(given.bytes())
        .fold(0, |all, (a, b)| all | (a ^ b));
    key.len() == given.len() && differences == 0 && !key.is_empty()
}

const NO_KEY: &str =
    "the access key is not one of push_access_keys: give the same key on both sides";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    #[serde(default)]
    request_id: String,
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    data: String,
}

/// `POST /api/v1/push/firehose`
pub async fn firehose(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let header = headers
        .get("x-amz-firehose-request-id")
        .and_then(|id| id.to_str().ok());
    let header = header.unwrap_or_default().to_owned();
    if !app.push_keys.allow(&headers) {
        return acknowledge(StatusCode::UNAUTHORIZED, &header, Some(NO_KEY.to_owned()));
    }
    let body = match body {
        Ok(body) => body,
        Err(error) => return acknowledge(error.status(), &header, Some(error.body_text())),
    };
    let gzip = headers
        .get("content-encoding")
        .is_some_and(|it| it == "gzip");
    let delivery = unpacked(body, gzip).and_then(|body| {
        serde_json::from_slice::<Delivery>(&body)
            .map_err(|error| format!("not a delivery of Firehose: {error}"))
    });
    let delivery = match delivery {
        Ok(delivery) => delivery,
        Err(why) => return acknowledge(StatusCode::BAD_REQUEST, &header, Some(why)),
    };
    let id = match header.is_empty() {
        true => delivery.request_id.clone(),
        false => header,
    };
    if !delivery.request_id.is_empty() && delivery.request_id != id {
        let why = "requestId differs from the header X-Amz-Firehose-Request-Id".to_owned();
        return acknowledge(StatusCode::BAD_REQUEST, &id, Some(why));
    }
    let (mut files, mut broken) = (Vec::new(), Vec::new());
    for (n, record) in delivery.records.iter().enumerate() {
        match base64::engine::general_purpose::STANDARD.decode(&record.data) {
            Ok(data) => files.push((PathBuf::from(format!("record-{n}")), Bytes::from(data))),
            Err(error) => broken.push(format!("record {n} is not base64: {error}")),
        }
    }
    match take(&app, FIREHOSE, files).await {
        // The good part is kept. What is refused, Firehose sends again and at last backs up to S3:
        // acknowledged, it would be gone.
        Ok(report) => {
            broken.extend(unreadable(&report));
            match broken.first() {
                None => acknowledge(StatusCode::OK, &id, None),
                Some(first) => {
                    tracing::warn!(
                        records = broken.len(),
                        first,
                        "records of Firehose cannot be read"
                    );
                    acknowledge(StatusCode::BAD_REQUEST, &id, Some(first.clone()))
                }
            }
        }
        Err(why) => acknowledge(StatusCode::SERVICE_UNAVAILABLE, &id, Some(why)),
    }
}

/// Records that gave nothing, and why.
fn unreadable(report: &Report) -> Vec<String> {
    let nothing = report.files.iter().filter(|file| file.taken.is_empty());
    nothing
        .filter_map(|file| {
            // CloudWatch Logs tries a new subscription with a message that carries nothing.
            let mut skips = file.skipped.iter();
            let skip = skips.find(|skip| !skip.reason.starts_with("a control message"))?;
            Some(format!("{}: {}", file.path.display(), skip.reason))
        })
        .collect()
}

fn acknowledge(status: StatusCode, id: &str, error: Option<String>) -> Response {
    let mut body = json!({ "requestId": id, "timestamp": clock::now().0 / 1_000_000 });
    if let Some(error) = error {
        body["errorMessage"] = Value::String(error);
    }
    (status, Json(body)).into_response()
}

/// `POST /api/v1/push/eventbridge`: one event, or a list of them.
pub async fn eventbridge(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let refuse =
        |status: StatusCode, why: String| (status, Json(json!({ "error": why }))).into_response();
    if !app.push_keys.allow(&headers) {
        return refuse(StatusCode::UNAUTHORIZED, NO_KEY.to_owned());
    }
    let body = match body {
        Ok(body) => body,
        Err(error) => return refuse(error.status(), error.body_text()),
    };
    let files = vec![(PathBuf::from("event"), body)];
    match take(&app, EVENTBRIDGE, files).await {
        Ok(report) if report.taken().is_empty() => {
            let skips = report.files.iter().flat_map(|file| &file.skipped);
            let why = skips
                .map(|skip| skip.reason.clone())
                .next()
                .unwrap_or_default();
            refuse(
                StatusCode::BAD_REQUEST,
                format!("nothing could be taken: {why}"),
            )
        }
        Ok(report) => {
            app.experiments.wake();
            let skips = report.files.iter().flat_map(|file| &file.skipped);
            let refused: Vec<&String> = skips.map(|skip| &skip.reason).collect();
            Json(json!({ "taken": report.taken(), "refused": refused })).into_response()
        }
        Err(why) => refuse(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn unpacked(body: Bytes, gzip: bool) -> Result<Bytes, String> {
    if !gzip {
        return Ok(body);
    }
    let mut out = Vec::new();
    let read = GzDecoder::new(&body[..])
        .take(UNPACKED + 1)
        .read_to_end(&mut out);
    match read {
        Ok(bytes) if bytes as u64 <= UNPACKED => Ok(out.into()),
        Ok(_) => Err(format!("the request unpacks to more than {UNPACKED} bytes")),
        Err(error) => Err(format!("the request cannot be unpacked: {error}")),
    }
}

/// Takes what the documents hold. Returns when it is durable.
async fn take(app: &App, source: &str, files: Vec<(PathBuf, Bytes)>) -> Result<Report, String> {
    let entrance = app.entrance.clone();
    let runtime = Handle::current();
    let taken: Arc<Mutex<(u64, Option<UnixNanos>)>> = Arc::default();
    let counted = taken.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut sink = |chunk| -> Result<(), Refused> {
            let (records, newest) = size(&chunk);
            runtime.block_on(entrance.take(chunk))?;
            let mut counted = counted
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            *counted = (counted.0 + records, counted.1.max(newest));
            Ok(())
        };
        import::import_files(&files, &mut sink)
    });
    let report = reading.await.map_err(|error| error.to_string())?;
    let (records, newest) = *taken
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    app.sources.took(source, records, newest);
    report.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_open_and_nothing_else_does() {
        let check =
            |keys: &[&str], loopback: bool, header: Option<(&'static str, &str)>, expect: bool| {
                let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
                let mut headers = HeaderMap::new();
                if let Some((name, value)) = header {
                    headers.insert(name, value.parse().expect("a value"));
                }
                assert_eq!(
                    Keys::new(&keys, loopback).allow(&headers),
                    expect,
                    "{header:?}"
                );
            };
        check(&["k1"], true, None, false);
        check(
            &["k1"],
            true,
            Some(("x-amz-firehose-access-key", "k1")),
            true,
        );
        check(&["k0", "k1"], false, Some(("x-api-key", "k1")), true);
        check(&["k1"], false, Some(("authorization", "Bearer k1")), true);
        check(&["k1"], true, Some(("x-api-key", "k2")), false);
        check(&["k1"], true, Some(("x-api-key", "k11")), false);
        check(&[""], true, Some(("x-api-key", "")), false);
        check(&[], true, None, true);
        check(&[], false, None, false);
    }
}
