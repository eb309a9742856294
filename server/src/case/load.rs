//! Everything that is held about executions, for many at once in few look-ups.

use super::Court;
use analysis::{case::Case, joins};
use anyhow::Result;
use model::{
    ExecutionStatus, Invocation, Join, JoinMethod, LogRecord, Span, SpanSource, TraceId, UnixNanos,
    Value,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Spans and log records that are looked at for one execution.
pub(super) const MOST_SPANS: usize = 20_000;
pub(super) const MOST_LOGS: usize = 20_000;
/// How deep executions start executions.
const DEEPEST: usize = 4;
/// Executions that one execution started which are looked at.
const MOST_CHILDREN: usize = 50;
/// Items that went well which are looked at beside those that failed.
const MOST_WITNESSES: usize = 30;
/// Executions of one depth that are looked at for all that are judged together.
const MOST_BELOW: usize = 2_000;
/// Items of a distributed Map among which those that failed are looked for.
const MOST_ITEMS: usize = 5_000;
/// Attributes in which spans name the invocation they ran in.
pub(super) const REQUEST_ID: [&str; 2] = ["faas.invocation_id", "aws.request_id"];
/// How far telemetry may lie outside of its execution, nanoseconds.
const SLACK: i64 = 600_000_000_000;

impl Court {
    /// The cases of these executions, with those they started below them.
    pub(super) async fn cases(&self, ids: &[TraceId]) -> Result<Vec<Case>> {
        let mut levels = vec![self.flat(ids, true).await?];
        let mut started: HashMap<TraceId, Vec<TraceId>> = HashMap::new();
        for _ in 1..DEEPEST {
            // One that is judged beside the execution that started it stands below that, too.
            let mut seen: HashSet<TraceId> = HashSet::new();
            let mut below: Vec<TraceId> = Vec::new();
            for case in levels.last().map(Vec::as_slice).unwrap_or_default() {
                let mut own = children(case);
                own.truncate(MOST_CHILDREN);
                own.extend(self.items(case).await?);
                below.extend(own.iter().filter(|id| seen.insert(**id)));
                started.insert(case.execution.trace_id, own);
            }
            below.truncate(MOST_BELOW);
            if below.is_empty() {
                break;
            }
            let next = self.flat(&below, true).await?;
            levels.push(next);
        }
        while levels.len() > 1 {
            let below = levels.pop().unwrap_or_default();
            let by_id: HashMap<TraceId, Case> = below
                .into_iter()
                .map(|it| (it.execution.trace_id, it))
                .collect();
            for case in levels.last_mut().into_iter().flatten() {
                let own = started.get(&case.execution.trace_id).into_iter().flatten();
                case.children = own.filter_map(|id| by_id.get(id).cloned()).collect();
            }
        }
        Ok(levels.pop().unwrap_or_default())
    }

    /// Items of the distributed Maps of an execution which failed (a Map may tolerate them and succeed), and some that went
    /// well, to tell what sets the others apart. None where none failed.
    async fn items(&self, case: &Case) -> Result<Vec<TraceId>> {
        let joins = case.joins.iter();
        let items = joins.filter(|it| it.method == JoinMethod::MapRun);
        let items: Vec<TraceId> = items.map(|it| it.child.trace_id).take(MOST_ITEMS).collect();
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = self.held.executions(&items).await?;
        rows.sort_by_key(|it| (it.start_time, it.trace_id));
        let of = |wanted: &[ExecutionStatus], most: usize| -> Vec<TraceId> {
            let fitting = rows.iter().filter(|it| wanted.contains(&it.status));
            fitting.take(most).map(|it| it.trace_id).collect()
        };
        let failed = [ExecutionStatus::Failed, ExecutionStatus::TimedOut];
        let mut found = of(&failed, MOST_CHILDREN);
        if !found.is_empty() {
            found.extend(of(&[ExecutionStatus::Succeeded], MOST_WITNESSES));
        }
        Ok(found)
    }

    /// The cases without those below them; raw events only when they are asked for.
    pub(super) async fn flat(&self, ids: &[TraceId], raw: bool) -> Result<Vec<Case>> {
        let mut cases: BTreeMap<TraceId, Case> = BTreeMap::new();
        for execution in self.held.executions(ids).await? {
            let case = cases.entry(execution.trace_id).or_default();
            case.execution = execution;
        }
        for state in self.held.states(ids).await? {
            if let Some(case) = cases.get_mut(&state.trace_id) {
                case.states.push(state);
            }
        }
        for attempt in self.held.attempts(ids).await? {
            if let Some(case) = cases.get_mut(&attempt.trace_id) {
                case.attempts.push(attempt);
            }
        }
        let told: &[TraceId] = if raw { ids } else { &[] };
        for event in self.held.events(told).await? {
            if let Some(case) = cases.get_mut(&TraceId::of_execution(&event.execution_arn)) {
                case.events.push(event);
            }
        }
        for document in self.held.documents(told).await? {
            if let Some(case) = cases.get_mut(&TraceId::of_execution(&document.execution_arn)) {
                case.documents.push(document);
            }
        }
        for join in self.held.joins(ids).await? {
            if let Some(case) = cases.get_mut(&TraceId::of_execution(&join.execution_arn)) {
                case.joins.push(join);
            }
        }
        let mut cases: Vec<Case> = cases.into_values().collect();
        for case in &mut cases {
            case.states
                .sort_by_key(|it| (it.entered_event_id, it.redrive_count));
            case.attempts
                .sort_by_key(|it| (it.scheduled_event_id, it.redrive_count));
            case.events
                .sort_by_key(|it| (it.event_id, it.redrive_count));
        }
        self.add_telemetry(&mut cases).await?;
        self.add_jobs(&mut cases).await?;
        self.add_job_logs(&mut cases).await?;
        if raw {
            self.hear(&mut cases).await?;
            self.add_workers(&mut cases).await?;
        }
        self.follow(&mut cases).await?;
        if raw {
            self.overhear(&mut cases).await?;
        }
        Ok(cases)
    }

    async fn add_telemetry(&self, cases: &mut [Case]) -> Result<()> {
        let joined = |kind: &'static str, cases: &[Case]| -> Vec<TraceId> {
            let joins = cases.iter().flat_map(|case| &case.joins);
            let ids: BTreeSet<TraceId> = joins
                .filter(|it| it.child.kind == kind)
                .map(|it| it.child.trace_id)
                .collect();
            ids.into_iter().collect()
        };
        let invocations = self.held.invocations(&joined("invocation", cases)).await?;
        let by_id: HashMap<TraceId, &Invocation> =
            invocations.iter().map(|it| (it.trace_id, it)).collect();
        for case in cases.iter_mut() {
            let own: BTreeSet<TraceId> = case
                .joins
                .iter()
                .filter(|it| it.child.kind == "invocation")
                .map(|it| it.child.trace_id)
                .collect();
            case.invocations = own
                .iter()
                .filter_map(|id| by_id.get(id).map(|it| (*it).clone()))
                .collect();
        }
        let Some(window) = window(cases) else {
            return Ok(());
        };
        let named = self.spans_by_request(cases, window.clone()).await?;
        let mut traces: BTreeSet<TraceId> = cases.iter().map(|it| it.execution.trace_id).collect();
        traces.extend(joined("span", cases));
        traces.extend(cases.iter().flat_map(|it| &it.invocations).filter_map(xray));
        traces.extend(named.iter().map(|it| it.trace_id));
        let traces: Vec<TraceId> = traces.into_iter().collect();
        let mut spans = self.held.spans(&traces).await?;
        spans.retain(|it| !matches!(it.source, SpanSource::Workflow | SpanSource::Lambda));
        spans.sort_by_key(|it| (it.start_time, it.trace_id, it.span_id));
        spans.dedup_by_key(|it| (it.trace_id, it.span_id));
        let logs = self.logs(cases, &traces, window).await?;
        for case in cases.iter_mut() {
            give(case, &spans, &logs);
        }
        Ok(())
    }

    /// Spans that name an invocation of these cases.
    async fn spans_by_request(
        &self,
        cases: &[Case],
        window: std::ops::RangeInclusive<UnixNanos>,
    ) -> Result<Vec<Span>> {
        let requests = requests(cases);
        let mut found = Vec::new();
        for name in REQUEST_ID {
            if !requests.is_empty() && self.held.has_span_attribute(name) {
                let column = format!("attributes['{name}']");
                found.extend(
                    self.held
                        .spans_where(&column, &requests, Some(window.clone()))
                        .await?,
                );
            }
        }
        Ok(found)
    }

    async fn logs(
        &self,
        cases: &[Case],
        traces: &[TraceId],
        window: std::ops::RangeInclusive<UnixNanos>,
    ) -> Result<Vec<LogRecord>> {
        let mut logs = self.held.logs(traces).await?;
        let requests = requests(cases);
        if !requests.is_empty() {
            logs.extend(
                self.held
                    .logs_where("request_id", &requests, Some(window))
                    .await?,
            );
        }
        logs.sort_by_key(|it| (it.time, it.log_id));
        logs.dedup_by_key(|it| it.log_id);
        Ok(logs)
    }
}

/// Requests of invocations, and those of attempts of whose invocations no line is held.
fn requests(cases: &[Case]) -> BTreeSet<String> {
    let ran = cases.iter().flat_map(|it| &it.invocations);
    let asked = cases.iter().flat_map(|it| &it.attempts);
    let all = ran.map(|it| it.request_id.clone());
    let all = all.chain(asked.filter_map(|it| it.request_id.clone()));
    all.filter(|it| !it.is_empty()).collect()
}

fn window(cases: &[Case]) -> Option<std::ops::RangeInclusive<UnixNanos>> {
    let from = cases.iter().map(|it| it.execution.start_time.0).min()?;
    let to = cases
        .iter()
        .map(|it| it.execution.end_time.unwrap_or(it.execution.start_time).0)
        .max()?;
    Some(UnixNanos(from.saturating_sub(SLACK))..=UnixNanos(to.saturating_add(SLACK)))
}

fn xray(invocation: &Invocation) -> Option<TraceId> {
    analysis::lambda::xray_trace(invocation.xray_trace_id.as_deref()?)
}

/// Executions that a case started.
fn children(case: &Case) -> Vec<TraceId> {
    let arns = case
        .attempts
        .iter()
        .filter_map(|it| it.child_execution_arn.as_deref());
    arns.filter(|it| !it.is_empty())
        .map(TraceId::of_execution)
        .collect()
}

/// Gives a case its share of spans and logs: those of its traces and of its invocations.
fn give(case: &mut Case, spans: &[Span], logs: &[LogRecord]) {
    let mut traces: HashSet<TraceId> = HashSet::from([case.execution.trace_id]);
    traces.extend(
        case.joins
            .iter()
            .filter(|it| it.child.kind == "span")
            .map(|it| it.child.trace_id),
    );
    traces.extend(case.invocations.iter().filter_map(xray));
    let asked = case
        .attempts
        .iter()
        .filter_map(|it| it.request_id.as_deref());
    let requests: HashSet<&str> = case
        .invocations
        .iter()
        .map(|it| it.request_id.as_str())
        .chain(asked)
        .filter(|it| !it.is_empty())
        .collect();
    let named = |span: &Span| {
        REQUEST_ID.iter().any(|name| matches!(span.attributes.get(*name), Some(Value::String(id)) if requests.contains(id.as_str())))
    };
    let by_request: HashSet<TraceId> = spans
        .iter()
        .filter(|it| named(it))
        .map(|it| it.trace_id)
        .collect();
    traces.extend(by_request);
    case.spans = spans
        .iter()
        .filter(|it| traces.contains(&it.trace_id))
        .take(MOST_SPANS)
        .cloned()
        .collect();
    let mine = |log: &&LogRecord| {
        traces.contains(&log.trace_id) || requests.contains(log.request_id.as_str())
    };
    case.logs = logs.iter().filter(mine).take(MOST_LOGS).cloned().collect();
    case.logs.iter_mut().for_each(analysis::exceptions::tell);
    let borrowed: Vec<&Invocation> = case.invocations.iter().collect();
    let arn = &case.execution.execution_arn;
    let mut found = joins::join_spans(arn, &borrowed, &case.spans);
    found.extend(joins::join_unlogged(
        arn,
        &case.attempts,
        &case.invocations,
        &case.spans,
    ));
    let known: HashSet<_> = case
        .joins
        .iter()
        .map(|it| (it.child.trace_id, it.child.span_id))
        .collect();
    let new: Vec<Join> = found
        .into_iter()
        .filter(|it| !known.contains(&(it.child.trace_id, it.child.span_id)))
        .collect();
    case.joins.extend(new);
}
