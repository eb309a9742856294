use super::*;
use crate::{Limits, Submitted};
use opentelemetry_proto::tonic::collector::{
    logs::v1::logs_service_client::LogsServiceClient,
    trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
};
use prost::Message as _;
use std::net::SocketAddr;
use store::{Store, StoreConfig, Table};
use tokio::sync::{mpsc, oneshot};
use tonic::transport::Channel;

struct Running {
    address: SocketAddr,
    store: Store,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<Result<(), tonic::transport::Error>>,
    _folder: tempfile::TempDir,
    _batches: mpsc::Receiver<Submitted>,
}

async fn run(limits: Limits) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreConfig::at(folder.path())).await.unwrap();
    let (sender, batches) = mpsc::channel(1);
    let door = Door::with_limits(store.clone(), sender, limits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move {
        let _ = stopped.await;
    };
    Running {
        address,
        store,
        stop,
        served: tokio::spawn(serve_grpc(listener, door, &[], shutdown)),
        _folder: folder,
        _batches: batches,
    }
}

impl Running {
    async fn channel(&self) -> Channel {
        let endpoint = tonic::transport::Endpoint::new(format!("http://{}", self.address));
        endpoint.unwrap().connect().await.unwrap()
    }

    async fn traces(&self) -> TraceServiceClient<Channel> {
        TraceServiceClient::new(self.channel().await)
    }
}

fn request() -> ExportTraceServiceRequest {
    crate::decode::tests::request()
}

#[tokio::test]
async fn every_compression_gives_the_same_rows_once() {
    let server = run(Limits::default()).await;
    for compression in [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ] {
        let mut client = server.traces().await;
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        let answer = client.export(request()).await.unwrap().into_inner();
        assert_eq!(answer.partial_success, None, "{compression:?}");
        assert_eq!(server.store.snapshot().rows(Table::Spans), 3);
    }
    let mut client = LogsServiceClient::new(server.channel().await);
    client
        .export(crate::decode::tests::log_request())
        .await
        .unwrap();
    assert_eq!(server.store.snapshot().rows(Table::Logs), 3);
}

#[tokio::test]
async fn partial_success_counts_what_was_left_out() {
    let server = run(Limits::default()).await;
    let mut request = request();
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = vec![1];
    let answer = server
        .traces()
        .await
        .export(request)
        .await
        .unwrap()
        .into_inner();
    let partial = answer.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.contains("trace id"), "{partial:?}");
}

#[tokio::test]
async fn errors_say_whether_to_send_again() {
    let small = Limits {
        request_bytes: 4_000,
        in_flight_bytes: 2_000,
        ..Limits::default()
    };
    let server = run(small).await;
    let sized = |bytes: usize| {
        let mut request = request();
        request.resource_spans[0].scope_spans[0].spans[0].name = "x".repeat(bytes);
        request
    };
    let busy = server
        .traces()
        .await
        .export(sized(2_500))
        .await
        .unwrap_err();
    assert_eq!(busy.code(), Code::Unavailable);
    let status = rpc::Status::decode(busy.details()).unwrap();
    let delay = rpc::RetryInfo::decode(status.details[0].value.as_slice()).unwrap();
    assert_eq!(delay.retry_delay.unwrap().seconds, 2);

    let large = server
        .traces()
        .await
        .export(sized(10_000))
        .await
        .unwrap_err();
    assert_eq!(large.code(), Code::InvalidArgument, "{large}");
    assert!(large.message().contains("send smaller batches"), "{large}");
    assert!(large.details().is_empty());
    let mut bomb = server
        .traces()
        .await
        .send_compressed(CompressionEncoding::Zstd);
    let bomb = bomb.export(sized(10_000_000)).await.unwrap_err();
    assert_eq!(bomb.code(), Code::InvalidArgument, "{bomb}");
}

async fn raw(server: &Running, path: &'static str, message: &'static [u8]) -> Status {
    let mut client = tonic::client::Grpc::new(server.channel().await);
    client.ready().await.unwrap();
    let request = tonic::Request::new(Bytes::from_static(message));
    let path = http::uri::PathAndQuery::from_static(path);
    client.unary(request, path, AsBytes).await.unwrap_err()
}

#[tokio::test]
async fn metrics_are_unimplemented_and_rubbish_is_invalid() {
    let server = run(Limits::default()).await;
    let metrics = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    let status = raw(&server, metrics, b"").await;
    assert_eq!(status.code(), Code::Unimplemented, "{status}");
    let status = raw(&server, TRACES, b"\x0a\xff").await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
}

#[tokio::test]
async fn closing_does_not_wait_for_idle_connections() {
    let server = run(Limits::default()).await;
    let mut idle = server.traces().await;
    idle.export(request()).await.unwrap();
    server.stop.send(()).unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(5), server.served).await;
    closed.unwrap().unwrap().unwrap();
    drop(idle);
}
