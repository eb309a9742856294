//! A fifth lot: services that workflows call by themselves, and errors of Step Functions' own. Right answers were written first.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::lambda,
    vary,
};
use model::Category;
use serde_json::{Value, json};

type Of = (&'static str, &'static str);

/// A workflow whose second state calls a service by itself; it fails when it is ill.
fn direct(
    desk: &mut Desk,
    n: usize,
    state: &str,
    of: Of,
    parameters: &Value,
    ms: i64,
    failed: Option<(&str, &str)>,
) -> String {
    let input = json!({"n": n, "kind": "parcel"});
    let mut run = Run::new(
        &format!("direct-{}", of.0.replace(':', "-")),
        &format!("f{n}"),
        at(n),
        &input,
    );
    desk.task(
        &mut run,
        "Get ready",
        &lambda("get-ready", 90 + vary(n, 30)),
        &input,
        &input,
    );
    run.enter("Task", state, &input);
    match failed {
        Some((error, cause)) => {
            run.call(of, parameters, ms, Err((error, cause)));
            desk.end(run, End::Failed(error, cause))
        }
        None => {
            run.call(of, parameters, ms, Ok(json!({"ok": 1})));
            run.exit("Task", state, &json!({"ok": 1}));
            desk.end(run, End::Well(&json!({"ok": 1})))
        }
    }
}

fn http_503(desk: &mut Desk, n: usize, ill: bool) -> String {
    let failed = ill.then_some((
        "States.Http.StatusCode.503",
        "{\"statusText\":\"Service Unavailable\",\"responseBody\":\"upstream maintenance\"}",
    ));
    direct(
        desk,
        n,
        "Capture",
        ("http", "invoke"),
        &json!({"ApiEndpoint": "https://pay.partner.example/v2/capture", "Method": "POST"}),
        220 + vary(n, 40),
        failed,
    )
}

fn http_socket(desk: &mut Desk, n: usize, ill: bool) -> String {
    let failed = ill.then_some((
        "States.Http.Socket",
        "Unable to connect to https://pay.partner.example/v2/capture: connect timed out",
    ));
    direct(
        desk,
        n,
        "Capture",
        ("http", "invoke"),
        &json!({"ApiEndpoint": "https://pay.partner.example/v2/capture", "Method": "POST"}),
        if ill { 10_000 } else { 220 + vary(n, 40) },
        failed,
    )
}

fn bedrock(desk: &mut Desk, n: usize, ill: bool) -> String {
    let failed = ill.then_some(("Bedrock.ThrottlingException", "Too many requests, please wait before trying again. (Service: BedrockRuntime, Status Code: 429, Request ID: x)"));
    direct(
        desk,
        n,
        "Ask model",
        ("bedrock", "invokeModel"),
        &json!({"ModelId": "some.text-model-v2", "Body": {}}),
        900 + vary(n, 90),
        failed,
    )
}

fn training(desk: &mut Desk, n: usize, ill: bool) -> String {
    let cause = "{\"TrainingJobName\":\"forecast\",\"TrainingJobStatus\":\"Failed\",\"FailureReason\":\"CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type.\"}";
    direct(
        desk,
        n,
        "Train",
        ("sagemaker", "createTrainingJob.sync"),
        &json!({"TrainingJobName": "forecast"}),
        60_000 + vary(n, 3_000),
        ill.then_some(("States.TaskFailed", cause)),
    )
}

fn eks(desk: &mut Desk, n: usize, ill: bool) -> String {
    let cause = "{\"status\":{\"conditions\":[{\"type\":\"Failed\",\"reason\":\"BackoffLimitExceeded\",\"message\":\"Job has reached the specified backoff limit\"}]},\"pods\":[{\"containerStatuses\":[{\"name\":\"main\",\"state\":{\"terminated\":{\"exitCode\":137,\"reason\":\"OOMKilled\"}}}]}]}";
    direct(
        desk,
        n,
        "Nightly",
        ("eks", "runJob.sync"),
        &json!({"ClusterName": "apps", "Job": {"metadata": {"name": "nightly-etl"}}}),
        40_000 + vary(n, 3_000),
        ill.then_some(("EKS.409", cause)),
    )
}

fn codebuild(desk: &mut Desk, n: usize, ill: bool) -> String {
    let cause = "{\"Build\":{\"ProjectName\":\"site-build\",\"BuildStatus\":\"FAILED\",\"Phases\":[{\"PhaseType\":\"BUILD\",\"PhaseStatus\":\"FAILED\",\"Contexts\":[{\"StatusCode\":\"COMMAND_EXECUTION_ERROR\",\"Message\":\"Error while executing command: npm run build. Reason: exit status 1\"}]}]}}";
    direct(
        desk,
        n,
        "Build site",
        ("codebuild", "startBuild.sync"),
        &json!({"ProjectName": "site-build"}),
        30_000 + vary(n, 3_000),
        ill.then_some(("States.TaskFailed", cause)),
    )
}

fn parameter(desk: &mut Desk, n: usize, ill: bool) -> String {
    if ill && n == 12 {
        desk.changed(at(n) - 60_000, "config", "/shop/limits", "deleted");
    }
    direct(
        desk,
        n,
        "Read limits",
        ("aws-sdk:ssm", "getParameter"),
        &json!({"Name": "/shop/limits"}),
        40 + vary(n, 9),
        ill.then_some((
            "Ssm.ParameterNotFoundException",
            "Parameter /shop/limits not found. (Service: Ssm, Status Code: 400, Request ID: x)",
        )),
    )
}

fn reader(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("bulk", &format!("f{n}"), at(n), &json!({"n": n}));
    run.enter("Map", "Every row", &json!({}));
    if ill {
        let cause = "Attempting to get object: rows.csv from S3 bucket: intake-rows failed with: Access Denied (Service: S3, Status Code: 403)";
        run.push(
            "MapStateFailed",
            json!({"error": "States.ItemReaderFailed", "cause": cause}),
        );
        return desk.end(run, End::Failed("States.ItemReaderFailed", cause));
    }
    run.push("MapStateStarted", json!({"length": 0}));
    run.wait(900 + vary(n, 90));
    run.push("MapStateSucceeded", json!({}));
    run.exit("Map", "Every row", &json!([]));
    desk.end(run, End::Well(&json!([])))
}

fn no_choice(desk: &mut Desk, n: usize, ill: bool) -> String {
    let odd = ill && n == 13;
    let input = json!({"kind": if odd { "piano" } else { "parcel" }});
    let mut run = Run::new("kinds", &format!("f{n}"), at(n), &input);
    desk.task(
        &mut run,
        "Weigh",
        &lambda("weigh", 90 + vary(n, 30)),
        &input,
        &input,
    );
    run.enter("Choice", "Which kind?", &input);
    if odd {
        return desk.end(run, End::Failed("States.NoChoiceMatched", "An error occurred while executing the state 'Which kind?' (entered at the event id #7). No matching choice was found and no default was given"));
    }
    run.exit("Choice", "Which kind?", &input);
    desk.task(
        &mut run,
        "Send parcel",
        &lambda("send-parcel", 120 + vary(n, 30)),
        &input,
        &input,
    );
    desk.end(run, End::Well(&input))
}

fn service_exception(desk: &mut Desk, n: usize, ill: bool) -> String {
    let input = json!({"n": n});
    let mut run = Run::new("hiccups", &format!("f{n}"), at(n), &input);
    if !ill {
        desk.task(
            &mut run,
            "Do",
            &lambda("do-it", 120 + vary(n, 20)),
            &input,
            &input,
        );
        return desk.end(run, End::Well(&input));
    }
    run.enter("Task", "Do", &input);
    let cause =
        "An error occurred (ServiceException) (Service: Lambda, Status Code: 500, Request ID: x)";
    for wait in [0, 1_000, 2_000] {
        run.wait(wait);
        desk.refused(&mut run, "do-it", "Lambda.ServiceException", cause);
    }
    desk.end(run, End::Failed("Lambda.ServiceException", cause))
}

fn dead_worker(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("press", &format!("f{n}"), at(n), &json!({}));
    run.enter("Task", "Press", &json!({}));
    run.push("ActivityScheduled", json!({"resource": "arn:aws:states:eu-central-1:480213377711:activity:presses", "input": "{}", "timeoutInSeconds": 900, "heartbeatInSeconds": 30}));
    run.wait(800 + vary(n, 200));
    run.push("ActivityStarted", json!({"workerName": "press-7"}));
    if ill {
        run.wait(30_000);
        run.push(
            "ActivityTimedOut",
            json!({"error": "States.HeartbeatTimeout"}),
        );
        return desk.end(run, End::Failed("States.HeartbeatTimeout", ""));
    }
    run.wait(4_000 + vary(n, 300));
    run.push("ActivitySucceeded", json!({"output": "{}"}));
    run.exit("Task", "Press", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn one(desk: &mut Desk, n: usize, ill: bool, machine: &str, kind: &str, message: &str) -> String {
    let input = json!({"n": n});
    let mut run = Run::new(machine, &format!("f{n}"), at(n), &input);
    let mut of = lambda("read-feed", 160 + vary(n, 30));
    if ill {
        of = of.raising(kind, message);
    }
    if desk.retried(
        &mut run,
        "Read",
        &vec![of; if ill { 2 } else { 1 }],
        &input,
        &json!({"r": 1}),
    ) {
        return desk.end(run, End::Well(&json!({"r": 1})));
    }
    let cause = json!({"errorType": kind, "errorMessage": message}).to_string();
    desk.end(run, End::Failed(kind, &cause))
}

fn html(desk: &mut Desk, n: usize, ill: bool) -> String {
    one(
        desk,
        n,
        ill,
        "feed",
        "SyntaxError",
        "Unexpected token '<', \"<html><head>\"... is not valid JSON, while reading https://feeds.partner.example/daily.json",
    )
}

fn rotated(desk: &mut Desk, n: usize, ill: bool) -> String {
    if ill && n == 12 {
        desk.changed(at(n) - 45_000, "secret", "pg-main/reader", "rotated");
    }
    one(
        desk,
        n,
        ill,
        "reads",
        "psycopg2.OperationalError",
        "connection to server at \"pg-main.corp.local\" (10.2.0.9), port 5432 failed: FATAL: password authentication failed for user \"reader\"",
    )
}

fn statement_timeout(desk: &mut Desk, n: usize, ill: bool) -> String {
    one(
        desk,
        n,
        ill,
        "statements",
        "psycopg2.errors.QueryCanceled",
        "canceling statement due to statement timeout (host=orders-db.corp.local)",
    )
}

fn too_many_files(desk: &mut Desk, n: usize, ill: bool) -> String {
    one(
        desk,
        n,
        ill,
        "tmp",
        "OSError",
        "[Errno 28] No space left on device: '/tmp/part-0007.parquet'",
    )
}

fn tls(desk: &mut Desk, n: usize, ill: bool) -> String {
    one(
        desk,
        n,
        ill,
        "tls",
        "Error",
        "request to https://customs.gov.example/v1 failed, reason: certificate has expired",
    )
}

fn stopped_child(desk: &mut Desk, n: usize, ill: bool) -> String {
    const CHILD: Of = ("states", "startExecution.sync:2");
    let mut run = Run::new("umbrella", &format!("f{n}"), at(n), &json!({}));
    run.enter("Task", "Inner", &json!({}));
    let arn = format!("arn:aws:states:eu-central-1:480213377711:execution:inner-flow:i{n}");
    run.schedule(CHILD, &json!({"StateMachineArn": "arn:aws:states:eu-central-1:480213377711:stateMachine:inner-flow", "Input": {}}), &Value::Null);
    run.submitted(CHILD, &json!({"ExecutionArn": arn, "StartDate": run.at}));
    run.wait(9_000 + vary(n, 900));
    if ill {
        let cause = json!({"ExecutionArn": arn, "Status": "ABORTED", "StateMachineArn": "arn:aws:states:eu-central-1:480213377711:stateMachine:inner-flow"}).to_string();
        run.failed(CHILD, "States.TaskFailed", &cause);
        return desk.end(run, End::Failed("States.TaskFailed", &cause));
    }
    run.succeeded(CHILD, &json!({"ExecutionArn": arn, "Status": "SUCCEEDED"}));
    run.exit("Task", "Inner", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// A condition that fails now and then, and is caught.
fn habit(desk: &mut Desk, n: usize, ill: bool) -> String {
    const PUT: Of = ("dynamodb", "putItem");
    let mut run = Run::new("once-only", &format!("f{n}"), at(n), &json!({}));
    run.enter("Task", "Claim", &json!({}));
    if ill || n % 2 == 1 {
        run.call(
            PUT,
            &json!({"TableName": "claims"}),
            20,
            Err((
                "DynamoDB.ConditionalCheckFailedException",
                "The conditional request failed",
            )),
        );
        run.exit("Task", "Claim", &json!({"taken": true}));
    } else {
        run.call(
            PUT,
            &json!({"TableName": "claims"}),
            20 + vary(n, 9),
            Ok(json!({})),
        );
        run.exit("Task", "Claim", &json!({"taken": false}));
    }
    desk.end(run, End::Well(&json!({})))
}

/// The limit of the whole execution comes before the answer; the last event names no error.
fn out_of_time(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("lambda", "invoke");
    let mut run = Run::new("nightly-press", &format!("o{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Render", &json!({}));
    run.schedule(
        of,
        &json!({"FunctionName": "render-page", "Payload": {}}),
        &Value::Null,
    );
    run.push(
        "TaskStarted",
        json!({"resourceType": of.0, "resource": of.1}),
    );
    let took = if ill { 29_000 } else { 1_500 + vary(n, 300) };
    desk.ran(&lambda("render-page", took), run.at + 40);
    run.wait(took.min(10_000) + 60);
    if ill {
        return desk.end(run, End::TimedOut);
    }
    run.succeeded(of, &json!({}));
    run.exit("Task", "Render", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    const PAY: &[&str] = &["pay.partner.example", "pay"];
    vec![
        crime("a partner answers 503", PAY, &[Error], http_503),
        crime(
            "a partner cannot be reached",
            PAY,
            &[NetworkConfig],
            http_socket,
        ),
        crime(
            "a model is throttled",
            &["Ask model", "some.text-model-v2", "bedrock"],
            &[Capacity],
            bedrock,
        ),
        crime(
            "no machines to train on",
            &["forecast", "Train"],
            &[Capacity],
            training,
        ),
        crime(
            "a pod is killed",
            &["nightly-etl", "Nightly"],
            &[Memory],
            eks,
        ),
        crime("a build breaks", &["site-build"], &[Error], codebuild),
        crime(
            "a parameter is gone",
            &["Read limits", "/shop/limits"],
            &[BadDeploy, Error],
            parameter,
        ),
        crime(
            "rows may not be read",
            &["Every row", "intake-rows"],
            &[Permission],
            reader,
        ),
        crime(
            "a kind nobody knows",
            &["Which kind?"],
            &[BadInput, Error],
            no_choice,
        ),
        crime(
            "Lambda fails of itself",
            &["do-it"],
            &[Infrastructure],
            service_exception,
        ),
        crime(
            "a worker dies",
            &["press-7", "presses"],
            &[LostMessage],
            dead_worker,
        ),
        crime(
            "a page instead of data",
            &["read-feed", "feeds.partner.example", "feeds"],
            &[Error],
            html,
        ),
        crime(
            "a password was rotated",
            &["read-feed", "pg-main.corp.local", "pg-main"],
            &[Permission],
            rotated,
        ),
        crime(
            "a statement takes too long",
            &["orders-db.corp.local", "orders-db"],
            &[Latency],
            statement_timeout,
        ),
        crime(
            "no room in tmp",
            &["read-feed"],
            &[Capacity],
            too_many_files,
        ),
        crime(
            "a certificate of customs ran out",
            &["customs.gov.example", "customs"],
            &[NetworkConfig],
            tls,
        ),
        crime(
            "somebody stopped the inner one",
            &["inner-flow", "Inner"],
            &[Error],
            stopped_child,
        ),
        crime(
            "the time of the whole execution runs out",
            &["render-page", "Render"],
            &[Latency, TimeoutConfig],
            out_of_time,
        ),
        calm("a condition of every other day", habit),
    ]
}
