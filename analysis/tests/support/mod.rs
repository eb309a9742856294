//! Histories written by hand, one event a line: `id<cause Type key=value key="two words"`.

#![allow(clippy::unwrap_used, dead_code)]

use model::{
    Document, DocumentKind, Engine, EventSource, HistoryEvent, Span, UnixNanos, WorkflowTrace,
};
use serde_json::{Map, Value};
use std::collections::HashMap;

pub const ARN: &str = "arn:aws:states:eu-west-1:111111111111:execution:orders:run-1";

/// Reads the events; event n happens n seconds after the start.
pub fn history(text: &str) -> Vec<HistoryEvent> {
    let mut redrives = 0;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let event = event(line);
            redrives += u32::from(event.event_type == "ExecutionRedriven");
            HistoryEvent {
                redrive_count: redrives,
                ..event
            }
        })
        .collect()
}

fn event(line: &str) -> HistoryEvent {
    let mut words = line.splitn(3, ' ');
    let (id, cause) = words.next().unwrap().split_once('<').unwrap();
    let event_type = words.next().unwrap();
    let event_id: u64 = id.parse().unwrap();
    HistoryEvent {
        engine: Engine::step_functions(),
        execution_arn: ARN.to_owned(),
        redrive_count: 0,
        event_id,
        previous_event_id: cause.parse().unwrap(),
        event_type: event_type.to_owned(),
        time: UnixNanos(1_700_000_000_000_000_000 + event_id as i64 * 1_000_000_000),
        details: details(words.next().unwrap_or_default()),
        source: EventSource::History,
    }
}

fn details(mut text: &str) -> String {
    let mut details = Map::new();
    while let Some((key, rest)) = text.trim_start().split_once('=') {
        let (value, rest) = match rest.strip_prefix('"') {
            Some(rest) => rest.split_once('"').unwrap(),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        let value = value
            .parse::<u64>()
            .map(Value::from)
            .unwrap_or(Value::from(value.replace('`', "\"")));
        details.insert(key.to_owned(), value);
        text = rest;
    }
    Value::Object(details).to_string()
}

pub fn document(kind: DocumentKind, body: Value) -> Document {
    Document {
        engine: Engine::step_functions(),
        execution_arn: ARN.to_owned(),
        kind,
        body: body.to_string(),
    }
}

/// The spans as an indented tree: name, kind, status; also checks that it is one tree.
pub fn tree(trace: &WorkflowTrace) -> String {
    let mut children: HashMap<_, Vec<&Span>> = HashMap::new();
    for span in &trace.spans {
        children.entry(span.parent_span_id).or_default().push(span);
    }
    let mut out = String::new();
    let mut printed = 0;
    print(&children, Default::default(), 0, &mut out, &mut printed);
    assert_eq!(printed, trace.spans.len(), "every span hangs in the tree");
    out
}

fn print(
    children: &HashMap<model::SpanId, Vec<&Span>>,
    id: model::SpanId,
    depth: usize,
    out: &mut String,
    printed: &mut usize,
) {
    let mut below = children.get(&id).cloned().unwrap_or_default();
    below.sort_by_key(|span| (span.start_time, span.name.clone()));
    for span in below {
        let text = |name: &str| match span.attributes.get(name) {
            Some(model::Value::String(text)) => text.clone(),
            _ => String::new(),
        };
        let status = [
            text("aws.sfn.execution.status"),
            text("aws.sfn.state.status"),
        ]
        .concat();
        let seconds = span.end_time.since(span.start_time) / 1_000_000_000;
        out.push_str(&format!(
            "{}{} {} {status} {seconds}\n",
            "  ".repeat(depth),
            text("inquest.kind"),
            span.name
        ));
        *printed += 1;
        print(children, span.span_id, depth + 1, out, printed);
    }
}

/// Compares trees, whatever the indentation of the expectation.
#[track_caller]
pub fn check_tree(events: &str, expect: &str) -> WorkflowTrace {
    let trace = inquest_analysis::workflow::build(&history(events), &[]);
    let lines: Vec<&str> = expect
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    // The first line stands at the root; the one below it is one step in.
    let margin = lines
        .get(1)
        .map_or(0, |line| line.len() - line.trim_start().len() - 2);
    let expect: Vec<&str> = (lines.iter().enumerate())
        .map(|(n, line)| {
            if n == 0 {
                line.trim()
            } else {
                line[margin..].trim_end()
            }
        })
        .collect();
    let tree = tree(&trace);
    let found: Vec<&str> = tree.lines().collect();
    assert_eq!(found, expect, "\n{tree}");
    trace
}
