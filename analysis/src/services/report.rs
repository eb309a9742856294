//! What was found, as a verdict.

use super::absence::Lack;
use super::numbers::Turn;
use super::place::Place;
use super::rank::Evidence;
use super::reasons::{reason, said_category};
use super::tree::{Names, Trees};
use super::{Hop, Line, Period};
use crate::case::text::{self, Topic};
use model::{Category, Cleared, Entity, Exhibit, Outcome, Sentence, Suspect, Verdict, time};

/// Suspects that are told.
const MOST: usize = 10;

fn category(evidence: &Evidence, symptom: &Period) -> Category {
    let line = evidence
        .loud
        .and_then(|it| it.line)
        .map(|n| symptom.lines[n].body.as_str());
    let span = evidence
        .faulty
        .and_then(|it| it.span)
        .map(|n| &*symptom.spans[n].message);
    let said = format!("{} {}", line.unwrap_or_default(), span.unwrap_or_default());
    let told = evidence.by_log.max(evidence.by_error);
    let hasty = evidence.faulty.is_some_and(|it| it.hasty > 0.5);
    if hasty && evidence.by_error > 0.2 {
        return Category::TimeoutConfig;
    }
    let rejected = evidence.faulty.is_some_and(|it| it.rejected > 0.5);
    if rejected && evidence.by_error > 0.2 {
        return Category::SilentData;
    }
    if is_undone(evidence) && lack(evidence) == Some(Lack::Idle) {
        return Category::LostMessage;
    }
    if is_odd(evidence) && evidence.hog.is_some() {
        return Category::Capacity;
    }
    // A failure that names its reason does so whatever weighs more.
    let own = line.filter(|_| evidence.by_log > 0.2 && evidence.loud.is_some_and(|it| it.failure));
    if let Some(reason) = own.and_then(reason) {
        return reason;
    }
    // One that hardly anybody joins in tells nothing of who is slow.
    let heard = evidence.by_log > 0.2 || told > evidence.by_time;
    let complaint = evidence.complaint.filter(|_| heard);
    let complaint = complaint.map(|n| symptom.lines[n].body.as_str());
    if line.is_none() && complaint.map(said_category) == Some(Category::Infrastructure) {
        return Category::Infrastructure;
    }
    if let Some(turn) = evidence.turn.filter(|_| is_odd(evidence)) {
        return match turn {
            Turn::Grown => Category::DataSize,
            _ => Category::SilentData,
        };
    }
    // Work that is left undone and odd answers are no matter of time, and say nothing.
    if let Some(undone) = evidence.undone.filter(|_| is_undone(evidence)) {
        return match (undone.message, evidence.missed) {
            (true, _) => Category::LostMessage,
            // It was answered, and whoever asked for it could not go on with that.
            (false, _) if undone.lack == Lack::Stops => Category::SilentData,
            (false, true) => Category::SilentData,
            (false, false) => Category::Error,
        };
    }
    if is_undone(evidence) || is_odd(evidence) {
        return Category::Error;
    }
    match told > evidence.by_time {
        true => reached(evidence, &said),
        false => Category::Latency,
    }
}

/// What the words of a failure make of it, by who is not reached: whom one caller alone does not reach is cut off from it
/// by the network between; who takes nobody's connections in time is down.
fn reached(evidence: &Evidence, said: &str) -> Category {
    let category = said_category(said);
    let alone =
        evidence.by_error > 0.2 && evidence.faulty.is_some_and(|it| !it.refused_by.is_empty());
    let connection = matches!(text::topic(said), Some(Topic::Connection));
    match category {
        Category::Infrastructure if alone => Category::NetworkConfig,
        Category::NetworkConfig if connection && !alone => Category::Infrastructure,
        category => category,
    }
}

/// What became of a service between the periods.
pub(super) struct Became {
    /// It runs in another release.
    pub released: bool,
    /// Its processes start again and again, or started and are not warm yet.
    pub restarts: bool,
    /// What it writes of itself.
    pub writes: Option<(Category, &'static str)>,
    /// Requests stand in line before it.
    pub in_line: bool,
    /// It writes that its process dies.
    pub dies: bool,
}

/// What became of it tells why it is slow or fails, where nothing tells it better.
pub(super) fn became(mut verdict: Verdict, it: Became) -> Verdict {
    let written = it.writes.unwrap_or((Category::Error, ""));
    let (category, why) = match verdict.category {
        Some(Category::Error | Category::Latency) if it.released => (
            Category::BadDeploy,
            "it runs in another release than before",
        ),
        Some(Category::Error | Category::Latency) if it.writes.is_some() => written,
        // Nobody listens where a process dies again and again.
        Some(Category::Infrastructure) if it.released && it.dies => (
            Category::BadDeploy,
            "it dies in another release than before",
        ),
        Some(Category::Infrastructure) if it.dies && written.0 == Category::Memory => written,
        Some(Category::Latency) if it.restarts => (
            Category::ColdStart,
            "its requests wait for processes that start",
        ),
        Some(Category::Latency) if it.in_line => (
            Category::Capacity,
            "requests stand in line before it, and take as long as ever",
        ),
        _ => return verdict,
    };
    verdict.category = Some(category);
    verdict.mechanism = format!("{}; {why}", verdict.mechanism);
    verdict
}

/// True when others fail of its answers, and nothing says more of it.
fn is_odd(evidence: &Evidence) -> bool {
    let other = evidence.by_time.max(evidence.by_error);
    evidence.by_oddity > other.max(evidence.by_log)
}

/// How its work is missing.
fn lack(evidence: &Evidence) -> Option<Lack> {
    evidence.undone.map(|it| it.lack)
}

/// True when what is missing says more than times, errors and lines do.
fn is_undone(evidence: &Evidence) -> bool {
    let other = evidence.by_time.max(evidence.by_error);
    evidence.by_absence > other.max(evidence.by_log)
}

/// A score that is shown as more than nothing.
const SOME: f64 = 0.005;

/// The first of them.
pub(super) fn suspects(all: &[Evidence]) -> Vec<Suspect> {
    let some = all.iter().filter(|it| it.score >= SOME);
    some.take(MOST).map(suspect).collect()
}

/// The first suspect is the one who is accused, and of the same.
pub(super) fn agreed(mut verdict: Verdict) -> Verdict {
    if let Some(first) = verdict.suspects.first_mut() {
        first.category = verdict.category;
    }
    verdict
}

fn suspect(evidence: &Evidence) -> Suspect {
    let slow = evidence.by_time >= evidence.by_error.max(evidence.by_log)
        && !is_undone(evidence)
        && !is_odd(evidence);
    let category = match slow {
        true => Category::Latency,
        false => Category::Error,
    };
    Suspect {
        kind: "service".into(),
        name: evidence.name.clone(),
        category: Some(category),
        score: (evidence.score * 1_000.0).round() / 1_000.0,
    }
}

/// Services whose lack of traces is told by name.
const MOST_BLIND: usize = 5;

/// Accuses nobody: because nothing happened, or because too little is held to tell. `blind` are those of the `compared`
/// services of which twice the time would not have been seen.
pub(super) fn nobody(
    mut verdict: Verdict,
    compared: usize,
    blind: &[&str],
    [symptom, baseline]: [&Trees; 2],
) -> Verdict {
    let seen = compared - blind.len();
    verdict.mechanism = "nothing sets the symptom apart from the baseline".into();
    if compared == 0 || seen >= blind.len() {
        let share = if compared == 0 {
            0.5
        } else {
            seen as f64 / compared as f64
        };
        verdict.outcome = Outcome::NoCrime;
        verdict.confidence = ((0.5 + 0.4 * share) * 100.0).round() / 100.0;
        return verdict;
    }
    verdict.outcome = Outcome::ColdCase;
    verdict.mechanism += ", but too little is held to see a service that takes twice the time";
    let mut named = blind.to_vec();
    named.sort_unstable();
    let more = match named.len().saturating_sub(MOST_BLIND) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    named.truncate(MOST_BLIND);
    verdict.missing = vec![format!(
        "more traces than the {} of the symptom and the {} of the baseline: of {}{more} there are too few",
        symptom.traces(),
        baseline.traces(),
        named.join(", ")
    )];
    verdict
}

/// What it always wrote and does not write any more, as it was in the healthy period.
fn kept_quiet(evidence: &Evidence, baseline: &Period) -> Option<Exhibit> {
    let silent = evidence
        .silent
        .filter(|it| it.surprise > 12.0 && evidence.by_absence > 0.2)?;
    let mut exhibit = log(&baseline.lines[silent.line]);
    exhibit.text = format!("before, and no longer: {}", exhibit.text);
    Some(exhibit)
}

/// How often the surest accusations were right at first sight in 120 cases of two strangers.
const MOST_SURE: f64 = 0.85;

/// How sure an accusation of this weight is, which is such a share of the weight of all suspects: fitted to how often such
/// accusations were right in shops whose answer is known, at most as often as in those of strangers (docs/bench.md).
fn confidence(score: f64, share: f64) -> f64 {
    let raw = (0.35 + 0.6 * share) * score.min(0.98);
    let right = MOST_SURE * (1.0 - (-(raw - 0.06).max(0.0) / 0.10).exp());
    (right * 1_000.0).round() / 1_000.0
}

/// Accuses the first.
pub(super) fn accuse(
    mut verdict: Verdict,
    first: &Evidence,
    all: &[Evidence],
    [symptom, baseline]: [&Period; 2],
    names: &Names,
) -> Verdict {
    let total: f64 = all.iter().map(|it| it.score).sum();
    verdict.outcome = Outcome::Verdict;
    verdict.culprit = Some(Entity {
        kind: "service".into(),
        name: first.name.clone(),
        path: vec![first.name.clone()],
    });
    verdict.category = Some(category(first, symptom));
    verdict.mechanism = mechanism(first, names);
    verdict.confidence = confidence(first.score, first.score / total.max(first.score));
    verdict.exhibits = exhibits(first, symptom, names);
    verdict.exhibits.extend(kept_quiet(first, baseline));
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

/// Tells where in the service it is. A host on which other services are ill, too, is the culprit itself; an instance of the
/// service and an operation end the path. No machine makes code stumble (`stumbled`): that is the instance's own.
pub(super) fn placed(
    mut verdict: Verdict,
    places: &[Place],
    symptom: &Period,
    stumbled: bool,
) -> Verdict {
    let Some(culprit) = verdict.culprit.as_mut() else {
        return verdict;
    };
    let service = culprit.name.clone();
    let operation = places.iter().find(|it| it.kind == "operation");
    culprit.path.extend(operation.map(|it| it.name.to_string()));
    if let Some(place) = places.iter().find(|it| it.kind != "operation") {
        culprit.path.push(place.name.to_string());
        if place.shared {
            culprit.kind = "host".into();
            culprit.name = place.name.to_string();
        }
        let hop = &symptom.spans[place.span];
        verdict.cleared.insert(
            0,
            Cleared {
                kind: "service".into(),
                name: match place.shared {
                    true => service,
                    false => format!("{service} elsewhere"),
                },
                reason: format!("it is well on its other hosts: {}", place.reason),
                reference: format!("span:{}/{}", hop.trace_id, hop.span_id),
            },
        );
        let said = text::shortened(&hop.message);
        let silent = said.is_empty() || said.starts_with("status code") && !said.contains(':');
        match verdict.category {
            Some(Category::Error | Category::Latency) if place.another_version => {
                verdict.category = Some(Category::BadDeploy);
            }
            // One instance that is slow by itself is slow, and what it says of its failure is its own; a machine makes ill
            // whoever runs on it.
            Some(Category::Error) if !stumbled && (place.shared || silent) => {
                verdict.category = Some(Category::Infrastructure);
            }
            Some(Category::Latency) if place.shared => {
                verdict.category = Some(Category::Infrastructure);
            }
            _ => {}
        }
    }
    for place in places {
        verdict.mechanism = format!(
            "{}; {} {}: {}",
            verdict.mechanism, place.kind, place.name, place.reason
        );
        let shown = span(
            &symptom.spans[place.span],
            format!("{} {}: {}", place.kind, place.name, place.reason),
        );
        let known = verdict
            .exhibits
            .iter()
            .any(|it| it.reference == shown.reference);
        if !known {
            verdict.exhibits.push(shown);
        }
    }
    verdict
        .exhibits
        .sort_by(|a, b| (&a.at, &a.reference).cmp(&(&b.at, &b.reference)));
    let said = [
        Some(Sentence::Mechanism),
        verdict.but_for.as_ref().map(|_| Sentence::ButFor),
    ];
    for exhibit in &mut verdict.exhibits {
        exhibit.proves = said.into_iter().flatten().collect();
    }
    verdict
}

fn mechanism(evidence: &Evidence, names: &Names) -> String {
    let mut parts = Vec::new();
    if evidence.forgets {
        parts.push("those whom it serves ask others far more often for each request".to_owned());
    } else if let Some(late) = evidence.late.filter(|_| evidence.by_time > 0.2) {
        let added = time::human_duration(late.added_ns as i64);
        parts.push(format!(
            "added {added} per trace, {:.0} % of all that was added",
            late.share * 100.0
        ));
        if late.asks {
            parts.push("it asks others far more often for each request".to_owned());
        }
    }
    if let Some(faulty) = evidence.faulty.filter(|_| evidence.by_error > 0.2) {
        let what = match faulty.rejected > 0.5 {
            true => "it answers without an error, and who asked would not take the answer,",
            false => "errors began there",
        };
        parts.push(format!(
            "{what} in {:.0} % of the traces, {:.1} % before",
            faulty.rate * 100.0,
            faulty.usual * 100.0
        ));
    }
    if let Some(undone) = evidence
        .undone
        .filter(|it| evidence.by_absence > 0.2 && it.surprise > 12.0)
    {
        let what = names.operation_name(undone.operation);
        parts.push(match undone.lack {
            Lack::Stops => format!("its callers stop after {what}, and used to go on"),
            Lack::Leaves => format!("it no longer does {what}, which it did before"),
            Lack::Idle => format!("it no longer does {what}, though messages are sent as ever"),
        });
    } else if evidence.by_absence > 0.2 {
        parts.push("it no longer logs what it always logged".to_owned());
    }
    if evidence.by_oddity > 0.2 {
        parts.push(odd(evidence, names));
    }
    if evidence.by_log > 0.2 {
        parts.push("it logs what it did not log before".to_owned());
    }
    if parts.is_empty() {
        parts.push("what speaks against it is weak".to_owned());
    }
    format!("{}: {}", evidence.name, parts.join("; "))
}

/// What is odd about it.
fn odd(evidence: &Evidence, names: &Names) -> String {
    match (evidence.hog, evidence.odd_line) {
        (Some(hog), _) => format!(
            "it keeps {} busy, by {:.0} % of the time of all calls, and others are turned away",
            names.name(hog.of),
            hog.share * 100.0
        ),
        (None, _) if evidence.turn.is_some() => {
            let how = match evidence.turn {
                Some(Turn::Nothing) => "nothing, and always was something",
                Some(Turn::Negative) => "negative, and never was",
                Some(Turn::Smaller) => "far smaller than it ever was",
                _ => "far larger than it ever was",
            };
            format!("others fail where a number that it tells is {how}")
        }
        (None, Some(_)) => "others fail where it logs what it did not log before".to_owned(),
        (None, None) => "others fail where it answers quicker than it ever did".to_owned(),
    }
}

fn span(hop: &Hop, text: String) -> Exhibit {
    Exhibit {
        source: "span".into(),
        reference: format!("span:{}/{}", hop.trace_id, hop.span_id),
        at: time::rfc3339(hop.start),
        text,
        ..Exhibit::default()
    }
}

fn log(line: &Line) -> Exhibit {
    Exhibit {
        source: "log".into(),
        reference: format!("log:{}", line.log_id),
        at: time::rfc3339(line.time),
        text: format!("{} wrote: {}", line.service, text::brief(&line.body, 160)),
        ..Exhibit::default()
    }
}

fn exhibits(evidence: &Evidence, symptom: &Period, names: &Names) -> Vec<Exhibit> {
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
        .undone
        .and_then(|it| it.span)
        .filter(|_| evidence.by_absence > 0.2)
    {
        let hop = &symptom.spans[n];
        let what = evidence.undone.map(|it| names.operation_name(it.operation));
        let what = what.unwrap_or_default();
        let call = format!("{} {}", hop.service, hop.name);
        let text = match lack(evidence).unwrap_or_default() {
            Lack::Leaves => format!("{call} ended without {what}, which it did before"),
            Lack::Stops => format!("{call} was the last call that was made, and used not to be"),
            Lack::Idle => format!(
                "{call} was done, and {what} of {} did not follow",
                evidence.name
            ),
        };
        all.push(span(hop, text));
    }
    if let Some(n) = evidence
        .loud
        .and_then(|it| it.line)
        .filter(|_| evidence.by_log > 0.2)
    {
        all.push(log(&symptom.lines[n]));
    }
    if let Some(n) = evidence.odd_line.filter(|_| evidence.by_oddity > 0.2) {
        all.push(log(&symptom.lines[n]));
    }
    if let Some(n) = evidence.odd_span.filter(|_| evidence.by_oddity > 0.2) {
        let hop = &symptom.spans[n];
        let took = time::human_duration(hop.duration_ns);
        let amounts: Vec<String> = hop
            .amounts
            .iter()
            .map(|it| format!("{} {}", it.0, it.1))
            .collect();
        let text = match evidence.turn {
            Some(_) => format!("{} {} told {}", hop.service, hop.name, amounts.join(", ")),
            None => format!("{} {} took only {took}", hop.service, hop.name),
        };
        all.push(span(hop, text));
    }
    if let Some(hog) = evidence.hog.filter(|_| evidence.by_oddity > 0.2) {
        let hop = &symptom.spans[hog.span];
        let took = time::human_duration(hop.duration_ns);
        let text = format!(
            "{} {} kept {} for {took}",
            hop.service,
            hop.name,
            names.name(hog.of)
        );
        all.push(span(hop, text));
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
