//! The files a person would have after asking AWS for all of it.

use crate::dice::Dice;
use crate::lambda_log::{event_id, filter_log_events};
use crate::otel;
use crate::run::{ACCOUNT, Event, REGION, Run};
use crate::when;
use crate::workflows;
use crate::world::World;
use serde_json::{Value, json};

/// A path below the folder of the data set, and the bytes of the file.
pub type File = (String, Vec<u8>);

/// Writes everything that was simulated.
pub fn write(world: &World) -> Vec<File> {
    let mut files = Vec::new();
    for (name, definition) in workflows::definitions() {
        let path = format!("step-functions/{name}/state-machine.json");
        files.push((
            path,
            pretty(&state_machine(name, &definition, world.anchor)),
        ));
    }
    for run in &world.runs {
        if !run.express && run.events.iter().any(|event| event.at <= world.anchor) {
            standard(run, world.anchor, &mut files);
        }
    }
    for map_run in &world.map_runs {
        let arn = map_run["mapRunArn"].as_str().unwrap_or_default();
        let id = arn.rsplit(':').next().unwrap_or_default();
        files.push((
            format!("step-functions/catalog-etl/{id}.map-run.json"),
            pretty(map_run),
        ));
    }
    files.push((
        "express-logs/quote-api.json".into(),
        pretty(&express_logs(world)),
    ));
    for (name, fleet) in &world.fleets {
        let events = filter_log_events(fleet, world.seed, world.anchor);
        files.push((format!("lambda-logs/{name}.json"), pretty(&events)));
    }
    files.push(("otlp/functions.jsonl".into(), function_spans(world)));
    files
}

/// A document as the AWS CLI prints it: indented by four blanks, with a line end.
pub fn pretty(value: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, format);
    serde::Serialize::serialize(value, &mut writer).expect("a value can be written to memory");
    text.push(b'\n');
    text
}

fn standard(run: &Run, anchor: i64, files: &mut Vec<File>) {
    let folder = format!("step-functions/{}", run.machine);
    let events: Vec<Value> = run
        .history(anchor)
        .into_iter()
        .map(|(id, previous, event)| history_event(id, previous, event))
        .collect();
    let stem = format!("{folder}/{}", run.name);
    files.push((
        format!("{stem}.history.json"),
        pretty(&json!({"events": events})),
    ));
    files.push((
        format!("{stem}.describe.json"),
        pretty(&describe(run, anchor)),
    ));
}

fn history_event(id: usize, previous: usize, event: Event) -> Value {
    let mut value = json!({
        "timestamp": when::cli(event.at), "type": event.kind, "id": id,
        "previousEventId": previous,
    });
    if let Some((name, details)) = event.details {
        value[name] = details;
    }
    value
}

/// DescribeExecution at the anchor.
fn describe(run: &Run, anchor: i64) -> Value {
    let history = run.history(anchor);
    let first = history.first().map_or(anchor, |(_, _, event)| event.at);
    let redrives = history
        .iter()
        .filter(|(_, _, event)| event.kind == "ExecutionRedriven")
        .count();
    let mut value = json!({
        "executionArn": run.arn, "stateMachineArn": run.state_machine_arn(), "name": run.name,
        "status": "RUNNING", "startDate": when::cli(first), "input": run.input.to_string(),
        "inputDetails": {"included": true}, "redriveCount": redrives, "redriveStatus": "NOT_REDRIVABLE",
    });
    if let Some(arn) = &run.map_run_arn {
        value["mapRunArn"] = json!(arn);
    }
    if let Some((_, _, last)) = history.last() {
        terminal(last, &mut value);
    }
    value
}

fn terminal(last: &Event, value: &mut Value) {
    let status = match last.kind.as_str() {
        "ExecutionSucceeded" => "SUCCEEDED",
        "ExecutionFailed" => "FAILED",
        "ExecutionAborted" => "ABORTED",
        "ExecutionTimedOut" => "TIMED_OUT",
        _ => return,
    };
    value["status"] = json!(status);
    value["stopDate"] = json!(when::cli(last.at));
    let details = last.details.as_ref().map(|(_, details)| details);
    for name in ["output", "error", "cause"] {
        if let Some(member) = details.and_then(|details| details.get(name)) {
            value[name] = member.clone();
        }
    }
}

fn state_machine(name: &str, definition: &Value, anchor: i64) -> Value {
    json!({
        "stateMachineArn": format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"),
        "name": name, "status": "ACTIVE", "definition": definition.to_string(),
        "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/{name}-role"),
        "type": "STANDARD",
        "creationDate": when::cli(anchor - 40 * 86_400_000),
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
        "tracingConfiguration": {"enabled": false},
    })
}

/// The log group of the Express workflow: several executions share a stream.
fn express_logs(world: &World) -> Value {
    let mut dice = Dice::new(world.seed, "express logs");
    let mut events: Vec<(i64, Value)> = Vec::new();
    for run in world.runs.iter().filter(|run| run.express) {
        for (id, previous, event) in run.history(world.anchor) {
            events.push((event.at, log_message(run, id, previous, &event)));
        }
    }
    events.sort_by_key(|(at, _)| *at);
    let events: Vec<Value> = events
        .into_iter()
        .map(|(at, message)| {
            let hour = when::day(at).replace('/', "-");
            json!({
                "logStreamName": format!("states/quote-api/{hour}-{:02}-00/8f3c21d7", (at / 3_600_000) % 24),
                "timestamp": at, "message": message.to_string(),
                "ingestionTime": at + dice.between(700, 4000), "eventId": event_id(&mut dice),
            })
        })
        .collect();
    json!({"events": events, "searchedLogStreams": []})
}

fn log_message(run: &Run, id: usize, previous: usize, event: &Event) -> Value {
    let details = event.details.as_ref().map(|(_, details)| details.clone());
    json!({
        "id": id.to_string(), "type": event.kind, "details": details.unwrap_or_else(|| json!({})),
        "previous_event_id": previous.to_string(), "event_timestamp": event.at.to_string(),
        "execution_arn": run.arn, "redrive_count": "0",
    })
}

/// One export request a line, as the collector's file exporter writes them.
fn function_spans(world: &World) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, spans) in &world.spans {
        let Some(fleet) = world.fleets.get(name) else {
            continue;
        };
        let resource = otel::function_resource(&fleet.function);
        let done: Vec<otel::Span> = spans
            .iter()
            .filter(|span| span.end_ns <= world.anchor * 1_000_000)
            .cloned()
            .collect();
        for chunk in done.chunks(64) {
            let request =
                otel::export(&resource, "opentelemetry.instrumentation.aws_lambda", chunk);
            lines.extend(request.to_string().into_bytes());
            lines.push(b'\n');
        }
    }
    lines
}
