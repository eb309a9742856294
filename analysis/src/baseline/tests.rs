#![allow(clippy::unwrap_used)]

use super::*;
use model::{Attempt, Execution, ExecutionStatus, Invocation, LogRecord, SpanId, State, TraceId};

fn run_of(n: u64, ms: i64) -> (Execution, Vec<State>) {
    let execution = Execution {
        execution_arn: format!("run-{n}"),
        trace_id: TraceId::of_execution(&format!("run-{n}")),
        span_id: SpanId::of_parts(&["execution", &n.to_string()]),
        status: ExecutionStatus::Succeeded,
        duration_ns: Some(ms * 1_000_000),
        state_machine_version: Some((n % 2).to_string()),
        input: Some("x".repeat(100)),
        ..Execution::default()
    };
    let state = State {
        span_id: SpanId::of_parts(&["state", &n.to_string()]),
        state: "Work".to_owned(),
        path: format!("Fan[{n}]/Work"),
        duration_ns: Some(ms * 500_000),
        entered_event_id: 3,
        ..State::default()
    };
    let outer = State {
        state: "Fan".to_owned(),
        path: "Fan".to_owned(),
        entered_event_id: 2,
        ..State::default()
    };
    (execution, vec![outer, state])
}

fn as_run<'a>(run: &'a (Execution, Vec<State>)) -> Run<'a> {
    Run {
        execution: &run.0,
        states: &run.1,
        attempts: &[],
        invocations: &[],
        joins: &[],
        spans: &[],
        logs: &[],
    }
}

#[test]
fn paths_lose_their_numbers() {
    let check = |path: &str, expect: &str| assert_eq!(general_path(path), expect);
    check("Fan[3]/Charge", "Fan/Charge");
    check("Fan[3]/In[12]/Charge", "Fan/In/Charge");
    check("Split{1}/Audit", "Split{1}/Audit");
    check("Odd[name]", "Odd[name]");
    check("Odd[3]x", "Odd[3]x");
    check("Fan[", "Fan[");
    check("[0]", "");
}

#[test]
fn templates_keep_words_and_drop_values() {
    let check = |line: &str, expect: &str| assert_eq!(template(line), expect);
    check("order 4711 paid in 12.5 ms", "order <*> paid in <*> ms");
    check("user 'bob' not found.", "user <*> not found.");
    check("can't open file", "can't open file");
    check("id=3f0c9a7e-1b2c-4d5e-8f90-aabbccddeeff ok", "id=<*> ok");
    check(
        r#"{"level": "ERROR", "took": 12}"#,
        r#"{"level": <*>, "took": <*>}"#,
    );
    check("a \"b", "a \"b");
    check("", "");
    assert!(template(&"ä ".repeat(100_000)).len() <= 200);
}

#[test]
fn samples_do_not_depend_on_order_and_merge() {
    let numbers: Vec<(u64, i64)> = (0..2_000).map(|n| (n, (n * 37 % 1_000) as i64)).collect();
    let fill = |numbers: &mut dyn Iterator<Item = &(u64, i64)>| {
        let mut sample = Sample::default();
        numbers.for_each(|(source, value)| sample.add(*source, *value));
        sample
    };
    let all = fill(&mut numbers.iter());
    assert_eq!(all, fill(&mut numbers.iter().rev()));
    let mut merged = fill(&mut numbers[..700].iter());
    merged.merge(&fill(&mut numbers[700..].iter()));
    assert_eq!(all, merged);
    assert_eq!((all.seen(), all.sorted().len()), (2_000, 512));
    let median = Distribution::of(&all).median().unwrap();
    assert!((400..600).contains(&median), "{median}");
}

#[test]
fn surprise_is_honest_for_few_runs() {
    let mut sample = Sample::default();
    (1..=19).for_each(|n| sample.add(n, n as i64));
    let held = Distribution::of(&sample);
    assert_eq!(held.p_at_least(100), 0.05);
    assert_eq!(held.p_at_least(0), 1.0);
    assert_eq!(held.p_at_most(0), 0.05);
    assert_eq!((held.median(), held.mad()), (Some(10), Some(5)));
    assert_eq!(Distribution::default().p_at_least(5), 1.0);
}

#[test]
fn questions_back_off_to_what_is_known() {
    let runs: Vec<_> = (0..20).map(|n| run_of(n, 100 + n as i64)).collect();
    let baseline = Baseline::of(runs.iter().map(as_run));
    assert_eq!(baseline.runs(), 19, "the slowest twentieth is left out");
    let subject = Subject::State("Fan/Work".to_owned());
    let ask = |version: &str, size| {
        let at = Circumstances {
            version: Some(version.to_owned()),
            size,
            cold: None,
        };
        baseline.usual(&subject, Measure::Duration, &at).unwrap()
    };
    assert_eq!(ask("0", None).level, 0);
    assert_eq!(ask("9", None).level, 1, "nobody ran version 9");
    let usual = ask("9", Some(3));
    assert_eq!(usual.distribution.len(), 19);
    assert!(usual.z(500_000_000) > 5.0);
    assert!(usual.z(usual.median).abs() < 0.01);
    assert!(
        baseline
            .usual(
                &Subject::State("X".into()),
                Measure::Duration,
                &Circumstances::default()
            )
            .is_none()
    );
}

#[test]
fn marks_are_counted_by_run_and_by_touch() {
    let (execution, states) = run_of(1, 100);
    let attempt = |error: Option<&str>| Attempt {
        path: "Fan[1]/Work".to_owned(),
        error: error.map(str::to_owned),
        status: match error {
            Some(_) => model::Status::Failed,
            None => model::Status::Succeeded,
        },
        ..Attempt::default()
    };
    let attempts = [attempt(Some("E")), attempt(None)];
    let invocations = [Invocation {
        function_name: "charge".to_owned(),
        function_version: Some("7".to_owned()),
        ..Invocation::default()
    }];
    let logs = [LogRecord {
        service_name: "charge".to_owned(),
        body: "took 5 ms".to_owned(),
        ..LogRecord::default()
    }];
    let plain = (execution, states);
    let run = Run {
        attempts: &attempts,
        invocations: &invocations,
        logs: &logs,
        ..as_run(&plain)
    };
    let mut baseline = Baseline::default();
    baseline.add(&run);
    let subject = Subject::Attempt("Fan/Work".to_owned());
    assert_eq!(
        baseline.rate(&subject, "error:E"),
        Rate { hits: 1, trials: 2 }
    );
    let function = Subject::Function("charge".to_owned());
    let present = baseline.presence(&function, "log:took <*> ms");
    assert_eq!(present, Rate { hits: 1, trials: 1 });
    assert_eq!(present.mean(), 0.75);
    assert_eq!(baseline.versions()["charge:7"], 1);
    assert_eq!(baseline.path("Fan|Fan/Work").hits, 1);
    let mut twice = baseline.clone();
    twice.merge(&baseline);
    assert_eq!(twice.rate(&subject, "error:E"), Rate { hits: 2, trials: 4 });
}
