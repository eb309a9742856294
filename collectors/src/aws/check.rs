//! Trying every permission without taking anything: `inquest collect --check`.
//!
//! Calls that need a name are made with one that does not exist: AWS checks the permission first, and "no such
//! execution" is the answer of somebody who may ask.

use super::{
    api::{self, Api},
    call::{CallError, Calls},
    logs::Whose,
};
use crate::collect::{Advice, Check, CheckOutcome, Failure};
use serde_json::Value;

/// Times that a permission is tried: once more than once, because any service may stumble.
const TRIES: u32 = 2;

/// Tries of one collector, one after the other, until it turns out that nobody answers.
pub(super) struct Tries {
    calls: Calls,
    checks: Vec<Check>,
    /// Only whether anybody answers: the first call says it.
    only_first: bool,
    /// Why nothing more is tried.
    stopped: Option<CallError>,
}

impl Tries {
    /// Every permission.
    pub fn all(calls: &Calls) -> Self {
        Tries {
            calls: calls.clone().with_tries(TRIES),
            checks: Vec::new(),
            only_first: false,
            stopped: None,
        }
    }

    /// Only one call of the service that matters.
    pub fn first(calls: &Calls) -> Self {
        Tries {
            only_first: true,
            ..Tries::all(calls)
        }
    }

    /// Whether the service was reached with something to sign with; whether it allows anything is another question.
    ///
    /// # Errors
    /// When it was not.
    pub fn reached(self) -> Result<(), Failure> {
        match self.stopped {
            None => Ok(()),
            Some(CallError::NoCredentials) => Err(Failure::new(
                Advice::Change,
                "no credentials",
                self.calls.session.looked_in(),
            )),
            Some(_) => {
                let why = self.checks.first().map_or("", |it| it.message.as_str());
                Err(Failure::new(
                    Advice::Unreachable,
                    format!("could not be reached: {why}"),
                    "look at the network, at the Region and at the endpoint",
                ))
            }
        }
    }

    fn judge(&mut self, api: &'static Api, outcome: Result<Value, CallError>) {
        let (word, message) = match &outcome {
            Ok(_) => (CheckOutcome::Works, String::new()),
            Err(CallError::Gone(_) | CallError::StaleToken) => (CheckOutcome::Works, String::new()),
            // A made-up name may be refused for its form, by one who has let us in.
            Err(CallError::Refused(why)) if is_about_the_name(why) => {
                (CheckOutcome::Works, String::new())
            }
            Err(CallError::Denied(why)) => (CheckOutcome::Denied, why.clone()),
            Err(CallError::NoCredentials) => (CheckOutcome::Missing, String::new()),
            Err(CallError::Refused(why) | CallError::Away(why) | CallError::Unreachable(why)) => {
                (CheckOutcome::Unknown, why.clone())
            }
        };
        self.push(api, word, message);
        if let Err(error @ (CallError::NoCredentials | CallError::Unreachable(_))) = outcome {
            self.stopped = Some(error);
        }
    }

    fn push(&mut self, api: &'static Api, outcome: CheckOutcome, message: String) {
        self.checks.push(Check {
            action: api.action.to_owned(),
            purpose: api.purpose.to_owned(),
            resource: api.statement(&self.calls.session.region, "*"),
            outcome,
            message,
        });
    }

    /// What was found.
    pub fn done(self) -> Vec<Check> {
        match self.stopped {
            Some(CallError::NoCredentials) => vec![Check {
                action: "credentials".to_owned(),
                purpose: "every call is signed with them".to_owned(),
                resource: String::new(),
                outcome: CheckOutcome::Missing,
                message: self.calls.session.looked_in(),
            }],
            _ => self.checks,
        }
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
    ($tries:ident, $api:ident, |$clients:ident| $call:expr) => {{
        if $tries.only_first && !$tries.checks.is_empty() {
            // That is known already.
        } else if $tries.stopped.is_some() {
            let message = "not tried: nobody answers".to_owned();
            $tries.push(&api::$api, CheckOutcome::Unknown, message);
        } else {
            let calls = $tries.calls.clone();
            let outcome = calls
                .ask(&api::$api, |$clients, capture| {
                    let call = $call;
                    async move { call.customize().interceptor(capture).send().await }
                })
                .await;
            $tries.judge(&api::$api, outcome);
        }
    }};
}

/// What the collectors of log groups need.
pub(super) async fn logs(mut tries: Tries, whose: Whose) -> Tries {
    let region = tries.calls.session.region.clone();
    let machine = &format!("arn:aws:states:{region}:000000000000:stateMachine:inquest-check");
    match whose {
        Whose::StateMachines => {
            try_call!(tries, LIST_STATE_MACHINES, |clients| clients
                .sfn
                .list_state_machines()
                .max_results(1));
            try_call!(tries, DESCRIBE_MACHINE, |clients| clients
                .sfn
                .describe_state_machine()
                .state_machine_arn(machine));
        }
        Whose::Functions => {
            try_call!(tries, GET_FUNCTION, |clients| clients
                .lambda
                .get_function_configuration()
                .function_name("inquest-check"));
            try_call!(tries, DESCRIBE_LOG_GROUPS, |clients| clients
                .logs
                .describe_log_groups()
                .limit(1));
        }
    }
    try_call!(tries, FILTER_LOG_EVENTS, |clients| clients
        .logs
        .filter_log_events()
        .log_group_name("/aws/lambda/inquest-check")
        .limit(1));
    tries
}

/// What the collector of tasks and jobs needs.
pub(super) async fn containers(mut tries: Tries) -> Tries {
    try_call!(tries, DESCRIBE_TASKS, |clients| clients
        .ecs
        .describe_tasks()
        .cluster("inquest-check")
        .tasks("00000000000000000000000000000000"));
    try_call!(tries, DESCRIBE_JOBS, |clients| clients
        .batch
        .describe_jobs()
        .jobs("inquest-check"));
    tries
}

/// What the collector of durable functions needs.
pub(super) async fn durable(mut tries: Tries) -> Tries {
    let region = tries.calls.session.region.clone();
    let execution = &format!(
        "arn:aws:lambda:{region}:000000000000:function:inquest-check:1/durable-execution/inquest-check/inquest-check"
    );
    try_call!(tries, LIST_FUNCTIONS, |clients| clients
        .lambda
        .list_functions()
        .max_items(1));
    try_call!(tries, LIST_DURABLE, |clients| clients
        .lambda
        .list_durable_executions_by_function()
        .function_name("inquest-check"));
    try_call!(tries, GET_DURABLE, |clients| clients
        .lambda
        .get_durable_execution()
        .durable_execution_arn(execution));
    try_call!(tries, GET_DURABLE_HISTORY, |clients| clients
        .lambda
        .get_durable_execution_history()
        .durable_execution_arn(execution));
    tries
}

/// What the collector of X-Ray traces needs.
pub(super) async fn traces(mut tries: Tries) -> Tries {
    try_call!(tries, GET_TRACES, |clients| clients
        .xray
        .batch_get_traces()
        .trace_ids("1-581cf771-a006649127e371903a2de979"));
    tries
}

/// What the collector of queues needs: the queues are asked, and left as they are.
pub(super) async fn queues(mut tries: Tries) -> Tries {
    let queues = tries.calls.session.source.queues.clone();
    // Even a look at a message counts as a try to handle it.
    let looks = if tries.only_first { 0 } else { queues.len() };
    for url in queues.iter().take(looks) {
        try_call!(tries, RECEIVE, |clients| clients
            .sqs
            .receive_message()
            .queue_url(url)
            .visibility_timeout(0)
            .max_number_of_messages(1));
    }
    tries
}

/// What the collector of Standard workflows needs.
pub(super) async fn step_functions(mut tries: Tries) -> Tries {
    let region = tries.calls.session.region.clone();
    let account = "000000000000";
    let execution =
        &format!("arn:aws:states:{region}:{account}:execution:inquest-check:inquest-check");
    let machine = &format!("arn:aws:states:{region}:{account}:stateMachine:inquest-check");
    let map_run = &format!(
        "arn:aws:states:{region}:{account}:mapRun:inquest-check/check:00000000-0000-0000-0000-000000000000"
    );
    if !tries.only_first {
        try_call!(tries, WHO_AM_I, |clients| clients.sts.get_caller_identity());
    }
    try_call!(tries, LIST_STATE_MACHINES, |clients| clients
        .sfn
        .list_state_machines()
        .max_results(1));
    if !tries.calls.session.source.tags.is_empty() {
        try_call!(tries, LIST_TAGS, |clients| clients
            .sfn
            .list_tags_for_resource()
            .resource_arn(machine));
    }
    try_call!(tries, LIST_EXECUTIONS, |clients| clients
        .sfn
        .list_executions()
        .state_machine_arn(machine));
    try_call!(tries, DESCRIBE_EXECUTION, |clients| clients
        .sfn
        .describe_execution()
        .execution_arn(execution));
    try_call!(tries, GET_HISTORY, |clients| clients
        .sfn
        .get_execution_history()
        .execution_arn(execution));
    try_call!(tries, DESCRIBE_MACHINE, |clients| clients
        .sfn
        .describe_state_machine()
        .state_machine_arn(machine));
    try_call!(tries, DESCRIBE_MACHINE_FOR_EXECUTION, |clients| {
        clients
            .sfn
            .describe_state_machine_for_execution()
            .execution_arn(execution)
    });
    try_call!(tries, DESCRIBE_MAP_RUN, |clients| clients
        .sfn
        .describe_map_run()
        .map_run_arn(map_run));
    tries
}
