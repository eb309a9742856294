//! Files as another hand would write them: direct Lambda integrations, no proxy, spans by semantic conventions only.

pub mod usual;

use inquest_sim::{Family, Mystery, Truth};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ACCOUNT: &str = "arn:aws:states:us-east-1:210987654321";
/// 2026-03-02 10:00 UTC, milliseconds.
pub const BEGIN: i64 = 1_772_445_600_000;

/// A call of a function.
#[derive(Clone)]
pub struct Call {
    pub service: &'static str,
    pub address: &'static str,
    pub ms: i64,
    /// How long the server worked; none without a span of its own.
    pub server_ms: Option<i64>,
    pub status: Option<i64>,
    pub error: Option<(&'static str, &'static str)>,
    pub host: &'static str,
}

/// A service that answers well.
pub fn call(service: &'static str, address: &'static str, ms: i64) -> Call {
    Call {
        service,
        address,
        ms,
        server_ms: Some(ms - 2),
        status: Some(200),
        error: None,
        host: "ip-10-1-4-7",
    }
}

/// One try of a task.
#[derive(Clone)]
pub struct Try {
    pub ms: i64,
    pub init_ms: Option<i64>,
    pub version: &'static str,
    pub calls: Vec<Call>,
    pub lines: Vec<String>,
    /// Error and cause as the history has them.
    pub failed: Option<(String, String)>,
    /// Refused before it ran.
    pub refused: bool,
    /// Memory size and use.
    pub memory: (i64, i64),
    /// Cut off by its own limit.
    pub cut: bool,
}

impl Try {
    pub fn well(ms: i64, calls: Vec<Call>) -> Self {
        Try {
            ms,
            init_ms: None,
            version: "7",
            calls,
            lines: vec!["INFO handled".into()],
            failed: None,
            refused: false,
            memory: (512, 140),
            cut: false,
        }
    }
    pub fn fails(mut self, error: &str, cause: &str) -> Self {
        self.failed = Some((error.into(), cause.into()));
        self
    }
}

/// A task and its tries.
#[derive(Clone)]
pub struct Step {
    pub state: &'static str,
    pub function: &'static str,
    pub tries: Vec<Try>,
    pub output: Value,
    /// The Catch that takes its failure leads here.
    pub caught: bool,
}

/// An execution.
#[derive(Clone)]
pub struct Run {
    pub machine: &'static str,
    pub version: u32,
    pub at: i64,
    pub input: Value,
    pub steps: Vec<Step>,
    /// Without X-Ray and OpenTelemetry.
    pub untraced: bool,
}

#[derive(Default)]
pub struct Files {
    files: Vec<(String, Vec<u8>)>,
    logs: BTreeMap<&'static str, Vec<Value>>,
    spans: Vec<(String, String, Value)>,
    count: u64,
}

fn iso(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).expect("a time");
    time.strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string()
}

impl Files {
    fn id(&mut self) -> u64 {
        self.count += 1;
        self.count.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// Writes an execution; its ARN.
    pub fn run(&mut self, n: usize, run: &Run) -> String {
        let name = format!("run-{n:03}");
        let arn = format!("{ACCOUNT}:execution:{}:{name}", run.machine);
        let machine = format!("{ACCOUNT}:stateMachine:{}", run.machine);
        let mut events: Vec<Value> = Vec::new();
        let mut at = run.at;
        let push = |events: &mut Vec<Value>, at: i64, kind: &str, key: &str, details: Value| {
            let id = events.len() + 1;
            let mut event =
                json!({"timestamp": iso(at), "type": kind, "id": id, "previousEventId": id - 1});
            if !key.is_empty() {
                event[key] = details;
            }
            events.push(event);
        };
        let input = run.input.to_string();
        push(
            &mut events,
            at,
            "ExecutionStarted",
            "executionStartedEventDetails",
            json!({"input": input, "inputDetails": {"truncated": false}, "roleArn": "arn:aws:iam::210987654321:role/sfn"}),
        );
        let mut data = input.clone();
        let mut end = None;
        for step in &run.steps {
            at += 12;
            push(
                &mut events,
                at,
                "TaskStateEntered",
                "stateEnteredEventDetails",
                json!({"name": step.state, "input": data, "inputDetails": {"truncated": false}}),
            );
            let resource = format!(
                "arn:aws:lambda:us-east-1:210987654321:function:{}",
                step.function
            );
            let mut last = None;
            for attempt in &step.tries {
                at += 8;
                push(
                    &mut events,
                    at,
                    "LambdaFunctionScheduled",
                    "lambdaFunctionScheduledEventDetails",
                    json!({"resource": resource, "input": data, "inputDetails": {"truncated": false}}),
                );
                at += 15;
                if !attempt.refused {
                    push(&mut events, at, "LambdaFunctionStarted", "", Value::Null);
                    at = self.invoke(run, step, attempt, at);
                }
                at += 10;
                last = attempt.failed.clone();
                match &attempt.failed {
                    Some((error, cause)) => push(
                        &mut events,
                        at,
                        "LambdaFunctionFailed",
                        "lambdaFunctionFailedEventDetails",
                        json!({"error": error, "cause": cause}),
                    ),
                    None => push(
                        &mut events,
                        at,
                        "LambdaFunctionSucceeded",
                        "lambdaFunctionSucceededEventDetails",
                        json!({"output": step.output.to_string(), "outputDetails": {"truncated": false}}),
                    ),
                }
                at += if attempt.failed.is_some() { 1_000 } else { 0 };
            }
            if let Some(failed) = last.filter(|_| !step.caught) {
                end = Some(failed);
                break;
            }
            data = step.output.to_string();
            at += 4;
            push(
                &mut events,
                at,
                "TaskStateExited",
                "stateExitedEventDetails",
                json!({"name": step.state, "output": data, "outputDetails": {"truncated": false}}),
            );
        }
        at += 9;
        match &end {
            Some((error, cause)) => push(
                &mut events,
                at,
                "ExecutionFailed",
                "executionFailedEventDetails",
                json!({"error": error, "cause": cause}),
            ),
            None => push(
                &mut events,
                at,
                "ExecutionSucceeded",
                "executionSucceededEventDetails",
                json!({"output": data, "outputDetails": {"truncated": false}}),
            ),
        }
        let mut describe = json!({
            "executionArn": arn, "stateMachineArn": machine, "name": name, "input": input,
            "status": if end.is_some() { "FAILED" } else { "SUCCEEDED" },
            "startDate": iso(run.at), "stopDate": iso(at), "stateMachineVersionArn": format!("{machine}:{}", run.version),
        });
        match &end {
            Some((error, cause)) => {
                describe["error"] = json!(error);
                describe["cause"] = json!(cause);
            }
            None => describe["output"] = json!(data),
        }
        self.put(format!("{name}-history.json"), json!({"events": events}));
        self.put(format!("{name}.json"), describe);
        arn
    }

    fn put(&mut self, path: String, value: Value) {
        self.files.push((path, value.to_string().into_bytes()));
    }

    /// One invocation from a moment on; when it ended.
    fn invoke(&mut self, run: &Run, step: &Step, attempt: &Try, at: i64) -> i64 {
        let (a, b) = (self.id(), self.id());
        let request = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            a & 0xffff,
            a >> 52,
            b & 0xfff,
            b >> 16
        );
        let stream = format!(
            "2026/03/02/[{}]{:032x}",
            attempt.version,
            if attempt.init_ms.is_some() {
                u128::from(b)
            } else {
                77 + step.function.len() as u128
            }
        );
        let began = at + attempt.init_ms.unwrap_or(0);
        let end = began + attempt.ms;
        let mut lines: Vec<(i64, String)> = Vec::new();
        if attempt.init_ms.is_some() {
            lines.push((at, "INIT_START Runtime Version: dotnet:8.v20\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:abc\n".into()));
        }
        lines.push((
            began,
            format!("START RequestId: {request} Version: {}\n", attempt.version),
        ));
        for line in &attempt.lines {
            lines.push((began + attempt.ms * 9 / 10, line.replace("REQ", &request)));
        }
        if attempt.cut {
            lines.push((
                end,
                format!(
                    "{} {request} Task timed out after {:.2} seconds\n\n",
                    iso(end),
                    attempt.ms as f64 / 1e3
                ),
            ));
        }
        lines.push((end, format!("END RequestId: {request}\n")));
        let init = attempt
            .init_ms
            .map(|it| format!("Init Duration: {it}.31 ms\t"))
            .unwrap_or_default();
        lines.push((end, format!(
            "REPORT RequestId: {request}\tDuration: {}.00 ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t{init}\n",
            attempt.ms, attempt.ms, attempt.memory.0, attempt.memory.1)));
        for (time, message) in lines {
            let id = self.id();
            let event = json!({"logStreamName": stream, "timestamp": time, "message": message, "ingestionTime": time + 900, "eventId": format!("3{id:055}")});
            self.logs.entry(step.function).or_default().push(event);
        }
        if !run.untraced {
            self.trace(step, attempt, &request, began, end);
        }
        end
    }

    fn trace(&mut self, step: &Step, attempt: &Try, request: &str, began: i64, end: i64) {
        let (high, low, root) = (self.id(), self.id(), self.id());
        let trace = format!("{high:016x}{low:016x}");
        let failed = attempt.failed.is_some();
        if !attempt.cut {
            self.span(step.function, "", json!({
                "traceId": trace, "spanId": format!("{root:016x}"), "name": step.function, "kind": 2,
                "startTimeUnixNano": (began * 1_000_000).to_string(), "endTimeUnixNano": (end * 1_000_000).to_string(),
                "attributes": attributes(&[("faas.invocation_id", request.into()), ("faas.trigger", "other".into())]),
                "status": if failed { json!({"code": 2}) } else { json!({}) },
            }));
        }
        let mut at = began + 3;
        for call in &attempt.calls {
            let id = self.id();
            let mut attrs = vec![
                ("server.address", call.address.to_owned()),
                ("http.request.method", "POST".into()),
                ("url.full", format!("https://{}/v2", call.address)),
                ("faas.invocation_id", request.to_owned()),
            ];
            attrs.extend(
                call.status
                    .map(|it| ("http.response.status_code", it.to_string())),
            );
            attrs.extend(call.error.map(|it| ("error.type", it.0.to_owned())));
            let bad = call.error.is_some() || call.status.is_some_and(|it| it >= 400);
            let events = call.error.map(|(kind, message)| json!([{"name": "exception", "timeUnixNano": ((at + call.ms) * 1_000_000).to_string(),
                "attributes": attributes(&[("exception.type", kind.into()), ("exception.message", message.into())])}]));
            self.span(step.function, "", json!({
                "traceId": trace, "spanId": format!("{id:016x}"), "parentSpanId": format!("{root:016x}"), "name": "POST", "kind": 3,
                "startTimeUnixNano": (at * 1_000_000).to_string(), "endTimeUnixNano": ((at + call.ms) * 1_000_000).to_string(),
                "attributes": attributes(&attrs), "events": events.unwrap_or(json!([])),
                "status": if bad { json!({"code": 2}) } else { json!({}) },
            }));
            if let Some(worked) = call.server_ms {
                let below = self.id();
                let bad = call.status.is_some_and(|it| it >= 500);
                self.span(call.service, call.host, json!({
                    "traceId": trace, "spanId": format!("{below:016x}"), "parentSpanId": format!("{id:016x}"), "name": "POST /v2", "kind": 2,
                    "startTimeUnixNano": ((at + 1) * 1_000_000).to_string(), "endTimeUnixNano": ((at + 1 + worked) * 1_000_000).to_string(),
                    "attributes": attributes(&[("http.response.status_code", call.status.unwrap_or(200).to_string())]),
                    "status": if bad { json!({"code": 2}) } else { json!({}) },
                }));
            }
            at += call.ms + 1;
        }
    }

    fn span(&mut self, service: &str, host: &str, span: Value) {
        self.spans.push((service.to_owned(), host.to_owned(), span));
    }

    /// Everything, as a mystery without an answer.
    pub fn mystery(mut self, changes: &Value) -> Mystery {
        for (function, events) in std::mem::take(&mut self.logs) {
            let path = format!("{function}-log.json");
            let events: Vec<Value> = events
                .into_iter()
                .map(|mut event| {
                    event["logGroupName"] = json!(format!("/aws/lambda/{function}"));
                    event
                })
                .collect();
            self.put(
                format!("lambda-logs/{path}"),
                json!({"events": events, "searchedLogStreams": []}),
            );
        }
        let mut lines = Vec::new();
        for (service, host, span) in std::mem::take(&mut self.spans) {
            let mut resource = vec![("service.name", service)];
            if !host.is_empty() {
                resource.push(("host.name", host));
            }
            let request = json!({"resourceSpans": [{"resource": {"attributes": attributes(&resource)}, "scopeSpans": [{"scope": {"name": "x"}, "spans": [span]}]}]});
            lines.extend(request.to_string().into_bytes());
            lines.push(b'\n');
        }
        if !lines.is_empty() {
            self.files.push(("otlp/traces.jsonl".into(), lines));
        }
        if changes.as_array().is_some_and(|it| !it.is_empty()) {
            self.put("deploys.json".into(), changes.clone());
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

fn attributes(pairs: &[(&str, String)]) -> Value {
    pairs
        .iter()
        .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
        .collect()
}
