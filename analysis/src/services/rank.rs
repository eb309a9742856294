//! The three kinds of evidence together, as a verdict.

use super::{
    Hop, Line, Period,
    errors::{self, Faulty},
    latency::{self, Late},
    logs::{self, Loud},
    tree::{Answers, Trees},
};
use crate::case::text;
use model::{Category, Cleared, Entity, Exhibit, Outcome, Suspect, Verdict, time};
use std::collections::{BTreeMap, BTreeSet};

/// Suspects that are told.
const MOST: usize = 10;
/// A service that weighs less is not accused.
const LEAST: f64 = 0.3;

struct Evidence<'a> {
    name: String,
    late: Option<&'a Late>,
    faulty: Option<&'a Faulty>,
    loud: Option<&'a Loud>,
    by_time: f64,
    by_error: f64,
    by_log: f64,
    score: f64,
}

/// Compares a faulty period with a healthy one and names the service that did it. `about` names the comparison in the
/// verdict's `execution`.
pub fn explain(about: &str, symptom: &Period, baseline: &Period) -> Verdict {
    let mut verdict = Verdict {
        execution: about.to_owned(),
        version: 1,
        ..Verdict::default()
    };
    if symptom.spans.is_empty() && symptom.lines.is_empty() {
        verdict.outcome = Outcome::ColdCase;
        verdict.mechanism = "nothing is held of the symptom's traces".into();
        verdict.missing = vec!["spans or log records of the symptom".into()];
        return verdict;
    }
    let (now, before) = (Trees::new(&symptom.spans), Trees::new(&baseline.spans));
    let mut answers = Answers::new();
    before.learn(&mut answers);
    now.learn(&mut answers);
    let late = latency::late(&now, &before, &answers);
    let faulty = errors::faulty(&now, &before, &answers);
    let loud = logs::loud(symptom, baseline);
    let mut all = weigh(&late, &faulty, &loud);
    all.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.name.cmp(&b.name))
    });
    let total: f64 = all.iter().map(|it| it.score).sum();
    verdict.suspects = all.iter().take(MOST).map(suspect).collect();
    match all.first().filter(|it| it.score >= LEAST) {
        Some(first) => accuse(verdict, first, &all, total, symptom),
        None if baseline.spans.is_empty() && baseline.lines.is_empty() => {
            verdict.outcome = Outcome::ColdCase;
            verdict.mechanism = "there is nothing healthy to compare with".into();
            verdict.missing = vec!["spans or log records of the baseline".into()];
            verdict
        }
        None => {
            verdict.outcome = Outcome::NoCrime;
            verdict.mechanism = "nothing sets the symptom apart from the baseline".into();
            verdict.confidence = 0.8;
            verdict
        }
    }
}

fn weigh<'a>(
    late: &'a BTreeMap<String, Late>,
    faulty: &'a BTreeMap<String, Faulty>,
    loud: &'a BTreeMap<String, Loud>,
) -> Vec<Evidence<'a>> {
    let names: BTreeSet<&String> = late
        .keys()
        .chain(faulty.keys())
        .chain(loud.keys())
        .filter(|it| !it.is_empty())
        .collect();
    let most = loud.values().map(|it| it.surprise).fold(0.0, f64::max);
    let errors: f64 = faulty
        .values()
        .map(|it| (it.rate - it.usual).max(0.0))
        .sum();
    names
        .into_iter()
        .map(|name| {
            let (late, faulty, loud) = (late.get(name), faulty.get(name), loud.get(name));
            let by_time = late.map_or(0.0, |it| {
                saturating(it.surprise - 2.0, 6.0) * it.share.sqrt()
            });
            let by_error = faulty.map_or(0.0, |it| {
                let more = (it.rate - it.usual).max(0.0);
                let share = more / errors.max(1e-9);
                saturating(more / (it.usual * 2.0 + 0.01), 3.0) * share.sqrt()
            });
            let by_log = loud.map_or(0.0, |it| {
                let relative = it.surprise / most.max(1.0);
                let kind = if it.failure { 1.0 } else { 0.5 };
                saturating(it.surprise - 6.0, 30.0) * relative * kind
            });
            // Slowness alone must not outvote a service that says itself what is wrong.
            let score =
                1.0 - (1.0 - 0.8 * by_time) * (1.0 - 0.85 * by_error) * (1.0 - 0.85 * by_log);
            Evidence {
                name: name.clone(),
                late,
                faulty,
                loud,
                by_time,
                by_error,
                by_log,
                score,
            }
        })
        .collect()
}

/// From 0 at nothing to 1 at much more than `scale`.
fn saturating(value: f64, scale: f64) -> f64 {
    1.0 - (-(value.max(0.0)) / scale).exp()
}

fn category(evidence: &Evidence, symptom: &Period) -> Category {
    let line = evidence
        .loud
        .and_then(|it| it.line)
        .map(|n| symptom.lines[n].body.as_str());
    let span = evidence
        .faulty
        .and_then(|it| it.span)
        .map(|n| symptom.spans[n].message.as_str());
    let said = format!("{} {}", line.unwrap_or_default(), span.unwrap_or_default());
    let told = evidence.by_log.max(evidence.by_error);
    match told > evidence.by_time {
        true => text::category(text::topic(&said)),
        false => Category::Latency,
    }
}

fn suspect(evidence: &Evidence) -> Suspect {
    let slow = evidence.by_time >= evidence.by_error.max(evidence.by_log);
    Suspect {
        kind: "service".into(),
        name: evidence.name.clone(),
        category: Some(if slow {
            Category::Latency
        } else {
            Category::Error
        }),
        score: (evidence.score * 1_000.0).round() / 1_000.0,
    }
}

fn accuse(
    mut verdict: Verdict,
    first: &Evidence,
    all: &[Evidence],
    total: f64,
    symptom: &Period,
) -> Verdict {
    verdict.outcome = Outcome::Verdict;
    verdict.culprit = Some(Entity {
        kind: "service".into(),
        name: first.name.clone(),
        path: vec![first.name.clone()],
    });
    verdict.category = Some(category(first, symptom));
    verdict.mechanism = mechanism(first);
    // Of the weight of all suspects the share of the first is how sure it is, within what one comparison can prove.
    let share = first.score / total.max(first.score);
    verdict.confidence = ((0.35 + 0.6 * share) * first.score.min(0.98) * 1_000.0).round() / 1_000.0;
    verdict.exhibits = exhibits(first, symptom);
    verdict.cleared = all
        .iter()
        .skip(1)
        .take(4)
        .filter_map(|it| cleared(it, first, symptom))
        .collect();
    if let Some(late) = first.late.filter(|_| first.by_time > 0.3) {
        let added = time::human_duration(late.added_ns as i64);
        verdict.but_for = Some(format!(
            "without it these traces would have been {added} shorter on average"
        ));
    }
    verdict
}

fn mechanism(evidence: &Evidence) -> String {
    let mut parts = Vec::new();
    if let Some(late) = evidence.late.filter(|_| evidence.by_time > 0.2) {
        let added = time::human_duration(late.added_ns as i64);
        parts.push(format!(
            "added {added} per trace, {:.0} % of all that was added",
            late.share * 100.0
        ));
    }
    if let Some(faulty) = evidence.faulty.filter(|_| evidence.by_error > 0.2) {
        parts.push(format!(
            "errors began there in {:.0} % of the traces, {:.1} % before",
            faulty.rate * 100.0,
            faulty.usual * 100.0
        ));
    }
    if evidence.by_log > 0.2 {
        parts.push("it logs what it did not log before".to_owned());
    }
    if parts.is_empty() {
        parts.push("what speaks against it is weak".to_owned());
    }
    format!("{}: {}", evidence.name, parts.join("; "))
}

fn span(hop: &Hop, text: String) -> Exhibit {
    Exhibit {
        source: "span".into(),
        reference: format!("span:{}/{}", hop.trace_id, hop.span_id),
        at: time::rfc3339(hop.start),
        text,
    }
}

fn log(line: &Line) -> Exhibit {
    Exhibit {
        source: "log".into(),
        reference: format!("log:{}", line.log_id),
        at: time::rfc3339(line.time),
        text: format!("{} wrote: {}", line.service, text::brief(&line.body, 160)),
    }
}

fn exhibits(evidence: &Evidence, symptom: &Period) -> Vec<Exhibit> {
    let mut all = Vec::new();
    if let Some(n) = evidence
        .late
        .and_then(|it| it.span)
        .filter(|_| evidence.by_time > 0.2)
    {
        let hop = &symptom.spans[n];
        all.push(span(
            hop,
            format!(
                "{} {} took {}",
                hop.service,
                hop.name,
                time::human_duration(hop.duration_ns)
            ),
        ));
    }
    if let Some(n) = evidence
        .faulty
        .and_then(|it| it.span)
        .filter(|_| evidence.by_error > 0.2)
    {
        let hop = &symptom.spans[n];
        all.push(span(
            hop,
            format!(
                "{} {} failed: {}",
                hop.service,
                hop.name,
                text::brief(&hop.message, 120)
            ),
        ));
    }
    if let Some(n) = evidence
        .loud
        .and_then(|it| it.line)
        .filter(|_| evidence.by_log > 0.2)
    {
        all.push(log(&symptom.lines[n]));
    }
    all.sort_by(|a, b| (&a.at, &a.reference).cmp(&(&b.at, &b.reference)));
    all.dedup_by(|a, b| a.reference == b.reference);
    all
}

fn cleared(evidence: &Evidence, first: &Evidence, symptom: &Period) -> Option<Cleared> {
    let n = evidence
        .late
        .and_then(|it| it.span)
        .or(evidence.faulty.and_then(|it| it.span))?;
    let hop = &symptom.spans[n];
    Some(Cleared {
        kind: "service".into(),
        name: evidence.name.clone(),
        reason: format!(
            "it accounts for {:.0} % of the added time, {} for {:.0} %",
            evidence.late.map_or(0.0, |it| it.share) * 100.0,
            first.name,
            first.late.map_or(0.0, |it| it.share) * 100.0
        ),
        reference: format!("span:{}/{}", hop.trace_id, hop.span_id),
    })
}
