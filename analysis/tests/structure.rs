//! How events become a tree: made-up histories that say one thing each.

mod support;

use inquest_analysis::workflow::build;
use model::{DocumentKind, ExecutionStatus, Status};
use serde_json::json;
use support::{ARN, check_tree, document, history, tree};

#[test]
fn a_failure_in_a_map_aborts_the_other_iterations() {
    let trace = check_tree(
        "1<0 ExecutionStarted
         2<0 MapStateEntered name=Fan
         3<2 MapStateStarted length=2
         4<3 MapIterationStarted name=Fan index=0
         5<4 TaskStateEntered name=Work
         6<3 MapIterationStarted name=Fan index=1
         7<6 TaskStateEntered name=Work
         8<5 TaskScheduled resourceType=lambda resource=invoke
         9<7 TaskScheduled resourceType=lambda resource=invoke
         10<8 TaskStarted
         11<10 TaskFailed error=Boom
         12<11 MapIterationFailed name=Fan index=0
         13<11 TaskStateAborted
         14<11 MapIterationAborted name=Fan index=1
         15<11 TaskStateAborted
         16<11 MapStateFailed
         17<16 ExecutionFailed error=Boom",
        "execution orders FAILED 16
           state Fan FAILED 14
             iteration Fan[0] FAILED 8
               state Work FAILED 6
                 attempt lambda:invoke FAILED 3
             iteration Fan[1] ABORTED 8
               state Work ABORTED 8
                 attempt lambda:invoke ABORTED 6",
    );
    let e = &trace.execution;
    assert_eq!(
        (e.iterations, e.iterations_failed, e.caught_failures),
        (2, 1, 0)
    );
    assert_eq!(
        (e.failing_state.as_deref(), e.root_event_id),
        (Some("Work"), Some(11))
    );
    assert_eq!(trace.states[1].path, "Fan[0]/Work");
    assert_eq!(
        (
            trace.states[2].iteration_index,
            trace.states[2].branch_index
        ),
        (Some(1), None)
    );
}

#[test]
fn every_start_of_a_block_is_a_group_of_its_own() {
    let trace = check_tree(
        "1<0 ExecutionStarted
         2<0 ParallelStateEntered name=Split
         3<2 ParallelStateStarted
         4<3 TaskStateEntered name=A
         5<3 WaitStateEntered name=B
         6<4 TaskScheduled resourceType=lambda resource=invoke
         7<6 TaskTimedOut error=States.Timeout
         8<7 ParallelStateStarted
         9<8 TaskStateEntered name=A
         10<8 WaitStateEntered name=B
         11<9 TaskScheduled resourceType=lambda resource=invoke
         12<11 TaskSucceeded output={}
         13<12 TaskStateExited name=A
         14<10 WaitStateExited name=B
         15<14 ParallelStateSucceeded
         16<14 ParallelStateExited name=Split
         17<16 ExecutionSucceeded output=[]",
        "execution orders SUCCEEDED 16
           state Split SUCCEEDED 14
             attempt Split (try 1) FAILED 4
               branch Split{0} TIMED_OUT 4
                 state A TIMED_OUT 3
                   attempt lambda:invoke TIMED_OUT 1
               branch Split{1} ABORTED 4
                 state B ABORTED 2
             attempt Split (try 2) SUCCEEDED 8
               branch Split{0} SUCCEEDED 5
                 state A SUCCEEDED 4
                   attempt lambda:invoke SUCCEEDED 1
               branch Split{1} SUCCEEDED 6
                 state B SUCCEEDED 4",
    );
    let e = &trace.execution;
    assert_eq!(
        (e.block_retries, e.retries, e.caught_failures, e.attempts),
        (1, 0, 0, 2)
    );
    assert!(e.error.is_none() && e.root_error.is_none() && e.failing_state.is_none());
    assert_eq!(trace.states[1].path, "Split{0}/A");
}

#[test]
fn an_inner_block_fails_before_the_outer_one_is_retried() {
    let trace = check_tree(
        "1<0 ExecutionStarted
         2<0 MapStateEntered name=Outer
         3<2 MapStateStarted length=1
         4<3 MapIterationStarted name=Outer index=0
         5<4 MapStateEntered name=Inner
         6<5 MapStateStarted length=1
         7<6 MapIterationStarted name=Inner index=0
         8<7 FailStateEntered name=Stop
         9<8 MapIterationFailed name=Inner index=0
         10<8 MapStateFailed
         11<10 MapIterationFailed name=Outer index=0
         12<10 MapStateStarted length=1
         13<12 MapIterationStarted name=Outer index=0
         14<13 PassStateEntered name=Ok
         15<14 PassStateExited name=Ok
         16<15 MapIterationSucceeded name=Outer index=0
         17<16 MapStateSucceeded
         18<16 MapStateExited name=Outer
         19<18 ExecutionSucceeded",
        "execution orders SUCCEEDED 18
           state Outer SUCCEEDED 16
             attempt Outer (try 1) FAILED 7
               iteration Outer[0] FAILED 7
                 state Inner FAILED 5
                   iteration Inner[0] FAILED 2
                     state Stop FAILED 1
             attempt Outer (try 2) SUCCEEDED 6
               iteration Outer[0] SUCCEEDED 3
                 state Ok SUCCEEDED 1",
    );
    assert_eq!(trace.execution.block_retries, 1);
}

#[test]
fn a_redrive_takes_up_the_failed_state() {
    let failed = "1<0 ExecutionStarted
         2<0 TaskStateEntered name=Pay
         3<2 TaskScheduled resourceType=lambda resource=invoke
         4<3 TaskFailed error=Down
         5<4 ExecutionFailed error=Down
         6<5 ExecutionRedriven redriveCount=1";
    let open = build(&history(failed), &[]);
    assert_eq!(open.execution.status, ExecutionStatus::Running);
    assert_eq!(
        (
            open.execution.redrive_count,
            open.execution.error.as_deref()
        ),
        (1, None)
    );

    let trace = check_tree(
        &format!(
            "{failed}\n7<6 TaskScheduled resourceType=lambda resource=invoke\n8<7 TaskSucceeded\n9<8 TaskStateExited name=Pay\n10<9 ExecutionSucceeded"
        ),
        "execution orders SUCCEEDED 9
           state Pay SUCCEEDED 7
             attempt lambda:invoke FAILED 1
             attempt lambda:invoke SUCCEEDED 1",
    );
    let e = &trace.execution;
    assert_eq!(
        (
            e.states_entered,
            e.attempts,
            e.retries,
            e.caught_failures,
            e.complete
        ),
        (1, 2, 1, 0, true)
    );
    assert_eq!(trace.attempts[1].redrive_count, 1);

    let trace = check_tree(
        &format!(
            "{failed}\n7<6 TaskStateEntered name=Pay\n8<7 TaskScheduled resourceType=lambda resource=invoke\n9<8 TaskSucceeded\n10<9 TaskStateExited name=Pay\n11<10 ExecutionSucceeded"
        ),
        "execution orders SUCCEEDED 10
           state Pay FAILED 2
             attempt lambda:invoke FAILED 1
           state Pay SUCCEEDED 3
             attempt lambda:invoke SUCCEEDED 1",
    );
    assert_eq!(trace.execution.retries, 0);
}

#[test]
fn an_iteration_that_a_redrive_takes_up_ends_as_it_ends_then() {
    let failed = "1<0 ExecutionStarted
         2<0 MapStateEntered name=Fan
         3<2 MapStateStarted length=2
         4<3 MapIterationStarted name=Fan index=0
         5<3 MapIterationStarted name=Fan index=1
         6<4 TaskStateEntered name=T
         7<5 TaskStateEntered name=T
         8<6 TaskScheduled resourceType=lambda resource=invoke
         9<7 TaskScheduled resourceType=lambda resource=invoke
         10<8 TaskSucceeded
         11<9 TaskFailed error=E1
         12<10 TaskStateExited name=T
         13<12 MapIterationSucceeded name=Fan index=0
         14<11 MapIterationFailed name=Fan index=1
         15<11 TaskStateAborted
         16<11 MapStateFailed
         17<16 ExecutionFailed error=E1
         18<17 ExecutionRedriven redriveCount=1
         19<18 TaskScheduled resourceType=lambda resource=invoke";
    check_tree(
        failed,
        "execution orders RUNNING 18
           state Fan RUNNING 17
             iteration Fan[0] SUCCEEDED 9
               state T SUCCEEDED 6
                 attempt lambda:invoke SUCCEEDED 2
             iteration Fan[1] RUNNING 14
               state T RUNNING 12
                 attempt lambda:invoke FAILED 2
                 attempt lambda:invoke RUNNING 0",
    );

    let trace = check_tree(
        &format!(
            "{failed}
         20<19 TaskSucceeded
         21<20 TaskStateExited name=T
         22<21 MapIterationSucceeded name=Fan index=1
         23<22 MapStateSucceeded
         24<22 MapStateExited name=Fan
         25<24 ExecutionSucceeded"
        ),
        "execution orders SUCCEEDED 24
           state Fan SUCCEEDED 22
             iteration Fan[0] SUCCEEDED 9
               state T SUCCEEDED 6
                 attempt lambda:invoke SUCCEEDED 2
             iteration Fan[1] SUCCEEDED 17
               state T SUCCEEDED 14
                 attempt lambda:invoke FAILED 2
                 attempt lambda:invoke SUCCEEDED 1",
    );
    let e = &trace.execution;
    assert_eq!((e.iterations, e.iterations_failed, e.retries), (2, 1, 1));
}

#[test]
fn a_redrive_leaves_what_it_does_not_take_up_as_it_was() {
    check_tree(
        "1<0 ExecutionStarted
         2<0 PassStateEntered name=Bad
         3<2 ExecutionFailed error=States.Runtime cause=\"An error occurred while executing the state 'Bad' (entered at the event id #2). x\"
         4<3 ExecutionRedriven
         5<4 PassStateEntered name=Bad
         6<5 ExecutionFailed error=States.Runtime",
        "execution orders FAILED 5
           state Bad FAILED 1
           state Bad FAILED 1",
    );
}

#[test]
fn a_stopped_execution_names_the_state_that_was_open() {
    let trace = check_tree(
        "1<0 ExecutionStarted
         2<0 MapStateEntered name=Fan
         3<2 MapStateStarted length=1
         4<3 MapIterationStarted name=Fan index=0
         5<4 TaskStateEntered name=Work
         6<5 TaskScheduled resourceType=sqs resource=sendMessage.waitForTaskToken
         7<0 ExecutionAborted error=Operator cause=enough",
        "execution orders ABORTED 6
           state Fan ABORTED 5
             iteration Fan[0] ABORTED 3
               state Work ABORTED 2
                 attempt sqs:sendMessage.waitForTaskToken ABORTED 1",
    );
    let e = &trace.execution;
    assert_eq!(
        (e.failing_state.as_deref(), e.error.as_deref()),
        (Some("Work"), Some("Operator"))
    );
    assert_eq!(
        (e.root_error.as_deref(), e.root_event_id),
        (Some("Operator"), Some(7))
    );
}

#[test]
fn the_cause_text_of_a_child_names_no_state_of_the_parent() {
    let trace = build(
        &history(
            "1<0 ExecutionStarted
             2<0 TaskStateEntered name=Child
             3<2 TaskScheduled resourceType=states resource=startExecution.sync:2
             4<3 TaskSubmitted resourceType=states resource=startExecution.sync:2 output=\"{`ExecutionArn`:`arn:aws:states:eu-west-1:1:execution:c:1`}\"
             5<4 TaskFailed error=States.TaskFailed cause=\"{`Cause`:`An error occurred while executing the state 'Inner' (entered at the event id #2).`}\"
             6<5 ExecutionFailed error=States.TaskFailed cause=\"{`Cause`:`An error occurred while executing the state 'Inner' (entered at the event id #2).`}\"",
        ),
        &[],
    );
    assert_eq!(trace.execution.failing_state.as_deref(), Some("Child"));
    assert_eq!(
        trace.attempts[0].child_execution_arn.as_deref(),
        Some("arn:aws:states:eu-west-1:1:execution:c:1")
    );
    assert_eq!(
        trace
            .spans
            .iter()
            .map(|span| span.links.len())
            .sum::<usize>(),
        1
    );
}

#[test]
fn a_catch_that_ends_in_a_fail_state_is_explained_by_what_it_caught() {
    let trace = build(
        &history(
            "1<0 ExecutionStarted
             2<0 MapStateEntered name=Fan
             3<2 MapStateStarted length=1
             4<3 MapIterationStarted name=Fan index=0
             5<4 FailStateEntered name=NoStock
             6<5 MapIterationFailed name=Fan index=0
             7<5 MapStateFailed
             8<7 MapStateExited name=Fan output=\"{`err`:{`Error`:`OutOfStock`,`Cause`:`none left`}}\"
             9<8 TaskStateEntered name=Notify
             10<9 TaskScheduled resourceType=sns resource=publish
             11<10 TaskSucceeded
             12<11 TaskStateExited name=Notify
             13<12 FailStateEntered name=GiveUp
             14<13 ExecutionFailed",
        ),
        &[],
    );
    let e = &trace.execution;
    assert_eq!(e.failing_state.as_deref(), Some("GiveUp"));
    assert_eq!(
        (e.root_state.as_deref(), e.root_error.as_deref()),
        (Some("NoStock"), Some("OutOfStock"))
    );
    assert_eq!(
        (e.root_event_id, e.error.as_deref(), e.caught_failures),
        (Some(5), None, 1)
    );
    let fan = &trace.states[0];
    assert_eq!(
        (fan.status, fan.caught, fan.error.as_deref()),
        (Status::Failed, true, Some("OutOfStock"))
    );
}

#[test]
fn a_failure_of_its_own_after_a_catch_is_the_root() {
    let trace = build(
        &history(
            "1<0 ExecutionStarted
             2<0 TaskStateEntered name=A
             3<2 TaskScheduled resourceType=lambda resource=invoke
             4<3 TaskFailed error=First
             5<4 TaskStateExited name=A
             6<5 TaskStateEntered name=B
             7<6 TaskScheduled resourceType=lambda resource=invoke
             8<7 TaskFailed error=Second
             9<8 ExecutionFailed error=Second",
        ),
        &[],
    );
    let e = &trace.execution;
    assert_eq!(
        (e.root_state.as_deref(), e.root_error.as_deref()),
        (Some("B"), Some("Second"))
    );
}

/// `Opt` fails and is caught, `Real` does its work, a choice leads to the Fail state: whose fault is told by the definition.
#[test]
fn a_failure_from_which_the_workflow_recovered_is_no_root() {
    let check = |other: &str, condition: &str, result_path: &str, expect: (&str, &str)| {
        let definition = serde_json::json!({"StartAt": "Opt", "States": {
            "Opt": {"Type": "Task", "Next": other,
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": result_path, "Next": "Real"}]},
            "Other": {"Type": "Pass", "Next": "Stock"},
            "Real": {"Type": "Task", "Next": "Stock"},
            "Stock": {"Type": "Choice", "Choices": [{"Variable": condition, "NumericEquals": 0, "Next": "None"}]},
            "None": {"Type": "Fail", "Error": "OutOfStock"}}});
        let body =
            serde_json::json!({"stateMachineArn": "arn:m", "definition": definition.to_string()});
        let document = model::Document {
            engine: model::Engine::step_functions(),
            execution_arn: String::new(),
            kind: model::DocumentKind::StateMachine,
            body: body.to_string(),
        };
        let trace = build(
            &history(
                "1<0 ExecutionStarted
                 2<0 TaskStateEntered name=Opt
                 3<2 TaskScheduled resourceType=lambda resource=invoke
                 4<3 TaskFailed error=Minor
                 5<4 TaskStateExited name=Opt
                 6<5 TaskStateEntered name=Real
                 7<6 TaskScheduled resourceType=lambda resource=invoke
                 8<7 TaskSucceeded
                 9<8 TaskStateExited name=Real
                 10<9 ChoiceStateEntered name=Stock
                 11<10 ChoiceStateExited name=Stock
                 12<11 FailStateEntered name=None
                 13<12 ExecutionFailed error=OutOfStock",
            ),
            &[document],
        );
        let e = &trace.execution;
        let root = (e.root_state.as_deref(), e.root_error.as_deref());
        assert_eq!(root, (Some(expect.0), Some(expect.1)));
        assert_eq!(e.caught_failures, 1);
    };
    check("Real", "$.left", "$.failure", ("None", "OutOfStock"));
    // The choice looks at what was caught.
    check("Real", "$.failure.code", "$.failure", ("Opt", "Minor"));
    // The Catch led elsewhere.
    check("Other", "$.left", "$.failure", ("Opt", "Minor"));
}

#[test]
fn behind_a_block_that_a_catch_had_ended_lies_the_first_failure() {
    let trace = build(
        &history(
            "1<0 ExecutionStarted
             2<0 ParallelStateEntered name=Both
             3<2 ParallelStateStarted
             4<3 TaskStateEntered name=Inner
             5<4 TaskScheduled resourceType=lambda resource=invoke
             6<5 TaskFailed error=Denied
             7<6 TaskStateExited name=Inner
             8<7 FailStateEntered name=InnerFail
             9<8 ParallelStateFailed
             10<9 ParallelStateExited name=Both
             11<10 FailStateEntered name=GiveUp
             12<11 ExecutionFailed",
        ),
        &[],
    );
    let e = &trace.execution;
    assert_eq!(
        (e.root_state.as_deref(), e.root_error.as_deref()),
        (Some("Inner"), Some("Denied"))
    );
    assert_eq!((e.root_event_id, e.caught_failures), (Some(6), 2));
}

#[test]
fn errors_alone_make_a_partial_trace_that_says_so() {
    let trace = build(
        &history(
            "5<4 TaskFailed resourceType=lambda resource=invoke error=Boom
             7<6 FailStateEntered name=GiveUp
             8<7 ExecutionFailed",
        )
        .into_iter()
        .map(|event| model::HistoryEvent {
            source: model::EventSource::Logs,
            ..event
        })
        .collect::<Vec<_>>(),
        &[],
    );
    let e = &trace.execution;
    assert_eq!(
        e.incomplete_reason.as_deref(),
        Some("events 1–4, 6 are missing: the log level seems to be ERROR")
    );
    assert!(!e.complete && e.source == "logs");
    assert_eq!(
        (
            e.failing_state.as_deref(),
            e.root_error.as_deref(),
            e.root_event_id
        ),
        (Some("GiveUp"), Some("Boom"), Some(5))
    );
    assert_eq!((e.attempts, trace.attempts.len()), (0, 1));
    tree(&trace);
}

#[test]
fn descriptions_fill_in_what_events_do_not_say() {
    let running = history("1<0 ExecutionStarted\n2<0 WaitStateEntered name=W");
    let body = json!({"executionArn": ARN, "status": "FAILED", "startDate": 1700000001.0, "stopDate": 1700000010.5,
        "stateMachineArn": "arn:aws:states:eu-west-1:111111111111:stateMachine:shop", "error": "E",
        "stateMachineVersionArn": "arn:aws:states:eu-west-1:111111111111:stateMachine:shop:7",
        "input": "{\"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID\":\"arn:parent\"}"});
    let trace = build(&running, &[document(DocumentKind::Execution, body.clone())]);
    let e = &trace.execution;
    assert_eq!(
        (e.status, e.error.as_deref(), e.state_machine.as_str()),
        (ExecutionStatus::Failed, Some("E"), "shop")
    );
    assert_eq!(
        (e.duration_ns, e.state_machine_version.as_deref()),
        (Some(9_500_000_000), Some("7"))
    );
    assert_eq!(
        (e.parent_execution_arn.as_deref(), e.region.as_deref()),
        (Some("arn:parent"), Some("eu-west-1"))
    );
    assert_eq!(
        e.incomplete_reason.as_deref(),
        Some("the last events are missing: the description says FAILED")
    );
    let alone = build(&[], &[document(DocumentKind::Execution, body)]);
    assert_eq!(
        alone.execution.incomplete_reason.as_deref(),
        Some("no event is held, only a description")
    );
    assert_eq!(alone.execution.trace_id, e.trace_id);
}

#[test]
fn the_definition_names_the_function_that_logs_without_data_leave_out() {
    let events = history(
        "1<0 ExecutionStarted
         2<0 TaskStateEntered name=Charge
         3<2 TaskScheduled resourceType=lambda resource=invoke region=eu-west-1",
    );
    let asl = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "Charge", "States": {
        "Charge": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 9,
            "Parameters": {"FunctionName": "arn:aws:lambda:eu-west-1:1:function:charge:live", "Payload.$": "$"}}}}}}});
    let trace = build(
        &events,
        &[document(
            DocumentKind::StateMachine,
            json!({"definition": asl.to_string()}),
        )],
    );
    let attempt = &trace.attempts[0];
    assert_eq!(attempt.function_name.as_deref(), Some("charge"));
    assert_eq!(
        (
            attempt.function_qualifier.as_deref(),
            attempt.timeout_seconds
        ),
        (Some("live"), Some(9))
    );
    assert_eq!(
        (attempt.status, trace.execution.incomplete_reason.as_deref()),
        (Status::Running, Some("still running"))
    );
}

#[test]
fn a_map_run_shows_its_counts() {
    let arn = "arn:aws:states:eu-west-1:1:mapRun:orders/Big:1";
    let events = history(&format!(
        "1<0 ExecutionStarted\n2<0 MapStateEntered name=Big\n3<2 MapStateStarted length=0\n4<3 MapRunStarted mapRunArn={arn}\n5<4 MapStateExited name=Big\n6<5 ExecutionSucceeded"
    ));
    let run = document(
        DocumentKind::MapRun,
        json!({"mapRunArn": arn, "status": "SUCCEEDED", "itemCounts": {"failed": 2, "total": 9}}),
    );
    let trace = build(&events, &[run]);
    let big = &trace.spans[1];
    assert_eq!(
        big.attributes.get("aws.sfn.map_run.items.failed"),
        Some(&model::Value::Int(2))
    );
    assert_eq!(
        (trace.execution.map_runs, trace.states[0].status),
        (1, Status::Succeeded)
    );
}

#[test]
fn a_child_of_a_map_run_may_wait_for_a_redrive() {
    let failed = "1<0 ExecutionStarted\n2<0 FailStateEntered name=F\n3<2 ExecutionFailed error=E";
    let waits = document(
        DocumentKind::Execution,
        json!({"executionArn": ARN, "status": "PENDING_REDRIVE", "redriveCount": 0, "startDate": 1.0}),
    );
    let execution = build(&history(failed), std::slice::from_ref(&waits)).execution;
    assert_eq!(
        (execution.status, execution.error.as_deref()),
        (ExecutionStatus::PendingRedrive, Some("E"))
    );
    let redriven = format!(
        "{failed}\n4<3 ExecutionRedriven\n5<4 FailStateEntered name=F\n6<5 ExecutionFailed error=E"
    );
    assert_eq!(
        build(&history(&redriven), &[waits]).execution.status,
        ExecutionStatus::Failed
    );
}
