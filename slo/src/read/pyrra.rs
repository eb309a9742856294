//! pyrra: `pyrra.dev/v1alpha1`, `kind: ServiceLevelObjective`.

use super::{blank, conditions, target, texts};
use crate::{
    Indicator, Ratio, Slo, Window,
    bind::promql,
    definition::{Rule, Test},
    duration,
    lint::{Findings, Level},
    node::Node,
};

/// The objective of a resource.
pub(super) fn slos(node: &Node, found: &mut Findings) -> Vec<Slo> {
    let line = node.line;
    let Some(name) = node.at(&["metadata", "name"]).and_then(Node::text) else {
        found.say(Level::Error, "name", line, None, "metadata.name is missing");
        return Vec::new();
    };
    let Some(spec) = node.get("spec") else {
        found.say(
            Level::Error,
            "definition",
            line,
            Some(name),
            "there is no spec",
        );
        return Vec::new();
    };
    let mut slo = blank(name, found.source(line, "pyrra"));
    slo.labels = texts(node.at(&["metadata", "labels"]));
    slo.annotations = texts(node.at(&["metadata", "annotations"]));
    slo.description = spec
        .text_of("description")
        .unwrap_or_default()
        .trim()
        .to_owned();
    slo.service = node
        .at(&["metadata", "namespace"])
        .and_then(Node::text)
        .map(str::to_owned);
    let percent = spec.text_of("target").unwrap_or_default();
    match target(&format!("{}%", percent.trim_end_matches('%'))) {
        Ok(ratio) => slo.target = ratio,
        Err(text) => {
            found.say(Level::Error, "target", spec.line, Some(name), text);
            return Vec::new();
        }
    }
    let window = spec.text_of("window").and_then(duration::seconds);
    let Some(window) = window.filter(|it| (3_600..=400 * 86_400).contains(it)) else {
        found.say(
            Level::Error,
            "window",
            spec.line,
            Some(name),
            "window is no length of time such as 28d",
        );
        return Vec::new();
    };
    slo.window = Window::Rolling(window);
    (slo.indicator, slo.group_by) = indicator(spec.get("indicator"));
    traps(spec, &slo, found);
    let alerting = spec.get("alerting");
    let off = |key: &str, value: &str| alerting.and_then(|it| it.text_of(key)) == Some(value);
    if !off("disabled", "true") && !off("burnrates", "false") {
        slo.rules = rules(window);
    }
    if off("disabled", "true") || off("absent", "false") {
        slo.silent_after = Some(0);
    } else if off("absent", "true") {
        slo.silent_after = Some(absent_after(&slo));
    }
    vec![slo]
}

/// What its author should know.
fn traps(spec: &Node, slo: &Slo, found: &mut Findings) {
    const KEYS: [&str; 8] = [
        "target",
        "window",
        "description",
        "indicator",
        "alerting",
        "performanceOverAccuracy",
        "status",
        "serviceLevel",
    ];
    let mut say =
        |level, rule, line, text: String| found.say(level, rule, line, Some(&slo.name), text);
    for (key, value) in spec.entries() {
        if !KEYS.contains(&key.as_str()) {
            let text = format!("pyrra has no key {key} there: it says nothing");
            say(Level::Warning, "unknown-key", value.line, text);
        }
    }
    let alerting = spec.get("alerting");
    if let Some(node) = alerting.filter(|it| it.text_of("burnRateType") == Some("dynamic")) {
        let text = "burnRateType dynamic adapts factors to traffic; here the factors are 14, 7, 2 and 1, and \
                    min_bad guards low traffic";
        say(
            Level::Warning,
            "dynamic-burn-rate",
            node.line,
            text.to_owned(),
        );
    }
    for (kind, of) in spec.get("indicator").map_or(&[][..], Node::entries) {
        let labels = of.items_of("grouping").len();
        if labels > 1 {
            let text = format!(
                "it is grouped by {labels} labels: here all of them are one objective; group_by takes one"
            );
            say(Level::Warning, "grouping", of.line, text);
        }
        let Indicator::Measured(measure) = &slo.indicator else {
            continue;
        };
        let crate::measure::Good::All(conditions) = &measure.good else {
            continue;
        };
        let others = conditions.iter().find(|it| it.column != "duration_ns");
        if let Some(other) = others.filter(|_| kind == "latency") {
            let text = format!(
                "success is narrower than total by {} as well, which counts everything else as too slow: give both \
                 the same labels, but for le",
                other.column
            );
            say(Level::Warning, "latency-selectors", of.line, text);
        }
        if kind == "latency" && conditions.iter().all(|it| it.column != "duration_ns") {
            let text = "success has no le: nothing says how fast is fast enough";
            say(
                Level::Warning,
                "latency-selectors",
                of.line,
                text.to_owned(),
            );
        }
    }
}

fn indicator(node: Option<&Node>) -> (Indicator, Option<String>) {
    let none = |reason: &str| {
        let indicator = Indicator::NotMeasured {
            reason: reason.to_owned(),
            query: String::new(),
        };
        (indicator, None)
    };
    let Some(node) = node else {
        return none("it has no indicator");
    };
    let metric = |of: &Node, key: &str| {
        let text = of.at(&[key, "metric"]).and_then(Node::text);
        text.unwrap_or_default().to_owned()
    };
    let group = |of: &Node| match of.items_of("grouping") {
        [one] => one.text().map(str::to_owned),
        _ => None,
    };
    if let Some(ratio) = node.get("ratio") {
        let bound = promql::ratio(&metric(ratio, "errors"), &metric(ratio, "total"), true);
        return (bound, group(ratio));
    }
    if let Some(latency) = node.get("latency") {
        let bound = promql::ratio(
            &metric(latency, "success"),
            &metric(latency, "total"),
            false,
        );
        return (bound, group(latency));
    }
    if let Some(native) = node.get("latencyNative") {
        let limit = native
            .text_of("latency")
            .and_then(duration::nanos)
            .unwrap_or(0);
        let total = metric(native, "total");
        let (name, labels) = total.split_once('{').unwrap_or((&total, "}"));
        let seconds = Ratio::new(i128::from(limit), 1_000_000_000);
        let bucket = format!("{name}_bucket{{le=\"{seconds}\",{labels}");
        let count = format!("{name}_count{{{labels}");
        return (promql::ratio(&bucket, &count, false), group(native));
    }
    match node.get("bool_gauge").or_else(|| node.get("boolGauge")) {
        Some(_) => none(
            "a gauge of truths is sampled by a Prometheus; here are events: bind it in a bindings file",
        ),
        None => none("its indicator is none of ratio, latency, latencyNative and bool_gauge"),
    }
}

/// After how long pyrra tells that nothing is there: as long as a total outage takes to fire the first rule
/// (`slo/rules.go`: factor, budget and long window together, and what it waits), a quarter of an hour at least.
fn absent_after(slo: &Slo) -> i64 {
    const QUIET: i64 = 15 * 60;
    let window = slo.window.nominal_seconds();
    let first = rules(window).into_iter().next();
    let length = first.and_then(|rule| {
        let windows = rule.tests.iter().filter_map(|test| match test {
            Test::Burn { windows, .. } => windows.iter().max().copied(),
            _ => None,
        });
        let long = windows.max()?;
        let takes = 14.0 * slo.allowed().to_f64() * long as f64;
        Some(takes as i64 + rule.for_s)
    });
    length.unwrap_or_default().max(QUIET)
}

/// pyrra's windows (`slo/rules.go`): factors 14, 7, 2 and 1, and times scaled from 28 days, rounded to
/// minutes. Its severities critical and warning are our page and ticket.
fn rules(window: i64) -> Vec<Rule> {
    let scaled = |parts: i64| ((window as f64 / parts as f64 / 60.0).round() as i64 * 60).max(60);
    const HOURS: i64 = 28 * 24;
    let tiers = [
        ("page", HOURS * 30, HOURS, HOURS * 12, 14),
        ("page", HOURS * 4, 28 * 4, HOURS * 2, 7),
        ("ticket", HOURS, 28, 28 * 12, 2),
        ("ticket", 28 * 8, 7, 28 * 4, 1),
    ];
    let mut rules: Vec<Rule> = tiers
        .into_iter()
        .map(|(severity, wait, long, short, burn)| {
            let mut rule = Rule::burn(severity, scaled(long), scaled(short), Ratio::new(burn, 1));
            rule.for_s = scaled(wait);
            rule
        })
        .collect();
    conditions::unique(&mut rules);
    rules
}
