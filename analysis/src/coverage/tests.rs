use super::*;
use model::{
    Engine, EventSource, ExecutionStatus, JoinEnd, JoinMethod, SpanId, Status, TraceId, UnixNanos,
};

fn event(id: u64) -> HistoryEvent {
    HistoryEvent {
        engine: Engine::step_functions(),
        execution_arn: "arn".into(),
        redrive_count: 0,
        event_id: id,
        previous_event_id: 0,
        event_type: "X".into(),
        time: UnixNanos(0),
        details: "{}".into(),
        source: EventSource::History,
    }
}

fn attempt(n: u8, status: Status, error: Option<&str>) -> Attempt {
    Attempt {
        span_id: SpanId([n; 8]),
        path: format!("Map[{n}]/Charge"),
        attempt: 1,
        resource_type: "lambda".into(),
        function_name: Some("charge".into()),
        status,
        error: error.map(str::to_owned),
        ..Attempt::default()
    }
}

fn invocation(n: u8, report: bool) -> Invocation {
    Invocation {
        span_id: SpanId([n; 8]),
        request_id: format!("request-{n}"),
        billed_duration_ms: report.then_some(5.0),
        ..Invocation::default()
    }
}

fn join(n: u8) -> Join {
    let end = |kind: &str| JoinEnd {
        kind: kind.into(),
        trace_id: TraceId([n; 16]),
        span_id: SpanId([n; 8]),
    };
    Join {
        execution_arn: "arn".into(),
        parent: end("attempt"),
        child: end("invocation"),
        method: JoinMethod::RequestId,
        confidence: 1.0,
        candidates: 1,
        evidence: String::new(),
    }
}

fn execution(status: ExecutionStatus) -> Execution {
    Execution {
        status,
        ..Execution::default()
    }
}

fn words(coverage: &Coverage) -> Vec<String> {
    coverage
        .missing
        .iter()
        .map(|it| format!("{} {} ×{}", it.kind, it.id, it.count))
        .collect()
}

#[test]
fn gaps_of_events_are_ranges() {
    let check = |ids: &[u64], ended: bool, complete: bool, expected: u64, gaps: &[&str]| {
        let all: Vec<_> = ids.iter().map(|id| event(*id)).collect();
        let (count, missing) = events(&all, ended, complete);
        let found: Vec<_> = missing.iter().map(|it| it.id.as_str()).collect();
        assert_eq!((count, found.as_slice()), (expected, gaps), "{ids:?}");
    };
    check(&[1, 2, 3], true, true, 3, &[]);
    check(&[3, 1, 1, 2], true, true, 3, &[]);
    check(&[1, 4, 6], true, false, 6, &["2–3", "5"]);
    check(&[3], true, false, 3, &["1–2"]);
    check(&[1, 2], true, false, 3, &["3…"]);
    check(&[1, 2], false, false, 2, &[]);
    check(&[], true, false, 1, &["1…"]);
    check(
        &[u64::MAX],
        false,
        false,
        u64::MAX,
        &["1–18446744073709551614"],
    );
}

#[test]
fn a_function_that_ran_has_a_report() {
    let check =
        |attempts: &[Attempt], joins: &[Join], invocations: &[Invocation], expect: &[&str]| {
            let known = Known {
                attempts,
                joins,
                invocations,
                ..Known::default()
            };
            let coverage = coverage(&execution(ExecutionStatus::Succeeded), &known);
            assert_eq!(words(&coverage), expect);
            let complete = coverage.status == CoverageStatus::Complete;
            assert_eq!(complete, expect.is_empty());
        };
    let ok = attempt(1, Status::Succeeded, None);
    check(
        std::slice::from_ref(&ok),
        &[join(1)],
        &[invocation(1, true)],
        &[],
    );
    check(
        std::slice::from_ref(&ok),
        &[join(1)],
        &[invocation(1, false)],
        &["report request-1 ×1"],
    );
    check(std::slice::from_ref(&ok), &[], &[], &["invocation  ×1"]);
    let throttled = attempt(2, Status::Failed, Some("Lambda.TooManyRequestsException"));
    check(&[throttled], &[], &[], &[]);
    check(
        &[attempt(2, Status::TimedOut, Some("States.Timeout"))],
        &[],
        &[],
        &[],
    );
    check(&[attempt(2, Status::Aborted, None)], &[], &[], &[]);
    check(
        &[attempt(3, Status::Failed, Some("PaymentError"))],
        &[],
        &[],
        &["invocation  ×1"],
    );
    let named = Attempt {
        request_id: Some("r-9".into()),
        ..attempt(4, Status::Failed, Some("States.TaskFailed"))
    };
    check(&[named], &[], &[], &["invocation r-9 ×1"]);
    let other = Attempt {
        resource_type: "sqs".into(),
        ..attempt(5, Status::Succeeded, None)
    };
    check(&[other], &[], &[], &[]);
}

#[test]
fn children_of_a_map_run_are_counted_and_what_they_lack_is_inherited() {
    let states = [State {
        path: "Fan".into(),
        map_run_arn: Some("run".into()),
        ..State::default()
    }];
    let mut lacking = execution(ExecutionStatus::Failed);
    lacking.name = "child-7".into();
    lacking.coverage = CoverageStatus::Partial;
    lacking.expected_invocations = 1;
    lacking.missing = Some(
        r#"[{"kind":"invocation","id":"r-7","place":"Charge attempt 1","count":1,"reason":"x"}]"#
            .into(),
    );
    let mut whole = execution(ExecutionStatus::Succeeded);
    whole.coverage = CoverageStatus::Complete;
    whole.expected_invocations = 1;
    whole.received_invocations = 1;
    let child = |execution: &Execution| Child {
        execution: execution.clone(),
        map_run_arn: Some("run".into()),
    };
    let check =
        |total: Option<u64>, children: &[Child], status: CoverageStatus, expect: &[&str]| {
            let runs: Vec<MapRun> = total
                .map(|children| MapRun {
                    arn: "run".into(),
                    children,
                    ended: true,
                })
                .into_iter()
                .collect();
            let known = Known {
                states: &states,
                children,
                map_runs: &runs,
                ..Known::default()
            };
            let coverage = coverage(&execution(ExecutionStatus::Succeeded), &known);
            assert_eq!(
                (words(&coverage), coverage.status),
                (expect.iter().map(|it| (*it).to_owned()).collect(), status)
            );
        };
    use CoverageStatus::{Complete, Partial};
    check(Some(2), &[child(&whole), child(&whole)], Complete, &[]);
    check(
        Some(5),
        &[child(&whole), child(&whole)],
        Partial,
        &["child_execution  ×3"],
    );
    check(
        Some(2),
        &[child(&whole), child(&lacking)],
        Partial,
        &["invocation r-7 ×1"],
    );
    check(None, &[child(&whole)], Partial, &["map_run run ×1"]);
    check(Some(0), &[], Complete, &[]);
}

#[test]
fn what_has_not_ended_is_pending_whatever_is_here() {
    let coverage = coverage(&execution(ExecutionStatus::Running), &Known::default());
    assert_eq!(coverage.status, CoverageStatus::Pending);
}
