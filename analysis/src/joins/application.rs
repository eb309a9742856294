//! Spans of applications inside the invocation that ran them.

use super::{CLOCK_SLACK_NS, invocation_end};
use crate::lambda::xray_trace;
use model::{Attempt, Invocation, Join, JoinEnd, JoinMethod, Span, SpanId, TraceId, Value};
use std::collections::{HashMap, HashSet};

/// Attributes in which instrumentations write Lambda's request id.
const INVOCATION_ID: [&str; 5] = [
    "faas.invocation_id",
    "faas.execution",
    "aws.request_id",
    "aws.lambda.request_id",
    "request_id",
];

/// Joins spans to the invocations they ran in, by request id, else by the X-Ray trace of both. Only the
/// outermost span of each trace is joined: what lies below it follows.
pub fn join_spans(execution_arn: &str, invocations: &[&Invocation], spans: &[Span]) -> Vec<Join> {
    let index = Index::of(invocations);
    let found: Vec<(&Span, Hit)> = spans
        .iter()
        .filter_map(|span| Some((span, index.find(span)?)))
        .collect();
    let joined: HashSet<(TraceId, SpanId, usize)> = found
        .iter()
        .map(|(span, hit)| (span.trace_id, span.span_id, hit.invocation))
        .collect();
    let outermost = |(span, hit): &&(&Span, Hit)| {
        !joined.contains(&(span.trace_id, span.parent_span_id, hit.invocation))
    };
    let join = |(span, hit): &(&Span, Hit)| Join {
        execution_arn: execution_arn.to_owned(),
        parent: invocation_end(invocations[hit.invocation]),
        child: JoinEnd {
            kind: "span".to_owned(),
            trace_id: span.trace_id,
            span_id: span.span_id,
        },
        method: hit.method,
        confidence: hit.confidence,
        candidates: hit.candidates,
        evidence: hit.evidence.clone(),
    };
    found.iter().filter(outermost).map(join).collect()
}

/// Joins spans to the attempts that invoked what they ran in, by request id, where no line of the invocation is held. Only
/// the outermost span of each trace is joined.
pub fn join_unlogged(
    execution_arn: &str,
    attempts: &[Attempt],
    invocations: &[Invocation],
    spans: &[Span],
) -> Vec<Join> {
    let logged: HashSet<&str> = invocations
        .iter()
        .map(|it| it.request_id.as_str())
        .collect();
    let asked = attempts
        .iter()
        .filter_map(|it| Some((it.request_id.as_deref()?, it)));
    let asked: HashMap<&str, &Attempt> = asked
        .filter(|(id, _)| !id.is_empty() && !logged.contains(id))
        .collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let of = |span: &Span| {
        let id = INVOCATION_ID
            .iter()
            .find_map(|name| match span.attributes.get(*name) {
                Some(Value::String(text)) => Some(text.as_str()),
                _ => None,
            })?;
        asked.get(id).copied()
    };
    let found: Vec<(&Span, &Attempt)> = spans.iter().filter_map(|it| Some((it, of(it)?))).collect();
    let joined: HashSet<(TraceId, SpanId)> = found
        .iter()
        .map(|(it, _)| (it.trace_id, it.span_id))
        .collect();
    let outermost =
        |(span, _): &&(&Span, &Attempt)| !joined.contains(&(span.trace_id, span.parent_span_id));
    let join = |(span, attempt): &(&Span, &Attempt)| Join {
        execution_arn: execution_arn.to_owned(),
        parent: super::attempt_end(attempt),
        child: JoinEnd {
            kind: "span".to_owned(),
            trace_id: span.trace_id,
            span_id: span.span_id,
        },
        method: JoinMethod::InvocationId,
        confidence: 1.0,
        candidates: 1,
        evidence: format!(
            "request id {}",
            attempt.request_id.as_deref().unwrap_or_default()
        ),
    };
    found.iter().filter(outermost).map(join).collect()
}

struct Hit {
    invocation: usize,
    method: JoinMethod,
    confidence: f64,
    candidates: u32,
    evidence: String,
}

struct Index<'a> {
    invocations: &'a [&'a Invocation],
    by_id: HashMap<&'a str, Vec<usize>>,
    by_trace: HashMap<TraceId, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn of(invocations: &'a [&'a Invocation]) -> Self {
        let mut index = Index {
            invocations,
            by_id: HashMap::new(),
            by_trace: HashMap::new(),
        };
        for (n, invocation) in invocations.iter().enumerate() {
            index
                .by_id
                .entry(&invocation.request_id)
                .or_default()
                .push(n);
            if let Some(trace) = invocation.xray_trace_id.as_deref().and_then(xray_trace) {
                index.by_trace.entry(trace).or_default().push(n);
            }
        }
        index
    }

    fn find(&self, span: &Span) -> Option<Hit> {
        let attribute = |name: &&str| match span
            .attributes
            .get(*name)
            .or_else(|| span.resource.get(*name))
        {
            Some(Value::String(text)) => Some(text.as_str()),
            _ => None,
        };
        if let Some(id) = INVOCATION_ID.iter().find_map(attribute) {
            let found = self.by_id.get(id)?;
            return self.hit(
                found,
                span,
                JoinMethod::InvocationId,
                1.0,
                format!("request id {id}"),
            );
        }
        let traced = self.by_trace.get(&span.trace_id)?;
        let function = INVOKED
            .iter()
            .find_map(attribute)
            .unwrap_or(&span.service_name);
        let of_function: Vec<usize> = traced
            .iter()
            .copied()
            .filter(|n| self.is_parent(*n, span) || self.invocations[*n].function_name == function)
            .collect();
        self.hit(
            &of_function,
            span,
            JoinMethod::TraceContext,
            0.95,
            format!("X-Ray trace {}", span.trace_id),
        )
    }

    fn is_parent(&self, n: usize, span: &Span) -> bool {
        let segment = self.invocations[n].xray_segment_id.as_deref();
        segment.is_some_and(|segment| span.parent_span_id.to_string() == segment)
    }

    /// Of several runs of one request (Lambda ran it again), the one in whose time the span began.
    fn hit(
        &self,
        found: &[usize],
        span: &Span,
        method: JoinMethod,
        sure: f64,
        evidence: String,
    ) -> Option<Hit> {
        let inside: Vec<usize> = found
            .iter()
            .copied()
            .filter(|n| self.contains(*n, span))
            .collect();
        let fitting = if inside.is_empty() { found } else { &inside };
        let invocation = *fitting.first()?;
        let confidence = sure / fitting.len() as f64;
        let candidates = u32::try_from(fitting.len()).unwrap_or(u32::MAX);
        Some(Hit {
            invocation,
            method,
            confidence,
            candidates,
            evidence,
        })
    }

    fn contains(&self, n: usize, span: &Span) -> bool {
        let of = self.invocations[n];
        let init = of
            .init_duration_ms
            .or(of.restore_duration_ms)
            .unwrap_or(0.0)
            * 1e6;
        let from = of
            .start_time
            .0
            .saturating_sub(init as i64)
            .saturating_sub(CLOCK_SLACK_NS);
        let to = of
            .end_time
            .map_or(i64::MAX, |end| end.0.saturating_add(CLOCK_SLACK_NS));
        (from..=to).contains(&span.start_time.0)
    }
}

/// Attributes in which spans name the function they ran in.
const INVOKED: [&str; 2] = ["faas.name", "aws.lambda.function_name"];
