//! Joins: which invocation was made by which attempt, for every execution whose answer may have changed.
//!
//! An execution is concerned when it changed itself, or when it has an attempt that may have made
//! an invocation that changed, or when another execution now claims an invocation by its id that
//! this one had guessed.

use super::{Assembler, Touched, group_by};
use analysis::joins;
use anyhow::Result;
use model::{
    Attempt, Execution, Invocation, Join, JoinMethod, Span, SpanId, TraceId, UnixNanos, Value,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::RangeInclusive,
};
use store::{Table, Unit, rows};

const SECOND: i64 = 1_000_000_000;
/// How far an invocation may start outside of its attempt: clocks differ, queues wait, and a sandbox may be ready when
/// nobody waits for it any more.
const SLACK: i64 = 12 * SECOND;
/// How long before an invocation its attempt may have started: the longest run of a function, and more
/// for a busy one.
const REACH: i64 = 6 * 3_600 * SECOND;
/// Executions whose joins are computed together, to bound memory.
const EXECUTIONS_AT_ONCE: usize = 2_000;
/// Attempts of other executions that are thought of when invocations are given to those of one.
const MOST_RIVALS: usize = 200;
/// Attributes by which a span of an application names the invocation it ran in.
const REQUEST_ID_ATTRIBUTES: [&str; 2] = ["faas.invocation_id", "aws.request_id"];

/// The invocation that a span says it ran in.
pub(super) fn request_id(span: &Span) -> Option<&str> {
    REQUEST_ID_ATTRIBUTES
        .iter()
        .find_map(|name| match span.attributes.get(*name) {
            Some(Value::String(id)) if !id.is_empty() => Some(id.as_str()),
            _ => None,
        })
}

/// Invocations by what leads to them.
#[derive(Default)]
struct Index {
    all: BTreeMap<TraceId, Invocation>,
    by_function: HashMap<String, Vec<(UnixNanos, TraceId)>>,
    by_request: HashMap<String, Vec<TraceId>>,
}

impl Index {
    fn new(invocations: impl IntoIterator<Item = Invocation>) -> Self {
        let mut index = Index::default();
        for invocation in invocations {
            index.all.insert(invocation.trace_id, invocation);
        }
        for invocation in index.all.values() {
            let at = (invocation.start_time, invocation.trace_id);
            index
                .by_function
                .entry(invocation.function_name.clone())
                .or_default()
                .push(at);
            index
                .by_request
                .entry(invocation.request_id.clone())
                .or_default()
                .push(invocation.trace_id);
        }
        for starts in index.by_function.values_mut() {
            starts.sort_unstable();
        }
        index
    }

    /// Invocations that an attempt may have made.
    fn near<'a>(&'a self, attempt: &'a Attempt) -> impl Iterator<Item = TraceId> + 'a {
        let from = UnixNanos(attempt.start_time.0.saturating_sub(SLACK));
        let to = UnixNanos(end_of(attempt).0.saturating_add(SLACK));
        let starts = attempt
            .function_name
            .as_ref()
            .and_then(|name| self.by_function.get(name));
        let by_time = starts.into_iter().flat_map(move |starts| {
            let first = starts.partition_point(|(start, _)| *start < from);
            starts[first..]
                .iter()
                .take_while(move |(start, _)| *start <= to)
                .map(|(_, id)| *id)
        });
        let named = attempt
            .request_id
            .as_ref()
            .and_then(|id| self.by_request.get(id));
        by_time.chain(named.into_iter().flatten().copied())
    }
}

/// True for an attempt of a function that is found by time only.
fn is_guessed(attempt: &Attempt) -> bool {
    attempt.function_name.is_some() && attempt.request_id.is_none()
}

/// Attempts that time alone joins, by the invocations that they may have made.
struct Rivals {
    all: Vec<Attempt>,
    by_invocation: HashMap<TraceId, Vec<usize>>,
}

impl Rivals {
    fn new(all: Vec<Attempt>, near: &Index) -> Self {
        let mut by_invocation: HashMap<TraceId, Vec<usize>> = HashMap::new();
        for (n, attempt) in all.iter().enumerate() {
            for id in near.near(attempt) {
                by_invocation.entry(id).or_default().push(n);
            }
        }
        Rivals { all, by_invocation }
    }

    /// Those of other executions that compete with these attempts for an invocation, the nearest in time.
    fn of(&self, execution: TraceId, own: &[Attempt], near: &Index) -> Vec<Attempt> {
        let guessed = || own.iter().filter(|attempt| is_guessed(attempt));
        let ids: BTreeSet<TraceId> = guessed().flat_map(|it| near.near(it)).collect();
        let competing = ids.iter().filter_map(|id| self.by_invocation.get(id));
        let competing: BTreeSet<usize> = competing.flatten().copied().collect();
        let others = competing.into_iter().map(|n| &self.all[n]);
        let mut others: Vec<&Attempt> = others.filter(|it| it.trace_id != execution).collect();
        if others.len() > MOST_RIVALS {
            let starts = || guessed().map(|it| it.start_time.0);
            let far = |it: &&Attempt| starts().map(|at| at.abs_diff(it.start_time.0)).min();
            others.sort_by_cached_key(|it| (far(it), it.span_id));
            others.truncate(MOST_RIVALS);
        }
        others.into_iter().cloned().collect()
    }
}

/// When an attempt ended; one that runs may still call.
fn end_of(attempt: &Attempt) -> UnixNanos {
    let open_end = UnixNanos(attempt.start_time.0.saturating_add(REACH));
    attempt.end_time.unwrap_or(open_end)
}

impl Assembler {
    /// Computes joins anew for every execution concerned, and replaces those that differ.
    pub(super) async fn rejoin(&self, touched: &mut Touched) -> Result<()> {
        self.invocations_of_spans(touched).await?;
        let own: Vec<TraceId> = touched.executions.iter().copied().collect();
        let mut concerned = touched.executions.clone();
        let mut changed = touched.invocations.clone();
        for part in own.chunks(EXECUTIONS_AT_ONCE) {
            let attempts = self.held.attempts(part).await?;
            changed.extend(self.invocations_near(&attempts).await?);
        }
        concerned.extend(self.executions_near(changed).await?);
        concerned.extend(self.parents_of(&touched.executions).await?);
        concerned.append(&mut touched.rejoined);
        let list: Vec<TraceId> = concerned.iter().copied().collect();
        touched.concerned.clone_from(&concerned);
        for part in list.chunks(EXECUTIONS_AT_ONCE) {
            self.join_executions(part, touched).await?;
        }
        self.cover(concerned, touched).await
    }

    async fn invocations_of_spans(&self, touched: &mut Touched) -> Result<()> {
        if touched.request_ids.is_empty() {
            return Ok(());
        }
        let named = self
            .held
            .invocations_where("request_id", &touched.request_ids, None)
            .await?;
        touched.invocations.extend(named);
        Ok(())
    }

    /// Invocations that these attempts may have made.
    async fn invocations_near(&self, attempts: &[Attempt]) -> Result<Vec<Invocation>> {
        let functions: BTreeSet<String> = attempts
            .iter()
            .filter_map(|it| it.function_name.clone())
            .collect();
        let requests: BTreeSet<String> = attempts
            .iter()
            .filter_map(|it| it.request_id.clone())
            .collect();
        let calling = attempts.iter().filter(|it| it.function_name.is_some());
        let window = calling
            .map(|it| it.start_time.0..=end_of(it).0)
            .reduce(|a, b| *a.start().min(b.start())..=*a.end().max(b.end()))
            .map(|it| widened(&it));
        let mut found = Vec::new();
        if let Some(window) = window {
            found = self
                .held
                .invocations_where("function_name", &functions, Some(window))
                .await?;
        }
        if !requests.is_empty() {
            found.extend(
                self.held
                    .invocations_where("request_id", &requests, None)
                    .await?,
            );
        }
        Ok(found)
    }

    /// Attempts of whatever execution that do not know their request either, and may have made one of these invocations.
    async fn rivals(&self, own: &[Attempt], near: &[Invocation]) -> Result<Vec<Attempt>> {
        let functions: BTreeSet<String> = own
            .iter()
            .filter(|attempt| is_guessed(attempt))
            .filter_map(|attempt| attempt.function_name.clone())
            .collect();
        let near = near
            .iter()
            .filter(|it| functions.contains(&it.function_name));
        let starts = near.map(|it| it.start_time.0);
        let Some((first, last)) = starts.fold(None, |found: Option<(i64, i64)>, at| {
            Some(found.map_or((at, at), |(first, last)| (first.min(at), last.max(at))))
        }) else {
            return Ok(Vec::new());
        };
        let window = UnixNanos(first.saturating_sub(REACH))..=UnixNanos(last.saturating_add(SLACK));
        let found = self
            .held
            .attempts_where("function_name", &functions, Some(window));
        let mut found = found.await?;
        found.retain(is_guessed);
        Ok(found)
    }

    /// Executions with an attempt that may have made one of these invocations.
    async fn executions_near(&self, invocations: Vec<Invocation>) -> Result<BTreeSet<TraceId>> {
        let starts = || invocations.iter().map(|it| it.start_time.0);
        let (Some(first), Some(last)) = (starts().min(), starts().max()) else {
            return Ok(BTreeSet::new());
        };
        let functions = invocations
            .iter()
            .map(|it| it.function_name.clone())
            .collect();
        let requests = invocations.iter().map(|it| it.request_id.clone()).collect();
        let window = UnixNanos(first.saturating_sub(REACH))..=UnixNanos(last.saturating_add(SLACK));
        let mut attempts = self
            .held
            .attempts_where("function_name", &functions, Some(window))
            .await?;
        attempts.extend(
            self.held
                .attempts_where("request_id", &requests, None)
                .await?,
        );
        let index = Index::new(invocations);
        let near = attempts
            .iter()
            .filter(|attempt| index.near(attempt).next().is_some());
        Ok(near.map(|attempt| attempt.trace_id).collect())
    }

    async fn join_executions(&self, ids: &[TraceId], touched: &mut Touched) -> Result<()> {
        let executions = self.held.executions(ids).await?;
        let attempts = self.held.attempts(ids).await?;
        let mut near = self.invocations_near(&attempts).await?;
        let rivals = self.rivals(&attempts, &near).await?;
        near.extend(self.invocations_near(&rivals).await?);
        let near = Index::new(near);
        let rivals = Rivals::new(rivals, &near);
        let spans = self.spans_of(&near).await?;
        let claims = self.claims(&near).await?;
        let sent = self.spans_of_sent_contexts(&attempts).await?;
        let with_runs: Vec<TraceId> = executions
            .iter()
            .filter(|it| it.map_runs > 0)
            .map(|it| it.trace_id)
            .collect();
        let states = self.held.states(&with_runs).await?;
        let children = self.children_of(&states, &[]).await?;
        let jobs = self.jobs_of(&attempts).await?;
        let mut states = group_by(states, |it| it.trace_id);
        let mut attempts = group_by(attempts, |it| it.trace_id);
        let mut held = group_by(self.held.joins(ids).await?, |it| it.execution_arn.clone());
        for execution in executions {
            let attempts = attempts.remove(&execution.trace_id).unwrap_or_default();
            let others = rivals.of(execution.trace_id, &attempts, &near);
            let among = attempts.iter().chain(&others);
            let invocations = candidates(&execution, among, &near, &claims);
            let spans: Vec<Span> = invocations
                .iter()
                .filter_map(|it| spans.get(&it.request_id))
                .flatten()
                .cloned()
                .collect();
            let mut joins = joins::join_among(&execution, &attempts, &others, &invocations, &spans);
            let found = joins::by_sent_context(&execution, &attempts, &sent, &joins);
            if !found.is_empty() {
                joins.extend(found);
                joins.sort_by_key(identity);
            }
            let found = joins::jobs(&execution, &attempts, &jobs);
            if !found.is_empty() {
                joins.extend(found);
                joins.sort_by_key(identity);
            }
            if let Some(states) = states.remove(&execution.trace_id) {
                let children = children.iter().map(|child| &child.execution);
                joins.extend(joins::map_children(&execution, &states, children));
                joins.sort_by_key(identity);
            }
            let before = held.remove(&execution.execution_arn).unwrap_or_default();
            self.replace_joins(execution, joins, before, &invocations, touched)
                .await?;
        }
        Ok(())
    }

    /// Spans of the traces whose context these attempts sent; those that come later are waited for.
    async fn spans_of_sent_contexts(&self, attempts: &[Attempt]) -> Result<Vec<Span>> {
        let mut traces = BTreeSet::new();
        for attempt in attempts {
            for trace in joins::carried_traces(attempt.input.as_deref().unwrap_or_default()) {
                self.watched.watch(trace, attempt.trace_id);
                traces.insert(trace.to_string());
            }
        }
        let starts = || attempts.iter().map(|it| it.start_time.0);
        let (Some(first), Some(last)) = (starts().min(), starts().max()) else {
            return Ok(Vec::new());
        };
        if traces.is_empty() {
            return Ok(Vec::new());
        }
        let window = UnixNanos(first.saturating_sub(SLACK))..=UnixNanos(last.saturating_add(REACH));
        let mut found = self
            .held
            .spans_where("trace_id", &traces, Some(window))
            .await?;
        found.retain(|span| span.source.is_received());
        found.sort_by_key(|span| (span.start_time, span.trace_id, span.span_id));
        found.dedup_by_key(|span| (span.trace_id, span.span_id));
        Ok(found)
    }

    /// Spans of applications, by the request id that they name.
    async fn spans_of(&self, near: &Index) -> Result<HashMap<String, Vec<Span>>> {
        let requests: BTreeSet<String> = near.by_request.keys().cloned().collect();
        let starts = || near.all.values().map(|it| it.start_time.0);
        let mut spans: HashMap<String, Vec<Span>> = HashMap::new();
        let (Some(first), Some(last)) = (starts().min(), starts().max()) else {
            return Ok(spans);
        };
        let window = UnixNanos(first.saturating_sub(SLACK))..=UnixNanos(last.saturating_add(REACH));
        for name in REQUEST_ID_ATTRIBUTES {
            if !self.held.has_span_attribute(name) {
                continue;
            }
            let column = format!("attributes['{name}']");
            let found = self
                .held
                .spans_where(&column, &requests, Some(window.clone()))
                .await?;
            for span in found.into_iter().filter(|span| span.source.is_received()) {
                if let Some(id) = request_id(&span).map(str::to_owned) {
                    spans.entry(id).or_default().push(span);
                }
            }
        }
        for spans in spans.values_mut() {
            spans.sort_by_key(|span| (span.start_time, span.trace_id, span.span_id));
            spans.dedup_by_key(|span| (span.trace_id, span.span_id));
        }
        Ok(spans)
    }

    /// Which executions name which request ids: nobody else may guess those invocations.
    async fn claims(&self, near: &Index) -> Result<HashMap<String, BTreeSet<TraceId>>> {
        let requests = near.by_request.keys().cloned().collect();
        let mut claims: HashMap<String, BTreeSet<TraceId>> = HashMap::new();
        for attempt in self
            .held
            .attempts_where("request_id", &requests, None)
            .await?
        {
            if let Some(id) = attempt.request_id {
                claims.entry(id).or_default().insert(attempt.trace_id);
            }
        }
        Ok(claims)
    }

    async fn replace_joins(
        &self,
        mut execution: Execution,
        joins: Vec<Join>,
        mut before: Vec<Join>,
        invocations: &[Invocation],
        touched: &mut Touched,
    ) -> Result<()> {
        let cold_starts = joins::cold_starts(&joins, invocations);
        // `joins` come sorted by the same key.
        before.sort_by_key(identity);
        let mut tables = Vec::new();
        if joins != before {
            tables.push((Table::Joins, rows::joins(&joins)?));
        }
        if execution.cold_starts != cold_starts {
            execution.cold_starts = cold_starts;
            tables.push((
                Table::Executions,
                rows::executions(std::slice::from_ref(&execution))?,
            ));
        }
        if !tables.is_empty() {
            let id = execution.trace_id;
            touched.executions.insert(id);
            self.held.store.replace(Unit { id, tables }).await?;
        }
        Ok(())
    }
}

fn widened(window: &RangeInclusive<i64>) -> RangeInclusive<UnixNanos> {
    UnixNanos(window.start().saturating_sub(SLACK))..=UnixNanos(window.end().saturating_add(SLACK))
}

fn identity(join: &Join) -> (TraceId, SpanId, TraceId, SpanId, JoinMethod) {
    let (parent, child) = (&join.parent, &join.child);
    (
        parent.trace_id,
        parent.span_id,
        child.trace_id,
        child.span_id,
        join.method,
    )
}

/// Invocations that the attempts may have made, without those that another execution names.
fn candidates<'a>(
    execution: &Execution,
    attempts: impl Iterator<Item = &'a Attempt>,
    near: &'a Index,
    claims: &HashMap<String, BTreeSet<TraceId>>,
) -> Vec<Invocation> {
    let ids: BTreeSet<TraceId> = attempts.flat_map(|it| near.near(it)).collect();
    let free = |it: &&Invocation| {
        claims
            .get(&it.request_id)
            .is_none_or(|by| by.contains(&execution.trace_id))
    };
    ids.iter()
        .filter_map(|id| near.all.get(id))
        .filter(free)
        .cloned()
        .collect()
}
