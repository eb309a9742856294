//! What is known of an execution while definitions look for theirs.

use super::identity::{folder, subject};
use model::HistoryEvent;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
};

/// What is known of an execution while definitions look for theirs.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Files it was in, and what they are about.
    pub places: BTreeSet<(PathBuf, PathBuf, String)>,
    pub state_machine_arn: Option<String>,
    /// States entered: (name, type).
    states: HashSet<(String, String)>,
    /// The first of them.
    start: Option<String>,
}

impl Known {
    /// Remembers a file that it was in.
    pub fn see(&mut self, path: &Path) {
        let place = (path.to_owned(), folder(path), subject(path));
        self.places.insert(place);
    }

    /// Remembers the state that an event entered, if it did.
    pub fn entered(&mut self, id: u64, event_type: &str, details: &str) {
        #[derive(serde::Deserialize)]
        struct Named {
            name: Option<String>,
        }
        let Some(state_type) = event_type.strip_suffix("StateEntered") else {
            return;
        };
        if let Ok(Named { name: Some(name) }) = serde_json::from_str(details) {
            if id == 2 {
                self.start = Some(name.clone());
            }
            self.states.insert((name, state_type.to_owned()));
        }
    }

    /// True when the definition could be what ran: it begins with the same state and has all that were entered.
    pub fn fits(&self, definition: &Definition) -> bool {
        let begins = match (&self.start, &definition.start) {
            (Some(entered), Some(start)) => entered == start,
            _ => true,
        };
        begins && !self.states.is_empty() && self.states.is_subset(&definition.states)
    }
}

/// Executions of which log delivery told, event by event: what their definitions are found by.
#[derive(Debug, Default)]
pub struct Streamed {
    known: HashMap<String, Known>,
}

/// So many executions of logs are remembered: each keeps a copy of its definition.
const MAX_STREAMED: usize = 20_000;

impl Streamed {
    /// Remembers what an event says of its execution.
    pub fn see(&mut self, path: &Path, event: &HistoryEvent) {
        let arn = &event.execution_arn;
        if !self.known.contains_key(arn) {
            if self.known.len() >= MAX_STREAMED {
                return;
            }
            let mut known = Known::default();
            known.see(path);
            self.known.insert(arn.clone(), known);
        }
        if let Some(known) = self.known.get_mut(arn) {
            known.entered(event.event_id, &event.event_type, &event.details);
        }
    }

    /// Adds what is remembered to what is known.
    pub(super) fn tell(&self, all: &mut BTreeMap<String, Known>) {
        for (arn, streamed) in &self.known {
            let known = all.entry(arn.clone()).or_default();
            known.places.extend(streamed.places.iter().cloned());
            known.states.extend(streamed.states.iter().cloned());
            known.start = known.start.take().or_else(|| streamed.start.clone());
        }
    }
}

/// What of a definition tells whose it is.
#[derive(Default)]
pub(super) struct Definition {
    start: Option<String>,
    /// All states with their types, those inside Map and Parallel included.
    states: HashSet<(String, String)>,
}

impl Definition {
    pub fn read(text: &str) -> Self {
        let mut definition = Definition::default();
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            definition.start = value
                .get("StartAt")
                .and_then(Value::as_str)
                .map(str::to_owned);
            collect_states(&value, &mut definition.states);
        }
        definition
    }
}

fn collect_states(value: &Value, states: &mut HashSet<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, state) in members
                .get("States")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let state_type = state
                    .get("Type")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                states.insert((name.clone(), state_type.to_owned()));
            }
            members
                .values()
                .for_each(|child| collect_states(child, states));
        }
        Value::Array(items) => items.iter().for_each(|child| collect_states(child, states)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::import::{Chunk, import_files};
    use model::DocumentKind;
    use std::path::PathBuf;

    /// Definitions that find their executions among the events of log delivery.
    #[test]
    fn definitions_find_executions_of_logs() {
        let arn = "arn:aws:states:eu-west-1:1:express:tolls:a:b";
        let line = |id: u8, kind: &str, details: &str| {
            let text = format!(
                r#"{{"id":"{id}","type":"{kind}","details":{details},"previous_event_id":"0","event_timestamp":"170000000000{id}","execution_arn":"{arn}"}}"#
            );
            serde_json::json!({"timestamp": 1_700_000_000_001_u64, "message": text, "eventId": id.to_string()})
        };
        let logs = serde_json::json!({"events": [
            line(1, "ExecutionStarted", "{}"),
            line(2, "TaskStateEntered", r#"{"name":"Weigh"}"#),
        ]});
        let definition =
            r#"{"StartAt":"Weigh","States":{"Weigh":{"Type":"Task","Resource":"x","End":true}}}"#;
        let machine = |name: &str| {
            let arn = format!("arn:aws:states:eu-west-1:1:stateMachine:{name}");
            serde_json::json!({"stateMachineArn": arn, "name": name, "creationDate": 1.0, "definition": definition})
        };
        let check = |described: serde_json::Value, path: &str, expect: usize| {
            let files = [("d/logs.json", logs.clone()), (path, described.clone())];
            let files = files.map(|(path, it)| (PathBuf::from(path), it.to_string().into()));
            let mut found = Vec::new();
            import_files(&files, &mut |chunk| {
                if let Chunk::Batch(batch) = chunk {
                    found.extend(batch.documents);
                }
                Ok(())
            })
            .unwrap();
            found.retain(|it| it.kind == DocumentKind::StateMachine && it.execution_arn == arn);
            assert_eq!(found.len(), expect, "{path} {described}");
        };
        check(machine("tolls"), "z/sm.json", 1);
        check(machine("tolls"), "a/sm.json", 1);
        check(machine("ferries"), "z/sm.json", 0);
        let bare: serde_json::Value = serde_json::from_str(definition).unwrap();
        check(bare.clone(), "d/tolls.asl.json", 1);
        check(bare, "z/tolls.asl.json", 0);
    }
}
