//! Something is not found where it always was, and what looked for it runs no code of anybody's: a `getItem`, a
//! `getObject`. Whoever stored it before, in a version with which it is never found, is behind it.

use super::{
    scene::Scene,
    since::{self, Since},
};
use model::State;

/// Healthy runs before the release that all found it.
const FEWEST: usize = 5;

/// What reads and answers what is there.
const READS: [&str; 10] = [
    "get", "batchget", "query", "scan", "list", "describe", "head", "select", "search", "execute",
];

/// Whether a visit called a service by itself to read something.
fn only_reads(scene: &Scene, visit: &State) -> bool {
    let tries = scene.tries(visit);
    tries.last().is_some_and(|it| {
        let own = matches!(
            it.resource_type.as_str(),
            "" | "lambda" | "activity" | "states"
        );
        let action = it.resource.to_lowercase();
        let action = action.rsplit(':').next().unwrap_or_default();
        !own && it.function_name.is_none() && READS.iter().any(|verb| action.starts_with(verb))
    })
}

/// The last state before a reader whose release tells the runs in which something was found from those in which it was
/// not: at least one other than this run.
pub(crate) fn writer<'a>(scene: &Scene<'a>, reader: &State, path: &str) -> Option<Since<'a>> {
    if !only_reads(scene, reader) {
        return None;
    }
    let found = |it: &super::Profile| {
        let state = it.states.get(&reader.state);
        state.is_some_and(|it| it.keys.contains(path))
    };
    let before = scene.case.states.iter();
    let before = before.filter(|it| {
        it.state_type == "Task"
            && it
                .exited_event_id
                .is_some_and(|id| id < reader.entered_event_id)
    });
    let mut before: Vec<&State> = before.collect();
    before.sort_by_key(|it| std::cmp::Reverse(it.entered_event_id));
    before.into_iter().find_map(|it| {
        let since = since::of_function(scene, it)?;
        let told = since.old.len() >= FEWEST && !since.new.is_empty();
        let apart = since.old.iter().all(|it| found(it)) && !since.new.iter().any(|it| found(it));
        (told && apart).then_some(since)
    })
}
