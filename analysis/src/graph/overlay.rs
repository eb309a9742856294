//! What happened at the states and on the ways of a drawing.

use super::visits::Visits;
use model::api::graph::{Graph, GraphVisit, IterationGroup};
use model::{Attempt, Execution, SpanId, State, TraceId};
use std::collections::{BTreeMap, HashMap};

/// Visits told with each state.
const SOME: usize = 8;
/// Indices told with each group of iterations.
const INDICES: usize = 12;
/// Ways to end, worst first.
const WORST: [&str; 7] = [
    "FAILED",
    "TIMED_OUT",
    "CAUGHT",
    "RUNNING",
    "ABORTED",
    "UNKNOWN",
    "SUCCEEDED",
];

/// How a visit ended, with `CAUGHT` for a failure that a Catch took.
fn outcome(state: &State) -> &'static str {
    match state.status {
        status if status.is_failure() && state.caught => "CAUGHT",
        status => status.as_str(),
    }
}

fn badness(outcome: &str) -> usize {
    WORST
        .iter()
        .position(|word| *word == outcome)
        .unwrap_or(WORST.len())
}

/// Fills in what happened.
pub fn overlay(
    graph: &mut Graph,
    execution: &Execution,
    states: &[State],
    attempts: &[Attempt],
    visits: &Visits,
) {
    let places = Places::of(graph);
    let mut held: Vec<Vec<&State>> = vec![Vec::new(); graph.nodes.len()];
    let mut at_span: HashMap<SpanId, usize> = HashMap::new();
    for state in states {
        if let Some(place) = places.find(&state.state, &state.state_type, graph) {
            held[place].push(state);
            at_span.insert(state.span_id, place);
        }
    }
    let mut tries: Vec<Vec<&Attempt>> = vec![Vec::new(); graph.nodes.len()];
    for attempt in attempts {
        if let Some(place) = at_span.get(&attempt.parent_span_id) {
            tries[*place].push(attempt);
        }
    }
    for (at, visits) in held
        .iter()
        .enumerate()
        .filter(|(_, visits)| !visits.is_empty())
    {
        visited(graph, at, visits, execution.trace_id);
    }
    for (at, tries) in tries
        .iter()
        .enumerate()
        .filter(|(_, tries)| !tries.is_empty())
    {
        tried(graph, at, tries);
    }
    iterations(graph, states, &at_span, execution.trace_id);
    root_cause(graph, execution, states, attempts, &at_span);
    ways(graph, visits, &at_span, states);
}

/// Names of states are unique in a state machine.
struct Places(HashMap<String, usize>);

impl Places {
    fn of(graph: &Graph) -> Self {
        let named = graph
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| !node.name.is_empty());
        Places(named.map(|(at, node)| (node.name.clone(), at)).collect())
    }

    fn find(&self, name: &str, kind: &str, graph: &mut Graph) -> Option<usize> {
        let place = self.0.get(name).copied()?;
        if graph.nodes[place].kind.is_empty() {
            graph.nodes[place].kind = kind.to_owned();
        }
        Some(place)
    }
}

fn visited(graph: &mut Graph, at: usize, visits: &[&State], own: TraceId) {
    let node = &mut graph.nodes[at];
    let mut counts: BTreeMap<usize, (String, u32)> = BTreeMap::new();
    let mut errors: BTreeMap<&str, u32> = BTreeMap::new();
    for state in visits {
        let word = outcome(state);
        counts
            .entry(badness(word))
            .or_insert((word.to_owned(), 0))
            .1 += 1;
        if let Some(error) = &state.error {
            *errors.entry(error).or_default() += 1;
        }
        let length = state.duration_ns.unwrap_or(0).max(0);
        node.time_ns = node.time_ns.saturating_add(length);
        node.longest_ns = node.longest_ns.max(length);
        node.attempts += state.attempts;
        node.retries += state.retries + state.block_retries;
    }
    node.visits = visits.len() as u32;
    node.outcomes = counts.into_values().collect();
    node.status = node
        .outcomes
        .first()
        .map(|(word, _)| word.clone())
        .unwrap_or_default();
    node.errors = ranked(errors);
    let mut order: Vec<&&State> = visits.iter().collect();
    order.sort_by_key(|state| (badness(outcome(state)), -state.duration_ns.unwrap_or(0)));
    node.some = order
        .into_iter()
        .take(SOME)
        .map(|state| told(state, own))
        .collect();
}

/// The execution of its own that a state is in, if it is not the one that is drawn: an item of a distributed Map.
fn elsewhere(trace: TraceId, own: TraceId) -> Option<String> {
    (trace != own).then(|| trace.to_string())
}

fn told(state: &State, own: TraceId) -> GraphVisit {
    GraphVisit {
        execution: elsewhere(state.trace_id, own),
        span_id: state.span_id.to_string(),
        path: state.path.clone(),
        status: outcome(state).to_owned(),
        error: state.error.clone(),
        duration_ns: state.duration_ns,
    }
}

fn ranked(counts: BTreeMap<&str, u32>) -> Vec<(String, u32)> {
    let mut out: Vec<(String, u32)> = counts
        .into_iter()
        .map(|(word, n)| (word.to_owned(), n))
        .collect();
    out.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    out
}

/// A task is known best by what was called, and its errors by the tries.
fn tried(graph: &mut Graph, at: usize, tries: &[&Attempt]) {
    let node = &mut graph.nodes[at];
    if let Some(name) = tries
        .iter()
        .find_map(|attempt| attempt.function_name.clone())
    {
        node.subject = name;
    } else if let (true, Some(first)) = (node.subject.is_empty(), tries.first()) {
        node.subject = super::definition::cut(
            &format!(
                "{} {}",
                first.resource_type,
                super::last_part(&first.resource)
            ),
            60,
        );
    }
    let mut errors: BTreeMap<&str, u32> = BTreeMap::new();
    for error in tries.iter().filter_map(|attempt| attempt.error.as_deref()) {
        *errors.entry(error).or_default() += 1;
    }
    if !errors.is_empty() {
        node.errors = ranked(errors);
    }
}

/// Iterations of Maps, grouped by how they ended: as the last state visited in them did.
fn iterations(graph: &mut Graph, states: &[State], at_span: &HashMap<SpanId, usize>, own: TraceId) {
    // Span of the iteration → its last visit.
    let mut last: HashMap<SpanId, &State> = HashMap::new();
    for state in states
        .iter()
        .filter(|state| state.iteration_index.is_some())
    {
        let held = last.entry(state.parent_span_id).or_insert(state);
        if state.entered_event_id >= held.entered_event_id {
            *held = state;
        }
    }
    // Node of the Map → outcome and error → indices and a span.
    type Groups<'a> = BTreeMap<(usize, Option<&'a str>), (Vec<u32>, SpanId, TraceId)>;
    let mut groups: HashMap<usize, Groups> = HashMap::new();
    for state in last.into_values() {
        let Some(map) = at_span
            .get(&state.span_id)
            .and_then(|at| graph.nodes[*at].parent)
        else {
            continue;
        };
        if graph.nodes[map as usize].kind != "Map" {
            continue;
        }
        let word = outcome(state);
        let error = state.error.as_deref().filter(|_| word != "SUCCEEDED");
        let group = groups.entry(map as usize).or_default();
        let entry = group.entry((badness(word), error)).or_insert((
            Vec::new(),
            state.span_id,
            state.trace_id,
        ));
        let index = state.iteration_index.unwrap_or(0);
        if entry.0.iter().all(|held| index < *held) {
            (entry.1, entry.2) = (state.span_id, state.trace_id);
        }
        entry.0.push(index);
    }
    for (at, groups) in groups {
        graph.nodes[at].iterations = groups
            .into_iter()
            .map(|((bad, error), (mut indices, span_id, trace))| {
                indices.sort_unstable();
                let count = indices.len() as u32;
                indices.truncate(INDICES);
                IterationGroup {
                    status: WORST.get(bad).copied().unwrap_or("UNKNOWN").to_owned(),
                    error: error.map(str::to_owned),
                    count,
                    indices,
                    span_id: span_id.to_string(),
                    execution: elsewhere(trace, own),
                }
            })
            .collect();
    }
}

/// The state of the failure that explains the end.
fn root_cause(
    graph: &mut Graph,
    execution: &Execution,
    states: &[State],
    attempts: &[Attempt],
    at_span: &HashMap<SpanId, usize>,
) {
    let Some(event) = execution.root_event_id else {
        return;
    };
    let attempt = attempts
        .iter()
        .find(|attempt| attempt.end_event_id == Some(event));
    let by_attempt = attempt.and_then(|attempt| at_span.get(&attempt.parent_span_id).copied());
    let by_name = || {
        let name = execution.root_state.as_deref()?;
        let state = states.iter().find(|state| state.state == name)?;
        at_span.get(&state.span_id).copied()
    };
    if let Some(at) = by_attempt.or_else(by_name) {
        graph.nodes[at].root_cause = true;
    }
}

/// Counts how often each way was taken.
fn ways(graph: &mut Graph, visits: &Visits, at_span: &HashMap<SpanId, usize>, states: &[State]) {
    let mut edges: HashMap<(u32, u32, bool), usize> = HashMap::new();
    let mut ends: HashMap<u32, usize> = HashMap::new();
    let mut starts: HashMap<u32, usize> = HashMap::new();
    for (at, edge) in graph.edges.iter().enumerate() {
        edges
            .entry((edge.from, edge.to, edge.kind == "catch"))
            .or_insert(at);
        let kind = |node: u32| {
            graph
                .nodes
                .get(node as usize)
                .map_or("", |node| node.kind.as_str())
        };
        if kind(edge.to) == "end" {
            ends.insert(edge.from, at);
        }
        if kind(edge.from) == "start" {
            starts.insert(edge.to, at);
        }
    }
    for (from, to) in visits.steps() {
        let Some(from_place) = at_span.get(&from.span_id).map(|at| *at as u32) else {
            continue;
        };
        let edge = match to {
            None => ends.get(&from_place),
            Some(to) => at_span.get(&to.span_id).and_then(|to| {
                let key = |caught| edges.get(&(from_place, *to as u32, caught));
                key(from.caught).or_else(|| key(!from.caught))
            }),
        };
        if let Some(edge) = edge {
            graph.edges[*edge].taken += 1;
        }
    }
    // The first visit of every execution, iteration and branch came from its begin.
    let mut begun = std::collections::HashSet::new();
    for state in states {
        if begun.insert(state.parent_span_id)
            && let Some(place) = at_span.get(&state.span_id)
            && let Some(edge) = starts.get(&(*place as u32))
        {
            graph.edges[*edge].taken += 1;
        }
    }
    // Fail ends, too: its line to the end was taken although it failed.
    for node in 0..graph.nodes.len() {
        let (kind, visits) = (&graph.nodes[node].kind, graph.nodes[node].visits);
        if let ("Fail", Some(edge)) = (kind.as_str(), ends.get(&(node as u32))) {
            graph.edges[*edge].taken = visits;
        }
    }
}
