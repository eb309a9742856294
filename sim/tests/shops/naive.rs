//! Rules of thumb over two periods, for comparison.

use analysis::services::{Hop, Period};
use std::collections::BTreeMap;

/// Each rule and whom it accuses.
pub fn all(symptom: &Period, baseline: &Period) -> Vec<(&'static str, Option<String>)> {
    vec![
        (
            "most failed spans",
            most(symptom, |it| f64::from(u8::from(it.failed))),
        ),
        ("longest span", longest(symptom)),
        (
            "largest growth of latency",
            growth(symptom, baseline, false),
        ),
        ("largest z of latency", growth(symptom, baseline, true)),
        ("deepest failed span", deepest(symptom)),
        ("most error lines", loudest(symptom)),
    ]
}

fn best(all: BTreeMap<String, f64>) -> Option<String> {
    let most = all
        .into_iter()
        .max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
    most.filter(|it| it.1 > 0.0).map(|it| it.0)
}

fn most(period: &Period, weight: impl Fn(&Hop) -> f64) -> Option<String> {
    let mut all: BTreeMap<String, f64> = BTreeMap::new();
    for span in &period.spans {
        *all.entry(span.service.to_string()).or_default() += weight(span);
    }
    best(all)
}

fn longest(period: &Period) -> Option<String> {
    period
        .spans
        .iter()
        .max_by_key(|it| it.duration_ns)
        .map(|it| it.service.to_string())
}

fn stats(period: &Period) -> BTreeMap<String, (f64, f64, f64)> {
    let mut all: BTreeMap<String, (f64, f64, f64)> = BTreeMap::new();
    for span in &period.spans {
        let took = span.duration_ns as f64 / 1e6;
        let of = all.entry(span.service.to_string()).or_default();
        *of = (of.0 + 1.0, of.1 + took, of.2 + took * took);
    }
    all
}

fn growth(symptom: &Period, baseline: &Period, in_deviations: bool) -> Option<String> {
    let (now, before) = (stats(symptom), stats(baseline));
    best(
        now.into_iter()
            .filter_map(|(name, (n, sum, _))| {
                let (m, usual, squares) = *before.get(&name)?;
                let (mean, usual) = (sum / n, usual / m);
                let spread = (squares / m - usual * usual).max(0.0).sqrt() + 0.01;
                Some((
                    name,
                    if in_deviations {
                        (mean - usual) / spread
                    } else {
                        mean / usual.max(0.01) - 1.0
                    },
                ))
            })
            .collect(),
    )
}

fn deepest(period: &Period) -> Option<String> {
    let above: BTreeMap<_, _> = period
        .spans
        .iter()
        .map(|it| ((it.trace_id, it.span_id), it.parent_span_id))
        .collect();
    let depth = |span: &Hop| {
        let (mut at, mut depth) = (span.parent_span_id, 0);
        while let Some(next) = above.get(&(span.trace_id, at)).filter(|_| depth < 50) {
            (at, depth) = (*next, depth + 1);
        }
        depth
    };
    period
        .spans
        .iter()
        .filter(|it| it.failed)
        .max_by_key(|it| depth(it))
        .map(|it| it.service.to_string())
}

fn loudest(period: &Period) -> Option<String> {
    let mut all: BTreeMap<String, f64> = BTreeMap::new();
    for line in period.lines.iter().filter(|it| it.severity >= 17) {
        *all.entry(line.service.to_string()).or_default() += 1.0;
    }
    best(all)
}
