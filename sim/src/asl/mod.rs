//! An interpreter of the Amazon States Language, in simulated time.
//!
//! It runs a definition over the world and records what Step Functions would record. JSONPath only.

pub mod block;
pub mod choice;
pub mod container;
pub mod error;
pub mod path;
pub mod task;
pub mod wait;

use crate::facts::Recorded;
use crate::world::World;
use demo::run::{Cursor, Failure, Run};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Step Functions' own limit on the events of an execution.
const MAX_EVENTS: usize = 24_990;
/// The largest payload between states, bytes.
const MAX_PAYLOAD: usize = 262_144;

/// An execution that is over.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its ARN.
    pub arn: String,
    /// When, milliseconds since the epoch.
    pub at: i64,
    /// What it put out, or what it failed with.
    pub result: Result<Value, Failure>,
}

/// An execution on its way.
pub(crate) struct Execution<'w> {
    pub(crate) world: &'w mut World,
    /// Name of the execution.
    pub(crate) name: String,
    /// Name of the state machine.
    pub(crate) machine: String,
    /// How often each state was entered, by place.
    visits: HashMap<String, usize>,
}

/// Where in the definition a thread of control is.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// `StartAt` and `States`.
    pub(crate) flow: Value,
    /// The same in the pair: iterations and branches around it.
    pub(crate) place: String,
    /// The context object, `$$`.
    pub(crate) context: Value,
}

/// Starts an execution at a moment, runs it to its end, and records it.
pub fn execute(world: &mut World, machine: &str, name: &str, at: i64, input: Value) -> Ended {
    let seed = world.chance.0;
    let held = world.machines[machine].clone();
    let (version, definition) = held.at(at);
    let (mut run, mut cursor) = Run::start(seed, machine, name, at, input.clone());
    let arn = run.arn.clone();
    let context = json!({
        "Execution": {"Id": arn, "Name": name, "Input": input, "StartTime": demo::when::zulu(at)},
        "StateMachine": {"Id": run.state_machine_arn(), "Name": machine},
    });
    let scope = Scope {
        flow: definition.clone(),
        place: String::new(),
        context,
    };
    let mut execution = Execution {
        world,
        name: name.to_owned(),
        machine: machine.to_owned(),
        visits: HashMap::new(),
    };
    cursor.at += execution.overhead("start");
    let result = execution.flow(&mut run, &mut cursor, &scope, input);
    let limit = definition["TimeoutSeconds"]
        .as_i64()
        .map(|seconds| at + seconds * 1000);
    let (status, ended, result) = match (limit, result) {
        (Some(limit), _) if cursor.at > limit => {
            run.time_out(limit);
            let failure = Failure {
                error: "States.Timeout".into(),
                cause: None,
            };
            ("TIMED_OUT", limit, Err(failure))
        }
        (_, Ok(output)) => {
            run.succeed(cursor, &output);
            ("SUCCEEDED", cursor.at, Ok(output))
        }
        (_, Err(failure)) => {
            run.fail(cursor, &failure);
            ("FAILED", cursor.at, Err(failure))
        }
    };
    error::number_places(&mut run);
    world.facts.runs.push(Recorded {
        run,
        machine_version: version,
        started: at,
        ended,
        status,
        output: result.as_ref().ok().cloned(),
    });
    Ended {
        arn,
        at: ended,
        result,
    }
}

impl Execution<'_> {
    /// Milliseconds that the engine takes between two steps.
    pub(crate) fn overhead(&self, subject: &str) -> i64 {
        self.world
            .chance
            .of(&format!("{}/{subject}/engine", self.name))
            .between(12, 38)
    }

    /// Runs states until one ends the flow.
    pub(crate) fn flow(
        &mut self,
        run: &mut Run,
        at: &mut Cursor,
        scope: &Scope,
        input: Value,
    ) -> Result<Value, Failure> {
        let mut name = scope.flow["StartAt"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let mut data = input;
        loop {
            if run.events.len() > MAX_EVENTS {
                return Err(error::history_limit());
            }
            let state = scope.flow["States"][&name].clone();
            if state.is_null() {
                let cause = format!("The definition has no state '{name}'");
                return Err(Failure::new("States.Runtime", cause));
            }
            let visit = self.visit(&scope.place, &name);
            let step = Step {
                name: &name,
                state: &state,
                scope,
                visit,
            };
            let (output, next) = self.state(run, at, &step, data)?;
            match next {
                Some(next) => {
                    at.at += self.overhead(&format!("{}{name}@{}", scope.place, step.visit));
                    (name, data) = (next, output);
                }
                None => return Ok(output),
            }
        }
    }

    fn visit(&mut self, place: &str, name: &str) -> usize {
        let count = self.visits.entry(format!("{place}{name}")).or_insert(0);
        *count += 1;
        *count
    }

    /// Runs one state: what it puts out, and the next one if there is one.
    fn state(
        &mut self,
        run: &mut Run,
        at: &mut Cursor,
        step: &Step<'_>,
        input: Value,
    ) -> Result<(Value, Option<String>), Failure> {
        let kind = step.state["Type"].as_str().unwrap_or_default();
        run.enter(at, kind, step.name, &input);
        let entered = at.last;
        let done = match kind {
            "Fail" => return Err(fail(step.state)),
            "Succeed" => {
                run.exit(at, kind, step.name, &input);
                return Ok((input, None));
            }
            "Choice" => {
                let next = choice::choose(step, &input)
                    .map_err(|place| error::unreadable(&place, step.name, entered, &input))?;
                run.exit(at, kind, step.name, &input);
                return Ok((input, Some(next)));
            }
            "Pass" => self.pass(step, &input, entered),
            "Wait" => {
                at.at += wait::millis(step.state, &input);
                Ok(input.clone())
            }
            _ => self.tried(run, at, step, &input, entered),
        };
        match done {
            Ok(output) => {
                run.exit(at, kind, step.name, &output);
                let end = step.state["End"].as_bool().unwrap_or(false);
                let next = step.state["Next"].as_str().map(str::to_owned);
                Ok((output, next.filter(|_| !end)))
            }
            Err(failure) => self.catch(run, at, step, &input, failure, kind),
        }
    }

    /// Goes where a Catch says, or up.
    fn catch(
        &mut self,
        run: &mut Run,
        at: &mut Cursor,
        step: &Step<'_>,
        input: &Value,
        failure: Failure,
        kind: &str,
    ) -> Result<(Value, Option<String>), Failure> {
        let catchers = step.state["Catch"].as_array().cloned().unwrap_or_default();
        let catcher = catchers
            .iter()
            .find(|catcher| error::matches(&catcher["ErrorEquals"], &failure.error));
        let Some(catcher) = catcher else {
            return Err(failure);
        };
        let caught =
            json!({"Error": failure.error, "Cause": failure.cause.clone().unwrap_or_default()});
        let output = path::place(catcher["ResultPath"].as_str().unwrap_or("$"), input, caught);
        run.exit(at, kind, step.name, &output);
        Ok((output, catcher["Next"].as_str().map(str::to_owned)))
    }

    fn pass(&self, step: &Step<'_>, input: &Value, entered: usize) -> Result<Value, Failure> {
        let result = match step.state.get("Result") {
            Some(result) => result.clone(),
            None => match step.state.get("Parameters") {
                Some(template) => self.fill(step, template, input, entered)?,
                None => input.clone(),
            },
        };
        Ok(path::place(
            step.state["ResultPath"].as_str().unwrap_or("$"),
            input,
            result,
        ))
    }

    /// Tries a state until it works or its retriers have had enough.
    fn tried(
        &mut self,
        run: &mut Run,
        at: &mut Cursor,
        step: &Step<'_>,
        input: &Value,
        entered: usize,
    ) -> Result<Value, Failure> {
        let retriers = step.state["Retry"].as_array().cloned().unwrap_or_default();
        let mut used = vec![0_i64; retriers.len()];
        for attempt in 0.. {
            let failure = match self.attempt(run, at, step, input, entered, attempt) {
                Ok(output) => return Ok(output),
                Err(failure) => failure,
            };
            let retrier = retriers
                .iter()
                .position(|retrier| error::matches(&retrier["ErrorEquals"], &failure.error));
            let again = retrier.filter(|index| {
                used[*index] < retriers[*index]["MaxAttempts"].as_i64().unwrap_or(3)
            });
            let Some(index) = again else {
                match step.state["Type"].as_str() {
                    Some("Map") => run.push(at, "MapStateFailed", None),
                    Some("Parallel") => run.push(at, "ParallelStateFailed", None),
                    _ => {}
                }
                return Err(failure);
            };
            at.at += backoff(&retriers[index], used[index]);
            used[index] += 1;
        }
        unreachable!("the loop ends when nobody wants to try again")
    }

    fn attempt(
        &mut self,
        run: &mut Run,
        at: &mut Cursor,
        step: &Step<'_>,
        input: &Value,
        entered: usize,
        attempt: usize,
    ) -> Result<Value, Failure> {
        let result = match step.state["Type"].as_str() {
            Some("Task") => self.task(run, at, step, input, entered, attempt)?,
            Some("Map") => self.map(run, at, step, input, entered, attempt)?,
            Some("Parallel") => self.parallel(run, at, step, input, attempt)?,
            other => {
                let cause = format!("a state of type {other:?} cannot be simulated");
                return Err(Failure::new("States.Runtime", cause));
            }
        };
        let result = match step.state.get("ResultSelector") {
            Some(template) => self.fill(step, template, &result, entered)?,
            None => result,
        };
        let output = match step.state.get("ResultPath") {
            Some(Value::Null) => input.clone(),
            Some(place) => path::place(place.as_str().unwrap_or("$"), input, result),
            None => result,
        };
        let output = match step.state["OutputPath"].as_str() {
            Some(place) => path::get(place, &output, &step.scope.context)
                .cloned()
                .ok_or_else(|| error::unreadable(place, step.name, entered, &output))?,
            None => output,
        };
        if output.to_string().len() > MAX_PAYLOAD {
            return Err(error::too_large(step.name, entered));
        }
        Ok(output)
    }

    /// Fills a payload template.
    pub(crate) fn fill(
        &self,
        step: &Step<'_>,
        template: &Value,
        input: &Value,
        entered: usize,
    ) -> Result<Value, Failure> {
        path::fill(template, input, &step.scope.context)
            .map_err(|place| error::unreadable(&place, step.name, entered, input))
    }
}

/// A state that is being run.
pub(crate) struct Step<'a> {
    pub(crate) name: &'a str,
    pub(crate) state: &'a Value,
    pub(crate) scope: &'a Scope,
    pub(crate) visit: usize,
}

impl Step<'_> {
    /// The same in the pair.
    pub(crate) fn place(&self) -> String {
        format!("{}{}@{}", self.scope.place, self.name, self.visit)
    }
}

fn fail(state: &Value) -> Failure {
    Failure {
        error: state["Error"].as_str().unwrap_or_default().to_owned(),
        cause: state["Cause"].as_str().map(str::to_owned),
    }
}

fn backoff(retrier: &Value, used: i64) -> i64 {
    let interval = retrier["IntervalSeconds"].as_f64().unwrap_or(1.0);
    let rate = retrier["BackoffRate"].as_f64().unwrap_or(2.0);
    let most = retrier["MaxDelaySeconds"].as_f64().unwrap_or(f64::MAX);
    let seconds = (interval * rate.powi(used as i32)).min(most);
    (seconds * 1000.0) as i64
}

#[cfg(test)]
mod tests;
