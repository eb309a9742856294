//! Why the execution ended as it did, and how much of it is held.

use super::{
    documents::Described,
    event::Kind,
    nest::{Nest, Node, named_in_cause},
    outcome::End,
};
use model::{ExecutionStatus, HistoryEvent};
use serde_json::Value;

/// The state that failed.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Failing {
    /// Its name, also when only the cause text knows it.
    pub state: Option<String>,
    /// Its visit, if that is held.
    pub visit: Option<usize>,
}

/// The failure that explains the end.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct RootCause {
    pub state: Option<String>,
    pub error: Option<String>,
    pub cause: Option<String>,
    pub event_id: Option<u64>,
}

/// The end of the execution: the last terminal event that no redrive follows, else what is described.
pub(super) fn end_of(nest: &Nest, described: &Described) -> Option<End> {
    let last = nest
        .steps
        .iter()
        .rposition(|step| matches!(step.kind, Kind::Ended(_) | Kind::Redriven));
    let redrives = nest
        .steps
        .iter()
        .filter(|step| step.kind == Kind::Redriven)
        .count();
    let newer = described
        .number("redriveCount")
        .is_some_and(|count| count as usize > redrives);
    if let Some(at) = last
        && let Kind::Ended(status) = nest.steps[at].kind
        && !newer
    {
        return Some(End {
            status,
            time: nest.steps[at].time(),
            step: Some(at),
        });
    }
    let status = described.status().filter(|status| status.is_terminal())?;
    let stale = redrives > described.number("redriveCount").unwrap_or(0) as usize;
    let seen = nest.steps.last().map(|step| step.time());
    let time = described.time("stopDate").or(seen)?;
    (!stale).then_some(End {
        status,
        time,
        step: None,
    })
}

/// Finds the state that failed: by the cause text or the evaluation that failed, else the nearest
/// entered state that never exited, walking back from the terminal event; for an execution that was stopped or
/// ran out of time, the state that was open.
pub(super) fn failing(nest: &Nest, end: Option<End>, described: &Described) -> Failing {
    let Some(end) = end.filter(|end| end.status != ExecutionStatus::Succeeded) else {
        return Failing::default();
    };
    let cause = end
        .step
        .and_then(|at| nest.steps[at].details.cause.as_deref());
    if let Some((name, entered)) = cause.or(described.text("cause")).and_then(named_in_cause) {
        return named(nest, name, entered);
    }
    let origin = end
        .step
        .and_then(|at| nest.cause[at])
        .map(|at| nest.source[at]);
    if let Some(at) = origin.filter(|at| nest.steps[*at].kind == Kind::EvaluationFailed)
        && let Some(name) = &nest.steps[at].details.state
    {
        let visit = nest.about[at].filter(|n| nest.visits[*n].name == *name);
        return Failing {
            state: Some(name.clone()),
            visit,
        };
    }
    let cause = end.step.and_then(|at| nest.cause[at]);
    let visit = cause
        .and_then(|from| walk_back(nest, from))
        .or_else(|| last_open(nest));
    // Where the events in between were not logged, the last failure that was is the best guess.
    let visit = visit.or_else(|| {
        let last = nest.steps.iter().rposition(|step| step.kind.is_failure());
        last.filter(|_| cause.is_none())
            .and_then(|at| nest.about[at])
    });
    Failing {
        state: visit
            .map(|n| nest.visits[n].name.clone())
            .filter(|name| !name.is_empty()),
        visit,
    }
}

fn named(nest: &Nest, name: &str, entered: Option<u64>) -> Failing {
    let fits = |n: &usize| nest.visits[*n].name == name;
    let by_id = entered
        .and_then(|id| nest.step_of(id))
        .and_then(|at| nest.about[at])
        .filter(fits);
    let visit = by_id.or_else(|| (0..nest.visits.len()).rev().find(fits));
    Failing {
        state: Some(name.to_owned()),
        visit,
    }
}

/// From what ended the execution to the state in which it began: the ends of Maps, Parallels and
/// iterations only pass a failure on.
fn walk_back(nest: &Nest, from: usize) -> Option<usize> {
    let mut at = from;
    while matches!(
        nest.steps[at].kind,
        Kind::BlockFailed(_)
            | Kind::BlockAborted(_)
            | Kind::IterationEnded(_)
            | Kind::StateAborted(_)
    ) {
        match nest.cause[at] {
            Some(cause) => at = cause,
            None => return nest.about[at],
        }
    }
    let open = |n: &usize| nest.visits[*n].exited.is_none();
    let about = nest.about[at].filter(open);
    about.or_else(|| {
        let container = nest.about[at].map(|n| nest.visits[n].container)?;
        nest.up(container).find_map(|node| match node {
            Node::Visit(n) if open(&n) => Some(n),
            _ => None,
        })
    })
}

/// The open state that was entered last: the innermost one on the way that was cut off.
fn last_open(nest: &Nest) -> Option<usize> {
    let over = |n: usize| {
        nest.up(nest.visits[n].container).any(|node| match node {
            Node::Visit(block) => nest.visits[block].exited.is_some(),
            Node::Run(run) => nest.runs[run].superseded.is_some(),
            Node::Iteration(iteration) => nest.iterations[iteration].ended.is_some(),
            _ => false,
        })
    };
    (0..nest.visits.len())
        .rev()
        .find(|n| nest.visits[*n].exited.is_none() && !over(*n))
}

/// Finds the failure that explains the end. Behind a Catch that led to a Fail state it is the caught one.
pub(super) fn root_cause(
    nest: &Nest,
    end: Option<End>,
    failing: &Failing,
    described: &Described,
) -> RootCause {
    let Some(end) = end.filter(|end| end.status != ExecutionStatus::Succeeded) else {
        return RootCause::default();
    };
    if let Some(root) = failing
        .visit
        .and_then(|visit| caught_before(nest, visit, described))
    {
        return root;
    }
    let terminal = end.step.map(|at| &nest.steps[at]);
    let error = match terminal {
        Some(step) => step.details.error.clone(),
        None => described.text("error").map(str::to_owned),
    };
    let cause = match terminal {
        Some(step) => step.details.cause.clone(),
        None => described.text("cause").map(str::to_owned),
    };
    let origin = end
        .step
        .and_then(|at| nest.cause[at])
        .map(|at| nest.source[at]);
    let event = origin
        .filter(|at| nest.steps[*at].kind.is_failure())
        .map(|at| &nest.steps[at]);
    RootCause {
        state: failing.state.clone(),
        error: event.and_then(|step| step.details.error.clone()).or(error),
        cause: event.and_then(|step| step.details.cause.clone()).or(cause),
        event_id: event.or(terminal).map(|step| step.id()),
    }
}

/// The caught failure that led to a Fail state: the nearest one among the states before it from which the workflow did not
/// recover.
fn caught_before(nest: &Nest, fail: usize, described: &Described) -> Option<RootCause> {
    if nest.visits[fail].state_type != "Fail" {
        return None;
    }
    let mut way = vec![fail];
    while let Some(before) = nest.visits[way[way.len() - 1]].predecessor {
        if nest.visits[before].caught && !recovered(nest, before, &way, described) {
            return Some(caught_failure(nest, before, described));
        }
        way.push(before);
    }
    if way.iter().any(|visit| nest.visits[*visit].caught) {
        return None;
    }
    let visit = way[way.len() - 1];
    // Where the log leaves out what lies between, the failure logged last before is the best guess.
    let first = nest.visits[visit].first;
    let previous = nest.steps[first].event.previous_event_id;
    if previous == 0 || nest.cause[first].is_some() {
        return None;
    }
    let at = (0..first)
        .rev()
        .find(|at| nest.steps[*at].kind.is_failure())?;
    Some(root_of(nest, at, None))
}

/// True when the definition says that the workflow went on as if nothing had happened: where the Catch led lies on the ordinary
/// way too, a task did its work after it, and no choice looked at what was caught. `way` are the visits after it, the last
/// one first.
fn recovered(nest: &Nest, caught: usize, way: &[usize], described: &Described) -> bool {
    let visit = |n: &usize| &nest.visits[*n];
    let (Some(next), Some(state)) = (way.last(), described.state(&nest.visits[caught].name)) else {
        return false;
    };
    let next = &visit(next).name;
    let clauses = state.get("Catch").and_then(Value::as_array);
    let mut clauses = clauses.into_iter().flatten();
    let Some(clause) = clauses.find(|it| it.get("Next").and_then(Value::as_str) == Some(next))
    else {
        return false;
    };
    let looks = |n: &usize| {
        let choice = described.state(&visit(n).name).map(Value::to_string);
        visit(n).state_type == "Choice" && choice.is_none_or(|it| mentions(&it, clause))
    };
    let works = |n: &usize| visit(n).state_type == "Task" && !visit(n).caught;
    described.ordinarily_reaches(&nest.visits[caught].name, next)
        && way.iter().any(works)
        && !way.iter().any(looks)
}

/// True when a choice speaks of what the clause of a Catch puts into the data.
fn mentions(choice: &str, clause: &Value) -> bool {
    let path = clause.get("ResultPath").and_then(Value::as_str);
    let member = path.and_then(|path| path.rsplit(['.', '$']).next());
    let assigned = clause.get("Assign").and_then(Value::as_object);
    let names = assigned
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str());
    let names = names.chain(member).chain(["Error", "Cause"]);
    let mut names = names.filter(|name| !name.is_empty());
    names.any(|name| choice.contains(name))
}

fn caught_failure(nest: &Nest, visit: usize, described: &Described) -> RootCause {
    let exited = nest.visits[visit].exited;
    let cause = exited
        .and_then(|at| nest.cause[at])
        .or(nest.visits[visit].failure);
    let caught = exited.and_then(|at| error_output(nest.steps[at].details.output.as_deref()?));
    // What was caught may itself have ended in a Fail state behind a Catch.
    let inner = cause.and_then(|at| nest.about[nest.source[at]]);
    let inner = inner.filter(|inner| *inner != visit);
    if let Some(root) = inner.and_then(|inner| caught_before(nest, inner, described)) {
        return root;
    }
    match cause {
        Some(at) => root_of(nest, nest.source[at], caught),
        None => RootCause {
            state: Some(nest.visits[visit].name.clone()),
            ..RootCause::default()
        },
    }
}

fn root_of(nest: &Nest, at: usize, caught: Option<(String, Option<String>)>) -> RootCause {
    let step = &nest.steps[at];
    let name = nest.about[at]
        .map(|n| nest.visits[n].name.clone())
        .filter(|name| !name.is_empty());
    let (error, cause) = caught
        .map(|(error, cause)| (Some(error), cause))
        .unwrap_or_default();
    RootCause {
        state: name.or_else(|| step.details.state.clone()),
        error: step.details.error.clone().or(error),
        cause: step.details.cause.clone().or(cause),
        event_id: Some(step.id()),
    }
}

/// The `{"Error", "Cause"}` that a Catch puts into the output, near its top.
pub(super) fn error_output(output: &str) -> Option<(String, Option<String>)> {
    fn find(value: &Value, depth: usize) -> Option<(String, Option<String>)> {
        let members = value.as_object()?;
        if let Some(error) = members.get("Error").and_then(|error| error.as_str())
            && members.contains_key("Cause")
        {
            let cause = members
                .get("Cause")
                .and_then(|cause| cause.as_str())
                .map(str::to_owned);
            return Some((error.to_owned(), cause));
        }
        (depth < 3).then(|| members.values().find_map(|child| find(child, depth + 1)))?
    }
    if !output.contains("\"Error\"") {
        return None;
    }
    find(&serde_json::from_str(output).ok()?, 0)
}

/// What is missing, in words; `None` when every event from the first to the terminal one is held.
pub(super) fn missing(events: &[HistoryEvent], end: Option<End>) -> Option<String> {
    if events.is_empty() {
        return Some("no event is held, only a description".to_owned());
    }
    let gaps = gaps(events);
    let logged = events
        .iter()
        .all(|event| event.source == model::EventSource::Logs);
    let hint = if logged { log_level_hint(events) } else { "" };
    match (gaps.as_slice(), end) {
        ([], Some(End { step: Some(_), .. })) => None,
        ([], Some(End { status, .. })) => Some(format!(
            "the last events are missing: the description says {}",
            status.as_str()
        )),
        ([], None) => Some("still running".to_owned()),
        (gaps, end) => {
            let running = match end {
                Some(_) => "",
                None if hint.contains("level seems") => {
                    "; no end was seen, and at this level only a failure has one: it may have succeeded"
                }
                None => "; no end was seen",
            };
            let total: u64 = gaps
                .iter()
                .map(|(from, to)| to - from + 1)
                .fold(0, u64::saturating_add);
            let mut words: Vec<String> = gaps.iter().take(3).map(range).collect();
            if gaps.len() > 3 {
                words.push(format!("{} more ranges", gaps.len() - 3));
            }
            let verb = if total == 1 { "event" } else { "events" };
            let be = if total == 1 { "is" } else { "are" };
            Some(format!(
                "{verb} {} {be} missing{hint}{running}",
                words.join(", ")
            ))
        }
    }
}

fn range((from, to): &(u64, u64)) -> String {
    if from == to {
        format!("{from}")
    } else {
        format!("{from}–{to}")
    }
}

/// True when no event is missing between the first and the last that is held.
pub(super) fn whole(events: &[&HistoryEvent]) -> bool {
    let mut ids: Vec<u64> = events.iter().map(|event| event.event_id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.last().is_none_or(|last| *last == ids.len() as u64)
}

/// The ranges of ids that are not held, from 1 to the last.
fn gaps(events: &[HistoryEvent]) -> Vec<(u64, u64)> {
    let mut ids: Vec<u64> = events.iter().map(|event| event.event_id).collect();
    ids.sort_unstable();
    let mut gaps = Vec::new();
    let mut next = 1_u64;
    for id in ids {
        if id > next {
            gaps.push((next, id - 1));
        }
        next = next.max(id.saturating_add(1));
    }
    gaps
}

/// The log level that explains what is there, by the documented sets of event types.
fn log_level_hint(events: &[HistoryEvent]) -> &'static str {
    let is_fatal = |word: &str| {
        matches!(
            word,
            "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut"
        )
    };
    let is_error = |word: &str| {
        is_fatal(word)
            || word == "FailStateEntered"
            || ["Failed", "Aborted", "TimedOut"]
                .iter()
                .any(|end| word.ends_with(end))
    };
    if events.iter().all(|event| is_fatal(&event.event_type)) {
        ": the log level seems to be FATAL"
    } else if events.iter().all(|event| is_error(&event.event_type)) {
        ": the log level seems to be ERROR"
    } else {
        ": log delivery is best effort"
    }
}
