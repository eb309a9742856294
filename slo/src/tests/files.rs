//! Real files of the ecosystems: they load, bind or say why not.

use super::fixture;
use crate::{Indicator, Level, Ratio, export, read, read::Loaded};

fn load(names: &[&str]) -> Loaded {
    let files: Vec<(String, String)> = names
        .iter()
        .map(|name| ((*name).to_owned(), fixture(name)))
        .collect();
    read::read(&files)
}

fn said(loaded: &Loaded, rule: &str) -> bool {
    loaded.findings.iter().any(|finding| finding.rule == rule)
}

#[test]
fn every_fixture_loads_and_is_not_measured_here() {
    let check = |name: &str, slos: &[(&str, &str, &str)], rules: &[&str]| {
        let loaded = load(&[name]);
        let found: Vec<(String, String, String)> = loaded
            .slos
            .iter()
            .map(|slo| (slo.name.clone(), slo.target.to_string(), slo.window.words()))
            .collect();
        let expect: Vec<(String, String, String)> = slos
            .iter()
            .map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned()))
            .collect();
        assert_eq!(found, expect, "{name}: {:?}", loaded.findings);
        for slo in &loaded.slos {
            assert!(
                matches!(slo.indicator, Indicator::NotMeasured { .. }),
                "{name}"
            );
        }
        for rule in rules {
            assert!(
                said(&loaded, rule),
                "{name} does not say {rule}: {:?}",
                loaded.findings
            );
        }
    };
    let ny = |length: &str| format!("{length} calendar from 2022-01-01T12:00:00 America/New_York");
    check(
        "openslo-v1-occurrences-threshold.yaml",
        &[("search-slo", "0.99", "14d rolling")],
        &["not-measured"],
    );
    check(
        "openslo-v1-ratiotimeslices.yaml",
        &[("main-page", "0.99", "14d rolling")],
        &["op-beside-ratio"],
    );
    check(
        "openslo-v1-timeslices-calendar.yaml",
        &[
            (
                "service-availability-internal-objective",
                "0.995",
                &ny("1m"),
            ),
            ("service-availability-sla", "0.99", &ny("1m")),
        ],
        &["minute-or-month", "objectives"],
    );
    check(
        "openslo-v1-list-root.yaml",
        &[("web-availability", "0.995", &ny("1w"))],
        &[],
    );
    check(
        "openslo-v1-refs.yaml",
        &[
            ("my-slo-1", "0.995", &ny("1w")),
            ("my-slo-2", "0.995", &ny("1w")),
        ],
        &["condition"],
    );
    check(
        "openslo-v1-slogen-calendar-quirks.yaml",
        &[(
            "drift_gen_Calendar",
            "0.98",
            "1w calendar from 2024-01-01T00:00:00 America/New_York",
        )],
        &["name", "duration-word", "start-time", "dangling-reference"],
    );
    check(
        "openslo-v1alpha-sloth-getting-started.yml",
        &[("sloth-slo-my-service", "0.999", "30d rolling")],
        &[],
    );
    check(
        "openslo-v2alpha-list-root.yaml",
        &[("web-availability", "0.995", &ny("1w"))],
        &[],
    );
    check(
        "sloth-getting-started.yml",
        &[("myservice-requests-availability", "0.999", "30d rolling")],
        &[],
    );
    check(
        "pyrra-prometheus-http.yaml",
        &[("prometheus-api-query", "0.99", "7d rolling")],
        &[],
    );
    check(
        "openslo-v1-alert-policies.yaml",
        &[],
        &["dangling-reference"],
    );
}

#[test]
fn a_condition_that_fires_while_all_is_well_is_refused() {
    let loaded = load(&["openslo-v1-refs.yaml"]);
    let finding = loaded
        .findings
        .iter()
        .find(|it| it.rule == "condition")
        .expect("a finding");
    assert_eq!(finding.level, Level::Error);
    let second = &loaded.slos[1];
    let ids: Vec<&str> = second.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(
        ids,
        ["mix-of-referenced-and-inlined-objects"],
        "the policy with lte is left out"
    );
    assert_eq!(second.rules[0].for_s, 300);
}

#[test]
fn the_windows_of_sloth_have_its_factors() {
    let factors = |names: &[&str]| {
        let loaded = load(names);
        let rules = loaded.slos[0].rules.iter();
        rules
            .map(|rule| (rule.id.clone(), rule.words()))
            .collect::<Vec<_>>()
    };
    let expect = [
        ("page-1h-5m", "14.4"),
        ("page-6h-30m", "6"),
        ("ticket-1d-2h", "3"),
        ("ticket-3d-6h", "1"),
    ];
    for names in [
        &["sloth-getting-started.yml"][..],
        &["sloth-getting-started.yml", "sloth-windows-google-30d.yaml"],
    ] {
        for ((id, words), (name, factor)) in factors(names).iter().zip(expect) {
            assert_eq!(id, name);
            assert!(words.ends_with(&format!("above {factor}")), "{words}");
        }
    }
    let week = factors(&["sloth-getting-started.yml", "sloth-windows-7d.yaml"]);
    assert!(
        week[0].1.ends_with("above 13.44") && week[3].1.ends_with("above 0.98"),
        "{week:?}"
    );
}

#[test]
fn pyrra_has_its_own_windows() {
    let loaded = load(&["pyrra-prometheus-http.yaml"]);
    let ids: Vec<&str> = loaded.slos[0]
        .rules
        .iter()
        .map(|rule| rule.id.as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "page-15m-1m",
            "page-90m-8m",
            "ticket-6h-30m",
            "ticket-1d-90m"
        ]
    );
}

#[test]
fn files_are_bound_by_annotation_type_bindings_or_our_series() {
    let bound = |yaml: &str| {
        let loaded = read::read(&[("f.yaml".to_owned(), yaml.to_owned())]);
        match &loaded
            .slos
            .first()
            .unwrap_or_else(|| panic!("{:?}", loaded.findings))
            .indicator
        {
            Indicator::Measured(measure) => measure.words(),
            other => format!("{other:?}"),
        }
    };
    let v1 = |metadata: &str, indicator: &str| {
        format!(
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: a{metadata}}}\nspec:\n  service: s\n  timeWindow: [{{duration: 28d, isRolling: true}}]\n  budgetingMethod: Occurrences\n  objectives: [{{target: 0.99}}]\n  indicator:\n    metadata: {{name: i}}\n    spec: {indicator}\n"
        )
    };
    let own = "{ratioMetric: {good: {metricSource: {type: inquest, spec: {latency_ms: 500}}}, total: {metricSource: {type: inquest, spec: {workflow: orders}}}}}";
    let words = bound(&v1("", own));
    assert!(
        words.contains("state_machine IN ('orders')") && words.contains("duration_ns <= 500000000"),
        "{words}"
    );
    let any = "{ratioMetric: {good: {metricSource: {type: Any, spec: {query: x y}}}, total: {metricSource: {type: Any, spec: {query: z z}}}}}";
    assert!(bound(&v1("", any)).starts_with("NotMeasured"));
    let annotated = v1(", annotations: {inquest.dev/sli: '{function: pay}'}", any);
    assert!(bound(&annotated).contains("function_name IN ('pay')"));
    let file = format!(
        "{}---\nbindings:\n  i: {{workflow: 'orders-*', state: Charge}}\n",
        v1("", any)
    );
    assert!(
        bound(&file).contains("state_machine LIKE 'orders-%'"),
        "{}",
        bound(&file)
    );
    let prom = "{ratioMetric: {bad: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(inquest_executions_total{status=\"FAILED\"}[5m]))'}}}, total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(inquest_executions_total[5m]))'}}}}}";
    assert!(bound(&v1("", prom)).contains("not (status IN ('FAILED'))"));
    let threshold = "{thresholdMetric: {metricSource: {type: inquest, spec: {workflow: w}}}}";
    let file = v1("", threshold).replace("{target: 0.99}", "{target: 0.99, op: lt, value: 500}");
    assert!(
        bound(&file).contains("duration_ns <= 499999999"),
        "{}",
        bound(&file)
    );
}

#[test]
fn what_nobody_knows_is_no_event() {
    let check = |indicator: &str, expect: &[&str]| {
        let yaml = format!("slo: a\ntarget: 99%\nindicator: {indicator}\n");
        let loaded = read::read(&[("f.yaml".to_owned(), yaml)]);
        let Indicator::Measured(measure) = &loaded.slos[0].indicator else {
            panic!("{:?}", loaded.findings)
        };
        for words in expect {
            assert!(measure.words().contains(words), "{}", measure.words());
        }
    };
    check(
        "{workflow: w, cost_usd: 0.02}",
        &[
            "cost_picodollars IS NOT NULL",
            "cost_picodollars <= 20000000000",
        ],
    );
    check("{function: f, good: warm}", &["cold_start IS NOT NULL"]);
    check("{workflow: w}", &["'ABORTED'"]);
}

#[test]
fn what_is_wrong_is_named() {
    let check = |yaml: &str, rule: &str, word: &str| {
        let loaded = read::read(&[("f.yaml".to_owned(), yaml.to_owned())]);
        let hit = loaded
            .findings
            .iter()
            .any(|it| it.rule == rule && it.text.contains(word));
        assert!(hit, "{yaml}: {:?}", loaded.findings);
    };
    let own = |rest: &str| format!("slo: a\ntarget: 99%\nindicator: {{workflow: w}}\n{rest}");
    check("slo: a\ntarget: 100%\n", "definition", "leaves no budget");
    check("slo: a\ntarget: many\n", "definition", "no number");
    check("slo: a\n", "definition", "there is no target");
    check("target: 1\nindicator: {}\n", "name", "its name");
    check("hello: world\n", "unknown-kind", "no definition");
    check("a: [", "syntax", "");
    check(&own("window: 1M\n"), "definition", "calendar: 1M");
    check(&own("windo: 1\n"), "unknown-key", "windo");
    check(&own("alerts: loud\n"), "alerts", "loud");
    check(&own("alerts: [{burn: 3}]\n"), "alerts", "needs long");
    check(&own("alerts: [{long: 1h, burn: x}]\n"), "alerts", "14.4");
    check(&own("coverage: half\n"), "definition", "coverage");
    check(
        "slo: a\ntarget: 99%\nindicator: {workflows: w}\n",
        "indicator",
        "workflows",
    );
    check(
        "slo: a\ntarget: 90%\nindicator: {workflow: w}\nwindow: 30d\n",
        "burn-unreachable",
        "at most 10",
    );
    check(
        "slo: a\ntarget: 0.2\nindicator: {workflow: w}\n",
        "target-low",
        "percentage",
    );
    check(
        "slo: a\ntarget: 99%\ncomposite: [b, c]\n",
        "composite-part",
        "objective b",
    );
    check(
        "slo: a\ntarget: 99%\nindicator: {workflow: w}\n---\nslo: a\ntarget: 99%\n",
        "duplicate-name",
        "a-2",
    );
}

#[test]
fn what_is_exported_reads_back_the_same() {
    let yaml = "slo: orders\ntarget: 99.5%\nwindow: {calendar: 1M, time_zone: Europe/Berlin}\nindicator: {workflow: orders, latency: 30s}\nalerts: [workbook, {severity: ticket, budget_left: 0}]\nmin_bad: 3\nannotations: {team: shop}\n";
    let first = read::read(&[("a.yaml".to_owned(), yaml.to_owned())]);
    let text = export::openslo(&first.slos);
    let second = read::read(&[("b.yaml".to_owned(), text.clone())]);
    assert!(!second.has_errors(), "{:?}\n{text}", second.findings);
    let (a, b) = (&first.slos[0], &second.slos[0]);
    assert_eq!(
        (a.target, &a.window, &a.rules),
        (b.target, &b.window, &b.rules)
    );
    assert_eq!(b.annotations["team"], "shop");
    assert_eq!(a.target, Ratio::parse("0.995").expect("a number"));
    let Indicator::Measured(measure) = &b.indicator else {
        panic!("{:?}", b.indicator)
    };
    assert_eq!(measure.overdue_ns, Some(30_000_000_000));
    assert!(measure.valid_sql().contains("orders"));
}

#[test]
fn hostile_files_end_with_a_finding() {
    let deep = "a: ".to_owned() + &"{b: ".repeat(300);
    let wide = format!("slos: [{}]", "{slo: x, target: 99%},".repeat(25_000));
    for text in [
        deep,
        wide,
        "\u{0}\u{1}".to_owned(),
        "- - - -".to_owned(),
        "&a [*a]".to_owned(),
    ] {
        read::read(&[("f".to_owned(), text)]);
    }
}

#[test]
fn traps_of_real_files_are_named() {
    let check = |text: &str, rule: &str, words: &str| {
        let loaded = read::read(&[("f.yaml".to_owned(), text.to_owned())]);
        let found = loaded.findings.iter().find(|it| it.rule == rule);
        let found = found.unwrap_or_else(|| panic!("{rule} is not in {:?}", loaded.findings));
        assert!(found.text.contains(words), "{}", found.text);
        loaded
    };
    let pyrra = |spec: &str| {
        format!(
            "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {{name: a}}\nspec:\n  target: '90'\n  window: 4w\n{spec}"
        )
    };
    let latency = "  indicator:\n    latency:\n      success: {metric: 'duration_seconds_bucket{status_code=~\"e.*\"}'}\n      total: {metric: 'duration_seconds_count'}\n";
    check(
        &pyrra(&format!("  latency: '1'\n{latency}")),
        "unknown-key",
        "latency",
    );
    check(&pyrra(latency), "latency-selectors", "narrower");
    check(
        &pyrra("  alerting: {burnRateType: dynamic}\n"),
        "dynamic-burn-rate",
        "14, 7, 2 and 1",
    );
    let grouped = "  indicator:\n    ratio:\n      errors: {metric: 'calls_total{status_code=\"error\"}'}\n      total: {metric: calls_total}\n      grouping: [service, span_name]\n";
    check(&pyrra(grouped), "grouping", "2 labels");
    let openslo = |policies: &str| {
        format!(
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: a}}\nspec:\n  service: s\n  indicator: {{metadata: {{name: i}}, spec: {{ratioMetric: {{counter: true, good: {{metricSource: {{type: inquest, spec: {{workflow: w}}}}}}, total: {{metricSource: {{type: inquest, spec: {{workflow: w}}}}}}}}}}}}\n  timeWindow: [{{duration: 30d, isRolling: true}}]\n  budgetingMethod: Occurrences\n  objectives: [{{target: 0.999}}]\n  alertPolicies:\n{policies}"
        )
    };
    let loaded = check(
        &openslo("  - NoSuchPolicy\n"),
        "workbook",
        "none of its alertPolicies",
    );
    assert_eq!(
        loaded.slos[0].rules.len(),
        4,
        "nobody is left without an alert"
    );
    let policy = |name: &str, window: &str| {
        format!(
            "  - {{kind: AlertPolicy, metadata: {{name: {name}}}, spec: {{alertWhenBreaching: true, conditions: [{{kind: AlertCondition, metadata: {{name: c}}, spec: {{severity: page, condition: {{kind: burnrate, op: gt, threshold: 14.4, lookbackWindow: {window}}}}}}}]}}}}\n"
        )
    };
    let pair =
        policy("fast-long", "1h") + &policy("fast-short", "5m") + &policy("alone-short", "1h");
    let loaded = check(&openslo(&pair), "paired-policies", "both must be true");
    let rules: Vec<(&str, usize)> = loaded.slos[0]
        .rules
        .iter()
        .map(|rule| (rule.id.as_str(), rule.tests.len()))
        .collect();
    assert_eq!(rules, [("fast", 2), ("alone-short", 1)]);
    let sloth = "version: prometheus/v1\nservice: s\nslos:\n- {name: a, objective: 99.9, plugins: {chain: [{id: x}]}, sli: {raw: {error_ratio_query: '1'}}}\n";
    check(sloth, "plugins", "not run here");
}

#[test]
fn what_is_exported_is_read_back() {
    let text = "slo: a\ntarget: 99%\nwindow: 30d\nindicator: {workflow: w}\nmethod: timeslices\nslice: {length: 5m, target: 95%, empty: bad}\n\
        receivers: [team]\nbudget_alerts: [80%]\nsilent_after: 2h\n\
        exclude: [{from: 2025-01-01T00:00:00Z, duration: 1h, every: week, time_zone: Europe/Berlin, reason: r}]\n";
    let first = read::read(&[("a.yaml".to_owned(), text.to_owned())]).slos;
    let again = read::read(&[("a.yaml".to_owned(), export::openslo(&first))]);
    assert!(!again.has_errors(), "{:?}", again.findings);
    let (first, again) = (&first[0], &again.slos[0]);
    assert_eq!(first.method, again.method);
    assert_eq!(first.receivers, again.receivers);
    assert_eq!(first.budget_alerts, again.budget_alerts);
    assert_eq!(first.silent_after, again.silent_after);
    assert_eq!(first.exclusions, again.exclusions);
}

/// Rules of findings, with their lines.
fn findings(text: &str) -> Vec<(&'static str, u64)> {
    let loaded = read::read(&[("f.yaml".to_owned(), text.to_owned())]);
    loaded
        .findings
        .iter()
        .map(|it| (it.rule, it.line))
        .collect()
}

const OPENSLO: &str = "apiVersion: openslo/v1
kind: SLO
metadata: {name: orders}
spec:
  service: shop
  indicatorRef: gone
  timeWindow: [{duration: WINDOW, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
";

#[test]
fn findings_stand_in_a_line_and_do_not_contradict_each_other() {
    let check = |text: &str, has: &[(&str, u64)], never: &[&str]| {
        let found = findings(text);
        assert!(found.iter().all(|it| it.1 > 0), "{found:?}");
        for it in has {
            assert!(found.contains(it), "{it:?} is not in {found:?}");
        }
        for rule in never {
            assert!(
                !found.iter().any(|it| it.0 == *rule),
                "{rule} is in {found:?}"
            );
        }
    };
    let month = OPENSLO.replace("WINDOW", "30d");
    check(
        &month,
        &[("dangling-reference", 6), ("workbook", 5)],
        &["no-alerts"],
    );
    let minute = OPENSLO.replace("WINDOW", "1m");
    check(&minute, &[("no-alerts", 1)], &["workbook"]);
    let policy = format!("{month}  alertPolicies:\n  - alertPolicyRef: none-such\n");
    check(
        &policy,
        &[("dangling-reference", 11), ("workbook", 5)],
        &["no-alerts"],
    );
    let own = month.replace(
        "{name: orders}",
        "{name: orders, annotations: {inquest.dev/options: 'alerts: none'}}",
    );
    check(&own, &[("no-alerts", 1)], &["workbook"]);
    let wrong = month.replace(
        "{name: orders}",
        "{name: orders, annotations: {inquest.dev/sli: '{over: moons}'}}",
    );
    check(&wrong, &[("indicator", 1)], &[]);
    check("slo: [", &[("syntax", 2)], &[]);
}

#[test]
fn policies_say_whether_ends_and_silence_are_told() {
    let check = |policies: &str, resolved: bool, silent: Option<i64>| {
        let month = OPENSLO.replace("WINDOW", "30d");
        let condition = "conditions: [{kind: AlertCondition, metadata: {name: c}, spec: {severity: page, condition: \
             {kind: burnrate, op: gt, threshold: 6, lookbackWindow: 6h}}}]";
        let policies = policies.replace("CONDITIONS", condition);
        let text = format!("{month}  alertPolicies: {policies}\n");
        let loaded = read::read(&[("f.yaml".to_owned(), text.clone())]);
        let slo = loaded
            .slos
            .first()
            .unwrap_or_else(|| panic!("{text}: {:?}", loaded.findings));
        assert_eq!(slo.send_resolved, resolved, "{text}");
        assert_eq!(slo.silent_after, silent, "{text}");
        let again = read::read(&[("f.yaml".to_owned(), crate::export::openslo(&loaded.slos))]);
        assert_eq!(again.slos[0].send_resolved, resolved, "{text}");
        assert_eq!(again.slos[0].silent_after, silent, "{text}");
    };
    check("[{kind: AlertPolicy, spec: {CONDITIONS}}]", true, None);
    check(
        "[{kind: AlertPolicy, spec: {alertWhenResolved: false, alertWhenNoData: true, CONDITIONS}}]",
        false,
        Some(21_600),
    );
    check(
        "[{kind: AlertPolicy, spec: {alertWhenResolved: false, CONDITIONS}}, \
          {kind: AlertPolicy, spec: {alertWhenResolved: true, alertWhenNoData: false, CONDITIONS}}]",
        true,
        None,
    );
    check(
        "[{kind: AlertPolicy, spec: {alertWhenNoData: false, CONDITIONS}}]",
        true,
        Some(0),
    );
}

#[test]
fn pyrra_says_whether_silence_is_told() {
    let check = |alerting: &str, expect: Option<i64>| {
        let text = format!(
            "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {{name: a}}\nspec: {{target: '90', \
             window: 28d, indicator: {{ratio: {{errors: {{metric: 'inquest_executions_total{{status=\"FAILED\"}}'}}, \
             total: {{metric: inquest_executions_total}}}}}}, alerting: {{{alerting}}}}}\n"
        );
        let loaded = read::read(&[("f.yaml".to_owned(), text.clone())]);
        let slo = loaded
            .slos
            .first()
            .unwrap_or_else(|| panic!("{text}: {:?}", loaded.findings));
        assert_eq!(slo.silent_after, expect, "{text}");
    };
    check("", None);
    check("absent: false", Some(0));
    // 14 * 10 % of an hour, and two minutes.
    check("absent: true", Some(5_160));
    check("disabled: true", Some(0));
}
