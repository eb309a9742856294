//! A case with its records found quickly: what ran inside what, and which lines belong to it.

use super::{
    Case, Profile, World, callees,
    charges::{self, Forest},
    joblogs, onset,
};
use model::{
    Attempt, Attributes, HistoryEvent, Invocation, Job, Join, LogRecord, Span, SpanId, State,
    TraceId, UnixNanos, Value,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Spans of one attempt that are looked at.
const MOST_SPANS: usize = 5_000;
/// Siblings that make a habit.
const HABIT: usize = 3;

/// A case, indexed.
pub(crate) struct Scene<'a> {
    pub case: &'a Case,
    pub world: &'a World,
    /// Sibling executions that went well.
    pub healthy: Vec<&'a Profile>,
    /// The definition as it ran.
    pub definition: Option<serde_json::Value>,
    visits: HashMap<SpanId, usize>,
    tries: HashMap<SpanId, Vec<usize>>,
    invoked: HashMap<SpanId, Vec<(usize, usize)>>,
    below: HashMap<(TraceId, SpanId), Vec<usize>>,
    joined: HashMap<SpanId, Vec<usize>>,
    lines: HashMap<&'a str, Vec<usize>>,
    said: HashMap<(TraceId, SpanId), Vec<usize>>,
    events: HashMap<u64, usize>,
    jobs: HashMap<&'a str, usize>,
    /// What functions called below each attempt, as far as it is believed.
    called: HashMap<SpanId, Vec<usize>>,
    /// Lines of the job that an attempt waited for.
    worked: HashMap<SpanId, Vec<usize>>,
    /// Who answers at which address, by this execution and its siblings.
    answered: Arc<charges::Answered>,
    /// Spans whose parents are not held, by trace.
    orphans: HashMap<TraceId, Vec<usize>>,
}

/// States whose Catch a good part of the successful siblings takes, and did so before the execution: a way like any
/// other.
fn habits(world: &World, start: UnixNanos) -> HashSet<&str> {
    let well: Vec<&Profile> = world
        .peers
        .iter()
        .filter(|it| it.succeeded)
        .map(|it| &**it)
        .collect();
    let names = well.iter().flat_map(|it| &it.states);
    let names: HashSet<&str> = names
        .filter(|(_, it)| it.caught > 0)
        .map(|(name, _)| name.as_str())
        .collect();
    let habitual = |name: &&str| {
        let takes = |it: &Profile| it.states.get(*name).is_some_and(|it| it.caught > 0);
        let fit = onset::fit(&well, start, takes);
        let with = fit.iter().filter(|it| takes(it)).count();
        with >= HABIT && with * 4 >= fit.len()
    };
    names.into_iter().filter(habitual).collect()
}

/// Siblings that went well, without those that were slow of the same incident.
fn healthy<'a>(case: &Case, world: &'a World) -> Vec<&'a Profile> {
    let execution = &case.execution;
    let habits = habits(world, execution.start_time);
    let by_design = |peer: &Profile| {
        let mut caught = peer.states.iter().filter(|(_, it)| it.caught > 0);
        peer.succeeded && caught.all(|(state, _)| habits.contains(state.as_str()))
    };
    let all: Vec<&Profile> = world
        .peers
        .iter()
        .filter(|peer| peer.healthy || by_design(peer))
        .map(|peer| &**peer)
        .collect();
    onset::quick(&all, execution.start_time, execution.duration_ns)
}

/// Who answers at which address.
fn answered(case: &Case, world: &World) -> charges::Answered {
    let mut all = Forest::new(case.spans.iter().collect()).answered();
    for span in case.spans.iter().filter(|it| !it.service_name.is_empty()) {
        let name = &span.service_name;
        all.entry(name.clone()).or_insert_with(|| name.clone());
    }
    for peer in &world.peers {
        for (address, name) in &peer.answered {
            all.entry(address.clone()).or_insert_with(|| name.clone());
        }
    }
    all
}

impl<'a> Scene<'a> {
    pub fn new(case: &'a Case, world: &'a World) -> Self {
        let mut scene = Scene {
            case,
            world,
            healthy: healthy(case, world),
            definition: case
                .execution
                .definition
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok()),
            visits: HashMap::new(),
            tries: HashMap::new(),
            invoked: HashMap::new(),
            below: HashMap::new(),
            joined: HashMap::new(),
            lines: HashMap::new(),
            said: HashMap::new(),
            events: HashMap::new(),
            jobs: HashMap::new(),
            called: HashMap::new(),
            worked: HashMap::new(),
            answered: answered(case, world).into(),
            orphans: HashMap::new(),
        };
        scene.index_workflow();
        scene.index_telemetry();
        scene.index_called();
        scene.index_jobs();
        scene
    }

    fn index_workflow(&mut self) {
        let case = self.case;
        for (n, visit) in case.states.iter().enumerate() {
            self.visits.insert(visit.span_id, n);
        }
        for (n, attempt) in case.attempts.iter().enumerate() {
            self.tries
                .entry(attempt.parent_span_id)
                .or_default()
                .push(n);
        }
        for (n, event) in case.events.iter().enumerate() {
            self.events.insert(event.event_id, n);
        }
        for (n, job) in case.jobs.iter().enumerate() {
            self.jobs.insert(&job.job_id, n);
        }
    }

    fn index_telemetry(&mut self) {
        let case = self.case;
        let invocations: HashMap<SpanId, usize> = case
            .invocations
            .iter()
            .enumerate()
            .map(|(n, it)| (it.span_id, n))
            .collect();
        let spans: HashMap<(TraceId, SpanId), usize> = case
            .spans
            .iter()
            .enumerate()
            .map(|(n, it)| ((it.trace_id, it.span_id), n))
            .collect();
        for (n, join) in case.joins.iter().enumerate() {
            if let Some(invocation) = invocations.get(&join.child.span_id)
                && join.child.kind == "invocation"
            {
                let of = self.invoked.entry(join.parent.span_id).or_default();
                of.push((*invocation, n));
            }
            if let Some(span) = spans.get(&(join.child.trace_id, join.child.span_id)) {
                self.joined
                    .entry(join.parent.span_id)
                    .or_default()
                    .push(*span);
            }
        }
        for (n, span) in case.spans.iter().enumerate() {
            let above = (span.trace_id, span.parent_span_id);
            if !span.parent_span_id.is_zero() && !spans.contains_key(&above) {
                self.orphans.entry(span.trace_id).or_default().push(n);
            }
            if !span.parent_span_id.is_zero() {
                self.below
                    .entry((span.trace_id, span.parent_span_id))
                    .or_default()
                    .push(n);
            }
        }
        for (n, log) in case.logs.iter().enumerate() {
            if !log.request_id.is_empty() {
                self.lines.entry(&log.request_id).or_default().push(n);
            } else if !log.span_id.is_zero() {
                self.said
                    .entry((log.trace_id, log.span_id))
                    .or_default()
                    .push(n);
            }
        }
    }

    /// Lines of jobs, by the streams that hold the id of the run.
    fn index_jobs(&mut self) {
        let keys = joblogs::keys(self.case);
        if keys.is_empty() {
            return;
        }
        let mut of_stream: HashMap<&str, Vec<SpanId>> = HashMap::new();
        for (n, log) in self.case.logs.iter().enumerate() {
            if log.log_stream.is_empty() || !log.request_id.is_empty() {
                continue;
            }
            let of = of_stream.entry(&log.log_stream).or_insert_with(|| {
                let fits = keys.iter().filter(|it| it.fits(&log.log_stream));
                let mut of: Vec<SpanId> = fits.map(|it| it.attempt).collect();
                of.sort_unstable();
                of.dedup();
                of
            });
            for attempt in of {
                self.worked.entry(*attempt).or_default().push(n);
            }
        }
    }

    /// Lines of the job that an attempt waited for, in order of time.
    pub fn job_lines(&self, attempt: &Attempt) -> Vec<&'a LogRecord> {
        let found = self.worked.get(&attempt.span_id).into_iter().flatten();
        let mut lines: Vec<&LogRecord> = found.map(|n| &self.case.logs[*n]).collect();
        lines.sort_by_key(|it| (it.time, it.log_id));
        lines
    }

    /// Who is known by his time alone is believed where healthy runs call him as well.
    fn index_called(&mut self) {
        let known = |name: &str| {
            let with = self.healthy.iter();
            let with = with.filter(|it| it.functions.contains_key(name)).count();
            with >= HABIT && with * 2 >= self.healthy.len()
        };
        let mut found: HashMap<SpanId, Vec<usize>> = HashMap::new();
        let mut heads: Vec<(SpanId, usize)> = Vec::new();
        // What an execution whose history is held did is told by that.
        let told = |it: &&Attempt| self.child(it).is_some();
        let attempts = self.case.attempts.iter();
        let told: HashSet<SpanId> = attempts.filter(told).map(|it| it.span_id).collect();
        for (n, callee) in self.case.called.iter().enumerate() {
            if told.contains(&callee.attempt) {
                continue;
            }
            if !callee.named && !known(&callee.invocation.function_name) {
                continue;
            }
            found.entry(callee.attempt).or_default().push(n);
            let spans = self.case.spans.iter().enumerate();
            let own = spans.filter(|(_, it)| callees::runs_in(it, &callee.invocation));
            heads.extend(own.map(|(span, _)| (callee.attempt, span)));
        }
        for (attempt, span) in heads {
            self.joined.entry(attempt).or_default().push(span);
        }
        self.called = found;
    }

    /// Who failed with the words of an execution of which nothing but its end is told.
    pub fn last_called(&self) -> Option<&'a Invocation> {
        let found = self.called.get(&SpanId::default()).into_iter().flatten();
        let all = found.map(|n| &self.case.called[*n].invocation);
        all.max_by_key(|it| (it.end_time, it.span_id))
    }

    /// What functions called below an attempt, in order of their start.
    pub fn callees(&self, attempt: &Attempt) -> Vec<&'a Invocation> {
        let found = self.called.get(&attempt.span_id).into_iter().flatten();
        found.map(|n| &self.case.called[*n].invocation).collect()
    }

    /// Whether somebody names a callee; else it is known by its time.
    pub fn is_named(&self, of: &Invocation) -> bool {
        let mut all = self.case.called.iter();
        all.any(|it| it.named && it.invocation.span_id == of.span_id)
    }

    /// Spans of an invocation that a function made, and those below them.
    pub fn spans_of(&self, callee: &Invocation) -> Vec<&'a Span> {
        let all = self.case.spans.iter().enumerate();
        let own = all.filter(|(_, it)| callees::runs_in(it, callee));
        let mut queue: Vec<usize> = own.map(|(n, _)| n).collect();
        let mut seen: HashSet<usize> = HashSet::new();
        let mut found = Vec::new();
        let mut at = 0;
        while at < queue.len() && found.len() < MOST_SPANS {
            let n = queue[at];
            at += 1;
            if seen.insert(n) {
                let span = &self.case.spans[n];
                found.push(span);
                let below = self.below.get(&(span.trace_id, span.span_id));
                queue.extend(below.into_iter().flatten());
            }
        }
        found
    }

    pub fn visit(&self, span_id: SpanId) -> Option<&'a State> {
        self.visits.get(&span_id).map(|n| &self.case.states[*n])
    }

    /// The state visit that an attempt belongs to.
    pub fn visit_of(&self, attempt: &Attempt) -> Option<&'a State> {
        self.visit(attempt.parent_span_id)
    }

    /// The tries of a visit, in order.
    pub fn tries(&self, visit: &State) -> Vec<&'a Attempt> {
        let found = self.tries.get(&visit.span_id).into_iter().flatten();
        found.map(|n| &self.case.attempts[*n]).collect()
    }

    /// Invocations that an attempt made, with the joins that say so.
    pub fn invocations(&self, attempt: &Attempt) -> Vec<(&'a Invocation, &'a Join)> {
        let found = self.invoked.get(&attempt.span_id).into_iter().flatten();
        found
            .map(|(invocation, join)| {
                (&self.case.invocations[*invocation], &self.case.joins[*join])
            })
            .collect()
    }

    /// The surest invocation of an attempt; none if several fit equally.
    pub fn invocation(&self, attempt: &Attempt) -> Option<(&'a Invocation, &'a Join)> {
        let mut all = self.invocations(attempt);
        all.sort_by(|a, b| {
            let surer = b.1.confidence.total_cmp(&a.1.confidence);
            surer.then_with(|| (a.0.start_time, a.0.span_id).cmp(&(b.0.start_time, b.0.span_id)))
        });
        let first = all.first().copied()?;
        let tied = all
            .get(1)
            .is_some_and(|it| it.1.confidence >= first.1.confidence);
        (!tied || first.1.confidence >= 1.0).then_some(first)
    }

    /// Spans of the traces of an attempt whose parents are lost, and which began while it ran: a sandbox that is
    /// killed exports nothing of its own, and samplers drop spans.
    fn orphans_of(&self, attempt: &Attempt, heads: &[usize]) -> Vec<usize> {
        let invocations = self.invocations(attempt);
        let rooted = invocations
            .iter()
            .filter_map(|(it, _)| crate::lambda::xray_trace(it.xray_trace_id.as_deref()?));
        let headed = heads.iter().map(|n| self.case.spans[*n].trace_id);
        let mut traces: HashSet<TraceId> = rooted.chain(headed).collect();
        if heads.is_empty() && attempt.status.is_failure() {
            traces.extend(self.traces_beside(attempt));
        }
        let mut all: Vec<usize> = traces
            .iter()
            .filter_map(|it| self.orphans.get(it))
            .flatten()
            .copied()
            .filter(|n| {
                let began = self.case.spans[*n].start_time;
                let end = attempt.end_time.unwrap_or(model::UnixNanos(i64::MAX));
                began >= attempt.start_time && began <= end
            })
            .collect();
        all.sort_unstable();
        all
    }

    /// The traces of the tries beside one that failed without a span of its own, where no other one was at work meanwhile:
    /// what a function that was cut off called goes on in the trace of the run.
    fn traces_beside(&self, attempt: &Attempt) -> HashSet<TraceId> {
        let end = |it: &Attempt| it.end_time.unwrap_or(UnixNanos(i64::MAX));
        let meanwhile = |it: &Attempt| {
            let other = it.span_id != attempt.span_id;
            other && it.start_time < end(attempt) && end(it) > attempt.start_time
        };
        if self.case.attempts.iter().any(meanwhile) {
            return HashSet::new();
        }
        let heads = self.joined.values().flatten();
        heads.map(|n| self.case.spans[*n].trace_id).collect()
    }

    /// Spans below an attempt and its invocations, parents before children.
    pub fn spans_below(&self, attempt: &Attempt) -> Vec<&'a Span> {
        let mut queue: Vec<usize> = Vec::new();
        let mut heads = vec![(attempt.trace_id, attempt.span_id)];
        heads.extend(
            self.invocations(attempt)
                .iter()
                .map(|(it, _)| (it.trace_id, it.span_id)),
        );
        for head in heads {
            queue.extend(self.joined.get(&head.1).into_iter().flatten());
            queue.extend(self.below.get(&head).into_iter().flatten());
        }
        queue.extend(self.orphans_of(attempt, &queue));
        let mut seen: HashSet<usize> = HashSet::new();
        let mut found = Vec::new();
        let mut at = 0;
        while at < queue.len() && found.len() < MOST_SPANS {
            let n = queue[at];
            at += 1;
            if !seen.insert(n) {
                continue;
            }
            let span = &self.case.spans[n];
            found.push(span);
            queue.extend(
                self.below
                    .get(&(span.trace_id, span.span_id))
                    .into_iter()
                    .flatten(),
            );
        }
        found
    }

    /// The spans as a forest that knows who answers where.
    pub fn forest<'s>(&self, spans: Vec<&'s Span>) -> Forest<'s> {
        Forest::new(spans).knowing(Arc::clone(&self.answered))
    }

    /// The name of the service at an address, or the address.
    pub fn service_at(&self, address: &str) -> String {
        charges::named(&self.answered, address)
            .unwrap_or_else(|| charges::own_name(address.to_owned()))
    }

    /// The service whose address, as calls know it, stands in a text.
    pub fn address_in(&self, words: &str) -> Option<String> {
        let inside = |address: &str| {
            let bare = address.split(':').next().unwrap_or(address);
            // A plain word may stand in any sentence.
            let telling = bare.len() > 3 && bare.contains(['.', '-', '_']) || address.contains(':');
            words.match_indices(bare).any(|(at, _)| {
                let of_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
                let (before, after) = (&words[..at], &words[at + bare.len()..]);
                let whole = !before.chars().next_back().is_some_and(of_name)
                    && !after.chars().next().is_some_and(of_name);
                whole && (telling || wraps(bare, before, after))
            })
        };
        let found = self.answered.iter().filter(|(address, _)| inside(address));
        let found = found.filter(|(_, name)| !self.is_function(name));
        found
            .max_by_key(|(address, _)| address.len())
            .map(|(_, name)| name.clone())
    }

    fn is_function(&self, name: &str) -> bool {
        let mut own = self.case.attempts.iter();
        own.any(|it| it.function_name.as_deref() == Some(name))
    }

    /// Lines of an invocation.
    pub fn lines(&self, invocation: &Invocation) -> Vec<&'a LogRecord> {
        let found = self
            .lines
            .get(invocation.request_id.as_str())
            .into_iter()
            .flatten();
        let lines = found.map(|n| &self.case.logs[*n]);
        lines
            .filter(|log| log.log_stream.is_empty() || log.log_stream == invocation.log_stream)
            .collect()
    }

    /// Records written inside a span.
    pub fn said(&self, span: &Span) -> Vec<&'a LogRecord> {
        let found = self
            .said
            .get(&(span.trace_id, span.span_id))
            .into_iter()
            .flatten();
        let mut records: Vec<_> = found.map(|n| &self.case.logs[*n]).collect();
        records.sort_by_key(|log| (log.time, log.log_id));
        records
    }

    /// The event with the highest id.
    pub fn last_event(&self) -> Option<&'a HistoryEvent> {
        self.case.events.iter().max_by_key(|it| it.event_id)
    }

    /// An event by its id.
    pub fn event(&self, id: u64) -> Option<&'a HistoryEvent> {
        self.events.get(&id).map(|n| &self.case.events[*n])
    }

    /// The job that an attempt waited for.
    pub fn job(&self, attempt: &Attempt) -> Option<&'a Job> {
        let n = self.jobs.get(attempt.job_id.as_deref()?)?;
        Some(&self.case.jobs[*n])
    }

    /// The history of an execution that an attempt started.
    pub fn child(&self, attempt: &Attempt) -> Option<&'a Case> {
        let arn = attempt.child_execution_arn.as_deref()?;
        self.case
            .children
            .iter()
            .find(|child| child.execution.execution_arn == arn)
    }

    /// A state's text in the definition, wherever it is nested.
    pub fn written(&self, state: &str) -> Option<&serde_json::Value> {
        find_state(self.definition.as_ref()?, state, 0)
    }
}

/// A plain name that stands where code that wraps an error puts whom it called: first of all, before a colon, as in
/// `ledger: 503 Service Unavailable`.
fn wraps(name: &str, before: &str, after: &str) -> bool {
    let first = before.is_empty() || before.ends_with('"') || before.ends_with(": ");
    name.len() > 3 && first && after.starts_with(": ")
}

fn find_state<'v>(
    value: &'v serde_json::Value,
    name: &str,
    depth: usize,
) -> Option<&'v serde_json::Value> {
    if depth > 24 {
        return None;
    }
    let states = value.get("States")?.as_object()?;
    if let Some(state) = states.get(name) {
        return Some(state);
    }
    states.values().find_map(|state| {
        let branches = state
            .get("Branches")
            .and_then(|it| it.as_array())
            .into_iter()
            .flatten();
        let inner = ["Iterator", "ItemProcessor"]
            .iter()
            .filter_map(|key| state.get(*key));
        branches
            .chain(inner)
            .find_map(|inner| find_state(inner, name, depth + 1))
    })
}

/// The text of the first attribute whose name ends so, after a dot or as a whole.
pub(crate) fn attribute(attributes: &Attributes, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let exact = attributes.get(*name);
        let suffixed = || {
            attributes
                .iter()
                .find(|(key, _)| {
                    key.strip_suffix(name)
                        .is_some_and(|rest| rest.ends_with('.'))
                })
                .map(|(_, value)| value)
        };
        exact.or_else(suffixed).and_then(plain)
    })
}

fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Array(items) => items.iter().filter_map(plain).collect::<Vec<_>>().join(","),
        _ => return None,
    };
    (!text.is_empty() && text != "-").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::wraps;

    #[test]
    fn a_plain_name_is_a_service_where_an_error_is_wrapped() {
        let check = |said: &str, name: &str, expect: bool| {
            let at = said.find(name).expect("the name");
            let found = wraps(name, &said[..at], &said[at + name.len()..]);
            assert_eq!(found, expect, "{said}")
        };
        check("ledger: 503 Service Unavailable", "ledger", true);
        check("\"ledger: 503\"", "ledger", true);
        check("book order: ledger: refused", "ledger", true);
        check("the ledger: it is closed", "ledger", false);
        check("ledger said no", "ledger", false);
    }
}
