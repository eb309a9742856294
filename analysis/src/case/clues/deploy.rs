//! A version that fails where the one before did not. *What it looks for*: failures that come with one version of
//! a function or a workflow and healthy runs that come with another. *Why it matters*: "the latest deploy" is right
//! only half of the time; a version that also ran well is cleared. *How to confirm*: compare the two versions.

use crate::case::{
    Profile, altered,
    clue::{self, Clue, Explained},
    failures::{Failure, message},
    scene::Scene,
    settings,
    text::{self, Topic},
};
use model::{Category, Change, Exhibit};

/// How long before a failure a change may lie to be told with it, nanoseconds.
const RECENT: i64 = 24 * 3_600 * 1_000_000_000;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let mut clues: Vec<Clue> = of_function(scene, failure).into_iter().collect();
    clues.extend(of_workflow(scene, failure));
    clues.extend(removed(scene, failure));
    clues
}

/// Something that is not there any more since a change that names it: a table, a parameter, a topic, a function.
fn removed(scene: &Scene, failure: &Failure) -> Option<Clue> {
    const GONE: [&str; 8] = [
        "notfound",
        "not found",
        "nosuch",
        "no such",
        "does not exist",
        "doesnotexist",
        "nonexistent",
        "unknown table",
    ];
    let attempt = failure.attempt?;
    // A name that does not resolve and a host that does not answer are the network's, whatever their error is called.
    if matches!(failure.topic(), Some(Topic::Name | Topic::Connection)) {
        return None;
    }
    let line = failure.telling_line(None);
    let said = format!(
        "{} {}",
        failure.said(),
        line.map_or("", |it| it.body.as_str())
    );
    let lower = said.to_lowercase();
    if !GONE.iter().any(|mark| lower.contains(mark)) {
        return None;
    }
    let sent = attempt.input.as_deref().unwrap_or_default().to_lowercase();
    let named = |it: &&Change| {
        let name = super::function::last_part(&it.resource).to_lowercase();
        name.len() >= 4 && (lower.contains(&name) || sent.contains(&name))
    };
    let function = failure.function();
    // A release of the caller is told by versions, not by what is gone.
    let other = |it: &&Change| function.is_none_or(|function| !names(it, function));
    let change = recent(scene, failure)
        .filter(named)
        .filter(other)
        .max_by_key(|it| (it.time, it.trace_id))?;
    if healthy_before(scene, change) < 3 {
        return None;
    }
    let suspect = match (function, failure.visit) {
        (Some(name), _) => clue::function(scene, attempt, name, failure.version()),
        (None, Some(visit)) => clue::state(scene, visit),
        (None, None) => return None,
    };
    let name = suspect.name.clone();
    let mechanism = format!(
        "{name} misses what is gone since {}: {}",
        told(change),
        text::brief(&message(&failure.cause), 140)
    );
    Some(
        Clue::new(suspect, Category::BadDeploy, 0.9, mechanism)
            .with([clue::change(change, told(change))])
            .with(line.map(|it| clue::log(it, text::brief(&it.body, 160))))
            .with(failure.exhibit())
            .changed(Some(told(change))),
    )
}

/// True when a mechanism of its own explains the failure, whatever the version.
pub(super) fn explained(failure: &Failure) -> bool {
    super::platform::told(&failure.error)
        || matches!(
            failure.topic(),
            Some(
                Topic::Throttled
                    | Topic::Permission
                    | Topic::Name
                    | Topic::Connection
                    | Topic::Pool
                    | Topic::HostLost
                    | Topic::Pull
                    | Topic::OutOfMemory
                    | Topic::TooLarge
            )
        )
}

fn of_function(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let (name, attempt) = (failure.function()?, failure.attempt?);
    if explained(failure) {
        return None;
    }
    let version = failure.version();
    let split = version.map(|version| Split::of(scene, name, version));
    let change = deploy_before(scene, failure, name);
    let (weight, changed) = match (&split, change) {
        (Some(split), change) if split.is_new() && split.others_healthy >= 3 => {
            let old = split.other.clone().unwrap_or_default();
            let sure = if change.is_some() || split.failed_same > 0 {
                0.9
            } else {
                0.82
            };
            (
                sure,
                format!("version {old} → {}", version.unwrap_or_default()),
            )
        }
        (split, Some(change)) if new_since(scene, failure, name, change) => {
            let same = split.as_ref().is_some_and(|it| it.same_healthy > 0);
            let before = healthy_before(scene, change);
            if same && before == 0 || before < 3 {
                return None;
            }
            (0.78, told(change))
        }
        // The version ran well, too, and nothing was changed since.
        _ => return None,
    };
    let suspect = clue::function(scene, attempt, name, version);
    let said = text::brief(
        &format!("{} {}", failure.error, message(&failure.cause)),
        140,
    );
    let mechanism = format!("{name} fails since {changed}: {said}");
    let line = failure.telling_line(None);
    // What says that it ran out with time does not need a release to fail.
    let weight = match text::ran_out(&failure.words()) {
        true => weight * 0.62,
        false => weight,
    };
    let mut clue = Clue::new(suspect, Category::BadDeploy, weight, mechanism)
        .with(change.map(|it| clue::change(it, told(it))))
        .with(line.map(|it| clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))))
        .with(failure.exhibit())
        .changed(Some(changed));
    if let Some(invocation) = failure.invocation {
        clue = clue.with([clue::invocation(
            invocation,
            format!("{name} version {} ran", version.unwrap_or("?")),
        )]);
    }
    Some(clue)
}

/// How runs with one version of a function went, against runs with others.
struct Split {
    same_healthy: usize,
    others_healthy: usize,
    failed_same: usize,
    other: Option<String>,
}

impl Split {
    fn of(scene: &Scene, function: &str, version: &str) -> Self {
        let mut split = Split {
            same_healthy: 0,
            others_healthy: 0,
            failed_same: 0,
            other: None,
        };
        for peer in &scene.world.peers {
            let Some(ran) = peer
                .functions
                .get(function)
                .filter(|it| !it.versions.is_empty())
            else {
                continue;
            };
            let same = ran.versions.contains(version);
            match (same, ran.errors == 0) {
                (true, true) => split.same_healthy += 1,
                (true, false) => split.failed_same += 1,
                (false, true) => {
                    split.others_healthy += 1;
                    let known = ran.versions.iter().max_by_key(|it| altered::order(it));
                    split.other = known.cloned();
                }
                (false, false) => {}
            }
        }
        split
    }

    /// Nobody had luck with this version, or hardly anybody.
    fn is_new(&self) -> bool {
        self.same_healthy == 0 || self.failed_same > self.same_healthy * 2
    }
}

/// A change that leaves sandboxes of a function to be made when they are asked for, or makes them larger.
pub(in crate::case) fn colder(scene: &Scene, name: &str) -> Option<String> {
    const COLDER: [&str; 8] = [
        "provisioned",
        "snapstart",
        "warm",
        "concurrency",
        "package",
        "layer",
        "image size",
        "memory",
    ];
    let start = scene.case.execution.start_time;
    let fits = |it: &&Change| {
        let told = it.change.to_lowercase();
        let recent = it.time <= start && start.since(it.time) <= RECENT;
        recent && names(it, name) && COLDER.iter().any(|word| told.contains(word))
    };
    let all = scene.world.changes.iter().filter(fits);
    all.max_by_key(|it| (it.time, it.trace_id)).map(told)
}

/// How many sandboxes there may be, or are kept warm, changes nothing in what the code does.
fn of_code(change: &Change) -> bool {
    let told = change.change.to_lowercase();
    !told.contains("provisioned concurrency") && !told.contains("reserved concurrency")
}

pub(super) fn deploy_before<'a>(
    scene: &Scene<'a>,
    failure: &Failure,
    name: &str,
) -> Option<&'a Change> {
    let kinds = [
        "lambda", "function", "deploy", "code", "release", "version", "config", "env", "layer",
        "flag", "secret",
    ];
    let of_kind = |it: &&Change| {
        kinds
            .iter()
            .any(|kind| it.kind.to_lowercase().contains(kind))
    };
    recent(scene, failure)
        .filter(|it| names(it, name) && of_code(it))
        .filter(of_kind)
        .max_by_key(|it| (it.time, it.trace_id))
}

/// Healthy runs before the change never had this error, and no healthy run came after it with this function.
fn new_since(scene: &Scene, failure: &Failure, name: &str, change: &Change) -> bool {
    let after = scene
        .healthy
        .iter()
        .filter(|it| it.start > change.time && it.functions.contains_key(name))
        .count();
    let failed_before = scene
        .world
        .peers
        .iter()
        .filter(|it| {
            it.start < change.time && it.errors.iter().any(|(state, _)| state == failure.state())
        })
        .count();
    after == 0 && failed_before == 0
}

fn healthy_before(scene: &Scene, change: &Change) -> usize {
    scene
        .healthy
        .iter()
        .filter(|it| it.start < change.time)
        .count()
}

/// A new version of the workflow, as it is told.
struct Release {
    label: String,
    to: String,
    changed: String,
}

impl Release {
    fn since(scene: &Scene, old: &Profile, state: &str) -> Self {
        let execution = &scene.case.execution;
        let version = execution.state_machine_version.as_deref();
        let label = match version {
            Some(version) => format!("{}:{version}", execution.state_machine),
            None => execution.state_machine.clone(),
        };
        let from = match &old.version {
            Some(version) => format!("version {version}"),
            None => "an older definition".to_owned(),
        };
        let to = match version {
            Some(version) => format!("version {version}"),
            None => "a new definition".to_owned(),
        };
        let changed = format!("{from} → {to}");
        // Which field of the state it was, where that is told by a number.
        let changed = match settings::changed(scene, state) {
            Some(fields) => format!("{changed}: {fields}"),
            None => changed,
        };
        Release { label, to, changed }
    }
}

/// The workflow's new version and what it replaced, if that wrote a state anew.
pub(super) fn rewritten_since(scene: &Scene, state: &str) -> Option<(String, String)> {
    let old = older_definition(scene)?;
    let release = Release::since(scene, old, state);
    rewritten(scene, old, state).then_some((release.label, release.changed))
}

/// The same, whatever it wrote anew: of the older one often nothing but its number is held.
pub(super) fn released_since(scene: &Scene, state: &str) -> Option<(String, String)> {
    let release = Release::since(scene, older_definition(scene)?, state);
    Some((release.label, release.changed))
}

fn of_workflow(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let execution = &scene.case.execution;
    let old = older_definition(scene)?;
    // A failure inside a function is not the workflow's, unless the workflow called it in a new way.
    let name = failure.state();
    let new_state =
        !name.is_empty() && !scene.healthy.iter().any(|it| it.states.contains_key(name));
    let own = matches!(failure.topic(), Some(Topic::Path)) || failure.attempt.is_none();
    let bad_input = failure.function().is_some() && changed_input(scene, failure);
    // The state sends, or keeps, something else than it did.
    let rewritten = rewritten(scene, old, name);
    let patience = impatient(scene, failure, name);
    let of_itself = !explained(failure) && (new_state || own || bad_input || rewritten);
    if !of_itself && patience.is_none() {
        return None;
    }
    let Release { label, to, changed } = Release::since(scene, old, name);
    let suspect = clue::entity(scene, "state_machine", &label, &[name]);
    let mechanism = format!(
        "workflow {label} fails in {name} since {changed}: {}",
        text::brief(
            &format!("{} {}", failure.error, message(&failure.cause)),
            140
        )
    );
    let change = change_of_kind(scene, failure, &execution.state_machine);
    let weight = if patience.is_some() { 0.97 } else { 0.9 };
    let survived = patience.map(|runs| Explained {
        kind: String::new(),
        name: failure.function().unwrap_or(name).to_owned(),
        reason: format!("{runs} healthy runs got over the same failure by trying again"),
        reference: failure.exhibit().map(|it| it.reference).unwrap_or_default(),
    });
    Some(
        Clue::new(suspect, Category::BadDeploy, weight, mechanism)
            .explaining(survived)
            .with(started(scene, format!("the execution ran {to}")))
            .with(change.map(|it| clue::change(it, told(it))))
            .with(failure.exhibit())
            .changed(Some(changed)),
    )
}

/// Healthy runs that had the same failure and got over it by retries which the new definition no longer makes.
fn impatient(scene: &Scene, failure: &Failure, state: &str) -> Option<usize> {
    settings::retries_less(scene, state).filter(|less| *less)?;
    let key = (state.to_owned(), failure.thrown());
    let with = scene.healthy.iter().filter(|it| it.errors.contains(&key));
    Some(with.count()).filter(|runs| *runs > 0)
}

/// True when the definition of a state is not what it was in an older run.
fn rewritten(scene: &Scene, old: &Profile, name: &str) -> bool {
    let own = crate::case::profile::written(scene.case.execution.definition.as_deref());
    match (own.get(name), old.written.get(name)) {
        (Some(now), Some(before)) => now != before,
        _ => false,
    }
}

/// A healthy run with another version or definition; none when this one ran well, too.
fn older_definition<'a>(scene: &Scene<'a>) -> Option<&'a Profile> {
    let execution = &scene.case.execution;
    let own = execution
        .definition
        .as_deref()
        .map(|text| model::TraceId::of_parts(&["definition", text]));
    let same = |peer: &Profile| match (&execution.state_machine_version, &peer.version) {
        (Some(a), Some(b)) => a == b,
        _ => own.is_none() || peer.definition.is_none() || own == peer.definition,
    };
    let ran_well = scene.healthy.iter().filter(|it| same(it)).count();
    let others: Vec<&&Profile> = scene.healthy.iter().filter(|it| !same(it)).collect();
    let failed = scene
        .world
        .peers
        .iter()
        .filter(|it| it.failed && same(it))
        .count();
    (others.len() >= 3 && (ran_well == 0 || failed > 2 * ran_well))
        .then(|| altered::last_before(scene, others.into_iter().copied()))
        .flatten()
}

/// The failing state got an input that lacks what healthy runs gave it.
fn changed_input(scene: &Scene, failure: &Failure) -> bool {
    let Some(visit) = failure.visit else {
        return false;
    };
    let have = crate::case::profile::keys(visit.input.as_deref());
    let healthy: Vec<_> = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&visit.state))
        .collect();
    let lacks =
        |key: &String| !have.contains(key) && healthy.iter().all(|it| it.input_keys.contains(key));
    let first = healthy.first();
    first.is_some_and(|it| it.input_keys.iter().any(lacks)) || sent_less(failure, &healthy)
}

/// The try was sent less than those of healthy runs were.
fn sent_less(failure: &Failure, healthy: &[&crate::case::StateProfile]) -> bool {
    let Some(attempt) = failure.attempt.filter(|it| it.input.is_some()) else {
        return false;
    };
    let sent = crate::case::profile::keys(attempt.input.as_deref());
    let lacks =
        |key: &String| !sent.contains(key) && healthy.iter().all(|it| it.sent_keys.contains(key));
    let first = healthy.first();
    first.is_some_and(|it| it.sent_keys.iter().any(lacks))
}

/// The first event as an exhibit.
pub(in crate::case) fn started(scene: &Scene, text: String) -> Option<Exhibit> {
    scene.event(1).map(|event| clue::event(event, text))
}

pub(super) fn recent<'a>(scene: &Scene<'a>, failure: &Failure) -> impl Iterator<Item = &'a Change> {
    let at = failure.at;
    scene
        .world
        .changes
        .iter()
        .filter(move |it| it.time <= at && at.since(it.time) <= RECENT)
}

fn names(change: &Change, name: &str) -> bool {
    let resource = change.resource.to_lowercase();
    let name = name.to_lowercase();
    let parts = || resource.split([':', '/', ' ']);
    resource == name || parts().any(|part| part == name)
}

pub(in crate::case) fn told(change: &Change) -> String {
    format!("{} {}: {}", change.kind, change.resource, change.change)
}

fn change_of_kind<'a>(scene: &Scene<'a>, failure: &Failure, name: &str) -> Option<&'a Change> {
    recent(scene, failure)
        .filter(|it| names(it, name))
        .max_by_key(|it| (it.time, it.trace_id))
}

/// How long after a change its version may be seen for the first time, nanoseconds.
const SEEN_AFTER: i64 = 900_000_000_000;

/// What was changed of the function or its version before a failure.
pub(in crate::case) fn changed(scene: &Scene, failure: &Failure) -> Option<String> {
    let name = failure.function()?;
    let all = || recent(scene, failure).filter(|it| names(it, name));
    let last = all().max_by_key(|it| (it.time, it.trace_id));
    // A new version that was seen shortly after somebody told of a change is that change.
    let told_of = last.and_then(|last| {
        let told = all().filter(|it| it.source != "derived");
        let told = told.max_by_key(|it| (it.time, it.trace_id));
        told.filter(|it| last.time.since(it.time) <= SEEN_AFTER)
            .or(Some(last))
    });
    if let Some(change) = told_of {
        return Some(told(change));
    }
    let version = failure.version()?;
    let split = Split::of(scene, name, version);
    let old = split
        .other
        .filter(|_| split.same_healthy == 0 && split.others_healthy >= 3)?;
    Some(format!("{name} version {old} → {version}"))
}

/// Healthy runs whose call of the function that failed went well as it is now: in the same version, and after the last
/// change that is told of it.
pub(super) fn well_since(scene: &Scene, failure: &Failure) -> usize {
    let Some(name) = failure.function() else {
        return 0;
    };
    let change = recent(scene, failure).filter(|it| names(it, name));
    let change = change.map(|it| it.time).max();
    let same = |it: &&&Profile| {
        let Some(ran) = it.functions.get(name) else {
            return false;
        };
        let version = failure.version().filter(|_| !ran.versions.is_empty());
        ran.errors == 0
            && version.is_none_or(|it| ran.versions.contains(it))
            && change.is_none_or(|at| it.start >= at)
    };
    scene.healthy.iter().filter(same).count()
}

/// Whether the function that failed was itself changed since the last run that went well, or runs in a new version.
pub(super) fn changed_last(scene: &Scene, failure: &Failure) -> bool {
    let Some(name) = failure.function() else {
        return false;
    };
    let last = scene
        .healthy
        .iter()
        .filter(|it| it.functions.contains_key(name));
    let last = last.map(|it| it.start).max();
    let since = |it: &&Change| last.is_none_or(|last| it.time >= last);
    let told = recent(scene, failure)
        .filter(|it| names(it, name))
        .any(|it| since(&it));
    let split = failure.version().map(|it| Split::of(scene, name, it));
    told || split.is_some_and(|it| it.is_new() && it.others_healthy >= 3)
}

/// A change before the failure whose kind or resource is told by one of these words, and which is not of somebody else.
pub(super) fn change_of(scene: &Scene, failure: &Failure, words: &[&str]) -> Option<String> {
    let fits = |it: &&Change| {
        let kind = it.kind.to_lowercase();
        words
            .iter()
            .any(|word| kind.contains(&word.to_lowercase()) || names(it, word))
    };
    recent(scene, failure)
        .filter(fits)
        .filter(|it| super::concerns(scene, Some(failure), it))
        .max_by_key(|it| (it.time, it.trace_id))
        .map(told)
}

/// The latest change before a failure whose text speaks of a timeout, for a resource.
pub(super) fn timeout_change<'a>(
    scene: &Scene<'a>,
    failure: &Failure,
    name: &str,
) -> Option<&'a Change> {
    let of = |it: &&Change| {
        it.change.to_lowercase().contains("timeout")
            && (names(it, name) || it.resource.is_empty())
            && !super::patience::is_not_lowered(&it.change)
    };
    recent(scene, failure)
        .filter(of)
        .max_by_key(|it| (it.time, it.trace_id))
}
