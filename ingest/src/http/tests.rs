use super::*;
use crate::Submitted;
use axum::body::{Body, to_bytes};
use prost::Message as _;
use std::io::Write as _;
use store::{Store, StoreConfig, Table};
use tokio::sync::mpsc;
use tower::ServiceExt;

struct Server {
    routes: Router,
    store: Store,
    _folder: tempfile::TempDir,
    _batches: mpsc::Receiver<Submitted>,
}

async fn server(limits: crate::Limits) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreConfig::at(folder.path())).await.unwrap();
    let (sender, batches) = mpsc::channel(1);
    let door = Door::with_limits(store.clone(), sender, limits);
    let origins = Origins::new(vec!["https://shop.example".into()]);
    Server {
        routes: routes(door, origins),
        store,
        _folder: folder,
        _batches: batches,
    }
}

type Answer = (u16, HeaderMap, Vec<u8>);

impl Server {
    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = axum::http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), parts.headers, body.to_vec())
    }

    async fn check(&self, headers: &[(&str, &str)], body: &[u8], code: u16, message: &str) {
        let (status, answer, body) = self.send("POST", "/v1/traces", headers, body).await;
        let said = match answer["content-type"].to_str().unwrap() {
            "application/json" => String::from_utf8(body).unwrap(),
            _ => rpc::Status::decode(body.as_slice()).unwrap().message,
        };
        assert_eq!(status, code, "{said}");
        assert!(said.contains(message), "{said}");
    }

    fn rows(&self) -> u64 {
        self.store.snapshot().rows(Table::Spans)
    }
}

const PROTO: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON_TYPE: (&str, &str) = ("content-type", "application/json; charset=utf-8");

fn spans() -> Vec<u8> {
    crate::decode::tests::request().encode_to_vec()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(data).unwrap();
    out.finish().unwrap()
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(data).unwrap();
    out.finish().unwrap()
}

#[tokio::test]
async fn every_encoding_and_compression_gives_the_same_rows_once() {
    let server = server(crate::Limits::default()).await;
    let plain = spans();
    let json = serde_json::to_vec(&crate::decode::tests::request()).unwrap();
    let zstd = zstd::encode_all(plain.as_slice(), 1).unwrap();
    for (headers, body) in [
        (vec![PROTO], plain.clone()),
        (vec![PROTO, ("content-encoding", "gzip")], gzip(&plain)),
        (vec![PROTO, ("content-encoding", "zstd")], zstd),
        (
            vec![PROTO, ("content-encoding", "deflate")],
            deflate(&plain),
        ),
        (vec![JSON_TYPE], json.clone()),
        (vec![JSON_TYPE, ("content-encoding", "gzip")], gzip(&json)),
    ] {
        let (code, answer, body) = server.send("POST", "/v1/traces", &headers, &body).await;
        let is_json = headers.contains(&JSON_TYPE);
        let expect = if is_json {
            (JSON, "{}")
        } else {
            (PROTOBUF, "")
        };
        assert_eq!(code, 200, "{headers:?}");
        assert_eq!(answer["content-type"], expect.0);
        assert_eq!(String::from_utf8(body).unwrap(), expect.1);
        assert_eq!(server.rows(), 3);
    }
}

#[tokio::test]
async fn partial_success_is_said_in_the_encoding_of_the_request() {
    let server = server(crate::Limits::default()).await;
    let mut request = crate::decode::tests::request();
    request.resource_spans[0].scope_spans[0].spans[1].span_id = vec![];
    let protobuf = request.encode_to_vec();
    let json = serde_json::to_vec(&request).unwrap();
    let send = |headers, body| server.send("POST", "/v1/traces", headers, body);
    let (code, _, body) = send(&[PROTO], &protobuf).await;
    let partial = rpc::ExportResponse::decode(body.as_slice()).unwrap();
    let partial = partial.partial_success.unwrap();
    assert_eq!((code, partial.rejected), (200, 1));
    assert!(partial.error_message.contains("span id"), "{partial:?}");
    let (code, _, body) = send(&[JSON_TYPE], &json).await;
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(code, 200);
    assert_eq!(json["partialSuccess"]["rejectedSpans"], "1");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_the_reason() {
    let server = server(crate::Limits::default()).await;
    let mut cut = spans();
    cut.truncate(cut.len() - 3);
    let gzipped = ("content-encoding", "gzip");
    server.check(&[PROTO], &cut, 400, "cut off").await;
    server
        .check(&[JSON_TYPE], b"{\"resourceSpans\":5}", 400, "line 1 column")
        .await;
    server
        .check(&[PROTO, gzipped], b"not gzip", 400, "not Gzip data")
        .await;
    server
        .check(
            &[PROTO, ("content-encoding", "br")],
            b"",
            415,
            "br is not known",
        )
        .await;
    server
        .check(
            &[("content-type", "text/plain")],
            b"",
            415,
            "application/x-protobuf",
        )
        .await;
    server.check(&[], b"", 415, "application/x-protobuf").await;
    assert_eq!(server.rows(), 0);
    let (code, headers, _) = server.send("GET", "/v1/traces", &[], b"").await;
    assert_eq!(
        (code, headers["allow"].to_str().unwrap()),
        (405, "POST, OPTIONS")
    );
    let (code, _, body) = server
        .send("POST", "/v1/metrics", &[JSON_TYPE], b"{}")
        .await;
    let body = String::from_utf8(body).unwrap();
    assert!(code == 404 && body.contains("\"code\":12"), "{code} {body}");
    assert_eq!(server.send("GET", "/nothing", &[], b"").await.0, 404);
}

#[tokio::test]
async fn limits_hold_before_and_after_decompression() {
    let small = crate::Limits {
        request_bytes: 100_000,
        in_flight_bytes: 150_000,
        ..crate::Limits::default()
    };
    let server = server(small).await;
    let zeros = vec![0; 5_000_000];
    let bombs = [
        ("gzip", gzip(&zeros)),
        ("deflate", deflate(&zeros)),
        ("zstd", zstd::encode_all(zeros.as_slice(), 1).unwrap()),
    ];
    for (name, bomb) in bombs {
        assert!(bomb.len() < 100_000);
        let headers = [PROTO, ("content-encoding", name)];
        server
            .check(&headers, &bomb, 413, "the limit is 100000")
            .await;
    }
    server
        .check(&[PROTO], &zeros, 413, "the limit is 100000")
        .await;
    // A body within the limit, twice in memory with its rows, is over the budget.
    let (code, headers, body) = server
        .send("POST", "/v1/traces", &[PROTO], &vec![0; 90_000])
        .await;
    let status = rpc::Status::decode(body.as_slice()).unwrap();
    assert_eq!((code, headers["retry-after"].to_str().unwrap()), (429, "2"));
    let delay = rpc::RetryInfo::decode(status.details[0].value.as_slice()).unwrap();
    assert_eq!(delay.retry_delay.unwrap().seconds, 2);
    assert_eq!(
        server
            .send("POST", "/v1/traces", &[PROTO], &spans())
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn pages_of_allowed_origins_may_send_and_others_not() {
    let server = server(crate::Limits::default()).await;
    let preflight = |origin| {
        let asked = ("access-control-request-headers", "content-type");
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            asked,
        ];
        let server = &server;
        async move { server.send("OPTIONS", "/v1/traces", &headers, b"").await }
    };
    let (code, headers, _) = preflight("https://shop.example").await;
    assert_eq!(code, 204);
    assert_eq!(
        headers["access-control-allow-origin"],
        "https://shop.example"
    );
    assert_eq!(headers["access-control-allow-headers"], "content-type");
    let (code, headers, _) = preflight("https://evil.example").await;
    assert_eq!(code, 405);
    assert!(!headers.contains_key("access-control-allow-origin"));
}
