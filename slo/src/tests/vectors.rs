//! `tests/fixtures/slo/vectors.json`: every vector of this crate's concern.

use super::fixture;
use crate::{
    Ratio, Series, Slo, Window,
    definition::{Empty, Slices, factor},
    duration,
    evaluate::{burn, remaining},
    read,
    replay::{self, Steps},
    series::Counts,
    window::Calendar,
};
use serde_json::Value;
use std::collections::BTreeMap;

fn vectors() -> Vec<Value> {
    let all: Value = serde_json::from_str(&fixture("vectors.json")).expect("JSON");
    all["vectors"].as_array().expect("vectors").clone()
}

fn vector(id: &str) -> Value {
    vectors()
        .into_iter()
        .find(|it| it["id"] == id)
        .expect("a vector")
}

fn close(found: Option<f64>, expect: &Value, what: &str) {
    let Some(expect) = expect.as_f64() else {
        assert_eq!(found, None, "{what}");
        return;
    };
    let found = found.unwrap_or(f64::NAN);
    let bound = 1e-6 * expect.abs().max(1.0);
    assert!(
        (found - expect).abs() <= bound,
        "{what}: {found} is not {expect}"
    );
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn ratio(value: &Value) -> Ratio {
    Ratio::parse(text(value)).expect("a number")
}

/// The definition in our own form, with the options of a policy.
fn definition(vector: &Value, options: &Value) -> Slo {
    let slo = &vector["slo"];
    let mut yaml = format!(
        "slo: {}\ntarget: {}\nwindow: {}\nindicator: {{workflow: w}}\nalerts:\n",
        text(&vector["id"]),
        text(&slo["target"]),
        text(&slo["window"])
    );
    for rule in vector["rules"].as_array().expect("rules") {
        yaml += &format!(
            "  - {{id: {}, severity: {}, long: {}, short: {}, burn: {}}}\n",
            text(&rule["id"]),
            text(&rule["severity"]),
            text(&rule["long"]),
            text(&rule["short"]),
            text(&rule["burn"])
        );
    }
    if let Some(compare) = options["compare"].as_str() {
        yaml += &format!("compare: \"{compare}\"\n");
    }
    if let Some(bad) = options["min_bad"].as_u64() {
        yaml += &format!("min_bad: {bad}\n");
    }
    yaml += match options["nodata"].as_str() {
        Some("hold") => "no_data: hold\n",
        _ => "no_data: ok\n",
    };
    let loaded = read::read(&[("vector.yaml".to_owned(), yaml)]);
    assert!(!loaded.has_errors(), "{:?}", loaded.findings);
    loaded.slos.into_iter().next().expect("an objective")
}

#[test]
fn burns_budgets_and_alerts_are_those_of_the_vectors() {
    let mut checked = 0;
    for vector in vectors() {
        let (Some(policies), true) = (
            vector["expect"]["policies"].as_array(),
            vector["series"].is_array(),
        ) else {
            continue;
        };
        let (series, _) = replay::counts(&vector["series"].to_string()).expect("counts");
        let eval = &vector["eval"];
        let second = |key: &str| eval[key].as_i64().expect("seconds");
        let steps = Steps {
            from: second("from_s"),
            to: second("to_s"),
            every: second("every_s"),
        };
        for policy in policies {
            let slo = definition(&vector, &policy["options"]);
            let found = replay::replay(&slo, &series, steps, Ratio::ZERO);
            let what = format!("{} {}", vector["id"], policy["policy"]);
            let shown =
                |list: &[model::api::slo::ReplayTransition],
                 key: fn(&model::api::slo::ReplayTransition) -> &str| {
                    list.iter()
                        .filter(|it| it.state != "unknown")
                        .map(|it| (it.t, key(it).to_owned(), it.state.clone()))
                        .collect::<Vec<_>>()
                };
            let expect = |list: &Value, key: &str| {
                let list = list.as_array().expect("transitions").iter();
                list.map(|it| {
                    (
                        it["t"].as_i64().expect("t"),
                        text(&it[key]).to_owned(),
                        text(&it["to"]).to_owned(),
                    )
                })
                .collect::<Vec<_>>()
            };
            let sorted = |mut list: Vec<(i64, String, String)>| {
                list.sort();
                list
            };
            assert_eq!(
                sorted(shown(&found.transitions, |it| &it.rule)),
                sorted(expect(&policy["rule_transitions"], "rule")),
                "{what}"
            );
            assert_eq!(
                sorted(shown(&found.severity_transitions, |it| &it.severity)),
                sorted(expect(&policy["severity_transitions"], "severity")),
                "{what}"
            );
            for sample in vector["expect"]["samples"].as_array().expect("samples") {
                let at = sample["t"].as_i64().expect("t");
                let held = found
                    .samples
                    .iter()
                    .find(|it| it.t == at)
                    .expect("a sample");
                for (window, expect) in sample["burn"].as_object().expect("burns") {
                    close(
                        held.burn[window],
                        expect,
                        &format!("{what} at {at}, {window}"),
                    );
                }
                assert_eq!(
                    (held.total, held.bad),
                    (
                        sample["total"].as_u64().expect("n"),
                        sample["bad"].as_u64().expect("n")
                    )
                );
                close(held.sli, &sample["sli"], &what);
                close(held.budget_allowed, &sample["budget_allowed"], &what);
                close(held.budget_remaining, &sample["budget_remaining"], &what);
            }
            checked += 1;
        }
    }
    assert!(checked >= 9, "only {checked} policies were checked");
}

#[test]
fn late_data_changes_every_window_that_has_its_time() {
    let vector = vector("late-01");
    let allowed = ratio(&vector["slo"]["target"]).complement();
    for view in vector["expect"]["views"].as_array().expect("views") {
        let now = view["now"].as_i64().expect("now");
        let mut counts: BTreeMap<i64, Counts> = BTreeMap::new();
        for (minute, tenth) in (0..60).flat_map(|minute| (0..10).map(move |tenth| (minute, tenth)))
        {
            let at = minute * 60 + 6 * tenth;
            let bad = minute < 10 && tenth < 5;
            let received = if bad { at + 900 } else { at };
            if received <= now {
                // One slice each second, so that the membership of single events is exact.
                let held = counts.entry(at).or_default();
                *held = held.plus(Counts {
                    total: 1,
                    bad: u64::from(bad),
                });
            }
        }
        let series = Series::new(1, &counts, Some(0));
        for (window, seconds) in [("5m", 300), ("30m", 1_800), ("1h", 3_600)] {
            let found = series.sum(now - seconds, now);
            let expect = &view[window];
            assert_eq!(
                Some(found.total),
                expect["total"].as_u64(),
                "{now} {window}"
            );
            assert_eq!(Some(found.bad), expect["bad"].as_u64(), "{now} {window}");
            close(burn(found, allowed), &expect["burn"], window);
        }
    }
}

#[test]
fn published_arithmetic() {
    for row in vector("budget-02")["rows"].as_array().expect("rows") {
        let target = ratio(&row["target"]);
        let (allowed, expect) = (target.complement(), &row["expect"]);
        let counts = match (&row["sli"], &row["slices_bad"], &row["good"], &row["total"]) {
            (Value::String(sli), ..) => {
                let bad = Ratio::parse(sli).expect("a number").complement();
                Counts {
                    total: bad.den() as u64,
                    bad: bad.num() as u64,
                }
            }
            (_, Value::Number(bad), ..) => Counts {
                total: row["slices_total"].as_u64().expect("n"),
                bad: bad.as_u64().expect("n"),
            },
            (_, _, Value::Number(good), _) => {
                let bad = row["bad"].as_u64().expect("n");
                Counts {
                    total: good.as_u64().expect("n") + bad,
                    bad,
                }
            }
            (_, _, _, Value::Number(total)) => Counts {
                total: total.as_u64().expect("n"),
                bad: row["bad"].as_u64().expect("n"),
            },
            _ => {
                let seconds = allowed.to_f64() * row["slices_total"].as_f64().expect("n") * 60.0;
                close(Some(seconds), &expect["budget_seconds"], "budget");
                continue;
            }
        };
        let what = text(&row["name"]);
        let left = remaining(counts.bad, counts.total, allowed);
        if !expect["remaining"].is_null() {
            close(Some(left), &expect["remaining"], what);
        }
        if !expect["burn"].is_null() {
            close(burn(counts, allowed), &expect["burn"], what);
        }
        if !expect["time_to_exhaust_days"].is_null() {
            // The period over the burn, as of a full budget.
            let days =
                expect["window_days"].as_f64().expect("n") / burn(counts, allowed).expect("a burn");
            close(Some(days), &expect["time_to_exhaust_days"], what);
        }
    }
}

#[test]
fn factors_are_shares_of_the_budget() {
    let mut checked = 0;
    for row in vector("formula-01")["rows"].as_array().expect("rows") {
        let Some(percent) = row.get("budget_percent") else {
            continue;
        };
        let percent = Ratio::parse(&percent.to_string()).expect("a number");
        let seconds = |key: &str| duration::seconds(text(&row[key])).expect("a length");
        let found = factor(
            percent.over(Ratio::new(100, 1)),
            seconds("period"),
            seconds("long"),
        );
        close(Some(found.to_f64()), &row["burn"], text(&row["set"]));
        checked += 1;
    }
    assert!(checked > 10);
}

#[test]
fn calendar_windows_follow_the_clock_on_the_wall() {
    let second = |value: &Value| {
        text(value)
            .parse::<jiff::Timestamp>()
            .expect("a time")
            .as_second()
    };
    for row in vector("calendar-01")["rows"].as_array().expect("rows") {
        let unit = duration::calendar(text(&row["duration"])).expect("a unit");
        let calendar = Calendar::read(unit, text(&row["startTime"]), text(&row["timeZone"]))
            .expect("a calendar");
        let span = Window::Calendar(calendar).at(second(&row["at"]));
        let expect = &row["expect"];
        assert_eq!(span.from, second(&expect["window_start"]), "{row}");
        assert_eq!(span.to, second(&expect["window_end"]), "{row}");
        assert_eq!(Some(span.seconds() / 60), expect["slices_1m"].as_i64());
        let budget = ratio(&expect["target"]).complement().to_f64() * span.seconds() as f64 / 60.0;
        close(Some(budget), &expect["timeslice_budget_minutes"], "budget");
    }
}

#[test]
fn slices_of_time_by_every_policy() {
    for row in vector("timeslices-01")["rows"].as_array().expect("rows") {
        let (Some(policy), Some(total)) = (row["policy"].as_str(), row["slices_total"].as_i64())
        else {
            continue;
        };
        let (bad, empty) = (
            row["slices_bad"].as_i64().expect("n"),
            row["slices_empty"].as_i64().expect("n"),
        );
        let counts = (0..total - empty)
            .map(|index| {
                (
                    index * 60,
                    Counts {
                        total: 5,
                        bad: if index < bad { 5 } else { 0 },
                    },
                )
            })
            .collect();
        let method = crate::definition::Method::Timeslices(Slices {
            length: 60,
            target: Ratio::ONE,
            empty: match policy {
                "no_data_good" => Empty::Good,
                "no_data_ignored" => Empty::Ignored,
                _ => Empty::Bad,
            },
        });
        let sum = Series::new(60, &counts, Some(0))
            .by(&method)
            .sum(0, total * 60);
        let expect = &row["expect"];
        assert_eq!(Some(sum.total), expect["total"].as_u64(), "{policy}");
        assert_eq!(
            Some(sum.total - sum.bad),
            expect["good"].as_u64(),
            "{policy}"
        );
        close(
            Some(remaining(
                sum.bad,
                sum.total,
                ratio(&row["target"]).complement(),
            )),
            &expect["remaining"],
            policy,
        );
    }
}
