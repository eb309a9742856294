//! Definitions as they ran. The call that gives them allows one a second for the whole account, so an answer
//! is kept and used for every execution that certainly ran the same revision: one that began after that
//! revision was made, while the state machine still has it.

use super::{
    StepFunctions,
    memory::{SECOND, Undefined},
};
use crate::{
    aws::{api, call::CallError},
    collect::{Failure, Outlet},
    step_functions::{Piece, StateMachine, parse_time, recognise},
};
use model::Batch;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// An update takes effect within seconds, not at once.
const TAKES_EFFECT: i64 = 60 * SECOND;

/// What is known of definitions and tags in this process.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    by_owner: HashMap<String, Revision>,
    tags: Mutex<HashMap<String, bool>>,
}

/// A definition.
#[derive(Debug, Clone)]
struct Revision {
    id: Option<String>,
    /// When it was made.
    made: Option<i64>,
    machine: StateMachine,
}

impl Definitions {
    /// Whether a state machine has the tags that are asked for, if it was looked at.
    pub fn tags(&self, machine: &str) -> Option<((), bool)> {
        let tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.get(machine).map(|has| ((), *has))
    }

    pub fn note_tags(&self, machine: &str, has: bool) {
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.insert(machine.to_owned(), has);
    }
}

impl StepFunctions {
    /// Finds the definitions of executions that lack one; returns how many still do.
    pub(super) async fn define(&mut self, out: &Outlet) -> Result<usize, Failure> {
        let mut by_owner: BTreeMap<String, Vec<(String, Undefined)>> = BTreeMap::new();
        for (arn, undefined) in &self.memory.undefined {
            by_owner
                .entry(undefined.of.clone())
                .or_default()
                .push((arn.clone(), undefined.clone()));
        }
        for (owner, executions) in by_owner {
            self.define_of(out, &owner, executions).await?;
        }
        Ok(self.memory.undefined.len())
    }

    async fn define_of(
        &mut self,
        out: &Outlet,
        owner: &str,
        executions: Vec<(String, Undefined)>,
    ) -> Result<(), Failure> {
        let current = match owner.contains(":mapRun:") {
            true => None,
            false => self.current_revision(owner).await?,
        };
        let mut batch = Batch::default();
        let mut done = Vec::new();
        for (arn, undefined) in executions {
            let known = self.definitions.by_owner.get(owner);
            let fits = known.filter(|it| it.serves(owner, current.as_deref(), undefined.start));
            let revision = match fits {
                Some(revision) => Some(revision.clone()),
                None if !self.calls.is_free(&api::DESCRIBE_MACHINE_FOR_EXECUTION) => continue,
                None => match self.definition_of(&arn).await {
                    Ok(revision) => revision,
                    Err(CallError::Gone(_)) => None,
                    Err(error) => {
                        let api = &api::DESCRIBE_MACHINE_FOR_EXECUTION;
                        return Err(self.calls.failure(api, error));
                    }
                },
            };
            if let Some(revision) = revision {
                let mut machine = revision.machine.clone();
                machine.execution_arn = Some(arn.clone());
                let pieces = vec![(PathBuf::new(), Piece::StateMachine(machine))];
                batch.append(crate::step_functions::assemble(pieces).0);
                let newer = known_is_older(self.definitions.by_owner.get(owner), &revision);
                if newer {
                    self.definitions.by_owner.insert(owner.to_owned(), revision);
                }
            }
            done.push(arn);
        }
        out.facts(batch).await?;
        for arn in &done {
            self.memory.undefined.remove(arn);
        }
        if !done.is_empty() {
            out.keep(&self.memory).await?;
        }
        Ok(())
    }

    async fn current_revision(&self, machine: &str) -> Result<Option<String>, Failure> {
        let answer = self.calls.describe_machine(machine).await;
        match answer {
            Ok(answer) => Ok(text(&answer, "revisionId")),
            // Without it, each execution is asked for its own definition.
            Err(_) => Ok(None),
        }
    }

    async fn definition_of(&self, execution: &str) -> Result<Option<Revision>, CallError> {
        let answer = self
            .calls
            .ask(&api::DESCRIBE_MACHINE_FOR_EXECUTION, |clients, capture| {
                let call = clients.sfn.describe_state_machine_for_execution();
                let call = call.execution_arn(execution);
                async move { call.customize().interceptor(capture).send().await }
            })
            .await?;
        let machine = recognise(&answer)
            .into_iter()
            .flatten()
            .find_map(|piece| match piece {
                Piece::StateMachine(machine) => Some(machine),
                _ => None,
            });
        Ok(machine.map(|machine| Revision {
            id: text(&answer, "revisionId"),
            made: answer
                .get("updateDate")
                .and_then(parse_time)
                .map(|time| time.0),
            machine,
        }))
    }
}

fn text(answer: &Value, name: &str) -> Option<String> {
    answer
        .get(name)?
        .as_str()
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
}

fn known_is_older(known: Option<&Revision>, found: &Revision) -> bool {
    known.is_none_or(|known| known.made <= found.made)
}

impl Revision {
    /// True when an execution that began at `start` certainly ran this revision.
    fn serves(&self, owner: &str, current: Option<&str>, start: i64) -> bool {
        if owner.contains(":mapRun:") {
            // All children of a run have its item processor.
            return true;
        }
        let same = self.id.is_some() && self.id.as_deref() == current;
        let after = self
            .made
            .is_some_and(|made| start >= made.saturating_add(TAKES_EFFECT));
        same && after
    }
}
