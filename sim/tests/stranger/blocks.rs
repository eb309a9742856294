//! Branches, nested work, direct integrations, tokens, activities, containers.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run, attributes, nanos},
    lambda::{Call, lambda},
    vary,
};
use model::{Category, Fatality};
use serde_json::{Value, json};

/// Three branches: one cannot resolve a name, another is slow and cut off.
fn branch_without_name(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("customs", &format!("k{n}"), at(n), &json!({"n": n}));
    run.enter("Parallel", "Gather", &json!({"n": n}));
    run.push("ParallelStateStarted", json!({}));
    let top = run.mark();
    desk.task(
        &mut run,
        "Weigh",
        &lambda("weigh-parcel", 200 + vary(n, 50)),
        &json!({}),
        &json!({"kg": 2}),
    );
    let mut last = run.mark();
    run.back(top);
    if ill {
        run.enter("Task", "Photograph", &json!({}));
        run.schedule(
            ("lambda", "invoke"),
            &json!({"FunctionName": "photo-parcel", "Payload": {}}),
            &json!({}),
        );
    } else {
        desk.task(
            &mut run,
            "Photograph",
            &lambda("photo-parcel", 900 + vary(n, 90)),
            &json!({}),
            &json!({"photo": "s3"}),
        );
        last = run.mark();
    }
    run.back(top);
    let call = Call::new(
        "GET",
        12,
        &[
            ("http.request.method", "GET"),
            ("server.address", "tariff.partner.example"),
            ("server.port", "443"),
        ],
    );
    let mut tariff = lambda("read-tariff", 150 + vary(n, 20));
    tariff.calls = match ill {
        true => vec![call.throwing(
            "java.net.UnknownHostException",
            "tariff.partner.example: Name or service not known",
        )],
        false => vec![call],
    };
    if ill {
        tariff = tariff.raising(
            "java.io.UncheckedIOException",
            "java.net.UnknownHostException: tariff.partner.example: Name or service not known",
        );
    }
    let tries = vec![tariff; if ill { 2 } else { 1 }];
    if desk.retried(&mut run, "Tariff", &tries, &json!({}), &json!({"rate": 3})) {
        run.back(last);
        run.push("ParallelStateSucceeded", json!({}));
        run.exit("Parallel", "Gather", &json!([1, 2, 3]));
        return desk.end(run, End::Well(&json!([1, 2, 3])));
    }
    run.push("TaskStateAborted", json!({}));
    run.push("ParallelStateFailed", json!({}));
    desk.end(run, End::Failed("java.io.UncheckedIOException", "{\"errorType\":\"java.io.UncheckedIOException\",\"errorMessage\":\"java.net.UnknownHostException: tariff.partner.example: Name or service not known\"}"))
}

#[allow(clippy::too_many_arguments)]
fn direct(
    desk: &mut Desk,
    n: usize,
    machine: &str,
    state: &str,
    of: (&str, &str),
    parameters: &Value,
    error: Option<(&str, &str)>,
    tries: usize,
) -> String {
    let mut run = Run::new(machine, &format!("d{n}"), at(n), &json!({"n": n}));
    desk.task(
        &mut run,
        "Prepare",
        &lambda("prepare-it", 80 + vary(n, 30)),
        &json!({"n": n}),
        &json!({"id": "x"}),
    );
    run.enter("Task", state, &json!({"id": "x"}));
    for attempt in 0..if error.is_some() { tries } else { 1 } {
        if attempt > 0 {
            run.wait(1_500);
        }
        run.call(
            of,
            parameters,
            25 + vary(n, 10),
            error.map_or(Ok(json!({"SdkHttpMetadata": {"HttpStatusCode": 200}})), Err),
        );
    }
    if let Some((error, cause)) = error {
        return desk.end(run, End::Failed(error, cause));
    }
    run.exit("Task", state, &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn table_throttled(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ill.then_some(("DynamoDb.ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API. (Service: DynamoDb, Status Code: 400, Request ID: 9)"));
    direct(
        desk,
        n,
        "bookkeeping",
        "Write entry",
        ("aws-sdk:dynamodb", "putItem"),
        &json!({"TableName": "ledger-entries", "Item": {"id": {"S": "1"}}}),
        error,
        4,
    )
}

fn bucket_denied(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ill.then_some((
        "S3.S3Exception",
        "Access Denied (Service: S3, Status Code: 403, Request ID: K1, Extended Request ID: abc=)",
    ));
    direct(
        desk,
        n,
        "intake",
        "Fetch manifest",
        ("aws-sdk:s3", "getObject"),
        &json!({"Bucket": "partner-drop", "Key": "m.json"}),
        error,
        1,
    )
}

fn http_refused(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ill.then_some((
        "States.Http.StatusCode.401",
        "{\"message\":\"token expired\"}",
    ));
    direct(
        desk,
        n,
        "crm-sync",
        "Notify CRM",
        ("http", "invoke"),
        &json!({"ApiEndpoint": "https://api.crm.example/v3/notes", "Method": "POST"}),
        error,
        1,
    )
}

fn http_unavailable(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ill.then_some((
        "States.Http.StatusCode.503",
        "<html>Service Temporarily Unavailable</html>",
    ));
    direct(
        desk,
        n,
        "carrier-booking",
        "Book",
        ("http", "invoke"),
        &json!({"ApiEndpoint": "https://booking.carrier.example/v1/slots", "Method": "POST"}),
        error,
        3,
    )
}

/// The table refuses the item; a Catch goes on without it.
fn rejected_item(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("profile-update", &format!("p{n}"), at(n), &json!({"n": n}));
    desk.task(
        &mut run,
        "Read form",
        &lambda("read-form", 80 + vary(n, 30)),
        &json!({"n": n}),
        &json!({"id": "x"}),
    );
    run.enter("Task", "Save profile", &json!({"id": "x"}));
    let cause = "One or more parameter values were invalid: Missing the key id in the item (Service: DynamoDb, Status Code: 400, Request ID: 3)";
    let answer = if ill {
        Err(("DynamoDb.DynamoDbException", cause))
    } else {
        Ok(json!({}))
    };
    run.call(
        ("aws-sdk:dynamodb", "putItem"),
        &json!({"TableName": "profiles", "Item": {}}),
        22,
        answer,
    );
    if ill {
        run.exit(
            "Task",
            "Save profile",
            &json!({"Error": "DynamoDb.DynamoDbException", "Cause": cause}),
        );
        run.through(
            "Pass",
            "Keep old profile",
            &json!({}),
            &json!({"kept": true}),
        );
        return desk.end(run, End::Well(&json!({"kept": true})));
    }
    run.exit("Task", "Save profile", &json!({}));
    desk.end(run, End::Well(&json!({"saved": true})))
}

/// A message is taken, and nobody answers; old names for messaging.
fn token_lost(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("sqs", "sendMessage.waitForTaskToken");
    let mut run = Run::new("parcel", &format!("z{n}"), at(n), &json!({"n": n}));
    let (high, low, root) = (desk.id(), desk.id(), desk.id());
    let trace = format!("{high:016x}{low:016x}");
    run.enter("Task", "Hand over", &json!({"n": n}));
    run.schedule(of, &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/parcels", "MessageBody": {"t": "AQ"}, "MessageAttributes": {"traceparent": {"DataType": "String", "StringValue": format!("00-{trace}-{root:016x}-01")}}}), &json!({"heartbeatInSeconds": 30, "timeoutInSeconds": 600}));
    run.submitted(of, &json!({"MessageId": "m"}));
    let taken = run.at + 200;
    let span = desk.id();
    desk.span(&[("service.name", "parcel-worker")], json!({"traceId": trace, "spanId": format!("{span:016x}"), "parentSpanId": format!("{root:016x}"), "name": "parcels process", "kind": 5,
        "startTimeUnixNano": nanos(taken), "endTimeUnixNano": nanos(taken + 40), "attributes": attributes(&[("messaging.system", "aws_sqs"), ("messaging.destination", "parcels"), ("messaging.operation", "process")])}));
    if ill {
        desk.record(
            "parcel-worker",
            taken + 30,
            (17, "ERROR"),
            "cannot deserialize message, moved to parcels-dlq",
            (&trace, &format!("{span:016x}")),
        );
        run.wait(30_000);
        run.push(
            "TaskTimedOut",
            json!({"resourceType": of.0, "resource": of.1, "error": "States.HeartbeatTimeout"}),
        );
        return desk.end(run, End::Failed("States.HeartbeatTimeout", ""));
    }
    run.wait(900 + vary(n, 200));
    run.succeeded(of, &json!({"delivered": true}));
    run.exit("Task", "Hand over", &json!({"delivered": true}));
    desk.end(run, End::Well(&json!({"delivered": true})))
}

/// Nothing is known of who should have answered.
fn token_never(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("events", "putEvents.waitForTaskToken");
    let mut run = Run::new("freight", &format!("f{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Await carrier", &json!({"n": n}));
    run.schedule(of, &json!({"Entries": [{"EventBusName": "shipping-bus", "Source": "freight", "DetailType": "x", "Detail": {"t": "AQ"}}]}), &json!({"timeoutInSeconds": 120}));
    run.submitted(of, &json!({"FailedEntryCount": 0}));
    run.wait(if ill { 120_000 } else { 5_000 + vary(n, 900) });
    if ill {
        run.push(
            "TaskTimedOut",
            json!({"resourceType": of.0, "resource": of.1, "error": "States.Timeout"}),
        );
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.succeeded(of, &json!({"carrier": 1}));
    run.exit("Task", "Await carrier", &json!({"carrier": 1}));
    desk.end(run, End::Well(&json!({"carrier": 1})))
}

/// Nobody approved until the time of the whole execution was over.
fn approval(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("sns", "publish.waitForTaskToken");
    let mut run = Run::new("expense", &format!("e{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Approve", &json!({"n": n}));
    run.schedule(of, &json!({"TopicArn": "arn:aws:sns:eu-central-1:480213377711:approvals", "Message": {"t": "AQ"}}), &json!({}));
    run.submitted(of, &json!({"MessageId": "q"}));
    run.wait(if ill {
        3_600_000
    } else {
        20_000 + vary(n, 9_000)
    });
    if ill {
        return desk.end(run, End::TimedOut);
    }
    run.succeeded(of, &json!({"approved": true}));
    run.exit("Task", "Approve", &json!({"approved": true}));
    desk.end(run, End::Well(&json!({"approved": true})))
}

fn activity(desk: &mut Desk, n: usize, queued: i64, silent: bool) -> String {
    let mut run = Run::new("print-shop", &format!("a{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Print", &json!({"n": n}));
    run.push("ActivityScheduled", json!({"resource": "arn:aws:states:eu-central-1:480213377711:activity:press-line", "input": "{}", "timeoutInSeconds": 900, "heartbeatInSeconds": 45}));
    run.wait(queued);
    run.push("ActivityStarted", json!({"workerName": "press-02"}));
    if silent {
        run.wait(45_000);
        run.push(
            "ActivityTimedOut",
            json!({"error": "States.HeartbeatTimeout"}),
        );
        return desk.end(run, End::Failed("States.HeartbeatTimeout", ""));
    }
    run.wait(3_000 + vary(n, 300));
    run.push(
        "ActivitySucceeded",
        json!({"output": "{}", "outputDetails": {"truncated": false}}),
    );
    run.exit("Task", "Print", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn silent_worker(desk: &mut Desk, n: usize, ill: bool) -> String {
    activity(desk, n, 300 + vary(n, 200), ill)
}

fn starved(desk: &mut Desk, n: usize, ill: bool) -> String {
    activity(
        desk,
        n,
        if ill { 52_000 } else { 300 + vary(n, 200) },
        false,
    )
}

fn job(desk: &mut Desk, n: usize, failure: Option<Value>) -> String {
    let of = ("batch", "submitJob.sync");
    let mut run = Run::new("genomes", &format!("g{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Align", &json!({"n": n}));
    run.schedule(of, &json!({"JobName": format!("align-{n}"), "JobDefinition": "genome-align:7", "JobQueue": "spot-queue"}), &json!({}));
    run.submitted(
        of,
        &json!({"JobId": format!("0f-{n}"), "JobName": format!("align-{n}")}),
    );
    run.wait(60_000 + vary(n, 4_000));
    if let Some(failure) = failure {
        let cause = failure.to_string();
        run.failed(of, "States.TaskFailed", &cause);
        return desk.end(run, End::Failed("States.TaskFailed", &cause));
    }
    run.succeeded(
        of,
        &json!({"JobId": format!("0f-{n}"), "Status": "SUCCEEDED"}),
    );
    run.exit("Task", "Align", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn reclaimed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let failure = json!({"JobDefinition": "arn:aws:batch:eu-central-1:480213377711:job-definition/genome-align:7", "JobId": "0f", "JobName": "align", "Status": "FAILED",
        "StatusReason": "Host EC2 (instance i-0c41d5e2b7a9f0316) terminated.", "Attempts": [{"Container": {"LogStreamName": "genome-align/default/1"}, "StatusReason": "Host EC2 (instance i-0c41d5e2b7a9f0316) terminated."}]});
    job(desk, n, ill.then_some(failure))
}

fn container_memory(desk: &mut Desk, n: usize, ill: bool) -> String {
    let failure = json!({"JobDefinition": "arn:aws:batch:eu-central-1:480213377711:job-definition/genome-align:7", "JobId": "0f", "JobName": "align", "Status": "FAILED",
        "StatusReason": "Essential container in task exited", "Container": {"ExitCode": 137, "Reason": "OutOfMemoryError: Container killed due to memory usage"}});
    job(desk, n, ill.then_some(failure))
}

fn image(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("ecs", "runTask.sync");
    let mut run = Run::new("transcode", &format!("v{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Transcode", &json!({"n": n}));
    run.schedule(of, &json!({"Cluster": "media", "TaskDefinition": "arn:aws:ecs:eu-central-1:480213377711:task-definition/transcoder:12", "LaunchType": "FARGATE"}), &json!({}));
    run.submitted(
        of,
        &json!({"Tasks": [{"TaskArn": "arn:aws:ecs:eu-central-1:480213377711:task/media/1"}]}),
    );
    run.wait(30_000 + vary(n, 2_000));
    if ill {
        let cause = json!({"TaskDefinitionArn": "arn:aws:ecs:eu-central-1:480213377711:task-definition/transcoder:12", "LastStatus": "STOPPED", "StopCode": "TaskFailedToStart",
            "StoppedReason": "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref docker.io/acme/transcoder:12: unexpected status from HEAD request: 429 Too Many Requests"}).to_string();
        run.failed(of, "States.TaskFailed", &cause);
        return desk.end(run, End::Failed("States.TaskFailed", &cause));
    }
    run.succeeded(of, &json!({"LastStatus": "STOPPED"}));
    run.exit("Task", "Transcode", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// A distributed map whose children are executions of their own.
fn distributed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let map_run = format!("arn:aws:states:eu-central-1:480213377711:mapRun:backfill/Rows:5a{n}");
    let mut run = Run::new("backfill", &format!("b{n}"), at(n), &json!({"n": n}));
    run.enter("Map", "Rows", &json!({"n": n}));
    run.push("MapStateStarted", json!({"length": 0}));
    run.push("MapRunStarted", json!({"mapRunArn": map_run}));
    for item in 0..3 {
        let mut child = Run::new(
            "backfill/Rows",
            &format!("c{n}-{item}"),
            run.at + 300,
            &json!({"row": item}),
        )
        .below(&map_run);
        let mut write = lambda("row-writer", 140 + vary(n, 30));
        let bad = ill && item < 2;
        if bad {
            write = write.raising("software.amazon.awssdk.services.dynamodb.model.ResourceNotFoundException", "Requested resource not found: Table: rows-v2 not found (Service: DynamoDb, Status Code: 400)");
        }
        let well = desk.task(
            &mut child,
            "Write",
            &write,
            &json!({"row": item}),
            &json!({"ok": 1}),
        );
        match well {
            true => desk.end(child, End::Well(&json!({"ok": 1}))),
            false => desk.end(
                child,
                End::Failed(
                    "software.amazon.awssdk.services.dynamodb.model.ResourceNotFoundException",
                    "{\"errorMessage\":\"Requested resource not found: Table: rows-v2 not found\"}",
                ),
            ),
        };
    }
    run.wait(2_000);
    if ill {
        let cause = "The specified tolerated failure threshold was exceeded";
        run.push(
            "MapRunFailed",
            json!({"error": "States.ExceedToleratedFailureThreshold", "cause": cause}),
        );
        run.push("MapStateFailed", json!({}));
        return desk.end(
            run,
            End::Failed("States.ExceedToleratedFailureThreshold", cause),
        );
    }
    run.push("MapRunSucceeded", json!({}));
    run.push("MapStateSucceeded", json!({}));
    run.exit("Map", "Rows", &json!([]));
    desk.end(run, End::Well(&json!([])))
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "a branch cannot resolve a name",
            &["tariff.partner.example", "tariff"],
            &[NetworkConfig],
            branch_without_name,
        )
        .fate(Fatality::Fatal),
        crime(
            "a table is throttled, direct call",
            &["ledger-entries"],
            &[Capacity],
            table_throttled,
        ),
        crime(
            "a bucket refuses, direct call",
            &["Fetch manifest", "partner-drop"],
            &[Permission],
            bucket_denied,
        ),
        crime(
            "HTTP task refused, all runs failed",
            &["api.crm.example", "Notify CRM"],
            &[Permission],
            http_refused,
        )
        .runs(0, 5),
        crime(
            "HTTP task unavailable",
            &["booking.carrier.example"],
            &[Error],
            http_unavailable,
        ),
        crime(
            "a table refuses an item, swallowed",
            &["Save profile", "profiles"],
            &[BadInput],
            rejected_item,
        )
        .fate(Fatality::Masked),
        crime(
            "a worker drops a message",
            &["parcel-worker"],
            &[LostMessage],
            token_lost,
        ),
        crime(
            "a token never comes, nothing known",
            &["shipping-bus", "Await carrier"],
            &[LostMessage],
            token_never,
        ),
        crime(
            "nobody approves",
            &["Approve", "approvals"],
            &[LostMessage, TimeoutConfig],
            approval,
        ),
        crime(
            "a worker falls silent",
            &["press-02", "press-line"],
            &[LostMessage],
            silent_worker,
        ),
        crime("too few workers", &["press-line"], &[Capacity], starved),
        crime(
            "a spot host is taken",
            &["i-0c41d5e2b7a9f0316", "genome-align"],
            &[Infrastructure],
            reclaimed,
        ),
        crime(
            "a container runs out of memory",
            &["genome-align"],
            &[Memory],
            container_memory,
        )
        .runs(4, 2),
        crime(
            "an image cannot be pulled (429)",
            &["transcoder"],
            &[Infrastructure],
            image,
        ),
        crime(
            "children of a distributed map fail",
            &["row-writer", "rows-v2"],
            &[Error, NetworkConfig],
            distributed,
        ),
    ]
}
