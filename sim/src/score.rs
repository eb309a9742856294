//! How good an answer is.

use crate::truth::{CaseTruth, Truth};
use model::{Outcome, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

/// One answer, compared with the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Name in the catalogue.
    pub fault: String,
    /// Difficulty.
    pub tier: u8,
    /// Seed.
    pub seed: u64,
    /// ARN.
    pub execution: String,
    /// True when nobody is guilty.
    pub innocent: bool,
    /// True when somebody was named.
    pub accused: bool,
    /// The culprit is named first.
    pub top1: bool,
    /// The culprit is among the first three suspects.
    pub top3: bool,
    /// The category is right.
    pub category: bool,
    /// Culprit and category are right.
    pub joint: bool,
    /// The culprit was cleared: the worst of all.
    pub wronged: bool,
    /// Exhibits that could be checked, and those that have to do with the fault.
    pub exhibits: (usize, usize),
    /// Sources of evidence that the fault left (events, logs, spans), and those that are cited.
    pub sources: (usize, usize),
    /// 0 to 1, as the verdict says.
    pub confidence: f64,
    /// What was said, for people: `function charge-card, memory`.
    pub said: String,
    /// What is true.
    pub truth: String,
    /// By naive rule: whether it names the culprit.
    pub naive: BTreeMap<String, bool>,
}

/// Scores an answer; no answer at all is a wrong one.
pub fn score(
    truth: &Truth,
    case: &CaseTruth,
    naive: &BTreeMap<String, String>,
    verdict: Option<&Verdict>,
) -> Score {
    let verdict = verdict.cloned().unwrap_or_default();
    let innocent = case.outcome == "no_crime";
    let accused = verdict.outcome == Outcome::Verdict;
    let said = verdict
        .culprit
        .as_ref()
        .filter(|_| accused)
        .map(|culprit| culprit.name.clone())
        .unwrap_or_default();
    let category = verdict
        .category
        .filter(|_| accused)
        .map(|category| category.as_str())
        .unwrap_or_default();
    let top1 = accused && names(case).any(|name| same(name, &said));
    let joint =
        accused && answers(case).any(|(name, wanted)| same(name, &said) && wanted == category);
    let top3 = top1
        || verdict
            .suspects
            .iter()
            .take(3)
            .any(|suspect| names(case).any(|name| same(name, &suspect.name)));
    let known: Vec<&str> = verdict
        .exhibits
        .iter()
        .map(|exhibit| exhibit.reference.as_str())
        .filter(|reference| checkable(reference))
        .collect();
    let relevant = known
        .iter()
        .filter(|reference| {
            case.caused.contains(**reference) || case.contributing.contains(**reference)
        })
        .count();
    let left: Vec<&str> = ["event:", "log:", "span:"]
        .into_iter()
        .filter(|source| {
            case.caused
                .iter()
                .any(|reference| reference.starts_with(source))
        })
        .collect();
    let cited = left
        .iter()
        .filter(|source| {
            known.iter().any(|reference| {
                reference.starts_with(**source) && case.caused.contains(*reference)
            })
        })
        .count();
    Score {
        fault: truth.fault.clone(),
        tier: truth.tier,
        seed: truth.seed,
        execution: case.execution.clone(),
        innocent,
        accused,
        top1,
        top3,
        category: accused && answers(case).any(|(_, wanted)| wanted == category),
        joint,
        wronged: !innocent
            && verdict
                .cleared
                .iter()
                .any(|cleared| case.culprit.as_deref() == Some(&cleared.name)),
        exhibits: (known.len(), relevant),
        sources: (left.len(), cited),
        confidence: verdict.confidence,
        said: match accused {
            true => format!(
                "{} {said}, {category}",
                verdict
                    .culprit
                    .map(|culprit| culprit.kind)
                    .unwrap_or_default()
            ),
            false => format!(
                "{:?}: {}",
                verdict.outcome,
                verdict
                    .suspects
                    .first()
                    .map(|suspect| suspect.name.clone())
                    .unwrap_or_default()
            ),
        },
        truth: format!(
            "{} {}, {}",
            case.kind.clone().unwrap_or_default(),
            case.culprit.clone().unwrap_or_else(|| "nobody".into()),
            case.category.clone().unwrap_or_default()
        ),
        naive: naive
            .iter()
            .map(|(rule, name)| {
                (
                    rule.clone(),
                    !innocent && names(case).any(|wanted| same(wanted, name)),
                )
            })
            .collect(),
    }
}

fn checkable(reference: &str) -> bool {
    ["event:", "log:", "span:"]
        .iter()
        .any(|source| reference.starts_with(source))
}

fn names(case: &CaseTruth) -> impl Iterator<Item = &str> {
    answers(case).map(|(name, _)| name)
}

/// Names and categories that are true.
fn answers(case: &CaseTruth) -> impl Iterator<Item = (&str, &str)> {
    let first = case.culprit.as_deref().zip(case.category.as_deref());
    first.into_iter().chain(
        case.also
            .iter()
            .map(|(name, category)| (name.as_str(), category.as_str())),
    )
}

/// A version behind a colon is no other name.
fn same(wanted: &str, said: &str) -> bool {
    let bare = |name: &str| match name.rsplit_once(':') {
        Some((head, tail)) if tail.chars().all(|c| c.is_ascii_digit()) => head.to_owned(),
        _ => name.to_owned(),
    };
    wanted == said || wanted == bare(said)
}

/// Wilson's interval of a share, at 95 %.
pub fn wilson(good: usize, all: usize) -> (f64, f64) {
    if all == 0 {
        return (0.0, 1.0);
    }
    let (n, z) = (all as f64, 1.959_964_f64);
    let p = good as f64 / n;
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// Expected calibration error over 15 bins of equal width, and Brier score, of (confidence, correct).
pub fn calibration(answers: &[(f64, bool)]) -> (f64, f64) {
    if answers.is_empty() {
        return (0.0, 0.0);
    }
    let mut bins = vec![(0.0, 0.0, 0usize); 15];
    let mut brier = 0.0;
    for (confidence, correct) in answers {
        let truth = f64::from(u8::from(*correct));
        let bin = &mut bins[((confidence * 15.0) as usize).min(14)];
        *bin = (bin.0 + confidence, bin.1 + truth, bin.2 + 1);
        brier += (confidence - truth).powi(2);
    }
    let n = answers.len() as f64;
    let ece = bins
        .iter()
        .filter(|bin| bin.2 > 0)
        .map(|(confidence, truth, _)| (confidence - truth).abs() / n)
        .sum();
    (ece, brier / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_is_as_published() {
        let (low, high) = wilson(9, 10);
        assert!(
            (low - 0.5958).abs() < 1e-3 && (high - 0.9821).abs() < 1e-3,
            "{low} {high}"
        );
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn calibration_counts_how_far_words_are_from_deeds() {
        let honest: Vec<(f64, bool)> = (0..10).map(|n| (0.8, n < 8)).collect();
        assert!(calibration(&honest).0 < 1e-9);
        let boaster: Vec<(f64, bool)> = (0..10).map(|n| (0.99, n < 5)).collect();
        assert!((calibration(&boaster).0 - 0.49).abs() < 1e-9);
    }

    #[test]
    fn versions_behind_a_colon_are_the_same_name() {
        assert!(same("orders", "orders:4"));
        assert!(!same("orders", "orders:next"));
        assert!(!same("orders", "order"));
    }
}
