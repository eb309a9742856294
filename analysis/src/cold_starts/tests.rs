#![allow(clippy::unwrap_used)]

use super::*;
use model::{ColdStart, TraceId};

const SECOND: i64 = 1_000_000_000;

fn ran(second: i64, seconds: i64, stream: &str, version: &str, cold: Option<f64>) -> Invocation {
    let identity = format!("{second}/{stream}");
    Invocation {
        trace_id: TraceId::of_parts(&[&identity]),
        span_id: SpanId::of_parts(&[&identity]),
        function_name: "pay".to_owned(),
        function_version: Some(version.to_owned()),
        log_stream: stream.to_owned(),
        start_time: UnixNanos(1_700_000_000 * SECOND + second * SECOND),
        end_time: Some(UnixNanos(
            1_700_000_000 * SECOND + (second + seconds) * SECOND,
        )),
        duration_ns: Some(seconds * SECOND),
        init_duration_ms: cold,
        cold_start: if cold.is_some() {
            ColdStart::Init
        } else {
            ColdStart::Warm
        },
        ..Invocation::default()
    }
}

#[track_caller]
fn check(invocations: &[Invocation], expect: &[Option<Cause>]) {
    let found: Vec<Option<Cause>> = causes(invocations)
        .iter()
        .map(|it| it.as_ref().map(|it| it.cause))
        .collect();
    assert_eq!(found, expect);
}

#[test]
fn causes_are_told_apart() {
    let some = |ms: f64| Some(ms);
    // The first one of all: nobody knows.
    check(&[ran(0, 1, "a", "1", some(500.0))], &[Some(Cause::Unknown)]);
    // While the other one is busy.
    let first = ran(0, 10, "a", "1", some(500.0));
    check(
        &[first.clone(), ran(5, 1, "b", "1", some(500.0))],
        &[Some(Cause::Unknown), Some(Cause::ScaleOut)],
    );
    // After ten minutes in which nobody called.
    check(
        &[first.clone(), ran(610, 1, "b", "1", some(500.0))],
        &[Some(Cause::Unknown), Some(Cause::Idle)],
    );
    // The first of a version, in whatever order they come.
    check(
        &[ran(20, 1, "b", "2", some(500.0)), first.clone()],
        &[Some(Cause::NewVersion), Some(Cause::Unknown)],
    );
    // After a crash in the same sandbox.
    let killed = Invocation {
        cold_start: ColdStart::SuppressedInit,
        ..ran(12, 1, "a", "1", None)
    };
    check(
        &[first.clone(), killed],
        &[Some(Cause::Unknown), Some(Cause::RuntimeKilled)],
    );
    check(
        &[first, ran(12, 1, "a", "1", None)],
        &[Some(Cause::Unknown), None],
    );
}

#[test]
fn rates_and_effects_are_summed_by_function_and_version() {
    let mut all: Vec<Invocation> = (0..30).map(|n| ran(n, 1, "a", "1", None)).collect();
    all.extend((0..10).map(|n| ran(n, 1, &format!("s{n}"), "1", Some(1_500.0 + n as f64))));
    all.push(ran(40, 1, "z", "2", Some(100.0)));
    let effect = Effect {
        execution_arn: "arn".to_owned(),
        on_critical_path: true,
        added_ns: 2 * SECOND,
    };
    let effects = HashMap::from([(all[30].span_id, effect)]);
    let summary = summarise(&all, &effects, &PriceBook::built_in(), 5);
    let one = &summary.functions[0];
    assert_eq!(
        (one.version.as_str(), one.invocations, one.cold),
        ("1", 40, 10)
    );
    assert_eq!((one.ratio, one.added_ms), (0.25, 2_000.0));
    assert_eq!(
        (one.init_ms_p50, one.init_ms_p95),
        (Some(1_504.0), Some(1_509.0))
    );
    assert_eq!(summary.rows.len(), 5);
    assert_eq!(summary.rows[0].version, "2");
    // Forty seconds tell nothing of a month; that some starts took long and were waited for is told.
    assert_eq!(
        one.advice,
        [
            "Less work at start: an init takes 1504 ms in the median, 25 % of the invocations are cold; 2.0 s were \
             added to executions."
        ]
    );
    assert!(
        summary.functions[1].advice.is_empty(),
        "one cold start is no evidence"
    );
    let seen: u64 = one.buckets.iter().map(|(_, all, _)| all).sum();
    assert_eq!(seen, 40);
    // They lie side by side, those in which nothing ran among them.
    let starts: Vec<i64> = one
        .buckets
        .iter()
        .map(|(at, ..)| at.parse().unwrap())
        .collect();
    let width = starts[1] - starts[0];
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == width));
}

/// Two sandboxes that are busy for two days, ten minutes at a time; ten starts of one are cold and cost executions
/// `added_s` seconds each.
fn busy(added_s: i64, region: &str) -> Vec<String> {
    let mut effects = HashMap::new();
    let mut all = Vec::new();
    for n in 0..288 {
        all.push(ran(n * 600, 600, "a", "1", None));
        let cold = (100..110).contains(&n).then_some(1_500.0);
        all.push(ran(n * 600, 600, "b", "1", cold));
    }
    for invocation in &mut all {
        invocation.memory_size_mb = Some(1_024);
        if invocation.init_duration_ms.is_some() {
            let effect = Effect {
                execution_arn: format!("arn:aws:states:{region}:1:execution:m:n"),
                on_critical_path: true,
                added_ns: added_s * SECOND,
            };
            effects.insert(invocation.span_id, effect);
        }
    }
    let found = summarise(&all, &effects, &PriceBook::built_in(), 5);
    found.functions[0].advice.clone()
}

#[test]
fn provisioned_concurrency_is_advised_by_its_price_and_what_it_saves() {
    // 2 GB for 30 days are 5 184 000 GB-s at 0.0000041667 USD; 600 s in two days are 9 000 s a month.
    let found = busy(60, "us-east-1");
    for part in [
        "Provisioned concurrency of 2:",
        "21.60 USD",
        "600000 ms on critical paths in the 2.0 days seen, 9000000 ms a month",
    ] {
        assert!(found[0].contains(part), "{part}: {found:?}");
    }
    // 150 s a month are not worth it; nobody's prices are guessed.
    assert_eq!(busy(1, "us-east-1"), [""; 0]);
    assert_eq!(busy(60, "mars-1"), [""; 0]);
    assert!(busy(60, "eu-central-1")[0].contains("26.00 USD"));
}
