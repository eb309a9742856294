//! Trying every permission without taking anything: `inquest collect --check`.
//!
//! Calls that need a name are made with one that does not exist: AWS checks the permission first, and "no such
//! execution" is the answer of somebody who may ask.

use super::{
    api::{self, Api},
    call::{CallError, Calls},
    logs::Whose,
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

macro_rules! try_call {
    ($calls:ident, $checks:ident, $api:ident, |$clients:ident| $call:expr) => {{
        let outcome = $calls
            .ask(&api::$api, |$clients, capture| {
                let call = $call;
                async move { call.customize().interceptor(capture).send().await }
            })
            .await;
        $checks.push(judged($calls, &api::$api, outcome));
    }};
}

/// What the collectors of log groups need.
pub(super) async fn logs(calls: &Calls, whose: Whose) -> Vec<Check> {
    let mut checks = Vec::new();
    let region = &calls.session.region;
    let machine = &format!("arn:aws:states:{region}:000000000000:stateMachine:inquest-check");
    match whose {
        Whose::StateMachines => {
            try_call!(calls, checks, LIST_STATE_MACHINES, |clients| clients
                .sfn
                .list_state_machines()
                .max_results(1));
            try_call!(calls, checks, DESCRIBE_MACHINE, |clients| clients
                .sfn
                .describe_state_machine()
                .state_machine_arn(machine));
        }
        Whose::Functions => {
            try_call!(calls, checks, GET_FUNCTION, |clients| clients
                .lambda
                .get_function_configuration()
                .function_name("inquest-check"));
            try_call!(calls, checks, DESCRIBE_LOG_GROUPS, |clients| clients
                .logs
                .describe_log_groups()
                .limit(1));
        }
    }
    try_call!(calls, checks, FILTER_LOG_EVENTS, |clients| clients
        .logs
        .filter_log_events()
        .log_group_name("/aws/lambda/inquest-check")
        .limit(1));
    checks
}

/// What the collector of tasks and jobs needs.
pub(super) async fn containers(calls: &Calls) -> Vec<Check> {
    let mut checks = Vec::new();
    try_call!(calls, checks, DESCRIBE_TASKS, |clients| clients
        .ecs
        .describe_tasks()
        .cluster("inquest-check")
        .tasks("00000000000000000000000000000000"));
    try_call!(calls, checks, DESCRIBE_JOBS, |clients| clients
        .batch
        .describe_jobs()
        .jobs("inquest-check"));
    checks
}

/// What the collector of X-Ray traces needs.
pub(super) async fn traces(calls: &Calls) -> Vec<Check> {
    let mut checks = Vec::new();
    try_call!(calls, checks, GET_TRACES, |clients| clients
        .xray
        .batch_get_traces()
        .trace_ids("1-581cf771-a006649127e371903a2de979"));
    checks
}

/// What the collector of queues needs: the queues are asked, and left as they are.
pub(super) async fn queues(calls: &Calls) -> Vec<Check> {
    let mut checks = Vec::new();
    for url in &calls.session.source.queues {
        try_call!(calls, checks, RECEIVE, |clients| clients
            .sqs
            .receive_message()
            .queue_url(url)
            .visibility_timeout(0)
            .max_number_of_messages(1));
    }
    checks
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
    try_call!(calls, checks, WHO_AM_I, |clients| clients
        .sts
        .get_caller_identity());
    try_call!(calls, checks, LIST_STATE_MACHINES, |clients| clients
        .sfn
        .list_state_machines()
        .max_results(1));
    if !calls.session.source.tags.is_empty() {
        try_call!(calls, checks, LIST_TAGS, |clients| clients
            .sfn
            .list_tags_for_resource()
            .resource_arn(machine));
    }
    try_call!(calls, checks, LIST_EXECUTIONS, |clients| clients
        .sfn
        .list_executions()
        .state_machine_arn(machine));
    try_call!(calls, checks, DESCRIBE_EXECUTION, |clients| clients
        .sfn
        .describe_execution()
        .execution_arn(execution));
    try_call!(calls, checks, GET_HISTORY, |clients| clients
        .sfn
        .get_execution_history()
        .execution_arn(execution));
    try_call!(calls, checks, DESCRIBE_MACHINE, |clients| clients
        .sfn
        .describe_state_machine()
        .state_machine_arn(machine));
    try_call!(calls, checks, DESCRIBE_MACHINE_FOR_EXECUTION, |clients| {
        clients
            .sfn
            .describe_state_machine_for_execution()
            .execution_arn(execution)
    });
    try_call!(calls, checks, DESCRIBE_MAP_RUN, |clients| clients
        .sfn
        .describe_map_run()
        .map_run_arn(map_run));
    checks
}
