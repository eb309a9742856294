//! Wrong by its amount: a list that is empty where healthy runs never leave it so, a number a thousand times off. Nothing
//! failed, so only the comparison tells. A run with more or less to do is no crime: what an unusual input explains, or
//! what healthy runs have now and then, says nothing.

use super::{
    Case, Profile,
    clue::{self, Clue},
    clues,
    scene::Scene,
};
use model::{Category, Entity, Exhibit, State};
use serde_json::Value;
use std::collections::BTreeMap;

/// Quantities that are remembered of one output.
const MOST: usize = 60;
/// Healthy runs below which an amount is not called unusual.
const FEWEST: usize = 8;
/// A list or a count that is smaller in the median healthy run may be empty now and then.
const SOME: f64 = 3.0;
/// The same of the smallest healthy run.
const FEW: f64 = 2.0;
/// How many times beyond all healthy values a number lies that a new version made.
const OFF_BY_VERSION: f64 = 30.0;
/// The same of what is measured, in every run since the release, and runs that make it so.
const OFF_SINCE: f64 = 4.0;
const RUNS_SINCE: usize = 2;
/// The same without a new version, below them: more is the input's matter.
const OFF: f64 = 100.0;
/// Healthy values that are further from each other than this have no scale.
const SPREAD: f64 = 50.0;
/// Fractions that are no further from each other than this are never nothing.
const STEADY: f64 = 2.0;
/// How many times fewer a first page holds than any healthy run had, which are so close to each other.
const PAGE_TIMES: f64 = 1.5;
const PAGE_SPREAD: f64 = 1.6;

/// Numbers of a JSON object and the lengths of its lists (`rows[]`), a few levels deep; what lists hold is left aside.
pub(crate) fn of(text: Option<&str>) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let small = text.filter(|text| text.len() < 1_000_000);
    match small.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        Some(Value::Array(items)) => _ = found.insert("[]".to_owned(), items.len() as f64),
        Some(value) => walk(&value, "", 0, &mut found),
        None => {}
    }
    found
}

fn walk(value: &Value, prefix: &str, depth: usize, found: &mut BTreeMap<String, f64>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        if found.len() >= MOST {
            return;
        }
        let path = match prefix {
            "" => name.clone(),
            prefix => format!("{prefix}.{name}"),
        };
        match member {
            Value::Number(number) => found.extend(number.as_f64().map(|it| (path, it))),
            Value::Array(items) => _ = found.insert(format!("{path}[]"), items.len() as f64),
            Value::Object(_) if depth < 3 => walk(member, &path, depth + 1, found),
            _ => {}
        }
    }
}

/// How an amount is off.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Off {
    /// Nothing, where healthy runs have something.
    Empty,
    /// Below zero, where healthy runs never are.
    Negative,
    /// So many times less, and as many as one page or batch holds.
    Page(f64),
    /// So many times less.
    Less(f64),
    /// So many times more.
    More(f64),
}

/// As many as limits of pages and batches are: 10, 25, 100, 250, 500, 1000, 256 …
fn is_page(value: f64) -> bool {
    if value != value.trunc() || !(10.0..=1e7).contains(&value) {
        return false;
    }
    let mut digits = value;
    while digits % 10.0 == 0.0 {
        digits /= 10.0;
    }
    let decimal = [1.0, 2.0, 5.0, 25.0].contains(&digits);
    let binary = value >= 16.0 && value.log2() == value.log2().trunc();
    decimal || binary
}

/// Whether a value is nothing, below zero or several times beyond those of healthy runs.
pub(crate) fn is_odd(value: f64, usual: &[f64]) -> bool {
    match off(value, usual) {
        Some(Off::Less(times) | Off::More(times)) => times >= 3.0,
        other => other.is_some(),
    }
}

/// How a value lies beyond those of healthy runs.
fn off(value: f64, usual: &[f64]) -> Option<Off> {
    let least = usual.iter().copied().fold(f64::INFINITY, f64::min);
    let most = usual.iter().copied().fold(0.0, f64::max);
    if usual.len() < FEWEST || least <= 0.0 || !most.is_finite() || !value.is_finite() {
        return None;
    }
    let mut sorted = usual.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    if value == 0.0 {
        // Where few come by chance, none does, too.
        let many = median >= SOME && least >= FEW && least * 4.0 >= median;
        // What is measured or priced is no count: it comes as a fraction, and always near the same.
        let fractions = usual.iter().filter(|it| **it != it.trunc()).count();
        let many = many || fractions * 2 > usual.len() && most <= STEADY * least;
        return many.then_some(Off::Empty);
    }
    if most > SPREAD * least {
        return None;
    }
    if value < 0.0 {
        return (-value * 2.0 >= least).then_some(Off::Negative);
    }
    if value < least {
        let page = least >= PAGE_TIMES * value && most <= PAGE_SPREAD * least;
        let whole = usual.iter().all(|it| *it == it.trunc());
        let paged = usual.iter().filter(|it| is_page(**it)).count();
        if page && whole && is_page(value) && paged * 8 <= usual.len() {
            return Some(Off::Page(least / value));
        }
        return Some(Off::Less(least / value));
    }
    (value > most).then_some(Off::More(value / most))
}

/// The first state that gave an amount which no healthy run gives.
pub(crate) fn unusual(scene: &Scene) -> Option<Clue> {
    if well(scene).len() < FEWEST || odd_input(scene) {
        return None;
    }
    let mut seen = std::collections::BTreeSet::new();
    let first = |it: &&State| seen.insert(it.state.clone());
    let visits = scene.case.states.iter().filter(first);
    let made = visits.filter(|it| {
        // A block gives what the states inside of it gave, a Wait or a Choice what it was given.
        matches!(it.state_type.as_str(), "Task" | "Pass") && it.output.is_some() && !it.caught
    });
    let mut made: Vec<&State> = made.collect();
    made.sort_by_key(|it| it.entered_event_id);
    made.into_iter().find_map(|visit| of_visit(scene, visit))
}

fn of_visit(scene: &Scene, visit: &State) -> Option<Clue> {
    let given = of(visit.input.as_deref());
    let (path, value, how, usual, version) = of(visit.output.as_deref())
        .into_iter()
        .filter(|(path, value)| given.get(path) != Some(value) && !good_if_none(path))
        .find_map(|(path, value)| {
            let at = |it: &Profile| Some(*it.states.get(&visit.state)?.quantities.get(&path)?);
            let (how, others) = against(scene, at, value)?;
            let version = clues::new_version_among(scene, visit, &others);
            let usual: Vec<f64> = others.iter().filter_map(|it| at(it)).collect();
            // A longer list is more work, whoever made it.
            let longer = path.ends_with("[]") && matches!(how, Off::More(_));
            let rescaled = || {
                matches!(how, Off::Less(times) | Off::More(times) if times >= OFF_SINCE)
                    && rescaled(scene, visit, &path, &usual)
            };
            let wrong = (counts(how, version.is_some()) || rescaled()) && !longer;
            wrong.then_some((path, value, how, usual, version))
        })?;
    let inside = given_inside(scene, visit, &path);
    let (suspect, name) = match &inside {
        Some((_, suspect)) => (suspect.clone(), suspect.name.clone()),
        None => clues::maker(scene, visit),
    };
    let version = version.or_else(|| {
        let changes = inside.as_ref().map(|(made, _)| made.changed.clone());
        changes.flatten()
    });
    let what = match path.strip_suffix("[]") {
        Some("") => "an empty list".to_owned(),
        Some(list) => format!("an empty {list}"),
        None => path.clone(),
    };
    let least = number(usual.iter().copied().fold(f64::INFINITY, f64::min));
    let most = number(usual.iter().copied().fold(0.0, f64::max));
    let told = match how {
        Off::Empty if path.ends_with("[]") => format!("gave {what}"),
        Off::Empty => format!("gave {what} 0"),
        Off::Negative => format!("gave a {what} below zero"),
        Off::Page(_) => format!("gave {what} {}, as many as one page", number(value)),
        Off::Less(times) => format!("gave a {what} {times:.0} times less than any"),
        Off::More(times) => format!("gave a {what} {times:.0} times more than any"),
    };
    let mechanism = format!(
        "{name} {told}; {} healthy runs have {least} to {most}, and the execution succeeded with it",
        usual.len()
    );
    if let Some(clue) = super::within::swallowed(scene, visit, &told)
        .or_else(|| clues::taken_for_answer(scene, visit, &told))
    {
        return Some(clue);
    }
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    let weight = if version.is_some() { 0.92 } else { 0.86 };
    Some(
        Clue::new(suspect, Category::SilentData, weight, mechanism)
            .with(inside.into_iter().flat_map(|(made, _)| made.left))
            .with(left.map(|it| clue::event(it, format!("{} {told}", visit.state))))
            .changed(version),
    )
}

/// Something measured (a temperature, a price, a mean: it comes with a fraction) that lies several times beyond all runs
/// before a release of whoever gave it, in every run since: another unit, another scale. One run alone is chance, and
/// counts grow for good reasons.
fn rescaled(scene: &Scene, visit: &State, path: &str, usual: &[f64]) -> bool {
    let Some(since) = super::since::of_function(scene, visit) else {
        return false;
    };
    let at = |it: &&Profile| Some(*it.states.get(&visit.state)?.quantities.get(path)?);
    let before: Vec<f64> = since.old.iter().filter_map(at).collect();
    let after: Vec<f64> = since.new.iter().filter_map(at).collect();
    let fractions = usual.iter().filter(|it| **it != it.trunc()).count();
    let far = |value: &f64| match off(*value, &before) {
        Some(Off::Less(times) | Off::More(times)) => times >= OFF_SINCE,
        _ => false,
    };
    fractions * 2 > usual.len() && after.len() >= RUNS_SINCE && after.iter().all(far)
}

/// What is known of the state of a started execution that gave an amount first.
#[derive(Default)]
struct Made {
    left: Option<Exhibit>,
    changed: Option<String>,
}

/// Executions below each other that are followed down.
const DEEPEST: usize = 8;

/// Who gave an amount inside of the execution that a state started: the first state there whose output holds it, and
/// whose input does not.
fn given_inside(scene: &Scene, visit: &State, path: &str) -> Option<(Made, Entity)> {
    let value = *of(visit.output.as_deref()).get(path)?;
    let child = scene.child(scene.tries(visit).last()?)?;
    let (made, mut suspect) = first_inside(scene, child, &visit.state, last_name(path), value, 0)?;
    let own = &scene.case.execution.state_machine;
    if suspect.path.first() != Some(own) {
        suspect.path.splice(0..0, [own.clone(), visit.path.clone()]);
    }
    Some((made, suspect))
}

fn last_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn first_inside(
    scene: &Scene,
    child: &Case,
    state: &str,
    name: &str,
    value: f64,
    depth: usize,
) -> Option<(Made, Entity)> {
    if depth >= DEEPEST {
        return None;
    }
    let world = scene.world.of_child(child);
    let below = Scene::new(child, &world);
    let holds = |text: Option<&str>| {
        let all = of(text);
        all.iter()
            .any(|(path, it)| last_name(path) == name && *it == value)
    };
    let made = child.states.iter().filter(|it| {
        matches!(it.state_type.as_str(), "Task" | "Pass")
            && holds(it.output.as_deref())
            && !holds(it.input.as_deref())
    });
    let made = made.min_by_key(|it| it.entered_event_id)?;
    let deeper = below.tries(made).last().and_then(|it| below.child(it));
    if let Some(deeper) = deeper
        && let Some(found) = first_inside(&below, deeper, &made.state, name, value, depth + 1)
    {
        return Some(found);
    }
    let (suspect, who) = clues::maker(&below, made);
    let left = made.exited_event_id.and_then(|id| below.event(id));
    let left = left.map(|it| clue::event(it, format!("{who} gave it, in what {state} started")));
    let changed = clues::new_version(&below, made);
    Some((Made { left, changed }, suspect))
}

/// Whether it is far enough off to be wrong.
fn counts(how: Off, by_version: bool) -> bool {
    match how {
        Off::Empty | Off::Negative | Off::Page(_) => true,
        Off::Less(times) => times >= if by_version { OFF_BY_VERSION } else { OFF },
        Off::More(times) => by_version && times >= OFF_BY_VERSION,
    }
}

/// A value against those of the siblings before the incident, and who these are.
fn against<'a>(
    scene: &Scene<'a>,
    at: impl Fn(&Profile) -> Option<f64>,
    value: f64,
) -> Option<(Off, Vec<&'a Profile>)> {
    let fit = before_incident(scene, &at, value);
    let usual: Vec<f64> = fit.iter().filter_map(|it| at(it)).collect();
    // A value that is not always there has its reasons to come and go.
    let always = usual.len() * 10 >= fit.len() * 9;
    let how = off(value, &usual).filter(|_| always)?;
    Some((how, fit))
}

/// Siblings that went well, however long they took: time says nothing of amounts.
fn well<'a>(scene: &Scene<'a>) -> Vec<&'a Profile> {
    let peers = scene.world.peers.iter().map(|it| &**it);
    let slow = peers.filter(|it| {
        it.healthy
            && !scene
                .healthy
                .iter()
                .any(|same| same.trace_id == it.trace_id)
    });
    scene.healthy.iter().copied().chain(slow).collect()
}

/// The siblings without those that have the same odd value since a time. What comes and goes, such as an empty Sunday,
/// is no incident.
fn before_incident<'a>(
    scene: &Scene<'a>,
    at: impl Fn(&Profile) -> Option<f64>,
    value: f64,
) -> Vec<&'a Profile> {
    let mut all: Vec<&'a Profile> = well(scene);
    let away = |it: f64, from: f64| match it / from {
        times if times > 0.0 => times.ln().abs(),
        _ => f64::INFINITY,
    };
    // Who is nearer to the one that lies furthest away is usual, not alike.
    let others = all.iter().filter_map(|it| at(it));
    let furthest = others.max_by(|a, b| away(*a, value).total_cmp(&away(*b, value)));
    let alike = |it: &Profile| {
        at(it).is_some_and(|it| match value == 0.0 {
            true => it == 0.0,
            false => {
                let near = (0.1..10.0).contains(&(it / value));
                near && furthest.is_none_or(|far| away(it, value) <= away(it, far))
            }
        })
    };
    all.sort_by_key(|it| (it.start, it.trace_id));
    let start = scene.case.execution.start_time;
    let (before, after) = all.split_at(all.partition_point(|it| it.start < start));
    // Before it most of them since the first one, after it those that follow at once.
    let first = before.iter().position(|it| alike(it));
    let since = before.split_at(first.unwrap_or(before.len())).1;
    let same = since.iter().filter(|it| alike(it)).count();
    if same * 4 < since.len() * 3 {
        return all;
    }
    let follow = after.iter().take_while(|it| alike(it)).count();
    let well = before.iter().filter(|it| !alike(it));
    well.chain(&after[follow..]).copied().collect()
}

/// The execution was started with an amount that no healthy run was started with: it had other work.
pub(super) fn odd_input(scene: &Scene) -> bool {
    let given = of(scene.case.execution.input.as_deref());
    let Some(first) = scene.case.states.first() else {
        return false;
    };
    given.iter().any(|(path, value)| {
        let at = |it: &Profile| Some(*it.states.get(&first.state)?.given.get(path)?);
        match against(scene, at, *value) {
            Some((Off::Less(times) | Off::More(times), _)) => times >= 3.0,
            Some((Off::Page(_), _)) => true,
            other => other.is_some(),
        }
    })
}

/// Amounts of which none is a good sign.
pub(super) fn good_if_none(path: &str) -> bool {
    const WORDS: [&str; 30] = [
        "error",
        "fail",
        "retr",
        "remain",
        "skip",
        "dup",
        "reject",
        "missing",
        "pending",
        "warn",
        "lag",
        "delay",
        "wait",
        "left",
        "conflict",
        "drop",
        "invalid",
        "latency",
        "backlog",
        "queue",
        "alert",
        "violation",
        "diff",
        "mismatch",
        "overdue",
        "expired",
        "defect",
        "issue",
        "discount",
        "balance",
    ];
    let lower = path.to_lowercase();
    WORDS.iter().any(|it| lower.contains(it))
}

/// A number as it is told.
pub(crate) fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        let told = format!("{value:.4}");
        told.trim_end_matches('0').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_an_output_are_found() {
        let text =
            r#"{"a": {"rows": [1, 2]}, "n": 7.5, "s": "x", "deep": {"a": {"b": {"c": {"d": 1}}}}}"#;
        let found = of(Some(text));
        assert_eq!(found.get("a.rows[]"), Some(&2.0));
        assert_eq!(found.get("n"), Some(&7.5));
        assert_eq!(found.len(), 2);
        assert!(of(Some("no JSON")).is_empty());
    }

    #[test]
    fn an_amount_is_off_only_beyond_all_healthy_ones() {
        let check = |value: f64, usual: &[f64], expect: Option<Off>| {
            assert_eq!(off(value, usual), expect, "{value} {usual:?}")
        };
        let usual = [5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 6.0, 5.0];
        check(0.0, &usual, Some(Off::Empty));
        check(7.0, &usual, None);
        check(-6.0, &usual, Some(Off::Negative));
        check(-1.0, &usual, None);
        check(0.0, &[1.0, 6.0, 7.0, 2.0, 9.0, 3.0, 6.0, 5.0], None);
        check(0.05, &usual, Some(Off::Less(100.0)));
        check(1_000.0, &usual, Some(Off::More(100.0)));
        let rows = [541.0, 539.0, 548.0, 530.0, 526.0, 544.0, 535.0, 540.0];
        check(100.0, &rows, Some(Off::Page(5.26)));
        check(256.0, &rows, Some(Off::Page(526.0 / 256.0)));
        check(104.0, &rows, Some(Off::Less(526.0 / 104.0)));
        check(100.0, &[200.0; 8], Some(Off::Less(2.0)));
        check(0.0, &[0.0, 6.0, 7.0, 8.0, 9.0, 10.0, 6.0, 5.0], None);
        check(0.0, &usual[..4], None);
        check(0.0, &[1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0], None);
        check(0.1, &[5.0, 6.0, 700.0, 8.0, 9.0, 10.0, 6.0, 5.0], None);
    }
}
