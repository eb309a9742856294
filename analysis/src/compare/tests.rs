#![allow(clippy::unwrap_used)]

use super::*;
use crate::baseline::Run;
use model::{Execution, ExecutionStatus, SpanId, State, Status, TraceId, UnixNanos};

const MS: i64 = 1_000_000;

struct Held {
    execution: Execution,
    states: Vec<State>,
}

fn held(name: &str, input: &str, states: &[(&str, i64, Option<&str>)]) -> Held {
    let mut at = 0;
    let visits = states.iter().enumerate().map(|(n, (path, ms, error))| {
        let start = at;
        if !path.contains('[') {
            at += ms * MS;
        }
        State {
            span_id: SpanId::of_parts(&[name, &n.to_string()]),
            state: path.rsplit('/').next().unwrap().to_owned(),
            path: (*path).to_owned(),
            status: if error.is_some() {
                Status::Failed
            } else {
                Status::Succeeded
            },
            error: error.map(str::to_owned),
            start_time: UnixNanos(start),
            end_time: Some(UnixNanos(start + ms * MS)),
            duration_ns: Some(ms * MS),
            entered_event_id: n as u64 + 2,
            ..State::default()
        }
    });
    let states: Vec<State> = visits.collect();
    let failed = states.last().is_some_and(|it| it.error.is_some());
    Held {
        execution: Execution {
            execution_arn: name.to_owned(),
            trace_id: TraceId::of_execution(name),
            status: if failed {
                ExecutionStatus::Failed
            } else {
                ExecutionStatus::Succeeded
            },
            input: Some(input.to_owned()),
            duration_ns: Some(at),
            ..Execution::default()
        },
        states,
    }
}

fn run(of: &Held) -> Run<'_> {
    Run {
        execution: &of.execution,
        states: &of.states,
        attempts: &[],
        invocations: &[],
        joins: &[],
        spans: &[],
        logs: &[],
    }
}

#[test]
fn twins_are_those_with_the_most_similar_input() {
    let subject = held("s", r#"{"tenant": "a", "items": [1, 2, 3]}"#, &[]);
    let others = [
        held(
            "other tenant",
            r#"{"tenant": "b", "items": [1, 2, 3]}"#,
            &[],
        ),
        held("same", r#"{"tenant": "a", "items": [4, 5, 6]}"#, &[]),
        held(
            "bigger",
            &format!(r#"{{"tenant": "a", "items": {:?}}}"#, vec![0; 500]),
            &[],
        ),
    ];
    let heads: Vec<Execution> = others.iter().map(|it| it.execution.clone()).collect();
    let order: Vec<usize> = nearest(&subject.execution, &heads, 5)
        .iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(order, [1, 0, 2]);
    assert_eq!(
        nearest(&heads[1], &heads, 1)[0].0,
        0,
        "nobody is a twin of oneself"
    );
    assert_eq!(distance(&heads[0], &heads[0]), 0.0);
}

#[test]
fn the_first_departure_from_all_twins_is_marked() {
    let check = |subject: &[(&str, i64, Option<&str>)], expect: Option<&str>| {
        let subject = held("s", "{}", subject);
        let twins = [
            held(
                "t1",
                "{}",
                &[("A", 100, None), ("B", 200, None), ("C", 50, None)],
            ),
            held(
                "t2",
                "{}",
                &[("A", 110, None), ("B", 190, None), ("C", 55, None)],
            ),
        ];
        let twins: Vec<(Run<'_>, f64)> = twins.iter().map(|it| (run(it), 0.0)).collect();
        let found = align(&run(&subject), &twins, 2);
        assert_eq!(found.divergence.as_deref(), expect, "{found:#?}");
    };
    check(&[("A", 105, None), ("B", 195, None), ("C", 52, None)], None);
    check(
        &[("A", 105, None), ("B", 1_950, None), ("C", 52, None)],
        Some("B: took 1.95 s instead of 190 ms to 200 ms"),
    );
    check(
        &[("A", 105, None), ("B", 195, Some("Boom"))],
        Some("B: failed with Boom"),
    );
    check(
        &[("A", 105, None), ("D", 5, None), ("C", 52, None)],
        Some("B: not visited"),
    );
    check(
        &[("A", 100, None), ("B", 200, None), ("X", 5, Some("E"))],
        Some("C: not visited"),
    );
}

#[test]
fn within_a_block_the_part_that_differs_is_named() {
    let subject = held(
        "s",
        "{}",
        &[
            ("Fan", 900, None),
            ("Fan[0]/Work", 100, None),
            ("Fan[1]/Work", 880, None),
        ],
    );
    let twin = held(
        "t",
        "{}",
        &[
            ("Fan", 120, None),
            ("Fan[0]/Work", 100, None),
            ("Fan[1]/Work", 110, None),
        ],
    );
    let found = align(&run(&subject), &[(run(&twin), 0.0)], 1);
    assert_eq!(
        found.states[found.diverges_at.unwrap() as usize].path,
        "Fan[1]/Work"
    );
    assert_eq!(found.states[2].delta_ns, Some(770 * MS));
}

/// With one other run at hand a little more time says nothing; the failure does.
#[test]
fn jitter_is_no_parting() {
    let subject = held("s", "{}", &[("A", 129, None), ("B", 30, Some("Boom"))]);
    let twin = held("t", "{}", &[("A", 103, None), ("B", 35, None)]);
    let found = align(&run(&subject), &[(run(&twin), 0.0)], 1);
    assert_eq!(found.divergence.as_deref(), Some("B: failed with Boom"));
}

#[test]
fn without_twins_nothing_diverges() {
    let subject = held("s", "{}", &[("A", 1, Some("E"))]);
    assert_eq!(align(&run(&subject), &[], 0).diverges_at, None);
}

/// Tenant b fails; the region only goes along with the tenant; the order number is different every time.
#[test]
fn attributes_that_distinguish_are_ranked_and_confounders_cleared() {
    let make = |n: usize, fails: bool| {
        let tenant = if fails || n.is_multiple_of(10) {
            "b"
        } else {
            "a"
        };
        // Of tenant b nine in ten are in the west, of tenant a one in ten.
        let west = (n % 10 == 3) != (tenant == "b");
        let input = format!(
            r#"{{"tenant": "{tenant}", "west": {west}, "order": "{n}-{fails}", "size": {}}}"#,
            n % 7
        );
        let error = fails.then_some("Boom");
        held(
            &format!("{n}-{fails}"),
            &input,
            &[("A", 10, None), ("B", 10, error)],
        )
    };
    let bad: Vec<Held> = (0..40).map(|n| make(n, true)).collect();
    let good: Vec<Held> = (0..200).map(|n| make(n, false)).collect();
    let side = |of: &'static str, runs: Vec<Run<'static>>| Side {
        selection: of.to_owned(),
        executions: runs.len() as u64,
        runs,
        ledger: &[],
    };
    let bad: &'static Vec<Held> = Box::leak(Box::new(bad));
    let good: &'static Vec<Held> = Box::leak(Box::new(good));
    let found = groups(
        &side("failed", bad.iter().map(run).collect()),
        &side("good", good.iter().map(run).collect()),
    );
    let names: Vec<&str> = found
        .attributes
        .iter()
        .map(|it| it.attribute.as_str())
        .collect();
    assert!(!names.contains(&"input.order"), "{names:?}");
    assert!(!names.contains(&"input.size"), "{names:?}");
    let of = |name: &str, value: &str| {
        let mut all = found.attributes.iter();
        all.find(|it| it.attribute == name && it.value == value)
            .unwrap()
    };
    let tenant = of("input.tenant", "b");
    assert_eq!((tenant.count_a, tenant.count_b), (40, 20));
    assert_eq!(tenant.explained_by, None);
    assert!(tenant.score > 4.0 && tenant.q_value < 1e-6);
    let west = of("input.west", "true");
    assert!(west.explained_by.is_some(), "{west:?}");
    assert_eq!((found.a.failed, found.b.failed), (40, 0));
    let b = found.states.iter().find(|it| it.state == "B").unwrap();
    assert_eq!((b.failures_a, b.failures_b), (1.0, 0.0));
    assert!(found.alignment.is_none());
}

/// One workflow fails more often than the other, and only its inputs have large amounts: within it they tell nothing.
#[test]
fn what_stands_for_the_workflow_is_explained_by_it() {
    let make = |n: usize, machine: &str, fails: bool| {
        let amount = if machine == "orders" {
            n % 30
        } else {
            100 + n % 7
        };
        let input = format!(r#"{{"amount": {amount}}}"#);
        let error = fails.then_some("Boom");
        let mut held = held(&format!("{machine}-{n}"), &input, &[("A", 10, error)]);
        held.execution.state_machine = machine.to_owned();
        held
    };
    let bad: Vec<Held> = (0..60)
        .map(|n| make(n, if n < 50 { "claims" } else { "orders" }, true))
        .collect();
    let good: Vec<Held> = (0..200)
        .map(|n| make(n, if n < 20 { "claims" } else { "orders" }, false))
        .collect();
    let side = |of: &str, held: &'static [Held]| Side {
        selection: of.to_owned(),
        executions: held.len() as u64,
        runs: held.iter().map(run).collect(),
        ledger: &[],
    };
    let found = groups(
        &side("failed", Vec::leak(bad)),
        &side("good", Vec::leak(good)),
    );
    let of = |name: &str| found.attributes.iter().find(|it| it.attribute == name);
    let amount = of("input.amount").expect("it differs");
    assert_eq!(amount.explained_by.as_deref(), Some("state_machine"));
    let machine = of("state_machine").expect("it differs");
    assert_eq!(machine.explained_by, None);
}

#[test]
fn groups_may_be_empty() {
    let none = Side::default();
    let found = groups(&none, &none);
    assert!(found.attributes.is_empty() && found.states.is_empty());
}
