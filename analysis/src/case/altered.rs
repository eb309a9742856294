//! What changed of whoever is accused, where the clue itself does not tell: a change that somebody told of it, a version
//! that no healthy run had, a release of the workflow, a larger input. A hint beside the verdict, never its ground.

use super::{Profile, clues, failures::Failure, profile, scene::Scene};
use model::{Category, Change, Entity, Exhibit, UnixNanos, text::counted};

/// How long before the end a change may lie, nanoseconds.
const RECENT: i64 = 24 * 3_600 * 1_000_000_000;
/// Runs that went well after a change before it is none of this.
const WELL: usize = 3;
/// Healthy runs that tell what is usual.
const USUAL: usize = 3;
/// How many times larger an input has to be.
const LARGER: f64 = 2.0;
/// Shorter names stand in other words by chance.
const LEAST: usize = 4;

/// What changed, with what shows it.
pub(super) struct Altered {
    /// In words.
    pub told: String,
    /// Where it stands, if not in a change that the exhibits find by these words.
    pub shown: Option<Exhibit>,
}

/// What changed of the accused before it came about.
pub(super) fn of(
    scene: &Scene,
    culprit: &Entity,
    category: Category,
    failure: Option<&Failure>,
) -> Option<Altered> {
    let execution = &scene.case.execution;
    let end = execution.end_time.unwrap_or(execution.start_time);
    let at = failure.map_or(end, |it| it.at);
    // Who lost a host did so whatever was released; what is pulled is another matter.
    let pulled = |it: &&Change| {
        const PULLED: [&str; 5] = ["image", "tag", "ami", "instance", "platform"];
        let told = it.change.to_lowercase();
        category != Category::Infrastructure || PULLED.iter().any(|word| told.contains(word))
    };
    let told = || {
        change(scene, culprit, at)
            .filter(pulled)
            .map(|change| Altered {
                told: clues::told(change),
                shown: None,
            })
    };
    let plain = |told| Altered { told, shown: None };
    let grown = || match category {
        Category::DataSize | Category::Memory => grown(scene),
        _ => None,
    };
    told()
        .or_else(|| version(scene, culprit).map(plain))
        .or_else(|| workflow(scene, culprit))
        .or_else(grown)
}

/// The words that a name consists of, in lower case.
fn words(name: &str) -> Vec<String> {
    let lower = name.to_lowercase();
    let parts = lower.split(|it: char| !it.is_alphanumeric());
    let parts = parts.filter(|it| !it.is_empty());
    parts.map(str::to_owned).collect()
}

/// True where the words of a name stand in others, one after the other.
fn within(name: &[String], text: &[String]) -> bool {
    let letters: usize = name.iter().map(String::len).sum();
    letters >= LEAST && text.windows(name.len()).any(|it| it == name)
}

/// The latest change that names the accused, or the workflow of an accused state.
fn change<'a>(scene: &Scene<'a>, culprit: &Entity, at: UnixNanos) -> Option<&'a Change> {
    let name = culprit.name.split(':').next().unwrap_or_default();
    let name = words(name);
    let machine = &scene.case.execution.state_machine;
    let of_workflow = matches!(culprit.kind.as_str(), "state" | "state_machine");
    let names = |it: &Change| {
        let resource = clues::last_part(&it.resource);
        of_workflow && resource == *machine
            || within(&name, &words(&resource))
            || within(&name, &words(&it.change))
    };
    let fits = |it: &&Change| {
        it.time <= at && at.since(it.time) <= RECENT && names(it) && !well_since(scene, it)
    };
    let all = scene.world.changes.iter().filter(fits);
    let start = scene.case.execution.start_time;
    // What somebody told says more than what was seen, and what the execution began with more than what came later.
    all.max_by_key(|it| {
        (
            it.source != "derived",
            it.time <= start,
            it.time,
            it.trace_id,
        )
    })
}

/// Whether runs went well with it, as far as it was not changed again, perhaps back.
fn well_since(scene: &Scene, change: &Change) -> bool {
    let changes = scene.world.changes.iter();
    let again = changes.filter(|it| it.resource == change.resource && it.time > change.time);
    let until = again.map(|it| it.time).min();
    let start = scene.case.execution.start_time;
    // It was undone before.
    if until.is_some_and(|it| it < start) && change.source != "derived" {
        return true;
    }
    let well =
        |it: &&&Profile| it.start > change.time && until.is_none_or(|until| it.start < until);
    scene.healthy.iter().filter(well).count() >= WELL
}

/// A version of an accused function that no healthy run had.
fn version(scene: &Scene, culprit: &Entity) -> Option<String> {
    if culprit.kind != "function" {
        return None;
    }
    let name = culprit.name.split(':').next()?;
    let ran = scene.case.invocations.iter();
    let ran = ran.filter(|it| it.function_name == name);
    let asked = scene.case.attempts.iter();
    let asked = asked.filter(|it| it.function_name.as_deref() == Some(name));
    let of_calls = asked
        .filter_map(|it| profile::executed_version(it).or_else(|| it.function_qualifier.clone()));
    let version = ran
        .filter_map(|it| it.function_version.clone())
        .chain(of_calls)
        .next()?;
    replaced(scene, &scene.healthy, name, &version)
}

/// How a version is told that none of these runs had: against that of the last run before this one, else of the others.
pub(super) fn replaced(
    scene: &Scene,
    others: &[&Profile],
    name: &str,
    version: &str,
) -> Option<String> {
    let ran = others.iter();
    let ran: Vec<_> = ran
        .filter_map(|it| Some((it.start, it.functions.get(name)?)))
        .collect();
    let new = !ran.is_empty()
        && ran
            .iter()
            .all(|(_, it)| !it.versions.is_empty() && !it.versions.contains(version));
    if !new {
        return None;
    }
    let start = scene.case.execution.start_time;
    let before = ran.iter().filter(|(at, _)| *at <= start);
    let before = before.max_by_key(|(at, _)| *at);
    let last = before.or_else(|| ran.iter().min_by_key(|(at, _)| *at))?;
    let other = last.1.versions.iter().max_by_key(|it| order(it))?;
    Some(match before {
        Some(_) => format!("{name} version {other} → {version}"),
        None => format!("{name} ran in version {version}, later runs in version {other}"),
    })
}

/// The last of some runs before this one; where all came later, the first.
pub(super) fn last_before<'a>(
    scene: &Scene,
    runs: impl Iterator<Item = &'a Profile>,
) -> Option<&'a Profile> {
    let start = scene.case.execution.start_time;
    let place = |it: &&Profile| match it.start <= start {
        true => (true, it.start.since(start)),
        false => (false, start.since(it.start)),
    };
    runs.max_by_key(place)
}

/// Versions are numbers, mostly.
pub(super) fn order(version: &str) -> (u64, &str) {
    (version.parse().unwrap_or_default(), version)
}

/// A version of the workflow that no healthy run had, where a state is accused.
fn workflow(scene: &Scene, culprit: &Entity) -> Option<Altered> {
    let execution = &scene.case.execution;
    let version = execution.state_machine_version.as_ref()?;
    let others: Vec<&&Profile> = scene
        .healthy
        .iter()
        .filter(|it| it.version.is_some())
        .collect();
    let same = others.iter().any(|it| it.version.as_ref() == Some(version));
    if !matches!(culprit.kind.as_str(), "state" | "state_machine") || same || others.len() < USUAL {
        return None;
    }
    let before = others.iter().filter(|it| it.start <= execution.start_time);
    let before = before.max_by_key(|it| it.start)?.version.as_ref()?;
    let told = format!("version {before} → version {version}");
    let told = match super::settings::changed(scene, &culprit.name) {
        Some(fields) => format!("{told}: {fields}"),
        None => told,
    };
    let shown = clues::started(scene, format!("the execution ran with {told}"));
    Some(Altered { told, shown })
}

/// An input that is larger than healthy runs have it, by its bytes, the items of its work, or a number in it.
fn grown(scene: &Scene) -> Option<Altered> {
    let execution = &scene.case.execution;
    if scene.healthy.len() < USUAL {
        return None;
    }
    let usual = |of: &dyn Fn(&Profile) -> f64| {
        let mut all: Vec<f64> = scene.healthy.iter().map(|it| of(it)).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let bytes = execution.input.as_ref().map_or(0, String::len);
    let usual_bytes = usual(&|it| it.input_bytes as f64);
    let items = execution.iterations;
    let usual_items = usual(&|it| f64::from(it.iterations));
    let number = super::sizes::beyond_all(scene).map(|it| {
        let [value, most] = [it.value, it.most].map(super::amounts::number);
        let told = match it.path.strip_suffix("[]") {
            Some(list) => format!("{list} in its input: {value} items instead of at most {most}"),
            None => format!(
                "{} in its input: {value} instead of at most {most}",
                it.path
            ),
        };
        (it.value / it.most, told)
    });
    let size = (
        bytes as f64 / usual_bytes.max(64.0),
        format!("its input: {bytes} bytes instead of {usual_bytes:.0}"),
    );
    let work = (
        f64::from(items) / usual_items.max(1.0),
        format!(
            "its work: {} instead of {usual_items:.0}",
            counted(items.into(), "item", "items")
        ),
    );
    let all = [size, work].into_iter().chain(number);
    let (times, told) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
    if times < LARGER {
        return None;
    }
    let shown = clues::started(scene, told.clone());
    Some(Altered { told, shown })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, World};
    use model::Execution;

    fn changed(resource: &str, change: &str, time: i64) -> Change {
        Change::new(UnixNanos(time), "config", resource, change, "told")
    }

    fn accused(kind: &str, name: &str) -> Entity {
        Entity {
            kind: kind.to_owned(),
            name: name.to_owned(),
            path: Vec::new(),
        }
    }

    fn case() -> Case {
        Case {
            execution: Execution {
                start_time: UnixNanos(100),
                end_time: Some(UnixNanos(200)),
                state_machine: "orders".to_owned(),
                ..Execution::default()
            },
            ..Case::default()
        }
    }

    #[test]
    fn a_change_of_the_accused_is_told_and_no_other() {
        let check = |kind: &str, name: &str, change: Change, expect: bool| {
            let world = World {
                changes: vec![change.clone()],
                ..World::default()
            };
            let case = case();
            let scene = Scene::new(&case, &world);
            let found = of(&scene, &accused(kind, name), Category::Capacity, None);
            assert_eq!(found.is_some(), expect, "{name} {change:?}");
        };
        check(
            "service",
            "rerank",
            changed("rerank-cluster", "512 -> 8", 50),
            true,
        );
        check(
            "service",
            "cart-sessions",
            changed("table cart-sessions", "5 WCU", 50),
            true,
        );
        check(
            "service",
            "tax-api",
            changed("edge", "route of tax-api removed", 50),
            true,
        );
        check(
            "service",
            "tax-api",
            changed("edge", "route of vat-api removed", 50),
            false,
        );
        check(
            "service",
            "tax-api",
            changed("tax-api", "8 -> 9", 201),
            false,
        );
        check("service", "api", changed("other-api", "8 -> 9", 50), false);
        check(
            "state",
            "Pay",
            changed("orders", "version 3: TimeoutSeconds", 50),
            true,
        );
        check(
            "function",
            "pay",
            changed("orders", "version 3: TimeoutSeconds", 50),
            false,
        );
    }

    #[test]
    fn what_was_undone_or_ran_well_is_not_told() {
        let well = |start: i64| Profile {
            start: UnixNanos(start),
            healthy: true,
            succeeded: true,
            ..Profile::default()
        };
        let check = |changes: &[(&str, i64)], runs: &[i64], expect: Option<&str>| {
            let told = changes.iter();
            let world = World {
                changes: told.map(|(to, at)| changed("tax-api", to, *at)).collect(),
                peers: runs
                    .iter()
                    .map(|it| std::sync::Arc::new(well(*it)))
                    .collect(),
                ..World::default()
            };
            let case = case();
            let scene = Scene::new(&case, &world);
            let found = of(
                &scene,
                &accused("service", "tax-api"),
                Category::Error,
                None,
            );
            let found = found.map(|it| it.told);
            let expect = expect.map(|it| format!("config tax-api: {it}"));
            assert_eq!(found, expect, "{changes:?} {runs:?}");
        };
        check(&[("to 2", 50)], &[10, 20, 30], Some("to 2"));
        check(&[("to 2", 50)], &[60, 70, 80], None);
        check(&[("to 2", 50), ("to 3", 90)], &[60, 70, 80], Some("to 3"));
        check(&[("to 2", 50), ("back", 150)], &[10, 160], Some("to 2"));
        check(&[("to 2", 50), ("back", 60)], &[10, 70, 80, 90], None);
    }
}
