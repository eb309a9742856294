//! One invocation of a function, from the call to the answer.

use super::fleet::Place;
use super::handler::{Outcome, Work};
use super::report::Invocation;
use super::{Function, Version, World};
use crate::chance;
use crate::facts::Spanned;
use demo::otel::Span;
use demo::run::{ACCOUNT, Failure, REGION};
use serde_json::{Value, json};

/// A call of a function.
#[derive(Debug, Clone)]
pub struct Invoke<'a> {
    /// Name of the function.
    pub function: &'a str,
    /// When the caller called, milliseconds since the epoch.
    pub at: i64,
    /// What it sent.
    pub payload: &'a Value,
    /// The same in the pair: execution, state, iteration and attempt.
    pub key: String,
    /// The same for all calls of one execution: decides which version of several answers.
    pub caller: &'a str,
}

/// What the caller gets.
#[derive(Debug, Clone)]
pub struct Answered {
    /// When, milliseconds since the epoch.
    pub at: i64,
    /// Request id; empty if there was no invocation.
    pub request_id: String,
    /// Version that answered.
    pub version: u32,
    /// X-Ray root.
    pub xray_root: String,
    /// The payload, or what went wrong.
    pub result: Result<Value, Failure>,
}

/// How a call came to a running handler.
struct Arrival {
    sandbox: usize,
    start: i64,
    init_ms: Option<f64>,
    /// Init inside the invocation, which nobody reports as such.
    hidden_init_ms: f64,
}

impl World {
    /// Invokes a function.
    pub fn invoke(&mut self, call: &Invoke<'_>) -> Answered {
        let function = self.functions[call.function].clone();
        let mut dice = self.chance.of(&call.key);
        let throttle = dice.unit();
        let starved = function
            .starved
            .iter()
            .find(|(window, _)| window.holds(call.at));
        if starved.is_some_and(|(_, share)| throttle < *share) {
            return throttled(call.at + 25 + dice.between(10, 40), &dice.uuid());
        }
        let throw = self
            .chance
            .of(&format!("version/{}/{}", call.function, call.caller))
            .unit();
        let version = function.version(call.at, throw).clone();
        let request_id = dice.uuid();
        let called = call.at + dice.between(6, 18);
        let arrival = self.arrive(&function, &version, called, &call.key);
        let xray_root = format!("1-{:08x}-{}", arrival.start / 1000, dice.hex(24));
        let work = self.work(
            &function,
            &version,
            call,
            arrival.start as f64 + arrival.hidden_init_ms,
            &xray_root,
        );
        self.finish(
            &function, &version, call, &arrival, work, request_id, xray_root,
        )
    }

    /// Finds or makes a sandbox, and starts the runtime in it if needed.
    fn arrive(
        &mut self,
        function: &Function,
        version: &Version,
        called: i64,
        key: &str,
    ) -> Arrival {
        let mut dice = self.chance.of(&format!("{key}/sandbox"));
        let init = chance::millis(&mut dice, version.init_ms, 0.18);
        let placement = dice.between(90, 180);
        let recycled = function
            .recycled
            .iter()
            .filter(|window| window.from <= called);
        let recycled_since = recycled
            .map(|window| {
                if window.holds(called) {
                    called
                } else {
                    window.until
                }
            })
            .max();
        let fleet = self.fleets.entry(function.name.clone()).or_default();
        let place = fleet.place(called, version.number, recycled_since);
        let (sandbox, created, up) = match place {
            Place::Warm(index) => {
                return Arrival {
                    sandbox: index,
                    start: called,
                    init_ms: None,
                    hidden_init_ms: 0.0,
                };
            }
            Place::Down(index) => (index, called, true),
            Place::New => {
                let created = called + placement;
                (
                    fleet.create(&mut dice, version.number, created),
                    created,
                    false,
                )
            }
        };
        let stream = self.fleets[&function.name].sandboxes[sandbox]
            .stream
            .clone();
        self.log_init(function, version, &stream, created, key, init);
        if version.broken_init.is_some() {
            let start = created + init as i64;
            return Arrival {
                sandbox,
                start,
                init_ms: None,
                hidden_init_ms: init,
            };
        }
        match up {
            true => Arrival {
                sandbox,
                start: called,
                init_ms: None,
                hidden_init_ms: init,
            },
            false => Arrival {
                sandbox,
                start: created + init as i64,
                init_ms: Some(init),
                hidden_init_ms: 0.0,
            },
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "everything that an invocation left behind"
    )]
    fn finish(
        &mut self,
        function: &Function,
        version: &Version,
        call: &Invoke<'_>,
        arrival: &Arrival,
        work: Work,
        request_id: String,
        xray_root: String,
    ) -> Answered {
        let duration_ms = work.took_ms + arrival.hidden_init_ms;
        let duration_ms = duration_ms.min(version.timeout_ms);
        let end = arrival.start + duration_ms.ceil() as i64;
        let crashed = work.outcome.is_crash();
        let sandbox = &mut self
            .fleets
            .get_mut(&function.name)
            .expect("it has just been used")
            .sandboxes[arrival.sandbox];
        sandbox.busy.push((arrival.start, end));
        if crashed {
            sandbox.crashes.push(end);
        }
        let invocation = Invocation {
            request_id: request_id.clone(),
            xray_root: xray_root.clone(),
            stream: sandbox.stream.clone(),
            key: call.key.clone(),
            version: version.number,
            start: arrival.start,
            end,
            duration_ms,
            init_ms: arrival.init_ms,
            memory_mb: version.memory_mb,
            used_mb: work.used_mb.min(version.memory_mb),
            outcome: work.outcome.clone(),
            lines: work.lines,
        };
        self.log_invocation(function, &invocation);
        if function.traced && !crashed {
            self.handler_span(function, &invocation, &work.trace_id, &work.span_id);
        }
        let result = match &invocation.outcome {
            Outcome::Answer(value) => Ok(value.clone()),
            other => Err(failure(function, other, &invocation)),
        };
        let mut dice = self.chance.of(&format!("{}/back", call.key));
        Answered {
            at: end + dice.between(6, 20),
            request_id,
            version: version.number,
            xray_root,
            result,
        }
    }

    fn handler_span(
        &mut self,
        function: &Function,
        invocation: &Invocation,
        trace_id: &str,
        span_id: &str,
    ) {
        let error = match &invocation.outcome {
            Outcome::Raised { kind, message } => Some(format!("{kind}: {message}")),
            _ => None,
        };
        let arn = function_arn(&function.name);
        let span = Span {
            trace_id: trace_id.to_owned(),
            span_id: span_id.to_owned(),
            parent_id: String::new(),
            name: function.name.clone(),
            kind: 2,
            start_ns: invocation.start * 1_000_000 + 400_000,
            end_ns: invocation.start * 1_000_000 + (invocation.duration_ms * 1e6) as i64,
            attributes: vec![
                ("faas.invocation_id", json!(invocation.request_id)),
                ("faas.trigger", json!("other")),
                ("faas.coldstart", json!(invocation.init_ms.is_some())),
                ("faas.version", json!(invocation.version.to_string())),
                ("cloud.resource_id", json!(arn)),
            ],
            error,
        };
        self.facts.spans.push(Spanned {
            service: function.name.clone(),
            host: None,
            language: function.language.word(),
            version: Some(invocation.version.to_string()),
            key: format!("{}/handler", invocation.key),
            span,
        });
    }
}

/// The answer to a call for which there is no room.
fn throttled(at: i64, id: &str) -> Answered {
    let cause = format!("Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: {id})");
    Answered {
        at,
        request_id: String::new(),
        version: 0,
        xray_root: String::new(),
        result: Err(Failure::new("Lambda.TooManyRequestsException", cause)),
    }
}

fn failure(function: &Function, outcome: &Outcome, invocation: &Invocation) -> Failure {
    let id = &invocation.request_id;
    match outcome {
        Outcome::Answer(_) => Failure::new("States.Runtime", ""),
        Outcome::Raised { kind, message } => {
            let cause = function.language.cause(kind, message, id);
            Failure::new(kind, cause.to_string())
        }
        Outcome::NoInit { kind, message } => {
            let mut cause = json!({"errorMessage": message, "errorType": kind});
            if kind.contains("Import") {
                cause["requestId"] = json!("");
                cause["stackTrace"] = json!([]);
            }
            Failure::new(kind, cause.to_string())
        }
        Outcome::TimedOut => {
            let text = format!(
                "RequestId: {id} Error: Task timed out after {:.2} seconds",
                invocation.duration_ms / 1000.0
            );
            let cause = json!({"errorType": "Sandbox.Timedout", "errorMessage": text});
            Failure::new("Sandbox.Timedout", cause.to_string())
        }
        Outcome::Killed => {
            let text = format!("RequestId: {id} Error: Runtime exited with error: signal: killed");
            let cause = json!({"errorType": "Runtime.ExitError", "errorMessage": text});
            Failure::new("Runtime.ExitError", cause.to_string())
        }
    }
}

/// ARN of a function.
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}
