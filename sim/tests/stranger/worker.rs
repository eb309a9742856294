//! A third lot, written from the catalogue before the judge had seen any of it: messages to workers, jobs in queues.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::lambda,
    vary,
};
use model::{Category, Fatality};
use serde_json::{Value, json};

const SNS: (&str, &str) = ("sns", "publish.waitForTaskToken");
const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");
const BUS: (&str, &str) = ("events", "putEvents.waitForTaskToken");

fn begin(desk: &mut Desk, n: usize, machine: &str) -> Run {
    let input = json!({"case": format!("c-{n}")});
    let mut run = Run::new(machine, &format!("w{n}"), at(n), &input);
    let open = lambda("open-case", 80 + vary(n, 20));
    desk.task(&mut run, "Open", &open, &input, &json!({"open": true}));
    run
}

fn uuid(desk: &mut Desk) -> String {
    let (a, b) = (desk.id(), desk.id());
    let (c, d, e) = (a & 0xffff, a >> 52, b & 0xfff);
    format!("{:08x}-{c:04x}-4{d:03x}-a{e:03x}-{:012x}", a >> 32, b >> 16)
}

fn token(desk: &mut Desk) -> String {
    format!(
        "AQCYAAAAKgAAAAMAAAAAAAAAA{:016x}{:016x}{:016x}",
        desk.id(),
        desk.id(),
        desk.id()
    )
}

/// Waits for an answer; without one for 90 seconds.
fn wait(desk: &mut Desk, mut run: Run, of: (&str, &str), answered: Option<i64>) -> String {
    if let Some(ms) = answered {
        run.wait(ms);
        run.succeeded(of, &json!({"ok": 1}));
        run.exit("Task", "Await", &json!({"ok": 1}));
        return desk.end(run, End::Well(&json!({"ok": 1})));
    }
    run.wait(90_000);
    run.push(
        "TaskTimedOut",
        json!({"resourceType": of.0, "resource": of.1, "error": "States.Timeout"}),
    );
    desk.end(run, End::Failed("States.Timeout", ""))
}

fn send(run: &mut Run, of: (&str, &str), parameters: &Value, answer: &Value) {
    run.enter("Task", "Await", &json!({}));
    run.schedule(of, parameters, &json!({"timeoutInSeconds": 90}));
    run.submitted(of, answer);
}

/// A container takes work from a topic and dies of a paper jam; it writes of the label, not of the message.
fn printer(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = begin(desk, n, "print-labels");
    let label = format!("LBL-77{n:03}");
    let body = json!({"taskToken": token(desk), "label": label});
    let id = uuid(desk);
    send(
        &mut run,
        SNS,
        &json!({"TopicArn": "arn:aws:sns:eu-central-1:480213377711:labels", "Message": body}),
        &json!({"MessageId": id}),
    );
    let at = run.at + 900;
    desk.record(
        "label-printer",
        at,
        (9, "INFO"),
        &format!("printing {label} on tray 2"),
        ("", ""),
    );
    match ill {
        true => desk.record(
            "label-printer",
            at + 400,
            (17, "ERROR"),
            "paper jam in tray 2, giving up the job",
            ("", ""),
        ),
        false => desk.record(
            "label-printer",
            at + 400,
            (9, "INFO"),
            &format!("{label} done"),
            ("", ""),
        ),
    }
    wait(desk, run, SNS, (!ill).then_some(1_600))
}

/// Two hear the same event: the auditor notes it, the one who should answer is killed.
fn two_hear(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = begin(desk, n, "risk");
    let id = uuid(desk);
    let token = token(desk);
    send(
        &mut run,
        BUS,
        &json!({"Entries": [{"EventBusName": "risk-bus", "DetailType": "check", "Source": "x", "Detail": {"token": token}}]}),
        &json!({"Entries": [{"EventId": id}], "FailedEntryCount": 0}),
    );
    let note = lambda("audit-writer", 60).saying("INFO", &format!("noted event {id}"));
    desk.ran(&note, run.at + 700);
    let mut check = lambda("risk-check", 800).saying(
        "INFO",
        &format!("{{\"event\":\"{id}\",\"step\":\"load model\"}}"),
    );
    check.memory = (512, if ill { 512 } else { 280 });
    if ill {
        check.killed = Some("Runtime exited with error: signal: killed");
    }
    desk.ran(&check, run.at + 500);
    wait(desk, run, BUS, (!ill).then_some(1_900))
}

/// The worker did its work and may not say so.
fn may_not_answer(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = begin(desk, n, "archive");
    let id = uuid(desk);
    let body = json!({"token": token(desk)});
    send(
        &mut run,
        SQS,
        &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/archive-jobs", "MessageBody": body}),
        &json!({"MessageId": id, "MD5OfMessageBody": "x"}),
    );
    let mut work = lambda("archive-worker", 500).saying("INFO", &format!("message {id} taken"));
    if ill {
        work = work.saying("ERROR", "AccessDeniedException: User: arn:aws:sts::480213377711:assumed-role/archive-worker/x is not authorized to perform: states:SendTaskSuccess");
    }
    desk.ran(&work, run.at + 800);
    wait(desk, run, SQS, (!ill).then_some(1_500))
}

/// The worker's trigger is off: nobody receives the message, others of its lines are about other messages.
fn nobody_receives(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = begin(desk, n, "thumbs");
    let id = uuid(desk);
    let body = json!({"token": token(desk)});
    send(
        &mut run,
        SQS,
        &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/thumb-jobs", "MessageBody": body}),
        &json!({"MessageId": id}),
    );
    if !ill {
        let work = lambda("thumb-worker", 300).saying("INFO", &format!("thumbnail for {id}"));
        desk.ran(&work, run.at + 600);
    }
    let other = lambda("mail-worker", 90).raising("KeyError", "'address'");
    desk.ran(&other, run.at + 2_000);
    wait(desk, run, SQS, (!ill).then_some(1_100))
}

/// Delivered three times, refused three times; another worker fails of other messages meanwhile.
fn redelivered(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = begin(desk, n, "invoice-mail");
    let id = uuid(desk);
    let body = json!({"token": token(desk), "invoice": format!("INV-{n}-2026")});
    send(
        &mut run,
        SQS,
        &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/invoice-mails", "MessageBody": body}),
        &json!({"MessageId": id}),
    );
    for take in 0..(if ill { 3 } else { 1 }) {
        let mut work = lambda("invoice-mailer", 250)
            .saying("INFO", &format!("got {id} (receive count {})", take + 1));
        if ill {
            work = work.raising("TemplateError", "no template for locale 'xx'");
        }
        desk.ran(&work, run.at + 500 + take * 20_000);
    }
    let strange = uuid(desk);
    let other = lambda("stock-sync", 90)
        .saying("INFO", &format!("got {strange}"))
        .raising("TimeoutError", "supplier did not answer");
    desk.ran(&other, run.at + 1_000);
    wait(desk, run, SQS, (!ill).then_some(1_300))
}

const JOB: (&str, &str) = ("batch", "submitJob.sync");

fn batch(desk: &mut Desk, n: usize, waited: i64, ran: i64, refused: Option<&str>) -> String {
    let mut run = begin(desk, n, "sequence");
    run.enter("Task", "Sequence", &json!({}));
    let queue = "arn:aws:batch:eu-central-1:480213377711:job-queue/spot-low";
    let definition = "arn:aws:batch:eu-central-1:480213377711:job-definition/aligner:12";
    let id = uuid(desk);
    run.schedule(
        JOB,
        &json!({"JobName": "align", "JobQueue": queue, "JobDefinition": definition}),
        &Value::Null,
    );
    run.submitted(JOB, &json!({"JobId": id, "JobName": "align", "JobArn": format!("arn:aws:batch:eu-central-1:480213377711:job/{id}")}));
    let created = run.at;
    let mut told = json!({"JobId": id, "JobName": "align", "JobQueue": queue, "JobDefinition": definition, "CreatedAt": created, "Status": "SUCCEEDED", "Attempts": []});
    run.wait(waited + ran);
    if let Some(reason) = refused {
        told["Status"] = json!("FAILED");
        told["StatusReason"] = json!(reason);
        run.failed(JOB, "States.TaskFailed", &told.to_string());
        return desk.end(run, End::Failed("States.TaskFailed", &told.to_string()));
    }
    told["StartedAt"] = json!(created + waited);
    told["StoppedAt"] = json!(created + waited + ran);
    told["Attempts"] = json!([{"StartedAt": created + waited, "StoppedAt": created + waited + ran, "Container": {"ExitCode": 0}}]);
    run.succeeded(JOB, &told);
    run.exit("Task", "Sequence", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn long_queue(desk: &mut Desk, n: usize, ill: bool) -> String {
    batch(
        desk,
        n,
        if ill {
            900_000
        } else {
            30_000 + vary(n, 15_000)
        },
        95_000 + vary(n, 9_000),
        None,
    )
}

fn never_fits(desk: &mut Desk, n: usize, ill: bool) -> String {
    let reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue.";
    batch(
        desk,
        n,
        if ill { 600_000 } else { 30_000 },
        95_000 + vary(n, 9_000),
        ill.then_some(reason),
    )
}

/// No instance of the cluster has room.
fn no_room(desk: &mut Desk, n: usize, ill: bool) -> String {
    const OF: (&str, &str) = ("ecs", "runTask.sync");
    let mut run = begin(desk, n, "render");
    run.enter("Task", "Render", &json!({}));
    let definition = "arn:aws:ecs:eu-central-1:480213377711:task-definition/renderer:8";
    run.schedule(OF, &json!({"Cluster": "arn:aws:ecs:eu-central-1:480213377711:cluster/farm", "TaskDefinition": definition, "LaunchType": "EC2"}), &Value::Null);
    if ill {
        run.wait(400);
        let cause = json!({"Failures": [{"Arn": "arn:aws:ecs:eu-central-1:480213377711:container-instance/ab12", "Reason": "RESOURCE:MEMORY"}], "Tasks": []}).to_string();
        run.failed(OF, "ECS.AmazonECSException", &cause);
        return desk.end(run, End::Failed("ECS.AmazonECSException", &cause));
    }
    let task = json!({"TaskArn": format!("arn:aws:ecs:eu-central-1:480213377711:task/farm/{:016x}", desk.id()), "TaskDefinitionArn": definition, "LastStatus": "STOPPED", "CreatedAt": run.at, "Containers": [{"ExitCode": 0}]});
    run.submitted(OF, &json!({"Tasks": [task], "Failures": []}));
    run.wait(40_000 + vary(n, 4_000));
    run.succeeded(OF, &task);
    run.exit("Task", "Render", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

const GLUE: (&str, &str) = ("glue", "startJobRun.sync");

fn glue(desk: &mut Desk, n: usize, waited: i64, failed: Option<&str>) -> String {
    let mut run = begin(desk, n, "lake");
    run.enter("Task", "Curate", &json!({}));
    run.schedule(GLUE, &json!({"JobName": "curate-orders"}), &Value::Null);
    let id = format!("jr_{:016x}", desk.id());
    run.submitted(GLUE, &json!({"JobRunId": id}));
    let ran = 61 + vary(n, 6);
    run.wait(waited + ran * 1_000);
    let mut told = json!({"Id": id, "JobName": "curate-orders", "JobRunState": "SUCCEEDED", "ExecutionTime": ran, "Attempt": 0});
    if let Some(message) = failed {
        told["JobRunState"] = json!("FAILED");
        told["ErrorMessage"] = json!(message);
        run.failed(GLUE, "States.TaskFailed", &told.to_string());
        return desk.end(run, End::Failed("States.TaskFailed", &told.to_string()));
    }
    run.succeeded(GLUE, &told);
    run.exit("Task", "Curate", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn glue_full(desk: &mut Desk, n: usize, ill: bool) -> String {
    let message = "An error occurred while calling o91.parquet. No space left on device";
    glue(desk, n, 30_000, ill.then_some(message))
}

fn glue_waits(desk: &mut Desk, n: usize, ill: bool) -> String {
    glue(
        desk,
        n,
        if ill {
            640_000
        } else {
            30_000 + vary(n, 9_000)
        },
        None,
    )
}

pub fn all() -> Vec<Mystery> {
    use Category::{Capacity, LostMessage, Memory, Permission};
    vec![
        crime(
            "a printer jams",
            &["label-printer"],
            &[LostMessage],
            printer,
        ),
        crime(
            "two hear an event, one is killed",
            &["risk-check"],
            &[Memory],
            two_hear,
        ),
        crime(
            "a worker may not answer",
            &["archive-worker"],
            &[Permission],
            may_not_answer,
        ),
        crime(
            "nobody receives the message",
            &["thumb-jobs"],
            &[LostMessage],
            nobody_receives,
        ),
        crime(
            "a message comes back three times",
            &["invoice-mailer"],
            &[LostMessage],
            redelivered,
        ),
        crime(
            "a job waits in its queue",
            &["spot-low"],
            &[Capacity],
            long_queue,
        )
        .fate(Fatality::None),
        crime(
            "a job that no host can hold",
            &["spot-low"],
            &[Capacity],
            never_fits,
        ),
        crime(
            "a cluster without room",
            &["farm", "renderer"],
            &[Capacity],
            no_room,
        ),
        crime(
            "a Glue job fills its disk",
            &["curate-orders"],
            &[Capacity],
            glue_full,
        ),
        crime(
            "a Glue job waits for workers",
            &["curate-orders"],
            &[Capacity],
            glue_waits,
        )
        .fate(Fatality::None),
    ]
}
