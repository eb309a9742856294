//! Everything that is simulated, and how functions are called in it.

use crate::dice::Dice;
use crate::lambda::{Fate, Fleet, Function, Invocation};
use crate::otel::{Span, invocation_spans};
use crate::run::{ACCOUNT, Failure, REGION, Run};
use crate::task::{Attempt, Task};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What was simulated so far.
#[derive(Debug)]
pub struct World {
    /// The seed of everything.
    pub seed: u64,
    /// The present: nothing is written that happens later.
    pub anchor: i64,
    /// Executions.
    pub runs: Vec<Run>,
    /// Map runs, as DescribeMapRun describes them.
    pub map_runs: Vec<Value>,
    /// Functions by name.
    pub fleets: BTreeMap<&'static str, Fleet>,
    /// Application spans by function.
    pub spans: BTreeMap<&'static str, Vec<Span>>,
}

/// Lines that a function prints: (share of the duration, level, text).
pub type Lines = Vec<(f64, &'static str, String)>;

/// A call of a function, and what it is to come to.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// What it comes to.
    pub fate: Fate,
    /// What it answers.
    pub payload: Value,
    /// What it prints.
    pub lines: Lines,
    /// True when the task names the function's ARN.
    pub legacy: bool,
}

impl Call {
    /// A call that answers.
    pub fn answers(function: Function, payload: Value, lines: Lines) -> Self {
        Call {
            function,
            fate: Fate::Answer,
            payload,
            lines,
            legacy: false,
        }
    }

    /// The same with another end.
    pub fn but(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }
}

impl World {
    /// An empty world.
    pub fn new(seed: u64, anchor: i64) -> Self {
        World {
            seed,
            anchor,
            runs: Vec::new(),
            map_runs: Vec::new(),
            fleets: BTreeMap::new(),
            spans: BTreeMap::new(),
        }
    }

    /// Dice for one subject.
    pub fn dice(&self, name: &str) -> Dice {
        Dice::new(self.seed, name)
    }

    /// Runs a function.
    fn invoke(
        &mut self,
        dice: &mut Dice,
        function: Function,
        at: i64,
        fate: Fate,
        lines: Lines,
    ) -> Invocation {
        let fleet = self
            .fleets
            .entry(function.name)
            .or_insert_with(|| Fleet::new(function));
        let call = fleet.invoke(dice, at, fate, lines);
        if !function.calls.is_empty() && !call.crashed() {
            let spans = invocation_spans(dice, &function, &call);
            self.spans.entry(function.name).or_default().extend(spans);
        }
        call
    }

    /// An attempt that calls a function: `lambda:invoke` wraps the answer, a function's ARN as
    /// `Resource` (`legacy`) gives it as it is.
    pub fn attempt(&mut self, run: &mut Run, at: i64, call: Call) -> Attempt {
        let Call {
            function,
            fate,
            payload,
            lines,
            legacy,
        } = call;
        let done = self.invoke(&mut run.dice, function, at + 12, fate, lines);
        let result = match failure(&done) {
            Some(failure) => Err(failure),
            None if legacy => Ok(payload),
            None => Ok(invoke_answer(&done, payload, function.version)),
        };
        Attempt::ended(at, done.end_ms + run.dice.between(8, 25), result)
    }
}

/// The `lambda:invoke` task of a function.
pub fn invoke_task(state: &'static str, function: Function, payload: &Value) -> Task {
    let parameters = json!({"FunctionName": function_arn(&function), "Payload": payload});
    Task::service(state, "lambda", "invoke", parameters)
}

/// ARN of a function.
pub fn function_arn(function: &Function) -> String {
    format!(
        "arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}",
        function.name
    )
}

/// The refusal of a function that has no capacity left: no invocation, no log.
pub fn throttled(run: &mut Run, at: i64) -> Attempt {
    let cause = format!(
        "Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: {})",
        run.dice.uuid()
    );
    let failure = Failure::new("Lambda.TooManyRequestsException", cause);
    Attempt::ended(at, at + run.dice.between(30, 70), Err(failure))
}

/// What a caller learns of a failed invocation.
fn failure(call: &Invocation) -> Option<Failure> {
    let id = &call.request_id;
    let (class, cause) = match &call.fate {
        Fate::Answer => return None,
        Fate::Raise(class, message) => (
            *class,
            json!({
                "errorMessage": message, "errorType": class, "requestId": id,
                "stackTrace": ["  File \"/var/task/app.py\", line 48, in handler\n    return run(event)\n"],
            }),
        ),
        Fate::Hang => (
            "Sandbox.Timedout",
            json!({
                "errorType": "Sandbox.Timedout",
                "errorMessage": format!(
                    "RequestId: {id} Error: Task timed out after {:.2} seconds",
                    call.duration_ms / 1000.0
                ),
            }),
        ),
        Fate::OutOfMemory => (
            "Runtime.ExitError",
            json!({
                "errorType": "Runtime.ExitError",
                "errorMessage": format!(
                    "RequestId: {id} Error: Runtime exited with error: signal: killed"
                ),
            }),
        ),
    };
    Some(Failure::new(class, cause.to_string()))
}

fn invoke_answer(call: &Invocation, payload: Value, version: &str) -> Value {
    let trace = format!("Root={};Sampled=1", call.xray_root);
    json!({
        "ExecutedVersion": version,
        "Payload": payload,
        "SdkHttpMetadata": {
            "HttpHeaders": {
                "Content-Type": "application/json",
                "X-Amz-Executed-Version": version,
                "x-amzn-RequestId": call.request_id,
                "X-Amzn-Trace-Id": trace,
            },
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": call.request_id},
        "StatusCode": 200,
    })
}
