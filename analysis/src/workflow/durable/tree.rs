//! Operations, their tries, and what is inside of what.

use model::{ExecutionStatus, HistoryEvent, Status, UnixNanos};
use serde_json::Value;
use std::collections::HashMap;

/// Operations in operations deeper than this hang on the execution.
const MAX_DEPTH: usize = 32;
/// Names in paths are cut here, characters.
const MAX_NAME: usize = 200;

/// What an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Step,
    Wait,
    Callback,
    Invoke,
    Map,
    Parallel,
    /// An iteration or branch of the operation around it.
    Track,
    /// Any other context: a child context, waitForCallback.
    Context,
}

/// What a failure says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Failure {
    pub error: Option<String>,
    pub cause: Option<String>,
}

/// One try of a step, or the only one of a callback or chained invoke. Numbers are places of events.
#[derive(Debug)]
pub(super) struct Try {
    pub first: usize,
    pub ended: Option<(usize, Status)>,
    pub failure: Failure,
    /// The failure of the same operation that it follows.
    pub after_failure: Option<usize>,
    pub output: Option<String>,
}

/// One operation. Numbers are places of events.
#[derive(Debug)]
pub(super) struct Op {
    pub kind: Kind,
    pub name: String,
    pub sub_type: String,
    /// Place of the operation around it; one that comes before it.
    pub parent: Option<usize>,
    pub children: Vec<usize>,
    pub first: usize,
    pub started: Option<usize>,
    pub ended: Option<(usize, Status)>,
    pub failure: Failure,
    pub tries: Vec<Try>,
    pub output: Option<String>,
    /// For a track: its place among those of the operation around it.
    pub index: usize,
}

/// One invocation of the function.
#[derive(Debug)]
pub(super) struct Run {
    pub at: usize,
    pub request_id: Option<String>,
    pub start: UnixNanos,
    pub end: UnixNanos,
    pub failure: Option<Failure>,
}

/// Everything that the events say.
#[derive(Debug, Default)]
pub(super) struct Tree<'a> {
    pub events: &'a [&'a HistoryEvent],
    pub details: Vec<Value>,
    pub ops: Vec<Op>,
    pub runs: Vec<Run>,
    /// Operations that hang on the execution itself.
    pub top: Vec<usize>,
    pub started: Option<usize>,
    pub ended: Option<(usize, ExecutionStatus)>,
    /// Per event: its operation.
    pub about: Vec<Option<usize>>,
}

impl<'a> Tree<'a> {
    pub fn read(events: &'a [&'a HistoryEvent]) -> Self {
        let details =
            |event: &&HistoryEvent| serde_json::from_str(&event.details).unwrap_or_default();
        let mut tree = Tree {
            events,
            details: events.iter().map(details).collect(),
            ..Tree::default()
        };
        let mut by_id: HashMap<String, usize> = HashMap::new();
        for at in 0..events.len() {
            let about = tree.take(at, &mut by_id);
            tree.about.push(about);
        }
        tree.nest(&by_id);
        tree
    }

    pub fn time(&self, at: usize) -> UnixNanos {
        self.events[at].time
    }

    /// A text member of an event's details.
    pub fn text(&self, at: usize, name: &str) -> Option<&str> {
        self.details[at]
            .get(name)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    pub fn number(&self, at: usize, name: &str) -> Option<i64> {
        self.details[at].get(name)?.as_i64()
    }

    /// `{"Payload": …}`: what was sent or came back.
    pub fn payload(&self, at: usize, name: &str) -> Option<String> {
        match self.details[at].get(name)?.get("Payload")? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    pub fn failure(&self, at: usize) -> Failure {
        let error = self.details[at].pointer("/Error/Payload");
        let text = |name: &str| Some(error?.get(name)?.as_str()?.to_owned());
        Failure {
            error: text("ErrorType"),
            cause: text("ErrorMessage"),
        }
    }

    fn take(&mut self, at: usize, by_id: &mut HashMap<String, usize>) -> Option<usize> {
        let (thing, verb) = split(&self.events[at].event_type)?;
        match thing {
            "Execution" => {
                self.execution(at, verb);
                None
            }
            "Invocation" => {
                self.invocation(at);
                None
            }
            _ => {
                let id = self.text(at, "Id")?.to_owned();
                let op = match by_id.get(&id) {
                    Some(op) => *op,
                    None => {
                        by_id.insert(id, self.ops.len());
                        self.new_op(at, thing)
                    }
                };
                self.happened(op, at, verb);
                Some(op)
            }
        }
    }

    fn execution(&mut self, at: usize, verb: &str) {
        let status = match verb {
            "Started" => {
                self.started.get_or_insert(at);
                return;
            }
            "Succeeded" => ExecutionStatus::Succeeded,
            "Failed" => ExecutionStatus::Failed,
            "TimedOut" => ExecutionStatus::TimedOut,
            "Stopped" => ExecutionStatus::Aborted,
            _ => return,
        };
        self.ended = Some((at, status));
    }

    fn invocation(&mut self, at: usize) {
        let end = self.moment(at, "EndTimestamp").unwrap_or(self.time(at));
        let start = self.moment(at, "StartTimestamp").unwrap_or(end).min(end);
        let failed = self.details[at]
            .pointer("/Error/Payload")
            .is_some_and(Value::is_object);
        self.runs.push(Run {
            at,
            request_id: self.text(at, "RequestId").map(str::to_owned),
            start,
            end,
            failure: failed.then(|| self.failure(at)),
        });
    }

    /// A time in the details: epoch seconds.
    fn moment(&self, at: usize, name: &str) -> Option<UnixNanos> {
        let seconds = self.details[at].get(name)?.as_f64()?;
        if !(0.0..9e9).contains(&seconds) {
            return None;
        }
        Some(UnixNanos(
            ((seconds * 1e6).round() as i64).saturating_mul(1_000),
        ))
    }

    fn new_op(&mut self, at: usize, thing: &str) -> usize {
        let sub_type = self.text(at, "SubType").unwrap_or_default().to_owned();
        let kind = match (thing, sub_type.as_str()) {
            ("Step", _) => Kind::Step,
            ("Wait", _) => Kind::Wait,
            ("Callback", _) => Kind::Callback,
            ("ChainedInvoke", _) => Kind::Invoke,
            (_, "Map") => Kind::Map,
            (_, "Parallel") => Kind::Parallel,
            (_, "MapIteration" | "ParallelBranch") => Kind::Track,
            _ => Kind::Context,
        };
        let unnamed = if sub_type.is_empty() {
            thing
        } else {
            &sub_type
        };
        let name = self.text(at, "Name").unwrap_or(unnamed);
        let name = name.chars().take(MAX_NAME).collect();
        self.ops.push(Op {
            kind,
            name,
            sub_type,
            parent: None,
            children: Vec::new(),
            first: at,
            started: None,
            ended: None,
            failure: Failure::default(),
            tries: Vec::new(),
            output: None,
            index: 0,
        });
        self.ops.len() - 1
    }

    fn happened(&mut self, op: usize, at: usize, verb: &str) {
        let status = match verb {
            "Started" => return self.started(op, at),
            "Succeeded" => Status::Succeeded,
            "Failed" => Status::Failed,
            "TimedOut" => Status::TimedOut,
            "Stopped" | "Cancelled" => Status::Aborted,
            _ => return,
        };
        let output = self.payload(at, "Result");
        let failure = self.failure(at);
        let again = status.is_failure() && self.tried_again(at);
        let tries = matches!(
            self.ops[op].kind,
            Kind::Step | Kind::Callback | Kind::Invoke
        );
        let op = &mut self.ops[op];
        if tries {
            if op.tries.last().is_none_or(|last| last.ended.is_some()) {
                op.tries.push(Try::new(at, last_failure(op)));
            }
            if let Some(last) = op.tries.last_mut() {
                last.ended = Some((at, status));
                last.failure = failure.clone();
                last.output.clone_from(&output);
            }
        }
        if !again {
            op.ended = Some((at, status));
            op.failure = failure;
            op.output = output;
        }
    }

    /// A step that is started while it runs was cut off when its invocation ended; a condition that is polled
    /// was not yet met. Two starts within one invocation are one, written down twice.
    fn started(&mut self, op: usize, at: usize) {
        let running = self.ops[op]
            .tries
            .last()
            .filter(|last| last.ended.is_none());
        let between = running.and_then(|last| {
            let run = self.runs.iter().rev().find(|run| run.at > last.first)?;
            Some((run.at, run.end))
        });
        let (is_running, polled) = (
            running.is_some(),
            self.ops[op].sub_type == "WaitForCondition",
        );
        let op = &mut self.ops[op];
        op.started.get_or_insert(at);
        op.ended = None;
        if !matches!(op.kind, Kind::Step | Kind::Callback | Kind::Invoke) {
            return;
        }
        match (is_running, between, op.tries.last_mut()) {
            (true, None, _) => return,
            (true, Some((run, _)), Some(last)) => {
                let status = if polled {
                    Status::Succeeded
                } else {
                    Status::Aborted
                };
                last.ended = Some((run, status));
            }
            _ => {}
        }
        let after = last_failure(op);
        op.tries.push(Try::new(at, after));
    }

    fn tried_again(&self, at: usize) -> bool {
        let delay = self.details[at].pointer("/RetryDetails/NextAttemptDelaySeconds");
        delay.is_some_and(|delay| !delay.is_null())
    }

    /// Finds what each operation is in. A parent that is not held, or that would make a circle, is the execution.
    fn nest(&mut self, by_id: &HashMap<String, usize>) {
        let mut depths = vec![0_usize; self.ops.len()];
        for n in 0..self.ops.len() {
            let parent = self
                .text(self.ops[n].first, "ParentId")
                .and_then(|id| by_id.get(id));
            // Only what began before can be around it: so there are no circles.
            let parent = parent
                .copied()
                .filter(|at| *at < n && depths[*at] < MAX_DEPTH);
            self.ops[n].parent = parent;
            match parent {
                Some(at) => {
                    depths[n] = depths[at] + 1;
                    let tracks = self.ops[at].children.len();
                    self.ops[n].index = tracks;
                    self.ops[at].children.push(n);
                }
                None => self.top.push(n),
            }
            // An iteration of nothing is a context.
            let around = parent.map(|at| self.ops[at].kind);
            let block = matches!(around, Some(Kind::Map | Kind::Parallel));
            if self.ops[n].kind == Kind::Track && !block {
                self.ops[n].kind = Kind::Context;
            }
        }
    }

    /// The operations around one, from the inside out.
    pub fn around(&self, op: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.ops[op].parent, |at| self.ops[*at].parent)
    }

    /// What is directly inside of an operation, or of the execution.
    pub fn inside(&self, op: Option<usize>) -> &[usize] {
        op.map_or(&self.top, |op| &self.ops[op].children)
    }
}

impl Try {
    fn new(first: usize, after_failure: Option<usize>) -> Self {
        Try {
            first,
            ended: None,
            failure: Failure::default(),
            after_failure,
            output: None,
        }
    }
}

fn last_failure(op: &Op) -> Option<usize> {
    let ended = op.tries.last()?.ended;
    ended
        .filter(|(_, status)| status.is_failure())
        .map(|(at, _)| at)
}

/// `StepSucceeded` → (`Step`, `Succeeded`). Words that came later are kept as events and mean nothing here.
fn split(event_type: &str) -> Option<(&str, &str)> {
    const THINGS: [&str; 7] = [
        "Execution",
        "Invocation",
        "Step",
        "Wait",
        "Callback",
        "ChainedInvoke",
        "Context",
    ];
    THINGS
        .iter()
        .find_map(|thing| Some((*thing, event_type.strip_prefix(thing)?)))
}
