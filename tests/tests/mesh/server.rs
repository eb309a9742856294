//! A running `inquest serve` that listens to everything.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

pub struct Server {
    pub grpc_port: String,
    pub http_port: String,
    pub zipkin_port: String,
    pub xray_port: String,
    ui: String,
    process: Child,
    _folder: tempfile::TempDir,
}

fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `cargo xtask test`, which prepares what this test needs")
    })
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listeners = [(); 5].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [grpc, http, zipkin, xray, ui] =
            listeners.map(|listener| listener.local_addr().unwrap().to_string());
        let mut process = Command::new(environment("INQUEST_BIN"))
            .arg("--data")
            .arg(folder.path())
            .args(["serve", "--grpc-listen", &grpc, "--http-listen", &http])
            .args(["--zipkin-listen", &zipkin, "--xray-listen", &xray])
            .args(["--ui-listen", &ui])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(
            lines.any(|line| line.starts_with("ready")),
            "inquest serve ended before it was ready"
        );
        let port = |address: String| address.rsplit_once(':').unwrap().1.to_owned();
        Server {
            grpc_port: port(grpc),
            http_port: port(http),
            zipkin_port: port(zipkin),
            xray_port: port(xray),
            ui,
            process,
            _folder: folder,
        }
    }

    /// Runs a script of `tests/mesh/`; what it prints.
    pub fn python(&self, script: &str, arguments: &[&str]) -> String {
        let python = environment("INQUEST_VENV") + "/bin/python";
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mesh");
        let output = Command::new(python)
            .arg(folder.join(script))
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}: {}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// The rows of an answer.
    pub fn sql(&self, query: &str) -> Vec<Value> {
        let output = Command::new(environment("INQUEST_BIN"))
            .args(["sql", "--url", &format!("http://{}", self.ui)])
            .args(["--format", "json", query])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{query}: {error}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Asks until `n` is that much: senders flush when they like.
    pub fn wait_for(&self, query: &str, expect: u64) {
        let mut seen = 0;
        for _ in 0..150 {
            seen = self.sql(query)[0]["n"].as_u64().unwrap();
            if seen >= expect {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("{query}: {seen}, expected {expect}");
    }

    /// The answer of the API as JSON.
    pub fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(&self.ui).unwrap();
        let host = &self.ui;
        // HTTP/1.0: the answer comes whole and the connection ends.
        write!(stream, "GET {path} HTTP/1.0\r\nhost: {host}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
