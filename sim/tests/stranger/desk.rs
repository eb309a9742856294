//! A desk at which files are written as the AWS CLI and an OpenTelemetry collector would write them: any event, in any
//! order, with branches that run side by side.

use inquest_sim::{Family, Mystery, Truth};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// 2026-05-04 06:00 UTC, milliseconds.
pub const BEGIN: i64 = 1_777_874_400_000;
const ACCOUNT: &str = "eu-central-1:480213377711";

/// Everything that is written.
#[derive(Default)]
pub struct Desk {
    files: Vec<(String, Vec<u8>)>,
    logs: BTreeMap<String, Vec<Value>>,
    traces: Vec<Value>,
    records: Vec<Value>,
    deploys: Vec<Value>,
    count: u64,
}

/// A moment of a run from which a branch begins.
#[derive(Clone, Copy)]
pub struct Mark {
    pub at: i64,
    prev: usize,
}

/// An execution that is being written.
pub struct Run {
    pub arn: String,
    pub at: i64,
    machine: String,
    name: String,
    start: i64,
    version: Option<u32>,
    definition: Option<Value>,
    map_run: Option<String>,
    input: String,
    prev: usize,
    events: Vec<(i64, usize, String, Value)>,
}

pub fn iso(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).expect("a time");
    time.strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string()
}

fn zulu(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).expect("a time");
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

impl Run {
    pub fn new(machine: &str, name: &str, at: i64, input: &Value) -> Self {
        let mut run = Run {
            arn: format!("arn:aws:states:{ACCOUNT}:execution:{machine}:{name}"),
            at,
            machine: machine.into(),
            name: name.into(),
            start: at,
            version: None,
            definition: None,
            map_run: None,
            input: input.to_string(),
            prev: usize::MAX,
            events: Vec::new(),
        };
        let input = run.input.clone();
        run.push("ExecutionStarted", json!({"input": input, "inputDetails": {"truncated": false}, "roleArn": format!("arn:aws:iam::480213377711:role/{machine}")}));
        run
    }

    pub fn version(mut self, version: u32) -> Self {
        self.version = Some(version);
        self
    }

    pub fn defined(mut self, definition: Value) -> Self {
        self.definition = Some(definition);
        self
    }

    /// One of the executions of a map run.
    pub fn below(mut self, map_run: &str) -> Self {
        self.map_run = Some(map_run.to_owned());
        self
    }

    pub fn wait(&mut self, ms: i64) {
        self.at += ms;
    }

    pub fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            prev: self.prev,
        }
    }

    pub fn back(&mut self, mark: Mark) {
        self.at = mark.at;
        self.prev = mark.prev;
    }

    /// Writes an event.
    pub fn push(&mut self, kind: &str, details: Value) {
        self.events.push((self.at, self.prev, kind.into(), details));
        self.prev = self.events.len() - 1;
    }

    pub fn enter(&mut self, kind: &str, name: &str, input: &Value) {
        self.at += 7;
        self.push(
            &format!("{kind}StateEntered"),
            json!({"name": name, "input": input.to_string(), "inputDetails": {"truncated": false}}),
        );
    }

    pub fn exit(&mut self, kind: &str, name: &str, output: &Value) {
        self.at += 5;
        self.push(&format!("{kind}StateExited"), json!({"name": name, "output": output.to_string(), "outputDetails": {"truncated": false}}));
    }

    /// A state that does nothing but pass on.
    pub fn through(&mut self, kind: &str, name: &str, input: &Value, output: &Value) {
        self.enter(kind, name, input);
        self.exit(kind, name, output);
    }

    pub fn schedule(&mut self, of: (&str, &str), parameters: &Value, limits: &Value) {
        self.at += 6;
        let mut details = json!({"resourceType": of.0, "resource": of.1, "region": "eu-central-1", "parameters": parameters.to_string()});
        for (name, value) in limits.as_object().into_iter().flatten() {
            details[name] = value.clone();
        }
        self.push("TaskScheduled", details);
        self.at += 9;
        self.push(
            "TaskStarted",
            json!({"resourceType": of.0, "resource": of.1}),
        );
    }

    pub fn submitted(&mut self, of: (&str, &str), output: &Value) {
        self.at += 40;
        self.push("TaskSubmitted", json!({"resourceType": of.0, "resource": of.1, "output": output.to_string(), "outputDetails": {"truncated": false}}));
    }

    pub fn succeeded(&mut self, of: (&str, &str), output: &Value) {
        self.push("TaskSucceeded", json!({"resourceType": of.0, "resource": of.1, "output": output.to_string(), "outputDetails": {"truncated": false}}));
    }

    pub fn failed(&mut self, of: (&str, &str), error: &str, cause: &str) {
        self.push(
            "TaskFailed",
            json!({"resourceType": of.0, "resource": of.1, "error": error, "cause": cause}),
        );
    }

    /// A call of an API that answers.
    pub fn call(
        &mut self,
        of: (&str, &str),
        parameters: &Value,
        ms: i64,
        answer: Result<Value, (&str, &str)>,
    ) {
        self.schedule(of, parameters, &Value::Null);
        self.at += ms;
        match answer {
            Ok(output) => self.succeeded(of, &output),
            Err((error, cause)) => self.failed(of, error, cause),
        }
    }
}

/// Ends of an execution.
pub enum End<'a> {
    Well(&'a Value),
    Failed(&'a str, &'a str),
    TimedOut,
    Aborted(&'a str),
    /// It has not ended.
    Not,
}

fn key_of(kind: &str) -> String {
    if kind.ends_with("StateEntered") {
        return "stateEnteredEventDetails".into();
    }
    if kind.ends_with("StateExited") {
        return "stateExitedEventDetails".into();
    }
    let mut chars = kind.chars();
    let first = chars.next().unwrap_or_default().to_ascii_lowercase();
    format!("{first}{}EventDetails", chars.as_str())
}

impl Desk {
    pub fn id(&mut self) -> u64 {
        self.count += 1;
        self.count.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x51
    }

    /// Ends an execution and writes its files.
    pub fn end(&mut self, mut run: Run, end: End) -> String {
        run.at += 6;
        let (status, error) = match &end {
            End::Well(output) => {
                run.push(
                    "ExecutionSucceeded",
                    json!({"output": output.to_string(), "outputDetails": {"truncated": false}}),
                );
                ("SUCCEEDED", None)
            }
            End::Failed(error, cause) => {
                run.push("ExecutionFailed", json!({"error": error, "cause": cause}));
                ("FAILED", Some((*error, *cause)))
            }
            End::TimedOut => {
                run.push("ExecutionTimedOut", json!({}));
                ("TIMED_OUT", None)
            }
            End::Aborted(cause) => {
                run.push("ExecutionAborted", json!({"cause": cause}));
                ("ABORTED", Some(("", *cause)))
            }
            End::Not => ("RUNNING", None),
        };
        let mut order: Vec<usize> = (0..run.events.len()).collect();
        order.sort_by_key(|n| (run.events[*n].0, *n));
        let mut ids = vec![0; run.events.len()];
        for (id, n) in order.iter().enumerate() {
            ids[*n] = id + 1;
        }
        let events: Vec<Value> = order
            .iter()
            .map(|n| {
                let (at, prev, kind, details) = &run.events[*n];
                let before = ids.get(*prev).copied().unwrap_or(0);
                let mut event = json!({"timestamp": iso(*at), "type": kind, "id": ids[*n], "previousEventId": before});
                if details.as_object().is_some_and(|it| !it.is_empty()) {
                    event[key_of(kind)] = details.clone();
                }
                event
            })
            .collect();
        let machine = format!("arn:aws:states:{ACCOUNT}:stateMachine:{}", run.machine);
        let mut describe = json!({"executionArn": run.arn, "stateMachineArn": machine, "name": run.name, "status": status,
            "startDate": iso(run.start), "input": run.input, "inputDetails": {"included": true}});
        if !matches!(end, End::Not) {
            describe["stopDate"] = json!(iso(run.at));
        }
        if let Some(version) = run.version {
            describe["stateMachineVersionArn"] = json!(format!("{machine}:{version}"));
        }
        if let Some(map_run) = &run.map_run {
            describe["mapRunArn"] = json!(map_run);
        }
        if let End::Well(output) = &end {
            describe["output"] = json!(output.to_string());
        }
        if let Some((error, cause)) = error {
            describe["error"] = json!(error);
            describe["cause"] = json!(cause);
        }
        let file = format!("{}-{}", run.machine.replace('/', "-"), run.name);
        if let Some(definition) = &run.definition {
            let document = json!({"stateMachineArn": machine, "name": run.machine, "definition": definition.to_string(),
                "roleArn": "arn:aws:iam::480213377711:role/x", "updateDate": iso(BEGIN - 86_400_000)});
            self.put(format!("{file}-definition.json"), &document);
        }
        self.put(format!("{file}-history.json"), &json!({"events": events}));
        self.put(format!("{file}.json"), &describe);
        run.arn
    }

    /// What a log of the state machine at level ERROR holds of a run that failed: its last event, and the end.
    pub fn vended(&mut self, mut run: Run, error: &str, cause: &str) -> String {
        run.at += 6;
        run.push("ExecutionFailed", json!({"error": error, "cause": cause}));
        let first = run.events.len() - 2;
        let events: Vec<Value> = run.events[first..]
            .iter()
            .enumerate()
            .map(|(n, (at, _, kind, details))| {
                let id = first + n + 1;
                let message = json!({"id": id.to_string(), "type": kind, "details": details, "previous_event_id": (id - 1).to_string(),
                    "event_timestamp": at.to_string(), "execution_arn": run.arn, "redrive_count": "0"});
                json!({"logStreamName": "states/levels/2026-05-04-06-00/1", "timestamp": at, "message": message.to_string(), "ingestionTime": at + 500, "eventId": format!("38{:054}", self.count + id as u64)})
            })
            .collect();
        self.count += 10;
        let path = format!("{}-{}-log.json", run.machine, run.name);
        self.put(path, &json!({"events": events, "searchedLogStreams": []}));
        run.arn
    }

    fn put(&mut self, path: String, value: &Value) {
        self.files.push((path, value.to_string().into_bytes()));
    }

    pub fn line(&mut self, function: &str, stream: &str, at: i64, message: &str) {
        let id = self.id();
        let event = json!({"logGroupName": format!("/aws/lambda/{function}"), "logStreamName": stream, "timestamp": at,
            "message": message, "ingestionTime": at + 700, "eventId": format!("37{id:054}")});
        self.logs.entry(function.into()).or_default().push(event);
    }

    /// A line of any other log group: a job's, a container's.
    pub fn written(&mut self, group: &str, stream: &str, at: i64, message: &str) {
        let id = self.id();
        let event = json!({"logGroupName": group, "logStreamName": stream, "timestamp": at,
            "message": message, "ingestionTime": at + 700, "eventId": format!("37{id:054}")});
        let file = group.trim_matches('/').replace('/', "-");
        self.logs.entry(file).or_default().push(event);
    }

    /// A span; `resource` holds at least the name of the service.
    pub fn span(&mut self, resource: &[(&str, &str)], span: Value) {
        self.traces.push(json!({"resourceSpans": [{"resource": {"attributes": attributes(resource)}, "scopeSpans": [{"scope": {"name": "y"}, "spans": [span]}]}]}));
    }

    /// A log record of a service.
    pub fn record(
        &mut self,
        service: &str,
        at: i64,
        level: (u8, &str),
        body: &str,
        context: (&str, &str),
    ) {
        self.records.push(json!({"resourceLogs": [{"resource": {"attributes": attributes(&[("service.name", service)])}, "scopeLogs": [{"scope": {}, "logRecords": [{
            "timeUnixNano": nanos(at), "severityNumber": level.0, "severityText": level.1, "body": {"stringValue": body}, "traceId": context.0, "spanId": context.1}]}]}]}));
    }

    pub fn changed(&mut self, at: i64, kind: &str, resource: &str, change: &str) {
        self.deploys
            .push(json!({"time": zulu(at), "kind": kind, "resource": resource, "change": change}));
    }

    /// Everything, as a mystery without an answer.
    pub fn mystery(mut self) -> Mystery {
        for (function, events) in std::mem::take(&mut self.logs) {
            self.put(
                format!("logs/{function}.json"),
                &json!({"events": events, "searchedLogStreams": []}),
            );
        }
        for (path, all) in [
            ("otlp/traces.jsonl", std::mem::take(&mut self.traces)),
            ("otlp/logs.jsonl", std::mem::take(&mut self.records)),
        ] {
            if !all.is_empty() {
                let text: String = all.iter().map(|it| format!("{it}\n")).collect();
                self.files.push((path.into(), text.into_bytes()));
            }
        }
        if !self.deploys.is_empty() {
            let deploys = Value::Array(std::mem::take(&mut self.deploys));
            self.put("deploys.json".into(), &deploys);
        }
        Mystery {
            files: self.files,
            truth: Truth {
                seed: 0,
                tier: 1,
                fault: String::new(),
                family: Family::Second,
                herrings: Vec::new(),
                cases: Vec::new(),
            },
            naive: BTreeMap::new(),
        }
    }
}

pub fn nanos(ms: i64) -> String {
    (ms * 1_000_000).to_string()
}

pub fn attributes(pairs: &[(&str, &str)]) -> Value {
    pairs
        .iter()
        .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
        .collect()
}
