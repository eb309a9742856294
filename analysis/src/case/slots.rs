//! Items of a Map that wait for a slot.

use super::{
    clue::{self, Clue},
    critical::Critical,
    scene::Scene,
    slow::median,
};
use model::{Category, State, time::human_duration};

/// Healthy runs below which nothing is compared.
const FEWEST: usize = 5;
/// Healthy runs below which nothing is compared where the definition tells the limit itself.
const FEWEST_TOLD: usize = 3;
/// Less added time is not worth a word, nanoseconds.
const LEAST_NS: i64 = 900_000_000;

/// Items that are as quick as ever, but fewer of them ran at once.
pub(super) fn capped(
    scene: &Scene,
    path: &Critical,
    visits: &[&State],
    state: &str,
) -> Option<Clue> {
    let block = super::critical::block_of(&visits.first()?.path)?;
    let map = scene
        .case
        .states
        .iter()
        .find(|it| it.path == block && it.state_type == "Map")?;
    // One item that had to wait for a sandbox does not make all of them slow.
    let all: i64 = visits.iter().filter_map(|it| it.duration_ns).sum();
    let mean = all / i64::try_from(visits.len()).unwrap_or(1).max(1);
    let usual = median(scene, state, |it| it.total_ns / i64::from(it.visits.max(1)));
    let now = path.at_once(map);
    let before = median(scene, &map.state, |it| i64::from(it.at_once));
    if mean > usual.saturating_mul(3) / 2 || before < 2 || i64::from(now) * 3 > before * 2 {
        return None;
    }
    let mechanism = format!(
        "only {} of {} ran at once, {before} in healthy runs; each was as quick as ever",
        model::text::counted(now.into(), "item", "items"),
        map.state
    );
    let exited = map.exited_event_id.and_then(|id| scene.event(id));
    let text = format!(
        "{} ended after {}",
        map.state,
        human_duration(map.duration_ns.unwrap_or_default())
    );
    let visit = visits.iter().max_by_key(|it| it.start_time)?;
    let late = scene.event(visit.entered_event_id);
    Some(
        Clue::new(clue::state(scene, map), Category::Capacity, 0.92, mechanism)
            .with(late.map(|it| clue::event(it, "the last item had to wait for a slot".into())))
            .with(exited.map(|it| clue::event(it, text)))
            .changed(super::settings::changed(scene, &map.state)),
    )
}

/// Maps that ran fewer items at once than healthy runs do and took longer for it, where the run as a whole does not
/// stand out.
pub(super) fn narrowed(scene: &Scene) -> Vec<Clue> {
    let path = Critical::of(scene.case);
    let maps = scene.case.states.iter();
    let maps = maps.filter(|it| it.state_type == "Map" && path.holds(it));
    maps.filter_map(|map| narrow(scene, &path, map)).collect()
}

/// True when the definition allows no more items at once than ran, and did not in healthy runs.
fn limited(scene: &Scene, map: &State, own: u32) -> bool {
    let written = scene.written(&map.state);
    let limit = written
        .and_then(|it| it.get("MaxConcurrency"))
        .and_then(serde_json::Value::as_u64);
    let now = super::profile::written(scene.case.execution.definition.as_deref());
    let rewritten = |it: &&&super::Profile| {
        let before = it.written.get(&map.state);
        before.is_some() && before != now.get(&map.state)
    };
    let changed = scene.healthy.iter().filter(rewritten).count();
    limit == Some(u64::from(own)) && changed * 2 > scene.healthy.len()
}

fn narrow(scene: &Scene, path: &Critical, map: &State) -> Option<Clue> {
    let took = map.duration_ns?;
    let own = path.at_once(map);
    let start = scene.case.execution.start_time;
    let as_narrow = |it: &super::Profile| {
        it.states
            .get(&map.state)
            .is_some_and(|it| it.at_once <= own)
    };
    let mut usual: Vec<i64> = super::onset::fit(&scene.healthy, start, as_narrow)
        .into_iter()
        .filter_map(|it| it.states.get(&map.state))
        .map(|it| it.longest_ns)
        .collect();
    usual.sort_unstable();
    let (middle, worst) = (*usual.get(usual.len() / 2)?, *usual.last()?);
    let items = i64::from(scene.case.execution.iterations);
    // Fewer items are fewer at once, and a little more time is nobody's complaint.
    let enough = items >= median(scene, &map.state, |it| i64::from(it.at_once));
    let stands_out = took > worst && usual.len() >= FEWEST;
    let told = usual.len() >= FEWEST_TOLD && limited(scene, map, own);
    if !enough || !(stands_out || told) || took - middle < LEAST_NS {
        return None;
    }
    let inside: Vec<&State> = scene
        .case
        .states
        .iter()
        .filter(|it| super::critical::block_of(&it.path) == Some(map.path.as_str()))
        .collect();
    let name = inside.iter().max_by_key(|it| it.duration_ns)?.state.clone();
    capped(scene, path, &inside, &name)
}
