//! A value that decided the way and is not what it was: of another kind (`"71.4"` instead of 71.4, which no numeric rule
//! matches), or beyond everything before a release of whoever made it (degrees of another scale). Nothing failed and
//! both ways are proper ones, so only the comparison with earlier runs tells.

use super::{
    Profile, amounts,
    clue::{self, Clue},
    clues, onset,
    scene::Scene,
    silent, since,
};
use model::{Category, State};
use serde_json::Value;
use std::collections::BTreeMap;

/// Values that are remembered of one output.
const MOST: usize = 60;
/// Earlier runs that make a habit.
const FEWEST: usize = 5;
/// The same for a range of numbers.
const FEWEST_NUMBERS: usize = 8;
/// How far beyond the range of all earlier values one lies, in widths of the range.
const WIDTHS: f64 = 1.0;
/// The least width of a range, of its largest value.
const LEAST_WIDTH: f64 = 0.1;

/// Of which kind a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A number.
    Number,
    /// True or false.
    Truth,
    /// A list.
    List,
    /// An object.
    Object,
}

impl Kind {
    fn of(value: &Value) -> Option<Kind> {
        match value {
            Value::Null => None,
            Value::String(_) => Some(Kind::Text),
            Value::Number(_) => Some(Kind::Number),
            Value::Bool(_) => Some(Kind::Truth),
            Value::Array(_) => Some(Kind::List),
            Value::Object(_) => Some(Kind::Object),
        }
    }

    pub(crate) fn told(self) -> &'static str {
        match self {
            Kind::Text => "a text",
            Kind::Number => "a number",
            Kind::Truth => "true or false",
            Kind::List => "a list",
            Kind::Object => "an object",
        }
    }
}

/// The kinds of the values of a JSON object, by path, a few levels deep.
pub(crate) fn kinds(text: Option<&str>) -> BTreeMap<String, Kind> {
    fn walk(value: &Value, prefix: &str, depth: usize, found: &mut BTreeMap<String, Kind>) {
        for (name, member) in value.as_object().into_iter().flatten() {
            if found.len() >= MOST {
                return;
            }
            let path = match prefix {
                "" => name.clone(),
                prefix => format!("{prefix}.{name}"),
            };
            if depth < 3 {
                walk(member, &path, depth + 1, found);
            }
            found.extend(Kind::of(member).map(|kind| (path, kind)));
        }
    }
    let mut found = BTreeMap::new();
    let small = text.filter(|text| text.len() < 1_000_000);
    if let Some(value) = small.and_then(|text| serde_json::from_str(text).ok()) {
        walk(&value, "", 0, &mut found);
    }
    found
}

/// The first Choice that read such a value, and who made it.
pub(crate) fn clues(scene: &Scene) -> Option<Clue> {
    let choices = scene.case.states.iter();
    let mut choices: Vec<&State> = choices.filter(|it| it.state_type == "Choice").collect();
    choices.sort_by_key(|it| it.entered_event_id);
    choices.into_iter().find_map(|choice| {
        let read = silent::variables(scene, &choice.state);
        let read = read.iter().map(|it| last_name(it));
        read.filter_map(|leaf| Read::of(scene, choice, leaf))
            .find_map(|read| of_kind(scene, &read).or_else(|| beyond(scene, &read)))
    })
}

fn last_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// What a Choice read, and where it came from.
struct Read<'a> {
    choice: &'a State,
    /// The state that gave it first.
    made: &'a State,
    /// Where it stands in that state's output.
    path: String,
    kind: Kind,
}

impl<'a> Read<'a> {
    fn of(scene: &Scene<'a>, choice: &'a State, leaf: &str) -> Option<Self> {
        let at = |text: Option<&str>| {
            let all = kinds(text);
            all.into_iter().find(|(path, _)| last_name(path) == leaf)
        };
        let (_, read) = at(choice.input.as_deref())?;
        let before = scene.case.states.iter().filter(|it| {
            it.entered_event_id < choice.entered_event_id
                && it.parent_span_id == choice.parent_span_id
                && matches!(it.state_type.as_str(), "Task" | "Pass")
                && !it.caught
        });
        let made = before
            .filter(|it| at(it.input.as_deref()).is_none())
            .filter_map(|it| Some((it, at(it.output.as_deref())?)))
            .min_by_key(|(it, _)| it.entered_event_id);
        let (made, (path, kind)) = made.filter(|(_, (_, kind))| *kind == read)?;
        Some(Read {
            choice,
            made,
            path,
            kind,
        })
    }

    /// Where the Choice went.
    fn taken(&self, scene: &Scene<'a>) -> Option<&'a State> {
        let after = scene.case.states.iter().filter(|it| {
            it.entered_event_id > self.choice.entered_event_id
                && it.parent_span_id == self.choice.parent_span_id
        });
        after.min_by_key(|it| it.entered_event_id)
    }

    fn clue(&self, scene: &Scene, weight: f64, told: &str, usual: &str) -> Option<Clue> {
        let (suspect, name) = clues::maker(scene, self.made);
        let taken = self.taken(scene)?;
        let mechanism = format!(
            "{name} {told}; {usual}, so {} went to {}, and the execution succeeded with it",
            self.choice.state, taken.state
        );
        let left = self.made.exited_event_id.and_then(|id| scene.event(id));
        let chose = self.choice.exited_event_id.and_then(|id| scene.event(id));
        let gave = format!("{} {told}", self.made.state);
        let went = format!("{} went to {}", self.choice.state, taken.state);
        Some(
            Clue::new(suspect, Category::SilentData, weight, mechanism)
                .with(left.map(|it| clue::event(it, gave)))
                .with(chose.map(|it| clue::event(it, went))),
        )
    }

    fn is_new_way(&self, scene: &Scene, earlier: &[&Profile]) -> bool {
        let edge = self
            .taken(scene)
            .map(|it| (self.choice.state.clone(), it.state.clone()));
        edge.is_some_and(|edge| !earlier.iter().any(|it| it.edges.contains(&edge)))
    }
}

/// A value of another kind than in all earlier runs.
fn of_kind(scene: &Scene, read: &Read) -> Option<Clue> {
    let kind = |it: &Profile| {
        let state = it.states.get(&read.made.state)?;
        state.kinds.get(&read.path).copied()
    };
    let start = scene.case.execution.start_time;
    let earlier = onset::fit(&scene.healthy, start, |it| kind(it) == Some(read.kind));
    let usual: Vec<Kind> = earlier.iter().filter_map(|it| kind(it)).collect();
    let before = *usual.first()?;
    let same = usual.len() >= FEWEST && usual.iter().all(|it| *it == before);
    if !same || before == read.kind {
        return None;
    }
    // A rule for the old kind never matches the new one; else the way itself has to be another.
    let rules = scene.written(&read.choice.state).map(Value::to_string);
    let compares = match before {
        Kind::Number => rules.is_some_and(|it| it.contains("\"Numeric")),
        Kind::Truth => rules.is_some_and(|it| it.contains("\"Boolean")),
        Kind::Text => rules.is_some_and(|it| it.contains("\"String")),
        Kind::List | Kind::Object => false,
    };
    if !compares && !read.is_new_way(scene, &earlier) {
        return None;
    }
    let told = format!("gave {} as {}", read.path, read.kind.told());
    let usual = format!("it is {} in {} healthy runs", before.told(), usual.len());
    let clue = read.clue(scene, 0.92, &told, &usual)?;
    Some(clue.changed(clues::new_version_among(scene, read.made, &earlier)))
}

/// A number beyond all of those before a release of whoever gave it, in every run since.
fn beyond(scene: &Scene, read: &Read) -> Option<Clue> {
    if read.kind != Kind::Number || amounts::odd_input(scene) {
        return None;
    }
    let since = since::of_function(scene, read.made)?;
    let value = *amounts::of(read.made.output.as_deref()).get(&read.path)?;
    let at = |it: &&&Profile| {
        Some(
            *it.states
                .get(&read.made.state)?
                .quantities
                .get(&read.path)?,
        )
    };
    let mut old: Vec<&Profile> = since.old.clone();
    old.sort_by_key(|it| (it.start, it.trace_id));
    let usual: Vec<f64> = old.iter().filter_map(|it| at(&it)).collect();
    let range = Range::of(&usual)?;
    let new: Vec<f64> = since.new.iter().filter_map(|it| at(&it)).collect();
    // One run alone is chance, and one that is as ever clears the release.
    let all = !new.is_empty() && new.iter().all(|it| range.is_far(*it));
    if !all || !range.is_far(value) || !read.is_new_way(scene, &old) {
        return None;
    }
    let told = format!(
        "gave {} {} since {}",
        read.path,
        amounts::number(value),
        since.changed
    );
    let usual = format!(
        "{} runs before it have {} to {}",
        usual.len(),
        amounts::number(range.least),
        amounts::number(range.most)
    );
    let clue = read.clue(scene, 0.91, &told, &usual)?;
    Some(clue.with(since.shown).changed(Some(since.changed)))
}

/// What is known of a number.
struct Range {
    least: f64,
    most: f64,
}

impl Range {
    /// Of values in order of time.
    fn of(values: &[f64]) -> Option<Range> {
        // What goes up with every run counts them.
        let counts = values.windows(2).all(|pair| pair[0] < pair[1]);
        if values.len() < FEWEST_NUMBERS || counts || !values.iter().all(|it| it.is_finite()) {
            return None;
        }
        Some(Range {
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    fn is_far(&self, value: f64) -> bool {
        let largest = self.least.abs().max(self.most.abs());
        let width = (self.most - self.least).max(largest * LEAST_WIDTH);
        value > self.most + width * WIDTHS || value < self.least - width * WIDTHS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_values_are_found() {
        let found = kinds(Some(r#"{"a": {"b": "1", "c": [1]}, "d": 1, "e": null}"#));
        assert_eq!(found.get("a.b"), Some(&Kind::Text));
        assert_eq!(found.get("a.c"), Some(&Kind::List));
        assert_eq!(found.get("a"), Some(&Kind::Object));
        assert_eq!(found.get("d"), Some(&Kind::Number));
        assert_eq!(found.get("e"), None);
        assert!(kinds(Some("no JSON")).is_empty());
    }

    #[test]
    fn far_is_beyond_a_whole_range() {
        let check = |value: f64, expect: bool| {
            let usual = [15.0, 16.3, 21.5, 18.9, 15.0, 20.2, 17.6, 16.3];
            let range = Range::of(&usual).expect("a range");
            assert_eq!(range.is_far(value), expect, "{value}");
        };
        check(63.7, true);
        check(-9.0, true);
        check(22.0, false);
        check(27.9, false);
        check(10.0, false);
        assert!(Range::of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).is_none());
    }
}
