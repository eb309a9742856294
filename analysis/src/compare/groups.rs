//! Two groups beside each other.

use super::{align::align, attributes::distinguishing, nearest::distance};
use crate::baseline::{Run, general_path};
use model::{
    ExecutionStatus, LedgerEntry, TimeCategory,
    compare::{Comparison, GroupSummary, StateDifference},
};
use std::collections::{BTreeMap, BTreeSet};

/// One side: how it was asked for, the runs looked at of how many, and their ledgers.
#[derive(Debug, Clone, Default)]
pub struct Side<'a> {
    /// How it was asked for.
    pub selection: String,
    /// Executions that fit.
    pub executions: u64,
    /// Those of them that are looked at.
    pub runs: Vec<Run<'a>>,
    /// Rows of `ledger` of these.
    pub ledger: &'a [LedgerEntry],
}

/// Compares A with B; two single executions are aligned as well.
pub fn groups(a: &Side<'_>, b: &Side<'_>) -> Comparison {
    let alignment = match (&a.runs[..], &b.runs[..]) {
        ([one], [other]) if a.executions == 1 && b.executions == 1 => {
            let distance = distance(one.execution, other.execution);
            Some(align(one, &[(*other, distance)], 1))
        }
        _ => None,
    };
    Comparison {
        a: summary(a),
        b: summary(b),
        states: states(&a.runs, &b.runs),
        attributes: distinguishing(&a.runs, &b.runs),
        alignment,
    }
}

fn summary(side: &Side<'_>) -> GroupSummary {
    let runs = &side.runs;
    let failed = |run: &&Run<'_>| {
        matches!(
            run.execution.status,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted
        )
    };
    let mut durations: Vec<i64> = runs
        .iter()
        .filter_map(|run| run.execution.duration_ns)
        .collect();
    durations.sort_unstable();
    let costs: Vec<i64> = runs
        .iter()
        .filter_map(|run| run.execution.cost_picodollars)
        .collect();
    let mut ledger: BTreeMap<TimeCategory, i128> = BTreeMap::new();
    for entry in side.ledger {
        *ledger.entry(entry.category).or_default() += i128::from(entry.duration_ns);
    }
    let accounted: BTreeSet<_> = side.ledger.iter().map(|it| it.trace_id).collect();
    let mean = |(category, sum): (TimeCategory, i128)| {
        let mean = sum / accounted.len().max(1) as i128;
        (category, i64::try_from(mean).unwrap_or(i64::MAX))
    };
    GroupSummary {
        selection: side.selection.clone(),
        executions: side.executions,
        looked_at: runs.len() as u64,
        failed: runs.iter().filter(failed).count() as u64,
        duration_ns_p50: quantile(&durations, 0.5),
        duration_ns_p95: quantile(&durations, 0.95),
        picodollars_mean: mean_of(&costs),
        priced: costs.len() as u64,
        ledger: ledger.into_iter().map(mean).collect(),
    }
}

fn mean_of(values: &[i64]) -> Option<i64> {
    let sum: i128 = values.iter().map(|it| i128::from(*it)).sum();
    let mean = sum.checked_div(values.len() as i128)?;
    i64::try_from(mean).ok()
}

fn quantile(sorted: &[i64], q: f64) -> Option<i64> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// What one group did in one state.
#[derive(Default)]
struct Visits {
    runs: u64,
    visits: u64,
    failures: u64,
    retries: u64,
    durations: Vec<i64>,
}

fn visits(runs: &[Run<'_>]) -> BTreeMap<String, Visits> {
    let mut all: BTreeMap<String, Visits> = BTreeMap::new();
    for run in runs {
        let mut seen = BTreeSet::new();
        for state in run.states {
            let path = general_path(&state.path);
            let held = all.entry(path.clone()).or_default();
            held.runs += u64::from(seen.insert(path));
            held.visits += 1;
            held.failures += u64::from(state.status.is_failure());
            held.retries += u64::from(state.retries + state.block_retries);
            held.durations.extend(state.duration_ns);
        }
    }
    for held in all.values_mut() {
        held.durations.sort_unstable();
    }
    all
}

/// Every state that either group visited, those with the largest differences first.
fn states(a: &[Run<'_>], b: &[Run<'_>]) -> Vec<StateDifference> {
    let (of_a, of_b) = (visits(a), visits(b));
    let names: BTreeSet<&String> = of_a.keys().chain(of_b.keys()).collect();
    let none = Visits::default();
    let ratio = |count: u64, of: u64| {
        if of == 0 {
            0.0
        } else {
            count as f64 / of as f64
        }
    };
    let mut states: Vec<StateDifference> = names
        .into_iter()
        .map(|name| {
            let (x, y) = (
                of_a.get(name).unwrap_or(&none),
                of_b.get(name).unwrap_or(&none),
            );
            StateDifference {
                state: name.clone(),
                visited_a: ratio(x.runs, a.len() as u64),
                visited_b: ratio(y.runs, b.len() as u64),
                duration_ns_a: quantile(&x.durations, 0.5),
                duration_ns_b: quantile(&y.durations, 0.5),
                failures_a: ratio(x.failures, x.visits),
                failures_b: ratio(y.failures, y.visits),
                retries_a: ratio(x.retries, x.visits),
                retries_b: ratio(y.retries, y.visits),
            }
        })
        .collect();
    let weight = |it: &StateDifference| {
        let (x, y) = (it.duration_ns_a.unwrap_or(0), it.duration_ns_b.unwrap_or(0));
        let slower = ((x + 1_000_000) as f64 / (y + 1_000_000) as f64).ln().abs();
        (it.visited_a - it.visited_b).abs()
            + (it.failures_a - it.failures_b).abs()
            + (it.retries_a - it.retries_b).abs()
            + slower
    };
    states.sort_by(|x, y| {
        weight(y)
            .total_cmp(&weight(x))
            .then_with(|| x.state.cmp(&y.state))
    });
    states
}
