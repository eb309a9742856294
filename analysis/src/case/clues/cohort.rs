//! A version that fails for one sort of input only. *What it looks for*: a value in the input (a kind, a tenant, a flag)
//! with which the version before went well and this one always fails, while others go well in both. *Why it matters*:
//! most runs of the new version are green, which clears it to whoever looks at versions alone; and whoever looks at the
//! input alone blames that. *How to confirm*: the same input with the version before.

use crate::case::{
    Profile,
    clue::{self, Clue},
    failures::{Failure, message},
    profile,
    scene::Scene,
    text,
};
use model::{Category, Change};

/// Runs of the same sort that went well in the version before.
const WELL: usize = 2;
/// Runs of other sorts that go well in the new one.
const OTHERS: usize = 2;

/// What is the same in all runs of a sort.
struct Sort {
    key: String,
    value: String,
    well: usize,
    failed: usize,
}

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let (Some(name), Some(attempt)) = (failure.function(), failure.attempt) else {
        return Vec::new();
    };
    if super::deploy::explained(failure) {
        return Vec::new();
    }
    let change = super::deploy::deploy_before(scene, failure, name);
    let own = profile::traits(scene.case.execution.input.as_deref());
    let sorts = own
        .into_iter()
        .filter_map(|(key, value)| sort(scene, failure, name, change, key, value));
    let Some(sort) =
        sorts.max_by_key(|it| (it.well + it.failed, std::cmp::Reverse(it.key.clone())))
    else {
        return Vec::new();
    };
    let version = failure.version();
    let changed = old_version(scene, name, version)
        .zip(version)
        .map(|(old, new)| format!("version {old} → {new}"))
        .or_else(|| change.map(super::deploy::told));
    let Some(changed) = changed else {
        return Vec::new();
    };
    let Sort { key, value, .. } = &sort;
    let weight = if sort.failed > 0 { 0.9 } else { 0.84 };
    let mechanism = format!(
        "{name} fails since {changed} where {key} is {value}, as {} runs before it were that went well: {}",
        sort.well,
        text::brief(
            &format!("{} {}", failure.error, message(&failure.cause)),
            140
        )
    );
    let suspect = clue::function(scene, attempt, name, version);
    let line = failure.telling_line(None);
    vec![
        Clue::new(suspect, Category::BadDeploy, weight, mechanism)
            .with(change.map(|it| clue::change(it, super::deploy::told(it))))
            .with(super::deploy::started(
                scene,
                format!("its input has {value} as {key}"),
            ))
            .with(
                line.map(|it| {
                    clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))
                }),
            )
            .with(failure.exhibit())
            .changed(Some(changed)),
    ]
}

/// Runs with the same value, if it tells those that fail since the release from those that do not.
fn sort(
    scene: &Scene,
    failure: &Failure,
    name: &str,
    change: Option<&Change>,
    key: String,
    value: String,
) -> Option<Sort> {
    let error = (failure.state().to_owned(), failure.thrown());
    let (mut well_before, mut failed_since, mut others_since) = (0, 0, 0);
    for peer in &scene.world.peers {
        let Some(since) = is_since(peer, name, failure.version(), change) else {
            continue;
        };
        let same = peer.traits.get(&key) == Some(&value);
        match (same, since, peer.errors.contains(&error)) {
            (true, true, true) => failed_since += 1,
            (true, false, false) if went_well(peer, name) => well_before += 1,
            (false, true, false) if went_well(peer, name) => others_since += 1,
            // It goes well in the new version, too, or failed in the old one, or others fail as well.
            (true, true, false) | (true, false, true) | (false, true, true) => return None,
            _ => {}
        }
    }
    // The first of its sort since the release has no others beside it: then its own words have to tell that it is the code
    // which stumbled, at every try.
    let alone = || change.is_some() && stumbled(scene, failure);
    let telling = well_before >= WELL && others_since >= OTHERS && (failed_since >= 1 || alone());
    telling.then_some(Sort {
        key,
        value,
        well: well_before,
        failed: failed_since,
    })
}

/// True when code broke off where it should not have come to, at every try, and nobody whom it called failed.
fn stumbled(scene: &Scene, failure: &Failure) -> bool {
    let tries = failure.visit.map_or(0, |it| {
        let all = scene.tries(it).into_iter();
        all.filter(|it| {
            it.status.is_failure() && it.error == failure.attempt.and_then(|it| it.error.clone())
        })
        .count()
    });
    // What a runtime writes as it breaks off has no level.
    let said = failure.lines.iter();
    let said = said.filter(|it| it.severity_number == 0 || it.severity_number >= 13);
    let own = text::stumbles(&failure.words());
    let mut called = failure.spans.spans.iter();
    let let_down =
        called.any(|it| crate::case::charges::calls_out(it) && crate::case::charges::failed(it));
    tries >= 2 && !let_down && (own || said.map(|it| it.body.as_str()).any(text::stumbles))
}

fn went_well(peer: &Profile, name: &str) -> bool {
    peer.succeeded && peer.functions.get(name).is_some_and(|it| it.errors == 0)
}

/// Whether a run had the function as it is now; none where it did not call it, or where nothing tells.
fn is_since(
    peer: &Profile,
    name: &str,
    version: Option<&str>,
    change: Option<&Change>,
) -> Option<bool> {
    let ran = peer.functions.get(name)?;
    match version.filter(|it| !ran.versions.is_empty() && *it != "$LATEST") {
        Some(version) => Some(ran.versions.contains(version)),
        None => Some(peer.start >= change?.time),
    }
}

fn old_version(scene: &Scene, name: &str, version: Option<&str>) -> Option<String> {
    let peers = scene.healthy.iter();
    let ran = peers.filter_map(|it| it.functions.get(name));
    let mut others =
        ran.filter_map(|it| it.versions.iter().find(|it| Some(it.as_str()) != version));
    others.next_back().cloned()
}
