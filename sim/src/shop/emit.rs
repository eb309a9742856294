//! A period as OTLP JSON, one request a line.

use super::Side;
use crate::emit::{File, otlp};

/// Files that `inquest import` takes.
pub fn files(side: &Side, folder: &str) -> Vec<File> {
    let mut files = Vec::new();
    let spans = otlp::traces(side.spans.iter().map(|it| (it, it.span.otlp())));
    if !spans.is_empty() {
        files.push((format!("{folder}/traces.jsonl"), spans));
    }
    let records = otlp::logs(&side.records);
    if !records.is_empty() {
        files.push((format!("{folder}/logs.jsonl"), records));
    }
    files
}
