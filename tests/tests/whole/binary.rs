//! Runs the binary, and speaks to it over HTTP.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

/// The tables, each with the columns that order its rows.
pub const TABLES: [(&str, &str); 9] = [
    ("executions", "trace_id"),
    ("states", "trace_id, span_id"),
    ("attempts", "trace_id, span_id"),
    ("invocations", "trace_id"),
    ("events", "trace_id, redrive_count, event_id"),
    ("spans", "trace_id, span_id, kind"),
    ("logs", "log_id"),
    (
        "joins",
        "trace_id, parent_span_id, child_trace_id, child_span_id, method",
    ),
    ("documents", "trace_id, kind, body"),
];

/// The binary: `INQUEST_BIN`, or the one that was built beside this test.
pub fn path() -> PathBuf {
    if let Some(path) = std::env::var_os("INQUEST_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("this test is a file");
    let built = test
        .ancestors()
        .nth(2)
        .expect("target/debug/deps/")
        .join("inquest");
    assert!(
        built.exists(),
        "{} is not there: run `cargo xtask test`, or `cargo build -p inquest` first",
        built.display()
    );
    built
}

/// Runs it on a folder to its end.
pub fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(path())
        .env_remove("INQUEST_CONFIG")
        .arg("--data")
        .arg(data)
        .args(arguments)
        .output()
        .expect("the binary starts")
}

/// The same; it has to succeed. What it prints.
pub fn good(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// Rows of a query on a folder.
pub fn rows(data: &Path, query: &str) -> Vec<Value> {
    let text = good(data, &["sql", "--format", "json", query]);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The one number that a query gives.
pub fn number(data: &Path, query: &str) -> u64 {
    let rows = rows(data, query);
    let row = rows[0].as_object().expect("an object");
    row.values()
        .next()
        .and_then(Value::as_u64)
        .expect("a number")
}

/// Every row of every table, to be compared.
pub fn everything(data: &Path) -> Vec<(&'static str, Vec<Value>)> {
    let all = |(table, order): (&'static str, &str)| {
        (
            table,
            rows(data, &format!("select * from {table} order by {order}")),
        )
    };
    TABLES.into_iter().map(all).collect()
}

/// `inquest serve` on a folder. It is killed when dropped.
pub struct Server {
    pub process: Child,
    pub http: String,
    pub api: String,
}

impl Server {
    pub fn start(data: &Path) -> Self {
        Server::start_with(data, &[])
    }

    /// The same with more arguments.
    pub fn start_with(data: &Path, more: &[&str]) -> Self {
        let [grpc, http, api] = free_addresses();
        let mut process = Command::new(path())
            .env_remove("INQUEST_CONFIG")
            .arg("--data")
            .arg(data)
            .args(["serve", "--grpc-listen", &grpc, "--http-listen", &http])
            .args(["--ui-listen", &api])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let out = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        assert!(
            lines.any(|line| line.starts_with("ready")),
            "serve ended before it was ready"
        );
        Server { process, http, api }
    }

    /// Ends it as SIGKILL does: at once.
    pub fn kill(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ended");
    }

    /// Ends it as SIGTERM does, and waits.
    pub fn terminate(mut self) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .expect("kill runs");
        assert!(sent.success());
        let ended = self.process.wait().expect("it ends");
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, as the test wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_addresses() -> [String; 3] {
    let bound = [0; 3].map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    bound.map(|listener| listener.local_addr().expect("an address").to_string())
}

/// Sends a request; status and body of the answer, or nothing if the server went away.
pub fn request(
    address: &str,
    method: &str,
    target: &str,
    headers: &str,
    body: &[u8],
) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .ok()?;
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
    Some((status, answer[end + 4..].to_vec()))
}

/// Sends JSON.
pub fn post_json(address: &str, target: &str, body: &str) -> Option<(u16, Vec<u8>)> {
    let headers = "Content-Type: application/json\r\n";
    request(address, "POST", target, headers, body.as_bytes())
}

/// A recorded or written file of this checkout.
pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    assert!(path.exists(), "{} is not there", path.display());
    path.to_string_lossy().into_owned()
}
