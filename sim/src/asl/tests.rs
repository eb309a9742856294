use super::*;
use crate::world::{Function, Language, Machine, Version};
use demo::run::{ACCOUNT, REGION};

fn function(name: &str) -> Function {
    Function {
        name: name.into(),
        language: Language::Python,
        json_logs: false,
        traced: false,
        versions: vec![Version::first(1, 0, 50.0)],
        calls: Vec::new(),
        needs: Vec::new(),
        lines: Vec::new(),
        noise: Vec::new(),
        reserved: None,
        starved: Vec::new(),
        recycled: Vec::new(),
    }
}

fn world(definition: Value, functions: &[Function]) -> World {
    let mut world = World::new(1);
    world.machines.insert(
        "m".into(),
        Machine {
            name: "m".into(),
            versions: vec![(1, 0, definition)],
        },
    );
    for function in functions {
        world
            .functions
            .insert(function.name.clone(), function.clone());
    }
    world
}

fn lambda(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

fn kinds(world: &World) -> Vec<String> {
    let history = world.facts.runs[0].run.history(i64::MAX);
    history
        .into_iter()
        .map(|(_, _, event)| event.kind)
        .collect()
}

#[test]
fn a_retry_waits_and_a_catch_goes_on() {
    let mut broken = function("pay");
    broken.versions[0].bug = Some((0, "Refused".into(), "no".into()));
    let definition = json!({"StartAt": "Pay", "States": {
        "Pay": {"Type": "Task", "Resource": lambda("pay"), "Next": "Done",
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Done"}]},
        "Done": {"Type": "Succeed"},
    }});
    let mut world = world(definition, &[broken]);
    let ended = execute(&mut world, "m", "one", 1_795_000_000_000, json!({"a": 1}));
    let output = ended.result.expect("the catch takes it");
    assert_eq!(output["error"]["Error"], "Refused");
    assert_eq!(output["a"], 1);
    assert_eq!(
        kinds(&world),
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionFailed",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionFailed",
            "TaskStateExited",
            "SucceedStateEntered",
            "SucceedStateExited",
            "ExecutionSucceeded",
        ]
    );
}

#[test]
fn a_path_that_leads_nowhere_ends_it_and_names_the_event() {
    let definition = json!({"StartAt": "Shape", "States": {
        "Shape": {"Type": "Pass", "Parameters": {"total.$": "$.quote.total"}, "End": true},
    }});
    let mut world = world(definition, &[]);
    let failure = execute(&mut world, "m", "one", 1_795_000_000_000, json!({}))
        .result
        .expect_err("there is no quote");
    assert_eq!(failure.error, "States.Runtime");
    let history = world.facts.runs[0].run.history(i64::MAX);
    let (_, details) = history[2]
        .2
        .details
        .clone()
        .expect("ExecutionFailed has details");
    let cause = details["cause"].as_str().expect("it has a cause");
    assert!(
        cause.contains("the state 'Shape' (entered at the event id #2)"),
        "{cause}"
    );
}

#[test]
fn states_all_does_not_take_what_it_must_not() {
    assert!(error::matches(&json!(["States.ALL"]), "Anything"));
    assert!(!error::matches(
        &json!(["States.ALL"]),
        "States.DataLimitExceeded"
    ));
    assert!(error::matches(
        &json!(["States.DataLimitExceeded"]),
        "States.DataLimitExceeded"
    ));
    assert!(!error::matches(
        &json!(["States.TaskFailed"]),
        "States.Timeout"
    ));
}

#[test]
fn a_throttled_call_leaves_no_log() {
    let mut busy = function("pay");
    busy.starved.push((crate::world::Window::since(0), 1.0));
    let definition = json!({"StartAt": "Pay", "States": {"Pay": {"Type": "Task", "Resource": lambda("pay"), "End": true}}});
    let mut world = world(definition, &[busy]);
    let failure = execute(&mut world, "m", "one", 1_795_000_000_000, json!({}))
        .result
        .expect_err("no room");
    assert_eq!(failure.error, "Lambda.TooManyRequestsException");
    assert!(world.facts.lines.is_empty());
}
