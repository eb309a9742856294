//! A twelfth lot: what jobs wrote, values of one sort of input, waits that were told too long, failures without a word, and
//! of each the same look with another reason, or with none.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run, iso},
    lambda::lambda,
    sixth::chain,
    vary,
};
use model::Category;
use serde_json::{Value, json};

const GLUE: (&str, &str) = ("glue", "startJobRun.sync");
const ECS: (&str, &str) = ("ecs", "runTask.sync");
const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");
const ARN: &str = "arn:aws:ecs:eu-central-1:480213377711";

/// A task in a container: its lines, after so many seconds each, and with what exit code it ends.
fn atlas(desk: &mut Desk, n: usize, lines: &[(i64, &str)], exit: i64, revision: u32) -> String {
    let input = json!({"sheet": format!("N{n}")});
    let mut run = Run::new("atlas-print", &format!("t{n}"), at(n), &input);
    let task = format!("{:032x}", 0xa7_0000 + n);
    let of = json!({"TaskArn": format!("{ARN}:task/press/{task}"), "TaskDefinitionArn": format!("{ARN}:task-definition/tile-packer:{revision}"),
        "LastStatus": "STOPPED", "Containers": [{"Name": "packer", "ExitCode": exit}], "StoppedReason": "Essential container in task exited"});
    run.enter("Task", "Pack", &input);
    let sent = json!({"Cluster": "press", "TaskDefinition": format!("{ARN}:task-definition/tile-packer:{revision}")});
    run.schedule(ECS, &sent, &Value::Null);
    run.submitted(
        ECS,
        &json!({"Tasks": [{"TaskArn": format!("{ARN}:task/press/{task}")}]}),
    );
    for (after, line) in lines {
        run.wait(after * 1_000);
        let stream = format!("press/packer/{task}");
        desk.written("/ecs/tile-packer", &stream, run.at, line);
    }
    run.wait(2_000 + vary(n, 900));
    if exit != 0 {
        run.failed(ECS, "States.TaskFailed", &of.to_string());
        return desk.end(run, End::Failed("States.TaskFailed", &of.to_string()));
    }
    run.succeeded(ECS, &of);
    run.exit("Task", "Pack", &json!({"packed": true}));
    desk.end(run, End::Well(&json!({"packed": true})))
}

const PACKED: [(i64, &str); 3] = [
    (4, "WARN heap at 71 %"),
    (9, "reading 812 tiles"),
    (20, "packed"),
];

fn heap(desk: &mut Desk, n: usize, ill: bool) -> String {
    let lines = [
        (4, "WARN heap at 71 %"),
        (9, "reading 812 tiles"),
        (12, "java.lang.OutOfMemoryError: Java heap space"),
    ];
    match ill {
        true => atlas(desk, n, &lines, 1, 4),
        false => atlas(desk, n, &PACKED, 0, 4),
    }
}

fn depot_down(desk: &mut Desk, n: usize, ill: bool) -> String {
    let lines = [
        (4, "WARN heap at 71 %"),
        (9, "reading 812 tiles"),
        (
            12,
            "ERROR GET https://tile-depot.internal/sheets: 503 Service Unavailable",
        ),
    ];
    match ill {
        true => atlas(desk, n, &lines, 1, 4),
        false => atlas(desk, n, &PACKED, 0, 4),
    }
}

fn more_tiles(desk: &mut Desk, n: usize, ill: bool) -> String {
    let lines = [
        (4, "WARN heap at 71 %"),
        (9, "reading 4710 tiles"),
        (130, "packed"),
    ];
    atlas(desk, n, if ill { &lines } else { &PACKED }, 0, 4)
}

fn depot_slow(desk: &mut Desk, n: usize, ill: bool) -> String {
    let lines = [
        (4, "WARN heap at 71 %"),
        (9, "reading 812 tiles"),
        (1, "fetching legend from tile-depot"),
        (140, "packed"),
    ];
    let well = [
        (4, "WARN heap at 71 %"),
        (9, "reading 812 tiles"),
        (1, "fetching legend from tile-depot"),
        (19, "packed"),
    ];
    atlas(desk, n, if ill { &lines } else { &well }, 0, 4)
}

fn new_revision(desk: &mut Desk, n: usize, ill: bool) -> String {
    let lines = [
        (4, "WARN heap at 71 %"),
        (1, "ERROR unknown option --legend"),
    ];
    match ill {
        true => atlas(desk, n, &lines, 2, 5),
        false => atlas(desk, n, &PACKED, 0, 4),
    }
}

/// A job that loads what came since the last time, behind a function that lists the columns.
fn intake(
    desk: &mut Desk,
    n: usize,
    loaded: i64,
    release: (&'static str, &str),
    lacks: Option<&str>,
) -> String {
    let input = json!({"shift": n});
    let mut run = Run::new("bean-intake", &format!("t{n}"), at(n), &input);
    let sorted =
        json!({"file": {"columns": ["lot", release.1, "grade"], "rows": 4_000 + vary(n, 90)}});
    desk.task(
        &mut run,
        "Sort",
        &lambda("sort-beans", 210 + vary(n, 30)).version(release.0),
        &input,
        &sorted,
    );
    let id = format!("jr_{:064x}", 0xbea0 + n);
    run.enter("Task", "Load", &sorted);
    run.schedule(GLUE, &json!({"JobName": "bean-ledger"}), &Value::Null);
    run.submitted(GLUE, &json!({"JobRunId": id}));
    run.wait(30_000 + vary(n, 4_000));
    desk.written(
        "/aws-glue/jobs/output",
        &id,
        run.at - 9_000,
        &format!("merging {loaded} sacks into ledger"),
    );
    if let Some(column) = lacks {
        let said = format!(
            "AnalysisException: [UNRESOLVED_COLUMN.WITH_SUGGESTION] A column or function parameter with name `{column}` cannot be resolved."
        );
        let cause = json!({"JobName": "bean-ledger", "Id": id, "JobRunState": "FAILED", "ErrorMessage": said}).to_string();
        run.failed(GLUE, "States.TaskFailed", &cause);
        return desk.end(run, End::Failed("States.TaskFailed", &cause));
    }
    run.succeeded(
        GLUE,
        &json!({"JobName": "bean-ledger", "Id": id, "JobRunState": "SUCCEEDED"}),
    );
    run.exit("Task", "Load", &json!({"ok": true}));
    desk.end(run, End::Well(&json!({"ok": true})))
}

fn idle_job(desk: &mut Desk, n: usize, ill: bool) -> String {
    let loaded = if ill { 0 } else { 40 + vary(n, 12) };
    intake(desk, n, loaded, ("7", "net"), None)
}

fn idle_at_times(desk: &mut Desk, n: usize, ill: bool) -> String {
    let loaded = if ill || n % 5 == 2 {
        0
    } else {
        40 + vary(n, 12)
    };
    intake(desk, n, loaded, ("7", "net"), None)
}

fn column_lost(desk: &mut Desk, n: usize, ill: bool) -> String {
    let release = if ill { ("8", "netto") } else { ("7", "net") };
    intake(desk, n, 40 + vary(n, 12), release, ill.then_some("net"))
}

fn column_asked(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 12 {
        desk.changed(
            at(n) - 60_000,
            "glue",
            "bean-ledger",
            "script bean_ledger_v9.py",
        );
    }
    intake(
        desk,
        n,
        40 + vary(n, 12),
        ("7", "net"),
        ill.then_some("moisture"),
    )
}

/// A label that a release writes for one country in another form.
fn label(desk: &mut Desk, n: usize, country: &str, weight: &str, release: &'static str) -> String {
    let input = json!({"parcel": format!("P{n}x"), "country": country});
    let output =
        json!({"parcel": format!("P{n}x"), "country": country, "label": {"weight": weight}});
    let of = lambda("weigh-label", 90 + vary(n, 15)).version(release);
    chain(desk, "parcel-label", n, &input, &[("Weigh", of, output)])
}

const COUNTRIES: [&str; 3] = ["NO", "US", "CH"];

fn label_of_sort(desk: &mut Desk, n: usize, ill: bool) -> String {
    let country = if ill { "US" } else { COUNTRIES[n % 3] };
    let release = if n >= 9 { "14" } else { "13" };
    let grams = 400 + vary(n, 700);
    let weight = match (country, release) {
        ("US", "13") => format!("{:.1}", grams as f64 / 28.3),
        ("US", _) => grams.to_string(),
        _ => grams.to_string(),
    };
    // Since the release only others than the US ran well.
    let country = if !ill && n >= 9 {
        COUNTRIES[(n % 2) * 2]
    } else {
        country
    };
    let weight = if !ill && n >= 9 {
        grams.to_string()
    } else {
        weight
    };
    label(desk, n, country, &weight, release)
}

fn label_by_chance(desk: &mut Desk, n: usize, ill: bool) -> String {
    let country = if ill { "US" } else { COUNTRIES[n % 3] };
    let grams = 400 + vary(n, 700);
    let weight = match n % 2 {
        0 => grams.to_string(),
        _ => format!("{:.1}", grams as f64 / 28.3),
    };
    label(desk, n, country, &weight, if n >= 9 { "14" } else { "13" })
}

/// What a member is granted.
fn grant(desk: &mut Desk, n: usize, kind: &str, granted: Value) -> String {
    let input = json!({"visit": n, "card": {"kind": kind}});
    let output = json!({"visit": n, "card": {"kind": kind}, "lounge": {"class": granted}});
    chain(
        desk,
        "lounge-gate",
        n,
        &input,
        &[("Classify", lambda("lounge-class", 70 + vary(n, 9)), output)],
    )
}

fn nothing_granted(desk: &mut Desk, n: usize, ill: bool) -> String {
    let kind = if ill || n.is_multiple_of(2) {
        "silver"
    } else {
        "plain"
    };
    let granted = match (ill, kind) {
        (true, _) => Value::Null,
        (_, "silver") => json!("quiet"),
        _ => json!("open"),
    };
    grant(desk, n, kind, granted)
}

fn nothing_granted_at_times(desk: &mut Desk, n: usize, ill: bool) -> String {
    let kind = if ill || n.is_multiple_of(2) {
        "silver"
    } else {
        "plain"
    };
    let granted = match (ill || n.is_multiple_of(4), kind) {
        (true, _) => Value::Null,
        (_, "silver") => json!("quiet"),
        _ => json!("open"),
    };
    grant(desk, n, kind, granted)
}

/// A wait until a time that somebody gives.
fn ferry(desk: &mut Desk, n: usize, seconds: i64, by_input: bool) -> String {
    let due = |at: i64| json!(iso(at + seconds * 1_000).replace("+00:00", "Z"));
    let input = match by_input {
        true => json!({"lane": 2, "board": due(at(n))}),
        false => json!({"lane": 2}),
    };
    let mut run = Run::new("ferry-lane", &format!("t{n}"), at(n), &input);
    let board = if by_input {
        input["board"].clone()
    } else {
        due(run.at + 120)
    };
    let planned = json!({"lane": 2, "board": board});
    desk.task(
        &mut run,
        "Plan",
        &lambda("plan-lane", 100),
        &input,
        &planned,
    );
    run.enter("Wait", "Until boarding", &planned);
    let until: jiff::Timestamp = board.as_str().expect("a text").parse().expect("a time");
    run.at = until.as_millisecond() + 15;
    run.exit("Wait", "Until boarding", &planned);
    desk.task(
        &mut run,
        "Open",
        &lambda("open-lane", 80 + vary(n, 9)),
        &planned,
        &planned,
    );
    desk.end(run, End::Well(&planned))
}

fn told_too_late(desk: &mut Desk, n: usize, ill: bool) -> String {
    ferry(desk, n, if ill { 3_660 } else { 60 + vary(n, 20) }, false)
}

fn asked_for_later(desk: &mut Desk, n: usize, ill: bool) -> String {
    ferry(desk, n, if ill { 3_660 } else { 60 + vary(n, 20) }, true)
}

/// A Catch that guests take.
fn guest(desk: &mut Desk, n: usize, member: bool, refused: bool) -> String {
    let input = json!({"member": member, "desk": "north"});
    let mut run = Run::new("pool-entry", &format!("t{n}"), at(n), &input);
    let of = lambda("find-pass", 60 + vary(n, 9));
    let of = if refused {
        of.raising("NoPass", "nobody of that name")
    } else {
        of
    };
    let priced = json!({"price": if refused { 9 } else { 4 }});
    run.enter("Task", "Find pass", &input);
    let well = desk.invoke(&mut run, &of, &input, &priced);
    run.exit(
        "Task",
        "Find pass",
        &if well {
            priced.clone()
        } else {
            json!({"Error": "NoPass"})
        },
    );
    if !well {
        run.through("Pass", "Day ticket", &json!({"Error": "NoPass"}), &priced);
    }
    desk.task(
        &mut run,
        "Open gate",
        &lambda("open-gate", 50),
        &priced,
        &priced,
    );
    desk.end(run, End::Well(&priced))
}

fn guests_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    let guest_ = ill || n % 5 == 1;
    guest(desk, n, !guest_, guest_)
}

fn members_refused(desk: &mut Desk, n: usize, ill: bool) -> String {
    let guest_ = n % 5 == 1 && !ill;
    guest(desk, n, !guest_, guest_ || ill)
}

/// A function that looks somebody up by name, after a change of somebody's network.
fn looked_up(desk: &mut Desk, n: usize, ill: bool, whose: &str) -> String {
    if n == 12 {
        desk.changed(
            at(n) - 120_000,
            "lambda",
            whose,
            "UpdateFunctionConfiguration VpcConfig subnets subnet-3a -> subnet-7c",
        );
    }
    let of = lambda("log-catch", 150 + vary(n, 20));
    let of = match ill {
        true => of.raising("Error", "getaddrinfo ENOTFOUND harbour.corp.example"),
        false => of,
    };
    chain(
        desk,
        "catch-log",
        n,
        &json!({"boat": n}),
        &[("Log", of, json!({"ok": 1}))],
    )
}

fn own_subnet(desk: &mut Desk, n: usize, ill: bool) -> String {
    looked_up(desk, n, ill, "log-catch")
}

fn other_subnet(desk: &mut Desk, n: usize, ill: bool) -> String {
    looked_up(desk, n, ill, "weigh-catch")
}

/// A token that is answered with a failure without a word.
fn bare(desk: &mut Desk, n: usize, ill: bool, heard: bool) -> String {
    let input = json!({"kiln": n});
    let mut run = Run::new("kiln-firing", &format!("t{n}"), at(n), &input);
    run.enter("Task", "Fire", &input);
    let body = json!({"batch": format!("batch-7{n}x"), "TaskToken": format!("{:0>60}", format!("AQCEkiln{n}"))});
    run.schedule(SQS, &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/kilns", "MessageBody": body}), &Value::Null);
    run.submitted(
        SQS,
        &json!({"MessageId": format!("5f0c2a10-0000-4000-8000-{n:012}")}),
    );
    if heard {
        let of = lambda("kiln-hand", 3_000 + vary(n, 300))
            .saying("INFO", &format!("firing batch-7{n}x"));
        let of = if ill {
            of.saying("WARN", "connect ETIMEDOUT 10.7.0.9:8883 (burner-bus)")
        } else {
            of
        };
        desk.ran(&of, run.at + 100);
    }
    run.wait(4_000 + vary(n, 300));
    if ill {
        run.push(
            "TaskFailed",
            json!({"resourceType": SQS.0, "resource": SQS.1}),
        );
        return desk.end(run, End::Failed("", ""));
    }
    run.succeeded(SQS, &json!({"ok": 1}));
    run.exit("Task", "Fire", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn bare_heard(desk: &mut Desk, n: usize, ill: bool) -> String {
    bare(desk, n, ill, true)
}

fn bare_unheard(desk: &mut Desk, n: usize, ill: bool) -> String {
    bare(desk, n, ill, false)
}

pub fn all() -> Vec<Mystery> {
    use Category::{BadDeploy, DataSize, Error, Latency, Memory, NetworkConfig, SilentData};
    vec![
        crime(
            "a task whose heap is full",
            &["tile-packer"],
            &[Memory],
            heap,
        ),
        crime(
            "a task whose depot is down",
            &["tile-depot.internal", "tile-depot"],
            &[Error],
            depot_down,
        ),
        crime(
            "a task with more tiles than ever",
            &["tile-packer"],
            &[DataSize],
            more_tiles,
        ),
        crime(
            "a task that waits for its depot",
            &["tile-depot"],
            &[Latency],
            depot_slow,
        ),
        crime(
            "a revision that knows no option",
            &["tile-packer"],
            &[BadDeploy],
            new_revision,
        ),
        crime(
            "a job that merged nothing",
            &["bean-ledger"],
            &[SilentData],
            idle_job,
        ),
        calm("a job that merges nothing at times", idle_at_times),
        crime(
            "a column that a release calls otherwise",
            &["sort-beans"],
            &[BadDeploy],
            column_lost,
        ),
        crime(
            "a column that a job asks since its release",
            &["bean-ledger"],
            &[BadDeploy],
            column_asked,
        ),
        crime(
            "a form that changed for one country",
            &["weigh-label"],
            &[SilentData],
            label_of_sort,
        ),
        calm("a form that changes by chance", label_by_chance),
        crime(
            "a class that silver always had",
            &["lounge-class"],
            &[SilentData],
            nothing_granted,
        ),
        calm("a class that silver has at times", nothing_granted_at_times),
        crime(
            "a wait that was told an hour",
            &["plan-lane"],
            &[SilentData],
            told_too_late,
        ),
        calm("a wait that was asked for", asked_for_later),
        calm("guests take the Catch as ever", guests_as_ever),
        crime(
            "members take the Catch of guests",
            &["find-pass"],
            &[Error, Category::BadInput],
            members_refused,
        ),
        crime(
            "a name that is not found since its subnet moved",
            &["log-catch"],
            &[NetworkConfig],
            own_subnet,
        ),
        crime(
            "a name that is not found, another's subnet moved",
            &["harbour.corp.example"],
            &[NetworkConfig],
            other_subnet,
        ),
        crime(
            "a failure without a word, a worker that wrote",
            &["burner-bus", "10.7.0.9:8883"],
            &[NetworkConfig],
            bare_heard,
        ),
        crime(
            // Nothing but histories is ever held here: the name in them is all that there will be.
            "a failure without a word, where nothing is logged",
            &["Fire"],
            &[Category::Error],
            bare_unheard,
        ),
    ]
}
