//! Scores of many mysteries, as a table.

use crate::score::{Score, calibration, wilson};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A share with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many were good.
    pub good: usize,
    /// Of how many.
    pub all: usize,
    /// The share, 0 to 1.
    pub value: f64,
    /// Wilson's interval, 95 %.
    pub interval: (f64, f64),
}

impl Share {
    fn of(all: &[&Score], good: impl Fn(&Score) -> bool) -> Self {
        let count = all.iter().filter(|score| good(score)).count();
        Share::counted(count, all.len())
    }

    fn counted(good: usize, all: usize) -> Self {
        let value = if all == 0 {
            0.0
        } else {
            good as f64 / all as f64
        };
        Share {
            good,
            all,
            value,
            interval: wilson(good, all),
        }
    }
}

/// What one group of mysteries came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Name: a tier, or a fault in a tier.
    pub name: String,
    /// Mysteries with a culprit.
    pub top1: Share,
    /// The culprit is among three.
    pub top3: Share,
    /// Category.
    pub category: Share,
    /// Both.
    pub joint: Share,
    /// Nobody was accused where nobody is guilty.
    pub specificity: Share,
    /// Exhibits that have to do with the fault.
    pub precision: Share,
    /// Sources of evidence that are cited.
    pub recall: Share,
    /// The culprit was cleared.
    pub wronged: Share,
    /// Naive rules: the culprit is named.
    pub naive: BTreeMap<String, Share>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What was asked: seeds, tiers, family.
    pub asked: String,
    /// By tier.
    pub tiers: Vec<Group>,
    /// By fault.
    pub faults: Vec<Group>,
    /// Expected calibration error over 15 bins, of all verdicts.
    pub ece: f64,
    /// Brier score of all verdicts.
    pub brier: f64,
    /// Milliseconds for one mystery: import, and all its verdicts (median, largest).
    pub import_ms: (f64, f64),
    /// Answers that were wrong.
    pub wrong: Vec<Score>,
}

/// Puts scores together; `times` are milliseconds by mystery.
pub fn report(asked: String, scores: &[Score], mut times: Vec<f64>) -> Report {
    let mut tiers: BTreeMap<u8, Vec<&Score>> = BTreeMap::new();
    let mut faults: BTreeMap<&str, Vec<&Score>> = BTreeMap::new();
    for score in scores {
        tiers.entry(score.tier).or_default().push(score);
        faults.entry(&score.fault).or_default().push(score);
    }
    let said: Vec<(f64, bool)> = scores
        .iter()
        .filter(|score| score.accused)
        .map(|score| (score.confidence, score.joint))
        .collect();
    let (ece, brier) = calibration(&said);
    times.sort_by(f64::total_cmp);
    let wrong = scores.iter().filter(|score| {
        if score.innocent {
            score.accused
        } else {
            !score.joint
        }
    });
    Report {
        asked,
        tiers: tiers
            .into_iter()
            .map(|(tier, scores)| group(format!("tier {tier}"), &scores))
            .collect(),
        faults: faults
            .into_iter()
            .map(|(fault, scores)| group(fault.to_owned(), &scores))
            .collect(),
        ece,
        brier,
        import_ms: (
            times.get(times.len() / 2).copied().unwrap_or(0.0),
            times.last().copied().unwrap_or(0.0),
        ),
        wrong: wrong.cloned().collect(),
    }
}

fn group(name: String, scores: &[&Score]) -> Group {
    let guilty: Vec<&Score> = scores
        .iter()
        .copied()
        .filter(|score| !score.innocent)
        .collect();
    let innocent: Vec<&Score> = scores
        .iter()
        .copied()
        .filter(|score| score.innocent)
        .collect();
    let named: Vec<&Score> = guilty
        .iter()
        .copied()
        .filter(|score| score.accused)
        .collect();
    let sum = |of: fn(&Score) -> (usize, usize)| {
        named
            .iter()
            .map(|score| of(score))
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    let (exhibits, sources) = (sum(|score| score.exhibits), sum(|score| score.sources));
    let rules: Vec<&String> = guilty
        .first()
        .map(|score| score.naive.keys().collect())
        .unwrap_or_default();
    Group {
        name,
        top1: Share::of(&guilty, |score| score.top1),
        top3: Share::of(&guilty, |score| score.top3),
        category: Share::of(&guilty, |score| score.category),
        joint: Share::of(&guilty, |score| score.joint),
        specificity: Share::of(&innocent, |score| !score.accused),
        precision: Share::counted(exhibits.1, exhibits.0),
        recall: Share::counted(sources.1, sources.0),
        wronged: Share::of(&guilty, |score| score.wronged),
        naive: rules
            .into_iter()
            .map(|rule| {
                (
                    rule.clone(),
                    Share::of(&guilty, |score| {
                        score.naive.get(rule).copied().unwrap_or(false)
                    }),
                )
            })
            .collect(),
    }
}

impl Report {
    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.asked);
        let head = format!(
            "{:<28} {:>5} {:>6} {:>6} {:>6} {:>18} {:>9} {:>7} {:>7}",
            "", "cases", "top-1", "top-3", "categ", "joint (95 %)", "specific", "precis", "recall"
        );
        let mut table = |groups: &[Group]| {
            let _ = writeln!(text, "{head}");
            for group in groups {
                let _ = writeln!(text, "{}", row(group));
            }
            let _ = writeln!(text);
        };
        table(&self.tiers);
        table(&self.faults);
        let _ = writeln!(text, "naive rules, top-1:");
        for group in self.tiers.iter().filter(|group| group.joint.all > 0) {
            let rules: Vec<String> = group
                .naive
                .iter()
                .map(|(rule, share)| format!("{rule} {}", percent(share)))
                .collect();
            let _ = writeln!(text, "  {}: {}", group.name, rules.join(", "));
        }
        let _ = writeln!(
            text,
            "\ncalibration: ECE {:.3} (15 bins), Brier {:.3}",
            self.ece, self.brier
        );
        let _ = writeln!(
            text,
            "time for a mystery (import of all files and all verdicts): median {:.0} ms, largest {:.0} ms",
            self.import_ms.0, self.import_ms.1
        );
        if !self.wrong.is_empty() {
            let _ = writeln!(text, "\nwrong:");
        }
        for score in &self.wrong {
            let _ = writeln!(
                text,
                "  tier {} {} seed {}: said {} ({:.2}), true is {}",
                score.tier, score.fault, score.seed, score.said, score.confidence, score.truth
            );
        }
        text
    }
}

fn row(group: &Group) -> String {
    let interval = match group.joint.all {
        0 => String::new(),
        _ => format!(
            "{} ({:.0}-{:.0})",
            percent(&group.joint),
            group.joint.interval.0 * 100.0,
            group.joint.interval.1 * 100.0
        ),
    };
    format!(
        "{:<28} {:>5} {:>6} {:>6} {:>6} {:>18} {:>9} {:>7} {:>7}",
        group.name,
        group.joint.all + group.specificity.all,
        percent(&group.top1),
        percent(&group.top3),
        percent(&group.category),
        interval,
        percent(&group.specificity),
        percent(&group.precision),
        percent(&group.recall),
    )
}

fn percent(share: &Share) -> String {
    match share.all {
        0 => "-".to_owned(),
        _ => format!("{:.0} %", share.value * 100.0),
    }
}
