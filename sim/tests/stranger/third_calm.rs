//! A third lot: no crime.

use super::{
    Mystery, at, calm,
    desk::{Desk, End, Run},
    lambda::lambda,
    shapes::well,
    vary,
};
use serde_json::{Value, json};

const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");
const JOB: (&str, &str) = ("batch", "submitJob.sync");

/// The worker answers; it curses about the messages of others.
fn cursing_worker(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("thumbs", &format!("u{n}"), at(n), &json!({"n": n}));
    let id = format!(
        "{:08x}-aaaa-4bbb-8ccc-{:012x}",
        desk.id() >> 32,
        desk.id() >> 16
    );
    run.enter("Task", "Await", &json!({}));
    run.schedule(SQS, &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/thumb-jobs", "MessageBody": {"n": n}}), &Value::Null);
    run.submitted(SQS, &json!({"MessageId": id}));
    let mut work = lambda("thumb-worker", 300).saying("INFO", &format!("thumbnail for {id}"));
    if ill {
        work = work
            .saying("WARN", "cannot read EXIF of another picture")
            .saying("ERROR", "metrics endpoint unreachable");
    }
    desk.ran(&work, run.at + 400);
    run.wait(1_200 + vary(n, 200));
    run.succeeded(SQS, &json!({}));
    run.exit("Task", "Await", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// A queue as full as on other days.
fn usual_queue(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("sequence", &format!("u{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Sequence", &json!({}));
    let queue = "arn:aws:batch:eu-central-1:480213377711:job-queue/spot-low";
    run.schedule(
        JOB,
        &json!({"JobName": "align", "JobQueue": queue, "JobDefinition": "aligner:12"}),
        &Value::Null,
    );
    let id = format!("{:016x}", desk.id());
    run.submitted(JOB, &json!({"JobId": id, "JobName": "align"}));
    let created = run.at;
    let waited = if ill {
        60_000
    } else {
        20_000 + vary(n, 50) * 1_000
    };
    run.wait(waited + 95_000);
    run.succeeded(JOB, &json!({"JobId": id, "JobQueue": queue, "CreatedAt": created, "StartedAt": created + waited, "StoppedAt": created + waited + 95_000, "Attempts": []}));
    run.exit("Task", "Sequence", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// A validator refuses the first try, as on every other day; the second is well.
fn usual_refusal(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("orders", &format!("u{n}"), at(n), &json!({"n": n}));
    let bad = lambda("take-order", 60).raising("ValidationError", "data/etag must be string");
    let good = lambda("take-order", 200 + vary(n, 30));
    let tries = if ill || n.is_multiple_of(2) {
        vec![bad, good]
    } else {
        vec![good]
    };
    desk.retried(&mut run, "Take", &tries, &json!({}), &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// A deep breath before a slow partner, as ever.
fn talkative(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("route", &format!("u{n}"), at(n), &json!({"n": n}));
    let mut of = lambda("find-route", if ill { 2_300 } else { 1_500 + vary(n, 900) });
    of.lines = vec![("INFO", "calling maps-api".into())];
    desk.task(&mut run, "Find", &of, &json!({}), &json!({}));
    desk.end(run, End::Well(&json!({})))
}

pub fn all() -> Vec<Mystery> {
    vec![
        calm("a worker curses and answers", cursing_worker),
        calm("a queue as full as ever", usual_queue),
        calm("a refusal of every other day", usual_refusal),
        calm("a partner as slow as ever", talkative),
        calm("a few more rounds", well::few_more_rounds),
        calm("a new comment in the definition", well::only_a_comment),
        calm("a child as ever", well::a_child_of_a_child),
    ]
}
