//! The trace as spans: execution, operations, iterations and branches, attempts.

use super::{
    super::paint::{Painter, fail, set},
    rows::Built,
    tree::Kind,
};
use model::{Attempt, Execution, Span, State};

/// Makes the spans of an execution from its rows.
pub(super) fn spans(
    built: &Built,
    execution: &Execution,
    states: &[State],
    attempts: &[Attempt],
) -> Vec<Span> {
    let tree = built.tree;
    let last = tree.events.iter().map(|event| event.time).max();
    let paint = Painter {
        execution,
        last: last.unwrap_or_default().max(execution.start_time),
    };
    let mut spans = vec![paint.execution(built.described.text("traceHeader"))];
    spans.extend(built.visits().zip(states).map(|(op, row)| {
        let mut span = paint.state(row);
        let sub_type = tree.ops[op].sub_type.as_str();
        set(&mut span, "aws.lambda.durable.operation", Some(sub_type));
        span
    }));
    let tracks = (0..tree.ops.len()).filter(|op| tree.ops[*op].kind == Kind::Track);
    spans.extend(tracks.map(|op| track(built, &paint, op)));
    spans.extend(attempts.iter().map(|attempt| paint.attempt(attempt)));
    spans
}

/// An iteration or a branch.
fn track(built: &Built, paint: &Painter, n: usize) -> Span {
    let (tree, op) = (built.tree, &built.tree.ops[n]);
    let outcome = built.outcomes.ops[n];
    let block = op.parent.map(|at| &tree.ops[at]);
    let name = block.map_or("", |block| block.name.as_str());
    let map = block.is_some_and(|block| block.kind == Kind::Map);
    let (kind, label, index) = match map {
        true => (
            "iteration",
            format!("{name}[{}]", op.index),
            "aws.sfn.iteration.index",
        ),
        false => (
            "branch",
            format!("{name}{{{}}}", op.index),
            "aws.sfn.branch.index",
        ),
    };
    let mut span = paint.span(
        kind,
        label,
        built.span_of(Some(n)),
        built.span_of(op.parent),
        tree.time(op.first),
        outcome.end,
    );
    set(&mut span, index, Some(op.index as i64));
    set(&mut span, "aws.sfn.state.name", Some(name));
    set(
        &mut span,
        "aws.sfn.event_id",
        Some(tree.events[op.first].event_id as i64),
    );
    set(
        &mut span,
        "aws.sfn.state.status",
        Some(outcome.status.as_str()),
    );
    set(&mut span, "aws.lambda.durable.name", Some(op.name.as_str()));
    let failure = &op.failure;
    fail(
        &mut span,
        outcome.status,
        failure.error.as_deref(),
        failure.cause.as_deref(),
    );
    span
}
