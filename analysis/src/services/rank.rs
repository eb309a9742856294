//! The kinds of evidence together: who weighs how much.

use super::{
    Period,
    absence::{self, Undone},
    callers,
    errors::{self, Faulty},
    forgets, heed,
    hints::{self, Oddities},
    hog::{self, Hog},
    idle,
    latency::{self, Late},
    logs::{self, Loud, Silent},
    means,
    numbers::{self, Turn},
    place, report,
    signals::{self, Graph},
    starts,
    tree::{Answers, Names, Trees},
};
use crate::case::text;
use model::{Outcome, TraceId, Verdict};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A service that weighs less is not accused: where nothing happened, 97 of 100 firsts weigh less (docs/bench.md).
const LEAST: f64 = 0.15;

/// What speaks against a service.
pub(super) struct Evidence<'a> {
    pub service: u32,
    pub name: String,
    pub late: Option<&'a Late>,
    pub faulty: Option<&'a Faulty>,
    pub loud: Option<&'a Loud>,
    pub silent: Option<&'a Silent>,
    pub undone: Option<&'a Undone>,
    pub by_time: f64,
    pub by_error: f64,
    pub by_log: f64,
    pub by_absence: f64,
    /// What others fail of: its odd answers, or its keeping somebody busy.
    pub by_oddity: f64,
    /// How a number that it answered has turned.
    pub turn: Option<Turn>,
    /// A line of another that complains of it.
    pub complaint: Option<usize>,
    /// Others fail of what it leaves out.
    pub missed: bool,
    /// Whom it keeps busy.
    pub hog: Option<&'a Hog>,
    /// A line that shows them.
    pub odd_line: Option<usize>,
    /// Or a span.
    pub odd_span: Option<usize>,
    /// A cache that has no room left, for want of which others ask more.
    pub forgets: bool,
    pub score: f64,
}

impl Evidence<'_> {
    fn joined(&self) -> f64 {
        // Slowness alone must not outvote a service that says itself what is wrong.
        let clear = (1.0 - 0.8 * self.by_time) * (1.0 - 0.85 * self.by_error);
        let clear = clear * (1.0 - 0.85 * self.by_oddity);
        1.0 - clear * (1.0 - 0.85 * self.by_log) * (1.0 - 0.75 * self.by_absence)
    }
}

/// All that was found, per service.
struct Findings {
    late: BTreeMap<u32, Late>,
    faulty: BTreeMap<u32, Faulty>,
    loud: BTreeMap<u32, Loud>,
    silent: BTreeMap<u32, Silent>,
    undone: BTreeMap<u32, Undone>,
    odd: Oddities,
    hogs: BTreeMap<u32, Hog>,
    caches: BTreeMap<u32, u32>,
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
    let mut names = Names::default();
    let periods = [baseline, symptom];
    let spans = periods.iter().flat_map(|it| &it.spans);
    spans.for_each(|it| names.introduce(&it.service));
    let lines = periods.iter().flat_map(|it| &it.lines);
    lines.for_each(|it| names.hear(&it.service));
    let now = Trees::new(&symptom.spans, &mut names);
    let before = Trees::new(&baseline.spans, &mut names);
    let (now_lines, before_lines) = (
        logs::count(symptom, &now, &mut names),
        logs::count(baseline, &before, &mut names),
    );
    let turned = numbers::turned([symptom, baseline], [&now, &before], &mut names);
    let mut answers = Answers::new();
    before.learn(&mut answers);
    now.learn(&mut answers);
    let times = latency::times(&now, &before, &answers, &names);
    let mut loud = logs::loud(&now_lines, &before_lines, symptom, &names);
    callers::kin(&mut loud, [&now, &before], &answers, symptom, &names);
    let caches = forgets::caches(&times.late, [symptom, baseline], &now, &answers, &names);
    let findings = Findings {
        caches,
        late: times.late,
        faulty: errors::faulty([&now, &before], &answers, &names, &times.owners, &turned),
        loud,
        silent: logs::silent((&now_lines, &now), (&before_lines, &before)),
        undone: left_undone([&now, &before], [symptom, baseline], &answers, &names),
        hogs: hog::hogs(&now, &before, &answers),
        odd: hints::oddities(
            [&now, &before],
            &answers,
            [&now_lines, &before_lines],
            turned,
        ),
    };
    let mut all = weigh(&findings, &names);
    heed::alone(&mut all, &now, &before);
    clear(&mut all, &findings, [&now, &before], &answers);
    all.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.name.cmp(&b.name))
    });
    verdict.suspects = report::suspects(&all);
    match all.first().filter(|it| it.score >= LEAST) {
        Some(first) => {
            let places = place::told(first.service, &now, &before);
            let became = report::Became {
                released: starts::released(first.service, &now, &before),
                restarts: starts::restarts(first.service, [symptom, baseline], &names)
                    || starts::cold(first.service, [&now, &before])
                    || starts::warms_up(
                        first.service,
                        [&now, &before],
                        [symptom, baseline],
                        &names,
                    ),
                writes: means::written(first.service, [symptom, baseline], &names),
                in_line: means::in_line(first.service, &now, &answers),
                dies: means::dies(first.service, [symptom, baseline], &names),
            };
            let verdict = report::accuse(verdict, first, &all, [symptom, baseline], &names);
            let failed = first.faulty.and_then(|it| it.span);
            let stumbled = failed.is_some_and(|n| text::stumbles(&symptom.spans[n].message));
            let verdict = report::became(verdict, became);
            report::agreed(report::placed(verdict, &places, symptom, stumbled))
        }
        None if baseline.spans.is_empty() && baseline.lines.is_empty() => {
            verdict.outcome = Outcome::ColdCase;
            verdict.mechanism = "there is nothing healthy to compare with".into();
            verdict.missing = vec!["spans or log records of the baseline".into()];
            verdict
        }
        None => {
            let blind: Vec<&str> = times.blind.iter().map(|it| names.name(*it)).collect();
            report::nobody(verdict, times.compared.len(), &blind, [&now, &before])
        }
    }
}

/// Calls that are left out and messages that are not taken.
fn left_undone(
    [now, before]: [&Trees; 2],
    periods: [&Period; 2],
    answers: &Answers,
    names: &Names,
) -> BTreeMap<u32, Undone> {
    let mut all = absence::undone(now, before, answers, names);
    let idle = idle::idle([now, before], periods, names);
    for (service, undone) in idle {
        let of = all.entry(service).or_default();
        if undone.surprise > of.surprise {
            *of = undone;
        }
    }
    all
}

fn weigh<'a>(findings: &'a Findings, names: &Names) -> Vec<Evidence<'a>> {
    let most = findings
        .loud
        .values()
        .map(|it| it.surprise)
        .fold(0.0, f64::max);
    let errors: f64 = findings
        .faulty
        .values()
        .map(|it| (it.rate - it.usual).max(0.0))
        .sum();
    let services: BTreeSet<u32> = findings
        .late
        .keys()
        .chain(findings.faulty.keys())
        .chain(findings.loud.keys())
        .chain(findings.silent.keys())
        .chain(findings.undone.keys())
        .chain(findings.odd.keys())
        .chain(findings.hogs.keys())
        .chain(findings.caches.keys())
        .copied()
        .collect();
    services
        .into_iter()
        .filter(|it| !names.name(*it).is_empty())
        .map(|service| {
            let mut evidence = Evidence {
                service,
                name: names.name(service).to_owned(),
                late: findings.late.get(&service),
                faulty: findings.faulty.get(&service),
                loud: findings.loud.get(&service),
                silent: findings.silent.get(&service),
                undone: findings.undone.get(&service),
                by_time: 0.0,
                by_error: 0.0,
                by_log: 0.0,
                by_absence: 0.0,
                by_oddity: 0.0,
                missed: false,
                turn: None,
                complaint: None,
                hog: None,
                odd_line: None,
                odd_span: None,
                forgets: false,
                score: 0.0,
            };
            evidence.by_time = evidence.late.map_or(0.0, |it| {
                saturating(it.surprise - 2.0, 6.0) * it.share.sqrt()
            });
            evidence.by_error = evidence.faulty.map_or(0.0, |it| {
                let more = (it.rate - it.usual).max(0.0);
                let share = more / errors.max(1e-9);
                let sure = saturating(it.surprise - 3.0, 3.0);
                saturating(more / (it.usual * 2.0 + 0.01), 3.0) * share.sqrt() * sure
            });
            evidence.by_log = evidence.loud.map_or(0.0, |it| {
                let relative = it.surprise / most.max(1.0);
                let kind = if it.failure { 1.0 } else { 0.5 };
                saturating(it.surprise - 6.0, 30.0) * relative.sqrt() * kind
            });
            let silent = evidence.silent.map_or(0.0, |it| it.surprise);
            let undone = evidence.undone.map_or(0.0, |it| it.surprise);
            evidence.by_absence = saturating(silent.max(undone) - 12.0, 40.0);
            evidence
        })
        .collect()
}

/// What somebody further down explains does not weigh; a complaint about another is charged to that one where it is
/// silent itself.
fn clear<'a>(
    all: &mut [Evidence<'a>],
    findings: &'a Findings,
    periods: [&Trees; 2],
    answers: &Answers,
) {
    let complaints = findings.loud.iter().filter(|it| it.1.failure);
    let complaints = complaints.filter_map(|(from, it)| Some((*from, it.blames?)));
    let graph = Graph::new(periods, complaints.clone(), answers);
    let explained = signals::explained(all, &graph, periods[0]);
    for (evidence, share) in all.iter_mut().zip(explained) {
        let left = 1.0 - 0.85 * share;
        evidence.by_error *= left;
        evidence.by_log *= left;
        evidence.by_absence *= left;
    }
    refuse(all, periods[0]);
    hints::omitted(all, &graph, periods[0]);
    hints::charge(all, &findings.odd, &graph, periods[0]);
    hints::needed(all, &graph, periods[0]);
    hog::charge(all, &findings.hogs);
    forgets::charge(all, &findings.caches);
    spare(all);
    heed::beside(all, &graph, periods);
    let by_log: BTreeMap<u32, f64> = all.iter().map(|it| (it.service, it.by_log)).collect();
    let own_fault = |from: u32, to: u32| {
        let faulty = findings.faulty.get(&from);
        faulty.is_some_and(|it| it.refused_by.contains(&to))
    };
    let complaints = complaints.filter(|it| graph.above(it.0, it.1) && !own_fault(it.0, it.1));
    for (from, to) in complaints {
        let said = by_log.get(&from).copied().unwrap_or(0.0);
        if let Some(blamed) = all.iter_mut().find(|it| it.service == to) {
            blamed.by_log = blamed.by_log.max(0.8 * said);
            blamed.complaint = findings.loud.get(&from).and_then(|it| it.line);
        }
        if let Some(carrier) = all.iter_mut().find(|it| it.service == from && said > 0.0) {
            carrier.by_log *= 0.5;
            // Who says whom it could not ask did not answer wrongly by itself.
            carrier.by_absence *= 1.0 - 0.85 * told(carrier);
        }
    }
    for evidence in all.iter_mut() {
        evidence.score = evidence.joined();
    }
}

/// Share of the work that is left undone after a service's answers of which its own lines tell why.
fn told(evidence: &Evidence) -> f64 {
    let undone = evidence.undone.filter(|it| it.lack == absence::Lack::Stops);
    let both = undone.zip(evidence.loud);
    both.map_or(0.0, |(undone, loud)| {
        let shared = undone.traces.intersection(&loud.traces).count() as f64;
        shared / undone.traces.len().max(1) as f64
    })
}

/// Time in which somebody waited for a connection of his own is not the callee's.
fn spare(all: &mut [Evidence]) {
    let ill = all.iter().filter(|it| it.by_error > 0.3);
    let drained: BTreeSet<u32> = ill
        .filter_map(|it| it.faulty)
        .flat_map(|it| it.drained.iter().copied())
        .collect();
    for callee in all.iter_mut().filter(|it| drained.contains(&it.service)) {
        callee.by_time *= 0.15;
    }
}

/// Who refuses what one caller alone sends says so, and is well.
fn refuse(all: &mut [Evidence], symptom: &Trees) {
    let blamed = |it: &Evidence| it.by_error > 0.3;
    let refusals = all
        .iter()
        .filter(|it| blamed(it))
        .filter_map(|it| it.faulty);
    let refusals: BTreeMap<u32, HashSet<TraceId>> =
        refusals.fold(BTreeMap::new(), |mut all, it| {
            for by in &it.refused_by {
                let roots = it.traces.iter();
                let traces = roots.map(|it| symptom.spans[*it as usize].trace_id);
                all.entry(*by).or_insert_with(HashSet::new).extend(traces);
            }
            all
        });
    for evidence in all.iter_mut().filter(|it| it.by_error < 0.3) {
        let Some(traces) = refusals.get(&evidence.service) else {
            continue;
        };
        evidence.by_log *= 0.15;
        // What it does not do for a request that it turned down, it need not do.
        let undone = evidence.undone.map(|it| &it.traces);
        let silent = evidence.silent.map(|it| &it.traces);
        let missed: HashSet<&TraceId> = undone.into_iter().chain(silent).flatten().collect();
        let shared = missed.iter().filter(|it| traces.contains(**it)).count();
        evidence.by_absence *= 1.0 - 0.85 * shared as f64 / missed.len().max(1) as f64;
    }
}

/// From 0 at nothing to 1 at much more than `scale`.
fn saturating(value: f64, scale: f64) -> f64 {
    1.0 - (-(value.max(0.0)) / scale).exp()
}
