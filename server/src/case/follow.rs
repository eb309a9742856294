//! What functions of executions called by themselves, and who took their messages: invocations that no join leads to, with
//! their lines and spans.

use super::{Court, load};
use analysis::case::{
    Case,
    callees::{self, Callee, Caller},
    letters::{self, Witness},
};
use anyhow::Result;
use model::{Invocation, LogRecord, Span, SpanSource, TraceId, UnixNanos};
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
        for (case, callers) in cases.iter_mut().zip(&mut callers) {
            let workers = self.workers(case).await?;
            callers.extend(callees::deeper(&workers));
            self.add_called(case, workers).await?;
        }
        if all.is_empty() && cases.iter().all(|it| it.called.is_empty()) {
            return Ok(());
        }
        for (case, callers) in cases.iter_mut().zip(&mut callers) {
            for _ in 0..callees::DEEPEST {
                let found = callees::callees(case, callers, &case.logs, &all);
                if found.is_empty() {
                    break;
                }
                *callers = callees::deeper(&found);
                self.add_called(case, found).await?;
            }
            self.add_spans(case).await?;
        }
        Ok(())
    }

    /// The workers whose lines name a message of a case.
    async fn workers(&self, case: &Case) -> Result<Vec<Callee>> {
        let asked = case.heard.iter().map(|it| it.request_id.clone());
        let asked: BTreeSet<String> = asked.filter(|it| !it.is_empty()).collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let ran = self
            .held
            .invocations_where("request_id", &asked, None)
            .await?;
        Ok(callees::workers(case, &ran))
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

    async fn add_called(&self, case: &mut Case, found: Vec<Callee>) -> Result<()> {
        let ids = found.iter().map(|it| it.invocation.request_id.clone());
        let ids: BTreeSet<String> = ids.filter(|it| !it.is_empty()).collect();
        if let Some(window) = around(&found) {
            let lines = self
                .held
                .logs_where("request_id", &ids, Some(window))
                .await?;
            add_lines(case, lines);
        }
        case.called.extend(found);
        Ok(())
    }

    /// The spans of what was called, and what was written in them.
    async fn add_spans(&self, case: &mut Case) -> Result<()> {
        let requests: BTreeSet<String> = callees::requests(case).into_iter().collect();
        let mut traces: BTreeSet<TraceId> = BTreeSet::new();
        for name in load::REQUEST_ID {
            if !requests.is_empty() && self.held.has_span_attribute(name) {
                let column = format!("attributes['{name}']");
                let window = around(&case.called);
                let named = self.held.spans_where(&column, &requests, window).await?;
                traces.extend(named.iter().map(|it| it.trace_id));
            }
        }
        let held: HashSet<TraceId> = case.spans.iter().map(|it| it.trace_id).collect();
        let traces: Vec<TraceId> = traces.into_iter().filter(|it| !held.contains(it)).collect();
        if traces.is_empty() {
            return Ok(());
        }
        let mut spans: Vec<Span> = self.held.spans(&traces).await?;
        spans.retain(|it| !matches!(it.source, SpanSource::Workflow | SpanSource::Lambda));
        let room = load::MOST_SPANS.saturating_sub(case.spans.len());
        case.spans.extend(spans.into_iter().take(room));
        let lines = self.held.logs(&traces).await?;
        add_lines(case, lines);
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
fn around(found: &[Callee]) -> Option<RangeInclusive<UnixNanos>> {
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
