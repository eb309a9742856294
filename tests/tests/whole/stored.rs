//! The vectors of `fixtures/slo/vectors.json`, and more of their kind, over executions that are stored, with a
//! now of our choice: `inquest slo replay`.

use crate::{
    binary::{fixture, good},
    objectives::import,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write, path::Path};

/// A second that minutes and hours begin with, long ago.
const BEGIN: i64 = 1_700_006_400;

/// An execution: workflow, name, begin and end in milliseconds, whether it fails.
pub struct Run {
    pub workflow: String,
    pub name: String,
    pub begin: i64,
    pub end: Option<i64>,
    pub bad: bool,
}

impl Run {
    /// One that takes a second and ends then.
    pub fn ends(workflow: &str, name: String, second: i64, bad: bool) -> Self {
        Run {
            workflow: workflow.to_owned(),
            name,
            begin: second * 1_000 - 1_000,
            end: Some(second * 1_000),
            bad,
        }
    }
}

/// What log delivery writes of them.
pub fn lines(runs: impl IntoIterator<Item = Run>) -> String {
    let mut text = String::new();
    for run in runs {
        let arn = format!(
            "arn:aws:states:eu-west-1:123456789012:execution:{}:{}",
            run.workflow, run.name
        );
        let mut line = |id: u32, kind: &str, details: Value, at: i64| {
            let event = json!({
                "id": id.to_string(), "type": kind, "details": details, "execution_arn": arn,
                "previous_event_id": (id - 1).to_string(), "event_timestamp": at.to_string(), "redrive_count": "0",
            });
            let _ = writeln!(text, "{event}");
        };
        line(1, "ExecutionStarted", json!({"input": "{}"}), run.begin);
        match (run.end, run.bad) {
            (Some(end), true) => line(2, "ExecutionFailed", json!({"error": "Boom"}), end),
            (Some(end), false) => line(2, "ExecutionSucceeded", json!({"output": "{}"}), end),
            (None, _) => {}
        }
    }
    text
}

/// Replays a definition, from and to these seconds.
fn replay(data: &Path, definition: &str, from: i64, to: i64) -> Value {
    let file = data.join("replayed.yaml");
    std::fs::write(&file, definition).expect("written");
    let (file, from, to) = (file.to_string_lossy(), from.to_string(), to.to_string());
    let text = good(
        data,
        &[
            "slo", "replay", "--slo", &file, "--from", &from, "--to", &to, "--step", "60s",
            "--format", "json",
        ],
    );
    serde_json::from_str(&text).expect("JSON")
}

fn vectors() -> Vec<Value> {
    let text = std::fs::read_to_string(fixture("slo/vectors.json")).expect("a file");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    all["vectors"].as_array().expect("a list").clone()
}

fn close(found: &Value, expect: &Value, what: &str) {
    match (found.as_f64(), expect.as_f64()) {
        (Some(found), Some(expect)) => {
            let bound = 1e-6 * expect.abs().max(1.0);
            assert!(
                (found - expect).abs() <= bound,
                "{what}: {found} is not {expect}"
            );
        }
        _ => assert_eq!(found, expect, "{what}"),
    }
}

/// Transitions as second, name and state, in order.
fn changes(list: &Value, key: &str, state: &str, begin: i64) -> Vec<(i64, String, String)> {
    let text = |it: &Value, key: &str| it[key].as_str().expect("text").to_owned();
    let all = list.as_array().expect("a list").iter();
    let mut all: Vec<_> = all
        .map(|it| {
            (
                it["t"].as_i64().expect("t") - begin,
                text(it, key),
                text(it, state),
            )
        })
        .filter(|(_, _, state)| state != "unknown")
        .collect();
    all.sort();
    all
}

/// The definition of a vector with the options of a policy.
fn definition(vector: &Value, options: &Value, workflow: &str) -> String {
    let mut slo = json!({
        "slo": workflow, "target": vector["slo"]["target"], "window": vector["slo"]["window"],
        "indicator": {"workflow": workflow}, "alerts": vector["rules"],
        "no_data": match options["nodata"].as_str() { Some("hold") => "hold", _ => "ok" },
    });
    for key in ["compare", "min_bad"] {
        if !options[key].is_null() {
            slo[key].clone_from(&options[key]);
        }
    }
    slo.to_string()
}

/// Counts of a vector's series as executions, as few as keep every ratio. The history before -3 d does
/// not touch alerts and is left out where it is long; whether it was says the second part.
fn runs(vector: &Value, workflow: &str) -> (Vec<Run>, bool) {
    const LONG: i64 = 10_000;
    let divisor = vector["scale_gcd"].as_i64().expect("a divisor");
    let whole = |it: &Value, key: &str| it[key].as_i64();
    let series = vector["series"].as_array().expect("a series");
    let slices = |it: &Value, from: i64| {
        let every = whole(it, "every_s").unwrap_or(60);
        let (begin, end) = (
            whole(it, "from").expect("from"),
            whole(it, "to").expect("to"),
        );
        (begin..end)
            .step_by(usize::try_from(every).expect("a step"))
            .filter(move |at| *at >= from)
    };
    let events = |from| -> i64 {
        let each = series.iter().map(|it| {
            slices(it, from).count() as i64 * whole(it, "total").expect("total") / divisor
        });
        each.sum()
    };
    let cut = events(i64::MIN) > LONG;
    let from = if cut { -259_200 } else { i64::MIN };
    let mut all = Vec::new();
    if events(from) > LONG {
        return (all, cut);
    }
    for it in series {
        let (total, bad) = (whole(it, "total"), whole(it, "bad"));
        let (total, bad) = (total.expect("total") / divisor, bad.expect("bad") / divisor);
        for at in slices(it, from) {
            for n in 0..total {
                let end = BEGIN + at + 30 + n % 29;
                all.push(Run::ends(workflow, format!("run-{at}-{n}"), end, n < bad));
            }
        }
    }
    (all, cut)
}

#[test]
fn stored_executions_fire_and_resolve_as_the_vectors_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let mut stored = Vec::new();
    // Vectors over the same counts share executions.
    let mut imported: BTreeMap<String, String> = BTreeMap::new();
    for vector in vectors() {
        if !vector["expect"]["policies"].is_array() || !vector["series"].is_array() {
            continue;
        }
        let id = vector["id"].as_str().expect("an id");
        let series = vector["series"].to_string();
        let workflow = imported.get(&series).map_or(id, String::as_str).to_owned();
        let (runs, cut) = runs(&vector, &workflow);
        if runs.is_empty() {
            continue;
        }
        if workflow == id {
            import(data, &lines(runs));
            imported.insert(series, workflow.clone());
        }
        stored.push((vector, workflow, cut));
    }
    assert!(
        stored.len() >= 4,
        "only {} vectors are stored",
        stored.len()
    );
    assert!(
        stored.iter().any(|(_, _, cut)| !cut),
        "no budget is compared"
    );
    for (vector, workflow, cut) in stored {
        let divisor = vector["scale_gcd"].as_f64().expect("a divisor");
        let second = |key: &str| BEGIN + vector["eval"][key].as_i64().expect("a second");
        for policy in vector["expect"]["policies"].as_array().expect("policies") {
            let definition = definition(&vector, &policy["options"], &workflow);
            let found = replay(data, &definition, second("from_s"), second("to_s"));
            for (list, expect, key) in [
                ("transitions", "rule_transitions", "rule"),
                ("severity_transitions", "severity_transitions", "severity"),
            ] {
                assert_eq!(
                    changes(&found[list], key, "state", BEGIN),
                    changes(&policy[expect], key, "to", 0),
                    "{workflow} {}",
                    policy["policy"]
                );
            }
            for sample in vector["expect"]["samples"].as_array().expect("samples") {
                let at = BEGIN + sample["t"].as_i64().expect("t");
                let all = found["samples"].as_array().expect("samples");
                let held = all.iter().find(|it| it["t"] == at).expect("a sample");
                for (window, burn) in sample["burn"].as_object().expect("burns") {
                    close(
                        &held["burn"][window],
                        burn,
                        &format!("{workflow} at {at}, {window}"),
                    );
                }
                if cut {
                    continue;
                }
                for key in ["sli", "budget_remaining"] {
                    close(&held[key], &sample[key], &format!("{workflow} {key}"));
                }
                for key in ["total", "bad", "budget_allowed"] {
                    let expect = json!(sample[key].as_f64().expect("a number") / divisor);
                    close(&held[key], &expect, &format!("{workflow} {key}"));
                }
            }
        }
    }
}

#[test]
fn what_arrives_late_changes_every_window_that_has_its_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let vector = vectors().into_iter().find(|it| it["id"] == "late-01");
    let vector = vector.expect("late-01");
    let events = || {
        (0..600).map(|number| {
            let (minute, tenth) = (number / 10, number % 10);
            let bad = minute < 10 && tenth < 5;
            let at = minute * 60 + tenth * 6;
            (number, at, bad, if bad { at + 900 } else { at })
        })
    };
    let mut before = -1;
    for view in vector["expect"]["views"].as_array().expect("views") {
        let now = view["now"].as_i64().expect("now");
        let news = events().filter(|(.., received)| before < *received && *received <= now);
        let news = news.map(|(number, at, bad, _)| {
            Run::ends("late", format!("run-{number}"), BEGIN + at, bad)
        });
        import(data, &lines(news));
        before = now;
        let slo =
            "slo: late\ntarget: 0.99\nwindow: 1h\nindicator: {workflow: late}\nalerts: none\n";
        let found = replay(data, slo, BEGIN + now, BEGIN + now);
        let sample = &found["samples"][0];
        for window in ["5m", "30m", "1h"] {
            close(
                &sample["burn"][window],
                &view[window]["burn"],
                &format!("{window} at {now}"),
            );
        }
        assert_eq!(sample["total"], view["1h"]["total"], "at {now}");
        assert_eq!(sample["bad"], view["1h"]["bad"], "at {now}");
    }
}

#[test]
fn windows_slices_groups_and_composites_count_what_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    // Summer time begins in Berlin on the 30th: that day has 23 hours.
    let (day, end) = (1_743_289_200, 1_743_289_200 + 23 * 3_600);
    let every_ten = |workflow: &'static str, bad: fn(i64) -> bool| {
        let first = day - 7_200;
        (0..(end - first) / 600).map(move |n| {
            let at = first + n * 600;
            Run::ends(
                workflow,
                format!("run-{n}"),
                at + 30,
                at >= day && bad((at - day) / 600),
            )
        })
    };
    let slow = (0..10).map(|n| Run {
        workflow: "slow".to_owned(),
        name: format!("run-{n}"),
        begin: (day + n * 60) * 1_000,
        // The first five are done in exactly thirty seconds, three a millisecond later, two never.
        end: (n < 8).then_some((day + n * 60) * 1_000 + 30_000 + i64::from(n >= 5)),
        bad: false,
    });
    import(
        data,
        &lines(
            every_ten("a", |n| n % 10 == 0)
                .chain(every_ten("b", |n| n % 10 == 5))
                .chain(slow),
        ),
    );
    let last = |definition: &str| replay(data, definition, end - 60, end - 60);
    let check = |definition: &str, total: u64, bad: u64, remaining: f64| {
        let found = last(definition);
        let sample = &found["samples"][0];
        assert_eq!(
            (&sample["total"], &sample["bad"]),
            (&json!(total), &json!(bad)),
            "{definition}"
        );
        close(&sample["budget_remaining"], &json!(remaining), definition);
    };
    let berlin = "window: {calendar: 1d, start: '2025-01-01 00:00:00', time_zone: Europe/Berlin}";
    let a = "indicator: {workflow: a}\nalerts: none\n";
    check(
        &format!("slo: x\ntarget: 80%\n{berlin}\n{a}"),
        138,
        14,
        1.0 - 14.0 / 27.6,
    );
    // 1380 minutes of which 276 may be bad; the last one is not over.
    let slices = "method: timeslices\nslice: {length: 1m, target: 100%}";
    check(
        &format!("slo: x\ntarget: 80%\n{berlin}\n{slices}\n{a}"),
        1_379,
        14,
        1.0 - 14.0 / 276.0,
    );
    let ignore = "method: timeslices\nslice: {length: 10m, target: 100%, empty: ignore}";
    check(
        &format!("slo: x\ntarget: 80%\nwindow: 6h\n{ignore}\n{a}"),
        35,
        3,
        1.0 - 3.0 / 7.0,
    );
    // The first hour of the day does not count: it had one failure, and six events.
    let night = "exclude: [{from: '2025-03-01 00:00:00', duration: 1h, every: day, time_zone: Europe/Berlin}]";
    check(
        &format!("slo: x\ntarget: 80%\n{berlin}\n{night}\n{a}"),
        132,
        13,
        1.0 - 13.0 / 26.4,
    );
    check(
        &format!("slo: x\ntarget: 80%\n{berlin}\n{slices}\n{night}\n{a}"),
        1_319,
        13,
        1.0 - 13.0 / 264.0,
    );
    let in_time = "indicator: {workflow: slow, latency: 30s}\nalerts: none\n";
    check(
        &format!("slo: x\ntarget: 20%\n{berlin}\n{in_time}"),
        10,
        5,
        1.0 - 5.0 / 8.0,
    );
    let both =
        "slos:\n- {slo: one, indicator: {workflow: a}}\n- {slo: two, indicator: {workflow: b}}\n";
    let whole = |more: &str| {
        let text = format!(
            "target: 80%\n{berlin}\nalerts: none\n{both}- {{slo: both, composite: [one, {{slo: two, weight: 2}}]{more}}}\n"
        );
        let found = replay(data, &text, end - 60, end - 60);
        let all = found["slos"].as_array().expect("several").clone();
        let both = all.into_iter().find(|it| it["slo"] == "both");
        both.expect("the composite")["samples"][0].clone()
    };
    let sum = whole("");
    assert_eq!(
        (&sum["total"], &sum["bad"]),
        (&json!(138 * 3), &json!(14 + 2 * 14))
    );
    let any = whole(", method: timeslices, slice: {length: 10m, target: 100%}");
    assert_eq!((&any["total"], &any["bad"]), (&json!(137), &json!(28)));
    close(
        &any["budget_remaining"],
        &json!(1.0 - 28.0 / 27.6),
        "a slice is bad in any part",
    );
    let groups = last(&format!(
        "slo: each\ntarget: 80%\n{berlin}\nalerts: none\nindicator: {{workflow: ['a', 'b']}}\ngroup_by: state_machine\n"
    ));
    let found: Vec<(&str, u64)> = groups["slos"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|it| {
            let bad = it["samples"][0]["bad"].as_u64();
            (
                it["group"].as_str().expect("a group"),
                bad.expect("a count"),
            )
        })
        .collect();
    assert_eq!(found, [("a", 14), ("b", 14)]);
    // Another engine's query is not measured here.
    let unbound = last(
        "version: prometheus/v1\nservice: s\nslos:\n  - name: x\n    objective: 99\n    sli:\n      events:\n\
         \x20       error_query: sum(rate(bad[{{.window}}]))\n        total_query: sum(rate(all[{{.window}}]))\n\
         \x20   alerting: {}\n",
    );
    assert!(unbound["not_measured"].is_string(), "{unbound}");
}
