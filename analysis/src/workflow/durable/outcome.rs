//! How everything ended, and which failure explains the end of the execution.

use super::{
    super::{documents::Described, outcome::End, verdict},
    tree::{Failure, Kind, Tree},
};
use model::{ExecutionStatus, Status, UnixNanos};

/// How an operation or a try ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    pub status: Status,
    pub end: Option<UnixNanos>,
}

/// Outcomes in the order of [`Tree::ops`].
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub end: Option<End>,
    pub failure: Failure,
    pub ops: Vec<Outcome>,
    pub caught: Vec<bool>,
    /// The operation that failed, or that was going on when the execution was ended.
    pub culprit: Option<usize>,
}

impl Outcomes {
    pub fn of(tree: &Tree, described: &Described) -> Self {
        let end = end_of(tree, described);
        let failure = match end.and_then(|end| end.step) {
            Some(at) => tree.failure(at),
            None => Failure {
                error: described.text("error").map(str::to_owned),
                cause: described.text("cause").map(str::to_owned),
            },
        };
        let mut outcomes = Outcomes {
            end,
            failure: failure.clone(),
            ..Outcomes::default()
        };
        let whole = verdict::whole(tree.events);
        for op in 0..tree.ops.len() {
            let outcome = outcomes.op(tree, op, whole);
            outcomes.ops.push(outcome);
        }
        outcomes.caught = (0..tree.ops.len())
            .map(|op| outcomes.is_caught(tree, op))
            .collect();
        outcomes.culprit = match end.map(|end| end.status) {
            Some(ExecutionStatus::Failed) => culprit(tree, &outcomes, &failure),
            Some(ExecutionStatus::TimedOut | ExecutionStatus::Aborted) => going_on(tree),
            _ => None,
        };
        outcomes
    }

    /// By its own event, or because something around it ended. Operations come after those around them.
    fn op(&self, tree: &Tree, op: usize, whole: bool) -> Outcome {
        if let Some((at, status)) = tree.ops[op].ended {
            return Outcome {
                status,
                end: Some(tree.time(at)),
            };
        }
        let around = tree.around(op).find_map(|at| self.ops[at].end);
        let end = around.or(self.end.map(|end| end.time));
        let status = match (end, whole) {
            (None, _) => Status::Running,
            (Some(_), true) => Status::Aborted,
            (Some(_), false) => Status::Unknown,
        };
        let start = tree.time(tree.ops[op].first);
        Outcome {
            status,
            end: end.map(|end| end.max(start)),
        }
    }

    /// A try that has no end ended with its operation.
    pub fn of_try(&self, tree: &Tree, op: usize, n: usize) -> Outcome {
        match tree.ops[op].tries[n].ended {
            Some((at, status)) => Outcome {
                status,
                end: Some(tree.time(at)),
            },
            None => self.ops[op],
        }
    }

    /// It failed and the code around it went on: something else was begun there, or it ended well.
    fn is_caught(&self, tree: &Tree, op: usize) -> bool {
        let one = &tree.ops[op];
        let Some((at, _)) = one.ended.filter(|_| self.ops[op].status.is_failure()) else {
            return false;
        };
        if one.kind == Kind::Track {
            return false;
        }
        let later = tree
            .inside(one.parent)
            .iter()
            .any(|other| tree.ops[*other].first > at);
        let well = match one.parent {
            Some(parent) => self.ops[parent].status == Status::Succeeded,
            None => self
                .end
                .is_some_and(|end| end.status == ExecutionStatus::Succeeded),
        };
        let beside = one
            .parent
            .is_some_and(|at| tree.ops[at].kind == Kind::Parallel);
        well || (later && !beside)
    }
}

fn end_of(tree: &Tree, described: &Described) -> Option<End> {
    if let Some((at, status)) = tree.ended {
        return Some(End {
            status,
            time: tree.time(at),
            step: Some(at),
        });
    }
    let status = described.status().filter(|status| status.is_terminal())?;
    let last = tree.events.last().map(|event| event.time);
    let time = described.time("stopDate").or(last)?;
    Some(End {
        status,
        time,
        step: None,
    })
}

/// From the failure of the execution inwards: at each level the operation whose message went on into it, else
/// the last one that failed, if nothing was begun after it.
fn culprit(tree: &Tree, outcomes: &Outcomes, failure: &Failure) -> Option<usize> {
    let mut found = None;
    let mut said = failure.cause.clone();
    loop {
        let failed = tree
            .inside(found)
            .iter()
            .copied()
            .filter(|op| outcomes.ops[*op].status.is_failure());
        let mut failed: Vec<(usize, usize)> = failed
            .filter_map(|op| Some((tree.ops[op].ended?.0, op)))
            .collect();
        failed.sort_unstable();
        let passes_on = |op: &usize| match (&said, &tree.ops[*op].failure.cause) {
            (Some(said), Some(own)) => !own.is_empty() && said.contains(own.as_str()),
            _ => false,
        };
        let told = failed.iter().map(|(_, op)| *op).find(|op| passes_on(op));
        let last = failed.last().map(|(_, op)| *op);
        let next = told.or(last.filter(|op| !outcomes.caught[*op]));
        let Some(next) = next else {
            return found;
        };
        found = Some(next);
        said.clone_from(&tree.ops[next].failure.cause);
    }
}

/// The innermost operation that had not ended, of several the last one begun.
fn going_on(tree: &Tree) -> Option<usize> {
    let open = |op: &usize| tree.ops[*op].ended.is_none() && tree.ops[*op].kind != Kind::Track;
    (0..tree.ops.len()).rev().find(open)
}
