//! A number that a state before gave as nothing. *What it looks for*: code that breaks off in a version that ran well, a
//! number in what it was given that is zero or below and never was in healthy runs, and the function that gave it. *Why it
//! matters*: whoever divides by it or counts with it is only where it shows. *How to confirm*: the same input, asked of the
//! version before.

use crate::case::{
    Profile, amounts,
    clue::{self, Clue, Explained},
    failures::{Failure, message},
    scene::Scene,
    since, text,
};
use model::{Category, State, Status};

/// Healthy runs that had the number.
const KNOWN: usize = 5;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let (Some(visit), Some(function)) = (failure.visit, failure.function()) else {
        return Vec::new();
    };
    if let Some(clue) = cut_short(scene, failure, visit, function) {
        return vec![clue];
    }
    let stumbles =
        text::stumbles(&failure.words()) || failure.lines.iter().any(|it| text::stumbles(&it.body));
    if failure.below || !stumbles || super::deploy::changed_last(scene, failure) {
        return Vec::new();
    }
    let started = amounts::of(scene.case.execution.input.as_deref());
    let before = scene.case.states.iter().filter(|it| {
        it.state_type == "Task"
            && it.status == Status::Succeeded
            && it
                .exited_event_id
                .is_some_and(|id| id < visit.entered_event_id)
    });
    let found = before.filter_map(|it| {
        let (key, value) = nothing(scene, it)
            .into_iter()
            .find(|(key, value)| started.get(key) != Some(value))?;
        giver(scene, failure, function, it, (&key, value))
    });
    found.collect()
}

/// Numbers that a visit gave as nothing, and its likes never did.
fn nothing(scene: &Scene, visit: &State) -> Vec<(String, f64)> {
    let given = amounts::of(visit.input.as_deref());
    let usual: Vec<_> = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&visit.state))
        .collect();
    let gave = amounts::of(visit.output.as_deref()).into_iter();
    let bad = |(key, value): &(String, f64)| {
        let known: Vec<f64> = usual
            .iter()
            .filter_map(|it| it.quantities.get(key).copied())
            .collect();
        *value <= 0.0
            && given.get(key) != Some(value)
            && known.len() >= KNOWN
            && known.iter().all(|it| *it > 0.0)
    };
    gave.filter(bad).collect()
}

fn giver(
    scene: &Scene,
    failure: &Failure,
    function: &str,
    visit: &State,
    (key, value): (&str, f64),
) -> Option<Clue> {
    let attempt = scene.tries(visit).into_iter().next_back()?;
    let name = attempt
        .function_name
        .as_deref()
        .filter(|it| *it != function)?;
    let error = (failure.state().to_owned(), failure.thrown());
    let release = since::of_function(scene, visit).filter(|it| it.old.len() >= 3);
    let failed_before = |it: &Profile| it.errors.contains(&error);
    // It failed so before that release as well: what it gives is none of it.
    let old = release
        .as_ref()
        .map(|it| it.old.iter().any(|it| failed_before(it)));
    let release = release.filter(|_| old == Some(false));
    let (suspect, _) = super::maker(scene, visit);
    let (category, weight) = match &release {
        Some(_) => (Category::BadDeploy, 0.92),
        None => (Category::SilentData, 0.82),
    };
    let since = release
        .as_ref()
        .map_or(String::new(), |it| format!(" since {}", it.changed));
    let said = text::brief(&message(&failure.cause), 120);
    let mechanism = format!(
        "{name} gives {value} as {key}{since}, which healthy runs never had; {function} failed of it in {}: {said}",
        failure.state()
    );
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    let explained = [function, failure.state()].map(|who| Explained {
        kind: String::new(),
        name: who.to_owned(),
        reason: format!("{who} was given {value} as {key}"),
        reference: reference.clone(),
    });
    Some(
        Clue::new(suspect, category, weight, mechanism)
            .with(
                left.map(|it| {
                    clue::event(it, format!("{} left with {value} as {key}", visit.state))
                }),
            )
            .with(failure.exhibit())
            .changed(release.map(|it| it.changed))
            .explaining(explained),
    )
}

/// A time limit that a state before gave, many times shorter than in healthy runs, and that the failure quotes.
fn cut_short(scene: &Scene, failure: &Failure, visit: &State, function: &str) -> Option<Clue> {
    const NAMES: [&str; 7] = [
        "timeout", "deadline", "patience", "waitms", "maxwait", "budget", "ttl",
    ];
    let late = matches!(
        failure.topic(),
        Some(text::Topic::Timeout | text::Topic::Connection)
    );
    if !late {
        return None;
    }
    let said = failure.words();
    let started = amounts::of(scene.case.execution.input.as_deref());
    let usual = |state: &str, key: &str| -> Vec<f64> {
        let states = scene.healthy.iter().filter_map(|it| it.states.get(state));
        states
            .filter_map(|it| it.quantities.get(key).copied())
            .collect()
    };
    let mut before = scene.case.states.iter().filter(|it| {
        it.state_type == "Task"
            && it
                .exited_event_id
                .is_some_and(|id| id < visit.entered_event_id)
    });
    let (giver, key, now, then) = before.find_map(|it| {
        let given = amounts::of(it.input.as_deref());
        amounts::of(it.output.as_deref())
            .into_iter()
            .find_map(|(key, value)| {
                let leaf = key.rsplit('.').next().unwrap_or(&key).to_lowercase();
                let named = NAMES.iter().any(|name| leaf.contains(name));
                let quoted = said
                    .split(|c: char| !c.is_ascii_digit())
                    .any(|it| it.parse() == Ok(value));
                let known = usual(&it.state, &key);
                let least = known.iter().copied().fold(f64::INFINITY, f64::min);
                let cut = known.len() >= KNOWN && value > 0.0 && value * 3.0 <= least;
                let own = !given.contains_key(&key) && !started.contains_key(&key);
                (named && quoted && cut && own).then_some((it, key, value, least))
            })
    })?;
    let attempt = scene.tries(giver).into_iter().next_back()?;
    let name = attempt
        .function_name
        .as_deref()
        .filter(|it| *it != function)?;
    let release =
        since::of_function(scene, giver).filter(|it| it.new.is_empty() && it.old.len() >= 3);
    let (suspect, _) = super::maker(scene, giver);
    let category = match &release {
        Some(_) => Category::BadDeploy,
        None => Category::TimeoutConfig,
    };
    let mechanism = format!(
        "{name} gives {now} as {key}, at least {then} in healthy runs, which was too short for {function} in {}",
        failure.state()
    );
    let left = giver.exited_event_id.and_then(|id| scene.event(id));
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    let quoted = super::network::service_in(scene, &said);
    let victims = [
        Some(function.to_owned()),
        Some(failure.state().to_owned()),
        quoted,
    ];
    let explained = victims.into_iter().flatten().map(|who| Explained {
        kind: String::new(),
        reason: format!("{function} waited no longer than {name} told it to"),
        name: who,
        reference: reference.clone(),
    });
    let explained: Vec<Explained> = explained.collect();
    Some(
        Clue::new(suspect, category, 0.94, mechanism)
            .with(
                left.map(|it| clue::event(it, format!("{} left with {now} as {key}", giver.state))),
            )
            .with(failure.exhibit())
            .changed(release.map(|it| it.changed))
            .explaining(explained),
    )
}
