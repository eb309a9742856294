//! How everything in the tree ended: by its own events, or because what surrounds it ended.

use super::{
    event::Kind,
    nest::{Nest, Node},
};
use model::{ExecutionStatus, Status, UnixNanos};

/// How the execution ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub status: ExecutionStatus,
    pub time: UnixNanos,
    /// The terminal event, unless only a description knows of the end.
    pub step: Option<usize>,
}

/// How a part of the tree ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    pub status: Status,
    pub end: Option<UnixNanos>,
    /// The event that ended it, if it was its own.
    pub step: Option<usize>,
    /// The failure, wherever it began.
    pub failure: Option<usize>,
}

/// The outcomes, indexed as the lists of [`Nest`].
#[derive(Debug)]
pub(super) struct Outcomes {
    pub visits: Vec<Outcome>,
    pub runs: Vec<Outcome>,
    pub iterations: Vec<Outcome>,
    pub branches: Vec<Outcome>,
    pub tries: Vec<Outcome>,
}

/// Why the surroundings of something ended.
#[derive(Debug, Clone, Copy)]
struct Close {
    time: UnixNanos,
    /// True when they ended well, or nobody knows how: then an open rest is a gap in the data.
    gap: bool,
}

/// Computes all outcomes. `failing` is the visit that made the execution fail, if one did.
pub(super) fn outcomes(nest: &Nest, end: Option<End>, failing: Option<usize>) -> Outcomes {
    let mut path = vec![false; nest.visits.len()];
    if end.is_some_and(|end| end.status == ExecutionStatus::Failed) {
        mark_path(nest, failing, &mut path);
    }
    let root = end.map(|end| Close {
        time: end.time,
        gap: end.status == ExecutionStatus::Succeeded || end.step.is_none(),
    });
    let left_behind = left_behind(nest, &mut path);
    let mut visits: Vec<Outcome> = Vec::with_capacity(nest.visits.len());
    for visit in 0..nest.visits.len() {
        let close = left_behind[visit]
            .or_else(|| close_of(nest, nest.visits[visit].container, root, &visits));
        visits.push(visit_outcome(nest, visit, close, path[visit]));
    }
    let runs: Vec<Outcome> = (0..nest.runs.len())
        .map(|run| run_outcome(nest, run, &visits))
        .collect();
    let iterations = (0..nest.iterations.len())
        .map(|n| iteration_outcome(nest, n, root, &visits))
        .collect();
    let branches = (0..nest.branches.len())
        .map(|n| branch_outcome(nest, n, root, &visits))
        .collect();
    let tries = (0..nest.tries.len())
        .map(|n| try_outcome(nest, n, &visits))
        .collect();
    Outcomes {
        visits,
        runs,
        iterations,
        branches,
        tries,
    }
}

fn mark_path(nest: &Nest, failing: Option<usize>, path: &mut [bool]) {
    let nodes = failing
        .into_iter()
        .flat_map(|visit| nest.up(Node::Visit(visit)));
    for node in nodes {
        if let Node::Visit(n) = node {
            path[n] = true;
        }
    }
}

/// The terminal events that a redrive took back, in order.
fn ends_before_redrives(nest: &Nest) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut last = None;
    for (at, step) in nest.steps.iter().enumerate() {
        match step.kind {
            Kind::Ended(_) => last = Some(at),
            Kind::Redriven => ends.extend(last.take()),
            _ => {}
        }
    }
    ends
}

/// Visits that an end before a redrive cut off, and that the redrive did not take up again.
fn left_behind(nest: &Nest, path: &mut [bool]) -> Vec<Option<Close>> {
    let mut closes = vec![None; nest.visits.len()];
    let ends = ends_before_redrives(nest);
    if ends.is_empty() {
        return closes;
    }
    let mut touched: Vec<usize> = nest.visits.iter().map(|visit| visit.first).collect();
    for (at, about) in nest.about.iter().enumerate() {
        about.iter().for_each(|visit| touched[*visit] = at);
    }
    for visit in (0..nest.visits.len()).rev() {
        if let Some(block) = nest.visit_at(nest.visits[visit].container) {
            touched[block] = touched[block].max(touched[visit]);
        }
    }
    for end in &ends {
        mark_path(
            nest,
            nest.cause[*end].and_then(|from| nest.about[from]),
            path,
        );
    }
    for (visit, last) in touched.iter().enumerate() {
        let end = ends.get(ends.partition_point(|end| end < last));
        if nest.visits[visit].exited.is_none() {
            closes[visit] = end.map(|end| Close {
                time: nest.steps[*end].time(),
                gap: false,
            });
        }
    }
    closes
}

/// When and how a container ended; `None` while it is open. Its visits have been judged already.
fn close_of(
    nest: &Nest,
    container: Node,
    root: Option<Close>,
    visits: &[Outcome],
) -> Option<Close> {
    match container {
        Node::Root => root,
        Node::Iteration(n) => match nest.iterations[n].ended {
            Some((step, status)) => Some(Close {
                time: nest.steps[step].time(),
                gap: status == Status::Succeeded,
            }),
            None => close_of(nest, Node::Run(nest.iterations[n].run), root, visits),
        },
        Node::Branch(n) => close_of(nest, Node::Run(nest.branches[n].run), root, visits),
        Node::Run(n) => {
            let run = &nest.runs[n];
            if let Some(step) = run.superseded {
                return Some(Close {
                    time: nest.steps[step].time(),
                    gap: false,
                });
            }
            let block = &nest.visits[run.visit];
            let outcome = visits[run.visit];
            let settled = block.settled.map(|step| Close {
                time: nest.steps[step].time(),
                gap: block.succeeded,
            });
            let ended = outcome.end.map(|time| Close {
                time,
                gap: matches!(outcome.status, Status::Succeeded | Status::Unknown),
            });
            settled.or(ended)
        }
        Node::Visit(_) | Node::Try(_) => root,
    }
}

fn visit_outcome(nest: &Nest, n: usize, close: Option<Close>, on_failing_path: bool) -> Outcome {
    let visit = &nest.visits[n];
    let own = own_failure(nest, n);
    let failed = |step: usize| match nest.steps[nest.source[step]].kind {
        Kind::TryFailed(status) => status,
        _ => Status::Failed,
    };
    let failure = own.map(|step| nest.source[step]);
    if let Some(step) = visit.exited {
        let status = match (visit.caught, own) {
            (true, Some(own)) => failed(own),
            (true, None) => Status::Failed,
            (false, _) => Status::Succeeded,
        };
        let failure = failure
            .filter(|_| visit.caught)
            .or_else(|| caught_by_entry(nest, n));
        return Outcome {
            status,
            end: Some(nest.steps[step].time()),
            step: Some(step),
            failure,
        };
    }
    let Some(close) = close else {
        return Outcome {
            status: Status::Running,
            end: None,
            step: None,
            failure,
        };
    };
    if let Some(step) = own {
        return Outcome {
            status: failed(step),
            end: Some(nest.steps[step].time()),
            step: Some(step),
            failure,
        };
    }
    let cut = visit.aborted.map(|step| nest.steps[step].time());
    let status = match visit.state_type.as_str() {
        "Fail" => Status::Failed,
        _ if on_failing_path => Status::Failed,
        _ if close.gap => Status::Unknown,
        _ => Status::Aborted,
    };
    Outcome {
        status,
        end: Some(cut.unwrap_or(close.time)),
        step: visit.aborted,
        failure: None,
    }
}

/// A Map or Parallel left because of a Fail state inside, without an event of its own failure.
fn caught_by_entry(nest: &Nest, n: usize) -> Option<usize> {
    let visit = &nest.visits[n];
    let cause = visit
        .exited
        .filter(|_| visit.caught)
        .and_then(|step| nest.cause[step])?;
    Some(nest.source[cause])
}

/// The failure of the visit itself, unless it was tried again after it.
fn own_failure(nest: &Nest, n: usize) -> Option<usize> {
    let visit = &nest.visits[n];
    let again = visit.tries.last().map(|n| nest.tries[*n].first);
    let restarted = visit.runs.last().map(|n| nest.runs[*n].started);
    visit
        .failure
        .filter(|step| again.max(restarted).is_none_or(|again| again < *step))
}

fn run_outcome(nest: &Nest, n: usize, visits: &[Outcome]) -> Outcome {
    let run = &nest.runs[n];
    match run.superseded {
        Some(step) => Outcome {
            status: Status::Failed,
            end: Some(nest.steps[step].time()),
            step: Some(step),
            failure: Some(nest.source[step]),
        },
        None => visits[run.visit],
    }
}

fn iteration_outcome(nest: &Nest, n: usize, root: Option<Close>, visits: &[Outcome]) -> Outcome {
    let iteration = &nest.iterations[n];
    if let Some((step, status)) = iteration.ended {
        let failure = (status == Status::Failed).then(|| nest.source[step]);
        return Outcome {
            status,
            end: Some(nest.steps[step].time()),
            step: Some(step),
            failure,
        };
    }
    by_last_visit(
        nest,
        Node::Run(iteration.run),
        iteration.last_visit,
        root,
        visits,
    )
}

fn branch_outcome(nest: &Nest, n: usize, root: Option<Close>, visits: &[Outcome]) -> Outcome {
    let branch = &nest.branches[n];
    by_last_visit(nest, Node::Run(branch.run), branch.last_visit, root, visits)
}

/// A branch has no events of its own: it ends as its last state does.
fn by_last_visit(
    nest: &Nest,
    around: Node,
    last: Option<usize>,
    root: Option<Close>,
    visits: &[Outcome],
) -> Outcome {
    let close = close_of(nest, around, root, visits);
    match (last, close) {
        (Some(last), _) if nest.visits[last].exited.is_none() => visits[last],
        (Some(last), Some(_)) => Outcome {
            status: Status::Succeeded,
            end: visits[last].end,
            step: visits[last].step,
            failure: None,
        },
        (None, Some(close)) => Outcome {
            status: if close.gap {
                Status::Unknown
            } else {
                Status::Aborted
            },
            end: Some(close.time),
            step: None,
            failure: None,
        },
        (_, None) => Outcome {
            status: Status::Running,
            end: None,
            step: None,
            failure: None,
        },
    }
}

fn try_outcome(nest: &Nest, n: usize, visits: &[Outcome]) -> Outcome {
    let attempt = &nest.tries[n];
    if let Some(step) = attempt.ended {
        let (status, failure) = match nest.steps[step].kind {
            Kind::TryFailed(status) => (status, Some(step)),
            _ => (Status::Succeeded, None),
        };
        return Outcome {
            status,
            end: Some(nest.steps[step].time()),
            step: Some(step),
            failure,
        };
    }
    let visit = visits[attempt.visit];
    let status = match visit.status {
        Status::Running => Status::Running,
        Status::Succeeded | Status::Unknown => Status::Unknown,
        Status::Failed if visit.failure.is_some() => Status::Failed,
        _ => Status::Aborted,
    };
    Outcome {
        status,
        end: visit.end,
        step: None,
        failure: visit.failure.filter(|_| status == Status::Failed),
    }
}
