use super::*;
use model::{InvocationStatus, SpanId, Status, UnixNanos, Value};

const SECOND: i64 = 1_000_000_000;
const BASE: i64 = 1_717_100_100 * SECOND;

fn at(seconds: f64) -> UnixNanos {
    UnixNanos(BASE + (seconds * SECOND as f64) as i64)
}

fn execution() -> Execution {
    Execution {
        execution_arn: "arn:e".to_owned(),
        ..Execution::default()
    }
}

fn attempt(n: u8, from: f64, to: f64) -> Attempt {
    Attempt {
        span_id: SpanId([n; 8]),
        function_name: Some("charge".to_owned()),
        status: Status::Succeeded,
        start_time: at(from),
        end_time: Some(at(to)),
        scheduled_event_id: u64::from(n),
        ..Attempt::default()
    }
}

fn invocation(n: u8, from: f64, to: f64) -> Invocation {
    Invocation {
        trace_id: TraceId([n; 16]),
        span_id: SpanId([n; 8]),
        request_id: format!("r{n}"),
        function_name: "charge".to_owned(),
        status: InvocationStatus::Success,
        start_time: at(from),
        end_time: Some(at(to)),
        ..Invocation::default()
    }
}

/// `attempt-child method confidence candidates`, one a line.
fn told(joins: &[Join]) -> Vec<String> {
    let word = |join: &Join| {
        format!(
            "{}-{} {} {:.2} {}",
            join.parent.span_id.0[7],
            join.child.span_id.0[7],
            join.method.as_str(),
            join.confidence,
            join.candidates
        )
    };
    joins.iter().map(word).collect()
}

fn check(attempts: &[Attempt], invocations: &[Invocation], expect: &[&str]) {
    assert_eq!(
        told(&join(&execution(), attempts, invocations, &[])),
        expect
    );
    let backwards = |of: &[Attempt]| of.iter().rev().cloned().collect::<Vec<_>>();
    let others: Vec<_> = invocations.iter().rev().cloned().collect();
    assert_eq!(
        told(&join(&execution(), &backwards(attempts), &others, &[])),
        expect,
        "order must not matter"
    );
}

#[test]
fn request_ids_are_certain_and_async_runs_all_belong() {
    let with = |n, id: &str, in_cause| Attempt {
        request_id: Some(id.to_owned()),
        request_id_in_cause: in_cause,
        ..attempt(n, 0.0, 1.0)
    };
    let again = Invocation {
        request_id: "r4".to_owned(),
        ..invocation(5, 60.0, 61.0)
    };
    check(
        &[with(1, "r4", false), with(2, "r7", true)],
        &[
            invocation(4, 0.2, 0.5),
            again,
            invocation(7, 0.3, 0.4),
            invocation(9, 0.3, 0.4),
        ],
        &[
            "1-4 request_id 1.00 1",
            "1-5 request_id 1.00 1",
            "2-7 request_id_in_cause 1.00 1",
        ],
    );
    // Its log is missing: no guess takes its place.
    check(
        &[with(1, "unknown", false)],
        &[invocation(4, 0.2, 0.5)],
        &[],
    );
}

#[test]
fn time_joins_are_guesses_and_say_how_many_fit() {
    check(
        &[attempt(1, 0.0, 1.0)],
        &[invocation(4, 0.2, 0.5)],
        &["1-4 function_and_time 0.80 1"],
    );
    check(
        &[attempt(1, 0.0, 1.0), attempt(2, 2.0, 3.0)],
        &[invocation(4, 0.2, 0.5), invocation(5, 2.2, 2.5)],
        &[
            "1-4 function_and_time 0.80 1",
            "2-5 function_and_time 0.80 1",
        ],
    );
    check(
        &[attempt(1, 0.0, 1.0), attempt(2, 0.0, 1.0)],
        &[invocation(4, 0.2, 0.5), invocation(5, 0.3, 0.5)],
        &[
            "1-4 function_and_time 0.40 2",
            "2-5 function_and_time 0.40 2",
        ],
    );
    check(
        &[attempt(1, 0.0, 1.0)],
        &[invocation(4, 0.2, 0.5), invocation(5, 0.3, 0.5)],
        &["1-4 function_and_time 0.40 2"],
    );
    check(&[attempt(1, 0.0, 1.0)], &[invocation(4, 5.0, 6.0)], &[]);
    check(
        &[attempt(1, 0.0, 1.0)],
        &[Invocation {
            function_name: "other".to_owned(),
            ..invocation(4, 0.2, 0.5)
        }],
        &[],
    );
}

#[test]
fn what_cannot_be_is_left_out() {
    let failed = Invocation {
        status: InvocationStatus::Error,
        ..invocation(4, 0.2, 0.5)
    };
    check(
        &[attempt(1, 0.0, 1.0)],
        &[failed.clone(), invocation(5, 0.3, 0.6)],
        &["1-5 function_and_time 0.80 1"],
    );
    let retry = Attempt {
        status: Status::Failed,
        ..attempt(1, 0.0, 1.0)
    };
    check(&[retry], &[failed], &["1-4 function_and_time 0.80 1"]);
    check(&[attempt(1, 0.0, 1.0)], &[invocation(4, 0.2, 9.0)], &[]);
    let asked = Attempt {
        function_qualifier: Some("7".to_owned()),
        ..attempt(1, 0.0, 1.0)
    };
    let ran = Invocation {
        function_version: Some("8".to_owned()),
        ..invocation(4, 0.2, 0.5)
    };
    // Another version only where nothing fits better, and nothing of it lies outside.
    check(
        std::slice::from_ref(&asked),
        std::slice::from_ref(&ran),
        &["1-4 function_and_time 0.40 1"],
    );
    let right = Invocation {
        function_version: Some("7".to_owned()),
        ..invocation(5, 0.3, 0.6)
    };
    check(
        std::slice::from_ref(&asked),
        &[ran, right],
        &["1-5 function_and_time 0.80 1"],
    );
    let longer = Invocation {
        function_version: Some("8".to_owned()),
        ..invocation(4, 0.2, 1.5)
    };
    check(&[asked], &[longer], &[]);
    let throttled = Attempt {
        error: Some("Lambda.TooManyRequestsException".to_owned()),
        status: Status::Failed,
        ..attempt(1, 0.0, 1.0)
    };
    check(&[throttled], &[invocation(4, 0.2, 0.5)], &[]);
    let nowhen = Invocation {
        start_time: UnixNanos(3),
        ..invocation(4, 0.2, 0.5)
    };
    check(
        &[Attempt {
            start_time: UnixNanos(0),
            ..attempt(1, 0.0, 1.0)
        }],
        &[nowhen],
        &[],
    );
}

#[test]
fn better_keys_take_precedence() {
    let root = Some("1-5759e988-bd862e3fe1be46a994272793".to_owned());
    let traced = Attempt {
        xray_trace_id: root.clone(),
        ..attempt(2, 0.0, 1.0)
    };
    let known = Attempt {
        request_id: Some("r4".to_owned()),
        ..attempt(1, 0.0, 1.0)
    };
    let seen = Invocation {
        xray_trace_id: root,
        ..invocation(5, 0.3, 0.5)
    };
    check(
        &[known, traced, attempt(3, 0.0, 1.0)],
        &[invocation(4, 0.2, 0.5), seen, invocation(6, 0.4, 0.5)],
        &[
            "1-4 request_id 1.00 1",
            "2-5 trace_context 0.95 1",
            "3-6 function_and_time 0.80 1",
        ],
    );
}

#[test]
fn children_and_application_spans() {
    let parent = Attempt {
        child_execution_arn: Some("arn:child".to_owned()),
        ..attempt(1, 0.0, 1.0)
    };
    let found = join(&execution(), &[parent], &[], &[]);
    assert_eq!(
        (found[0].child.trace_id, found[0].method),
        (TraceId::of_execution("arn:child"), JoinMethod::ExecutionArn)
    );
    let known = Attempt {
        request_id: Some("r4".to_owned()),
        ..attempt(1, 0.0, 1.0)
    };
    let span = |n: u8, parent: u8, id: &str, start: f64| Span {
        trace_id: TraceId([7; 16]),
        span_id: SpanId([n; 8]),
        parent_span_id: SpanId([parent; 8]),
        start_time: at(start),
        attributes: [("faas.invocation_id".to_owned(), Value::from(id))].into(),
        ..Span::default()
    };
    let again = Invocation {
        request_id: "r4".to_owned(),
        ..invocation(5, 60.0, 61.0)
    };
    let spans = [
        span(20, 0, "r4", 60.1),
        span(21, 20, "r4", 60.2),
        span(22, 99, "other", 0.3),
    ];
    let found = join(
        &execution(),
        &[known],
        &[invocation(4, 0.2, 0.5), again],
        &spans,
    );
    assert_eq!(told(&found)[2], "5-20 invocation_id 1.00 1");
    assert_eq!(found.len(), 3);
}

#[test]
fn cold_starts_count_only_what_is_certain() {
    let cold = |n, from| Invocation {
        cold_start: model::ColdStart::Init,
        ..invocation(n, from, from + 0.2)
    };
    let invocations = [cold(4, 0.2), cold(5, 5.2), cold(6, 5.3)];
    let joins = join(
        &execution(),
        &[attempt(1, 0.0, 1.0), attempt(2, 5.0, 6.0)],
        &invocations,
        &[],
    );
    assert_eq!(
        told(&joins),
        [
            "1-4 function_and_time 0.80 1",
            "2-5 function_and_time 0.40 2"
        ]
    );
    assert_eq!(cold_starts(&joins, &invocations), 1);
}

/// Ten thousand of each, all at once and one after the other: seconds, not hours.
#[test]
fn many_of_each_stay_fast() {
    for step in [0.0, 1.0] {
        let attempts: Vec<_> = (0..10_000u32)
            .map(|n| Attempt {
                scheduled_event_id: u64::from(n),
                ..attempt(1, f64::from(n) * step, f64::from(n) * step + 0.9)
            })
            .collect();
        let invocations: Vec<_> = (0..10_000u32)
            .map(|n| invocation(1, f64::from(n) * step + 0.2, f64::from(n) * step + 0.5))
            .collect();
        assert_eq!(
            join(&execution(), &attempts, &invocations, &[]).len(),
            10_000
        );
    }
}

#[test]
fn executions_that_compete_share_no_invocation() {
    let (first, second) = (attempt(1, 0.0, 1.0), attempt(2, 0.015, 1.02));
    let check = |invocations: &[Invocation], expect: [&[&str]; 2]| {
        let of = |own: &Attempt, other: &Attempt| {
            let (own, other) = (own.clone(), other.clone());
            told(&join_among(
                &execution(),
                &[own],
                &[other],
                invocations,
                &[],
            ))
        };
        assert_eq!([of(&first, &second), of(&second, &first)], expect);
    };
    check(
        &[invocation(1, 0.2, 0.9)],
        [&["1-1 function_and_time 0.40 2"], &[]],
    );
    check(
        &[invocation(1, 0.2, 0.9), invocation(2, 0.21, 0.91)],
        [
            &["1-1 function_and_time 0.40 2"],
            &["2-2 function_and_time 0.40 2"],
        ],
    );
}
