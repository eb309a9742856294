//! A release that leaves out, or calls otherwise, what the workflow reads later: a Choice that finds nothing goes the way
//! that most runs go, and all is green.

use super::{
    clue::{self, Clue},
    profile::{StateProfile, keys},
    scene::Scene,
    since::{self, Since},
};
use model::{Category, State};

/// Runs before the release that all gave it, at least.
const FEWEST: usize = 5;

/// The first state that leaves out what is read after it.
pub(crate) fn lost(scene: &Scene) -> Option<Clue> {
    let visits = scene.case.states.iter();
    let visits = visits.filter(|it| it.state_type == "Task" && it.output.is_some() && !it.caught);
    let mut visits: Vec<&State> = visits.collect();
    visits.sort_by_key(|it| it.entered_event_id);
    visits.into_iter().find_map(|it| of_visit(scene, it))
}

fn of_visit(scene: &Scene, visit: &State) -> Option<Clue> {
    let since = since::of_function(scene, visit)?;
    let gave = keys(visit.output.as_deref());
    let took = keys(visit.input.as_deref());
    let at = |it: &super::Profile| it.states.get(&visit.state).cloned();
    let old: Vec<StateProfile> = since.old.iter().filter_map(|it| at(it)).collect();
    let first = old.first().filter(|_| old.len() >= FEWEST)?;
    let path = first.keys.iter().find(|key| {
        !gave.contains(*key)
            && !took.contains(*key)
            && !key.contains("[]")
            && old.iter().all(|it| it.keys.contains(*key))
            && !old.iter().all(|it| it.input_keys.contains(*key))
            && is_read(scene, &visit.state, key)
    })?;
    // Green runs of the same release that gave it say that it comes and goes.
    let mut alike = since.new.iter().filter_map(|it| at(it));
    if alike.any(|it| it.keys.contains(path)) {
        return None;
    }
    Some(told(scene, visit, &since, path))
}

fn told(scene: &Scene, visit: &State, since: &Since, path: &str) -> Clue {
    let name = &since.name;
    let mechanism = format!(
        "{name} gives no {path} since {}, which the workflow reads after {}; nothing failed",
        since.changed, visit.state
    );
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    Clue::new(since.suspect.clone(), Category::SilentData, 0.92, mechanism)
        .with(since.shown.clone())
        .with(left.map(|it| clue::event(it, format!("{} left without {path}", visit.state))))
        .changed(Some(since.changed.clone()))
}

/// Whether the definition of another state reads a path that ends in this name.
fn is_read(scene: &Scene, state: &str, key: &str) -> bool {
    let Some(definition) = &scene.definition else {
        return false;
    };
    let leaf = key.rsplit('.').next().unwrap_or(key);
    let own = scene.written(state).map(ToString::to_string);
    let all = occurrences(&definition.to_string(), leaf);
    all > own.map_or(0, |it| occurrences(&it, leaf))
}

/// How often a name stands behind a dot: `$.a.name`, `$states.input.name`.
fn occurrences(text: &str, leaf: &str) -> usize {
    let of_name = |c: char| c.is_alphanumeric() || c == '_';
    let places = text.match_indices(leaf);
    places
        .filter(|(at, _)| {
            let after = text[at + leaf.len()..].chars().next();
            text[..*at].ends_with('.') && !after.is_some_and(of_name)
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::occurrences;

    #[test]
    fn paths_are_read_by_whole_names() {
        let check =
            |text: &str, expect: usize| assert_eq!(occurrences(text, "score"), expect, "{text}");
        check(r#"{"Variable":"$.score","NumericGreaterThan":70}"#, 1);
        check("{% $states.input.risk.score > 7 %}", 1);
        check("$.scores, $.risk_score, \"score\"", 0);
    }
}
