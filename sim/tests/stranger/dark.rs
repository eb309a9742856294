//! Ends of which nothing that is held tells the cause, beside the same ends of which one fact does.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::lambda,
    vary,
};
use model::{Category, Outcome};
use serde_json::{Value, json};

const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");
const CHILD: (&str, &str) = ("states", "startExecution.sync:2");
const ACTIVITY: &str = "arn:aws:states:eu-central-1:480213377711:activity:crane-crew";

/// A run whose first state is a function that is logged.
fn booked(desk: &mut Desk, n: usize) -> Run {
    let input = json!({"slip": n});
    let mut run = Run::new("quay-booking", &format!("q{n}"), at(n), &input);
    let of = lambda("note-slip", 90 + vary(n, 25));
    desk.task(&mut run, "Note slip", &of, &input, &input);
    run
}

/// Somebody is asked by a queue and answers, or does not; what he writes, if anything is held of him.
fn asked(desk: &mut Desk, n: usize, ill: bool, written: Option<&str>) -> String {
    let mut run = booked(desk, n);
    run.enter("Task", "Ask pilot", &json!({}));
    let sent = json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/pilot-desk", "MessageBody": {"token": format!("AQC{n}")}});
    run.schedule(SQS, &sent, &json!({"timeoutInSeconds": 900}));
    let message = format!("5b1f0c6e-0000-4000-8000-{n:012}");
    run.submitted(SQS, &json!({"MessageId": message}));
    if let Some(written) = written {
        let of = lambda("pilot-bot", 400);
        let said = format!("took message {message}");
        let of = of.saying("INFO", &said);
        let of = if ill { of.saying("ERROR", written) } else { of };
        desk.ran(&of, run.at + 300);
    }
    if ill {
        run.wait(900_000);
        run.push(
            "TaskTimedOut",
            json!({"resourceType": SQS.0, "resource": SQS.1, "error": "States.Timeout"}),
        );
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.wait(40_000 + vary(n, 9_000));
    run.succeeded(SQS, &json!({"pilot": 4}));
    run.exit("Task", "Ask pilot", &json!({"pilot": 4}));
    desk.end(run, End::Well(&json!({"pilot": 4})))
}

fn never_answered(desk: &mut Desk, n: usize, ill: bool) -> String {
    asked(desk, n, ill, None)
}

fn answered_with_a_line(desk: &mut Desk, n: usize, ill: bool) -> String {
    asked(
        desk,
        n,
        ill,
        Some("roster has no pilot of class 3, giving up"),
    )
}

/// A child execution whose history is not held ends with these words.
fn started(desk: &mut Desk, n: usize, ill: bool, error: &str, said: &str) -> String {
    let mut run = booked(desk, n);
    run.enter("Task", "Berth", &json!({}));
    let arn = format!("arn:aws:states:eu-central-1:480213377711:execution:berth:b{n}");
    run.schedule(
        CHILD,
        &json!({"StateMachineArn": "arn:aws:states:eu-central-1:480213377711:stateMachine:berth"}),
        &Value::Null,
    );
    run.submitted(CHILD, &json!({"ExecutionArn": arn}));
    run.wait(4_000 + vary(n, 700));
    if ill {
        let cause = json!({"ExecutionArn": arn, "Status": "FAILED", "Error": error, "Cause": said});
        run.failed(CHILD, "States.TaskFailed", &cause.to_string());
        return desk.end(run, End::Failed("States.TaskFailed", &cause.to_string()));
    }
    let answer = json!({"ExecutionArn": arn, "Status": "SUCCEEDED", "Output": {"berth": 7}});
    run.succeeded(CHILD, &answer);
    run.exit("Task", "Berth", &answer);
    desk.end(run, End::Well(&answer))
}

fn elsewhere(desk: &mut Desk, n: usize, ill: bool) -> String {
    started(
        desk,
        n,
        ill,
        "BerthError",
        "planning failed, see the job log",
    )
}

fn in_words(desk: &mut Desk, n: usize, ill: bool) -> String {
    started(
        desk,
        n,
        ill,
        "BerthError",
        "User is not authorized to perform: s3:GetObject on resource tide-tables",
    )
}

/// An activity says that it failed, with or without a word.
fn crew(desk: &mut Desk, n: usize, ill: bool, error: &str, cause: &str) -> String {
    let mut run = booked(desk, n);
    run.enter("Task", "Lift", &json!({}));
    run.push(
        "ActivityScheduled",
        json!({"resource": ACTIVITY, "input": "{}"}),
    );
    run.wait(400 + vary(n, 90));
    run.push("ActivityStarted", json!({"workerName": "crane-2"}));
    run.wait(6_000 + vary(n, 900));
    if ill {
        run.push("ActivityFailed", json!({"error": error, "cause": cause}));
        return desk.end(run, End::Failed(error, cause));
    }
    run.push("ActivitySucceeded", json!({"output": "{}"}));
    run.exit("Task", "Lift", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn without_a_word(desk: &mut Desk, n: usize, ill: bool) -> String {
    crew(desk, n, ill, "", "")
}

fn with_a_word(desk: &mut Desk, n: usize, ill: bool) -> String {
    let cause = "load of 41 t is above the limit of the hook";
    crew(desk, n, ill, "HookOverload", cause)
}

/// A function whose process ended by itself, whose log is held or not.
fn exits(desk: &mut Desk, n: usize, ill: bool, dark: bool) -> String {
    let mut run = booked(desk, n);
    let mut of = lambda("plot-course", 700 + vary(n, 120));
    if ill {
        let said = "RequestId: REQ Error: Runtime exited without providing a reason";
        of.error = Some(("Runtime.ExitError".into(), said.into()));
        of.lines = vec![("INFO", "loading 212 charts".into())];
        of.memory = (512, 512);
        of.killed = Some("Error: Runtime exited without providing a reason Runtime.ExitError");
    }
    if dark {
        of = of.dark();
    }
    let failed = !desk.task(&mut run, "Plot", &of, &json!({}), &json!({"course": 90}));
    if failed {
        let (error, cause) = of.error.clone().unwrap_or_default();
        let cause = json!({"errorMessage": cause, "errorType": error}).to_string();
        return desk.end(run, End::Failed(&error, &cause));
    }
    desk.end(run, End::Well(&json!({"course": 90})))
}

fn exits_in_the_dark(desk: &mut Desk, n: usize, ill: bool) -> String {
    exits(desk, n, ill, true)
}

fn exits_in_the_light(desk: &mut Desk, n: usize, ill: bool) -> String {
    exits(desk, n, ill, false)
}

pub fn all() -> Vec<Mystery> {
    use Category::{Error, LostMessage, Memory, Permission};
    let cold = |what, make| crime(what, &[], &[], make).outcome(Outcome::ColdCase);
    vec![
        cold("one answer that nobody sent", never_answered)
            .runs(12, 1)
            .missing("pilot-desk"),
        crime(
            "answers that nobody sends any more",
            &["pilot-desk"],
            &[LostMessage],
            never_answered,
        ),
        crime(
            "an answer that was not sent, with a line",
            &["pilot-bot"],
            &[LostMessage, Error],
            answered_with_a_line,
        )
        .runs(12, 1),
        cold("a child that points at a log", elsewhere).missing(":berth:"),
        crime("a child in words", &["berth"], &[Permission], in_words),
        cold("an activity without a word", without_a_word).missing("crane-crew"),
        crime(
            "an activity with a word",
            &["crane-crew", "Lift", "crane-2"],
            &[Error, Category::BadInput, Category::DataSize],
            with_a_word,
        ),
        cold("a process that ended in the dark", exits_in_the_dark).missing("plot-course"),
        crime(
            "a process that ended in the light",
            &["plot-course"],
            &[Memory],
            exits_in_the_light,
        ),
    ]
}
