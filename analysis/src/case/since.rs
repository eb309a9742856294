//! What was released, and which healthy runs were before it: a function's version, its code, the workflow's version.
//! Green runs of the same release are not what is usual, and are no witnesses for it either.

use super::{Profile, altered, clue, clues, profile, scene::Scene};
use model::{Category, Entity, Exhibit, State};

/// A release that a visit ran with.
pub(crate) struct Since<'a> {
    /// Healthy runs before it.
    pub old: Vec<&'a Profile>,
    /// Healthy runs with it.
    pub new: Vec<&'a Profile>,
    /// What was released.
    pub suspect: Entity,
    /// By which name it is told.
    pub name: String,
    /// What changed.
    pub changed: String,
    /// What green runs that it made wrong are called.
    pub category: Category,
    /// What shows that it ran.
    pub shown: Option<Exhibit>,
}

/// The releases that a visit ran with: its function's first.
pub(crate) fn of<'a>(scene: &Scene<'a>, visit: &State) -> Vec<Since<'a>> {
    let mut found: Vec<Since> = of_function(scene, visit).into_iter().collect();
    found.extend(of_workflow(scene, visit));
    found
}

/// The release of the function that a visit called.
pub(crate) fn of_function<'a>(scene: &Scene<'a>, visit: &State) -> Option<Since<'a>> {
    let attempt = scene.tries(visit).into_iter().next_back()?;
    let name = attempt.function_name.as_deref()?;
    let (suspect, who) = clues::maker(scene, visit);
    let since = |old, new, changed, shown| Since {
        old,
        new,
        suspect: suspect.clone(),
        name: who.clone(),
        changed,
        category: Category::SilentData,
        shown,
    };
    let ran = scene
        .invocation(attempt)
        .and_then(|(it, _)| it.function_version.clone());
    let version = ran
        .or_else(|| profile::executed_version(attempt))
        .or_else(|| attempt.function_qualifier.clone());
    let called = scene.healthy.iter().copied();
    let called: Vec<&Profile> = called
        .filter(|it| it.functions.contains_key(name))
        .collect();
    if let Some(version) = &version {
        let same = |it: &&Profile| it.functions[name].versions.contains(version);
        let (new, old): (Vec<_>, Vec<_>) = called.iter().copied().partition(same);
        if let Some(changed) = altered::replaced(scene, &old, name, version) {
            return Some(since(old, new, changed, None));
        }
    }
    let start = scene.case.execution.start_time;
    let lower = name.to_lowercase();
    let of = |it: &&model::Change| {
        let resource = it.resource.to_lowercase();
        it.time <= start && resource.split([':', '/']).any(|part| part == lower)
    };
    let change = scene.world.changes.iter().filter(of);
    let change = change.max_by_key(|it| (it.time, it.trace_id))?;
    let (old, new) = called.into_iter().partition(|it| it.start < change.time);
    let told = clues::told(change);
    let shown = clue::change(change, told.clone());
    Some(since(old, new, told, Some(shown)))
}

/// The release of the workflow.
pub(crate) fn of_workflow<'a>(scene: &Scene<'a>, visit: &State) -> Option<Since<'a>> {
    let execution = &scene.case.execution;
    let own = execution.definition.as_deref();
    let own = own.map(|text| model::TraceId::of_parts(&["definition", text]));
    let same = |it: &&Profile| match (&execution.state_machine_version, &it.version) {
        (Some(a), Some(b)) => a == b,
        _ => own.is_none() || it.definition.is_none() || own == it.definition,
    };
    let (new, old): (Vec<_>, Vec<_>) = scene.healthy.iter().copied().partition(same);
    let before = altered::last_before(scene, old.iter().copied())?;
    let before = before.version.clone();
    let to = execution.state_machine_version.clone();
    let name = match &to {
        Some(version) => format!("{}:{version}", execution.state_machine),
        None => execution.state_machine.clone(),
    };
    let told =
        |it: Option<String>, or: &str| it.map_or(or.to_owned(), |it| format!("version {it}"));
    let changed = format!(
        "{} → {}",
        told(before, "an older definition"),
        told(to, "a new definition")
    );
    let shown = clues::started(scene, format!("the execution ran with {changed}"));
    Some(Since {
        old,
        new,
        suspect: clue::entity(scene, "state_machine", &name, &[&visit.state]),
        name,
        changed,
        category: Category::BadDeploy,
        shown,
    })
}
