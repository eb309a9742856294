//! Periods that lie in files: what others recorded, and may not be kept here.
//!
//! `SHOP_IN=FOLDER` judges every `NAME.json` (OTLP JSON traces) of a folder against its `base.json`; `truth.txt` has a line
//! `NAME SERVICE` for each. Then halves of the baseline are judged against each other, in which nothing happened.

use analysis::services::{Hop, Period, explain};
use model::{Outcome, SpanKind, UnixNanos};
use serde_json::Value;
use std::{collections::HashMap, path::Path};

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

fn attribute<'a>(of: &'a Value, name: &str) -> Option<&'a str> {
    let all = of["attributes"].as_array()?;
    let found = all.iter().find(|it| text(it, "key") == name)?;
    found["value"]["stringValue"].as_str()
}

fn hop(resource: &Value, span: &Value) -> Hop {
    let at = |name: &str| text(span, name).parse::<i64>().unwrap_or(0);
    Hop {
        trace_id: text(span, "traceId").parse().unwrap_or_default(),
        span_id: text(span, "spanId").parse().unwrap_or_default(),
        parent_span_id: text(span, "parentSpanId").parse().unwrap_or_default(),
        service: attribute(resource, "service.name")
            .unwrap_or_default()
            .into(),
        name: text(span, "name").into(),
        kind: match span["kind"].as_u64() {
            Some(1) => SpanKind::Internal,
            Some(2) => SpanKind::Server,
            Some(3) => SpanKind::Client,
            Some(4) => SpanKind::Producer,
            Some(5) => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        },
        start: UnixNanos(at("startTimeUnixNano")),
        duration_ns: at("endTimeUnixNano") - at("startTimeUnixNano"),
        failed: span["status"]["code"].as_u64() == Some(2),
        message: text(&span["status"], "message").into(),
        peer: attribute(span, "peer.service").map(Into::into),
        host: attribute(resource, "host.name").map(Into::into),
        pod: attribute(resource, "k8s.pod.name").map(Into::into),
        release: attribute(resource, "service.version").map(Into::into),
        ..Hop::default()
    }
}

fn read(path: &Path) -> Period {
    let text = std::fs::read_to_string(path).expect("a file of traces");
    let all: Value = serde_json::from_str(&text).expect("OTLP JSON");
    let mut period = Period::default();
    for of in all["resourceSpans"].as_array().into_iter().flatten() {
        for scope in of["scopeSpans"].as_array().into_iter().flatten() {
            let spans = scope["spans"].as_array().into_iter().flatten();
            period
                .spans
                .extend(spans.map(|it| hop(&of["resource"], it)));
        }
    }
    period
}

/// The traces of a period in two halves, by dice.
pub fn halves(period: &Period, seed: u64) -> [Period; 2] {
    let mut of: HashMap<model::TraceId, u64> = HashMap::new();
    let mut halves = [Period::default(), Period::default()];
    let draw = |id: model::TraceId| {
        let bytes = u64::from_le_bytes(id.0[..8].try_into().expect("eight bytes"));
        let mixed =
            (bytes ^ seed.wrapping_mul(0xD6E8_FEB8_6659_FD93)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 63
    };
    for hop in &period.spans {
        let half = *of.entry(hop.trace_id).or_insert_with(|| draw(hop.trace_id));
        halves[half as usize].spans.push(hop.clone());
    }
    // Lines that name no trace: a slice of time goes to one of them.
    for line in &period.lines {
        let id = match line.trace_id.is_zero() {
            true => {
                let mut slice = model::TraceId::default();
                slice.0[..8].copy_from_slice(&(line.time.0 / 10_000_000_000).to_le_bytes());
                slice
            }
            false => line.trace_id,
        };
        let half = *of.entry(id).or_insert_with(|| draw(id));
        halves[half as usize].lines.push(line.clone());
    }
    halves
}

/// Judges all of a folder and prints what comes of it.
pub fn judge(folder: &Path) {
    let truth = std::fs::read_to_string(folder.join("truth.txt")).expect("truth.txt");
    let base = read(&folder.join("base.json"));
    let (mut all, mut first, mut accused_right, mut third) = (0, 0, 0, 0);
    for (name, service) in truth.lines().filter_map(|it| it.split_once(' ')) {
        let verdict = explain(name, &read(&folder.join(format!("{name}.json"))), &base);
        let ranks: Vec<&str> = verdict.suspects.iter().map(|it| &*it.name).collect();
        let accused = verdict.culprit.as_ref().and_then(|it| it.path.first());
        all += 1;
        first += usize::from(ranks.first() == Some(&service));
        third += usize::from(ranks.iter().take(3).any(|it| *it == service));
        accused_right += usize::from(accused.is_some_and(|it| it == service));
        let scores = verdict.suspects.iter().take(4);
        let scores: Vec<String> = scores
            .map(|it| format!("{} {:.2}", it.name, it.score))
            .collect();
        println!(
            "{} {name} {service}: {:?} {accused:?} {:.2} {}; {scores:?} {:?}",
            if accused.is_some_and(|it| it == service) {
                "ok  "
            } else {
                "MISS"
            },
            verdict.outcome,
            verdict.confidence,
            verdict.mechanism,
            verdict.missing,
        );
    }
    println!("{all}: accused rightly {accused_right}, first {first}, among three {third}");
    let mut scores: Vec<f64> = Vec::new();
    let mut outcomes: HashMap<String, usize> = HashMap::new();
    for seed in 1..=200 {
        let [one, other] = halves(&base, seed);
        let verdict = explain("halves", &one, &other);
        *outcomes
            .entry(format!("{:?}", verdict.outcome))
            .or_default() += 1;
        scores.push(verdict.suspects.first().map_or(0.0, |it| it.score));
        if verdict.outcome == Outcome::Verdict {
            println!(
                "halves {seed}: {} {:.2}",
                verdict.mechanism, verdict.suspects[0].score
            );
        }
    }
    scores.sort_by(f64::total_cmp);
    println!(
        "halves of the baseline: {outcomes:?}; weight of the first: median {:.2}, at 97 % {:.2}, most {:.2}",
        scores[100], scores[194], scores[199]
    );
}
