//! The rest of the sixth lot: denials and slowness behind others, aftermaths, items of a distributed Map, children.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run, attributes, nanos},
    lambda::{Lambda, lambda},
    vary,
};
use model::{Category, Outcome};
use serde_json::{Value, json};

/// A try of a function whose spans are written by hand; its request id.
fn traced(desk: &mut Desk, run: &mut Run, of: &Lambda) -> String {
    let invoke = ("lambda", "invoke");
    let arn = format!(
        "arn:aws:lambda:eu-central-1:480213377711:function:{}",
        of.name
    );
    run.schedule(
        invoke,
        &json!({"FunctionName": arn, "Payload": {}}),
        &Value::Null,
    );
    let request = desk.ran(of, run.at);
    run.wait(of.ms + 11);
    match &of.error {
        None => run.succeeded(
            invoke,
            &json!({"ExecutedVersion": of.version, "Payload": {"ok": 1}, "SdkResponseMetadata": {"RequestId": request}, "StatusCode": 200}),
        ),
        Some((kind, message)) => {
            let cause = json!({"errorMessage": message, "errorType": kind, "requestId": request});
            run.failed(invoke, kind, &cause.to_string());
        }
    }
    request
}

/// A span of a service: its name, whose child it is (0 for none), client or server, what it tells, and its error.
type Told<'a> = (&'a str, u32, u8, &'a [(&'a str, &'a str)], &'a str);

/// Spans inside each other, numbered from 1.
fn spans(desk: &mut Desk, from: i64, ms: i64, all: &[Told]) {
    let (a, b) = (desk.id(), desk.id());
    let trace = format!("{a:016x}{b:016x}");
    for (n, (service, above, kind, told, failed)) in all.iter().enumerate() {
        let inset = 2 + 3 * n as i64;
        let above = match above {
            0 => String::new(),
            above => format!("{above:016x}"),
        };
        let status = match *failed {
            "" => json!({}),
            words => json!({"code": 2, "message": words}),
        };
        desk.span(
            &[("service.name", *service)],
            json!({"traceId": trace, "spanId": format!("{:016x}", n + 1), "parentSpanId": above, "name": "work", "kind": kind,
                "startTimeUnixNano": nanos(from + inset), "endTimeUnixNano": nanos(from + ms - inset), "attributes": attributes(told), "status": status}),
        );
    }
}

/// A service that is refused by AWS and answers 500.
fn behind(desk: &mut Desk, n: usize, refusal: Option<(&str, &str)>) -> String {
    let mut of = lambda("post-notice", 140 + vary(n, 20));
    if refusal.is_some() {
        of = of.raising("AxiosError", "Request failed with status code 500");
    }
    let mut run = Run::new("notice", &format!("s{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Post", &json!({"n": n}));
    let from = run.at + 15;
    let request = traced(desk, &mut run, &of);
    let (kind, words) = refusal.unwrap_or_default();
    let (code, below, error) = match refusal {
        Some(_) => ("500", "400", "it failed"),
        None => ("200", "200", ""),
    };
    let call = [
        ("rpc.system", "aws-api"),
        ("rpc.service", "SNS"),
        ("rpc.method", "Publish"),
        ("http.response.status_code", below),
        ("error.type", kind),
    ];
    let call = if refusal.is_some() {
        &call[..]
    } else {
        &call[..4]
    };
    let status = ("http.response.status_code", code);
    let asked = [status, ("server.address", "notice-office")];
    let own = [("faas.invocation_id", request.as_str())];
    let all: [Told; 4] = [
        ("post-notice", 0, 2, &own, error),
        ("post-notice", 1, 3, &asked, error),
        ("notice-office", 2, 2, &asked[..1], error),
        ("notice-office", 3, 3, call, words),
    ];
    spans(desk, from, of.ms, &all);
    if refusal.is_some() {
        let cause = "{\"errorMessage\":\"Request failed with status code 500\",\"errorType\":\"AxiosError\"}";
        return desk.end(run, End::Failed("AxiosError", cause));
    }
    run.exit("Task", "Post", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn denied_behind(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "AuthorizationErrorException: User: arn:aws:sts::480213377711:assumed-role/notice-office-task/x is not authorized to perform: SNS:Publish on resource: arn:aws:sns:eu-central-1:480213377711:notices";
    behind(
        desk,
        n,
        ill.then_some(("AuthorizationErrorException", words)),
    )
}

fn throttled_behind(desk: &mut Desk, n: usize, ill: bool) -> String {
    behind(
        desk,
        n,
        ill.then_some(("ThrottledException", "ThrottledException: Rate exceeded")),
    )
}

/// A failure that a Catch took, and another one after it.
fn aftermath(
    desk: &mut Desk,
    n: usize,
    caught: Option<(&str, &str)>,
    last: Option<(&str, &str)>,
) -> String {
    let input = json!({"n": n});
    let mut run = Run::new("price-list", &format!("s{n}"), at(n), &input);
    let mut build = lambda("build-list", 1_200 + vary(n, 90));
    let mut data = json!({"n": n, "list": {"rows": 9}});
    if let Some((error, message)) = caught {
        build = build.raising(error, message);
        if message.contains("memory") {
            build.memory = (512, 512);
        }
        data = json!({"n": n, "problem": {"Error": error, "Cause": message}});
    }
    if !desk.task(&mut run, "Build", &build, &input, &data) {
        run.exit("Task", "Build", &data);
    }
    let mut publish =
        lambda("publish-list", 300 + vary(n, 40)).version(if last.is_some() { "32" } else { "31" });
    if let Some((error, message)) = last {
        publish.error = Some((error.into(), message.into()));
        publish.cut = message.contains("timed out");
        publish.ms = 15_000;
    }
    if !desk.task(&mut run, "Publish", &publish, &data, &json!({"ok": 1})) {
        let (error, message) = last.unwrap_or_default();
        let cause = json!({"errorMessage": message, "errorType": error}).to_string();
        return desk.end(run, End::Failed(error, &cause));
    }
    desk.end(run, End::Well(&json!({"ok": 1})))
}

const CUT: (&str, &str) = (
    "Sandbox.Timedout",
    "RequestId: REQ Error: Task timed out after 15.00 seconds",
);

fn died_before(desk: &mut Desk, n: usize, ill: bool) -> String {
    let caught = ("NoMemoryError", "failed to allocate memory");
    if n == 12 {
        desk.changed(
            at(12) - 60_000,
            "lambda",
            "publish-list",
            "version 31 -> 32",
        );
    }
    aftermath(desk, n, ill.then_some(caught), ill.then_some(CUT))
}

fn denied_before(desk: &mut Desk, n: usize, ill: bool) -> String {
    let caught = (
        "AccessDeniedException",
        "User: arn:aws:sts::480213377711:assumed-role/build-list/x is not authorized to perform: s3:GetObject on resource: lists",
    );
    let last = (
        "Runtime.ExitError",
        "RequestId: REQ Error: Runtime exited with error: exit status 1",
    );
    aftermath(desk, n, ill.then_some(caught), ill.then_some(last))
}

fn caught_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    let caught = ("NotModified", "the list is as it was");
    aftermath(
        desk,
        n,
        (n.is_multiple_of(2) || ill).then_some(caught),
        ill.then_some(CUT),
    )
}

fn caught_by_design(desk: &mut Desk, n: usize, ill: bool) -> String {
    let caught = ("NotModified", "the list is as it was");
    aftermath(desk, n, (n % 5 < 3 || ill).then_some(caught), None)
}

/// A distributed Map over files; one of them cannot be read, others are refused once and recover.
fn files(desk: &mut Desk, n: usize, error: Option<(&str, &str)>, selected: bool) -> String {
    let map_run = format!("arn:aws:states:eu-central-1:480213377711:mapRun:read-all/Files:7c{n}");
    let list: Vec<Value> = (0..6)
        .map(|it| json!({"path": format!("day-{n}/{it}.xml")}))
        .collect();
    let input = json!({"bucket": "feeds", "files": list});
    let mut run = Run::new("read-all", &format!("s{n}"), at(n), &input);
    run.enter("Map", "Read each", &input);
    run.push("MapStateStarted", json!({"length": 6}));
    run.push("MapRunStarted", json!({"mapRunArn": map_run}));
    for (index, file) in list.iter().enumerate() {
        let given = match selected {
            true => json!({"file": file, "bucket": "feeds"}),
            false => file.clone(),
        };
        let mut child = Run::new(
            "read-all/Files",
            &format!("k{n}-{index}"),
            run.at + 200,
            &given,
        )
        .below(&map_run);
        let of = lambda("read-feed", 150 + vary(n, 30));
        let busy = of
            .clone()
            .raising("SlowDown", "Please reduce your request rate.");
        let bad = error
            .filter(|_| index == 4)
            .map(|(kind, message)| of.clone().raising(kind, message));
        let tries = match (&bad, error.is_some() && index == 1) {
            (Some(bad), _) => vec![bad.clone(), bad.clone(), bad.clone()],
            (None, true) => vec![busy, of],
            _ => vec![of],
        };
        match desk.retried(&mut child, "Read", &tries, &given, &json!({"ok": 1})) {
            true => desk.end(child, End::Well(&json!({"ok": 1}))),
            false => {
                let (kind, message) = error.unwrap_or_default();
                let cause = json!({"errorMessage": message, "errorType": kind}).to_string();
                desk.end(child, End::Failed(kind, &cause))
            }
        };
    }
    run.wait(9_000);
    if error.is_some() {
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
    run.exit("Map", "Read each", &json!([]));
    desk.end(run, End::Well(&json!([])))
}

fn bad_file(desk: &mut Desk, n: usize, ill: bool) -> String {
    files(
        desk,
        n,
        ill.then_some(("org.xml.sax.SAXParseException", "Premature end of file.")),
        false,
    )
}

fn bad_file_selected(desk: &mut Desk, n: usize, ill: bool) -> String {
    files(
        desk,
        n,
        ill.then_some(("ValidationError", "row 88: column 'price' is not a number")),
        true,
    )
}

/// A child whose history is not held, and of which the parent tells nothing.
fn silent_child(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("states", "startExecution.sync:2");
    let mut run = Run::new("close-books", &format!("s{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Close ledger", &json!({"n": n}));
    run.schedule(of, &json!({"StateMachineArn": "arn:aws:states:eu-central-1:480213377711:stateMachine:close-ledger"}), &Value::Null);
    let child = format!("arn:aws:states:eu-central-1:480213377711:execution:close-ledger:y{n}");
    run.submitted(of, &json!({"ExecutionArn": child}));
    run.wait(5_000 + vary(n, 400));
    if ill {
        let cause = json!({"ExecutionArn": child, "Status": "TIMED_OUT", "Error": "States.Timeout", "Name": format!("y{n}")}).to_string();
        run.failed(of, "States.TaskFailed", &cause);
        return desk.end(run, End::Failed("States.TaskFailed", &cause));
    }
    run.succeeded(of, &json!({"ExecutionArn": child, "Status": "SUCCEEDED"}));
    run.exit("Task", "Close ledger", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// A slow service three deep; the span of the call to the first of them was lost.
fn lost_between(desk: &mut Desk, n: usize, ill: bool) -> String {
    let ms = if ill { 3_800 } else { 160 + vary(n, 30) };
    let mut run = Run::new("badge", &format!("s{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Rights", &json!({"n": n}));
    let from = run.at + 15;
    let of = lambda("badge-rights", ms).dark();
    let request = traced(desk, &mut run, &of);
    let own = [("faas.invocation_id", request.as_str())];
    let first = if ill { 77 } else { 2 };
    let (people, directory) = (
        &[("server.address", "people")],
        &[("server.address", "directory")],
    );
    let mut all: Vec<Told> = vec![
        ("badge-rights", 0, 2, &own, ""),
        ("badge-rights", 1, 3, people, ""),
        ("people", first, 2, &[], ""),
        ("people", 3, 3, directory, ""),
        ("directory", 4, 2, &[], ""),
    ];
    if ill {
        // Its call is not told; something else is that went on meanwhile.
        all[1] = ("badge-rights", 1, 1, &[], "");
    }
    spans(desk, from, of.ms, &all);
    run.exit("Task", "Rights", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "a service behind is denied and answers 500",
            &["notice-office", "SNS"],
            &[Permission],
            denied_behind,
        ),
        crime(
            "a service behind is throttled and answers 500",
            &["notice-office", "SNS"],
            &[Capacity],
            throttled_behind,
        ),
        crime(
            "a death that was caught, and its aftermath beside a release",
            &["build-list"],
            &[Memory],
            died_before,
        ),
        crime(
            "a denial that was caught, and its aftermath",
            &["build-list"],
            &[Permission],
            denied_before,
        ),
        crime(
            "caught as ever, cut off since a release",
            &["publish-list"],
            &[BadDeploy, Latency, TimeoutConfig],
            caught_as_ever,
        ),
        calm("a Catch is a way like any other", caught_by_design),
        crime(
            "a file of a distributed map cannot be read",
            &["Read each[4]"],
            &[BadInput],
            bad_file,
        ),
        crime(
            "a file with others beside it cannot be read",
            &["Read each[4]"],
            &[BadInput],
            bad_file_selected,
        ),
        crime("a child of which nothing is told", &[], &[], silent_child)
            .outcome(Outcome::ColdCase)
            .missing("history"),
        crime(
            "a slow service behind a lost span",
            &["directory"],
            &[Latency],
            lost_between,
        ),
    ]
}
