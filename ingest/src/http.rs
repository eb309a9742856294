//! OTLP over HTTP: `POST /v1/traces` and `/v1/logs`, protobuf and JSON, compressed or not.
//!
//! Errors carry a `google.rpc.Status` in the request's own encoding, as the specification says:
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>.

mod body;
mod cors;

pub use cors::Origins;

use crate::{
    budget::Held,
    door::{Door, Outcome, Refusal},
    foreign::{self, Format},
    json, rpc,
};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::post,
};
pub(crate) use body::{BodyError, read as read_body};
use bytes::Bytes;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long open connections are waited for when closing.
const DRAIN: Duration = Duration::from_secs(10);
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Serves OTLP/HTTP on `listener` until `shutdown`, then lets open requests finish. Browsers may
/// send from `origins`. `formats` are taken beside OTLP.
pub async fn serve_http(
    listener: TcpListener,
    door: Door,
    origins: Origins,
    formats: &[Format],
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), std::io::Error> {
    let others = foreign::routes(door.clone(), formats);
    let others = others.layer(middleware::from_fn_with_state(origins.clone(), cors::allow));
    serve_router(listener, routes(door, origins).merge(others), shutdown).await
}

pub(crate) async fn serve_router(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), std::io::Error> {
    let closing = std::sync::Arc::new(tokio::sync::Notify::new());
    let closed = closing.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        closing.notify_one();
    });
    tokio::select! {
        served = async { serving.await } => served,
        () = async { closed.notified().await; tokio::time::sleep(DRAIN).await } => Ok(()),
    }
}

/// The routes, to be served or tested.
pub fn routes(door: Door, origins: Origins) -> Router {
    Router::new()
        .route("/v1/traces", post(traces).fallback(only_post))
        .route("/v1/logs", post(logs).fallback(only_post))
        .route("/v1/metrics", post(metrics).fallback(only_post))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(origins, cors::allow))
        .with_state(door)
}

/// How a request is encoded, and so its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-protobuf")
            || media_type.eq_ignore_ascii_case("application/protobuf")
        {
            Some(Encoding::Protobuf)
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Some(Encoding::Json)
        } else {
            None
        }
    }

    fn answer(self, code: StatusCode, protobuf: Bytes, json: Bytes) -> Response {
        let (content_type, body) = match self {
            Encoding::Protobuf => (PROTOBUF, protobuf),
            Encoding::Json => (JSON, json),
        };
        (code, [(header::CONTENT_TYPE, content_type)], body).into_response()
    }

    fn error(self, code: StatusCode, status: &rpc::Status) -> Response {
        let protobuf = prost::Message::encode_to_vec(status);
        let json = serde_json::json!({"code": status.code, "message": status.message});
        self.answer(code, protobuf.into(), json.to_string().into())
    }

    fn refuse(self, code: StatusCode, rpc_code: tonic::Code, message: String) -> Response {
        let status = rpc::Status {
            code: rpc_code as i32,
            message,
            details: Vec::new(),
        };
        self.error(code, &status)
    }
}

async fn traces(State(door): State<Door>, request: Request) -> Response {
    let taken = read(&door, request, json::traces).await;
    let (encoding, taken) = match taken {
        Ok((encoding, body, _held)) => (encoding, door.traces(body).await),
        Err(response) => return *response,
    };
    answer(encoding, taken, "rejectedSpans")
}

async fn logs(State(door): State<Door>, request: Request) -> Response {
    let taken = read(&door, request, json::logs).await;
    let (encoding, taken) = match taken {
        Ok((encoding, body, _held)) => (encoding, door.logs(body).await),
        Err(response) => return *response,
    };
    answer(encoding, taken, "rejectedLogRecords")
}

async fn metrics(request: Request) -> Response {
    let encoding = Encoding::of(request.headers()).unwrap_or(Encoding::Json);
    let message = "metrics are not implemented: set OTEL_METRICS_EXPORTER=none".to_owned();
    encoding.refuse(StatusCode::NOT_FOUND, tonic::Code::Unimplemented, message)
}

async fn not_found(request: Request) -> Response {
    let encoding = Encoding::of(request.headers()).unwrap_or(Encoding::Json);
    let path = request.uri().path();
    let message = format!("there is nothing at {path}: send OTLP to /v1/traces or /v1/logs");
    encoding.refuse(StatusCode::NOT_FOUND, tonic::Code::Unimplemented, message)
}

async fn only_post(request: Request) -> Response {
    let encoding = Encoding::of(request.headers()).unwrap_or(Encoding::Json);
    let message = format!("{} is not allowed here: POST OTLP", request.method());
    let code = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = encoding.refuse(code, tonic::Code::Unimplemented, message);
    let allow = HeaderValue::from_static("POST, OPTIONS");
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// The request as protobuf with the room held for it, or the answer that says why not.
async fn read(
    door: &Door,
    request: Request,
    convert: fn(&[u8]) -> Result<Vec<u8>, json::JsonError>,
) -> Result<(Encoding, Bytes, Vec<Held>), Box<Response>> {
    let Some(encoding) = Encoding::of(request.headers()) else {
        let message = "send application/x-protobuf or application/json".to_owned();
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let answer = Encoding::Json.refuse(code, tonic::Code::InvalidArgument, message);
        return Err(Box::new(answer));
    };
    let (body, held) = match body::read(door, request).await {
        Ok(read) => read,
        Err(BodyError::Refused(refusal)) => {
            return Err(Box::new(answer(encoding, Err(refusal), "")));
        }
        Err(BodyError::Other(code, message)) => {
            let answer = encoding.refuse(code, tonic::Code::InvalidArgument, message);
            return Err(Box::new(answer));
        }
    };
    if encoding == Encoding::Protobuf {
        return Ok((encoding, body, held));
    }
    match convert(&body) {
        Ok(protobuf) => Ok((encoding, protobuf.into(), held)),
        Err(error) => {
            let refusal = Refusal::Malformed(error.to_string());
            Err(Box::new(answer(encoding, Err(refusal), "")))
        }
    }
}

fn answer(encoding: Encoding, taken: Result<Outcome, Refusal>, rejected: &str) -> Response {
    let refusal = match taken {
        Ok(outcome) => {
            let json = rpc::response_json(&outcome, rejected);
            return encoding.answer(StatusCode::OK, rpc::response(&outcome), json);
        }
        Err(refusal) => refusal,
    };
    let (code, delay) = code(&refusal);
    let mut response = encoding.error(code, &rpc::status(&refusal));
    if let Some(delay) = delay {
        retry_after(&mut response, delay);
    }
    response
}

/// HTTP's word for a refusal, and when to come back.
pub(crate) fn code(refusal: &Refusal) -> (StatusCode, Option<Duration>) {
    match refusal {
        Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, None),
        Refusal::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, None),
        Refusal::Busy { retry_after, .. } => (StatusCode::TOO_MANY_REQUESTS, Some(*retry_after)),
        Refusal::Unavailable { retry_after, .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, Some(*retry_after))
        }
    }
}

pub(crate) fn retry_after(response: &mut Response, delay: Duration) {
    let seconds = delay.as_secs_f64().ceil() as u64;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, seconds.into());
}

#[cfg(test)]
mod tests;
