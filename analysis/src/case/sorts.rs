//! What a release writes otherwise for one sort of input: the same currency, country or carrier came out in another form
//! before it, and all other sorts still come out as ever. Most runs of the release are as they should be, which clears it
//! to whoever looks at versions alone.

use super::{
    Profile,
    clue::{self, Clue},
    profile::traits,
    scene::Scene,
    since::{self, Since},
};
use model::{Category, State};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Texts of one output that are remembered, how long they are, and words of one list.
const MOST: usize = 60;
const SHORT: usize = 48;
const WORDS: usize = 24;
/// Runs before the release that tell what is usual, and runs in all.
const FEWEST: usize = 3;
const IN_ALL: usize = 10;
/// Runs of the same sort before it whose form is a habit; one is enough where the form of all sorts is told by the sort.
const SAME: usize = 2;
/// Runs of other sorts since the release that came out as ever.
const OTHERS: usize = 2;

/// Short texts in a JSON object, by path, a few levels deep; lists of words as one text.
pub(crate) fn texts(text: Option<&str>) -> BTreeMap<String, String> {
    fn walk(value: &Value, prefix: &str, depth: usize, found: &mut BTreeMap<String, String>) {
        for (name, member) in value.as_object().into_iter().flatten() {
            if found.len() >= MOST {
                return;
            }
            let path = match prefix {
                "" => name.clone(),
                prefix => format!("{prefix}.{name}"),
            };
            match member {
                Value::String(text) if text.len() <= SHORT => _ = found.insert(path, text.clone()),
                Value::Object(_) if depth < 3 => walk(member, &path, depth + 1, found),
                Value::Array(items) if (1..=WORDS).contains(&items.len()) => {
                    let words: Option<Vec<&str>> = items
                        .iter()
                        .map(|it| it.as_str().filter(|it| it.len() <= SHORT))
                        .collect();
                    found.extend(words.map(|it| (path, it.join(","))));
                }
                _ => {}
            }
        }
    }
    let mut found = BTreeMap::new();
    let small = text.filter(|text| text.len() < 1_000_000);
    if let Some(value) = small.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        walk(&value, "", 0, &mut found);
    }
    found
}

/// In which form a text is: a number by its decimals, a code by its kinds of characters, a word as itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Number(usize),
    Code(String),
    Word(String),
    None,
}

impl Form {
    fn of(text: &str) -> Form {
        let plain = text.strip_prefix(['-', '+']).unwrap_or(text);
        let number =
            plain.parse::<f64>().is_ok() && plain.starts_with(|c: char| c.is_ascii_digit());
        if number && !plain.contains(['e', 'E']) {
            return Form::Number(plain.split_once('.').map_or(0, |it| it.1.len()));
        }
        if !text.chars().any(|c| c.is_ascii_digit()) {
            return Form::Word(text.to_owned());
        }
        let mut code = String::new();
        for c in text.chars() {
            let kind = match c {
                c if c.is_ascii_digit() => '9',
                c if c.is_alphabetic() => 'a',
                c => c,
            };
            if !code.ends_with(kind) {
                code.push(kind);
            }
        }
        Form::Code(code)
    }

    fn told(&self) -> String {
        match self {
            Form::Number(0) => "a whole number".to_owned(),
            Form::Number(1) => "a number with one decimal".to_owned(),
            Form::Number(n) => format!("a number with {n} decimals"),
            Form::Code(code) => format!("like {code}"),
            Form::Word(word) => format!("{word:?}"),
            Form::None => "missing".to_owned(),
        }
    }
}

fn form(run: &Profile, state: &str, path: &str) -> Option<Form> {
    let of = run.states.get(state)?;
    Some(of.texts.get(path).map_or(Form::None, |it| Form::of(it)))
}

/// The first text that a release gives in another form for this sort of input.
pub(crate) fn clue(scene: &Scene) -> Option<Clue> {
    let traits = traits(scene.case.execution.input.as_deref());
    if traits.is_empty() {
        return None;
    }
    let mut seen = BTreeSet::new();
    let states = scene.case.states.iter();
    let made = states.filter(|it| it.state_type == "Task" && !it.caught && it.output.is_some());
    let mut made: Vec<&State> = made.collect();
    made.sort_by_key(|it| it.entered_event_id);
    made.retain(|it| seen.insert(it.state.as_str()));
    made.into_iter().find_map(|visit| {
        let since = since::of_function(scene, visit)?;
        if since.old.len() < FEWEST || since.old.len() + since.new.len() < IN_ALL {
            return None;
        }
        of_visit(scene, visit, &since, &traits)
    })
}

fn of_visit(
    scene: &Scene,
    visit: &State,
    since: &Since,
    traits: &BTreeMap<String, String>,
) -> Option<Clue> {
    let given = texts(visit.input.as_deref());
    let gave = texts(visit.output.as_deref());
    let paths = since
        .old
        .iter()
        .filter_map(|it| it.states.get(&visit.state));
    let paths: BTreeSet<&String> = paths
        .flat_map(|it| it.texts.keys())
        .chain(gave.keys())
        .collect();
    let own = paths
        .into_iter()
        .filter(|it| !given.contains_key(*it) || given.get(*it) != gave.get(*it));
    for path in own {
        let form = gave.get(path).map_or(Form::None, |it| Form::of(it));
        let sort = traits.iter().find_map(|(key, value)| {
            let was = other_form(visit, since, path, &form, (key, value))?;
            Some((key, value, was))
        });
        let Some((key, value, (was, runs))) = sort else {
            continue;
        };
        let name = &since.name;
        let mechanism = format!(
            "{name} gave {path} {} for {key} {value} since {}, {} in {runs} such runs before it; other sorts came out as ever, and the execution succeeded with it",
            form.told(),
            since.changed,
            was.told()
        );
        let left = visit.exited_event_id.and_then(|id| scene.event(id));
        return Some(
            Clue::new(since.suspect.clone(), Category::SilentData, 0.91, mechanism)
                .with(since.shown.clone())
                .with(left.map(|it| {
                    clue::event(
                        it,
                        format!("{} left with {path} {}", visit.state, form.told()),
                    )
                }))
                .changed(Some(since.changed.clone())),
        );
    }
    None
}

/// The form that a text had for the same sort before a release, where every sort has one form of its own, and the others
/// kept theirs.
fn other_form(
    visit: &State,
    since: &Since,
    path: &str,
    now: &Form,
    (key, value): (&String, &String),
) -> Option<(Form, usize)> {
    let of = |it: &Profile| form(it, &visit.state, path);
    let sort = |it: &Profile| it.traits.get(key).cloned();
    let mut before: BTreeMap<String, Vec<Form>> = BTreeMap::new();
    for run in &since.old {
        before.entry(sort(run)?).or_default().push(of(run)?);
    }
    // A sort with two forms is none: the text is of the run's own.
    let single = before
        .values()
        .all(|it| it.iter().all(|form| *form == it[0]));
    let same = before.get(value)?;
    let was = same[0].clone();
    if !single || was == *now {
        return None;
    }
    let mut forms: Vec<&Form> = before.values().map(|it| &it[0]).collect();
    forms.sort();
    forms.dedup();
    // Names and texts of one's own differ from run to run.
    let few = forms.len() * 2 <= since.old.len();
    let words = matches!(now, Form::Word(_)) || matches!(was, Form::Word(_) | Form::None);
    let mut runs: BTreeMap<&String, usize> = before.iter().map(|it| (it.0, it.1.len())).collect();
    let mut kept = 0;
    for run in &since.new {
        let (sort, form) = (sort(run)?, of(run)?);
        match before.get(&sort) {
            // One that came out as ever clears the release.
            Some(_) if sort == *value && form != *now => return None,
            Some(usual) if sort != *value && form == usual[0] => {
                kept += 1;
                runs.entry(before.get_key_value(&sort)?.0)
                    .and_modify(|it| *it += 1);
            }
            Some(_) if sort != *value => return None,
            _ => {}
        }
    }
    // Both before and since, the form is told by the sort.
    let repeated = runs.values().filter(|it| **it >= SAME).count();
    let habit = same.len() >= SAME || !words && repeated >= SAME;
    (few && habit && kept >= OTHERS).then_some((was, same.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_forms() {
        let check = |text: &str, expect: Form| assert_eq!(Form::of(text), expect, "{text}");
        check("745.07", Form::Number(2));
        check("-745", Form::Number(0));
        check("2026-07-01", Form::Code("9-9-9".into()));
        check("PO-15", Form::Code("a-9".into()));
        check("APPROVED", Form::Word("APPROVED".into()));
        check("1.234,50", Form::Code("9.9,9".into()));
    }
}
