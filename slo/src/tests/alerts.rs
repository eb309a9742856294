//! The state of alerts through time: what the vectors do not have.

use crate::{
    Ratio, read,
    replay::{self, Steps},
};
use model::api::slo::Replay;

fn run(options: &str, counts: &str, to: i64, coverage: Ratio) -> Replay {
    let yaml = format!("slo: a\ntarget: 99%\nwindow: 30d\nindicator: {{workflow: w}}\n{options}");
    let loaded = read::read(&[("f.yaml".to_owned(), yaml)]);
    assert!(!loaded.has_errors(), "{:?}", loaded.findings);
    let (series, _) = replay::counts(counts).expect("counts");
    let steps = Steps {
        from: 0,
        to,
        every: 60,
    };
    replay::replay(&loaded.slos[0], &series, steps, coverage)
}

fn changes(replay: &Replay) -> Vec<(i64, &str, &str)> {
    let all = replay.transitions.iter();
    all.map(|it| (it.t, it.rule.as_str(), it.state.as_str()))
        .collect()
}

const QUIET: &str = "[{\"from\": -259200, \"to\": 0, \"total\": 10, \"bad\": 0}, \
    {\"from\": 0, \"to\": 600, \"total\": 10, \"bad\": 10}, {\"from\": 600, \"to\": 9000, \"total\": 10, \"bad\": 0}]";

#[test]
fn for_and_hold_wait() {
    let rule = "alerts: [{id: r, long: 5m, burn: 10, for: 2m, hold: 3m}]\n";
    let found = run(rule, QUIET, 3_600, Ratio::ZERO);
    // True from 60 on (10 of 50 is burn 20); below 10 once at most 5 of 50 are bad.
    assert_eq!(
        changes(&found),
        [(180, "r", "firing"), (1_080, "r", "resolved")]
    );
}

#[test]
fn an_unknown_burn_holds_what_fires_and_fires_nothing() {
    let counts = "[{\"from\": -259200, \"to\": 0, \"total\": 10, \"bad\": 0}, \
        {\"from\": 0, \"to\": 600, \"total\": 10, \"bad\": 10}, {\"from\": 4200, \"to\": 9000, \"total\": 10, \"bad\": 0}]";
    let rule = "alerts: [{id: r, long: 5m, burn: 10}]\n";
    let found = run(rule, counts, 7_200, Ratio::ZERO);
    assert_eq!(
        changes(&found),
        [
            (60, "r", "firing"),
            (900, "r", "unknown"),
            (4_260, "r", "resolved")
        ]
    );
    let found = run(&format!("{rule}no_data: ok\n"), counts, 7_200, Ratio::ZERO);
    assert_eq!(
        changes(&found),
        [(60, "r", "firing"), (900, "r", "resolved")]
    );
}

#[test]
fn a_new_objective_is_judged_when_enough_of_the_window_is_covered() {
    let counts = "[{\"from\": 0, \"to\": 9000, \"total\": 10, \"bad\": 5}]";
    let rule = "alerts: [{id: r, long: 1h, short: 5m, burn: 10}]\n";
    let found = run(rule, counts, 7_200, Ratio::new(9, 10));
    assert_eq!(changes(&found), [(3_240, "r", "firing")]);
    let found = run(
        &format!("{rule}coverage: 50%\n"),
        counts,
        7_200,
        Ratio::new(9, 10),
    );
    assert_eq!(changes(&found), [(1_800, "r", "firing")]);
}

#[test]
fn a_guard_does_not_hide_a_total_outage() {
    let counts = "[{\"from\": -259200, \"to\": 0, \"total\": 1, \"bad\": 0, \"every_s\": 3600}, \
        {\"from\": 0, \"to\": 18000, \"total\": 1, \"bad\": 1, \"every_s\": 3600}, \
        {\"from\": 18000, \"to\": 36000, \"total\": 1, \"bad\": 0, \"every_s\": 3600}]";
    let options = "alerts: [{id: r, long: 1h, short: 5m, burn: 14.4}]\nmin_bad: 3\noutage: 4\n";
    let found = run(options, counts, 36_000, Ratio::ZERO);
    assert_eq!(
        changes(&found),
        [
            (10_860, "page-outage", "firing"),
            (18_060, "page-outage", "resolved")
        ]
    );
}

#[test]
fn budgets_end_and_are_told_before() {
    let counts = "[{\"from\": -2592000, \"to\": 0, \"total\": 10, \"bad\": 0}, {\"from\": 0, \"to\": 90000, \"total\": 10, \"bad\": 10}]";
    let options = "alerts:\n  - {id: half, severity: ticket, budget_left: 50%}\n  - {id: spent, budget_left: 0}\n  - {id: soon, exhausts_within: 6h, lookback: 1h}\n";
    let found = run(options, counts, 36_000, Ratio::ZERO);
    let at = |rule: &str| {
        found
            .transitions
            .iter()
            .find(|it| it.rule == rule)
            .map(|it| it.t)
    };
    // 1 % of 432,000 events: 4,320 bad ones, 10 a minute.
    assert_eq!((at("half"), at("spent")), (Some(12_960), Some(25_920)));
    assert!(at("soon").is_some_and(|at| at < 12_960), "{:?}", at("soon"));
    let last = found.samples.last().and_then(|it| it.budget_remaining);
    assert!(last.is_some_and(|left| left < 0.0), "{last:?}");
}

#[test]
fn silence_is_an_alert_only_where_it_is_asked_for() {
    let counts = "[{\"from\": -259200, \"to\": 0, \"total\": 1, \"bad\": 0}, {\"from\": 7200, \"to\": 9000, \"total\": 1, \"bad\": 0}]";
    let found = run(
        "alerts: [{id: quiet, severity: ticket, no_data: 1h}]\n",
        counts,
        9_000,
        Ratio::ZERO,
    );
    assert_eq!(
        changes(&found),
        [(3_600, "quiet", "firing"), (7_260, "quiet", "resolved")]
    );
}

#[test]
fn excluded_time_burns_nothing() {
    let options = "alerts: [{id: r, long: 5m, burn: 10}]\nexclude: [{from: 1970-01-01T00:00:00Z, duration: 10m, every: day, reason: night}]\n";
    assert_eq!(
        changes(&run(options, QUIET, 3_600, Ratio::ZERO)).len(),
        1,
        "only unknown"
    );
}

#[test]
fn counts_are_checked() {
    let check = |text: &str, word: &str| {
        let error = replay::counts(text).expect_err("an error");
        assert!(error.contains(word), "{error}");
    };
    check("[]", "no counts");
    check("[{\"from\": 0, \"to\": 60, \"total\": 1}]", "no bad");
    check(
        "[{\"from\": 0, \"to\": 60, \"total\": 1, \"bad\": 2}]",
        "bad <= total",
    );
    check(
        "[{\"from\": 60, \"to\": 0, \"total\": 1, \"bad\": 1}]",
        "from < to",
    );
    check(
        "[{\"from\": 0, \"to\": 9e15, \"total\": 1, \"bad\": 1}]",
        "",
    );
    check(
        "[{\"from\": 0, \"to\": 120, \"total\": 1, \"bad\": 1},\n{\"from\": 60, \"to\": 180, \"total\": 1, \"bad\": 1}]",
        "from 60 to 180 (line 2) overlaps the range from 0 to 120 (line 1)",
    );
    check(
        "[{\"from\": 0, \"to\": 60, \"total\": 1, \"bad\": 1}, {\"from\": 0, \"to\": 60, \"total\": 1, \"bad\": 1}]",
        "overlaps",
    );
    check(
        "[{\"from\": 0.5, \"to\": 60, \"total\": 1, \"bad\": 1}]",
        "no whole number",
    );
    check("{", "line");
}

#[test]
fn counts_come_in_any_order() {
    let of = |text: &str| replay::counts(text).expect("counts");
    let (early, late) = (
        "{\"from\": 0, \"to\": 120, \"total\": 5, \"bad\": 1}",
        "{\"from\": 120, \"to\": 180, \"total\": 7, \"bad\": 2}",
    );
    assert_eq!(
        of(&format!("[{late}, {early}]")),
        of(&format!("[{early}, {late}]"))
    );
}

#[test]
fn not_knowing_is_told_once_while_nothing_else_changes() {
    let slo = crate::read::read(&[(
        "f".to_owned(),
        "slo: a\ntarget: 90%\nwindow: 1d\nindicator: {workflow: w}\nalerts: [{id: r, long: 5m, burn: 10}]\n"
            .to_owned(),
    )]);
    // Traffic of a minute every quarter of an hour: known, unknown, known, unknown…
    let ranges: Vec<String> = (0..8)
        .map(|n| {
            format!(
                "{{\"from\": {0}, \"to\": {1}, \"total\": 10, \"bad\": 0}}",
                n * 900,
                n * 900 + 60
            )
        })
        .collect();
    let (series, _) = replay::counts(&format!("[{}]", ranges.join(","))).expect("counts");
    let steps = replay::Steps {
        from: 0,
        to: 7_200,
        every: 60,
    };
    let found = replay::replay(&slo.slos[0], &series, steps, Ratio::ZERO);
    let states: Vec<&str> = found
        .transitions
        .iter()
        .map(|it| it.state.as_str())
        .collect();
    assert_eq!(states, ["unknown"]);
}

#[test]
fn nothing_at_all_ends_no_incident() {
    // Everything fails for ten minutes, then nothing comes any more, for two days.
    let counts = "[{\"from\": 0, \"to\": 86400, \"total\": 10, \"bad\": 0}, {\"from\": 86400, \"to\": 87000, \"total\": 10, \"bad\": 10}]";
    let check = |options: &str| {
        let text =
            format!("slo: a\ntarget: 99%\nwindow: 7d\nindicator: {{workflow: w}}\n{options}");
        let slo = crate::read::read(&[("f".to_owned(), text)]);
        let (series, _) = replay::counts(counts).expect("counts");
        let steps = replay::Steps {
            from: 86_400,
            to: 3 * 86_400,
            every: 60,
        };
        let found = replay::replay(&slo.slos[0], &series, steps, Ratio::ZERO);
        let states: Vec<&str> = found
            .severity_transitions
            .iter()
            .map(|it| it.state.as_str())
            .collect();
        assert_eq!(states, ["firing"], "{options}");
    };
    check("alerts: [{id: r, long: 1h, short: 5m, burn: 5}]\n");
    check("alerts: [{id: r, long: 1h, short: 5m, burn: 5, min_bad: 5}]\n");
    check("alerts: none\noutage: {events: 20, within: 1h}\n");
}

#[test]
fn steps_are_bounded() {
    let check = |from: i64, to: i64, every: i64, expect: bool| {
        assert_eq!(
            replay::Steps { from, to, every }.check().is_ok(),
            expect,
            "{from} {to} {every}"
        );
    };
    check(0, 60, 60, true);
    check(i64::MAX - 7, i64::MAX, 1, false);
    check(i64::MIN, 0, i64::MAX, false);
    check(0, 60, i64::MAX, false);
    check(60, 0, 60, false);
}
