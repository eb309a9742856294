//! Accounts computed by hand: histories that say one thing each (event n happens n seconds after the start),
//! and where their time went.

#![allow(clippy::unwrap_used)]

mod support;

use inquest_analysis::{
    joins,
    ledger::{Facts, Replay, account},
    workflow::build,
};
use model::{
    ColdStart, HistoryEvent, Invocation, Ledger, Span, SpanId, SpanKind, TimeCategory, TraceId,
    UnixNanos, WorkflowTrace,
};
use std::collections::HashMap;
use support::history;

const SECOND: i64 = 1_000_000_000;
const BEGIN: i64 = 1_700_000_000_000_000_000;

fn facts<'a>(trace: &'a WorkflowTrace, events: &'a [HistoryEvent]) -> Facts<'a> {
    Facts {
        execution: &trace.execution,
        states: &trace.states,
        attempts: &trace.attempts,
        invocations: &[],
        joins: &[],
        spans: &trace.spans,
        events,
    }
}

/// The critical path, one piece a line: `from+length category detail @path`, seconds, `*` behind a slot.
fn path(ledger: &Ledger) -> String {
    let mut text = String::new();
    let mut at = 0;
    for piece in &ledger.critical_path {
        assert_eq!(piece.offset_ns, at, "no gap and no overlap");
        at += piece.duration_ns;
        text += &format!(
            "{}+{} {} {} @{}{}\n",
            piece.offset_ns as f64 / 1e9,
            piece.duration_ns as f64 / 1e9,
            piece.category.as_str(),
            piece.detail,
            piece.path,
            if piece.behind_slot { " *" } else { "" },
        );
    }
    assert_eq!(at, ledger.duration_ns, "the pieces are the whole");
    let entries: i64 = ledger.entries.iter().map(|entry| entry.duration_ns).sum();
    assert_eq!(entries, ledger.duration_ns);
    let totals: i64 = ledger.totals.iter().map(|(_, ns)| ns).sum();
    assert_eq!(totals, ledger.duration_ns);
    text
}

#[track_caller]
fn check(events: &str, expect: &str) -> Ledger {
    let events = history(events);
    let mut trace = build(&events, &[]);
    // Ids are left out for the time that they stand for.
    trace.execution.complete = true;
    let ledger = account(&facts(&trace, &events));
    let replay = Replay::of(&facts(&trace, &events));
    assert_eq!(replay.duration_with(&HashMap::new()), ledger.duration_ns);
    let expect: Vec<&str> = expect.trim().lines().map(str::trim).collect();
    let found = path(&ledger);
    assert_eq!(found.lines().collect::<Vec<_>>(), expect, "\n{found}");
    ledger
}

fn total(ledger: &Ledger, category: TimeCategory) -> i64 {
    let held = ledger.totals.iter().find(|(held, _)| *held == category);
    held.map_or(0, |(_, ns)| ns / SECOND)
}

#[test]
fn retries_waits_and_throttles_are_told_apart() {
    check(
        "1<0 ExecutionStarted
         2<1 WaitStateEntered name=Pause
         5<2 WaitStateExited name=Pause
         6<5 TaskStateEntered name=Pay
         7<6 TaskScheduled resourceType=dynamodb resource=putItem
         8<7 TaskStarted
         10<8 TaskFailed error=DynamoDB.ProvisionedThroughputExceededException
         14<10 TaskScheduled resourceType=dynamodb resource=putItem
         15<14 TaskStarted
         17<15 TaskSucceeded
         18<17 TaskStateExited name=Pay
         19<18 ExecutionSucceeded",
        "0+1 orchestration between states @
         1+3 wait Wait state @Pause
         4+1 orchestration between states @
         5+1 orchestration entering the state @Pay
         6+3 throttling DynamoDB.ProvisionedThroughputExceededException @Pay
         9+4 backoff retry after DynamoDB.ProvisionedThroughputExceededException @Pay
         13+1 queueing scheduled @Pay
         14+2 downstream dynamodb:putItem @Pay
         16+1 orchestration leaving the state @Pay
         17+1 orchestration between states @",
    );
}

#[test]
fn a_parallel_waits_for_its_last_branch_and_the_other_has_slack() {
    let ledger = check(
        "1<0 ExecutionStarted
         2<1 ParallelStateEntered name=Both
         3<2 ParallelStateStarted
         4<3 TaskStateEntered name=Short
         5<3 TaskStateEntered name=Long
         6<4 TaskScheduled resourceType=sns resource=publish
         7<5 TaskScheduled resourceType=sqs resource=sendMessage
         8<6 TaskStarted
         9<7 TaskStarted
         10<8 TaskSucceeded
         11<10 TaskStateExited name=Short
         19<9 TaskSucceeded
         20<19 TaskStateExited name=Long
         21<20 ParallelStateSucceeded
         22<21 ParallelStateExited name=Both
         23<22 ExecutionSucceeded",
        "0+1 orchestration between states @
         1+1 orchestration starting @Both
         2+2 orchestration between states @Both{1}
         4+2 orchestration entering the state @Both{1}/Long
         6+2 queueing scheduled @Both{1}/Long
         8+10 downstream sqs:sendMessage @Both{1}/Long
         18+1 orchestration leaving the state @Both{1}/Long
         19+2 orchestration joining @Both
         21+1 orchestration between states @",
    );
    let slack: Vec<(&str, Option<i64>)> = ledger
        .slack
        .iter()
        .map(|it| (it.path.as_str(), it.slack_ns.map(|ns| ns / SECOND)))
        .collect();
    assert_eq!(slack, [("Both{0}", Some(9)), ("Both{0}/Short", Some(9))]);
}

const ONE_AFTER_THE_OTHER: &str = "1<0 ExecutionStarted
     2<1 MapStateEntered name=Fan
     3<2 MapStateStarted length=3
     4<3 MapIterationStarted name=Fan index=0
     5<4 TaskStateEntered name=Work
     6<5 TaskScheduled resourceType=s3 resource=get
     7<6 TaskStarted
     17<7 TaskSucceeded
     18<17 TaskStateExited name=Work
     19<18 MapIterationSucceeded name=Fan index=0
     20<18 MapIterationStarted name=Fan index=1
     21<20 TaskStateEntered name=Work
     22<21 TaskScheduled resourceType=s3 resource=get
     23<22 TaskStarted
     25<23 TaskSucceeded
     26<25 TaskStateExited name=Work
     27<26 MapIterationSucceeded name=Fan index=1
     28<27 MapStateSucceeded
     29<28 MapStateExited name=Fan
     30<29 ExecutionSucceeded";

#[test]
fn the_last_item_of_a_map_waits_for_the_slot_of_another() {
    let ledger = check(
        ONE_AFTER_THE_OTHER,
        "0+1 orchestration between states @
         1+2 orchestration starting @Fan
         3+1 orchestration between states @Fan[0] *
         4+1 orchestration entering the state @Fan[0]/Work *
         5+1 queueing scheduled @Fan[0]/Work *
         6+10 downstream s3:get @Fan[0]/Work *
         16+1 orchestration leaving the state @Fan[0]/Work *
         17+1 orchestration between states @Fan[0] *
         18+1 orchestration handing over the slot @Fan *
         19+1 orchestration between states @Fan[1]
         20+1 orchestration entering the state @Fan[1]/Work
         21+1 queueing scheduled @Fan[1]/Work
         22+2 downstream s3:get @Fan[1]/Work
         24+1 orchestration leaving the state @Fan[1]/Work
         25+1 orchestration between states @Fan[1]
         26+2 orchestration joining @Fan
         28+1 orchestration between states @",
    );
    // In the ledger that is time in which the last item waited.
    assert_eq!(total(&ledger, TimeCategory::MapSlot), 16);
    assert_eq!(total(&ledger, TimeCategory::Downstream), 2);
}

#[test]
fn a_failed_block_waited_for_the_branch_that_failed() {
    check(
        "1<0 ExecutionStarted
         2<1 ParallelStateEntered name=Both
         3<2 ParallelStateStarted
         4<3 TaskStateEntered name=Bad
         5<3 WaitStateEntered name=Slow
         6<4 TaskScheduled resourceType=sns resource=publish
         7<6 TaskStarted
         9<7 TaskFailed error=Boom
         10<9 WaitStateAborted
         11<9 ParallelStateFailed
         12<11 ExecutionFailed error=Boom",
        "0+1 orchestration between states @
         1+1 orchestration starting @Both
         2+1 orchestration between states @Both{0}
         3+2 orchestration entering the state @Both{0}/Bad
         5+1 queueing scheduled @Both{0}/Bad
         6+2 downstream sns:publish @Both{0}/Bad
         8+2 orchestration joining @Both
         10+1 orchestration between states @",
    );
}

#[test]
fn callbacks_activities_and_children_have_their_own_words() {
    let ledger = check(
        "1<0 ExecutionStarted
         2<1 TaskStateEntered name=Ask
         3<2 TaskScheduled resourceType=sqs resource=sendMessage.waitForTaskToken
         4<3 TaskStarted
         5<4 TaskSubmitted
         25<5 TaskSucceeded
         26<25 TaskStateExited name=Ask
         27<26 TaskStateEntered name=Act
         28<27 ActivityScheduled resource=arn:aws:states:eu-west-1:1:activity:hand
         35<28 ActivityStarted workerName=ann
         37<35 ActivitySucceeded
         38<37 TaskStateExited name=Act
         39<38 ExecutionSucceeded",
        "0+1 orchestration between states @
         1+1 orchestration entering the state @Ask
         2+1 queueing scheduled @Ask
         3+1 downstream sqs:sendMessage.waitForTaskToken @Ask
         4+20 callback task token @Ask
         24+1 orchestration leaving the state @Ask
         25+1 orchestration between states @
         26+1 orchestration entering the state @Act
         27+7 queueing scheduled @Act
         34+2 compute ann @Act
         36+1 orchestration leaving the state @Act
         37+1 orchestration between states @",
    );
    assert_eq!(total(&ledger, TimeCategory::Callback), 20);
}

#[test]
fn what_still_runs_is_accounted_for_up_to_the_last_fact() {
    let ledger = check(
        "1<0 ExecutionStarted
         2<1 TaskStateEntered name=Pay
         3<2 TaskScheduled resourceType=sns resource=publish
         9<3 TaskStarted",
        "0+1 orchestration between states @
         1+1 orchestration entering the state @Pay
         2+6 queueing scheduled @Pay",
    );
    assert!(!ledger.ended);
}

#[test]
fn the_time_until_a_redrive_is_a_wait_for_a_person() {
    let ledger = check(
        "1<0 ExecutionStarted
         2<1 TaskStateEntered name=Pay
         3<2 TaskScheduled resourceType=sns resource=publish
         4<3 TaskStarted
         5<4 TaskFailed error=Boom
         6<5 ExecutionFailed error=Boom
         106<6 ExecutionRedriven
         107<106 TaskScheduled resourceType=sns resource=publish
         108<107 TaskStarted
         109<108 TaskSucceeded
         110<109 TaskStateExited name=Pay
         111<110 ExecutionSucceeded",
        "0+1 orchestration between states @
         1+1 orchestration entering the state @Pay
         2+1 queueing scheduled @Pay
         3+1 downstream sns:publish @Pay
         4+1 orchestration between tries @Pay
         5+100 callback failed, until it was redriven @Pay
         105+1 orchestration between tries @Pay
         106+1 queueing scheduled @Pay
         107+1 downstream sns:publish @Pay
         108+1 orchestration leaving the state @Pay
         109+1 orchestration between states @",
    );
    assert_eq!(total(&ledger, TimeCategory::Callback), 100);
}

/// A Lambda call of 10 s: init 2 s, 5 s of run with a call of 3 s in it.
#[test]
fn an_invocation_shows_its_init_and_its_calls() {
    let events = history(
        "1<0 ExecutionStarted
         2<1 TaskStateEntered name=Pay
         3<2 LambdaFunctionScheduled resource=arn:aws:lambda:eu-west-1:1:function:pay
         4<3 LambdaFunctionStarted
         14<4 LambdaFunctionSucceeded
         15<14 TaskStateExited name=Pay
         16<15 ExecutionSucceeded",
    );
    let trace = build(&events, &[]);
    let at = |second: i64| UnixNanos(BEGIN + second * SECOND);
    let invocation = Invocation {
        trace_id: TraceId::of_parts(&["i"]),
        span_id: SpanId::of_parts(&["i"]),
        request_id: "r".to_owned(),
        function_name: "pay".to_owned(),
        start_time: at(7),
        end_time: Some(at(12)),
        duration_ns: Some(5 * SECOND),
        init_duration_ms: Some(2_000.0),
        cold_start: ColdStart::Init,
        ..Invocation::default()
    };
    let span = |name: &str, parent: SpanId, kind, from: i64, to: i64| Span {
        trace_id: invocation.trace_id,
        span_id: SpanId::of_parts(&[name]),
        parent_span_id: parent,
        name: name.to_owned(),
        kind,
        start_time: at(from),
        end_time: at(to),
        ..Span::default()
    };
    let handler = span("handler", invocation.span_id, SpanKind::Internal, 7, 12);
    let call = span("bank", handler.span_id, SpanKind::Client, 8, 11);
    let inner = span("tcp", call.span_id, SpanKind::Client, 9, 10);
    let invocations = [invocation];
    let joins = joins::join(&trace.execution, &trace.attempts, &invocations, &[]);
    assert_eq!(joins.len(), 1);
    let spans: Vec<Span> = trace
        .spans
        .iter()
        .cloned()
        .chain([handler, call, inner])
        .collect();
    let facts = Facts {
        invocations: &invocations,
        joins: &joins,
        spans: &spans,
        ..facts(&trace, &events)
    };
    let ledger = account(&facts);
    let expect = "0+1 orchestration between states @
        1+1 orchestration entering the state @Pay
        2+1 queueing scheduled @Pay
        3+1 queueing on its way to the function @Pay
        4+2 cold_start init of pay @Pay
        6+1 compute pay @Pay
        7+3 downstream bank @Pay
        10+1 compute pay @Pay
        11+2 orchestration answer @Pay
        13+1 orchestration leaving the state @Pay
        14+1 orchestration between states @";
    let expect: Vec<&str> = expect.lines().map(str::trim).collect();
    assert_eq!(path(&ledger).lines().collect::<Vec<_>>(), expect);
    let without = HashMap::from([(trace.attempts[0].span_id, 2 * SECOND)]);
    assert_eq!(Replay::of(&facts).effect(&without), 2 * SECOND);
}

#[test]
fn what_is_off_the_path_has_no_effect_until_its_slack_is_used() {
    let events = history(ONE_AFTER_THE_OTHER);
    let trace = build(&events, &[]);
    let replay = Replay::of(&facts(&trace, &events));
    let effect = |n: usize, seconds: i64| {
        let shorter = HashMap::from([(trace.attempts[n].span_id, seconds * SECOND)]);
        replay.effect(&shorter) / SECOND
    };
    // The second item waits for the first one's slot: both count.
    assert_eq!((effect(0, 5), effect(1, 1)), (5, 1));
    let events = history(
        "1<0 ExecutionStarted
         2<1 ParallelStateEntered name=Both
         3<2 ParallelStateStarted
         4<3 TaskStateEntered name=Short
         5<3 TaskStateEntered name=Long
         6<4 TaskScheduled resourceType=sns resource=publish
         7<5 TaskScheduled resourceType=sqs resource=sendMessage
         8<6 TaskSucceeded
         9<8 TaskStateExited name=Short
         19<7 TaskSucceeded
         20<19 TaskStateExited name=Long
         21<20 ParallelStateSucceeded
         22<21 ParallelStateExited name=Both
         23<22 ExecutionSucceeded",
    );
    let trace = build(&events, &[]);
    let replay = Replay::of(&facts(&trace, &events));
    let effect = |n: usize, seconds: i64| {
        let shorter = HashMap::from([(trace.attempts[n].span_id, seconds * SECOND)]);
        replay.effect(&shorter) / SECOND
    };
    assert_eq!((effect(0, 1), effect(0, -11), effect(0, -13)), (0, 0, -2));
    // Long is 11 s longer: it gains no more than that.
    assert_eq!((effect(1, 4), effect(1, 12)), (4, 11));
}

#[test]
fn nothing_at_all_is_an_empty_account() {
    let ledger = account(&facts(&WorkflowTrace::default(), &[]));
    assert_eq!((ledger.duration_ns, ledger.critical_path.len()), (0, 0));
}

/// A run that waits for one job from second 5 to 30, whose answer is this; `{n}` stands for second n in milliseconds.
fn waited_for(service: &str, resource: &str, answer: &str) -> Ledger {
    let events = history(&format!(
        "1<0 ExecutionStarted
         2<1 TaskStateEntered name=Print
         3<2 TaskScheduled resourceType={service} resource={resource}
         4<3 TaskStarted
         5<4 TaskSubmitted
         30<5 TaskSucceeded
         31<30 TaskStateExited name=Print
         32<31 ExecutionSucceeded"
    ));
    let mut trace = build(&events, &[]);
    trace.execution.complete = true;
    let zero = trace.execution.start_time.0 / 1_000_000 - 1_000;
    let mut text = answer.to_owned();
    for second in -99..99 {
        let time = (zero + second * 1_000).to_string();
        text = text.replace(&format!("<{second}>"), &time);
    }
    trace.attempts[0].output = Some(text);
    account(&facts(&trace, &events))
}

#[test]
fn a_job_without_events_is_split_by_its_answer() {
    let check = |service: &str, resource: &str, answer: &str, expect: &str| {
        let found = path(&waited_for(service, resource, answer));
        let inside = found.lines().filter(|it| it.ends_with("@Print"));
        let inside: Vec<&str> = inside
            .skip(2)
            .map(|it| it.trim_end_matches(" @Print"))
            .collect();
        assert_eq!(inside[..inside.len() - 1].join(", "), expect, "{found}");
    };
    check(
        "ecs",
        "runTask.sync",
        r#"{"TaskArn": "a", "CreatedAt": <5>, "PullStartedAt": <9>, "PullStoppedAt": <14>, "StartedAt": <15>,
            "ExecutionStoppedAt": <27>, "StoppedAt": <29>}"#,
        "3+1 downstream ecs:runTask.sync, 4+4 cold_start provisioning, 8+5 cold_start image pull, \
         13+1 cold_start container start, 14+12 compute run, 26+2 orchestration stop, \
         28+1 orchestration the job had ended",
    );
    check(
        "batch",
        "submitJob.sync",
        r#"{"JobId": "j", "CreatedAt": <5>, "StartedAt": <18>, "StoppedAt": <29>,
            "Attempts": [{"StartedAt": <8>, "StoppedAt": <12>}, {"StartedAt": <18>, "StoppedAt": <29>}]}"#,
        "3+1 downstream batch:submitJob.sync, 4+3 queueing submitted, 7+4 compute run, \
         11+6 queueing between tries of the job, 17+11 compute run, 28+1 orchestration the job had ended",
    );
    check(
        "glue",
        "startJobRun.sync",
        r#"{"JobName": "g", "StartedOn": <6>, "CompletedOn": <28>, "ExecutionTime": 15}"#,
        "3+1 downstream glue:startJobRun.sync, 4+1 queueing between phases of the job, \
         5+7 cold_start provisioning, 12+15 compute run, 27+2 orchestration the job had ended",
    );
    // Times of another day are nobody's.
    check(
        "ecs",
        "runTask.sync",
        r#"{"TaskArn": "a", "CreatedAt": <-90>, "PullStartedAt": <-80>, "StoppedAt": <-70>}"#,
        "3+1 downstream ecs:runTask.sync, 4+25 compute ecs:runTask.sync (job)",
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever an answer tells, the pieces are the whole: `path` asserts it.
    #[test]
    fn answers_never_break_the_sum(
        times in proptest::collection::vec(proptest::option::of(-10_i64..45), 6),
        seconds in -5_i64..60,
        which in 0_usize..3,
    ) {
        let (service, resource, keys) = [
            ("ecs", "runTask.sync", ["CreatedAt", "PullStartedAt", "PullStoppedAt", "StartedAt", "ExecutionStoppedAt", "StoppedAt"]),
            ("batch", "submitJob.sync", ["CreatedAt", "StartedAt", "StoppedAt", "X", "Y", "Z"]),
            ("glue", "startJobRun.sync", ["StartedOn", "CompletedOn", "LastModifiedOn", "X", "Y", "Z"]),
        ][which];
        let told = keys.iter().zip(&times).filter_map(|(key, time)| Some(format!("\"{key}\": <{}>, ", (*time)?)));
        let told: String = told.collect();
        let answer = format!("{{{told}\"ExecutionTime\": {seconds}, \"TaskArn\": \"a\", \"JobId\": \"j\"}}");
        path(&waited_for(service, resource, &answer));
    }
}
