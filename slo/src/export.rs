//! Objectives as OpenSLO v1, in a form that its SDK accepts and that [`read`](crate::read) reads back.

use crate::{
    Indicator, Slo, Window,
    definition::{Empty, Method, NoData, Rule, Test},
    duration::{self, CalendarUnit},
    measure::{Condition, Good, Op},
    read::{ALERTING, OPTIONS, SLI},
};
use serde_json::{Value, json};

/// The objects as a stream of JSON documents, which is YAML: one SLO each.
pub fn openslo(slos: &[Slo]) -> String {
    let mut text = String::new();
    for slo in slos {
        text += "---\n";
        text += &serde_json::to_string_pretty(&object(slo)).unwrap_or_default();
        text.push('\n');
    }
    text
}

fn object(slo: &Slo) -> Value {
    let mut annotations = slo.annotations.clone();
    annotations.remove(ALERTING);
    let options = options(slo);
    annotations.insert(OPTIONS.to_owned(), options.to_string());
    let indicator = match &slo.indicator {
        Indicator::Measured(measure) => {
            let own = own_indicator(measure);
            annotations.insert(SLI.to_owned(), own.to_string());
            ratio(&own, &measure.words())
        }
        Indicator::Composite(parts) => {
            let parts: Vec<Value> = parts
                .iter()
                .map(|part| json!({"slo": part.slo, "weight": part.weight}))
                .collect();
            let own = json!({"composite": parts});
            annotations.insert(SLI.to_owned(), own.to_string());
            ratio(&own, "composite")
        }
        Indicator::NotMeasured { query, .. } => ratio(&json!({}), query),
    };
    let mut objective = json!({
        "displayName": slo.display_name,
        "target": slo.target.to_f64(),
    });
    if let Some(slices) = slo.method.slices() {
        objective["timeSliceWindow"] = json!(duration::words(slices.length));
        if matches!(slo.method, Method::Timeslices(_)) {
            objective["timeSliceTarget"] = json!(slices.target.to_f64());
        }
    }
    json!({
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {
            "name": label(&slo.name),
            "displayName": slo.display_name,
            "labels": slo.labels,
            "annotations": annotations,
        },
        "spec": {
            "description": slo.description,
            "service": slo.service.as_deref().map_or_else(|| "default".to_owned(), label),
            "indicator": indicator,
            "timeWindow": [window(&slo.window)],
            "budgetingMethod": match slo.method {
                Method::Occurrences => "Occurrences",
                Method::Timeslices(_) => "Timeslices",
                Method::RatioTimeslices(_) => "RatioTimeslices",
            },
            "objectives": [objective],
        },
    })
}

fn ratio(own: &Value, words: &str) -> Value {
    let source = |key: &str| json!({"metricSource": {"type": "inquest", "spec": {"query": format!("{key}: {words}")}}});
    let _ = own;
    json!({
        "metadata": {"name": "indicator"},
        "spec": {"ratioMetric": {"counter": true, "good": source("good"), "total": source("total")}},
    })
}

/// An RFC 1123 label from a name.
fn label(name: &str) -> String {
    let lower = name.to_lowercase();
    let label: String = lower
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .take(63)
        .collect();
    let label = label.trim_matches('-');
    if label.is_empty() {
        "unnamed".to_owned()
    } else {
        label.to_owned()
    }
}

fn window(window: &Window) -> Value {
    match window {
        Window::Rolling(length) => json!({"duration": duration::words(*length), "isRolling": true}),
        Window::Calendar(calendar) => json!({
            "duration": match calendar.unit {
                CalendarUnit::Seconds(seconds) => duration::words(seconds),
                unit => unit.to_string(),
            },
            "isRolling": false,
            "calendar": {
                "startTime": calendar.start.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                "timeZone": calendar.zone.iana_name().unwrap_or("UTC"),
            },
        }),
    }
}

/// The indicator as predicates in SQL, which say exactly the same.
fn own_indicator(measure: &crate::Measure) -> Value {
    let mut own = json!({"over": measure.over.table()});
    own["count_aborted"] = json!("true");
    own["valid"] = json!(measure.valid_sql());
    let latency = |conditions: &[Condition]| {
        let limit = conditions.iter().find(|it| it.column == "duration_ns");
        match limit.map(|it| &it.op) {
            Some(Op::AtMost(nanos)) => Some(*nanos),
            _ => None,
        }
    };
    match &measure.good {
        Good::Fresh { within, .. } => own["fresh"] = json!(duration::words(*within)),
        Good::All(conditions) if measure.overdue_ns.is_some() && latency(conditions).is_some() => {
            own["latency"] = json!(format!("{}ns", latency(conditions).unwrap_or(0)));
            if !conditions.iter().any(|it| it.column == "status") {
                own["any_status"] = json!("true");
            }
        }
        _ => own["good"] = json!(measure.good_sql()),
    }
    own
}

fn options(slo: &Slo) -> Value {
    let mut options = json!({
        "no_data": match slo.no_data {
            NoData::Hold => "hold",
            NoData::False => "ok",
            NoData::True => "bad",
        },
        "alerts": slo.rules.iter().map(rule).collect::<Vec<_>>(),
        "inhibit": slo.inhibit.to_string(),
    });
    if let Some(coverage) = slo.coverage {
        options["coverage"] = json!(coverage.to_string());
    }
    if let Some(column) = &slo.group_by {
        options["group_by"] = json!(column);
    }
    if !slo.receivers.is_empty() {
        options["receivers"] = json!(slo.receivers);
    }
    if !slo.send_resolved {
        options["send_resolved"] = json!("false");
    }
    if let Some(after) = slo.silent_after {
        options["silent_after"] = match after {
            0 => json!("none"),
            after => json!(format!("{after}s")),
        };
    }
    let shares: Vec<String> = slo.budget_alerts.iter().map(ToString::to_string).collect();
    options["budget_alerts"] = match shares.is_empty() {
        true => json!("none"),
        false => json!(shares),
    };
    if !slo.exclusions.is_empty() {
        options["exclude"] = slo.exclusions.iter().map(exclusion).collect();
    }
    if let Some(slices) = slo.method.slices() {
        options["slice_empty"] = json!(match slices.empty {
            Empty::Good => "good",
            Empty::Ignored => "ignore",
            Empty::Bad => "bad",
        });
    }
    options
}

fn exclusion(exclusion: &crate::definition::Exclusion) -> Value {
    let from = jiff::Timestamp::from_second(exclusion.from).unwrap_or_default();
    let mut all = json!({
        "from": from.to_string(),
        "duration": format!("{}s", exclusion.to - exclusion.from),
        "time_zone": exclusion.zone.iana_name().unwrap_or("UTC"),
        "reason": exclusion.reason,
    });
    if let Some(days) = exclusion.every_days {
        all["every"] = json!(format!("{days}d"));
    }
    all
}

fn rule(rule: &Rule) -> Value {
    let mut all = json!({
        "id": rule.id,
        "severity": rule.severity,
        "for": format!("{}s", rule.for_s),
        "hold": format!("{}s", rule.hold_s),
        "min_bad": rule.min_bad.to_string(),
        "min_total": rule.min_total.to_string(),
    });
    for test in &rule.tests {
        match test {
            Test::Burn {
                windows,
                factor,
                or_equal,
            } => {
                all["long"] = json!(format!("{}s", windows.first().copied().unwrap_or(3_600)));
                if let Some(short) = windows.get(1) {
                    all["short"] = json!(format!("{short}s"));
                }
                all["burn"] = json!(factor.to_string());
                all["compare"] = json!(if *or_equal { ">=" } else { ">" });
            }
            Test::BudgetAtMost(share) => all["budget_left"] = json!(share.to_string()),
            Test::ExhaustsWithin { within, lookback } => {
                all["exhausts_within"] = json!(format!("{within}s"));
                all["lookback"] = json!(format!("{lookback}s"));
            }
            Test::Outage { events, within } => {
                all["outage"] = json!(events.to_string());
                all["within"] = json!(format!("{within}s"));
            }
            Test::Silence(length) => all["no_data"] = json!(format!("{length}s")),
        }
    }
    all
}
