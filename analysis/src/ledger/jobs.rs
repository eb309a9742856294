//! The life of a job or container that a try waited for: what state-change events tell of it, or the answer of the
//! `.sync` task itself.
//!
//! | Told | Category |
//! |---|---|
//! | ECS: created → image pull | cold start, provisioning |
//! | ECS: image pull, container start | cold start |
//! | Batch: created → started | queueing (the waits of the queue and for an instance are one, unless events are held) |
//! | Glue: started → end less `ExecutionTime` | cold start, provisioning |
//! | the time between two tries of a Batch job | queueing |
//! | after the stop | orchestration: the engine has not noticed yet |

use super::{inside::Part, walk::Use};
use crate::containers::{
    answer::{answered, within},
    glue::GlueRun,
};
use model::{Attempt, Span, SpanId, TimeCategory, UnixNanos, Value};

const SECOND_NS: i64 = 1_000_000_000;

/// A job's time in order; the parts do not overlap.
pub(super) struct Life {
    pub(super) parts: Vec<Part>,
    /// It is over, and the last part ends there.
    pub(super) ended: bool,
}

/// As state-change events tell it.
pub(super) fn held<'a>(job: &Span, below: impl Iterator<Item = &'a Span>) -> Life {
    let below: Vec<&Span> = below.filter(|span| is_phase(span)).collect();
    life(job, &below, |span| Some(span.span_id))
}

/// As the answer of the task tells it; `None` if it tells nothing, or times that cannot be those of the try.
pub(super) fn told(attempt: &Attempt) -> Option<Life> {
    let fits = |life: &Life| {
        let (first, last) = (life.parts.first(), life.parts.last());
        let ends = first.zip(last);
        ends.is_some_and(|(first, last)| {
            within(attempt, UnixNanos(first.0), UnixNanos(last.1)) && follow(&life.parts)
        })
    };
    let containers = answered(attempt);
    let last = containers.iter().max_by_key(|it| it.job.end_time);
    if let Some(container) = last {
        let (job, below) = container.spans.split_first()?;
        let below: Vec<&Span> = below.iter().filter(|span| is_phase(span)).collect();
        // Its spans are nowhere but here.
        return Some(life(job, &below, |_| None)).filter(fits);
    }
    glue(attempt, &GlueRun::of(attempt)?).filter(fits)
}

/// Glue tells how long resources were used: the rest was before, but for the moment until the engine asked.
fn glue(attempt: &Attempt, run: &GlueRun) -> Option<Life> {
    let used = run.seconds.checked_mul(SECOND_NS)?;
    let compute = Use::new(TimeCategory::Compute, "run").estimated();
    let Some((start, end)) = run.times else {
        let (from, to) = (attempt.submitted_time?.0, attempt.end_time?.0);
        let began = to.checked_sub(used).filter(|began| *began >= from)?;
        let before = Use::new(TimeCategory::Queueing, "before the run").estimated();
        return Some(Life {
            parts: vec![(from, began, before), (began, to, compute)],
            ended: false,
        });
    };
    let began = end.0.saturating_sub(used).max(start.0);
    let provisioning = Use::new(TimeCategory::ColdStart, "provisioning").estimated();
    Some(Life {
        parts: vec![(start.0, began, provisioning), (began, end.0, compute)],
        ended: true,
    })
}

fn follow(parts: &[Part]) -> bool {
    let ordered = parts.iter().all(|(from, to, _)| from <= to);
    ordered && parts.windows(2).all(|pair| pair[0].1 <= pair[1].0)
}

/// Phases in order; a run of several tries is those tries, with the waits between.
fn life(job: &Span, below: &[&Span], id: impl Fn(&Span) -> Option<SpanId>) -> Life {
    let order = |spans: &mut Vec<&Span>| {
        spans.sort_by_key(|span| (span.start_time, span.end_time, span.span_id));
    };
    let (mut tries, mut phases): (Vec<&Span>, Vec<&Span>) =
        below.iter().partition(|it| it.name.starts_with("attempt "));
    order(&mut tries);
    order(&mut phases);
    let mut parts: Vec<Part> = Vec::new();
    for span in phases {
        let (category, detail) = phase(span);
        let (mut from, to) = (span.start_time.0, span.end_time.0);
        let named = |what: Use| match id(span) {
            Some(id) => what.of_span(id),
            None => what,
        };
        if span.name == "run" && tries.len() > 1 {
            for one in &tries {
                let (start, end) = (
                    one.start_time.0.clamp(from, to),
                    one.end_time.0.clamp(from, to),
                );
                let wait = Use::new(TimeCategory::Queueing, "between tries of the job");
                parts.push((from, start, named(wait)));
                parts.push((start, end, named(Use::new(category, &detail))));
                from = end;
            }
        }
        parts.push((from, to, named(Use::new(category, &detail))));
    }
    parts.retain(|(from, to, _)| from < to);
    Life {
        ended: !parts.is_empty() && !job.attributes.contains_key("inquest.running"),
        parts,
    }
}

/// The parts of a job's life follow each other; its tries lie across them.
fn is_phase(span: &Span) -> bool {
    span.attributes.get("inquest.kind") == Some(&Value::from("phase"))
}

fn phase(span: &Span) -> (TimeCategory, String) {
    let category = match span.name.as_str() {
        "provisioning" | "image pull" | "container start" | "starting" => TimeCategory::ColdStart,
        "submitted" | "waiting for capacity" => TimeCategory::Queueing,
        "stop" => TimeCategory::Orchestration,
        _ => TimeCategory::Compute,
    };
    (category, span.name.clone())
}
