//! OTLP over gRPC: `TraceService` and `LogsService`. Metrics are answered UNIMPLEMENTED, which
//! exporters take as "not wanted" and do not repeat.
//!
//! Messages are handed on as bytes: no protobuf library reads them.

use crate::{
    door::{Door, Outcome, Refusal},
    foreign::{self, Stream},
    rpc,
};
use axum::{Router, body::Body, extract::State, http, response::Response, routing::post};
use bytes::{Buf, BufMut, Bytes};
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore};
use tonic::{
    Code, Status,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::Grpc,
    transport::{Server, server::TcpIncoming},
};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
/// Calls whose messages are read at once; others wait, and flow control holds their senders.
const CONCURRENT: usize = 64;
/// How long open connections are waited for when closing.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves OTLP/gRPC on `listener` until `shutdown`, then lets open calls finish. `streams` are taken beside it.
pub async fn serve_grpc(
    listener: TcpListener,
    door: Door,
    streams: &[Stream],
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), tonic::transport::Error> {
    let state = Arc::new(Service {
        door,
        calls: Semaphore::new(CONCURRENT),
    });
    let mut router = Router::new()
        .route(TRACES, post(traces))
        .route(LOGS, post(logs))
        .fallback(unimplemented)
        .with_state(state.clone());
    for stream in streams {
        let (stream, state) = (*stream, state.clone());
        let taking = move |request: Request| take_stream(state.clone(), stream, request);
        router = router.route(stream.path, post(taking));
    }
    let closing = Arc::new(tokio::sync::Notify::new());
    let closed = closing.clone();
    let serving = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(60)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20)
        .max_concurrent_streams(256)
        .http2_max_header_list_size(64 << 10)
        .add_routes(router.into())
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            async move {
                shutdown.await;
                closing.notify_one();
            },
        );
    tokio::select! {
        served = serving => served,
        () = async { closed.notified().await; tokio::time::sleep(DRAIN).await } => Ok(()),
    }
}

struct Service {
    door: Door,
    calls: Semaphore,
}

type Request = http::Request<Body>;

async fn traces(State(service): State<Arc<Service>>, request: Request) -> Response {
    let door = service.door.clone();
    call(&service, request, move |message: Bytes| {
        let door = door.clone();
        async move { door.traces(message).await }
    })
    .await
}

async fn logs(State(service): State<Arc<Service>>, request: Request) -> Response {
    let door = service.door.clone();
    call(&service, request, move |message: Bytes| {
        let door = door.clone();
        async move { door.logs(message).await }
    })
    .await
}

/// A stream of messages, answered when the sender ends it.
async fn take_stream(service: Arc<Service>, stream: Stream, request: Request) -> Response {
    let door = service.door.clone();
    let limit = door.limits().request_bytes;
    let streaming = tower::service_fn(move |request: tonic::Request<tonic::Streaming<Bytes>>| {
        let door = door.clone();
        async move {
            let mut incoming = request.into_inner();
            let mut reader = (stream.open)();
            while let Some(message) = incoming.message().await? {
                let read = reader(&message);
                drop(message);
                foreign::message(door.clone(), read).await?;
            }
            Ok(tonic::Response::new(Bytes::new()))
        }
    });
    let response = Grpc::new(AsBytes)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(limit)
        .client_streaming(streaming, request)
        .await;
    final_size_error(response.map(Body::new))
}

async fn unimplemented(request: Request) -> Response {
    let path = request.uri().path();
    let message = format!("{path} is not implemented: Inquest takes OTLP traces and logs");
    Status::unimplemented(message).into_http()
}

async fn call<F>(
    service: &Service,
    request: Request,
    take: impl Fn(Bytes) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = Result<Outcome, Refusal>> + Send + 'static,
{
    let _call = service.calls.acquire().await;
    let unary = tower::service_fn(move |request: tonic::Request<Bytes>| {
        let taken = take(request.into_inner());
        async move {
            match taken.await {
                Ok(outcome) => Ok(tonic::Response::new(rpc::response(&outcome))),
                Err(refusal) => Err(status(&refusal)),
            }
        }
    });
    let response = Grpc::new(AsBytes)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(service.door.limits().request_bytes)
        .unary(unary, request)
        .await;
    final_size_error(response.map(Body::new))
}

pub(crate) fn status(refusal: &Refusal) -> Status {
    let status = rpc::status(refusal);
    let details = prost::Message::encode_to_vec(&status);
    Status::with_details(Code::from_i32(status.code), status.message, details.into())
}

/// A message over the limit is OUT_OF_RANGE or RESOURCE_EXHAUSTED to tonic, and exporters would send
/// it again. (We never answer either ourselves.)
fn final_size_error(response: Response) -> Response {
    match Status::from_header_map(response.headers()) {
        Some(status) if matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted) => {
            let message = format!("{}: send smaller batches", status.message());
            Status::invalid_argument(message).into_http()
        }
        _ => response,
    }
}

/// Messages as bytes.
struct AsBytes;

impl Codec for AsBytes {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = AsBytes;
    type Decoder = AsBytes;
    fn encoder(&mut self) -> AsBytes {
        AsBytes
    }
    fn decoder(&mut self) -> AsBytes {
        AsBytes
    }
}

impl Encoder for AsBytes {
    type Item = Bytes;
    type Error = Status;
    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for AsBytes {
    type Item = Bytes;
    type Error = Status;
    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}

#[cfg(test)]
mod tests;
