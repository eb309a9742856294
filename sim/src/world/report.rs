//! What Lambda and the runtime print about an invocation.

use super::handler::{Outcome, Printed};
use super::{Function, Language, Version, World};
use crate::facts::Line;
use demo::when;
use serde_json::{Value, json};

/// An invocation that is over.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Request id.
    pub request_id: String,
    /// `1-8hex-24hex`.
    pub xray_root: String,
    /// Log stream.
    pub stream: String,
    /// The same in the pair.
    pub key: String,
    /// Version.
    pub version: u32,
    /// START, milliseconds since the epoch.
    pub start: i64,
    /// END.
    pub end: i64,
    /// `Duration`.
    pub duration_ms: f64,
    /// `Init Duration`, if it is reported.
    pub init_ms: Option<f64>,
    /// `Memory Size`.
    pub memory_mb: f64,
    /// `Max Memory Used`.
    pub used_mb: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it printed.
    pub lines: Vec<Printed>,
}

/// A message with what the pair is compared by: (time, text, place, what it says, milliseconds).
type Said = (i64, String, String, String, f64);

impl World {
    pub(super) fn log_init(
        &mut self,
        function: &Function,
        version: &Version,
        stream: &str,
        at: i64,
        key: &str,
        init_ms: f64,
    ) {
        let arn = "arn:aws:lambda:eu-central-1::runtime:8aaed27a4b7d5d3c9a5d0e1c9f3f1d7e0e6d3c2b1a";
        let runtime = function.language.runtime();
        let text = match function.json_logs {
            true => platform(
                at,
                "platform.initStart",
                json!({
                    "initializationType": "on-demand", "phase": "init", "functionName": function.name,
                    "functionVersion": version.number.to_string(), "runtimeVersion": runtime,
                    "runtimeVersionArn": arn, "instanceMaxMemory": version.memory_mb as i64 * 1024 * 1024,
                }),
            ),
            false => format!("INIT_START Runtime Version: {runtime}\tRuntime Version ARN: {arn}\n"),
        };
        let mut said = vec![(
            at,
            text,
            "init".to_owned(),
            "INIT_START".to_owned(),
            init_ms,
        )];
        if let Some((kind, message)) = &version.broken_init {
            let end = at + init_ms as i64;
            for (phase, at) in [("init", end), ("invoke", end + init_ms as i64)] {
                said.push((
                    at - 2,
                    function.language.raised(kind, message, "", at),
                    format!("{phase}/error"),
                    kind.clone(),
                    init_ms,
                ));
                let text = match function.json_logs {
                    true => platform(
                        at,
                        "platform.initReport",
                        json!({
                            "initializationType": "on-demand", "phase": phase, "status": "error", "errorType": kind,
                            "metrics": {"durationMs": round(init_ms)},
                        }),
                    ),
                    false => format!(
                        "INIT_REPORT Init Duration: {init_ms:.2} ms\tPhase: {phase}\tStatus: error\tError Type: {kind}\n"
                    ),
                };
                said.push((
                    at,
                    text,
                    format!("{phase}/report"),
                    format!("INIT_REPORT {kind}"),
                    init_ms,
                ));
            }
        }
        self.print(function, stream, key, said);
    }

    pub(super) fn log_invocation(&mut self, function: &Function, invocation: &Invocation) {
        let mut said: Vec<Said> = Vec::new();
        let (id, language) = (&invocation.request_id, function.language);
        said.push((
            invocation.start,
            start(function, invocation),
            "start".into(),
            format!("START {}", invocation.version),
            0.0,
        ));
        for (index, (offset, level, text)) in invocation.lines.iter().enumerate() {
            let at = (invocation.start + *offset as i64).min(invocation.end);
            let line = match (*level, function.json_logs) {
                ("PLAIN", _) => format!("{text}\n"),
                (level, true) => json!({"timestamp": when::zulu(at), "level": level, "requestId": id, "message": text}).to_string(),
                (level, false) => language.line(level, text, id, at),
            };
            said.push((at, line, format!("line{index}"), text.clone(), *offset));
        }
        self.log_end(function, invocation, &mut said);
        let text = report(function, invocation);
        said.push((
            invocation.end,
            text,
            "report".into(),
            format!("REPORT {}", status(&invocation.outcome)),
            invocation.duration_ms + invocation.init_ms.unwrap_or(0.0),
        ));
        self.print(function, &invocation.stream, &invocation.key, said);
    }

    fn log_end(&mut self, function: &Function, invocation: &Invocation, said: &mut Vec<Said>) {
        let (id, at) = (&invocation.request_id, invocation.end);
        let duration = invocation.duration_ms;
        match &invocation.outcome {
            Outcome::Raised { kind, message } => {
                let text = match function.json_logs {
                    true => json!({
                        "timestamp": when::zulu(at - 1), "log_level": "ERROR", "errorMessage": message,
                        "errorType": kind, "requestId": id, "stackTrace": [],
                    })
                    .to_string(),
                    false => function.language.raised(kind, message, id, at - 1),
                };
                said.push((
                    at - 1,
                    text,
                    "raised".into(),
                    format!("{kind}: {message}"),
                    duration,
                ));
            }
            Outcome::TimedOut if !function.json_logs => {
                let text = format!(
                    "{} {id} Task timed out after {:.2} seconds\n\n",
                    when::zulu(at),
                    duration / 1000.0
                );
                said.push((
                    at,
                    text,
                    "timeout".into(),
                    "Task timed out".into(),
                    duration,
                ));
            }
            Outcome::Killed if !function.json_logs => {
                let text = format!(
                    "RequestId: {id} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n"
                );
                said.push((at, text, "killed".into(), "signal: killed".into(), duration));
            }
            _ => {}
        }
        if !function.json_logs && !matches!(invocation.outcome, Outcome::Killed) {
            said.push((
                at,
                format!("END RequestId: {id}\n"),
                "end".into(),
                "END".into(),
                0.0,
            ));
        }
    }

    fn print(&mut self, function: &Function, stream: &str, key: &str, said: Vec<Said>) {
        let lines = self.facts.lines.entry(function.name.clone()).or_default();
        for (at, text, place, says, millis) in said {
            lines.push(Line {
                at,
                stream: stream.to_owned(),
                text,
                key: format!("{key}/{place}"),
                says,
                millis,
            });
        }
    }
}

fn start(function: &Function, invocation: &Invocation) -> String {
    let id = &invocation.request_id;
    match function.json_logs {
        true => platform(
            invocation.start,
            "platform.start",
            json!({
                "requestId": id, "version": invocation.version.to_string(), "tracing": tracing(invocation),
            }),
        ),
        false => format!("START RequestId: {id} Version: {}\n", invocation.version),
    }
}

fn tracing(invocation: &Invocation) -> Value {
    let (root, span) = (&invocation.xray_root, &invocation.xray_root[11..27]);
    json!({"type": "X-Amzn-Trace-Id", "spanId": span, "value": format!("Root={root};Parent={span};Sampled=1")})
}

fn report(function: &Function, invocation: &Invocation) -> String {
    let billed = (invocation.duration_ms + invocation.init_ms.unwrap_or(0.0)).ceil() as i64;
    let error_type = match &invocation.outcome {
        Outcome::Killed if function.language == Language::Node => Some("Runtime.ExitError"),
        Outcome::Killed => Some("Runtime.OutOfMemory"),
        Outcome::NoInit { kind, .. } => Some(kind.as_str()),
        _ => None,
    };
    if function.json_logs {
        let mut record = json!({
            "requestId": invocation.request_id, "status": status(&invocation.outcome), "tracing": tracing(invocation),
            "metrics": {
                "durationMs": round(invocation.duration_ms), "billedDurationMs": billed,
                "memorySizeMB": invocation.memory_mb as i64, "maxMemoryUsedMB": invocation.used_mb as i64,
            },
        });
        if let Some(init) = invocation.init_ms {
            record["metrics"]["initDurationMs"] = json!(round(init));
        }
        if let Some(kind) = error_type {
            record["errorType"] = json!(kind);
        }
        return platform(invocation.end, "platform.report", record);
    }
    let mut line = format!(
        "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {billed} ms\tMemory Size: {:.0} MB\tMax Memory Used: {:.0} MB\t",
        invocation.request_id, invocation.duration_ms, invocation.memory_mb, invocation.used_mb
    );
    if let Some(init) = invocation.init_ms {
        line += &format!("Init Duration: {init:.2} ms\t");
    }
    match (&invocation.outcome, error_type) {
        (Outcome::TimedOut, _) => line += "Status: timeout",
        (_, Some(kind)) => line += &format!("Status: error\tError Type: {kind}"),
        _ => {}
    }
    line + &format!(
        "\nXRAY TraceId: {}\tSegmentId: {}\tSampled: true\t\n",
        invocation.xray_root,
        &invocation.xray_root[11..27]
    )
}

fn status(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answer(_) => "success",
        Outcome::TimedOut => "timeout",
        _ => "error",
    }
}

fn platform(at: i64, kind: &str, record: Value) -> String {
    json!({"time": when::zulu(at), "type": kind, "record": record}).to_string()
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
