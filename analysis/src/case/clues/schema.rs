//! A path, an expression or a Choice that finds nothing. *What it looks for*: `States.Runtime` and its kin. *Why it
//! matters*: the state that fails read what somebody before it no longer writes. *How to confirm*: the producer's
//! output beside that of a healthy run.

use crate::case::{
    Profile,
    clue::{self, Clue, Explained},
    failures::{Failure, message},
    profile::keys,
    scene::Scene,
    sorts::texts,
    text::{self, Topic},
};
use model::{Category, Entity, State};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    if !text::is(&failure.said(), Topic::Path) && failure.topic() != Some(Topic::Data) {
        return Vec::new();
    }
    let in_workflow = text::is(&failure.said(), Topic::Path);
    let Some(visit) = failure.visit else {
        return Vec::new();
    };
    let mut clues = Vec::new();
    // What a Catch replaced by a default speaks for itself: the failure behind it is judged on its own.
    let swallowed = |it: &Producer| {
        let tries = scene.tries(it.visit);
        tries.last().is_some_and(|it| it.status.is_failure())
    };
    let producer =
        producer(scene, visit).or_else(|| writer_of_named(scene, visit, &failure.said()));
    if producer.as_ref().is_some_and(swallowed) {
        return clues;
    }
    if let Some(producer) = producer {
        clues.push(by_producer(scene, failure, visit, &producer, in_workflow));
    } else if !in_workflow {
        clues.extend(lacking_for_function(scene, failure, visit));
    } else {
        let lacking = lacking_input(scene);
        let said = text::brief(&message(&failure.cause), 160);
        let (suspect, category, how, weight) = match lacking {
            Some(key) => (
                clue::state(scene, visit),
                Category::BadInput,
                format!("the input lacks {key}, which {} reads: {said}", visit.state),
                0.7,
            ),
            None => (
                clue::state(scene, visit),
                Category::Error,
                match unfit(&failure.said()) {
                    true => format!("{} cannot use what it was given: {said}", visit.state),
                    false => format!("{} reads what is not there: {said}", visit.state),
                },
                0.64,
            ),
        };
        clues.push(
            Clue::new(suspect, category, weight, how)
                .with(failure.exhibit())
                .lacking(
                    (scene.healthy.is_empty()).then(|| "a healthy run to compare with".into()),
                ),
        );
    }
    clues
}

/// Words of Step Functions about a value that is there and cannot be used.
fn unfit(said: &str) -> bool {
    const MARKS: [&str; 6] = [
        "cannot be parsed",
        "not a valid",
        "invalid",
        "must be a",
        "is not of type",
        "cannot be converted",
    ];
    MARKS.iter().any(|it| said.contains(it))
}

/// A function that refuses data which lacks what every healthy run was started with.
fn lacking_for_function(scene: &Scene, failure: &Failure, visit: &State) -> Option<Clue> {
    let function = failure.function()?;
    let key = lacking_input(scene)?;
    let said = text::brief(&message(&failure.cause), 160);
    let how = format!("the execution was started without {key}, and {function} refused it: {said}");
    let started = super::deploy::started(scene, format!("its input lacks {key}"));
    let reference = started.as_ref().map(|it| it.reference.clone());
    let clue = Clue::new(clue::state(scene, visit), Category::BadInput, 0.86, how);
    Some(
        clue.with(started)
            .with(failure.exhibit())
            .explaining([Explained {
                kind: "function".into(),
                name: function.to_owned(),
                reason: format!("{function} was given data with a missing {key}"),
                reference: reference.unwrap_or_default(),
            }]),
    )
}

/// Who no longer writes something.
pub(in crate::case) struct Producer<'a> {
    pub visit: &'a State,
    pub keys: Vec<String>,
}

/// The last state before this one that left out what the error itself names (`$.profile.email`), and gives it in every
/// healthy run.
fn writer_of_named<'a>(scene: &Scene<'a>, visit: &State, said: &str) -> Option<Producer<'a>> {
    let mut named = named_leaves(said);
    named.extend(quoted_names(said));
    if scene.healthy.len() < 3 || named.is_empty() {
        return None;
    }
    let before = scene.case.states.iter();
    let before =
        before.filter(|it| it.entered_event_id < visit.entered_event_id && it.output.is_some());
    let lost = |state: &'a State| {
        let gave = keys(state.output.as_deref());
        let usual = scene
            .healthy
            .iter()
            .filter_map(|it| it.states.get(&state.state));
        let usual: Vec<_> = usual.collect();
        let first = usual.first().filter(|_| usual.len() >= 3)?;
        let lost = first.keys.iter().filter(|key| {
            let leaf = key.rsplit('.').next().unwrap_or(key);
            !gave.contains(*key)
                && named.iter().any(|it| it == leaf)
                && usual.iter().all(|it| it.keys.contains(*key))
                && !usual.iter().all(|it| it.input_keys.contains(*key))
        });
        let mut keys: Vec<String> = lost.cloned().collect();
        // Columns are often listed as words: they are lost where every healthy list has them.
        let words = texts(state.output.as_deref());
        let has = |text: Option<&String>, name: &String| {
            text.is_some_and(|it| it.split(',').any(|it| it == name))
        };
        for path in first.texts.keys().filter(|it| words.contains_key(*it)) {
            let gone = named.iter().filter(|name| {
                !has(words.get(path), name) && usual.iter().all(|it| has(it.texts.get(path), name))
            });
            keys.extend(gone.cloned());
        }
        (!keys.is_empty()).then_some(Producer { visit: state, keys })
    };
    before
        .filter(|it| it.span_id != visit.parent_span_id)
        .find_map(lost)
}

/// Names of columns and fields between quotation marks: `'kwh_net'`, `"total"`, `` `carrier` ``.
fn quoted_names(said: &str) -> Vec<String> {
    let parts = said.split(['\'', '"', '`']).skip(1);
    let name = |it: &&str| {
        let of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '.';
        (2..=64).contains(&it.len()) && it.chars().all(of_name)
    };
    let leaf = |it: &str| it.rsplit('.').next().unwrap_or(it).to_owned();
    parts.filter(name).map(leaf).take(8).collect()
}

/// The last members of the paths in an error: `email` of `$.profile.email`, of `$states.input.profile.email`.
fn named_leaves(said: &str) -> Vec<String> {
    let of_path = |c: char| c.is_ascii_alphanumeric() || "._-[]".contains(c);
    let starts = ["$.", "$states.input."].iter();
    let paths = starts.flat_map(|start| said.split(start).skip(1));
    let leaf = |rest: &str| {
        let end = rest.find(|c| !of_path(c)).unwrap_or(rest.len());
        let leaf = rest[..end].trim_end_matches('.').rsplit('.').next()?;
        let leaf = leaf.split('[').next()?;
        (!leaf.is_empty()).then(|| leaf.to_owned())
    };
    paths.filter_map(leaf).take(8).collect()
}

/// The last state before this one that left out keys which it gives in every healthy run, and which this one is
/// given in every healthy run.
pub(in crate::case) fn producer<'a>(scene: &Scene<'a>, visit: &State) -> Option<Producer<'a>> {
    if scene.healthy.len() < 3 {
        return None;
    }
    let have = keys(visit.input.as_deref());
    let given: Vec<_> = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&visit.state))
        .collect();
    let wanted: Vec<&String> = match given.first() {
        Some(first) if given.len() >= 3 => first
            .input_keys
            .iter()
            .filter(|key| {
                !have.contains(*key) && given.iter().all(|it| it.input_keys.contains(*key))
            })
            .collect(),
        _ => Vec::new(),
    };
    // States that healthy runs never enter tell nothing of what they should be given.
    let leaf = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let wanted_leaves: Vec<String> = wanted.iter().map(|key| leaf(key)).collect();
    let before = scene
        .case
        .states
        .iter()
        .filter(|it| it.entered_event_id < visit.entered_event_id);
    let mut found = None;
    for state in before.filter(|it| it.output.is_some() && it.span_id != visit.parent_span_id) {
        let gave = keys(state.output.as_deref());
        let usual: Vec<_> = scene
            .healthy
            .iter()
            .filter_map(|it| it.states.get(&state.state))
            .collect();
        let Some(first) = usual.first().filter(|_| usual.len() >= 3) else {
            continue;
        };
        let lost: Vec<String> = first
            .keys
            .iter()
            .filter(|key| !gave.contains(*key) && usual.iter().all(|it| it.keys.contains(*key)))
            .filter(|key| given.is_empty() || wanted_leaves.contains(&leaf(key)))
            .cloned()
            .collect();
        let took = keys(state.input.as_deref());
        // Who was not given it either only passes the lack on.
        let own = lost
            .iter()
            .any(|key| took.contains(key) || !usual.iter().all(|it| it.input_keys.contains(key)));
        if !lost.is_empty() && own && found.is_none() {
            found = Some(Producer {
                visit: state,
                keys: lost,
            });
        }
    }
    found
}

fn by_producer(
    scene: &Scene,
    failure: &Failure,
    visit: &State,
    producer: &Producer,
    in_workflow: bool,
) -> Clue {
    let rewritten = new_version(scene, producer.visit)
        .is_none()
        .then(|| {
            let state = &producer.visit.state;
            // A definition is often held as it is today only: the answer tells, too, that the workflow keeps less of it.
            let kept = || answers_as_ever(scene, producer.visit);
            super::deploy::rewritten_since(scene, state)
                .or_else(|| super::deploy::released_since(scene, state).filter(|_| kept()))
        })
        .flatten();
    let (suspect, name) = match &rewritten {
        // Its function answers as ever; what the workflow keeps of the answer is new.
        Some((label, _)) => (
            clue::entity(scene, "state_machine", label, &[&producer.visit.state]),
            label.clone(),
        ),
        None => maker(scene, producer.visit),
    };
    let keys = producer
        .keys
        .iter()
        .take(3)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let changed = rewritten
        .map(|it| it.1)
        .or_else(|| new_version(scene, producer.visit));
    let category = if changed.is_some() {
        Category::BadDeploy
    } else {
        Category::SilentData
    };
    let weight = if in_workflow { 0.93 } else { 0.84 };
    let mechanism = format!("{name} no longer gives {keys}, which {} needs", visit.state);
    let exited = producer
        .visit
        .exited_event_id
        .and_then(|id| scene.event(id));
    let job = failure
        .attempt
        .filter(|it| crate::case::joblogs::is_job(it));
    let job = job.map(|it| Explained {
        kind: String::new(),
        name: super::job::of(scene, it).1,
        reason: format!("it was given data with a missing {keys}"),
        reference: failure.exhibit().map(|it| it.reference).unwrap_or_default(),
    });
    Clue::new(suspect, category, weight, mechanism)
        .with(
            exited
                .map(|it| clue::event(it, format!("{} left without {keys}", producer.visit.state))),
        )
        .with(failure.exhibit())
        .changed(changed)
        .explaining([Explained {
            kind: String::new(),
            name: visit.state.clone(),
            reason: format!(
                "{} reads the same as in healthy runs; {name} left it out",
                visit.state
            ),
            reference: failure.exhibit().map(|it| it.reference).unwrap_or_default(),
        }])
        .explaining(
            failure
                .function()
                .map(|function| Explained {
                    kind: "function".into(),
                    name: function.to_owned(),
                    reason: format!("{function} was given data with a missing {keys}"),
                    reference: failure.exhibit().map(|it| it.reference).unwrap_or_default(),
                })
                .filter(|it| it.name != name),
        )
        .explaining(job.into_iter().filter(|it| it.name != name))
}

/// Whether the tries of a visit were answered with all that those of healthy runs always were.
fn answers_as_ever(scene: &Scene, visit: &State) -> bool {
    let answer = scene.tries(visit).last().and_then(|it| it.output.clone());
    let Some(answer) = answer else {
        return false;
    };
    let have = keys(Some(&answer));
    let usual = scene.healthy.iter();
    let usual = usual.filter_map(|it| it.states.get(&visit.state));
    let usual: Vec<_> = usual.filter(|it| !it.answered_keys.is_empty()).collect();
    let lacks =
        |key: &String| !have.contains(key) && usual.iter().all(|it| it.answered_keys.contains(key));
    usual.len() >= 3 && !usual[0].answered_keys.iter().any(lacks)
}

/// Who made the output of a visit: its function, else the state itself.
pub(in crate::case) fn maker(scene: &Scene, visit: &State) -> (Entity, String) {
    let tries = scene.tries(visit);
    let last = tries.last().filter(|it| it.function_name.is_some());
    match last.and_then(|it| Some((it, it.function_name.as_deref()?))) {
        Some((attempt, name)) => {
            let version = scene
                .invocation(attempt)
                .and_then(|(it, _)| it.function_version.as_deref());
            (
                clue::function(scene, attempt, name, version),
                name.to_owned(),
            )
        }
        None => (clue::state(scene, visit), visit.state.clone()),
    }
}

/// That the function of a visit ran in a version that no healthy run had.
pub(in crate::case) fn new_version(scene: &Scene, visit: &State) -> Option<String> {
    new_version_among(scene, visit, &scene.healthy)
}

/// That the function of a visit ran in a version that none of these runs had.
pub(in crate::case) fn new_version_among(
    scene: &Scene,
    visit: &State,
    others: &[&Profile],
) -> Option<String> {
    let tries = scene.tries(visit);
    let attempt = tries.last()?;
    let name = attempt.function_name.as_deref()?;
    let ran = scene
        .invocation(attempt)
        .and_then(|(it, _)| it.function_version.clone());
    let version = ran
        .or_else(|| crate::case::profile::executed_version(attempt))
        .or_else(|| attempt.function_qualifier.clone())?;
    crate::case::altered::replaced(scene, others, name, &version)
}

/// A key that the input of every healthy run has and this one has not.
fn lacking_input(scene: &Scene) -> Option<String> {
    let have = keys(scene.case.execution.input.as_deref());
    let first = scene.case.states.first()?;
    let usual: Vec<_> = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&first.state))
        .collect();
    let one = usual.first().filter(|_| usual.len() >= 3)?;
    let mut lacks = one
        .input_keys
        .iter()
        .filter(|key| !have.contains(*key) && usual.iter().all(|it| it.input_keys.contains(*key)));
    lacks.next().cloned()
}
