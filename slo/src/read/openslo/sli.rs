//! Indicators of OpenSLO: ratio and threshold metrics, and ours in annotations.

use super::SLI;
use crate::{
    Indicator, Ratio, Slo,
    bind::{self, promql},
    lint::{Findings, Level},
    measure::{Condition, Good, Op},
    node::{self, Node, Value},
    read::{Context, own},
};

pub(super) fn indicator(
    slo: &Slo,
    objective: &Node,
    sli: Option<&Node>,
    context: &Context<'_>,
    found: &mut Findings,
) -> Indicator {
    let sli_name = sli
        .and_then(|it| it.at(&["metadata", "name"]))
        .and_then(Node::text);
    let names = [Some(slo.name.as_str()), sli_name];
    if let Some(bound) = names
        .into_iter()
        .flatten()
        .find_map(|name| context.bindings.get(name))
    {
        return own::read_indicator(bound, &slo.name, found);
    }
    let annotated = sli.and_then(|it| it.at(&["metadata", "annotations"])?.text_of(SLI));
    if let Some(text) = annotated.or_else(|| slo.annotations.get(SLI).map(String::as_str)) {
        return match node::parse(text).map(|mut it| it.pop()) {
            Ok(Some(node)) => {
                let node = node.moved_to(slo.source.line);
                own::read_indicator(&node, &slo.name, found)
            }
            _ => not(&format!("the annotation {SLI} is no YAML"), text),
        };
    }
    // v1alpha has the metric in the objective.
    if let Some(ratio) = objective.get("ratioMetrics") {
        return ratio_metric(ratio, slo, found);
    }
    let spec = sli.map(|it| it.get("spec").unwrap_or(it));
    if let Some(ratio) = spec.and_then(|it| it.get("ratioMetric")) {
        if objective.get("op").is_some() {
            let text =
                "op beside a ratioMetric has no meaning: the SDK refuses it, here it is ignored";
            found.say(
                Level::Warning,
                "op-beside-ratio",
                objective.line,
                Some(&slo.name),
                text,
            );
        }
        return ratio_metric(ratio, slo, found);
    }
    let threshold = spec.and_then(|it| it.get("thresholdMetric"));
    match threshold {
        Some(metric) => threshold_metric(metric, objective, slo, found),
        None => not("it has no indicator that could be read", ""),
    }
}

fn not(reason: &str, query: &str) -> Indicator {
    Indicator::NotMeasured {
        reason: reason.to_owned(),
        query: query.to_owned(),
    }
}

/// Where a metric comes from: its type, and its spec.
fn source(metric: &Node) -> (String, Option<&Node>) {
    let inner = metric.get("metricSource").unwrap_or(metric);
    let kind = inner.text_of("type").or_else(|| inner.text_of("queryType"));
    let kind = kind.or_else(|| inner.text_of("source")).unwrap_or_default();
    (kind.to_lowercase(), inner.get("spec").or(Some(inner)))
}

fn query(spec: Option<&Node>) -> &str {
    let keys = ["query", "promql", "expr"];
    let text = spec.and_then(|spec| keys.iter().find_map(|key| spec.text_of(key)));
    text.unwrap_or_default()
}

fn ratio_metric(ratio: &Node, slo: &Slo, found: &mut Findings) -> Indicator {
    let part = [("good", false), ("bad", true)];
    let part = part
        .into_iter()
        .find_map(|(key, bad)| Some((ratio.get(key)?, bad)));
    let (Some((some, bad)), Some(total)) = (part, ratio.get("total")) else {
        if let Some(raw) = ratio.get("raw") {
            let (_, spec) = source(raw);
            let text = query(spec);
            return match ratio.text_of("rawType") {
                Some("success") => not(
                    "a raw success ratio has no events to count: bind it in a bindings file",
                    text,
                ),
                _ => promql::error_ratio(text),
            };
        }
        return not(
            "its ratioMetric has neither total with good or bad, nor raw",
            "",
        );
    };
    let ((kind, spec), (_, all)) = (source(some), source(total));
    if kind == "inquest" {
        return inquest(&[all, spec], slo, found);
    }
    let bound = promql::ratio(query(spec), query(all), bad);
    other(bound, &kind)
}

/// Says of which type a source is that could not be bound.
fn other(indicator: Indicator, kind: &str) -> Indicator {
    match indicator {
        Indicator::NotMeasured { reason, query }
            if !matches!(kind, "" | "prometheus" | "promql" | "any") =>
        {
            Indicator::NotMeasured {
                reason: format!("its source is of type {kind}: {reason}"),
                query,
            }
        }
        other => other,
    }
}

/// Our own indicator, its keys spread over the specs of a metric.
fn inquest(specs: &[Option<&Node>], slo: &Slo, found: &mut Findings) -> Indicator {
    let mut entries: Vec<(String, Node)> = Vec::new();
    for (key, value) in specs
        .iter()
        .copied()
        .flatten()
        .flat_map(|spec| spec.entries())
    {
        match entries.iter_mut().find(|(held, _)| held == key) {
            Some((_, held)) => *held = value.clone(),
            None => entries.push((key.clone(), value.clone())),
        }
    }
    entries.retain(|(key, _)| key != "type" && key != "query");
    let line = specs
        .iter()
        .copied()
        .flatten()
        .map(|it| it.line)
        .next()
        .unwrap_or(slo.source.line);
    let node = Node {
        line,
        value: Value::Map(entries),
    };
    own::read_indicator(&node, &slo.name, found)
}

/// Good when the value stands so to the threshold. The value that can be measured is the duration, in
/// milliseconds unless `unit` says `s`.
fn threshold_metric(metric: &Node, objective: &Node, slo: &Slo, found: &mut Findings) -> Indicator {
    let (kind, spec) = source(metric);
    if kind != "inquest" {
        let reason = "a threshold on a metric of another system: bind it in a bindings file, or give latency";
        return other(not(reason, query(spec)), &kind);
    }
    let Some(spec) = spec else {
        return not("its spec is missing", "");
    };
    let unit = match spec.text_of("unit") {
        Some("s" | "seconds") => 1_000_000_000,
        _ => 1_000_000,
    };
    let keys: Vec<(String, Node)> = spec
        .entries()
        .iter()
        .filter(|(key, _)| key != "unit" && key != "value")
        .cloned()
        .collect();
    let spec = Node {
        line: spec.line,
        value: Value::Map(keys),
    };
    let (Some(value), Some(op)) = (
        objective.text_of("value").and_then(Ratio::parse),
        objective.text_of("op"),
    ) else {
        return not("a thresholdMetric needs op and value in the objective", "");
    };
    let nanos = value.times(Ratio::new(unit, 1));
    let nanos = i64::try_from(nanos.num() / nanos.den()).unwrap_or(i64::MAX);
    let op = match op {
        "lte" => Op::AtMost(nanos),
        "lt" => Op::AtMost(nanos.saturating_sub(1)),
        "gte" => Op::AtLeast(nanos),
        "gt" => Op::AtLeast(nanos.saturating_add(1)),
        other => return not(&format!("op is {other:?}: give lt, lte, gt or gte"), ""),
    };
    match inquest(&[Some(&spec)], slo, found) {
        Indicator::Measured(mut measure) => {
            measure.good = bind::also(
                Good::All(Vec::new()),
                vec![Condition::new("duration_ns", op)],
            );
            Indicator::Measured(measure)
        }
        other => other,
    }
}
