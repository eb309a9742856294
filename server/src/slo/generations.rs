//! Definitions that change while they alert: the old generation goes on until the new one can judge.

use super::{
    board::Unit,
    definitions::{self, Definitions},
    incidents::{Former, Remembered},
};
use slo::{Indicator, Slo, evaluate::Moment, read};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Longest definition that is remembered for an incident, bytes.
const MOST_TEXT: usize = 256 * 1024;

/// Definitions as they are now. What a file defined that cannot be read any more holds on: a slip of the pen
/// must not end an incident.
pub(super) fn reloaded(before: &Definitions, mut now: Definitions) -> Definitions {
    let broken: BTreeSet<String> = now.broken().into_iter().map(|it| it.to_string()).collect();
    for slo in &before.slos {
        let held = now.slos.iter().any(|it| it.name == slo.name);
        if !held && broken.contains(&slo.source.file) {
            now.slos.push(slo.clone());
        }
    }
    now
}

/// The definition under which an incident begins.
pub(super) fn former(slo: &Slo) -> Option<Former> {
    let text = definitions::text_of(slo)
        .ok()
        .filter(|it| it.len() < MOST_TEXT)?;
    Some(Former {
        file: slo.source.file.clone(),
        text,
    })
}

/// Definitions that were replaced while they, or a group of them, fire, by name.
pub(super) fn formers(
    definitions: &Definitions,
    memories: &BTreeMap<String, Remembered>,
) -> BTreeMap<String, Arc<Slo>> {
    let mut all = BTreeMap::new();
    for slo in &definitions.slos {
        let generation = slo.generation();
        let of_it = |name: &str| {
            let group = name.strip_prefix(&slo.name);
            group.is_some_and(|group| group.is_empty() || group.starts_with(':'))
        };
        let mut held = memories
            .range(slo.name.clone()..)
            .take_while(|(name, _)| name.starts_with(&slo.name))
            .filter(|(name, held)| of_it(name) && !held.open.is_empty())
            .filter(|(_, held)| held.generation != generation);
        let Some(former) = held.find_map(|(_, held)| held.former.as_ref()) else {
            continue;
        };
        let read = read::read(&[(former.file.clone(), former.text.clone())]);
        if let Some(old) = read.slos.into_iter().find(|it| it.name == slo.name) {
            all.insert(slo.name.clone(), Arc::new(old));
        }
    }
    all
}

/// Former definitions, and those of now that they are composed of.
pub(super) fn with_parts(
    formers: BTreeMap<String, Arc<Slo>>,
    definitions: &Definitions,
) -> Vec<Arc<Slo>> {
    let mut parts: Vec<Arc<Slo>> = Vec::new();
    for former in formers.values() {
        let Indicator::Composite(of) = &former.indicator else {
            continue;
        };
        let is_part = |slo: &&Arc<Slo>| of.iter().any(|part| part.slo == slo.name);
        let missing = definitions.slos.iter().filter(is_part);
        parts.extend(
            missing
                .filter(|it| !formers.contains_key(&it.name))
                .cloned(),
        );
    }
    formers.into_values().chain(parts).collect()
}

/// The former definition goes on alerting until every window of the new one is covered.
pub(super) fn keep_alerting(units: &mut [Unit], old: Unit, moment: Moment) {
    let same = |unit: &&mut Unit| {
        unit.slo.name == old.slo.name && unit.slo.generation() != old.slo.generation()
    };
    let Some(unit) = units.iter_mut().find(same) else {
        return;
    };
    let evaluation = unit.evaluation();
    let covered = unit.not_measured.is_none()
        && unit.slo.windows().iter().all(|window| {
            evaluation.is_covered(moment, *window) && evaluation.burn(moment, *window).is_some()
        });
    if !covered && old.not_measured.is_none() {
        *unit = old;
    }
}
