//! An eleventh lot: jobs that are denied, images that nobody pushed, calls that are refused as too many, workers that are
//! known by the message only, ways of messages—and of each the same look with another reason, or with none.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run, attributes, nanos},
    lambda::{Call, lambda},
    sixth::chain,
    vary,
};
use model::Category;
use serde_json::{Value, json};

const GLUE: (&str, &str) = ("glue", "startJobRun.sync");
const ECS: (&str, &str) = ("ecs", "runTask.sync");
const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");
const SNS: (&str, &str) = ("sns", "publish.waitForTaskToken");

/// A job of a night; with what it fails, and whether it had been taken on.
fn job(
    desk: &mut Desk,
    n: usize,
    of: (&str, &str),
    sent: &Value,
    answer: Result<Value, (bool, &str, String)>,
) -> String {
    let input = json!({"night": n});
    let mut run = Run::new("night-work", &format!("j{n}"), at(n), &input);
    run.enter("Task", "Work", &input);
    run.schedule(of, sent, &Value::Null);
    let taken = !matches!(answer, Err((false, _, _)));
    if taken {
        run.submitted(of, &json!({"JobRunId": format!("jr_{n:032x}"), "JobId": format!("5d-{n}"),
            "Tasks": [{"TaskArn": format!("arn:aws:ecs:eu-central-1:480213377711:task/night/{n:032x}")}]}));
        run.wait(40_000 + vary(n, 6_000));
    }
    match answer {
        Ok(answer) => {
            run.succeeded(of, &answer);
            run.exit("Task", "Work", &answer);
            desk.end(run, End::Well(&answer))
        }
        Err((_, error, cause)) => {
            run.failed(of, error, &cause);
            desk.end(run, End::Failed(error, &cause))
        }
    }
}

fn ledger(desk: &mut Desk, n: usize, answer: Result<Value, (bool, &str, String)>) -> String {
    let sent = json!({"JobName": "ledger-to-lake", "Arguments": {"--night": n.to_string()}});
    job(desk, n, GLUE, &sent, answer)
}

fn job_denied(desk: &mut Desk, n: usize, ill: bool) -> String {
    let cause = json!({"JobName": "ledger-to-lake", "JobRunState": "FAILED", "ErrorMessage":
        "An error occurred while calling o88.parquet. User: arn:aws:sts::480213377711:assumed-role/lake-writer/GlueJobRunnerSession is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::lake/ledger/7\""});
    let failure = (true, "States.TaskFailed", cause.to_string());
    ledger(
        desk,
        n,
        if ill {
            Err(failure)
        } else {
            Ok(json!({"JobRunState": "SUCCEEDED"}))
        },
    )
}

fn start_denied(desk: &mut Desk, n: usize, ill: bool) -> String {
    let cause = "User: arn:aws:sts::480213377711:assumed-role/night-work/x is not authorized to perform: glue:StartJobRun on resource: arn:aws:glue:eu-central-1:480213377711:job/ledger-to-lake (Service: AWSGlue; Status Code: 400; Error Code: AccessDeniedException)";
    let failure = (false, "Glue.AccessDeniedException", cause.to_owned());
    ledger(
        desk,
        n,
        if ill {
            Err(failure)
        } else {
            Ok(json!({"JobRunState": "SUCCEEDED"}))
        },
    )
}

fn engraver(desk: &mut Desk, n: usize, said: Option<&str>) -> String {
    let revision = if said.is_some() { 22 } else { 21 };
    let definition =
        format!("arn:aws:ecs:eu-central-1:480213377711:task-definition/engraver:{revision}");
    let sent = json!({"Cluster": "night", "TaskDefinition": definition});
    let cause = |said: &str| json!({"TaskDefinitionArn": definition, "LastStatus": "STOPPED", "StopCode": "TaskFailedToStart", "StoppedReason": said});
    let answer = match said {
        Some(said) => Err((true, "States.TaskFailed", cause(said).to_string())),
        None => Ok(json!({"LastStatus": "STOPPED", "TaskDefinitionArn": definition})),
    };
    job(desk, n, ECS, &sent, answer)
}

fn image_absent(desk: &mut Desk, n: usize, ill: bool) -> String {
    let said = "CannotPullContainerError: Error response from daemon: manifest for registry.acme.io/engraver:4.1-final not found: manifest unknown: manifest unknown";
    engraver(desk, n, ill.then_some(said))
}

fn image_late(desk: &mut Desk, n: usize, ill: bool) -> String {
    let said = "CannotPullContainerError: failed to pull and unpack image \"registry.acme.io/engraver:4.1\": failed to copy: httpReadSeeker: failed open: failed to do request: dial tcp 10.2.0.4:443: i/o timeout";
    engraver(desk, n, ill.then_some(said))
}

/// A function that books seats in a table.
fn seats(desk: &mut Desk, n: usize, refused: &[i64], answered: i64) -> String {
    let call = |ms: i64| {
        Call::new(
            "DynamoDB.UpdateItem",
            ms,
            &[
                ("server.address", "seat-map"),
                ("rpc.system", "aws-api"),
                ("db.system", "dynamodb"),
            ],
        )
    };
    let all: i64 = refused.iter().sum::<i64>() + answered;
    let mut of = lambda("hold-seats", all + 30 + vary(n, 9));
    for ms in refused {
        of = of.calling(
            call(*ms)
                .failing("ThrottlingException: Rate of requests exceeds the allowed throughput"),
        );
    }
    let of = of.calling(call(answered));
    chain(
        desk,
        "seats",
        n,
        &json!({"hall": n % 3}),
        &[("Hold", of, json!({"held": 2}))],
    )
}

fn throttled(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => seats(desk, n, &[900, 1_900, 3_700, 7_200], 12),
        false => seats(desk, n, &[], 12),
    }
}

fn throttled_once(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => seats(desk, n, &[60], 13_600),
        false => seats(desk, n, &[60], 12),
    }
}

/// What a worker does with a message: of whom it asks something for so long, what else takes it how long, and where.
struct Work {
    asks: i64,
    works: i64,
    host: &'static str,
}

/// A visit of a state whose message a worker takes, which only writes spans; it is answered or not.
fn posted(desk: &mut Desk, run: &mut Run, state: &str, work: &Work, answered: bool) {
    let (a, b) = (desk.id(), desk.id());
    let message = format!(
        "{:08x}-77aa-4b1c-9d00-{:012x}",
        a >> 32,
        b & 0xffff_ffff_ffff
    );
    let token = format!("AQB8AAAAKgAAAAMAAAAA{a:016x}{b:016x}");
    run.enter("Task", state, &json!({}));
    run.schedule(SQS, &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/sleeves", "MessageBody": {"token": token}}), &json!({"timeoutInSeconds": 120}));
    run.submitted(SQS, &json!({"MessageId": message}));
    let (trace, root, call) = (
        format!("{:016x}{:016x}", desk.id(), desk.id()),
        desk.id(),
        desk.id(),
    );
    let own = [("service.name", "sleeve-printer"), ("host.name", work.host)];
    let (from, asked) = (run.at + 300, run.at + 340);
    desk.span(&own, json!({"traceId": trace, "spanId": format!("{root:016x}"), "name": "sleeves process", "kind": 5,
        "startTimeUnixNano": nanos(from), "endTimeUnixNano": nanos(from + 60 + work.asks + work.works),
        "attributes": attributes(&[("messaging.system", "aws_sqs"), ("messaging.message.id", &message)])}));
    desk.span(&own, json!({"traceId": trace, "spanId": format!("{call:016x}"), "parentSpanId": format!("{root:016x}"), "name": "GET /fonts", "kind": 3,
        "startTimeUnixNano": nanos(asked), "endTimeUnixNano": nanos(asked + work.asks), "attributes": attributes(&[("server.address", "font-depot")])}));
    if !answered {
        run.wait(120_000);
        run.push(
            "TaskTimedOut",
            json!({"resourceType": SQS.0, "resource": SQS.1, "error": "States.Timeout"}),
        );
        return;
    }
    run.wait(420 + work.asks + work.works);
    run.succeeded(SQS, &json!({"ok": 1}));
    run.exit("Task", state, &json!({}));
}

fn sleeve(desk: &mut Desk, n: usize, work: &Work, answered: bool) -> String {
    let mut run = Run::new("sleeves", &format!("v{n}"), at(n), &json!({"n": n}));
    posted(desk, &mut run, "Print", work, answered);
    match answered {
        true => desk.end(run, End::Well(&json!({}))),
        false => desk.end(run, End::Failed("States.Timeout", "")),
    }
}

fn worker_waits(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (asks, works) = if ill { (112_000, 21_000) } else { (90, 20_000) };
    let works = works + vary(n, 900);
    let work = Work {
        asks,
        works,
        host: "press-1",
    };
    sleeve(desk, n, &work, !ill)
}

fn worker_works(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (asks, works) = if ill { (90, 140_000) } else { (90, 20_000) };
    let works = works + vary(n, 900);
    let work = Work {
        asks,
        works,
        host: "press-1",
    };
    sleeve(desk, n, &work, !ill)
}

/// Four sides of a sleeve, one after the other, by presses that stand in turn.
fn sides(desk: &mut Desk, n: usize, factor: fn(&str) -> i64) -> String {
    let mut run = Run::new("four-sides", &format!("f{n}"), at(n), &json!({"n": n}));
    for side in 0..6 {
        let host = ["press-1", "press-2", "press-3"][side % 3];
        let works = (4_000 + vary(n * 7 + side, 300)) * factor(host);
        let work = Work {
            asks: 40,
            works,
            host,
        };
        posted(desk, &mut run, "Side", &work, true);
        run.through("Choice", "More", &json!({}), &json!({}));
    }
    desk.end(run, End::Well(&json!({})))
}

fn one_press_slow(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => sides(desk, n, |host| if host == "press-2" { 9 } else { 1 }),
        false => sides(desk, n, |_| 1),
    }
}

fn all_presses_slow(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => sides(desk, n, |_| 4),
        false => sides(desk, n, |_| 1),
    }
}

/// A parcel that somebody has to confirm who listens to a topic.
fn parcel(desk: &mut Desk, n: usize, answered: bool) -> String {
    let mut run = Run::new("parcels", &format!("p{n}"), at(n), &json!({"n": n}));
    let id = desk.id();
    run.enter("Task", "Announce", &json!({"n": n}));
    run.schedule(SNS, &json!({"TopicArn": "arn:aws:sns:eu-central-1:480213377711:parcels", "Message": {"token": format!("AQBM{id:016x}{id:016x}")}}), &json!({"timeoutInSeconds": 300}));
    run.submitted(SNS, &json!({"MessageId": format!("{id:016x}-m")}));
    if answered {
        run.wait(3_000 + vary(n, 500));
        run.succeeded(SNS, &json!({"ok": 1}));
        run.exit("Task", "Announce", &json!({}));
        return desk.end(run, End::Well(&json!({})));
    }
    run.wait(300_000);
    run.push(
        "TaskTimedOut",
        json!({"resourceType": SNS.0, "resource": SNS.1, "error": "States.Timeout"}),
    );
    desk.end(run, End::Failed("States.Timeout", ""))
}

fn filtered_away(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 12 {
        desk.changed(at(n) - 40_000, "sns", "arn:aws:sns:eu-central-1:480213377711:parcels:confirm-inbox", "SetSubscriptionAttributes FilterPolicy {\"size\":[\"s\",\"m\"]} -> {\"class\":[\"s\"]}");
    }
    parcel(desk, n, !ill)
}

fn filtered_before(desk: &mut Desk, n: usize, ill: bool) -> String {
    // Six parcels were confirmed with the new filter.
    if n == 6 {
        desk.changed(at(n) - 40_000, "sns", "arn:aws:sns:eu-central-1:480213377711:parcels:confirm-inbox", "SetSubscriptionAttributes FilterPolicy {\"size\":[\"s\",\"m\"]} -> {\"class\":[\"s\"]}");
    }
    parcel(desk, n, !ill)
}

pub fn all() -> Vec<Mystery> {
    use Category::{BadDeploy, Capacity, Infrastructure, Latency, LostMessage, Permission};
    vec![
        crime(
            "a job that may not write",
            &["ledger-to-lake"],
            &[Permission],
            job_denied,
        ),
        crime(
            "a job that may not be started",
            &["Work"],
            &[Permission],
            start_denied,
        ),
        crime(
            "an image that nobody pushed",
            &["engraver"],
            &[BadDeploy],
            image_absent,
        ),
        crime(
            "an image that does not come",
            &["engraver"],
            &[Infrastructure],
            image_late,
        ),
        crime(
            "calls refused until they were few",
            &["seat-map"],
            &[Capacity],
            throttled,
        ),
        crime(
            "a call refused as ever, and a slow one",
            &["seat-map"],
            &[Latency],
            throttled_once,
        ),
        crime(
            "a worker that waits for somebody",
            &["font-depot"],
            &[Latency],
            worker_waits,
        ),
        crime(
            "a worker that does not get done",
            &["sleeve-printer"],
            &[LostMessage, Latency],
            worker_works,
        ),
        crime(
            "one of the workers' hosts is slow",
            &["press-2"],
            &[Infrastructure],
            one_press_slow,
        ),
        crime(
            "all of the workers' hosts are slow",
            &["sleeve-printer", "sleeves"],
            &[Latency],
            all_presses_slow,
        ),
        crime(
            "a filter that lets nothing through",
            &["confirm-inbox"],
            &[LostMessage],
            filtered_away,
        )
        .changed("FilterPolicy"),
        crime(
            "a filter that others came through",
            &["parcels", "Announce"],
            &[LostMessage],
            filtered_before,
        ),
    ]
}
