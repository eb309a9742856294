//! The official SDKs send the same data over every transport and compression they have: every one
//! must give the same rows.
//!
//! `cargo xtask test` sets what this needs: `INQUEST_BIN`, `INQUEST_VENV`, `INQUEST_NODE_MODULES`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its clients has failed, and the panic says where"
)]

mod rust;
mod server;

use server::{Server, environment};
use std::{path::Path, process::Command};

/// One sender of `tests/sdk/`, or [`rust::send`].
struct Sender {
    sdk: &'static str,
    transport: &'static str,
    compression: &'static str,
}

const fn by(sdk: &'static str, transport: &'static str, compression: &'static str) -> Sender {
    Sender {
        sdk,
        transport,
        compression,
    }
}

const SENDERS: [Sender; 19] = [
    by("python", "grpc", "none"),
    by("python", "grpc", "gzip"),
    by("python", "http", "none"),
    by("python", "http", "gzip"),
    by("node", "grpc", "none"),
    by("node", "grpc", "gzip"),
    by("node", "json", "none"),
    by("node", "json", "gzip"),
    by("node", "proto", "none"),
    by("node", "proto", "gzip"),
    by("rust", "grpc", "none"),
    by("rust", "grpc", "gzip"),
    by("rust", "grpc", "zstd"),
    by("rust", "proto", "none"),
    by("rust", "proto", "gzip"),
    by("rust", "proto", "zstd"),
    by("rust", "json", "none"),
    by("rust", "json", "gzip"),
    by("rust", "json", "zstd"),
];

#[test]
fn every_sdk_and_transport_gives_the_same_rows() {
    let server = Server::start();
    for (number, sender) in (1..).zip(&SENDERS) {
        sender.send(&server, number);
    }
    let (spans, logs) = (server.spans(1), server.logs(1));
    assert_eq!(spans, EXPECTED_SPANS);
    assert_eq!(logs, EXPECTED_LOGS);
    for (number, sender) in (1..).zip(&SENDERS) {
        let what = format!("{} {} {}", sender.sdk, sender.transport, sender.compression);
        assert_eq!(server.spans(number), spans, "{what}");
        assert_eq!(server.logs(number), logs, "{what}");
    }
}

impl Sender {
    fn send(&self, server: &Server, number: u8) {
        let endpoint = match self.transport {
            "grpc" => &server.grpc,
            _ => &server.http,
        };
        if self.sdk == "rust" {
            return rust::send(self.transport, self.compression, endpoint, number);
        }
        let (program, script) = match self.sdk {
            "python" => (environment("INQUEST_VENV") + "/bin/python", "send.py"),
            _ => ("node".to_owned(), "send.mjs"),
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk");
        let status = Command::new(&program)
            .arg(folder.join(script))
            .args([self.transport, self.compression, endpoint])
            .arg(number.to_string())
            .env("INQUEST_NODE_MODULES", environment("INQUEST_NODE_MODULES"))
            .env("INQUEST_OTLP_HTTP", &server.http)
            .status()
            .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
        assert!(status.success(), "{program} {script}: {status}");
    }
}

const EXPECTED_SPANS: &str = r#"[{"span_id":"0a0a0a0a0a0a0a0a","parent_span_id":null,"service_name":"sdk-test","name":"GET /orders","kind":"server","start":1700000000000000000,"duration_ns":250000000,"status_code":"unset","status_message":null,"scope_name":"sdk-scope","scope_version":"1.2.3","resource":"{\"host.name\":\"h1\"}","events":null,"links":null,"route":"/orders/{id}","status":"200","ratio":"0.5","cached":"true","tags":"[\"a\",\"b\"]","db":null},{"span_id":"0b0b0b0b0b0b0b0b","parent_span_id":"0a0a0a0a0a0a0a0a","service_name":"sdk-test","name":"SELECT orders","kind":"client","start":1700000000010000000,"duration_ns":50000000,"status_code":"error","status_message":"no such table","scope_name":"sdk-scope","scope_version":"1.2.3","resource":"{\"host.name\":\"h1\"}","events":"[{\"time\":1700000000050000000,\"name\":\"exception\",\"attributes\":{\"exception.type\":\"DbError\"}}]","links":"[{\"trace_id\":\"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\",\"span_id\":\"dddddddddddddddd\",\"attributes\":{\"why\":\"retry\"}}]","route":null,"status":null,"ratio":null,"cached":null,"tags":null,"db":"postgresql"}]"#;

const EXPECTED_LOGS: &str = r#"[{"span_id":"0a0a0a0a0a0a0a0a","time":1700000000020000000,"observed":1700000000021000000,"severity_number":9,"severity_text":"INFO","body":"order placed","service_name":"sdk-test","scope_name":"sdk-scope","order_id":"o-1","items":"3"}]"#;
