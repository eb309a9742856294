//! What functions of executions called by themselves, and who took their messages: invocations that no join leads to, with
//! their lines and spans.

use super::{Court, load};
use analysis::case::{
    Case,
    callees::{self, Callee, Caller},
    letters::{self, Witness},
};
use anyhow::Result;
use model::{Invocation, LogRecord, Span, SpanSource, TraceId, UnixNanos, Value};
use std::{
    collections::{BTreeSet, HashSet},
    ops::RangeInclusive,
};

/// Invocations of one stretch of time that are looked at.
const MOST: usize = 20_000;
/// Stretches of time that are asked for at once.
const AT_ONCE: usize = 50;
/// How far lines and spans of an invocation may lie from it, nanoseconds.
const SLACK: i64 = 900_000_000_000;
/// What lies further apart is asked for apart, nanoseconds.
const APART: i64 = 60_000_000_000;

impl Court {
    /// Gives cases what their functions called, level by level, and the workers that took their messages.
    pub(super) async fn follow(&self, cases: &mut [Case]) -> Result<()> {
        let mut callers: Vec<Vec<Caller>> = cases.iter().map(callees::callers).collect();
        let all = self.invocations_of(&callers).await?;
        let workers = self.workers(cases).await?;
        for (callers, workers) in callers.iter_mut().zip(&workers) {
            callers.extend(callees::deeper(workers));
        }
        self.add_called(cases, workers).await?;
        if all.is_empty() && cases.iter().all(|it| it.called.is_empty()) {
            return Ok(());
        }
        for _ in 0..callees::DEEPEST {
            let each = cases.iter().zip(&callers);
            let found: Vec<Vec<Callee>> = each
                .map(|(case, callers)| callees::callees(case, callers, &case.logs, &all))
                .collect();
            if found.iter().all(Vec::is_empty) {
                break;
            }
            callers = found.iter().map(|it| callees::deeper(it)).collect();
            self.add_called(cases, found).await?;
        }
        self.add_spans(cases).await
    }

    /// The workers whose lines name messages of cases, of each.
    async fn workers(&self, cases: &[Case]) -> Result<Vec<Vec<Callee>>> {
        let heard = cases.iter().flat_map(|it| &it.heard);
        let asked = heard.map(|it| it.request_id.clone());
        let asked: BTreeSet<String> = asked.filter(|it| !it.is_empty()).collect();
        if asked.is_empty() {
            return Ok(vec![Vec::new(); cases.len()]);
        }
        let ran = self
            .held
            .invocations_where("request_id", &asked, None)
            .await?;
        let of = |case: &Case| {
            let own: HashSet<&str> = case.heard.iter().map(|it| it.request_id.as_str()).collect();
            let ran = ran.iter().filter(|it| own.contains(it.request_id.as_str()));
            callees::workers(case, &ran.cloned().collect::<Vec<_>>())
        };
        Ok(cases.iter().map(of).collect())
    }

    /// All invocations of the times in which these may have called somebody.
    async fn invocations_of(&self, callers: &[Vec<Caller>]) -> Result<Vec<Invocation>> {
        let windows = callers.iter().filter_map(|it| callees::window(it));
        let mut windows: Vec<(UnixNanos, UnixNanos)> = windows.collect();
        windows.sort_unstable();
        let mut merged: Vec<(UnixNanos, UnixNanos)> = Vec::new();
        for (from, to) in windows {
            match merged.last_mut() {
                Some(last) if from.0 <= last.1.0.saturating_add(APART) => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        let mut found = Vec::new();
        for part in merged.chunks(AT_ONCE) {
            found.extend(self.held.invocations_within(part, MOST).await?);
        }
        Ok(found)
    }

    /// Gives each case what was found of it, with its lines. Asked for at once, since most of a question's cost does not depend
    /// on how much it asks for.
    async fn add_called(&self, cases: &mut [Case], found: Vec<Vec<Callee>>) -> Result<()> {
        let of = |found: &[Callee]| -> BTreeSet<String> {
            let ids = found.iter().map(|it| it.invocation.request_id.clone());
            ids.filter(|it| !it.is_empty()).collect()
        };
        let ids: BTreeSet<String> = found.iter().flat_map(|it| of(it)).collect();
        let mut lines = Vec::new();
        if let Some(window) = around(found.iter().flatten()).filter(|_| !ids.is_empty()) {
            let asked = self.held.logs_where("request_id", &ids, Some(window));
            lines = asked.await?;
        }
        for (case, found) in cases.iter_mut().zip(found) {
            if found.is_empty() {
                continue;
            }
            let (ids, window) = (of(&found), around(&found));
            let own = |it: &&LogRecord| {
                ids.contains(&it.request_id)
                    && window
                        .as_ref()
                        .is_some_and(|window| window.contains(&it.time))
            };
            add_lines(case, lines.iter().filter(own).cloned().collect());
            case.called.extend(found);
        }
        Ok(())
    }

    /// The spans of what was called, and what was written in them.
    async fn add_spans(&self, cases: &mut [Case]) -> Result<()> {
        let requests: Vec<BTreeSet<String>> = cases
            .iter()
            .map(|it| callees::requests(it).into_iter().collect())
            .collect();
        let all: BTreeSet<String> = requests.iter().flatten().cloned().collect();
        let mut traces: Vec<BTreeSet<TraceId>> = vec![BTreeSet::new(); cases.len()];
        for name in load::REQUEST_ID {
            if all.is_empty() || !self.held.has_span_attribute(name) {
                continue;
            }
            let column = format!("attributes['{name}']");
            let window = around(cases.iter().flat_map(|it| &it.called));
            for span in self.held.spans_where(&column, &all, window).await? {
                let Some(Value::String(request)) = span.attributes.get(name) else {
                    continue;
                };
                let of = requests.iter().zip(&mut traces);
                let of = of.filter(|(requests, _)| requests.contains(request));
                of.for_each(|(_, traces)| {
                    traces.insert(span.trace_id);
                });
            }
        }
        for (case, traces) in cases.iter().zip(&mut traces) {
            let held: HashSet<TraceId> = case.spans.iter().map(|it| it.trace_id).collect();
            traces.retain(|it| !held.contains(it));
        }
        let all: BTreeSet<TraceId> = traces.iter().flatten().copied().collect();
        let all: Vec<TraceId> = all.into_iter().collect();
        if all.is_empty() {
            return Ok(());
        }
        let mut spans: Vec<Span> = self.held.spans(&all).await?;
        spans.retain(|it| !matches!(it.source, SpanSource::Workflow | SpanSource::Lambda));
        let lines = self.held.logs(&all).await?;
        for (case, traces) in cases.iter_mut().zip(&traces) {
            if traces.is_empty() {
                continue;
            }
            let room = load::MOST_SPANS.saturating_sub(case.spans.len());
            let own = spans.iter().filter(|it| traces.contains(&it.trace_id));
            case.spans.extend(own.take(room).cloned());
            let own = lines.iter().filter(|it| traces.contains(&it.trace_id));
            add_lines(case, own.cloned().collect());
        }
        Ok(())
    }

    /// Who took the messages of healthy siblings, where one of this execution was not answered.
    pub(super) async fn witnesses(&self, case: &Case, near: &[TraceId]) -> Result<Vec<Witness>> {
        if near.is_empty() || !letters::unanswered(case) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for sibling in self.flat(near, true).await? {
            let sent = letters::answered(&sibling);
            let heard = self.heard(&sibling, &sent).await?;
            let witness = Witness::of(&sent, &heard);
            found.extend((!witness.workers.is_empty()).then_some(witness));
        }
        Ok(found)
    }
}

/// The time around invocations.
fn around<'a>(found: impl IntoIterator<Item = &'a Callee>) -> Option<RangeInclusive<UnixNanos>> {
    let found: Vec<&Callee> = found.into_iter().collect();
    let ran = || found.iter().map(|it| &it.invocation);
    let from = ran().map(|it| it.start_time.0).min()?;
    let to = ran()
        .map(|it| it.end_time.unwrap_or(it.start_time).0)
        .max()?;
    Some(UnixNanos(from.saturating_sub(SLACK))..=UnixNanos(to.saturating_add(SLACK)))
}

fn add_lines(case: &mut Case, lines: Vec<LogRecord>) {
    let known: HashSet<_> = case.logs.iter().map(|it| it.log_id).collect();
    let room = load::MOST_LOGS.saturating_sub(case.logs.len());
    let new = lines.into_iter().filter(|it| !known.contains(&it.log_id));
    case.logs.extend(new.take(room));
    case.logs.sort_by_key(|it| (it.time, it.log_id));
    case.logs.dedup_by_key(|it| it.log_id);
}
