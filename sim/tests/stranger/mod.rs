//! Mysteries of a stranger: shapes, integrations, languages and conventions that our simulator does not write. What is
//! right was written down before anything was run.

pub mod behind;
pub mod blocks;
pub mod calm;
pub mod code;
pub mod dark;
pub mod deep;
pub mod desk;
pub mod eighth;
pub mod eleventh;
pub mod eleventh_below;
pub mod fifteenth;
pub mod fifteenth_more;
pub mod fifth;
pub mod fourteenth;
pub mod fourth;
pub mod fourth_tasks;
pub mod lambda;
pub mod later;
pub mod later_calm;
pub mod ninth;
pub mod outside;
pub mod quiet;
pub mod quietly;
pub mod seventh;
pub mod shapes;
pub mod sixteenth_c;
pub mod sixteenth_d;
pub mod sixth;
pub mod sixth_deep;
pub mod slow;
pub mod swollen;
pub mod tenth;
pub mod third_calm;
pub mod thirteenth;
pub mod twelfth;
pub mod twelfth_more;
pub mod words;
pub mod worker;

use desk::{BEGIN, Desk};
use model::{Category, Fatality, Outcome, Verdict};

/// Writes the n-th run, ill or not; its ARN.
pub type Make = fn(&mut Desk, usize, bool) -> String;

/// A mystery and what is right.
pub struct Mystery {
    pub what: &'static str,
    pub make: Make,
    pub healthy: usize,
    pub ill: usize,
    pub outcome: Outcome,
    pub names: &'static [&'static str],
    pub categories: &'static [Category],
    pub fate: Option<Fatality>,
    /// Words that stand in `missing`.
    pub missing: &'static str,
    /// Words that stand in `changed`.
    pub changed: &'static str,
}

/// A mystery with a culprit.
pub fn crime(
    what: &'static str,
    names: &'static [&'static str],
    categories: &'static [Category],
    make: Make,
) -> Mystery {
    Mystery {
        what,
        make,
        healthy: 12,
        ill: 3,
        outcome: Outcome::Verdict,
        names,
        categories,
        fate: None,
        missing: "",
        changed: "",
    }
}

/// One without.
pub fn calm(what: &'static str, make: Make) -> Mystery {
    Mystery {
        outcome: Outcome::NoCrime,
        ..crime(what, &[], &[], make)
    }
}

impl Mystery {
    pub fn runs(mut self, healthy: usize, ill: usize) -> Self {
        (self.healthy, self.ill) = (healthy, ill);
        self
    }
    pub fn fate(mut self, fate: Fatality) -> Self {
        self.fate = Some(fate);
        self
    }
    pub fn missing(mut self, words: &'static str) -> Self {
        self.missing = words;
        self
    }
    pub fn changed(mut self, words: &'static str) -> Self {
        self.changed = words;
        self
    }
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The files, and the execution that is asked about: the second of the ill ones.
    pub fn write(&self) -> (inquest_sim::Mystery, String) {
        let mut desk = Desk::default();
        let asked = self.healthy + usize::from(self.ill > 1);
        let mut arn = String::new();
        // Fewer healthy runs make it harder: only the last ones of them.
        let most = std::env::var("STRANGER_HEALTHY").ok();
        let most = most.and_then(|it| it.parse().ok());
        let first = most.map_or(0, |most: usize| self.healthy.saturating_sub(most));
        for n in first..self.healthy + self.ill {
            let told = (self.make)(&mut desk, n, n >= self.healthy);
            if n == asked {
                arn = told;
            }
        }
        (desk.mystery(), arn)
    }

    /// Whether who, what, how and what is lacking are right.
    pub fn wrong(&self, verdict: &Verdict) -> Option<String> {
        let culprit = verdict.culprit.clone().unwrap_or_default();
        let who = self.names.is_empty() || self.names.contains(&culprit.name.as_str());
        let of = self.categories.is_empty()
            || verdict
                .category
                .is_some_and(|it| self.categories.contains(&it));
        let fate = self.fate.is_none_or(|it| it == verdict.fatality);
        let lacks =
            self.missing.is_empty() || verdict.missing.iter().any(|it| it.contains(self.missing));
        let cited = verdict.outcome != Outcome::Verdict || !verdict.exhibits.is_empty();
        let told = verdict.changed.clone().unwrap_or_default();
        let right = verdict.outcome == self.outcome && who && of && fate && lacks && cited;
        let right = right && told.contains(self.changed);
        (!right).then(|| {
            let suspects: Vec<_> = verdict.suspects.iter().map(|it| format!("{} {:?} {:.2}", it.name, it.category, it.score)).collect();
            format!(
                "{}: {:?} {} {} {:?} {:?} {:.2}: {}\n     suspects {suspects:?} missing {:?} changed {told}\n     expected {:?} {:?} {:?} {:?} {} {}",
                self.what, verdict.outcome, culprit.kind, culprit.name, verdict.category, verdict.fatality, verdict.confidence,
                verdict.mechanism, verdict.missing, self.outcome, self.names, self.categories, self.fate, self.missing, self.changed
            )
        })
    }
}

/// When the n-th run starts.
pub fn at(n: usize) -> i64 {
    BEGIN + n as i64 * 300_000
}

/// What varies from run to run, 0 to so many.
pub fn vary(n: usize, most: i64) -> i64 {
    (n as i64 * 7_919 + 13) % most.max(1)
}
