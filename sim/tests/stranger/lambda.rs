//! Functions as they are called through `lambda:invoke`, with logs as text or in Lambda's JSON format, and spans.

use super::desk::{Desk, Run, attributes, iso, nanos};
use serde_json::{Value, json};

/// A call that a function makes: attributes by any convention, and the answering side, if it is recorded.
#[derive(Clone, Default)]
pub struct Call {
    pub ms: i64,
    pub name: &'static str,
    pub attributes: Vec<(&'static str, String)>,
    /// Kind number of OTLP; 3 is a client.
    pub kind: u8,
    pub failed: Option<String>,
    pub exception: Option<(&'static str, String)>,
    /// Resource of the answering side, how long it worked, and its error.
    pub server: Option<Server>,
}

#[derive(Clone, Default)]
pub struct Server {
    pub resource: Vec<(&'static str, String)>,
    pub ms: i64,
    pub failed: Option<String>,
    pub skew_ms: i64,
    pub log: Option<(u8, &'static str)>,
}

impl Call {
    pub fn new(name: &'static str, ms: i64, attributes: &[(&'static str, &str)]) -> Self {
        let attributes = attributes
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()))
            .collect();
        Call {
            ms,
            name,
            attributes,
            kind: 3,
            ..Call::default()
        }
    }

    pub fn by(mut self, resource: &[(&'static str, &str)], ms: i64) -> Self {
        let resource = resource
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()))
            .collect();
        self.server = Some(Server {
            resource,
            ms,
            ..Server::default()
        });
        self
    }

    pub fn failing(mut self, message: &str) -> Self {
        self.failed = Some(message.to_owned());
        self
    }

    pub fn throwing(mut self, kind: &'static str, message: &str) -> Self {
        self.failed.get_or_insert_with(String::new);
        self.exception = Some((kind, message.to_owned()));
        self
    }

    pub fn serving_error(mut self, message: &str) -> Self {
        if let Some(server) = &mut self.server {
            server.failed = Some(message.to_owned());
        }
        self
    }
}

/// One invocation.
#[derive(Clone)]
pub struct Lambda {
    pub name: &'static str,
    pub version: &'static str,
    pub ms: i64,
    pub init: Option<i64>,
    /// Restored from a snapshot for so long.
    pub restore: Option<i64>,
    pub lines: Vec<(&'static str, String)>,
    pub memory: (i64, i64),
    pub calls: Vec<Call>,
    pub json: bool,
    /// No logs.
    pub dark: bool,
    /// Its limit cut it off.
    pub cut: bool,
    /// Its process ended: no END by itself, no spans of its own.
    pub killed: Option<&'static str>,
    /// Error and message.
    pub error: Option<(String, String)>,
    /// A failed init.
    pub init_error: Option<&'static str>,
}

pub fn lambda(name: &'static str, ms: i64) -> Lambda {
    Lambda {
        name,
        version: "31",
        ms,
        init: None,
        restore: None,
        lines: vec![("INFO", "done".into())],
        memory: (1_024, 310),
        calls: Vec::new(),
        json: false,
        dark: false,
        cut: false,
        killed: None,
        error: None,
        init_error: None,
    }
}

impl Lambda {
    pub fn raising(mut self, kind: &str, message: &str) -> Self {
        self.error = Some((kind.to_owned(), message.to_owned()));
        self.lines.push(("ERROR", format!("{kind}: {message}")));
        self
    }
    pub fn calling(mut self, call: Call) -> Self {
        self.calls.push(call);
        self
    }
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }
    pub fn json(mut self) -> Self {
        self.json = true;
        self
    }
    pub fn dark(mut self) -> Self {
        self.dark = true;
        self
    }
    pub fn saying(mut self, level: &'static str, line: &str) -> Self {
        self.lines.push((level, line.to_owned()));
        self
    }
}

const INVOKE: (&str, &str) = ("lambda", "invoke");

impl Desk {
    /// A try of a task: schedules, runs, ends. True when it went well.
    pub fn invoke(&mut self, run: &mut Run, of: &Lambda, payload: &Value, answer: &Value) -> bool {
        let arn = format!(
            "arn:aws:lambda:eu-central-1:480213377711:function:{}:$LATEST",
            of.name
        );
        run.schedule(
            INVOKE,
            &json!({"FunctionName": arn, "Payload": payload}),
            &Value::Null,
        );
        let request = self.ran(of, run.at);
        run.at += of.init.or(of.restore).unwrap_or(0) + of.ms + 11;
        match &of.error {
            None => {
                let output = json!({"ExecutedVersion": of.version, "Payload": answer, "SdkHttpMetadata": {"AllHttpHeaders": {"x-amzn-RequestId": [request]},
                    "HttpHeaders": {"x-amzn-RequestId": request}, "HttpStatusCode": 200}, "SdkResponseMetadata": {"RequestId": request}, "StatusCode": 200});
                run.succeeded(INVOKE, &output);
            }
            Some((kind, message)) => {
                let cause = json!({"errorMessage": message.replace("REQ", &request), "errorType": kind, "requestId": request, "stackTrace": []});
                run.failed(INVOKE, kind, &cause.to_string());
            }
        }
        of.error.is_none()
    }

    /// A try that Lambda refused: no line knows of it.
    pub fn refused(&mut self, run: &mut Run, name: &str, error: &str, cause: &str) {
        let arn = format!("arn:aws:lambda:eu-central-1:480213377711:function:{name}");
        run.schedule(
            INVOKE,
            &json!({"FunctionName": arn, "Payload": {}}),
            &Value::Null,
        );
        run.at += 30;
        run.failed(INVOKE, error, cause);
    }

    /// A whole task with one try.
    pub fn task(
        &mut self,
        run: &mut Run,
        state: &str,
        of: &Lambda,
        input: &Value,
        output: &Value,
    ) -> bool {
        self.retried(run, state, std::slice::from_ref(of), input, output)
    }

    /// A task with several tries, backing off 1 s, 2 s, 4 s between them. False when the last one failed.
    pub fn retried(
        &mut self,
        run: &mut Run,
        state: &str,
        tries: &[Lambda],
        input: &Value,
        output: &Value,
    ) -> bool {
        run.enter("Task", state, input);
        let mut well = false;
        for (n, of) in tries.iter().enumerate() {
            if n > 0 {
                run.wait(1_000 << (n - 1));
            }
            well = self.invoke(run, of, input, output);
        }
        if well {
            run.exit("Task", state, output);
        }
        well
    }

    /// Lines and spans of an invocation; its request id.
    pub fn ran(&mut self, of: &Lambda, at: i64) -> String {
        let (a, b) = (self.id(), self.id());
        let request = format!(
            "{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}",
            a >> 32,
            a & 0xffff,
            a >> 52,
            b & 0xfff,
            b >> 16
        );
        let warm = of.name.bytes().fold(7_u128, |sum, byte| {
            sum.wrapping_mul(131).wrapping_add(u128::from(byte))
        });
        let sandbox = if of.init.is_some() || of.restore.is_some() || of.init_error.is_some() {
            u128::from(b)
        } else {
            warm
        };
        let stream = format!("2026/05/04/[{}]{:032x}", of.version, sandbox);
        let began = at + of.init.or(of.restore).unwrap_or(0);
        if !of.dark {
            if of.json {
                self.in_json(of, &stream, &request, at, began);
            } else {
                self.in_text(of, &stream, &request, at, began);
            }
        }
        self.trace(of, &request, began);
        request
    }

    fn in_text(&mut self, of: &Lambda, stream: &str, request: &str, at: i64, began: i64) {
        let end = began + of.ms;
        if of.init.is_some() {
            self.line(of.name, stream, at, "INIT_START Runtime Version: python:3.13.v30\tRuntime Version ARN: arn:aws:lambda:eu-central-1::runtime:f0e1\n");
        }
        if let Some(ms) = of.restore {
            self.line(of.name, stream, at, "RESTORE_START Runtime Version: java:21.v40\tRuntime Version ARN: arn:aws:lambda:eu-central-1::runtime:9a\n");
            self.line(
                of.name,
                stream,
                began,
                &format!("RESTORE_REPORT Restore Duration: {ms}.20 ms\n"),
            );
        }
        if let Some(error) = of.init_error {
            self.line(of.name, stream, began, &format!("INIT_REPORT Init Duration: 812.10 ms\tPhase: init\tStatus: error\tError Type: {error}\n"));
        }
        self.line(
            of.name,
            stream,
            began,
            &format!("START RequestId: {request} Version: {}\n", of.version),
        );
        for (n, (level, body)) in of.lines.iter().enumerate() {
            let said = began + (of.ms * (n as i64 + 1)) / (of.lines.len() as i64 + 2);
            self.line(
                of.name,
                stream,
                said,
                &format!(
                    "[{level}]\t{}\t{request}\t{}\n",
                    iso(said),
                    body.replace("REQ", request)
                ),
            );
        }
        if of.cut {
            self.line(
                of.name,
                stream,
                end,
                &format!(
                    "{} {request} Task timed out after {:.2} seconds\n\n",
                    iso(end),
                    of.ms as f64 / 1e3
                ),
            );
        }
        if let Some(words) = of.killed {
            self.line(
                of.name,
                stream,
                end,
                &format!("RequestId: {request} Error: {words}\nRuntime.ExitError\n"),
            );
        }
        self.line(of.name, stream, end, &format!("END RequestId: {request}\n"));
        let init = of
            .init
            .map(|it| format!("Init Duration: {it}.44 ms\t"))
            .unwrap_or_default();
        let restored = of
            .restore
            .map(|it| format!("Restore Duration: {it}.20 ms\tBilled Restore Duration: {it} ms\t"));
        let init = restored.unwrap_or(init);
        let (size, used) = of.memory;
        self.line(of.name, stream, end, &format!("REPORT RequestId: {request}\tDuration: {}.12 ms\tBilled Duration: {} ms\tMemory Size: {size} MB\tMax Memory Used: {used} MB\t{init}\n", of.ms, of.ms + 1));
    }

    fn in_json(&mut self, of: &Lambda, stream: &str, request: &str, at: i64, began: i64) {
        let end = began + of.ms;
        let time = |ms: i64| iso(ms).replace("+00:00", "Z");
        if of.init.is_some() {
            self.line(of.name, stream, at, &json!({"time": time(at), "type": "platform.initStart", "record": {"initializationType": "on-demand", "phase": "init", "runtimeVersion": "provided:al2023.v90", "functionName": of.name, "functionVersion": of.version}}).to_string());
        }
        self.line(of.name, stream, began, &json!({"time": time(began), "type": "platform.start", "record": {"requestId": request, "version": of.version}}).to_string());
        for (level, body) in &of.lines {
            let said = began + of.ms / 2;
            self.line(of.name, stream, said, &json!({"timestamp": time(said), "level": level, "message": body.replace("REQ", request), "requestId": request}).to_string());
        }
        let status = match (of.cut, &of.error) {
            (true, _) => "timeout",
            (_, Some(_)) => "error",
            _ => "success",
        };
        let mut record = json!({"requestId": request, "metrics": {"durationMs": of.ms as f64 + 0.12, "billedDurationMs": of.ms + 1, "memorySizeMB": of.memory.0, "maxMemoryUsedMB": of.memory.1}, "status": status});
        if let Some(init) = of.init {
            record["metrics"]["initDurationMs"] = json!(init as f64 + 0.4);
        }
        if let (Some((kind, _)), "error") = (&of.error, status) {
            record["errorType"] = json!(kind);
        }
        self.line(
            of.name,
            stream,
            end,
            &json!({"time": time(end), "type": "platform.report", "record": record}).to_string(),
        );
    }

    fn trace(&mut self, of: &Lambda, request: &str, began: i64) {
        if of.calls.is_empty() {
            return;
        }
        let (high, low, root) = (self.id(), self.id(), self.id());
        let trace = format!("{high:016x}{low:016x}");
        let own = [("service.name", of.name), ("faas.name", of.name)];
        if !of.cut && of.killed.is_none() {
            let status = if of.error.is_some() {
                json!({"code": 2})
            } else {
                json!({})
            };
            self.span(&own, json!({"traceId": trace, "spanId": format!("{root:016x}"), "name": of.name, "kind": 2, "startTimeUnixNano": nanos(began), "endTimeUnixNano": nanos(began + of.ms),
                "attributes": attributes(&[("faas.invocation_id", request)]), "status": status}));
        }
        let mut at = began + 2;
        for call in &of.calls {
            let id = self.id();
            let mut known: Vec<(&str, &str)> = call
                .attributes
                .iter()
                .map(|(key, value)| (*key, value.as_str()))
                .collect();
            known.push(("faas.invocation_id", request));
            let status = call
                .failed
                .as_ref()
                .map_or(json!({}), |it| json!({"code": 2, "message": it}));
            let events = call.exception.as_ref().map_or(json!([]), |(kind, message)| {
                json!([{"name": "exception", "timeUnixNano": nanos(at + call.ms), "attributes": attributes(&[("exception.type", kind), ("exception.message", message)])}])
            });
            self.span(&own, json!({"traceId": trace, "spanId": format!("{id:016x}"), "parentSpanId": format!("{root:016x}"), "name": call.name, "kind": call.kind,
                "startTimeUnixNano": nanos(at), "endTimeUnixNano": nanos(at + call.ms), "attributes": attributes(&known), "events": events, "status": status}));
            if let Some(server) = &call.server {
                let below = self.id();
                let from = at + 1 + server.skew_ms;
                let status = server
                    .failed
                    .as_ref()
                    .map_or(json!({}), |it| json!({"code": 2, "message": it}));
                let resource: Vec<(&str, &str)> = server
                    .resource
                    .iter()
                    .map(|(key, value)| (*key, value.as_str()))
                    .collect();
                let span = format!("{below:016x}");
                self.span(&resource, json!({"traceId": trace, "spanId": span, "parentSpanId": format!("{id:016x}"), "name": call.name, "kind": if call.kind == 4 { 5 } else { 2 },
                    "startTimeUnixNano": nanos(from), "endTimeUnixNano": nanos(from + server.ms), "attributes": [], "status": status}));
                if let Some((severity, body)) = server.log {
                    let name = resource
                        .iter()
                        .find(|it| it.0 == "service.name")
                        .map_or("", |it| it.1);
                    self.record(
                        name,
                        from + server.ms / 2,
                        (severity, if severity >= 17 { "ERROR" } else { "WARN" }),
                        body,
                        (&trace, &span),
                    );
                }
            }
            at += call.ms + 1;
        }
    }
}
