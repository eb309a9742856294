//! Definitions that change while they alert: the old generation goes on until the new one can judge.

use super::{
    board::Unit,
    definitions::{self, Definitions},
    incidents::{Former, Remembered},
};
use slo::{Slo, evaluate::Moment, read};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Longest definition that is remembered for an incident, bytes, with all that it refers to.
const MOST_TEXT: usize = 1 << 20;
/// Other files that are looked at for what a definition refers to.
const MOST_FILES: usize = 2_000;

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

/// The definition under which an incident begins: its file, and those that it refers to. `slo` may be a group of
/// an objective. What the files do not say any more is not kept, but where it was written is.
pub(super) fn former(slo: &Slo, definitions: &Definitions) -> Option<Former> {
    let base = definitions
        .slos
        .iter()
        .find(|it| it.source == slo.source && belongs(&slo.name, &it.name))?;
    let text = definitions::text_of(base)
        .ok()
        .filter(|it| it.len() < MOST_TEXT)?;
    let mut former = Former {
        file: base.source.file.clone(),
        text,
        with: Vec::new(),
    };
    if resolved(&former, &base.name).is_some_and(|it| it == **base) {
        return Some(former);
    }
    former.with = referred(&former, definitions);
    let size: usize = former.with.iter().map(|(_, text)| text.len()).sum();
    let same = resolved(&former, &base.name).is_some_and(|it| it == **base);
    if !same || size > MOST_TEXT {
        former.with = Vec::new();
    }
    Some(former)
}

/// Whether a unit is the objective, or a group of it.
fn belongs(unit: &str, slo: &str) -> bool {
    let group = unit.strip_prefix(slo);
    group.is_some_and(|group| group.is_empty() || group.starts_with(':'))
}

/// The objective that the texts define.
fn resolved(former: &Former, name: &str) -> Option<Slo> {
    let mut texts = vec![(former.file.clone(), former.text.clone())];
    texts.extend(former.with.iter().cloned());
    let read = read::read(&texts);
    read.slos.into_iter().find(|it| it.name == name)
}

/// Files whose objects a definition names, or the objects that it names do: indicators, policies, conditions.
/// Bindings and windows name nobody and hold for all.
fn referred(former: &Former, definitions: &Definitions) -> Vec<(String, String)> {
    let mut others: Vec<(String, String, Vec<String>)> = Vec::new();
    for path in definitions.fingerprint.keys().take(MOST_FILES) {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if file == former.file || text.len() > MOST_TEXT {
            continue;
        }
        let objects = read::read(&[(file.clone(), text.clone())]).others;
        if !objects.is_empty() {
            others.push((file, text, objects));
        }
    }
    let mut named = former.text.clone();
    let mut with = Vec::new();
    loop {
        let fits = |object: &String| match object.split_once(' ') {
            Some((_, name)) => named.contains(name),
            None => true,
        };
        let found = others
            .iter()
            .position(|(.., objects)| objects.iter().any(fits));
        let Some(at) = found else {
            return with;
        };
        let (file, text, _) = others.remove(at);
        named += &text;
        with.push((file, text));
    }
}

/// Definitions that were replaced while they, or a group of them, fire, by name.
pub(super) fn formers(
    definitions: &Definitions,
    memories: &BTreeMap<String, Remembered>,
) -> BTreeMap<String, Arc<Slo>> {
    let mut all = BTreeMap::new();
    for slo in &definitions.slos {
        let generation = slo.generation();
        let mut held = memories
            .range(slo.name.clone()..)
            .take_while(|(name, _)| name.starts_with(&slo.name))
            .filter(|(name, held)| belongs(name, &slo.name) && !held.open.is_empty())
            .filter(|(_, held)| held.generation != generation);
        let Some(former) = held.find_map(|(_, held)| held.former.as_ref()) else {
            continue;
        };
        if let Some(old) = resolved(former, &slo.name) {
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
    let now = definitions.slos.iter();
    let missing = now.filter(|it| !formers.contains_key(&it.name));
    let all: Vec<Arc<Slo>> = formers.values().chain(missing).cloned().collect();
    let names = formers.keys().map(String::as_str);
    let needed = slo::parts::with_parts(names, all.iter().map(Arc::as_ref));
    let is_needed = |slo: &&Arc<Slo>| needed.contains(slo.name.as_str());
    all.iter().filter(is_needed).cloned().collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::definitions::Places;
    use slo::Indicator;
    use std::path::Path;

    const SLO: &str = "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: orders}\nspec:\n  indicatorRef: runs\n  \
        timeWindow: [{duration: 28d, isRolling: true}]\n  objectives: [{target: 0.99}]\n  \
        alertPolicies: [{alertPolicyRef: burns}]\n";
    const POLICY: &str = "apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: burns}\nspec:\n  \
        conditions: [{conditionRef: fast}]\n";
    const CONDITION: &str = "apiVersion: openslo/v1\nkind: AlertCondition\nmetadata: {name: fast}\nspec:\n  severity: page\n  \
        condition: {kind: burnrate, op: gt, threshold: 10, lookbackWindow: 1h}\n";
    const OTHER: &str =
        "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: unrelated}\nspec: {}\n";

    fn sli(workflow: &str) -> String {
        format!(
            "apiVersion: openslo/v1\nkind: SLI\nmetadata: {{name: runs}}\nspec:\n  ratioMetric:\n    \
             good: {{metricSource: {{type: inquest, spec: {{workflow: {workflow}}}}}}}\n    \
             total: {{metricSource: {{type: inquest, spec: {{workflow: {workflow}}}}}}}\n"
        )
    }

    fn write(folder: &Path, name: &str, text: &str) {
        std::fs::write(folder.join(name), text).expect("written");
    }

    #[test]
    fn what_fires_is_remembered_with_all_that_it_refers_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = Places {
            folder: folder.path().to_owned(),
            more: Vec::new(),
        };
        for (name, text) in [
            ("slo.yaml", SLO),
            ("policy.yaml", POLICY),
            ("condition.yaml", CONDITION),
            ("other.yaml", OTHER),
        ] {
            write(folder.path(), name, text);
        }
        write(folder.path(), "sli.yaml", &sli("orders"));
        let before = places.load();
        let fired = before.slos[0].clone();
        assert!(
            matches!(fired.indicator, Indicator::Measured(_)),
            "{fired:?}"
        );
        let kept = former(&fired, &before).expect("a former definition");
        let with: Vec<&str> = kept
            .with
            .iter()
            .filter_map(|it| it.0.rsplit('/').next())
            .collect();
        assert_eq!(with.len(), 3, "{with:?}");
        assert!(!with.contains(&"other.yaml"), "{with:?}");

        // Somebody edits the indicator while it fires; the objective's own file stays as it was.
        write(folder.path(), "sli.yaml", &sli("others"));
        let now = reloaded(&before, places.load());
        assert_ne!(now.slos[0].generation(), fired.generation());
        let remembered = Remembered {
            open: BTreeMap::from([("page".to_owned(), 1)]),
            generation: fired.generation(),
            former: Some(kept),
            ..Remembered::default()
        };
        let text = serde_json::to_string(&remembered).expect("JSON");
        let remembered: Remembered = serde_json::from_str(&text).expect("the same");
        let memories = BTreeMap::from([("orders".to_owned(), remembered)]);
        let old = formers(&now, &memories);
        assert_eq!(old.get("orders").map(|it| &**it), Some(&*fired));
    }

    #[test]
    fn what_is_not_written_any_more_is_not_made_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = Places {
            folder: folder.path().to_owned(),
            more: Vec::new(),
        };
        write(
            folder.path(),
            "a.yaml",
            "slo: orders\ntarget: 99%\nindicator: {workflow: orders}\n",
        );
        let before = places.load();
        let fired = before.slos[0].clone();
        assert!(former(&fired, &before).expect("kept").with.is_empty());
        // A group of it is the same definition.
        let mut group = (*fired).clone();
        group.name = "orders:eu".to_owned();
        assert!(former(&group, &before).is_some());
        let mut other = (*fired).clone();
        other.name = "orders-eu".to_owned();
        assert!(former(&other, &before).is_none());
    }
}
