//! How runtimes word failures: what a caller learns, and what the log says.

use demo::when;
use serde_json::{Value, json};

/// Language of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Python.
    Python,
    /// Node.js.
    Node,
    /// Java.
    Java,
    /// Go.
    Go,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 4] = [
        Language::Python,
        Language::Node,
        Language::Java,
        Language::Go,
    ];

    /// `INIT_START`'s word.
    pub fn runtime(self) -> &'static str {
        match self {
            Language::Python => "python:3.13.v58",
            Language::Node => "nodejs:22.v44",
            Language::Java => "java:21.v39",
            Language::Go => "provided:al2023.v96",
        }
    }

    /// OTel's word.
    pub fn word(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::Node => "nodejs",
            Language::Java => "java",
            Language::Go => "go",
        }
    }

    /// What the caller learns of a raised error.
    pub fn cause(self, kind: &str, message: &str, request_id: &str) -> Value {
        match self {
            Language::Python => json!({
                "errorMessage": message, "errorType": kind, "requestId": request_id,
                "stackTrace": [
                    "  File \"/var/task/app.py\", line 48, in handler\n    return run(event)\n",
                    "  File \"/var/task/app.py\", line 91, in run\n    step(event)\n",
                ],
            }),
            Language::Node => json!({
                "errorType": kind, "errorMessage": message,
                "trace": [format!("{kind}: {message}"), "    at run (file:///var/task/index.mjs:31:11)",
                    "    at Runtime.handler (file:///var/task/index.mjs:12:20)"],
            }),
            Language::Java => json!({
                "errorMessage": message, "errorType": kind,
                "stackTrace": ["com.example.flow.Step.run(Step.java:57)", "com.example.flow.Handler.handleRequest(Handler.java:31)"],
            }),
            Language::Go => json!({"errorMessage": message, "errorType": kind}),
        }
    }

    /// What the log says of a raised error.
    pub fn raised(self, kind: &str, message: &str, request_id: &str, at: i64) -> String {
        match self {
            Language::Python => format!(
                "[ERROR] {kind}: {message}\nTraceback (most recent call last):\n  File \"/var/task/app.py\", line 48, in handler\n    return run(event)\n  File \"/var/task/app.py\", line 91, in run\n    step(event)"
            ),
            Language::Node => format!(
                "{}\t{request_id}\tERROR\tInvoke Error \t{}\n",
                when::zulu(at),
                json!({"errorType": kind, "errorMessage": message, "stack": [format!("{kind}: {message}"), "    at run (file:///var/task/index.mjs:31:11)"]})
            ),
            Language::Java => format!(
                "{message}: {kind}\n{kind}: {message}\n\tat com.example.flow.Step.run(Step.java:57)\n\tat com.example.flow.Handler.handleRequest(Handler.java:31)\n"
            ),
            Language::Go => json!({"errorMessage": message, "errorType": kind}).to_string(),
        }
    }

    /// A line that the application prints.
    pub fn line(self, level: &str, text: &str, request_id: &str, at: i64) -> String {
        let time = when::zulu(at);
        match self {
            Language::Python => format!("[{}]\t{time}\t{request_id}\t{text}\n", python(level)),
            Language::Node => format!("{time}\t{request_id}\t{level}\t{text}\n"),
            Language::Java => format!("{time} {request_id} {level} Handler - {text}\n"),
            Language::Go => {
                json!({"time": time, "level": level, "msg": text, "requestId": request_id})
                    .to_string()
            }
        }
    }

    /// The error when a field is missing, or is not a number: (type, message).
    pub fn missing(self, field: &str, number: bool) -> (String, String) {
        let last = field.rsplit('.').next().unwrap_or(field);
        let (kind, message) = match (self, number) {
            (Language::Python, false) => ("KeyError", format!("'{last}'")),
            (Language::Python, true) => (
                "TypeError",
                "unsupported operand type(s) for *: 'NoneType' and 'float'".to_owned(),
            ),
            (Language::Node, false) => (
                "TypeError",
                format!("Cannot read properties of undefined (reading '{last}')"),
            ),
            (Language::Node, true) => ("RangeError", format!("{last} is not a number: NaN")),
            (Language::Java, _) => (
                "java.lang.NullPointerException",
                format!(
                    "Cannot invoke \"java.lang.Number.doubleValue()\" because the return value of \"java.util.Map.get(Object)\" is null: {last}"
                ),
            ),
            (Language::Go, _) => ("ValidationError", format!("field {last} is required")),
        };
        (kind.to_owned(), message)
    }

    /// The error when a call of another failed: (type, message).
    pub fn call_failed(self, failed: &super::call::Failed) -> (String, String) {
        use super::call::Failed;
        let words = |python: &str, node: &str, java: &str, go: &str| {
            match self {
                Language::Python => python,
                Language::Node => node,
                Language::Java => java,
                Language::Go => go,
            }
            .to_owned()
        };
        match failed {
            Failed::TimedOut { address, after_ms } => {
                let s = after_ms / 1000.0;
                (
                    words(
                        "ReadTimeout",
                        "AxiosError",
                        "java.net.http.HttpTimeoutException",
                        "*url.Error",
                    ),
                    words(
                        &format!(
                            "HTTPSConnectionPool(host='{address}', port=443): Read timed out. (read timeout={s:.1})"
                        ),
                        &format!("timeout of {after_ms:.0}ms exceeded ({address})"),
                        &format!("request timed out: {address}"),
                        &format!(
                            "Post \"https://{address}/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
                        ),
                    ),
                )
            }
            Failed::Status {
                address,
                status,
                text,
            } => (
                words(
                    "HTTPError",
                    "AxiosError",
                    "com.example.flow.UpstreamException",
                    "*errors.errorString",
                ),
                words(
                    &format!("{status} Server Error: {text} for url: https://{address}/"),
                    &format!("Request failed with status code {status}: {text}"),
                    &format!("{address} answered {status}: {text}"),
                    &format!("unexpected status {status} from {address}: {text}"),
                ),
            ),
            Failed::Unresolved { address } => (
                words(
                    "ConnectionError",
                    "Error",
                    "java.net.UnknownHostException",
                    "*net.DNSError",
                ),
                words(
                    &format!(
                        "HTTPSConnectionPool(host='{address}', port=443): Max retries exceeded (Caused by NameResolutionError(\"Failed to resolve '{address}' ([Errno -2] Name or service not known)\"))"
                    ),
                    &format!("getaddrinfo ENOTFOUND {address}"),
                    address,
                    &format!("dial tcp: lookup {address}: no such host"),
                ),
            ),
            Failed::Refused { address } => (
                words(
                    "ConnectionError",
                    "Error",
                    "java.net.ConnectException",
                    "*net.OpError",
                ),
                words(
                    &format!(
                        "HTTPSConnectionPool(host='{address}', port=443): Max retries exceeded (Caused by NewConnectionError('[Errno 111] Connection refused'))"
                    ),
                    &format!("connect ECONNREFUSED {address}:443"),
                    &format!("Connection refused: {address}"),
                    &format!("dial tcp {address}:443: connect: connection refused"),
                ),
            ),
            Failed::Denied {
                role,
                function,
                action,
                resource,
            } => {
                let text = format!(
                    "User: arn:aws:sts::{}:assumed-role/{role}/{function} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action",
                    demo::run::ACCOUNT
                );
                let operation = action.split(':').nth(1).unwrap_or(action);
                (
                    words(
                        "ClientError",
                        "AccessDeniedException",
                        "software.amazon.awssdk.core.exception.SdkClientException",
                        "*smithy.OperationError",
                    ),
                    words(
                        &format!(
                            "An error occurred (AccessDeniedException) when calling the {operation} operation: {text}"
                        ),
                        &text,
                        &format!("{text} (Status Code: 400)"),
                        &format!(
                            "operation error {operation}, https response error StatusCode: 400, api error AccessDeniedException: {text}"
                        ),
                    ),
                )
            }
        }
    }
}

fn python(level: &str) -> &str {
    match level {
        "WARN" => "WARNING",
        other => other,
    }
}
