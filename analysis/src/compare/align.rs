//! State by state: the visits of an execution beside those of its twins. Visits are the same when they are at
//! the same place in the tree, the same time around; what order Maps and Parallels ran in does not count.

use crate::baseline::Run;
use model::text::counted;
use model::{
    Execution, Invocation, SpanId, State,
    compare::{AlignedState, AlignedVisit, Compared, Twins},
    time::human_duration,
};
use std::collections::{HashMap, HashSet};

/// Rows that are shown at most.
const MOST_ROWS: usize = 5_000;
/// Less than this is noise, nanoseconds.
const NOISE_NS: i64 = 20_000_000;

/// The head of one side.
pub fn compared(execution: &Execution, distance: f64) -> Compared {
    Compared {
        execution_arn: execution.execution_arn.clone(),
        trace_id: execution.trace_id.to_string(),
        name: execution.name.clone(),
        state_machine: execution.state_machine.clone(),
        version: execution.state_machine_version.clone(),
        status: execution.status.as_str().to_owned(),
        start_time: execution.start_time.0.to_string(),
        duration_ns: execution.duration_ns,
        input_bytes: bytes(&execution.input),
        distance,
    }
}

/// The subject beside its twins, given nearest first with their distances.
pub fn align(subject: &Run<'_>, twins: &[(Run<'_>, f64)], candidates: u32) -> Twins {
    let own = Side::of(subject);
    let others: Vec<Side<'_>> = twins.iter().map(|(run, _)| Side::of(run)).collect();
    let mut states = Vec::new();
    for key in order(&own, &others) {
        states.push(row(&key, &own, &others));
    }
    let added = added(subject, twins);
    for state in &mut states {
        state.differences = differences(state, added);
    }
    let diverges_at = divergence(&states);
    Twins {
        subject: compared(subject.execution, 0.0),
        twins: twins
            .iter()
            .map(|(run, distance)| compared(run.execution, *distance))
            .collect(),
        candidates,
        divergence: diverges_at.map(|n: u32| {
            let state = &states[n as usize];
            format!("{}: {}", state.path, state.differences.join(", "))
        }),
        diverges_at,
        states,
    }
}

/// Path, and how often it was visited before (a loop comes back).
type Key = (String, u32);

struct Side<'a> {
    run: Run<'a>,
    keys: Vec<Key>,
    visits: HashMap<Key, &'a State>,
    versions: HashMap<SpanId, String>,
}

impl<'a> Side<'a> {
    fn of(run: &Run<'a>) -> Self {
        let mut states: Vec<&State> = run.states.iter().collect();
        states.sort_by_key(|state| (state.redrive_count, state.entered_event_id));
        let mut seen: HashMap<&str, u32> = HashMap::new();
        let mut side = Side {
            run: *run,
            keys: Vec::with_capacity(states.len()),
            visits: HashMap::with_capacity(states.len()),
            versions: versions(run),
        };
        for state in states.into_iter().take(MOST_ROWS) {
            let times = seen.entry(&state.path).or_default();
            let key = (state.path.clone(), *times);
            *times += 1;
            side.visits.insert(key.clone(), state);
            side.keys.push(key);
        }
        side
    }

    fn visit(&self, key: &Key) -> Option<AlignedVisit> {
        let state = self.visits.get(key)?;
        Some(AlignedVisit {
            span_id: state.span_id.to_string(),
            offset_ns: state.start_time.since(self.run.execution.start_time),
            duration_ns: state.duration_ns,
            status: state.status.as_str().to_owned(),
            caught: state.caught,
            error: state.error.clone(),
            attempts: state.attempts,
            retries: state.retries,
            input_bytes: bytes(&state.input),
            output_bytes: bytes(&state.output),
            function_version: self.versions.get(&state.span_id).cloned(),
        })
    }
}

/// Version of the function that ran in a visit.
fn versions(run: &Run<'_>) -> HashMap<SpanId, String> {
    let invocations: HashMap<SpanId, &Invocation> =
        run.invocations.iter().map(|it| (it.span_id, it)).collect();
    let visits: HashMap<SpanId, SpanId> = run
        .attempts
        .iter()
        .map(|it| (it.span_id, it.parent_span_id))
        .collect();
    let joined = run
        .joins
        .iter()
        .filter(|join| join.child.kind == "invocation");
    joined
        .filter_map(|join| {
            let visit = visits.get(&join.parent.span_id)?;
            let version = invocations
                .get(&join.child.span_id)?
                .function_version
                .clone()?;
            Some((*visit, version))
        })
        .collect()
}

/// The subject's visits in their order; those of twins only stand behind the one that came before them there.
fn order(own: &Side<'_>, others: &[Side<'_>]) -> Vec<Key> {
    let mut held: HashSet<&Key> = own.keys.iter().collect();
    let mut behind: HashMap<Option<&Key>, Vec<&Key>> = HashMap::new();
    for side in others {
        let mut before = None;
        for key in &side.keys {
            if own.visits.contains_key(key) {
                before = Some(key);
            } else if held.insert(key) {
                behind.entry(before).or_default().push(key);
            }
        }
    }
    let mut keys: Vec<Key> = Vec::new();
    let mut add = |after: Option<&Key>| {
        keys.extend(after.cloned());
        keys.extend(
            behind
                .get(&after)
                .into_iter()
                .flatten()
                .map(|key| (*key).clone()),
        );
    };
    add(None);
    own.keys.iter().for_each(|key| add(Some(key)));
    keys.truncate(MOST_ROWS);
    keys
}

fn row(key: &Key, own: &Side<'_>, others: &[Side<'_>]) -> AlignedState {
    let mut sides = std::iter::once(own).chain(others);
    let any = sides.find_map(|side| side.visits.get(key));
    let subject = own.visit(key);
    let twins: Vec<Option<AlignedVisit>> = others.iter().map(|side| side.visit(key)).collect();
    let durations = twins
        .iter()
        .flatten()
        .filter_map(|it| it.duration_ns)
        .collect();
    let delta_ns = subject
        .as_ref()
        .and_then(|it| it.duration_ns)
        .zip(median(durations))
        .map(|(own, usual)| own.saturating_sub(usual));
    AlignedState {
        path: key.0.clone(),
        state: any.map(|it| it.state.clone()).unwrap_or_default(),
        state_type: any.map(|it| it.state_type.clone()).unwrap_or_default(),
        subject,
        twins,
        delta_ns,
        differences: Vec::new(),
    }
}

/// How much longer the subject took than its twins.
fn added(subject: &Run<'_>, twins: &[(Run<'_>, f64)]) -> i64 {
    let durations = twins
        .iter()
        .filter_map(|(run, _)| run.execution.duration_ns)
        .collect();
    let own = subject.execution.duration_ns.or_else(|| {
        let ends = subject.states.iter().filter_map(|state| state.end_time);
        Some(ends.max()?.since(subject.execution.start_time))
    });
    let usual = median(durations);
    own.zip(usual)
        .map_or(0, |(own, usual)| own.saturating_sub(usual))
}

/// In what the subject differs from all of its twins.
fn differences(state: &AlignedState, added: i64) -> Vec<String> {
    let held: Vec<&AlignedVisit> = state.twins.iter().flatten().collect();
    if state.twins.is_empty() {
        return Vec::new();
    }
    let Some(own) = &state.subject else {
        let all = held.len() == state.twins.len();
        return if all {
            vec!["not visited".to_owned()]
        } else {
            Vec::new()
        };
    };
    if held.is_empty() {
        return vec![match &own.error {
            Some(error) => format!("only visited here, and failed with {error}"),
            None => "only visited here".to_owned(),
        }];
    }
    let mut found = Vec::new();
    let none = |like: &dyn Fn(&AlignedVisit) -> bool| !held.iter().any(|it| like(it));
    if none(&|it| it.status == own.status && it.error == own.error) {
        let error = own
            .error
            .as_ref()
            .map(|it| format!(" with {it}"))
            .unwrap_or_default();
        let caught = if own.caught { ", caught" } else { "" };
        found.push(format!("{}{error}{caught}", own.status.to_lowercase()));
    }
    if none(&|it| it.retries >= own.retries) {
        found.push(counted(own.retries.into(), "retry", "retries"));
    }
    if own.function_version.is_some() && none(&|it| it.function_version == own.function_version) {
        let usual = held[0].function_version.as_deref().unwrap_or("unknown");
        let version = own.function_version.as_deref().unwrap_or_default();
        found.push(format!("version {version} instead of {usual}"));
    }
    found.extend(size(
        own.input_bytes,
        held.iter().map(|it| it.input_bytes),
        "input",
    ));
    // What failed has no output.
    if own.output_bytes > 0 {
        found.extend(size(
            own.output_bytes,
            held.iter().map(|it| it.output_bytes),
            "output",
        ));
    }
    found.extend(slower(state, &held, own, added));
    found
}

/// More than twice the largest, or less than half of the smallest, and not tiny.
fn size(own: u64, twins: impl Iterator<Item = u64> + Clone, what: &str) -> Option<String> {
    let (least, most) = (twins.clone().min()?, twins.max()?);
    let bigger = own > most.saturating_mul(2) && own > most + 256;
    let smaller = own.saturating_mul(2) < least && own + 256 < least;
    let usual = match least == most {
        true => least.to_string(),
        false => format!("{least} to {most}"),
    };
    (bigger || smaller).then(|| format!("{what} of {own} bytes instead of {usual}"))
}

/// Slower or faster than every twin by a share that matters.
fn slower(
    state: &AlignedState,
    held: &[&AlignedVisit],
    own: &AlignedVisit,
    added: i64,
) -> Option<String> {
    let durations: Vec<i64> = held.iter().filter_map(|it| it.duration_ns).collect();
    let (least, most) = (*durations.iter().min()?, *durations.iter().max()?);
    let (delta, length) = (state.delta_ns?, own.duration_ns?);
    // One or two twins do not say how much a state varies.
    let usual_spread = if durations.len() < 3 {
        most / 2
    } else {
        most / 4
    };
    let spread = (most - least).max(usual_spread).max(NOISE_NS);
    let matters = added <= 0 || delta >= added / 10;
    (length > most.saturating_add(spread) && matters).then(|| {
        let (length, low, high) = (
            human_duration(length),
            human_duration(least),
            human_duration(most),
        );
        match low == high {
            true => format!("took {length} instead of {low}"),
            false => format!("took {length} instead of {low} to {high}"),
        }
    })
}

/// A difference that says little beside a failure: some time, or an item more or less.
fn is_slight(state: &AlignedState) -> bool {
    let item = state.path.contains('[');
    let slight = |it: &String| it.starts_with("took ") || item && it == "not visited";
    state.differences.iter().all(slight)
}

/// Ended badly, and none of the twins did so.
fn has_failed(state: &AlignedState) -> bool {
    let own = state.subject.as_ref();
    own.is_some_and(|it| !matches!(it.status.as_str(), "SUCCEEDED" | "RUNNING"))
        && !state.differences.is_empty()
}

/// The first row that differs; within a block that differs, the first part of it that does. Where something failed, a little
/// more time before it is not where they part.
fn divergence(states: &[AlignedState]) -> Option<u32> {
    let failed = states.iter().any(|it| has_failed(it) && !is_slight(it));
    let differs = |n: &usize| {
        let state = &states[*n];
        !(state.differences.is_empty() || failed && is_slight(state))
    };
    let mut at = (0..states.len()).find(differs)?;
    loop {
        let inside = |n: &usize| {
            let rest = states[*n].path.strip_prefix(states[at].path.as_str());
            rest.is_some_and(|rest| rest.starts_with(['[', '{']))
        };
        let within: Vec<usize> = (at + 1..states.len())
            .filter(inside)
            .filter(differs)
            .collect();
        // What failed itself comes before what was cut off with it.
        let cut_off = |n: &&usize| {
            states[**n]
                .subject
                .as_ref()
                .is_some_and(|it| it.status == "ABORTED")
        };
        let next = within.iter().find(|n| !cut_off(n)).or(within.first());
        match next {
            Some(next) => at = *next,
            None => return u32::try_from(at).ok(),
        }
    }
}

fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

fn bytes(text: &Option<String>) -> u64 {
    text.as_ref().map_or(0, |text| text.len() as u64)
}
