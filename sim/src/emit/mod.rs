//! Facts as files: what the AWS CLI would print, and what an OpenTelemetry collector would write.

pub mod history;
pub mod lambda;
pub mod otlp;

use crate::setting::Setting;
use demo::when;
use serde_json::{Value, json};

/// A path below the folder of the mystery, and the bytes of the file.
pub type File = (String, Vec<u8>);

/// What part of the telemetry arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// Share of spans that are lost.
    pub span_loss: f64,
    /// Share of invocations whose lines are lost.
    pub log_loss: f64,
    /// False when the operators' changes are not known.
    pub changes: bool,
    /// The clock of one of the hosts is wrong by so many milliseconds.
    pub skew_ms: i64,
}

impl Coverage {
    /// Everything arrives.
    pub const FULL: Coverage = Coverage {
        span_loss: 0.0,
        log_loss: 0.0,
        changes: true,
        skew_ms: 0,
    };
}

/// All files of a setting that has run.
pub fn files(setting: &Setting, coverage: Coverage) -> Vec<File> {
    let mut files = history::files(setting);
    files.extend(lambda::files(setting, coverage));
    files.extend(otlp::files(setting, coverage));
    if !setting.world.facts.containers.is_empty() {
        let mut lines = Vec::new();
        for event in &setting.world.facts.containers {
            lines.extend(event.to_string().into_bytes());
            lines.push(b'\n');
        }
        files.push(("containers/state-changes.jsonl".into(), lines));
    }
    if coverage.changes && !setting.world.changes.is_empty() {
        let changes: Vec<Value> = setting.world.changes.iter().map(|change| json!({
            "time": when::zulu(change.at), "kind": change.kind, "resource": change.resource, "change": change.change,
        })).collect();
        files.push((
            "deploys.json".into(),
            demo::files::pretty(&Value::Array(changes)),
        ));
    }
    files
}
