//! A version that fails for one sort of input only. *What it looks for*: a value in the input (a kind, a tenant, a flag)
//! with which the version before went well and this one always fails, while others go well in both. *Why it matters*:
//! most runs of the new version are green, which clears it to whoever looks at versions alone; and whoever looks at the
//! input alone blames that. *How to confirm*: the same input with the version before.

use crate::case::{
    Profile,
    clue::{self, Clue},
    failures::{Failure, message},
    forms,
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
    sort: forms::Sort,
    well: usize,
    failed: usize,
}

impl Sort {
    /// Of several, the very value goes before how it is written.
    fn rank(&self) -> (bool, usize, std::cmp::Reverse<(String, String)>) {
        let of = &self.sort;
        let name = (of.key.clone(), of.told.clone());
        (
            of.is_exact(),
            self.well + self.failed,
            std::cmp::Reverse(name),
        )
    }
}

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let (Some(name), Some(attempt)) = (failure.function(), failure.attempt) else {
        return of_workflow(scene, failure).into_iter().collect();
    };
    if super::deploy::explained(failure) {
        return Vec::new();
    }
    let change = super::deploy::deploy_before(scene, failure, name);
    let own = sorts_of(scene);
    // The first of its sort since the release has no others beside it: then its own words have to tell that it is the code
    // which stumbled, at every try.
    // One try tells less than several, and more where the version is told: others of its sort have to be more.
    let version = failure.version().filter(|it| *it != "$LATEST");
    let tries = stumbled(scene, failure);
    let alone = match (tries, change.is_some(), version.is_some()) {
        (2.., true, _) | (2.., _, true) => Some(WELL),
        (1, _, true) => Some(WELL + 1),
        _ => None,
    };
    let since = |it: &Profile| is_since(it, name, failure.version(), change);
    let well = |it: &Profile| went_well(it, name);
    let error = (failure.state().to_owned(), failure.thrown());
    let bad = |it: &Profile| it.errors.contains(&error);
    let sorts = own
        .into_iter()
        .filter_map(|it| sort(scene, (&since, &well, &bad), alone, it));
    let Some(sort) = sorts.max_by_key(Sort::rank) else {
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
    let forms::Sort {
        key, told, quoted, ..
    } = &sort.sort;
    let named = quotes(&failure.words(), quoted) || quotes(&failure.lines_said(), quoted);
    let weight = match (sort.failed > 0, sort.sort.is_exact()) {
        (true, _) => 0.9,
        // Whoever stumbles over just what tells this sort from the others says so himself.
        (false, _) if named => 0.93,
        (false, true) => 0.84,
        (false, false) => 0.8,
    };
    let mechanism = format!(
        "{name} fails since {changed} where {key} {told}, as in {} runs before it that went well: {}",
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
                format!("{key} {told} in its input"),
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

/// What is asked of other runs: whether they had what was released, went well, failed in the same way.
type Asked<'a> = (
    &'a dyn Fn(&Profile) -> Option<bool>,
    &'a dyn Fn(&Profile) -> bool,
    &'a dyn Fn(&Profile) -> bool,
);

/// Runs with the same value, if it tells those that fail since the release from those that do not. `alone` is how many of its
/// sort have to have gone well before where no other has failed since.
fn sort(
    scene: &Scene,
    (since, went_well, failed): Asked,
    alone: Option<usize>,
    sort: forms::Sort,
) -> Option<Sort> {
    let (mut well_before, mut failed_since, mut others_since) = (0, 0, 0);
    for peer in &scene.world.peers {
        let Some(since) = since(peer) else {
            continue;
        };
        let same = sort.has(peer);
        match (same, since, failed(peer)) {
            (true, true, true) => failed_since += 1,
            (true, false, false) if went_well(peer) => well_before += 1,
            (false, true, false) if went_well(peer) => others_since += 1,
            // It goes well in the new version, too, or failed in the old one, or others fail as well.
            (true, true, false) | (true, false, true) | (false, true, true) => return None,
            _ => {}
        }
    }
    let enough = match failed_since {
        0 => alone.is_some_and(|it| well_before >= it),
        _ => well_before >= WELL,
    };
    let telling = enough && others_since >= OTHERS;
    telling.then_some(Sort {
        sort,
        well: well_before,
        failed: failed_since,
    })
}

fn sorts_of(scene: &Scene) -> Vec<forms::Sort> {
    let peers: Vec<&Profile> = scene.world.peers.iter().map(|it| &**it).collect();
    forms::sorts(scene.case.execution.input.as_deref(), &peers)
}

/// The same of a version of the workflow, where it fails of itself: a Choice that has no rule for a sort of input, a path that
/// leads nowhere.
fn of_workflow(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let visit = failure.visit.filter(|_| failure.attempt.is_none())?;
    let execution = &scene.case.execution;
    let own = execution.definition.as_deref();
    let written = own.map(|text| model::TraceId::of_parts(&["definition", text]));
    let since = |it: &Profile| match (&execution.state_machine_version, &it.version) {
        (Some(now), Some(then)) => Some(now == then),
        _ => Some(written? == it.definition?),
    };
    let well = |it: &Profile| it.succeeded;
    // No rule that fits, and what is not there, is told by the workflow itself: nobody else's words are needed.
    let own =
        text::is(&failure.said(), text::Topic::Path) || failure.error.contains("NoChoiceMatched");
    let alone = own.then_some(WELL);
    // Errors of states that try nothing are not remembered: those that came there and failed count.
    let bad = |it: &Profile| it.failed && it.states.contains_key(&visit.state);
    let sorts = sorts_of(scene)
        .into_iter()
        .filter_map(|it| sort(scene, (&since, &well, &bad), alone, it));
    let sort = sorts.max_by_key(Sort::rank)?;
    let (label, changed) = super::deploy::released_since(scene, &visit.state).or_else(|| {
        let version = execution.state_machine_version.as_deref()?;
        let old = scene
            .healthy
            .iter()
            .rev()
            .find(|it| since(it) == Some(false))?;
        let label = format!("{}:{version}", execution.state_machine);
        let from = old.version.clone().unwrap_or_default();
        Some((label, format!("version {from} → version {version}")))
    })?;
    let (key, told, well) = (&sort.sort.key, &sort.sort.told, sort.well);
    let mechanism = format!(
        "workflow {label} fails in {} since {changed} where {key} {told}, as in {well} runs before it that went well: {}",
        visit.state,
        text::brief(
            &format!("{} {}", failure.error, message(&failure.cause)),
            120
        )
    );
    let suspect = clue::entity(scene, "state_machine", &label, &[&visit.state]);
    let explained = clue::Explained {
        kind: "state".into(),
        name: visit.state.clone(),
        reason: format!("{} had a way for it before", visit.state),
        reference: failure.exhibit().map(|it| it.reference).unwrap_or_default(),
    };
    Some(
        Clue::new(suspect, Category::BadDeploy, 0.92, mechanism)
            .with(super::deploy::started(
                scene,
                format!("{key} {told} in its input"),
            ))
            .with(failure.exhibit())
            .changed(Some(changed))
            .explaining([explained]),
    )
}

/// At how many tries, if at all of them, code broke off where it should not have come to, and nobody whom it called failed.
fn stumbled(scene: &Scene, failure: &Failure) -> usize {
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
    let broke = !let_down && (own || said.map(|it| it.body.as_str()).any(text::stumbles));
    if broke { tries } else { 0 }
}

/// Whether words hold what tells a sort, not inside of another word.
fn quotes(words: &str, quoted: &str) -> bool {
    let telling = quoted.chars().any(char::is_alphabetic) && !matches!(quoted, "true" | "false");
    telling
        && quoted.len() >= 2
        && words.match_indices(quoted).any(|(at, _)| {
            let before = words[..at].chars().next_back();
            let after = words[at + quoted.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
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

#[cfg(test)]
mod tests {
    use super::quotes;

    #[test]
    fn words_quote_what_tells_a_sort() {
        let check = |words: &str, quoted: &str, expect: bool| {
            assert_eq!(quotes(words, quoted), expect, "{words}: {quoted}");
        };
        check("KeyError: 'KV'", "KV", true);
        check("no rule for rag paper", "rag", true);
        check("KVM is not there", "KV", false);
        check("storage is full", "rag", false);
        check("retry in 10 s", "10", false);
        check("strict is true", "true", false);
    }
}
