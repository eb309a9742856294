//! A state that a version of a workflow lost: no run of it enters what all runs before it did, and what that state gave is
//! missing at the end, though all is green.

use super::{
    Profile, amounts,
    clue::{self, Clue, Explained},
    clues,
    profile::{self, keys},
    scene::Scene,
};
use model::Category;
use std::collections::{BTreeMap, BTreeSet};

/// Runs of other versions that all entered it.
const FEWEST: usize = 5;

/// Runs of one sort.
const FEWEST_OF_SORT: usize = 2;

/// What the definition of this run leaves out that earlier ones had.
pub(crate) fn clue(scene: &Scene) -> Option<Clue> {
    let execution = &scene.case.execution;
    let own = execution.definition.as_deref();
    let own = own.map(|text| model::TraceId::of_parts(&["definition", text]));
    let other = |it: &&Profile| match (&execution.state_machine_version, &it.version) {
        (Some(a), Some(b)) => a != b,
        // Often only the definition of today is held: then time tells them apart.
        (None, None) => match (own, it.definition) {
            (Some(a), Some(b)) if a != b => true,
            _ => it.start < execution.start_time,
        },
        _ => false,
    };
    let (old, new): (Vec<&Profile>, Vec<&Profile>) = scene.healthy.iter().copied().partition(other);
    if old.len() < FEWEST {
        return None;
    }
    let entered: BTreeSet<&str> = scene
        .case
        .states
        .iter()
        .map(|it| it.state.as_str())
        .collect();
    let lost: Vec<&String> = old[0]
        .states
        .keys()
        .filter(|name| {
            !entered.contains(name.as_str())
                && old.iter().all(|it| it.states.contains_key(*name))
                && !new.iter().any(|it| it.states.contains_key(*name))
                && scene.written(name).is_none()
        })
        .collect();
    let told = execution.state_machine_version.is_some() || released(scene);
    let name = lost.iter().copied().find(|it| gave(&old, it).is_some())?;
    let missing = gave(&old, name)?;
    let have = keys(execution.output.as_deref());
    let leaf = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let have: BTreeSet<String> = have.iter().map(|it| leaf(it)).collect();
    let missing: Vec<&String> = missing
        .iter()
        .filter(|it| !have.contains(&leaf(it)))
        .collect();
    // A definition that is not held tells nothing of what it lost.
    if missing.is_empty() || !told && scene.definition.is_none() {
        return None;
    }
    let label = match &execution.state_machine_version {
        Some(version) => format!("{}:{version}", execution.state_machine),
        None => execution.state_machine.clone(),
    };
    let to = |it: Option<&String>, or: &str| {
        it.map_or_else(|| or.to_owned(), |version| format!("version {version}"))
    };
    let before = old.iter().max_by_key(|it| it.start)?;
    let changed = format!(
        "{} → {}",
        to(before.version.as_ref(), "an older definition"),
        to(execution.state_machine_version.as_ref(), "a new definition")
    );
    let mechanism = format!(
        "workflow {label} no longer has {name}, which all {} runs before it entered: the output lacks {}",
        old.len(),
        missing
            .iter()
            .take(3)
            .map(|it| it.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    );
    let started = clues::started(scene, format!("the execution ran with {changed}"));
    let end = scene.last_event();
    // Who follows works with less.
    let followers = old[0].edges.iter().filter(|(from, _)| from == name);
    let reference = started
        .as_ref()
        .map(|it| it.reference.clone())
        .unwrap_or_default();
    let followers = followers.map(|(_, to)| Explained {
        kind: String::new(),
        name: to.clone(),
        reason: format!("{to} was given nothing of {name}"),
        reference: reference.clone(),
    });
    let followers: Vec<Explained> = followers.collect();
    Some(
        Clue::new(
            clue::entity(scene, "state_machine", &label, &[name]),
            Category::BadDeploy,
            0.94,
            mechanism,
        )
        .with(started)
        .with(end.map(|it| clue::event(it, format!("the output lacks {}", missing[0]))))
        .changed(Some(changed))
        .explaining(followers),
    )
}

/// What a state gave in all of these runs and was not given, and what all of them ended with.
fn gave(old: &[&Profile], name: &str) -> Option<Vec<String>> {
    let first = old.first()?;
    let state = first.states.get(name)?;
    let leaf = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let all: Vec<String> = state
        .keys
        .iter()
        .filter(|key| {
            let own = leaf(key);
            let gives = |it: &&Profile| {
                let state = it.states.get(name);
                state.is_some_and(|it| it.keys.contains(*key) && !it.input_keys.contains(*key))
            };
            let ends = |it: &&Profile| it.output_keys.iter().any(|it| leaf(it) == own);
            old.iter().all(|it| gives(it) && ends(it))
        })
        .cloned()
        .collect();
    (!all.is_empty()).then_some(all)
}

/// A branch of a Choice that a version lost: the run took the Default where all earlier ones of its sort went another way,
/// to which the version no longer leads.
pub(crate) fn branch(scene: &Scene) -> Option<Clue> {
    let execution = &scene.case.execution;
    let own = execution.state_machine_version.as_deref();
    let older = |it: &&Profile| match (own, it.version.as_deref()) {
        (Some(own), Some(version)) => own != version,
        _ => it.start < execution.start_time,
    };
    let old: Vec<&Profile> = scene.healthy.iter().copied().filter(older).collect();
    let traits = profile::traits(execution.input.as_deref());
    let have = leaves(&keys(execution.output.as_deref()));
    let entered = |name: &str| scene.case.states.iter().any(|it| it.state == name);
    let choices = scene
        .case
        .states
        .iter()
        .filter(|it| it.state_type == "Choice");
    let own_edges = profile::edges(&scene.case.states);
    let told = own.is_some() || released(scene);
    for choice in choices {
        // Of a definition that is not held its own runs tell.
        let left = scene.written(&choice.state).map(clues::ways);
        if left.is_none() && !told {
            continue;
        }
        let since = |edge: &(String, String)| {
            own_edges.contains(edge) || {
                let mut new = scene.healthy.iter().filter(|it| !older(it));
                new.any(|it| it.edges.contains(edge))
            }
        };
        let gone: BTreeSet<&String> = old
            .iter()
            .flat_map(|it| &it.edges)
            .filter(|edge| edge.0 == choice.state && !since(edge))
            .map(|(_, to)| to)
            .filter(|to| left.as_ref().is_none_or(|it| !it.contains(&to.as_str())))
            .filter(|to| !entered(to))
            .collect();
        for to in gone {
            let edge = (choice.state.clone(), to.clone());
            let took = |it: &Profile| it.edges.contains(&edge);
            let Some(sort) = of_sort(scene, &old, &traits, &took) else {
                continue;
            };
            let ended: Vec<&&Profile> = old.iter().filter(|it| took(it)).collect();
            let lacks = ended[0].output_keys.iter().find(|key| {
                let leaf = key.rsplit('.').next().unwrap_or(key).to_owned();
                !have.contains(&leaf) && ended.iter().all(|it| it.output_keys.contains(*key))
            });
            let lacks = lacks.map(String::as_str);
            return Some(branch_clue(scene, choice, to, &sort, (ended.len(), lacks)));
        }
    }
    None
}

/// What tells earlier runs that went a way from those that did not, if this one is like the former: a kind, or a number
/// beyond those of all others.
fn of_sort(
    scene: &Scene,
    old: &[&Profile],
    traits: &BTreeMap<String, String>,
    took: &dyn Fn(&Profile) -> bool,
) -> Option<String> {
    let (with, without): (Vec<&Profile>, Vec<&Profile>) =
        old.iter().copied().partition(|it| took(it));
    if with.len() < FEWEST_OF_SORT || without.is_empty() {
        return None;
    }
    let kind = traits.iter().find(|(key, value)| {
        let same = |it: &Profile| it.traits.get(*key) == Some(*value);
        with.iter().all(|it| same(it)) && !without.iter().any(|it| same(it))
    });
    if let Some((key, value)) = kind {
        return Some(format!("{key} is {value}"));
    }
    let own = profile::numbers(scene.case.execution.input.as_deref());
    own.iter().find_map(|(key, x)| {
        let of = |all: &[&Profile]| -> Option<Vec<f64>> {
            all.iter().map(|it| it.numbers.get(key).copied()).collect()
        };
        let (with, without) = (of(&with)?, of(&without)?);
        let low = |all: &[f64]| all.iter().copied().fold(f64::INFINITY, f64::min);
        let high = |all: &[f64]| all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let above = low(&with) > high(&without) && *x >= low(&with);
        let below = high(&with) < low(&without) && *x <= high(&with);
        match (above, below, without.len() >= FEWEST_OF_SORT) {
            (true, _, true) => Some(format!(
                "{key} is above {}",
                amounts::number(high(&without))
            )),
            (_, true, true) => Some(format!("{key} is below {}", amounts::number(low(&without)))),
            _ => None,
        }
    })
}

fn branch_clue(
    scene: &Scene,
    choice: &model::State,
    to: &str,
    sort: &str,
    (runs, lacks): (usize, Option<&str>),
) -> Clue {
    let execution = &scene.case.execution;
    let label = match &execution.state_machine_version {
        Some(version) => format!("{}:{version}", execution.state_machine),
        None => execution.state_machine.clone(),
    };
    let mechanism = format!(
        "workflow {label} has no way from {} to {to} any more, where all {runs} runs went whose {sort}{}",
        choice.state,
        lacks.map_or(String::new(), |it| format!(": the output lacks {it}"))
    );
    let left = choice.exited_event_id.and_then(|id| scene.event(id));
    let end = scene.last_event();
    Clue::new(
        clue::entity(scene, "state_machine", &label, &[&choice.state]),
        Category::BadDeploy,
        if lacks.is_some() { 0.94 } else { 0.91 },
        mechanism,
    )
    .with(left.map(|it| clue::event(it, format!("{} went another way", choice.state))))
    .with(end.map(|it| clue::event(it, "it succeeded all the same".to_owned())))
    .changed(Some(format!("{label} has no {to} any more")))
}

fn leaves(keys: &BTreeSet<String>) -> BTreeSet<String> {
    let leaf = |key: &String| key.rsplit('.').next().unwrap_or(key).to_owned();
    keys.iter().map(leaf).collect()
}

/// A release of the workflow is told.
fn released(scene: &Scene) -> bool {
    let execution = &scene.case.execution;
    let lower = execution.state_machine.to_lowercase();
    scene.world.changes.iter().any(|it| {
        let resource = it.resource.to_lowercase();
        it.time <= execution.start_time && resource.split([':', '/']).any(|part| part == lower)
    })
}
