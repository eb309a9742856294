//! Numbers that belong together: one that always is a certain number of the input, or always so many times as much, for
//! all runs or for those of one sort. A run in which it is not came out wrong, though all is green.

use super::{
    Profile, amounts,
    clue::{self, Clue},
    clues, onset, profile,
    scene::Scene,
    since::{self, Since},
};
use model::{Category, State};
use std::collections::{BTreeMap, BTreeSet};

/// Runs that all agree, and different values among them, where nothing was released.
const FEWEST: usize = 8;
const DIFFERENT: usize = 4;
/// The same of one sort, before a release.
const FEWEST_OF_SORT: usize = 2;
/// How far off rounding may be, and how far off it is wrong.
const EXACT: f64 = 0.004;
const WRONG: f64 = 0.02;
/// How far off it is wrong where few runs tell.
const FAR: f64 = 0.3;

type Numbers = BTreeMap<String, f64>;

/// The first state whose number is not what it always is.
pub(crate) fn broken(scene: &Scene) -> Option<Clue> {
    let visits = super::relations::visits(scene);
    visits.iter().find_map(|it| same(scene, it)).or_else(|| {
        visits.iter().find_map(|it| {
            let all = since::of(scene, it);
            all.iter().find_map(|since| of_sort(scene, it, since))
        })
    })
}

/// What a state was given, and gave by itself.
fn numbers(visit: &State) -> (Numbers, Numbers) {
    let given = amounts::of(visit.input.as_deref());
    let mut gave = amounts::of(visit.output.as_deref());
    gave.retain(|path, value| !path.ends_with("[]") && given.get(path) != Some(value));
    (given, gave)
}

/// A number that all healthy runs take over from their input as it is, and this one does not.
fn same(scene: &Scene, visit: &State) -> Option<Clue> {
    let (given, gave) = numbers(visit);
    for (path, value) in &gave {
        for (from, expect) in given.iter().filter(|(_, x)| is_off(*value, **x, WRONG)) {
            let pair = |it: &Profile| {
                let state = it.states.get(&visit.state)?;
                Some((*state.given.get(from)?, *state.quantities.get(path)?))
            };
            let differs = |it: &Profile| pair(it).is_none_or(|(x, y)| x != y);
            let start = scene.case.execution.start_time;
            let fit = onset::fit(&scene.healthy, start, differs);
            let values: BTreeSet<u64> = fit
                .iter()
                .filter_map(|it| pair(it))
                .map(|it| it.0.to_bits())
                .collect();
            let always = fit.len() >= FEWEST && !fit.iter().any(|it| differs(it));
            if !always || values.len() < DIFFERENT {
                continue;
            }
            let (suspect, name) = clues::maker(scene, visit);
            let what = format!("gave {path} {}", amounts::number(*value));
            let mechanism = format!(
                "{name} {what} where {from} is {}; in {} healthy runs both are the same, and the execution succeeded with it",
                amounts::number(*expect),
                fit.len()
            );
            let left = visit.exited_event_id.and_then(|id| scene.event(id));
            return Some(
                Clue::new(suspect, Category::SilentData, 0.9, mechanism)
                    .with(left.map(|it| clue::event(it, format!("{} {what}", visit.state))))
                    .changed(clues::new_version(scene, visit)),
            );
        }
    }
    None
}

fn is_off(value: f64, expect: f64, far: f64) -> bool {
    (value - expect).abs() > far * expect.abs()
}

/// A number that was so many times one of the input in all runs of this sort before a release, and is not since.
fn of_sort(scene: &Scene, visit: &State, since: &Since) -> Option<Clue> {
    let (given, gave) = numbers(visit);
    let own = profile::traits(visit.input.as_deref());
    for (key, value) in &own {
        let leaf = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
        let alike = |it: &&&Profile| {
            let mut traits = it.traits.iter();
            traits.any(|(name, it)| leaf(name) == leaf(key) && it == value)
        };
        let old: Vec<&&Profile> = since.old.iter().filter(alike).collect();
        let new: Vec<&&Profile> = since.new.iter().filter(alike).collect();
        if old.len() < FEWEST_OF_SORT || old.len() == since.old.len() {
            continue;
        }
        for (path, gave) in &gave {
            for (from, x) in given.iter().filter(|(_, x)| **x != 0.0) {
                let pair = |it: &Profile| {
                    let state = it.states.get(&visit.state)?;
                    Some((*state.given.get(from)?, *state.quantities.get(path)?))
                };
                let pairs: Vec<(f64, f64)> = old.iter().filter_map(|it| pair(it)).collect();
                let Some(times) = factor(&pairs).filter(|_| pairs.len() == old.len()) else {
                    continue;
                };
                let agrees =
                    |it: &&&Profile| pair(it).is_some_and(|(x, y)| !is_off(y, times * x, FAR));
                if !is_off(*gave, times * x, FAR) || new.iter().any(agrees) {
                    continue;
                }
                let name = &since.name;
                let mechanism = format!(
                    "{name} makes {} give {path} {} since {}, where {key} is {value}; {} such runs before it give {}, and the execution succeeded with it",
                    visit.state,
                    amounts::number(*gave),
                    since.changed,
                    old.len(),
                    amounts::number((times * x * 100.0).round() / 100.0)
                );
                let left = visit.exited_event_id.and_then(|id| scene.event(id));
                let left = left.map(|it| {
                    let gave = amounts::number(*gave);
                    clue::event(it, format!("{} left with {path} {gave}", visit.state))
                });
                return Some(
                    Clue::new(since.suspect.clone(), since.category, 0.91, mechanism)
                        .with(since.shown.clone())
                        .with(left)
                        .changed(Some(since.changed.clone())),
                );
            }
        }
    }
    None
}

/// So many times as much, if it is the same for all.
fn factor(pairs: &[(f64, f64)]) -> Option<f64> {
    let values: BTreeSet<u64> = pairs.iter().map(|it| it.0.to_bits()).collect();
    let (x, y) = pairs.first().copied()?;
    let times = y / x;
    let exact = |it: &(f64, f64)| !is_off(it.1, times * it.0, EXACT);
    let well = values.len() >= FEWEST_OF_SORT && times.is_finite() && times != 0.0;
    (well && pairs.iter().all(exact)).then_some(times)
}

#[cfg(test)]
mod tests {
    use super::factor;

    #[test]
    fn numbers_are_so_many_times_others() {
        assert_eq!(factor(&[(2.0, 200.0), (3.5, 350.0)]), Some(100.0));
        assert_eq!(factor(&[(2.0, 200.0), (3.5, 340.0)]), None);
        assert_eq!(factor(&[(2.0, 200.0), (2.0, 200.0)]), None);
        assert_eq!(factor(&[]), None);
    }
}
