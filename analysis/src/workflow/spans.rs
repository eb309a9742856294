//! The trace as spans: execution, states, starts of blocks, iterations, branches, attempts.

use super::{
    nest::Node,
    outcome::Outcome,
    paint::{Painter, fail, set},
    rows::Built,
};
use model::{Attempt, Execution, Span, State};

/// Makes the spans of an execution from its rows.
pub(super) fn spans(
    built: &Built,
    execution: &Execution,
    states: &[State],
    attempts: &[Attempt],
) -> Vec<Span> {
    let last = built
        .nest
        .steps
        .iter()
        .map(|step| step.time())
        .max()
        .unwrap_or(execution.start_time);
    let paint = Painter {
        execution,
        last: last.max(execution.start_time),
    };
    let maker = Maker { built, paint };
    let mut spans = vec![maker.execution()];
    spans.extend(
        states
            .iter()
            .enumerate()
            .map(|(n, state)| maker.state(n, state)),
    );
    spans.extend((0..built.nest.runs.len()).filter_map(|n| maker.run(n)));
    spans.extend((0..built.nest.iterations.len()).map(|n| maker.iteration(n)));
    spans.extend((0..built.nest.branches.len()).map(|n| maker.branch(n)));
    spans.extend(attempts.iter().map(|attempt| maker.paint.attempt(attempt)));
    spans
}

struct Maker<'a> {
    built: &'a Built<'a>,
    paint: Painter<'a>,
}

impl Maker<'_> {
    fn execution(&self) -> Span {
        let described = self.built.described;
        let mut span = self.paint.execution(described.text("traceHeader"));
        let billed = |name: &str| described.billing(name);
        set(
            &mut span,
            "aws.sfn.billed_duration_ms",
            billed("billedDurationInMilliseconds"),
        );
        set(
            &mut span,
            "aws.sfn.billed_memory_mb",
            billed("billedMemoryUsedInMB"),
        );
        span
    }

    fn state(&self, n: usize, row: &State) -> Span {
        let mut span = self.paint.state(row);
        self.map_runs(n, &mut span);
        span
    }

    /// A Distributed Map shows its map run: its ARN, and its counts where it is described.
    fn map_runs(&self, n: usize, span: &mut Span) {
        let runs = &self.built.nest.visits[n].map_runs;
        let Some(arn) = runs
            .last()
            .and_then(|at| self.built.nest.steps[*at].details.map_run_arn.as_deref())
        else {
            return;
        };
        set(span, "aws.sfn.map_run.arn", Some(arn));
        let Some(described) = self.built.described.map_run_of(arn) else {
            return;
        };
        set(
            span,
            "aws.sfn.map_run.status",
            described.get("status").and_then(|status| status.as_str()),
        );
        for (member, name) in [("itemCounts", "items"), ("executionCounts", "executions")] {
            let counts = described.get(member).and_then(|counts| counts.as_object());
            for (what, count) in counts.into_iter().flatten() {
                set(
                    span,
                    &format!("aws.sfn.map_run.{name}.{what}"),
                    count.as_i64(),
                );
            }
        }
    }

    /// A start of a Map or Parallel, when it was started more than once.
    fn run(&self, n: usize) -> Option<Span> {
        let nest = self.built.nest;
        let run = &nest.runs[n];
        let visit = &nest.visits[run.visit];
        if visit.runs.len() < 2 {
            return None;
        }
        let number = run.number;
        let outcome = self.built.outcomes.runs[n];
        let name = format!("{} (try {number})", visit.name);
        let id = self.built.names.runs[n];
        let parent = self.built.names.visits[run.visit];
        let mut span = self.paint.span(
            "attempt",
            name,
            id,
            parent,
            nest.steps[run.started].time(),
            outcome.end,
        );
        set(&mut span, "aws.sfn.block_attempt", Some(number as i64));
        set(&mut span, "aws.sfn.attempt", Some(number as i64));
        self.place(&mut span, run.visit, run.started, outcome);
        Some(span)
    }

    fn iteration(&self, n: usize) -> Span {
        let nest = self.built.nest;
        let iteration = &nest.iterations[n];
        let visit = nest.runs[iteration.run].visit;
        let outcome = self.built.outcomes.iterations[n];
        let name = format!("{}[{}]", nest.visits[visit].name, iteration.index);
        let parent = self.built.names.span_of(nest, Node::Run(iteration.run));
        let start = nest.steps[iteration.started].time();
        let mut span = self.paint.span(
            "iteration",
            name,
            self.built.names.iterations[n],
            parent,
            start,
            outcome.end,
        );
        set(&mut span, "aws.sfn.iteration.index", Some(iteration.index));
        self.place(&mut span, visit, iteration.started, outcome);
        span
    }

    fn branch(&self, n: usize) -> Span {
        let nest = self.built.nest;
        let branch = &nest.branches[n];
        let run = &nest.runs[branch.run];
        let outcome = self.built.outcomes.branches[n];
        let name = format!("{}{{{}}}", nest.visits[run.visit].name, branch.index);
        let parent = self.built.names.span_of(nest, Node::Run(branch.run));
        let start = nest.steps[run.started].time();
        let mut span = self.paint.span(
            "branch",
            name,
            self.built.names.branches[n],
            parent,
            start,
            outcome.end,
        );
        set(&mut span, "aws.sfn.branch.index", Some(branch.index as i64));
        self.place(&mut span, run.visit, branch.first, outcome);
        span
    }

    /// What parts of a Map or Parallel have in common.
    fn place(&self, span: &mut Span, visit: usize, at: usize, outcome: Outcome) {
        let nest = self.built.nest;
        set(
            span,
            "aws.sfn.state.name",
            Some(nest.visits[visit].name.as_str()),
        );
        set(span, "aws.sfn.event_id", Some(nest.steps[at].id() as i64));
        set(span, "aws.sfn.state.status", Some(outcome.status.as_str()));
        let details = outcome.failure.map(|at| &nest.steps[at].details);
        let error = details.and_then(|details| details.error.as_deref());
        fail(
            span,
            outcome.status,
            error,
            details.and_then(|details| details.cause.as_deref()),
        );
    }
}
