//! Values that can be read and cannot be meant.

use crate::{lint::Level, read};

#[test]
fn senseless_values_are_refused() {
    let check = |rest: &str, expect: Option<&str>| {
        let yaml = format!("slo: a\ntarget: 99%\nindicator: {{workflow: w}}\n{rest}\n");
        let loaded = read::read(&[("f.yaml".to_owned(), yaml)]);
        let errors = loaded.findings.iter().filter(|it| it.level == Level::Error);
        let errors: Vec<&str> = errors.map(|it| it.text.as_str()).collect();
        match expect {
            None => assert!(errors.is_empty(), "{rest}: {errors:?}"),
            Some(word) => assert!(
                errors.len() == 1 && errors[0].contains(word),
                "{rest}: {errors:?}"
            ),
        }
    };
    let rule = |rule: &str, expect: Option<&str>| check(&format!("alerts: [{{{rule}}}]"), expect);
    rule("budget_left: 50%", None);
    rule("budget_left: 0", None);
    rule("budget_left: 150%", Some("less than 100%"));
    rule("budget_left: 100%", Some("less than 100%"));
    rule("budget_left: -5%", Some("from 0"));
    rule("no_data: 15m", None);
    rule("no_data: 0", Some("no_data is at least 1m"));
    rule("no_data: -5m", Some("no length of time"));
    rule("exhausts_within: 0", Some("exhausts_within is at least"));
    rule(
        "exhausts_within: 1d, lookback: 0s",
        Some("lookback is at least"),
    );
    rule("outage: 0", Some("failures in a row"));
    rule("outage: -1", Some("whole number"));
    rule("outage: 5, within: 0", Some("within is at least"));
    rule("outage: {events: 0}", Some("failures in a row"));
    rule("outage: {events: 5, within: 1h}", None);
    rule("long: 0, burn: 2", Some("at least 1m"));
    rule("long: 1h, short: 1h, burn: 2", Some("swapped"));
    rule("long: 5m, short: 1h, burn: 2", Some("swapped"));
    rule("long: 1h, burn: -2", Some("burn is"));
    rule("long: 1h, budget: 150%", Some("budget is"));
    rule("long: 1h, budget: -2%", Some("budget is"));
    rule("long: 1h, burn: 2, budget: 2%", Some("one of them"));
    rule("long: 1h, burn: 2, compare: <", Some("compare is"));
    rule("long: 1h, burn: 2, severity: ''", Some("severity is"));
    rule("long: 1h, burn: 2, min_bad: -1", Some("whole number"));
    check("outage: {events: 5, within: 5s}", Some("at least 1m"));
    check("coverage: 150%", Some("coverage is"));
    check("coverage: -1%", Some("coverage is"));
    check("coverage: 100%", None);
    check("silent_after: 0", Some("at least 1m, or none"));
    check("silent_after: none", None);
    check(
        "slice: {length: 1m, target: 150%}",
        Some("target of a slice"),
    );
    check("slice: {length: 1m, target: 0}", Some("target of a slice"));
    check("slice: {length: 0}", Some("slice"));
    check("window: 0", Some("from 1h"));
    check("inhibit: perhaps", Some("inhibit is"));
    check(
        "exclude: [{from: 2026-01-01T00:00:00Z, duration: 2d, every: day}]",
        Some("longer than"),
    );
    let indicator = |more: &str, expect: Option<&str>| {
        check(
            &format!("slos: [{{slo: b, target: 99%, indicator: {{{more}}}}}]"),
            expect,
        );
    };
    indicator("workflow: w, max_retries: -1", Some("max_retries"));
    indicator("workflow: w, max_retries: 0", None);
    indicator("workflow: w, latency: 0s", Some("latency"));
    indicator("workflow: w, count_aborted: perhaps", Some("count_aborted"));
    indicator("workflow: w, count_aborted: true", None);
}
