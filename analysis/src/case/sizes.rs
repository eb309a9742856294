//! One item of a Map that is far larger than the others, and took its time in proportion: nobody is slow, there is more to do.

use super::{
    amounts,
    clue::{self, Clue},
    critical,
    scene::Scene,
};
use model::{Category, State};

/// Other items of the same Map, at least.
const OTHERS: usize = 3;
/// How many times larger than the middle one it is.
const TIMES: f64 = 4.0;
/// A share of the size that the time may be less, or more: some of the work does not grow.
const LESS: f64 = 0.2;
const MORE: f64 = 1.6;
/// Numbers that differ more than this between the others are no sizes.
const SPREAD: f64 = 20.0;

/// That the item of a visit is so large that its time follows from it.
pub(crate) fn of_item(scene: &Scene, visit: &State) -> Option<Clue> {
    let index = visit.iteration_index?;
    let block = critical::block_of(&visit.path)?;
    let alike = |it: &&State| {
        it.state == visit.state
            && critical::block_of(&it.path) == Some(block)
            && it.iteration_index != Some(index)
            && it.duration_ns.is_some()
    };
    let others: Vec<&State> = scene.case.states.iter().filter(alike).collect();
    if others.len() < OTHERS {
        return None;
    }
    let took = visit.duration_ns? as f64;
    let usual = middle(
        others
            .iter()
            .map(|it| it.duration_ns.unwrap_or_default() as f64),
    );
    let slower = took / usual.max(1.0);
    let own = amounts::of(visit.input.as_deref());
    let (path, value, times) = own
        .into_iter()
        .filter_map(|(path, value)| {
            let sizes: Vec<f64> = others
                .iter()
                .filter_map(|it| amounts::of(it.input.as_deref()).get(&path).copied())
                .collect();
            let least = sizes.iter().copied().fold(f64::INFINITY, f64::min);
            let most = sizes.iter().copied().fold(0.0, f64::max);
            let sized = sizes.len() == others.len() && least > 0.0 && most <= SPREAD * least;
            let times = value / middle(sizes.into_iter());
            let follows = (times * LESS..=times * MORE).contains(&slower);
            (sized && times >= TIMES && follows).then_some((path, value, times))
        })
        .max_by(|a, b| a.2.total_cmp(&b.2))?;
    let name = format!("{block}[{index}]");
    let mechanism = format!(
        "item {index} of {block} is {times:.0} times as large as the others ({path} {}), and {} took {slower:.0} times as long for it",
        amounts::number(value),
        visit.state
    );
    let entered = scene.event(visit.entered_event_id);
    let suspect = clue::entity(scene, "item", &name, &[&visit.path]);
    Some(
        Clue::new(suspect, Category::DataSize, 0.92, mechanism).with(
            entered.map(|it| clue::event(it, format!("{path} is {}", amounts::number(value)))),
        ),
    )
}

fn middle(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
