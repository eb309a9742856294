//! Who made the data so large that somebody after him broke of it or took long: the first state whose output is many times
//! what healthy runs have, while what it was given, and what the execution was started with, is as ever.

use super::{
    amounts,
    clue::{self, Clue, Explained},
    clues, critical,
    scene::Scene,
    sizes,
};
use model::{Category, State};
use std::collections::BTreeSet;

/// Healthy runs that tell how much is usual.
const FEWEST: usize = 3;
/// So many times what is usual, and so many times the most of all, is no variation.
const TIMES: f64 = 3.0;
const BEYOND: f64 = 1.5;
/// Bytes below which nothing is large.
const LARGE: usize = 2_000;
/// How much of the growth may have come in with the input.
const OWN: f64 = 2.0;

/// What a state grew.
#[derive(Clone)]
struct Grown<'a> {
    visit: &'a State,
    times: f64,
    /// What it gave, in words.
    gave: String,
    /// The count that tells it, where bytes do not.
    count: Option<f64>,
}

/// The clue against whoever grew what a state was given; none where the state was given as much as ever.
pub(crate) fn fed(scene: &Scene, visit: &State) -> Option<Clue> {
    if started_with_more(scene) {
        return None;
    }
    let before = scene.case.states.iter().filter(|it| {
        it.output.is_some()
            && !it.caught
            && it.span_id != visit.span_id
            && it
                .exited_event_id
                .is_some_and(|id| id < visit.entered_event_id)
    });
    let mut before: Vec<&State> = before.collect();
    before.sort_by_key(|it| it.entered_event_id);
    let first = before.iter().find_map(|it| grown(scene, it))?;
    // A block gives what the states in it gave: whichever of them grew it, where it was one.
    let inside = before
        .iter()
        .filter(|it| critical::is_inside(&it.path, &first.visit.path));
    let inside: Vec<Grown> = inside.filter_map(|it| grown(scene, it)).collect();
    let tasks = inside.iter().filter(|it| it.visit.state_type == "Task");
    let names: BTreeSet<&str> = tasks.clone().map(|it| it.visit.state.as_str()).collect();
    let most = tasks.max_by(|a, b| a.times.total_cmp(&b.times)).cloned();
    let grown = match most.filter(|_| names.len() == 1) {
        Some(inner) => inner,
        None => first,
    };
    let linked = is_given(scene, visit, &grown);
    let (suspect, name) = clues::maker(scene, grown.visit);
    let state = &grown.visit.state;
    let mechanism = format!(
        "{name} gave {}, {:.0} times as much as in healthy runs, of an input like theirs; {} had to work with it",
        grown.gave, grown.times, visit.state
    );
    let left = grown.visit.exited_event_id.and_then(|id| scene.event(id));
    let left = left.map(|it| clue::event(it, format!("{state} left with {}", grown.gave)));
    let reference = left.as_ref().map(|it| it.reference.clone())?;
    let function = scene
        .tries(visit)
        .last()
        .and_then(|it| it.function_name.clone());
    let carriers = [Some(visit.state.clone()), function];
    let carriers = carriers.into_iter().flatten().filter(|it| *it != name);
    let carriers = carriers.map(|carrier| Explained {
        kind: String::new(),
        reason: format!(
            "{carrier} was given {:.0} times as much as ever",
            grown.times
        ),
        name: carrier,
        reference: reference.clone(),
    });
    let weight = if linked { 0.95 } else { 0.8 };
    Some(
        Clue::new(suspect, Category::DataSize, weight, mechanism)
            .with(left)
            .explaining(carriers)
            .changed(clues::new_version(scene, grown.visit)),
    )
}

/// The execution itself was started with more than ever: nobody grew it.
fn started_with_more(scene: &Scene) -> bool {
    let own = scene.case.execution.input.as_ref().map_or(0, String::len);
    let usual = scene.healthy.iter().map(|it| it.input_bytes as f64);
    let more = beyond(own as f64, usual.collect()).is_some_and(|it| it >= BEYOND);
    let number = sizes::beyond_all(scene).is_some_and(|it| it.value >= BEYOND * it.most);
    own >= LARGE && more || number
}

/// How many times the median a value is, if it lies beyond all.
fn beyond(value: f64, mut usual: Vec<f64>) -> Option<f64> {
    usual.sort_by(f64::total_cmp);
    let (median, most) = (*usual.get(usual.len() / 2)?, *usual.last()?);
    let enough = usual.len() >= FEWEST && value > most * BEYOND;
    enough.then(|| value / median.max(1.0))
}

fn grown<'a>(scene: &Scene, visit: &'a State) -> Option<Grown<'a>> {
    // A block gives what the states in it gave, the others what they were given.
    if !matches!(
        visit.state_type.as_str(),
        "Task" | "Pass" | "Map" | "Parallel"
    ) {
        return None;
    }
    let usual: Vec<_> = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&visit.state))
        .collect();
    let gave = visit.output.as_ref().map_or(0, String::len);
    let took = visit.input.as_ref().map_or(0, String::len);
    let bytes = beyond(
        gave as f64,
        usual.iter().map(|it| it.output_bytes as f64).collect(),
    );
    let given = beyond(
        took as f64,
        usual.iter().map(|it| it.input_bytes as f64).collect(),
    );
    if let Some(times) = bytes.filter(|it| *it >= TIMES && gave >= LARGE) {
        let own = given.is_none_or(|given| times >= OWN * given);
        return own.then(|| Grown {
            visit,
            times,
            gave: format!("{gave} bytes"),
            count: None,
        });
    }
    let given = amounts::of(visit.input.as_deref());
    let counted = amounts::of(visit.output.as_deref()).into_iter();
    let counted = counted.filter(|(path, value)| counts(path) && given.get(path) != Some(value));
    let counted = counted.filter_map(|(path, value)| {
        let usual = usual
            .iter()
            .filter_map(|it| it.quantities.get(&path).copied());
        let times = beyond(value, usual.collect()).filter(|it| *it >= TIMES)?;
        Some((times, path, value))
    });
    let (times, path, value) = counted.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(Grown {
        visit,
        times,
        gave: format!("{path} {}", amounts::number(value)),
        count: Some(value),
    })
}

/// Whether a state was given what grew: more bytes, or the very count.
fn is_given(scene: &Scene, visit: &State, grown: &Grown) -> bool {
    let more = clues::input_growth(scene, Some(visit)).is_some_and(|it| it >= OWN);
    let given = amounts::of(visit.input.as_deref());
    more || grown
        .count
        .is_some_and(|count| given.values().any(|it| *it == count))
}

/// Names of how much there is of something, not of what it is worth.
fn counts(path: &str) -> bool {
    const WORDS: [&str; 24] = [
        "count",
        "rows",
        "items",
        "records",
        "bytes",
        "size",
        "length",
        "lines",
        "pages",
        "entries",
        "files",
        "objects",
        "messages",
        "events",
        "documents",
        "docs",
        "keys",
        "chunks",
        "parts",
        "elements",
        "results",
        "hits",
        "candidates",
        "points",
    ];
    let lower = path.to_lowercase();
    let leaf = lower.rsplit('.').next().unwrap_or(&lower);
    leaf.ends_with("[]")
        || WORDS.iter().any(|it| leaf.contains(it))
        || leaf.ends_with("kb")
        || leaf.ends_with("mb")
}

#[cfg(test)]
mod tests {
    use super::{beyond, counts};

    #[test]
    fn what_lies_beyond_all_others_grew() {
        let usual = || vec![10.0, 12.0, 9.0, 14.0];
        assert_eq!(beyond(120.0, usual()), Some(10.0));
        assert_eq!(beyond(20.0, usual()), None);
        assert_eq!(beyond(120.0, vec![1.0]), None);
    }

    #[test]
    fn counts_are_told_by_their_names() {
        let check = |path: &str, expect: bool| assert_eq!(counts(path), expect, "{path}");
        check("offers[]", true);
        check("page.rowCount", true);
        check("sizeKb", true);
        check("total_price", false);
        check("score", false);
    }
}
