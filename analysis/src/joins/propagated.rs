//! Spans in a trace whose context an attempt sent along: the queue's consumer, the service behind the API.
//!
//! The trace alone is not enough, since a context often comes in from the execution's own caller and is
//! handed on by several attempts: time says which of them it was, and how many others it could have been.

use super::{CLOCK_SLACK_NS, attempt_end, carried::carried};
use crate::context::TraceContext;
use model::{Attempt, Execution, Join, JoinEnd, JoinMethod, Span, SpanId, TraceId};
use std::collections::{HashMap, HashSet};

/// How long after the attempt what it sent may be taken up, nanoseconds: a message waits in its queue.
const TAKEN_UP_NS: i64 = 3_600_000_000_000;

/// Joins of the outermost spans in traces whose context the attempts sent. Spans that `joined` holds
/// already are left alone.
pub fn by_sent_context(
    execution: &Execution,
    attempts: &[Attempt],
    spans: &[Span],
    joined: &[Join],
) -> Vec<Join> {
    let mut sent: HashMap<TraceId, Vec<(usize, SpanId)>> = HashMap::new();
    for (n, attempt) in attempts.iter().enumerate() {
        for TraceContext { trace_id, span_id } in carried(attempt.input.as_deref().unwrap_or("")) {
            sent.entry(trace_id).or_default().push((n, span_id));
        }
    }
    if sent.is_empty() {
        return Vec::new();
    }
    let taken: HashSet<(TraceId, SpanId)> = joined
        .iter()
        .map(|join| (join.child.trace_id, join.child.span_id))
        .collect();
    let held: HashSet<(TraceId, SpanId)> = spans
        .iter()
        .map(|span| (span.trace_id, span.span_id))
        .collect();
    let mut joins = Vec::new();
    for span in spans {
        let key = (span.trace_id, span.span_id);
        let Some(senders) = sent.get(&span.trace_id).filter(|_| !taken.contains(&key)) else {
            continue;
        };
        let below_sender = senders.iter().any(|(_, id)| *id == span.parent_span_id);
        if !below_sender && held.contains(&(span.trace_id, span.parent_span_id)) {
            continue;
        }
        joins.extend(
            sender_of(span, senders, attempts).map(|found| found.join(execution, attempts, span)),
        );
    }
    joins
}

struct Found {
    attempt: usize,
    confidence: f64,
    candidates: u32,
}

impl Found {
    fn join(&self, execution: &Execution, attempts: &[Attempt], span: &Span) -> Join {
        Join {
            execution_arn: execution.execution_arn.clone(),
            parent: attempt_end(&attempts[self.attempt]),
            child: JoinEnd {
                kind: "span".to_owned(),
                trace_id: span.trace_id,
                span_id: span.span_id,
            },
            method: JoinMethod::TraceContext,
            confidence: self.confidence,
            candidates: self.candidates,
            evidence: format!("trace {} in what was sent", span.trace_id),
        }
    }
}

/// Which attempt sent the context that this span took up: one that was under way when it began, or the
/// last one before.
fn sender_of(span: &Span, senders: &[(usize, SpanId)], attempts: &[Attempt]) -> Option<Found> {
    // The span that handed the context in is not what became of it.
    if senders.iter().any(|(_, id)| *id == span.span_id) {
        return None;
    }
    let start = span.start_time.0;
    let names = |id: SpanId| !id.is_zero() && id == span.parent_span_id;
    let began = |n: usize| attempts[n].start_time.0.saturating_sub(CLOCK_SLACK_NS) <= start;
    let end = |n: usize| attempts[n].end_time.map_or(i64::MAX, |end| end.0);
    let under_way = |n: usize| end(n).saturating_add(CLOCK_SLACK_NS) >= start;
    let soon_after = |n: usize| end(n).saturating_add(TAKEN_UP_NS) >= start;
    let choose = |fits: &dyn Fn(usize) -> bool, sure: f64, guess: f64| {
        let fitting: Vec<&(usize, SpanId)> = senders
            .iter()
            .filter(|(n, id)| began(*n) && fits(*n) && (sure > 0.0 || names(*id)))
            .collect();
        let last = fitting
            .iter()
            .max_by_key(|(n, _)| (attempts[*n].start_time, attempts[*n].span_id))?;
        let sure = if names(last.1) {
            sure.max(guess)
        } else {
            guess
        };
        Some(Found {
            attempt: last.0,
            confidence: sure / fitting.len() as f64,
            candidates: u32::try_from(fitting.len()).unwrap_or(u32::MAX),
        })
    };
    choose(&under_way, 0.95, 0.85).or_else(|| choose(&soon_after, 0.0, 0.8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::UnixNanos;

    const SECOND: i64 = 1_000_000_000;

    fn attempt(n: u8, from: i64, to: i64, trace: u8, parent: u8) -> Attempt {
        let context = format!("00-{}-{}-01", TraceId([trace; 16]), SpanId([parent; 8]));
        Attempt {
            span_id: SpanId([n; 8]),
            start_time: UnixNanos(from * SECOND),
            end_time: Some(UnixNanos(to * SECOND)),
            input: Some(format!("{{\"headers\":{{\"traceparent\":\"{context}\"}}}}")),
            ..Attempt::default()
        }
    }

    fn span(n: u8, parent: u8, at: i64, trace: u8) -> Span {
        Span {
            trace_id: TraceId([trace; 16]),
            span_id: SpanId([n; 8]),
            parent_span_id: SpanId([parent; 8]),
            start_time: UnixNanos(at * SECOND),
            ..Span::default()
        }
    }

    fn check(attempts: &[Attempt], spans: &[Span], expect: &[&str]) {
        let joins = by_sent_context(&Execution::default(), attempts, spans, &[]);
        let told: Vec<String> = joins
            .iter()
            .map(|join| {
                let (parent, child) = (join.parent.span_id.0[0], join.child.span_id.0[0]);
                format!(
                    "{parent}-{child} {:.2} {}",
                    join.confidence, join.candidates
                )
            })
            .collect();
        assert_eq!(told, expect);
    }

    #[test]
    fn what_took_the_context_up_lies_below_its_sender() {
        let sender = attempt(1, 10, 12, 9, 7);
        // A child of the named span, and its own child, which follows it.
        check(
            std::slice::from_ref(&sender),
            &[span(3, 7, 11, 9), span(4, 3, 11, 9)],
            &["1-3 0.95 1"],
        );
        // A consumer that takes the message up later.
        check(
            std::slice::from_ref(&sender),
            &[span(3, 7, 300, 9)],
            &["1-3 0.80 1"],
        );
        // A new root of the same trace, while the attempt runs, and one much later.
        check(
            std::slice::from_ref(&sender),
            &[span(3, 0, 11, 9)],
            &["1-3 0.85 1"],
        );
        check(std::slice::from_ref(&sender), &[span(3, 0, 300, 9)], &[]);
        // The caller's own span, what was before, and another trace.
        check(
            &[sender],
            &[span(7, 0, 11, 9), span(3, 7, 5, 9), span(3, 7, 11, 8)],
            &[],
        );
    }

    #[test]
    fn several_senders_are_told_apart_by_time() {
        let attempts = [attempt(1, 10, 12, 9, 7), attempt(2, 20, 22, 9, 7)];
        check(&attempts, &[span(3, 7, 21, 9)], &["2-3 0.95 1"]);
        check(&attempts, &[span(3, 7, 11, 9)], &["1-3 0.95 1"]);
        let parallel = [attempt(1, 10, 22, 9, 7), attempt(2, 20, 22, 9, 7)];
        check(&parallel, &[span(3, 7, 21, 9)], &["2-3 0.47 2"]);
    }
}
