//! Trying every permission without taking anything: `inquest collect --check`.
//!
//! Calls that need a name are made with one that does not exist: AWS checks the permission first, and "no such
//! execution" is the answer of somebody who may ask.

use super::{
    api::{self, Api},
    call::{CallError, Calls},
};
use crate::collect::{Check, CheckOutcome};
use serde_json::Value;

fn judged(calls: &Calls, api: &'static Api, outcome: Result<Value, CallError>) -> Check {
    let (outcome, message) = match outcome {
        Ok(_) => (CheckOutcome::Works, String::new()),
        Err(CallError::Gone(_) | CallError::StaleToken) => (CheckOutcome::Works, String::new()),
        // A made-up name may be refused for its form, by one who has let us in.
        Err(CallError::Refused(why)) if is_about_the_name(&why) => {
            (CheckOutcome::Works, String::new())
        }
        Err(CallError::Denied(why)) => (CheckOutcome::Denied, why),
        Err(CallError::Refused(why) | CallError::Away(why)) => (CheckOutcome::Unknown, why),
    };
    Check {
        action: api.action.to_owned(),
        purpose: api.purpose.to_owned(),
        resource: api.statement(&calls.session.region, "*"),
        outcome,
        message,
    }
}

fn is_about_the_name(why: &str) -> bool {
    [
        "InvalidArn",
        "InvalidParameter",
        "ValidationException",
        "ClientException",
        "InvalidRequest",
        "ClusterNotFound",
    ]
    .iter()
    .any(|code| why.starts_with(code))
}

/// What the collector of Standard workflows needs.
pub(super) async fn step_functions(calls: &Calls) -> Vec<Check> {
    let region = &calls.session.region;
    let account = "000000000000";
    let execution =
        &format!("arn:aws:states:{region}:{account}:execution:inquest-check:inquest-check");
    let machine = &format!("arn:aws:states:{region}:{account}:stateMachine:inquest-check");
    let map_run = &format!(
        "arn:aws:states:{region}:{account}:mapRun:inquest-check/check:00000000-0000-0000-0000-000000000000"
    );
    let mut checks = Vec::new();
    macro_rules! try_call {
        ($api:ident, |$clients:ident| $call:expr) => {{
            let outcome = calls
                .ask(&api::$api, |$clients, capture| {
                    let call = $call;
                    async move { call.customize().interceptor(capture).send().await }
                })
                .await;
            checks.push(judged(calls, &api::$api, outcome));
        }};
    }
    try_call!(WHO_AM_I, |clients| clients.sts.get_caller_identity());
    try_call!(LIST_STATE_MACHINES, |clients| clients
        .sfn
        .list_state_machines()
        .max_results(1));
    if !calls.session.source.tags.is_empty() {
        try_call!(LIST_TAGS, |clients| clients
            .sfn
            .list_tags_for_resource()
            .resource_arn(machine));
    }
    try_call!(LIST_EXECUTIONS, |clients| clients
        .sfn
        .list_executions()
        .state_machine_arn(machine));
    try_call!(DESCRIBE_EXECUTION, |clients| clients
        .sfn
        .describe_execution()
        .execution_arn(execution));
    try_call!(GET_HISTORY, |clients| clients
        .sfn
        .get_execution_history()
        .execution_arn(execution));
    try_call!(DESCRIBE_MACHINE, |clients| clients
        .sfn
        .describe_state_machine()
        .state_machine_arn(machine));
    try_call!(DESCRIBE_MACHINE_FOR_EXECUTION, |clients| clients
        .sfn
        .describe_state_machine_for_execution()
        .execution_arn(execution));
    try_call!(DESCRIBE_MAP_RUN, |clients| clients
        .sfn
        .describe_map_run()
        .map_run_arn(map_run));
    checks
}
