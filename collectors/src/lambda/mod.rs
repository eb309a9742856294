//! Lines of Lambda logs: text (START, END, REPORT, INIT_…, RESTORE_…, what runtimes print), the JSON
//! log format and events of the Telemetry and Logs API. The grammar is in AWS's developer guide; what
//! its pages leave out was taken from recorded logs (`tests/fixtures/aws-lambda-logs`).

mod application;
mod frame;
mod pairs;
mod platform;

use model::{Attributes, SpanId, TraceId, UnixNanos, Value};

/// What one log event says, whatever its form. Names of events and attributes are in
/// [`model::lambda`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    /// Printed by the platform, not by the function.
    pub platform: bool,
    /// Which platform event it is; empty for the function's own lines.
    pub event_name: String,
    /// Request id that it names.
    pub request_id: Option<String>,
    /// Time that the line itself tells.
    pub time: Option<UnixNanos>,
    /// Severity as written, empty if none.
    pub severity_text: String,
    /// The message without decoration that became a field; platform lines are kept as they are.
    pub body: String,
    /// What else it says.
    pub attributes: Attributes,
    /// Trace context that the function logged.
    pub trace_id: TraceId,
    /// Span that the function logged.
    pub span_id: SpanId,
}

impl Line {
    fn platform(event_name: &str, body: &str) -> Line {
        Line {
            platform: true,
            event_name: event_name.to_owned(),
            body: body.to_owned(),
            ..Line::default()
        }
    }

    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.attributes.insert(name.to_owned(), value.into());
    }

    /// Text attribute, if there is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

/// Reads one log event. Never fails: what is no known form is a line of the function.
pub fn parse_line(message: &str) -> Line {
    let message = message.trim_end_matches(['\n', '\r', ' ', '\t']);
    if message.starts_with('{')
        && let Ok(serde_json::Value::Object(object)) = serde_json::from_str(message)
    {
        return frame::read(object, message);
    }
    // Some forwarders escape twice: the line then ends in a backslash and an n.
    if message.contains("\\n") || message.contains("\\t") {
        let unescaped = message.replace("\\n", "\n").replace("\\t", "\t");
        if let Some(line) = platform::read(unescaped.trim_end()) {
            return line;
        }
    }
    platform::read(message).unwrap_or_else(|| application::read(message))
}

/// Reads a frame of the Telemetry or Logs API (`time`, `type`, `record`) or a line of the JSON format.
pub fn parse_object(object: serde_json::Map<String, serde_json::Value>) -> Line {
    let text = serde_json::Value::Object(object.clone()).to_string();
    frame::read(object, &text)
}

/// True for a line that only Lambda's platform prints; it tells a Lambda log from any other text.
pub fn is_platform_text(message: &str) -> bool {
    platform::HEADS.iter().any(|head| message.starts_with(head))
}

/// True for a line that begins with one of REPORT's keys: copies from pages break it into lines.
pub fn is_report_pair(message: &str) -> bool {
    pairs::starts_with_key(message)
}

/// True for an id as Lambda makes them (a UUID), or the hexadecimal digits that are left of one.
pub fn is_request_id(text: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
    match text.len() {
        36 => text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(hex),
        12..=32 => hex(text) && text.bytes().any(|b| b.is_ascii_digit()),
        _ => false,
    }
}

/// OTLP's number for a severity word; 0 for a word that is none.
pub fn severity_number(word: &str) -> u8 {
    match word.to_ascii_uppercase().as_str() {
        "TRACE" | "FINEST" | "VERBOSE" => 1,
        "DEBUG" | "FINE" => 5,
        "INFO" | "INFORMATION" | "NOTICE" | "LOG" => 9,
        "WARN" | "WARNING" => 13,
        "ERROR" | "SEVERE" | "ERR" => 17,
        "FATAL" | "CRITICAL" | "PANIC" => 21,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
