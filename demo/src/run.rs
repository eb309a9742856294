//! Records one execution as Step Functions would: events with causes, in the order of time.
//!
//! Branches and iterations are simulated one after the other but happen at the same time, so an
//! event first gets a provisional number; [`Run::history`] sorts by time and numbers from 1.

use crate::dice::Dice;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Region and account of everything that is made up.
pub const REGION: &str = "eu-central-1";
/// AWS's own example account.
pub const ACCOUNT: &str = "123456789012";

/// An event before it has its final id.
#[derive(Debug, Clone)]
pub struct Event {
    /// Provisional number; causes have smaller ones.
    pub number: usize,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Provisional number of the cause, 0 for none.
    pub previous: usize,
    /// Step Functions' word.
    pub kind: String,
    /// Name and members of the details object.
    pub details: Option<(String, Value)>,
}

/// Where a thread of control stands.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    /// Milliseconds since the epoch.
    pub at: i64,
    /// The last event of this thread, 0 for none.
    pub last: usize,
}

/// An error on its way outwards.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Error name.
    pub error: String,
    /// Cause text; not every failure has one.
    pub cause: Option<String>,
}

impl Failure {
    /// A failure with a cause.
    pub fn new(error: &str, cause: impl Into<String>) -> Self {
        Failure {
            error: error.to_owned(),
            cause: Some(cause.into()),
        }
    }

    /// `{error, cause}` as details have it.
    pub fn details(&self) -> Value {
        match &self.cause {
            Some(cause) => json!({"error": self.error, "cause": cause}),
            None => json!({"error": self.error}),
        }
    }
}

/// One execution that is being recorded.
#[derive(Debug, Clone)]
pub struct Run {
    /// Name of the state machine, `machine/label` for a child of a map run.
    pub machine: String,
    /// Name of the execution.
    pub name: String,
    /// ARN of the execution.
    pub arn: String,
    /// Input.
    pub input: Value,
    /// The map run that this is a child of.
    pub map_run_arn: Option<String>,
    /// True when CloudWatch Logs is its only source.
    pub express: bool,
    /// What happened.
    pub events: Vec<Event>,
    /// Its share of chance.
    pub dice: Dice,
    numbers: usize,
}

impl Run {
    /// Starts a Standard execution; its name decides its chance.
    pub fn start(seed: u64, machine: &str, name: &str, at: i64, input: Value) -> (Run, Cursor) {
        let mut run = Run::new(seed, machine, name, input);
        run.arn = format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:{name}");
        run.begin(at)
    }

    /// Starts an Express execution.
    pub fn start_express(
        seed: u64,
        machine: &str,
        name: &str,
        at: i64,
        input: Value,
    ) -> (Run, Cursor) {
        let mut run = Run::new(seed, machine, name, input);
        let id = run.dice.uuid();
        run.arn = format!("arn:aws:states:{REGION}:{ACCOUNT}:express:{machine}:{name}:{id}");
        run.express = true;
        run.begin(at)
    }

    fn new(seed: u64, machine: &str, name: &str, input: Value) -> Run {
        Run {
            machine: machine.to_owned(),
            name: name.to_owned(),
            arn: String::new(),
            input,
            map_run_arn: None,
            express: false,
            events: Vec::new(),
            dice: Dice::new(seed, &format!("{machine}:{name}")),
            numbers: 0,
        }
    }

    fn begin(mut self, at: i64) -> (Run, Cursor) {
        let role = self.machine.replace('/', "-");
        let details = json!({
            "input": self.input.to_string(),
            "inputDetails": {"truncated": false},
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/{role}-role"),
        });
        self.leaf(Cursor { at, last: 0 }, "ExecutionStarted", Some(details));
        (self, Cursor { at, last: 0 })
    }

    /// ARN of its state machine.
    pub fn state_machine_arn(&self) -> String {
        format!(
            "arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{}",
            self.machine
        )
    }

    /// Records an event that the next one of this thread follows.
    pub fn push(&mut self, cursor: &mut Cursor, kind: &str, details: Option<Value>) {
        cursor.last = self.leaf(*cursor, kind, details);
    }

    /// Records an event that nothing refers to, and returns its number.
    pub fn leaf(&mut self, cursor: Cursor, kind: &str, details: Option<Value>) -> usize {
        self.numbers += 1;
        self.events.push(Event {
            number: self.numbers,
            at: cursor.at,
            previous: cursor.last,
            kind: kind.to_owned(),
            details: details.map(|value| (details_name(kind), value)),
        });
        self.numbers
    }

    /// Enters a state.
    pub fn enter(&mut self, cursor: &mut Cursor, state_type: &str, name: &str, input: &Value) {
        let details = json!({
            "name": name, "input": input.to_string(), "inputDetails": {"truncated": false},
        });
        self.push(cursor, &format!("{state_type}StateEntered"), Some(details));
    }

    /// Leaves a state, well or through its Catch.
    pub fn exit(&mut self, cursor: &mut Cursor, state_type: &str, name: &str, output: &Value) {
        let details = json!({
            "name": name, "output": output.to_string(), "outputDetails": {"truncated": false},
        });
        self.push(cursor, &format!("{state_type}StateExited"), Some(details));
    }

    /// Passes through a state that takes no time: Pass, Choice, Succeed.
    pub fn pass(&mut self, cursor: &mut Cursor, state_type: &str, name: &str, value: &Value) {
        self.enter(cursor, state_type, name, value);
        self.exit(cursor, state_type, name, value);
    }

    /// Waits.
    pub fn wait(&mut self, cursor: &mut Cursor, name: &str, millis: i64, value: &Value) {
        self.enter(cursor, "Wait", name, value);
        cursor.at += millis;
        self.exit(cursor, "Wait", name, value);
    }

    /// Ends well.
    pub fn succeed(&mut self, mut cursor: Cursor, output: &Value) {
        let details = json!({"output": output.to_string(), "outputDetails": {"truncated": false}});
        self.push(&mut cursor, "ExecutionSucceeded", Some(details));
    }

    /// Ends by a failure.
    pub fn fail(&mut self, mut cursor: Cursor, failure: &Failure) {
        self.push(&mut cursor, "ExecutionFailed", Some(failure.details()));
    }

    /// Ends in a Fail state.
    pub fn fail_state(&mut self, mut cursor: Cursor, name: &str, failure: &Failure, input: &Value) {
        self.enter(&mut cursor, "Fail", name, input);
        self.fail(cursor, failure);
    }

    /// Stops it from outside at a moment: what would have come later never happened.
    pub fn abort(&mut self, at: i64, failure: &Failure) {
        self.events.retain(|event| event.at <= at);
        let cursor = Cursor { at, last: 0 };
        self.leaf(cursor, "ExecutionAborted", Some(failure.details()));
    }

    /// Its own time limit ends it at a moment.
    pub fn time_out(&mut self, at: i64) {
        self.events.retain(|event| event.at <= at);
        let cursor = Cursor { at, last: 0 };
        let details = json!({"error": "States.Timeout"});
        self.leaf(cursor, "ExecutionTimedOut", Some(details));
    }

    /// The events up to a moment, sorted and numbered from 1: (id, previous id, event).
    pub fn history(&self, until: i64) -> Vec<(usize, usize, Event)> {
        let mut events: Vec<Event> = self
            .events
            .iter()
            .filter(|event| event.at <= until)
            .cloned()
            .collect();
        events.sort_by_key(|event| (event.at, event.number));
        let ids: HashMap<usize, usize> = events
            .iter()
            .enumerate()
            .map(|(index, event)| (event.number, index + 1))
            .collect();
        events
            .into_iter()
            .enumerate()
            .map(|(index, event)| {
                let previous = ids.get(&event.previous).copied().unwrap_or(0);
                (index + 1, previous, event)
            })
            .collect()
    }
}

/// The details member that belongs to an event type.
fn details_name(kind: &str) -> String {
    if kind.ends_with("StateEntered") {
        return "stateEnteredEventDetails".into();
    }
    if kind.ends_with("StateExited") {
        return "stateExitedEventDetails".into();
    }
    let (head, tail) = kind.split_at(1);
    format!("{}{tail}EventDetails", head.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_time_and_causes_come_first() {
        let (mut run, start) = Run::start(1, "m", "n", 1000, json!({}));
        let mut late = start;
        run.enter(&mut late, "Wait", "Late", &json!(1));
        late.at += 50;
        run.exit(&mut late, "Wait", "Late", &json!(1));
        let mut early = start;
        early.at += 10;
        run.enter(&mut early, "Pass", "Early", &json!(2));
        let history = run.history(i64::MAX);
        let kinds: Vec<_> = history.iter().map(|(_, _, event)| &*event.kind).collect();
        assert_eq!(
            kinds,
            [
                "ExecutionStarted",
                "WaitStateEntered",
                "PassStateEntered",
                "WaitStateExited"
            ]
        );
        assert_eq!(history[1].1, 0, "the first state has no cause");
        assert_eq!(history[3].1, 2);
        assert!(history.iter().all(|(id, previous, _)| previous < id));
    }

    #[test]
    fn details_are_named_as_the_api_names_them() {
        assert_eq!(details_name("TaskStateEntered"), "stateEnteredEventDetails");
        assert_eq!(
            details_name("LambdaFunctionFailed"),
            "lambdaFunctionFailedEventDetails"
        );
    }
}
