//! Wrong without an error: a path that healthy runs never take, a Choice that read a hole, an output that lacks what
//! every healthy output has.

use super::{
    clue::{self, Clue},
    clues, onset,
    profile::{StateProfile, edges, keys},
    scene::Scene,
    since::Since,
};
use model::{Category, State};
use serde_json::Value;

/// Healthy runs below which a path is not called unusual.
const FEWEST: usize = 5;

/// A Choice that went where no healthy run went, because of what it read; an output with a hole.
pub(crate) fn clues(scene: &Scene) -> Vec<Clue> {
    if scene.healthy.len() < FEWEST {
        return Vec::new();
    }
    let mut found: Vec<Clue> = diverging(scene)
        .and_then(|visit| by_choice(scene, visit))
        .into_iter()
        .collect();
    found.extend(super::omitted::clue(scene).or_else(|| super::omitted::branch(scene)));
    if found.is_empty() {
        found.extend(super::doubles::clues(scene));
    }
    found.extend(super::drift::clues(scene).filter(|_| found.is_empty()));
    found.extend(by_output(scene));
    found.extend(super::reads::lost(scene).filter(|_| found.is_empty()));
    found.extend(super::relations::broken(scene).filter(|_| found.is_empty()));
    found.extend(super::equals::broken(scene).filter(|_| found.is_empty()));
    found.extend(super::sorts::clue(scene).filter(|_| found.is_empty()));
    found.extend(super::hollow::clue(scene).filter(|_| found.is_empty()));
    found.extend(super::fallback::clue(scene).filter(|_| found.is_empty()));
    if found.is_empty() {
        found.extend(super::amounts::unusual(scene));
    }
    found.extend(super::toil::idle(scene).filter(|_| found.is_empty()));
    found
}

/// The first Choice that took a way which no healthy run took.
fn diverging<'a>(scene: &Scene<'a>) -> Option<&'a State> {
    let own = edges(&scene.case.states);
    let start = scene.case.execution.start_time;
    let known = |edge: &(String, String)| {
        let takes = |it: &super::Profile| it.edges.contains(edge);
        let others = onset::fit(&scene.healthy, start, takes);
        others.into_iter().any(takes)
    };
    let new: Vec<_> = own.iter().filter(|edge| !known(edge)).collect();
    let choices = scene
        .case
        .states
        .iter()
        .filter(|it| it.state_type == "Choice");
    choices
        .filter(|it| new.iter().any(|(from, _)| *from == it.state))
        .min_by_key(|it| it.entered_event_id)
}

/// What a Choice read that was not there, or not of the kind it is in healthy runs.
fn by_choice(scene: &Scene, choice: &State) -> Option<Clue> {
    let input: Value = serde_json::from_str(choice.input.as_deref()?).ok()?;
    let variables = variables(scene, &choice.state);
    let hole = variables.iter().find(|path| is_hole(at(&input, path)));
    let producer = clues::producer(scene, choice);
    let (visit, what) = match (hole, &producer) {
        (_, Some(producer)) => (producer.visit, producer.keys.join(", ")),
        (Some(path), None) => (writer(scene, choice, path)?, path.clone()),
        // A value like any other: the workflow has a way for it, unless it never was of that kind.
        (None, None) => return by_kind(scene, choice, &variables),
    };
    // What its Catch left is the failure's, not a silent hole.
    if visit.caught {
        return None;
    }
    let taken = taken(scene, choice);
    let lost = producer.as_ref().and_then(|it| it.keys.first());
    if let Some(since) = super::behind::writer(scene, visit, lost.unwrap_or(&what)) {
        return Some(by_writer(scene, &since, visit, choice, &what));
    }
    let gave = format!("left {what} empty");
    if let Some(clue) = super::within::swallowed(scene, visit, &gave)
        .or_else(|| clues::taken_for_answer(scene, visit, &gave))
    {
        return Some(clue);
    }
    let (suspect, name) = clues::maker(scene, visit);
    let mechanism = format!(
        "{name} left {what} empty, so {} went to {taken}, where no healthy run goes",
        choice.state
    );
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    let chose = choice.exited_event_id.and_then(|id| scene.event(id));
    Some(
        Clue::new(suspect, Category::SilentData, 0.92, mechanism)
            .with(
                left.map(|it| {
                    clue::event(it, format!("{} left with an empty {what}", visit.state))
                }),
            )
            .with(chose.map(|it| clue::event(it, format!("{} went to {taken}", choice.state))))
            .changed(clues::new_version(scene, visit)),
    )
}

/// Where a Choice went.
fn taken<'a>(scene: &Scene<'a>, choice: &State) -> &'a str {
    let mut after = scene.case.states.iter().filter(|it| {
        it.entered_event_id > choice.entered_event_id && it.parent_span_id == choice.parent_span_id
    });
    after.next().map_or("another way", |it| it.state.as_str())
}

/// Who stored something where a state that reads no longer finds it.
fn by_writer(scene: &Scene, since: &Since, reader: &State, choice: &State, what: &str) -> Clue {
    let name = &since.name;
    let mechanism = format!(
        "{} finds no {what} since {}, so {} went to {}, where no run before it goes: {name} stores it otherwise",
        reader.state,
        since.changed,
        choice.state,
        taken(scene, choice)
    );
    let left = reader.exited_event_id.and_then(|id| scene.event(id));
    let chose = choice.exited_event_id.and_then(|id| scene.event(id));
    Clue::new(since.suspect.clone(), Category::SilentData, 0.93, mechanism)
        .with(since.shown.clone())
        .with(left.map(|it| clue::event(it, format!("{} left with an empty {what}", reader.state))))
        .with(chose.map(|it| clue::event(it, format!("{} left another way", choice.state))))
        .changed(Some(since.changed.clone()))
}

/// A Choice that was given a value of another kind than ever, which none of its rules is made for.
fn by_kind(scene: &Scene, choice: &State, variables: &[String]) -> Option<Clue> {
    let read = |leaf: &str| {
        let mut paths = variables.iter();
        paths.any(|it| it.rsplit('.').next() == Some(leaf))
    };
    let retyped = super::retyped::before(scene, choice, &read)?;
    let (suspect, name) = clues::maker(scene, retyped.visit);
    let told = retyped.told();
    let taken = taken(scene, choice);
    let mechanism = format!(
        "{name} gave {told}, so {} went to {taken}, where no healthy run goes",
        choice.state
    );
    let left = retyped.visit.exited_event_id;
    let left = left.and_then(|id| scene.event(id));
    let chose = choice.exited_event_id.and_then(|id| scene.event(id));
    Some(
        Clue::new(suspect, Category::SilentData, 0.93, mechanism)
            .with(
                left.map(|it| clue::event(it, format!("{} left with {told}", retyped.visit.state))),
            )
            .with(chose.map(|it| clue::event(it, format!("{} went to {taken}", choice.state))))
            .changed(retyped.changed.clone()),
    )
}

/// The paths that a Choice reads.
pub(super) fn variables(scene: &Scene, name: &str) -> Vec<String> {
    fn walk(value: &Value, depth: usize, found: &mut Vec<String>) {
        match value {
            _ if depth > 8 => {}
            Value::Object(members) => {
                for (key, member) in members {
                    match member {
                        Value::String(path) if key == "Variable" => {
                            found.push(path.trim_start_matches("$.").to_owned())
                        }
                        Value::String(text) if key == "Condition" => found.extend(inputs_of(text)),
                        other => walk(other, depth + 1, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|it| walk(it, depth + 1, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Some(choices) = scene.written(name).and_then(|it| it.get("Choices")) {
        walk(choices, 0, &mut found);
    }
    found
}

/// The paths below `$states.input.` in a JSONata condition.
fn inputs_of(condition: &str) -> Vec<String> {
    let parts = condition.split("$states.input.").skip(1);
    parts
        .map(|rest| {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || "._".contains(c)))
                .unwrap_or(rest.len());
            rest[..end].trim_end_matches('.').to_owned()
        })
        .filter(|it| !it.is_empty())
        .collect()
}

fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

fn is_hole(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(_) => false,
    }
}

/// The last state before a Choice whose output first had the hole: the one that should have filled it.
fn writer<'a>(scene: &Scene<'a>, choice: &State, path: &str) -> Option<&'a State> {
    let leaf = path.rsplit('.').next().unwrap_or(path);
    let filled = |text: Option<&str>| {
        keys(text)
            .iter()
            .any(|key| key.rsplit('.').next() == Some(leaf))
    };
    let gives = |name: &str| {
        let usual = giving(scene, name, leaf);
        mostly(&usual, |it| has_leaf(it, leaf))
    };
    let before = scene
        .case
        .states
        .iter()
        .filter(|it| it.entered_event_id < choice.entered_event_id);
    before
        .filter(|it| it.output.is_some() && !filled(it.output.as_deref()) && gives(&it.state))
        .min_by_key(|it| it.entered_event_id)
}

/// What a state did in the siblings, without those that give no such key since the incident.
fn giving<'a>(scene: &Scene<'a>, name: &str, leaf: &str) -> Vec<&'a StateProfile> {
    let lacks = |it: &super::Profile| it.states.get(name).is_some_and(|it| !has_leaf(it, leaf));
    onset::fit(&scene.healthy, scene.case.execution.start_time, lacks)
        .into_iter()
        .filter_map(|it| it.states.get(name))
        .collect()
}

fn has_leaf(state: &StateProfile, leaf: &str) -> bool {
    let mut keys = state.keys.iter();
    keys.any(|key| key.rsplit('.').next() == Some(leaf))
}

/// True for most siblings: others may suffer from the same.
fn mostly(all: &[&StateProfile], holds: impl Fn(&StateProfile) -> bool) -> bool {
    let with = all.iter().filter(|it| holds(it)).count();
    with > 0 && with * 10 >= all.len() * 6
}

/// An output without what every healthy output has.
fn by_output(scene: &Scene) -> Option<Clue> {
    let have = keys(scene.case.execution.output.as_deref());
    let start = scene.case.execution.start_time;
    let first = scene.healthy.iter().min_by_key(|it| it.start)?;
    let lost: Vec<&String> = first
        .output_keys
        .iter()
        .filter(|key| {
            let lacks = |it: &super::Profile| !it.output_keys.contains(*key);
            // An empty list is as good an answer as any.
            !key.contains("[]")
                && !have.contains(*key)
                && !onset::fit(&scene.healthy, start, lacks)
                    .into_iter()
                    .any(lacks)
        })
        .collect();
    let path = (*lost.first()?).clone();
    let leaf = path.rsplit('.').next().unwrap_or(&path).to_owned();
    let gives = |name: &str| {
        let usual = giving(scene, name, &leaf);
        usual.len() >= FEWEST && mostly(&usual, |it| has_leaf(it, &leaf))
    };
    let lacks = |visit: &&State| {
        let gave = keys(visit.output.as_deref());
        visit.output.is_some() && !gave.iter().any(|key| key.rsplit('.').next() == Some(&leaf))
    };
    let visit = scene
        .case
        .states
        .iter()
        .filter(lacks)
        .find(|it| gives(&it.state))
        .filter(|it| !it.caught)?;
    let gave = format!("gave no {path}");
    if let Some(clue) = super::within::swallowed(scene, visit, &gave)
        .or_else(|| clues::taken_for_answer(scene, visit, &gave))
    {
        return Some(clue);
    }
    let (suspect, name) = clues::maker(scene, visit);
    let mechanism = format!(
        "{name} gave no {path}, which every healthy run has; the execution succeeded without it"
    );
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    let end = scene.last_event();
    Some(
        Clue::new(suspect, Category::SilentData, 0.9, mechanism)
            .with(left.map(|it| clue::event(it, format!("{} left without {path}", visit.state))))
            .with(end.map(|it| clue::event(it, format!("the output lacks {path}"))))
            .changed(clues::new_version(scene, visit)),
    )
}

/// A Fail state that a Choice led to: whoever made what the Choice read decided the end.
pub(crate) fn decided(scene: &Scene, fail: &State) -> Vec<Clue> {
    if fail.state_type != "Fail" {
        return Vec::new();
    }
    let before = scene.case.states.iter().filter(|it| {
        it.parent_span_id == fail.parent_span_id && it.entered_event_id < fail.entered_event_id
    });
    let Some(choice) = before
        .max_by_key(|it| it.entered_event_id)
        .filter(|it| it.state_type == "Choice")
    else {
        return Vec::new();
    };
    if let Some(clue) = by_choice(scene, choice) {
        return vec![clue];
    }
    let variables = variables(scene, &choice.state);
    let leaf = |path: &String| path.rsplit('.').next().unwrap_or(path).to_owned();
    let wrote = |visit: &&State| {
        let (gave, took) = (keys(visit.output.as_deref()), keys(visit.input.as_deref()));
        variables.iter().any(|path| {
            let leaf = leaf(path);
            let has = |keys: &std::collections::BTreeSet<String>| {
                keys.iter().any(|key| key.rsplit('.').next() == Some(&leaf))
            };
            has(&gave) && !has(&took)
        })
    };
    let earlier = scene
        .case
        .states
        .iter()
        .filter(|it| it.entered_event_id < choice.entered_event_id);
    let Some(visit) = earlier.filter(wrote).max_by_key(|it| it.entered_event_id) else {
        return Vec::new();
    };
    let (suspect, name) = clues::maker(scene, visit);
    let mechanism = format!(
        "what {name} answered made {} go to {}",
        choice.state, fail.state
    );
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    let entered = scene.event(fail.entered_event_id);
    vec![
        Clue::new(suspect, Category::Error, 0.68, mechanism)
            .with(left.map(|it| clue::event(it, format!("{} answered", visit.state))))
            .with(entered.map(|it| clue::event(it, format!("{} was entered", fail.state)))),
    ]
}
