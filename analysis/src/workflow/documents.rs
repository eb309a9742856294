//! What descriptions say of an execution, and what the definition says of its states.

use model::{Document, DocumentKind, ExecutionStatus, UnixNanos};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Everything that documents say of one execution.
#[derive(Debug, Default)]
pub(super) struct Described {
    members: Map<String, Value>,
    /// Definition of the state machine, JSON text.
    pub definition: Option<String>,
    states: HashMap<String, Value>,
    map_runs: HashMap<String, Map<String, Value>>,
}

impl Described {
    pub fn read(documents: &[Document]) -> Self {
        let mut described = Described::default();
        let mut executions = Vec::new();
        for document in documents {
            let Ok(Value::Object(members)) = serde_json::from_str(&document.body) else {
                continue;
            };
            match document.kind {
                DocumentKind::Execution => executions.push(members),
                DocumentKind::StateMachine => described.state_machine(&members, &document.body),
                DocumentKind::MapRun => described.map_run(members),
                // Of tasks and jobs, which are units of their own.
                DocumentKind::Task | DocumentKind::Job => {}
            }
        }
        // The last word comes last: a later redrive, then an end, then the later end, then more said.
        executions.sort_by_cached_key(|members| {
            let number = |name: &str| members.get(name).and_then(Value::as_f64).unwrap_or(0.0);
            let status = members
                .get("status")
                .and_then(Value::as_str)
                .and_then(ExecutionStatus::parse);
            let ended = status.is_some_and(ExecutionStatus::is_terminal);
            let text = Value::Object(members.clone()).to_string();
            (
                number("redriveCount") as u64,
                ended,
                (number("stopDate") * 1e3) as u64,
                members.len(),
                text,
            )
        });
        let redriven = executions
            .last()
            .and_then(|last| last.get("status").cloned());
        for members in executions {
            described.members.extend(members);
        }
        // An end that a redrive took back is no end.
        if redriven.as_ref().and_then(Value::as_str) == Some("RUNNING") {
            for name in ["stopDate", "error", "cause", "output"] {
                described.members.remove(name);
            }
        }
        described
    }

    fn state_machine(&mut self, members: &Map<String, Value>, body: &str) {
        let definition = match members.get("definition") {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => body.to_owned(),
        };
        // Several definitions: the longest, then the last in order, so that their order makes no difference.
        let better = |held: &String| (definition.len(), &definition) > (held.len(), held);
        if self.definition.as_ref().is_none_or(better) {
            self.states.clear();
            if let Ok(value) = serde_json::from_str::<Value>(&definition) {
                collect_states(&value, 0, &mut self.states);
            }
            self.definition = Some(definition);
        }
        for name in ["stateMachineArn", "name"] {
            if let Some(value) = members.get(name) {
                let key = if name == "name" {
                    "stateMachineName"
                } else {
                    name
                };
                self.members.entry(key).or_insert_with(|| value.clone());
            }
        }
    }

    fn map_run(&mut self, members: Map<String, Value>) {
        let Some(arn) = members.get("mapRunArn").and_then(Value::as_str) else {
            return;
        };
        let held = self.map_runs.entry(arn.to_owned()).or_default();
        if held.len() <= members.len() {
            held.extend(members);
        }
    }

    /// A text member of the description.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members
            .get(name)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    /// A date: epoch seconds, or milliseconds as status change events have them.
    pub fn time(&self, name: &str) -> Option<UnixNanos> {
        let number = match self.members.get(name)? {
            Value::String(text) => text.parse().ok()?,
            other => other.as_f64()?,
        };
        if !number.is_finite() || number.abs() >= 1e14 {
            return None;
        }
        let seconds = if number.abs() >= 1e11 {
            number / 1e3
        } else {
            number
        };
        ((seconds * 1e6).round() as i64)
            .checked_mul(1_000)
            .map(UnixNanos)
    }

    pub fn number(&self, name: &str) -> Option<u32> {
        u32::try_from(self.members.get(name)?.as_u64()?).ok()
    }

    /// What StartSyncExecution says that the execution costs.
    pub fn billing(&self, name: &str) -> Option<i64> {
        self.members.get("billingDetails")?.get(name)?.as_i64()
    }

    pub fn status(&self) -> Option<ExecutionStatus> {
        ExecutionStatus::parse(self.text("status")?)
    }

    /// True when the second state follows the first, sooner or later, where nothing fails.
    pub fn ordinarily_reaches(&self, from: &str, to: &str) -> bool {
        let mut seen = HashSet::from([from]);
        let mut open = vec![from];
        while let Some(state) = open.pop().and_then(|name| self.states.get(name)) {
            for next in successors(state) {
                if next == to {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    }

    /// A state's definition.
    pub fn state(&self, name: &str) -> Option<&Value> {
        self.states.get(name)
    }

    /// A map run's description.
    pub fn map_run_of(&self, arn: &str) -> Option<&Map<String, Value>> {
        self.map_runs.get(arn)
    }
}

/// The states to which a state leads when it does not fail.
fn successors(state: &Value) -> impl Iterator<Item = &str> {
    let choices = state.get("Choices").and_then(Value::as_array);
    let choices = choices.into_iter().flatten();
    let nexts = choices.map(|choice| choice.get("Next"));
    let nexts = nexts.chain([state.get("Next"), state.get("Default")]);
    nexts.flatten().filter_map(Value::as_str)
}

/// Names are unique in a state machine, those inside Map and Parallel included.
fn collect_states(value: &Value, depth: usize, states: &mut HashMap<String, Value>) {
    if depth > 64 {
        return;
    }
    if let Some(Value::Object(found)) = value.get("States") {
        for (name, state) in found {
            for inner in ["ItemProcessor", "Iterator"] {
                state
                    .get(inner)
                    .into_iter()
                    .for_each(|value| collect_states(value, depth + 1, states));
            }
            let branches = state.get("Branches").and_then(Value::as_array);
            branches
                .into_iter()
                .flatten()
                .for_each(|value| collect_states(value, depth + 1, states));
            states.insert(name.clone(), without_content(state));
        }
    }
}

/// A state without the states inside it, so that nesting does not multiply them.
fn without_content(state: &Value) -> Value {
    let members = state.as_object().into_iter().flatten();
    let own = members
        .filter(|(key, _)| !["ItemProcessor", "Iterator", "Branches"].contains(&key.as_str()));
    Value::Object(
        own.map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}
