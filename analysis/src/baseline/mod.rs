//! What healthy runs look like: how long, how big, how often, along which path. Usable from a handful of
//! runs, mergeable, bounded, and the same in whatever order the runs came.
//!
//! Numbers are kept under their [`Circumstances`] (version, size of the input, cold or warm). A question asks
//! with the most exact circumstances and is answered by the most exact ones that hold enough, drawn towards
//! the more general ones with the weight n/(n + 8).

mod key;
mod observe;
mod sample;
mod template;

pub use key::{Circumstances, Measure, Subject, general_path, size_bucket};
pub use observe::{Run, is_healthy};
pub use sample::{Distribution, Sample};
pub use template::template;

use std::collections::{BTreeMap, BTreeSet};

/// Numbers after which a level of circumstances needs no help from the more general one.
const ENOUGH: usize = 8;
/// Weight of the general level, in numbers.
const SHRINK: f64 = 8.0;
/// 1.4826 MAD estimate the standard deviation of a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;
/// Pools of numbers, counted things and paths that a baseline keeps at most.
const MOST_POOLS: usize = 20_000;
/// Log templates, errors and paths kept at most.
const MOST_MARKS: usize = 20_000;

/// What healthy runs of one workflow look like.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Baseline {
    runs: u64,
    numbers: BTreeMap<(Subject, Measure), BTreeMap<Circumstances, Sample>>,
    pools: usize,
    /// How often a subject was touched, in runs and in all.
    touched: BTreeMap<Subject, Touched>,
    /// How often a mark was seen on a subject: in runs and in all.
    marks: BTreeMap<(Subject, String), Touched>,
    paths: BTreeMap<String, u64>,
    versions: BTreeMap<String, u64>,
}

/// How often something was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Touched {
    /// Executions in which it was seen.
    pub runs: u64,
    /// Times in all.
    pub times: u64,
}

/// A share with what it rests on: Beta(1/2, 1/2) updated by the counts (Jeffreys).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// Times it happened.
    pub hits: u64,
    /// Times it could have.
    pub trials: u64,
}

impl Rate {
    /// Expected share: (hits + 1/2) / (trials + 1).
    pub fn mean(&self) -> f64 {
        (self.hits as f64 + 0.5) / (self.trials as f64 + 1.0)
    }
}

/// Where a number lies in what is usual.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usual {
    /// Expected value: median, drawn towards that of more general circumstances.
    pub median: i64,
    /// Spread of the logarithms (1.48 MAD), at least 5 %.
    pub log_sigma: f64,
    /// The numbers of the circumstances that answered.
    pub distribution: Distribution,
    /// How many steps of generality were taken, 0 for none.
    pub level: usize,
}

impl Usual {
    /// Standard deviations, on the logarithmic scale, by which `value` is above the median.
    pub fn z(&self, value: i64) -> f64 {
        (log(value) - log(self.median)) / self.log_sigma
    }

    /// How surprising `value` or more is: conformal, see [`Distribution::p_at_least`].
    pub fn p_at_least(&self, value: i64) -> f64 {
        self.distribution.p_at_least(value)
    }
}

impl Baseline {
    /// Of these runs. Those that are not healthy are left out, and of many the slowest twentieth: somebody
    /// may have been ill without knowing.
    pub fn of<'a>(runs: impl IntoIterator<Item = Run<'a>>) -> Self {
        let mut runs: Vec<Run<'_>> = runs
            .into_iter()
            .filter(|run| is_healthy(run.execution))
            .collect();
        runs.sort_by_key(|run| (run.execution.duration_ns, run.execution.trace_id));
        let kept = runs.len() - runs.len() / 20;
        let mut baseline = Baseline::default();
        for run in &runs[..kept] {
            baseline.add(run);
        }
        baseline
    }

    /// Runs in it.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Puts what another baseline holds to this one.
    pub fn merge(&mut self, other: &Baseline) {
        self.runs += other.runs;
        for (key, pools) in &other.numbers {
            for (circumstances, sample) in pools {
                if let Some(pool) = self.pool(key.clone(), circumstances.clone()) {
                    pool.merge(sample);
                }
            }
        }
        for (subject, seen) in &other.touched {
            let held = self.touched.entry(subject.clone()).or_default();
            *held = held.plus(*seen);
        }
        for (mark, seen) in &other.marks {
            self.count_mark(mark.clone(), *seen);
        }
        for (path, count) in &other.paths {
            self.count_path(path, *count);
        }
        for (version, count) in &other.versions {
            *self.versions.entry(version.clone()).or_default() += count;
        }
    }

    fn pool(
        &mut self,
        key: (Subject, Measure),
        circumstances: Circumstances,
    ) -> Option<&mut Sample> {
        let full = self.pools >= MOST_POOLS;
        let known = self
            .numbers
            .get(&key)
            .is_some_and(|pools| pools.contains_key(&circumstances));
        if full && !known {
            return None;
        }
        self.pools += usize::from(!known);
        Some(
            self.numbers
                .entry(key)
                .or_default()
                .entry(circumstances)
                .or_default(),
        )
    }

    fn count_mark(&mut self, mark: (Subject, String), seen: Touched) {
        if self.marks.len() < MOST_MARKS || self.marks.contains_key(&mark) {
            let held = self.marks.entry(mark).or_default();
            *held = held.plus(seen);
        }
    }

    fn count_path(&mut self, path: &str, count: u64) {
        if self.paths.len() < MOST_MARKS || self.paths.contains_key(path) {
            *self.paths.entry(path.to_owned()).or_default() += count;
        }
    }

    /// What is usual; `None` when there is no number of it at all.
    pub fn usual(&self, subject: &Subject, measure: Measure, at: &Circumstances) -> Option<Usual> {
        let pools = self.numbers.get(&(subject.clone(), measure))?;
        let mut levels: Vec<Distribution> = Vec::new();
        for circumstances in at.levels() {
            let mut all = Sample::default();
            let fitting = pools.iter().filter(|(held, _)| fits(&circumstances, held));
            for (_, sample) in fitting {
                all.merge(sample);
            }
            levels.push(Distribution::of(&all));
        }
        let level = levels
            .iter()
            .position(|level| level.len() >= ENOUGH)
            .or_else(|| levels.iter().rposition(|level| !level.is_empty()))?;
        let distribution = levels.swap_remove(level);
        // The most general level has the last word where the exact ones are thin.
        let exact = levels.iter().take(level).filter(|it| !it.is_empty());
        let (mut median, mut sigma) = centre(&distribution);
        for thin in exact.collect::<Vec<_>>().into_iter().rev() {
            let weight = thin.len() as f64 / (thin.len() as f64 + SHRINK);
            let (own, spread) = centre(thin);
            median += weight * (own - median);
            sigma += weight * (spread.max(0.05) - sigma);
        }
        Some(Usual {
            median: unlog(median),
            log_sigma: sigma.max(0.05),
            distribution,
            level,
        })
    }

    /// How many executions touched a subject, and how often in all.
    pub fn touched(&self, subject: &Subject) -> Touched {
        self.touched.get(subject).copied().unwrap_or_default()
    }

    /// Per touch: how often a mark (`error:…`, `retry`, `cold`, `caught`…) was seen on a subject.
    pub fn rate(&self, subject: &Subject, mark: &str) -> Rate {
        let key = (subject.clone(), mark.to_owned());
        let seen = self.marks.get(&key).copied().unwrap_or_default();
        Rate {
            hits: seen.times.min(self.touched(subject).times),
            trials: self.touched(subject).times,
        }
    }

    /// Per execution that touched the subject: in how many a mark (such as `log:` and a [`template()`]) was seen.
    pub fn presence(&self, subject: &Subject, mark: &str) -> Rate {
        let key = (subject.clone(), mark.to_owned());
        let seen = self.marks.get(&key).copied().unwrap_or_default();
        Rate {
            hits: seen.runs,
            trials: self.touched(subject).runs,
        }
    }

    /// In how many executions the subject was touched at all.
    pub fn visited(&self, subject: &Subject) -> Rate {
        Rate {
            hits: self.touched(subject).runs,
            trials: self.runs,
        }
    }

    /// The marks seen on a subject that begin with `prefix`.
    pub fn marks<'a>(
        &'a self,
        subject: &'a Subject,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, Touched)> + 'a {
        self.marks
            .range((subject.clone(), prefix.to_owned())..)
            .take_while(move |((of, mark), _)| of == subject && mark.starts_with(prefix))
            .map(|((_, mark), seen)| (mark.as_str(), *seen))
    }

    /// Subjects that healthy runs touched.
    pub fn subjects(&self) -> impl Iterator<Item = (&Subject, Touched)> {
        self.touched.iter().map(|(subject, seen)| (subject, *seen))
    }

    /// How many healthy runs took exactly this path: see [`Run::path`].
    pub fn path(&self, path: &str) -> Rate {
        Rate {
            hits: self.paths.get(path).copied().unwrap_or_default(),
            trials: self.runs,
        }
    }

    /// Paths with the number of runs that took them, most frequent first.
    pub fn paths(&self) -> Vec<(&str, u64)> {
        let mut paths: Vec<(&str, u64)> = self
            .paths
            .iter()
            .map(|(path, n)| (path.as_str(), *n))
            .collect();
        paths.sort_by_key(|(path, n)| (std::cmp::Reverse(*n), *path));
        paths
    }

    /// Versions (`workflow:3`, `charge:7`) with the number of runs that had them.
    pub fn versions(&self) -> &BTreeMap<String, u64> {
        &self.versions
    }

    /// Functions that healthy runs invoked.
    pub fn functions(&self) -> BTreeSet<&str> {
        let names = self.touched.keys().filter_map(|subject| match subject {
            Subject::Function(name) => Some(name.as_str()),
            _ => None,
        });
        names.collect()
    }
}

impl Touched {
    fn plus(self, other: Touched) -> Touched {
        Touched {
            runs: self.runs + other.runs,
            times: self.times + other.times,
        }
    }
}

/// What is asked for is met; what is not asked for may be anything.
fn fits(asked: &Circumstances, held: &Circumstances) -> bool {
    (asked.version.is_none() || asked.version == held.version)
        && (asked.size.is_none() || asked.size == held.size)
        && (asked.cold.is_none() || asked.cold == held.cold)
}

/// Median and spread of the logarithms.
fn centre(of: &Distribution) -> (f64, f64) {
    let median = of.median().unwrap_or_default();
    let mad = of.mad().unwrap_or_default();
    let sigma = MAD_TO_SIGMA * mad as f64 / (median.max(1) as f64);
    (log(median), sigma)
}

fn log(value: i64) -> f64 {
    (value.max(0) as f64 + 1.0).ln()
}

fn unlog(value: f64) -> i64 {
    (value.exp() - 1.0).round() as i64
}

#[cfg(test)]
mod tests;
