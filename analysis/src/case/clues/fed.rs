//! Somebody who fails of what another one gave it. *What it looks for*: a function that fails as it never did, in a version
//! that ran well, behind one that runs in a version that no healthy run had. *Why it matters*: what the two hand over may
//! lie in a bucket, where no output tells of it. *How to confirm*: what the new version wrote, beside what the old one did.

use crate::case::{
    clue::{self, Clue, Explained},
    failures::{Failure, message},
    joblogs,
    scene::Scene,
    text::{self, Topic},
};
use model::{Category, LogRecord, State, Status};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let data = failure.topic() == Some(Topic::Data);
    let pass = failure.topic() == Some(Topic::Permission) && text::is_of_pass(&failure.words());
    let vague = data || pass || failure.topic().is_none();
    let job = failure
        .attempt
        .filter(|it| joblogs::is_job(it) && failure.function().is_none());
    let job = job.map(|it| super::job::of(scene, it).1);
    let (Some(visit), Some(function)) = (failure.visit, failure.function().or(job.as_deref()))
    else {
        return Vec::new();
    };
    // Its own release is nearer.
    if !vague || super::deploy::changed_last(scene, failure) {
        return Vec::new();
    }
    let before = scene.case.states.iter().filter(|it| {
        it.state_type == "Task"
            && it.status == Status::Succeeded
            && !it.caught
            && it
                .exited_event_id
                .is_some_and(|id| id < visit.entered_event_id)
    });
    let mut found: Vec<Clue> = before
        .filter(|it| !pass || gives_pass(it))
        .filter_map(|it| giver(scene, failure, function, it, (data, pass)))
        .collect();
    // What the error names came from outside, through whoever handed it on.
    if super::refusal::names_own(scene, failure) {
        found.iter_mut().for_each(|it| it.weight *= 0.6);
    }
    // Two who are new at once leave it open which of them it was.
    if found.len() > 1 {
        found.iter_mut().for_each(|it| it.weight *= 0.9);
    }
    found
}

fn giver(
    scene: &Scene,
    failure: &Failure,
    function: &str,
    visit: &State,
    (data, pass): (bool, bool),
) -> Option<Clue> {
    let changed = super::new_version(scene, visit)?;
    let attempt = scene.tries(visit).into_iter().next_back()?;
    let name = attempt
        .function_name
        .as_deref()
        .filter(|it| *it != function)?;
    let (suspect, _) = super::maker(scene, visit);
    let ran = suspect
        .path
        .iter()
        .find_map(|it| it.strip_prefix("version "));
    // Nobody failed so before it.
    let key = (failure.state().to_owned(), failure.thrown());
    let old = |it: &crate::case::Profile| {
        let versions = it.functions.get(name).map(|it| &it.versions);
        versions.is_some_and(|it| ran.is_some_and(|ran| !it.contains(ran)))
    };
    let peers = scene.world.peers.iter();
    if peers.clone().any(|it| it.errors.contains(&key) && old(it)) {
        return None;
    }
    let line = new_line(scene, attempt, name);
    let weight = match (data, line.is_some()) {
        // Who is refused for what he was given to show is not denied anything himself.
        _ if pass => 0.97,
        (true, true) => 0.92,
        (true, false) => 0.8,
        (false, true) => 0.82,
        (false, false) => return None,
    };
    let said = text::brief(&message(&failure.cause), 140);
    let mechanism = format!(
        "{name} writes what {function} cannot work with since {changed}: {function} failed in {}: {said}",
        failure.state()
    );
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    let carried = |kind: &str, who: &str| Explained {
        kind: kind.to_owned(),
        name: who.to_owned(),
        reason: format!("{who} is the same as in healthy runs; {name} before it is not"),
        reference: reference.clone(),
    };
    Some(
        Clue::new(suspect, Category::BadDeploy, weight, mechanism)
            .with(line.map(|it| {
                clue::log(
                    it,
                    format!(
                        "{name} wrote as never before: {}",
                        text::brief(&it.body, 120)
                    ),
                )
            }))
            .with(left.map(|it| clue::event(it, format!("{} ended with {changed}", visit.state))))
            .with(failure.exhibit())
            .changed(Some(changed))
            .explaining([carried("", function), carried("state", failure.state())]),
    )
}

/// Whether a state gives something to be shown to others: a token, a signature, a signed address.
fn gives_pass(visit: &State) -> bool {
    const NAMES: [&str; 12] = [
        "token",
        "jwt",
        "credential",
        "signature",
        "signed",
        "presigned",
        "session",
        "ticket",
        "bearer",
        "apikey",
        "api_key",
        "assertion",
    ];
    let keys = crate::case::profile::keys(visit.output.as_deref());
    let mut leaves = keys
        .iter()
        .map(|it| it.rsplit('.').next().unwrap_or(it).to_lowercase());
    leaves.any(|leaf| NAMES.iter().any(|it| leaf.contains(it)))
}

/// A line of an invocation that no healthy run's has.
fn new_line<'a>(scene: &Scene<'a>, attempt: &model::Attempt, name: &str) -> Option<&'a LogRecord> {
    let (invocation, _) = scene.invocation(attempt)?;
    let known = scene
        .healthy
        .iter()
        .filter(|it| it.templates.iter().any(|(who, _)| who == name));
    let known: Vec<_> = known.collect();
    let lines = scene.lines(invocation);
    let mut own = lines
        .into_iter()
        .filter(|it| it.origin != model::LogOrigin::LambdaPlatform && it.service_name == name);
    own.find(|it| {
        let key = (it.service_name.clone(), text::template(&it.body));
        known.len() >= 3 && !known.iter().any(|peer| peer.templates.contains(&key))
    })
}
