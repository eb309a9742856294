//! Step Functions: transitions of Standard workflows; requests and GB-seconds of Express ones.
//!
//! A transition is a state entered, a retry (of a task or of a whole Map or Parallel), a redrive, or a child
//! execution that a Distributed Map started (Step Functions developer guide and pricing page). Whether the
//! start of an execution counts as one more is not documented; it is not counted.

use super::{Bill, Place, Quantity, units_of, wasted::Wasted};
use crate::baseline::general_path;
use model::{Engine, Span, SpanSource, UnixNanos, Value, Waste};
use std::collections::BTreeMap;

/// What an Express execution holds in memory besides its payloads, MB (pricing page).
const EXPRESS_BASE_MB: i64 = 50;

pub(super) fn bill(bill: &mut Bill<'_>, wasted: &Wasted) {
    let execution = bill.facts.execution;
    if execution.engine == Engine::LAMBDA_DURABLE {
        return operations(bill);
    }
    if execution.engine != Engine::STEP_FUNCTIONS {
        return;
    }
    if execution.execution_arn.contains(":express:") {
        express(bill);
    } else {
        entered(bill, wasted);
        repeated(bill);
    }
}

/// Operations of a durable function are charged, and what they keep. The price book has no price for them: they
/// are named, so that nobody takes the rest for the whole.
fn operations(bill: &mut Bill<'_>) {
    let execution = bill.facts.execution;
    let place = Place {
        span_id: execution.span_id,
        resource: execution.state_machine.clone(),
        ..Place::default()
    };
    let count = Quantity::whole(i64::from(execution.states_entered + execution.iterations));
    bill.add(
        &place,
        "durable_operation",
        "durable_operation",
        "operation",
        count,
        "",
    );
}

fn standard(bill: &mut Bill<'_>, place: &Place, count: i64) {
    let note = match bill.facts.execution.complete {
        true => "",
        false => "the history is incomplete: transitions may be missing",
    };
    let resource = bill.facts.execution.state_machine.clone();
    let place = Place {
        resource,
        ..place.clone()
    };
    let quantity = Quantity::whole(count);
    bill.add(
        &place,
        "states_transition",
        "states_transition",
        "transition",
        quantity,
        note,
    );
}

/// Visits of each state, those that were thrown away apart.
fn entered(bill: &mut Bill<'_>, wasted: &Wasted) {
    let mut counts: BTreeMap<(String, bool), (Place, i64)> = BTreeMap::new();
    for state in bill.facts.states {
        let thrown_away = wasted.is_thrown_away(state.span_id);
        let waste = if thrown_away {
            Waste::Aborted
        } else {
            Waste::None
        };
        let path = general_path(&state.path);
        let held = counts
            .entry((path.clone(), thrown_away))
            .or_insert_with(|| {
                let place = Place {
                    state: state.state.clone(),
                    path,
                    span_id: state.span_id,
                    waste,
                    ..Place::default()
                };
                (place, 0)
            });
        held.1 += 1;
    }
    let counts: Vec<(Place, i64)> = counts.into_values().collect();
    for (place, count) in counts {
        standard(bill, &place, count);
    }
}

/// Everything that was done again.
fn repeated(bill: &mut Bill<'_>) {
    let retries = bill.facts.attempts.iter().filter(|attempt| attempt.retry);
    let retries: Vec<Place> = retries
        .map(|attempt| Place {
            state: attempt.state.clone(),
            path: attempt.path.clone(),
            attempt: Some(attempt.attempt),
            span_id: attempt.span_id,
            waste: Waste::Repeated,
            ..Place::default()
        })
        .collect();
    for place in retries {
        standard(bill, &place, 1);
    }
    let again = bill
        .facts
        .states
        .iter()
        .filter(|state| state.block_retries > 0);
    let blocks: Vec<(Place, i64)> = again
        .map(|state| {
            let place = Place {
                state: state.state.clone(),
                path: state.path.clone(),
                span_id: state.span_id,
                waste: Waste::Repeated,
                ..Place::default()
            };
            (place, i64::from(state.block_retries))
        })
        .collect();
    for (place, count) in blocks {
        standard(bill, &place, count);
    }
    let execution = bill.facts.execution;
    let own = Place {
        span_id: execution.span_id,
        ..Place::default()
    };
    if execution.redrive_count > 0 {
        let place = Place {
            waste: Waste::Repeated,
            ..own.clone()
        };
        standard(bill, &place, i64::from(execution.redrive_count));
    }
    children(bill);
}

/// A Distributed Map pays a transition for each child that it starts.
fn children(bill: &mut Bill<'_>) {
    let runs = bill.facts.spans.iter().filter(|span| {
        span.source == SpanSource::Workflow && span.attributes.contains_key("aws.sfn.map_run.arn")
    });
    let runs: Vec<(Place, Option<i64>)> = runs
        .map(|span| {
            let name = text(span, "aws.sfn.state.name");
            let place = Place {
                path: text(span, "aws.sfn.state.path"),
                state: name.clone(),
                span_id: span.span_id,
                resource: name,
                ..Place::default()
            };
            (place, int(span, "aws.sfn.map_run.executions.total"))
        })
        .collect();
    for (place, total) in runs {
        match total {
            Some(0) => {}
            Some(total) => standard(bill, &place, total),
            None => {
                let note = "the map run is not described: the children it started are not counted";
                bill.missing(&place, "states_transition", "transition", note.to_owned());
            }
        }
    }
}

fn express(bill: &mut Bill<'_>) {
    let facts = bill.facts;
    let execution = facts.execution;
    let place = Place {
        span_id: execution.span_id,
        resource: execution.state_machine.clone(),
        ..Place::default()
    };
    let one = Quantity::whole(1);
    bill.add(
        &place,
        "states_express_request",
        "states_express_request",
        "request",
        one,
        "",
    );
    let root = facts
        .spans
        .iter()
        .find(|span| span.span_id == execution.span_id);
    let billed = |name: &str| root.and_then(|span| int(span, name)).filter(|it| *it > 0);
    let told = (
        billed("aws.sfn.billed_duration_ms"),
        billed("aws.sfn.billed_memory_mb"),
    );
    let length = execution.duration_ns.or_else(|| {
        let last = facts.events.iter().map(|event| event.time).max();
        last.map(|last: UnixNanos| last.since(execution.start_time))
    });
    let Some(ms) = told.0.or(length.map(|ns| units_of(ns, 1_000_000))) else {
        let note = "the duration of the Express execution is not known".to_owned();
        return bill.missing(&place, "states_express_compute", "GB-s", note);
    };
    let note = match told {
        (Some(_), Some(_)) => "",
        (Some(_), None) => "memory of the Express execution is estimated from its payloads",
        _ => "duration and memory of the Express execution are estimated",
    };
    let mb = told.1.unwrap_or_else(|| estimated_mb(bill));
    // Duration counts in steps of 100 ms, memory in steps of 64 MB.
    let ms = units_of(ms.max(1), 100) * 100;
    let mb = units_of(mb.max(1), 64) * 64;
    let quantity = Quantity {
        amount: i128::from(mb) * i128::from(ms),
        per: 1_024 * 1_000,
    };
    bill.add(
        &place,
        "states_express_compute",
        "states_express_gb_second",
        "GB-s",
        quantity,
        note,
    );
}

/// 50 MB, the definition, and the largest payload for each iteration or branch that may be open at once.
fn estimated_mb(bill: &Bill<'_>) -> i64 {
    let execution = bill.facts.execution;
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let payload = bill
        .facts
        .states
        .iter()
        .map(|it| length(&it.input).max(length(&it.output)));
    let payload = payload.max().unwrap_or(0).max(length(&execution.input));
    let beside = i64::from(execution.iterations.max(1));
    let bytes = length(&execution.definition) as i64 + payload as i64 * beside;
    EXPRESS_BASE_MB + bytes / (1 << 20)
}

fn text(span: &Span, name: &str) -> String {
    match span.attributes.get(name) {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    }
}

fn int(span: &Span, name: &str) -> Option<i64> {
    match span.attributes.get(name)? {
        Value::Int(number) => Some(*number),
        Value::Double(number) if number.is_finite() => Some(number.ceil() as i64),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cost::PriceBook, ledger::Facts};
    use model::{Execution, State};

    #[test]
    fn express_memory_grows_with_what_is_held() {
        let check = |payload: usize, iterations: u32, expect: i64| {
            let execution = Execution {
                iterations,
                ..Execution::default()
            };
            let states = [State {
                input: Some("x".repeat(payload)),
                ..State::default()
            }];
            let facts = Facts {
                execution: &execution,
                states: &states,
                attempts: &[],
                invocations: &[],
                joins: &[],
                spans: &[],
                events: &[],
            };
            let book = PriceBook::built_in();
            let bill = Bill {
                facts: &facts,
                book: &book,
                region: "",
                items: Vec::new(),
            };
            assert_eq!(estimated_mb(&bill), expect);
        };
        check(0, 0, 50);
        check(1 << 18, 0, 50);
        check(1 << 18, 40, 60);
    }
}
