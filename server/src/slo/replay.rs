//! What an objective's rules would have done: over counts from a file, or over what is stored.

use super::{
    board::{self, COVERAGE},
    definitions::Definitions,
    series::Shelf,
};
use anyhow::{Result, anyhow, bail};
use model::api::slo::Replay;
use query::Engine;
use slo::{
    Ratio,
    replay::{self, Steps},
};
use std::collections::BTreeSet;
use store::{Changed, Snapshot};

/// Over counts of a file.
///
/// # Errors
/// When the counts or the steps are wrong.
pub fn over_counts(
    definitions: &Definitions,
    counts: &str,
    from: Option<i64>,
    to: Option<i64>,
    every: i64,
) -> Result<Vec<Replay>> {
    let (series, whole) = replay::counts(counts).map_err(|text| anyhow!("the counts: {text}"))?;
    let steps = Steps {
        from: from.unwrap_or(whole.from),
        to: to.unwrap_or(whole.to),
        every,
    };
    let steps = steps.check().map_err(anyhow::Error::msg)?;
    let of = |slo: &slo::Slo| {
        let mut found = replay::replay(slo, &series, steps, Ratio::ZERO);
        found.findings = findings(definitions, &slo.name);
        // The counts are the measurement.
        found.findings.retain(|it| it.rule != "not-measured");
        found
    };
    Ok(definitions.slos.iter().map(|slo| of(slo)).collect())
}

/// Over what is stored, as if now were `to`.
///
/// # Errors
/// When the data cannot be read, or the steps are wrong.
pub async fn over_data(
    engine: &Engine,
    snapshot: &Snapshot,
    definitions: &Definitions,
    from: Option<i64>,
    to: i64,
    every: i64,
) -> Result<Vec<Replay>> {
    let mut shelf = Shelf::default();
    // Windows of the first evaluation reach back beyond it.
    let begin = from.unwrap_or(to - 30 * 86_400);
    let steps = Steps {
        from: begin,
        to,
        every,
    };
    let steps = steps.check().map_err(anyhow::Error::msg)?;
    let longer: Vec<_> = definitions.slos.to_vec();
    shelf.reach_further(to - begin);
    shelf
        .refresh(engine, snapshot, &longer, &Changed::default(), to)
        .await?;
    // What still runs then and is out of time is bad already.
    let overdue = shelf.overdue(engine, snapshot, to).await?;
    let units = board::units(definitions, &shelf, &overdue, to, &[]);
    let mut all = Vec::new();
    for unit in units {
        let mut found = match &unit.not_measured {
            Some(reason) => Replay {
                slo: unit.slo.name.clone(),
                summary: "not measured".to_owned(),
                not_measured: Some(reason.clone()),
                ..Replay::default()
            },
            None => {
                let coverage = Ratio::new(COVERAGE.0, COVERAGE.1);
                let mut found = replay::replay_by(&unit.slo, &unit.by, steps, coverage);
                let window = unit.slo.window.at(to);
                let total = unit.base.sum(window.from, window.to).total;
                found
                    .findings
                    .extend(slo::lint::traffic(&unit.slo, total).map(|it| it.to_api()));
                found
            }
        };
        found.group.clone_from(&unit.group);
        found.findings.extend(findings(definitions, &unit.slo.name));
        all.push(found);
    }
    if all.is_empty() && definitions.slos.is_empty() {
        bail!("there is no objective to replay");
    }
    Ok(all)
}

/// Whether a replay is of one of these objectives, or of a group of one.
pub fn is_of(replay: &Replay, names: &BTreeSet<String>) -> bool {
    names.iter().any(|name| {
        let rest = replay.slo.strip_prefix(name.as_str());
        rest.is_some_and(|it| it.is_empty() || replay.group.is_some() && it.starts_with(':'))
    })
}

fn findings(definitions: &Definitions, name: &str) -> Vec<model::api::slo::SloFinding> {
    let of = definitions
        .findings
        .iter()
        .filter(|it| it.slo.as_deref().is_none_or(|slo| slo == name));
    of.map(slo::Finding::to_api).collect()
}
