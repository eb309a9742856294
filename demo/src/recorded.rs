//! Executions that really happened, as others recorded them; origin and licence of each are in
//! `tests/fixtures/`.

use crate::files::File;

macro_rules! recorded {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../tests/fixtures/", $path)).as_slice())),*]
    };
}

const FILES: &[(&str, &[u8])] = recorded![
    "aws-sfn-nasa-cumulus/ingest-granule-retries-then-fail.cumulus-api.json",
    "aws-sfn-localstack/wire/01-activity-success.json",
    "aws-sfn-localstack/wire/02-activity-heartbeat-or-start-timeout.json",
    "aws-sfn-localstack/wire/03-lambda-arn-success.json",
    "aws-sfn-localstack/wire/04-choice-true.json",
    "aws-sfn-localstack/wire/05-lambda-invoke-failed-caught.json",
    "aws-sfn-localstack/wire/06-jsonata-evaluation-failed.json",
    "aws-sfn-localstack/wire/07-fail-state.json",
    "aws-sfn-localstack/wire/08-sqs-wait-for-task-token.json",
    "aws-sfn-localstack/wire/09-sqs-wait-for-task-token-timeout.json",
    "aws-sfn-localstack/wire/10-parallel-branch-failed-aborted-caught.json",
    "aws-sfn-localstack/wire/11-nested-start-execution-sync.json",
    "aws-sfn-localstack/wire/12-nested-start-execution-sync-child-failed.json",
    "aws-sfn-localstack/wire/13-aws-sdk-error-caught.json",
    "aws-sfn-localstack/wire/14-error-caught-then-fail-state.json",
    "aws-sfn-localstack/wire/15-data-limit-exceeded-caught.json",
    "aws-sfn-localstack/wire/16-lambda-invoke-then-pass.json",
    "aws-sfn-localstack/wire/17-map-inline-sequential.json",
    "aws-sfn-localstack/wire/18-map-failed-caught.json",
    "aws-sfn-localstack/wire/19-map-retried.json",
    "aws-sfn-localstack/wire/20-map-distributed.json",
    "aws-sfn-localstack/wire/21-map-distributed-reader-failed.json",
    "aws-sfn-localstack/wire/22-lambda-arn-retries.json",
    "aws-sfn-localstack/wire/23-states-runtime-after-success.json",
    "aws-sfn-localstack/wire/24-parallel-failed-caught.json",
    "aws-sfn-localstack/wire/25-map-nested.json",
    "aws-sfn-localstack/wire/26-map-failed-before-start.json",
    "aws-sfn-localstack/wire/27-map-empty.json",
    "aws-sfn-localstack/wire/28-wait-evaluation-failed.json",
    "aws-sfn-localstack/wire/29-callback-task-failed-caught-then-fail.json",
    "aws-sfn-localstack/wire/30-apigateway-invoke-choice-succeed.json",
    "aws-sfn-localstack/wire/31-dynamodb-two-tasks.json",
    "aws-sfn-localstack/wire/32-ecs-run-task-sync.json",
    "aws-sfn-localstack/wire/33-lambda-invoke-retry-then-caught.json",
    "aws-sfn-localstack/wire/34-stopped-execution.json",
    "aws-sfn-localstack/wire/35-lambda-invoke-task-timed-out.json",
    "aws-sfn-localstack/wire/36-running-no-terminal-event.json",
    "aws-sfn-localstack/wire/37-wait-state.json",
];

/// The recorded files, below `recorded/`.
pub fn files() -> Vec<File> {
    FILES
        .iter()
        .map(|(path, bytes)| (format!("recorded/{path}"), bytes.to_vec()))
        .collect()
}
