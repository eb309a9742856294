//! The second half of the fifteenth lot: what a state in a block gave at each of its visits, fields that are not given any
//! more, requests of the same customer side by side: each beside its look-alike.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::lambda,
    vary,
};
use model::Category;
use serde_json::{Value, json};

const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");

/// Photos of an album are cropped one by one, so many bytes each, and bound.
fn album(desk: &mut Desk, n: usize, photos: usize, bytes: usize, wrong: bool) -> String {
    let input = json!({"album": n});
    let mut run = Run::new("albums", &format!("h{n}"), at(n), &input);
    let names: Vec<String> = (0..photos).map(|it| format!("p{it}.jpg")).collect();
    let listed = json!({ "photos": names });
    desk.task(
        &mut run,
        "List",
        &lambda("list-photos", 120 + vary(n, 20)),
        &input,
        &listed,
    );
    run.enter("Map", "Every photo", &listed);
    run.push("MapStateStarted", json!({"length": photos}));
    let top = run.mark();
    let version = if wrong { "6" } else { "5" };
    let cropped = json!({"preview": "z".repeat(bytes)});
    for (index, name) in names.iter().enumerate() {
        run.back(top);
        let of = json!({"name": "Every photo", "index": index});
        run.push("MapIterationStarted", of.clone());
        let crop = lambda("crop-photo", 300 + vary(n + index, 60)).version(version);
        desk.task(&mut run, "Crop", &crop, &json!({"photo": name}), &cropped);
        run.push("MapIterationSucceeded", of);
    }
    run.push("MapStateSucceeded", json!({}));
    let all = Value::Array(vec![cropped; photos]);
    run.exit("Map", "Every photo", &all);
    run.enter("Task", "Bind", &all);
    let bind = lambda("bind-album", 250 + vary(n, 40));
    desk.invoke(&mut run, &bind, &json!({}), &json!({"bound": 1}));
    if wrong {
        let cause = "The state/task 'bind-album' returned a result with a size exceeding the maximum number of bytes service limit.";
        return desk.end(run, End::Failed("States.DataLimitExceeded", cause));
    }
    run.exit("Task", "Bind", &json!({"bound": 1}));
    desk.end(run, End::Well(&json!({"bound": 1})))
}

fn every_visit_gave_more(desk: &mut Desk, n: usize, ill: bool) -> String {
    album(desk, n, 9, if ill { 28_000 } else { 1_200 }, ill)
}

fn more_visits(desk: &mut Desk, n: usize, ill: bool) -> String {
    album(desk, n, if ill { 190 } else { 8 + n % 3 }, 1_200, ill)
}

/// Two sides of a block, and whoever joins what they gave.
fn choir(desk: &mut Desk, n: usize, notes: usize, ms: i64) -> String {
    let input = json!({"choir": n});
    let mut run = Run::new("choirs", &format!("j{n}"), at(n), &input);
    run.enter("Parallel", "Write out", &input);
    run.push("ParallelStateStarted", json!({}));
    let top = run.mark();
    let gave = |bytes: usize| json!({"score": "a".repeat(bytes)});
    let sides = [("Words", "set-words", 2_000), ("Notes", "set-notes", notes)];
    for (side, (state, name, bytes)) in sides.into_iter().enumerate() {
        run.back(top);
        let set = lambda(name, 200 + 60 * side as i64);
        desk.task(&mut run, state, &set, &input, &gave(bytes + n * 7));
    }
    run.push("ParallelStateSucceeded", json!({}));
    let both = json!([gave(2_000 + n * 7), gave(notes + n * 7)]);
    run.exit("Parallel", "Write out", &both);
    let print = lambda("print-score", ms + vary(n, 90));
    desk.task(&mut run, "Print", &print, &both, &json!({"printed": 1}));
    desk.end(run, End::Well(&json!({"printed": 1})))
}

fn fed_by_one_side(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (notes, ms) = if ill { (150_000, 41_000) } else { (3_000, 900) };
    choir(desk, n, notes, ms)
}

fn slow_by_itself(desk: &mut Desk, n: usize, ill: bool) -> String {
    choir(desk, n, 3_000, if ill { 41_000 } else { 900 })
}

/// Guests with an agent and without.
fn guests(desk: &mut Desk, n: usize, agent: bool, wrong: bool) -> String {
    let mut input = json!({"room": format!("r{}", n % 4), "guest": format!("g{n}")});
    if agent {
        input["agent"] = json!(["Sol", "Luna"][n % 2]);
    }
    let version = if n >= 8 { "61" } else { "60" };
    let mut book = lambda("book-room", 130 + vary(n, 30)).version(version);
    if wrong {
        book = book.raising("KeyError", "'agent'");
    }
    let mut run = Run::new("guests", &format!("o{n}"), at(n), &input);
    let tries = vec![book; if wrong { 2 } else { 1 }];
    if desk.retried(&mut run, "Book", &tries, &input, &json!({"booked": 1})) {
        return desk.end(run, End::Well(&json!({"booked": 1})));
    }
    let cause = json!({"errorMessage": "'agent'", "errorType": "KeyError"}).to_string();
    desk.end(run, End::Failed("KeyError", &cause))
}

fn field_that_was_left_out_before(desk: &mut Desk, n: usize, ill: bool) -> String {
    let agent = !ill && (n >= 8 || !n.is_multiple_of(2));
    guests(desk, n, agent, ill)
}

fn field_that_was_never_left_out(desk: &mut Desk, n: usize, ill: bool) -> String {
    guests(desk, n, !ill, ill)
}

/// A worker that takes messages of the same customer side by side; its lines name the customer only.
fn tailor(desk: &mut Desk, n: usize, others: i64, began: i64, ms: i64) -> String {
    let customer = format!("customer-{}", 700 + n % 2);
    let input = json!({"suit": n});
    let mut run = Run::new("tailors", &format!("l{n}"), at(n), &input);
    run.enter("Task", "Sew", &input);
    let token = format!("AQTL{:016x}{:016x}", desk.id(), desk.id());
    let message = json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/seams", "MessageBody": {"token": token, "customer": customer}});
    run.schedule(SQS, &message, &json!({"timeoutInSeconds": 1800}));
    let id = desk.id();
    let id = format!("{:08x}-72ab-4d01-9c1e-{:012x}", id >> 32, id >> 16);
    run.submitted(SQS, &json!({"MessageId": id}));
    let begin = run.at;
    let work = |ms: i64| lambda("sew-suit", ms).saying("INFO", &format!("sewing for {customer}"));
    for other in 0..others {
        desk.ran(&work(1_900), begin + 100 + other * 2_500);
    }
    desk.ran(&work(ms), begin + began + 240);
    run.wait(began + 240 + ms + 200);
    run.succeeded(SQS, &json!({"sewn": 1}));
    run.exit("Task", "Sew", &json!({"sewn": 1}));
    desk.end(run, End::Well(&json!({"sewn": 1})))
}

fn lay_while_others_were_taken(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (others, began) = if ill { (4, 90_000) } else { (0, 0) };
    tailor(desk, n, others, began, 2_000 + vary(n, 200))
}

fn worked_on_while_others_were(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (others, ms) = if ill {
        (4, 90_000)
    } else {
        (0, 2_000 + vary(n, 200))
    };
    tailor(desk, n, others, 0, ms)
}

pub fn all() -> Vec<Mystery> {
    use Category::{BadDeploy, BadInput, Capacity, DataSize, Error, Latency};
    let bad = |what, names, categories, make| crime(what, names, categories, make);
    vec![
        bad(
            "every visit gave more",
            &["crop-photo"],
            &[DataSize],
            every_visit_gave_more,
        ),
        bad(
            "more visits than ever",
            &["list-photos", "input"],
            &[DataSize],
            more_visits,
        ),
        bad(
            "fed by one side",
            &["set-notes"],
            &[DataSize],
            fed_by_one_side,
        ),
        bad(
            "slow by itself",
            &["print-score"],
            &[Latency],
            slow_by_itself,
        ),
        bad(
            "a field that was left out before",
            &["book-room"],
            &[BadDeploy],
            field_that_was_left_out_before,
        )
        .runs(14, 1),
        bad(
            "a field that was never left out",
            &["book-room", "Book", "input"],
            &[Error, BadInput],
            field_that_was_never_left_out,
        )
        .runs(14, 1),
        bad(
            "it lay while others were taken",
            &["seams"],
            &[Capacity],
            lay_while_others_were_taken,
        )
        .runs(12, 1),
        bad(
            "it was worked on while others were",
            &["sew-suit"],
            &[Latency],
            worked_on_while_others_were,
        )
        .runs(12, 1),
    ]
}
