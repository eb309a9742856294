//! One item of a Map that cannot be processed. *What it looks for*: one iteration that fails in the same way at
//! every try while its siblings go well with the same code. *Why it matters*: retries do not help, and the aborted
//! siblings outnumber it. *How to confirm*: process the item alone.

use crate::case::{
    clue::{self, Clue, Explained},
    failures::{Failure, message},
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, Status};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let (Some(visit), Some(attempt)) = (failure.visit, failure.attempt) else {
        return Vec::new();
    };
    let Some((map, index)) = innermost(&visit.path) else {
        return Vec::new();
    };
    // What went well at another try can be processed.
    if recovered(scene, attempt) && !visit.caught {
        return Vec::new();
    }
    if !matches!(
        failure.topic(),
        None | Some(Topic::Data | Topic::Path | Topic::Unavailable)
    ) {
        return Vec::new();
    }
    // A callee's failure inside is the callee's.
    if failure
        .spans
        .spans
        .iter()
        .any(|it| crate::case::charges::calls_out(it) && crate::case::charges::failed(it))
    {
        return Vec::new();
    }
    let prefix = format!("{map}[");
    let siblings = scene.case.attempts.iter().filter(|it| {
        it.state == attempt.state && it.path != attempt.path && it.path.contains(&prefix)
    });
    let (mut well, mut same) = (0, 0);
    let mut witness = None;
    for sibling in siblings {
        match sibling.status {
            Status::Succeeded => {
                well += 1;
                witness.get_or_insert(sibling);
            }
            Status::Failed if sibling.error == attempt.error && !recovered(scene, sibling) => {
                same += 1
            }
            _ => {}
        }
    }
    let tries: Vec<&Attempt> = scene
        .tries(visit)
        .into_iter()
        .filter(|it| it.status.is_failure())
        .collect();
    let alike = tries
        .iter()
        .all(|it| it.error == attempt.error && stem(it) == stem(attempt));
    let data = failure.topic() == Some(Topic::Data);
    let base: f64 = match (alike, tries.len(), data) {
        (false, _, _) => return Vec::new(),
        (true, 2.., true) => 0.95,
        (true, 2.., false) => 0.9,
        (true, _, true) => 0.9,
        (true, _, false) => 0.72,
    };
    let elsewhere = healthy_elsewhere(scene, attempt);
    let weight = match (well, elsewhere) {
        (0, false) => base.min(0.6),
        _ if same > well => base.min(0.5),
        _ => base,
    };
    let name = format!("{map}[{index}]");
    let mut suspect = clue::entity(scene, "item", &name, &[&visit.path]);
    // The way leads through the function to the item, which it could not process.
    let last = suspect.path.len().saturating_sub(1);
    if let Some(name) = failure.function() {
        suspect.path.insert(last, name.to_owned());
    }
    let said = text::brief(
        &format!(
            "{} {}",
            attempt.error.as_deref().unwrap_or_default(),
            message(&failure.cause)
        ),
        140,
    );
    let items = if well == 1 { "item" } else { "items" };
    let others = match well {
        0 => String::new(),
        _ => format!("; {well} other {items} went well"),
    };
    let mechanism = format!("{name} cannot be processed: {said}{others}");
    let function = failure.function().unwrap_or(failure.state()).to_owned();
    let cleared = witness.and_then(|it| it.end_event_id).map(|id| Explained {
        kind: String::new(),
        name: function.clone(),
        reason: format!("{function} processed {well} other {items} of the same Map well"),
        reference: clue::event_ref(&scene.case.execution.execution_arn, id),
    });
    let tried = tries
        .iter()
        .filter(|it| it.span_id != attempt.span_id)
        .filter_map(|it| it.end_event_id);
    let tried = tried.filter_map(|id| scene.event(id)).take(2);
    let own = visit
        .input
        .as_deref()
        .zip(scene.event(visit.entered_event_id));
    let own = own.map(|(input, entered)| clue::given(entered, &name, input, &said));
    vec![
        Clue::new(suspect, Category::BadInput, weight, mechanism)
            .with(own)
            .with(tried.map(|it| {
                let when = if it.time < failure.at {
                    "before"
                } else {
                    "again"
                };
                clue::event(it, format!("{name} failed in the same way {when}"))
            }))
            .with(failure.exhibit())
            .explaining(cleared),
    ]
}

/// Map state and index of the innermost iteration in a path such as `Fan[3]/Charge`.
pub(in crate::case) fn innermost(path: &str) -> Option<(String, u64)> {
    let (before, rest) = path.rsplit_once('[')?;
    let index = rest.split_once(']')?.0.parse().ok()?;
    let map = before.rsplit('/').next().unwrap_or(before);
    let map = map.rsplit('}').next().unwrap_or(map);
    (!map.is_empty()).then(|| (map.to_owned(), index))
}

/// The message without what differs from try to try.
fn stem(attempt: &Attempt) -> String {
    text::template(&message(attempt.cause.as_deref().unwrap_or_default()))
}

fn recovered(scene: &Scene, attempt: &Attempt) -> bool {
    scene
        .visit_of(attempt)
        .is_some_and(|it| it.status == Status::Succeeded)
}

/// Healthy runs of the workflow do the same state well.
fn healthy_elsewhere(scene: &Scene, attempt: &Attempt) -> bool {
    let with = scene
        .healthy
        .iter()
        .filter(|it| it.states.contains_key(&attempt.state));
    with.count() >= 3
}
