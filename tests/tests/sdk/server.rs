//! A running `inquest serve` with a data folder of its own.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

pub struct Server {
    /// OTLP/gRPC endpoint.
    pub grpc: String,
    /// OTLP/HTTP endpoint.
    pub http: String,
    api: String,
    process: Child,
    _folder: tempfile::TempDir,
}

/// A variable that `cargo xtask test` sets.
pub fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `cargo xtask test`, which prepares what this test needs")
    })
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [grpc, http, ui] = free_ports();
        let mut process = Command::new(environment("INQUEST_BIN"))
            .arg("--data")
            .arg(folder.path())
            .args(["serve", "--grpc-listen", &grpc, "--http-listen", &http])
            .args(["--ui-listen", &ui])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines
            .map_while(Result::ok)
            .any(|line| line.starts_with("ready"));
        assert!(ready, "inquest serve ended before it was ready");
        Server {
            grpc: format!("http://{grpc}"),
            http: format!("http://{http}"),
            api: format!("http://{ui}"),
            process,
            _folder: folder,
        }
    }

    /// The spans of the trace with that number, as JSON, without what may differ between SDKs.
    pub fn spans(&self, number: u8) -> String {
        let id = trace_id(number);
        self.sql(&format!(
            "select span_id, parent_span_id, service_name, name, kind, \
             cast(start_time as bigint) as start, duration_ns, status_code, status_message, \
             scope_name, scope_version, resource, events, links, \
             attributes['http.route'] as route, \
             cast(attributes['http.response.status_code'] as text) as status, \
             cast(attributes['ratio'] as text) as ratio, \
             cast(attributes['cached'] as text) as cached, \
             attributes['tags'] as tags, attributes['db.system'] as db \
             from spans where trace_id = '{id}' order by span_id"
        ))
    }

    /// The log records that name the trace with that number.
    pub fn logs(&self, number: u8) -> String {
        let id = trace_id(number);
        self.sql(&format!(
            "select span_id, cast(time as bigint) as time, \
             cast(observed_time as bigint) as observed, severity_number, severity_text, body, \
             service_name, scope_name, attributes['order.id'] as order_id, \
             cast(attributes['items'] as text) as items \
             from logs where trace_id = '{id}' order by time"
        ))
    }

    /// The answer as compact JSON.
    fn sql(&self, query: &str) -> String {
        let output = Command::new(environment("INQUEST_BIN"))
            .args(["sql", "--url", &self.api, "--format", "json", query])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{query}: {error}");
        let rows: Vec<Box<serde_json::value::RawValue>> =
            serde_json::from_slice(&output.stdout).unwrap();
        let rows: Vec<_> = rows.iter().map(|row| row.get()).collect();
        format!("[{}]", rows.join(","))
    }
}

fn trace_id(number: u8) -> String {
    format!("{number:02x}{}", "11".repeat(15))
}

fn free_ports() -> [String; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().to_string())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
