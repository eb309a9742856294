//! What a state hands over beside its data, which no deploy of whoever is called changes: which version of a function it
//! asks for, and where in the message the token stands by which it is to be answered. A release of the workflow that
//! changes either is to blame, not who was called so.

use super::{
    Profile,
    clue::{self, Clue, Explained},
    clues,
    failures::Failure,
    scene::Scene,
    since::{self, Since},
};
use model::{Attempt, Category, State};
use serde_json::Value;
use std::collections::BTreeSet;

/// Healthy runs that tell what is handed over.
const FEWEST: usize = 3;
/// Values inside values.
const DEPTH: usize = 6;
/// A token is longer than other words.
const LONG: usize = 40;

const VERSION: &str = "version ";
const TOKEN: &str = "token ";

/// What a try handed over: the version that it asked for, the places of a token in what it sent.
pub(crate) fn of(attempt: &Attempt) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if attempt.function_name.is_some() {
        let asked = attempt.function_qualifier.as_deref().unwrap_or_default();
        found.insert(format!("{VERSION}{asked}"));
    }
    let sent = attempt
        .input
        .as_deref()
        .filter(|it| attempt.resource.contains("waitForTaskToken") && it.len() < 300_000);
    if let Some(sent) = sent.and_then(|it| serde_json::from_str(it).ok()) {
        tokens(&sent, "", 0, &mut found);
    }
    found
}

/// Where a token stands, also in JSON in a text, and in variables that are told by name and value.
fn tokens(sent: &Value, path: &str, depth: usize, found: &mut BTreeSet<String>) {
    if depth > DEPTH || found.len() > 8 {
        return;
    }
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match sent {
        Value::Object(members) => {
            let named = ["Name", "name", "Key", "key"]
                .iter()
                .find_map(|it| members.get(*it)?.as_str());
            for (name, member) in members {
                let name = match name.as_str() {
                    "Value" | "value" | "StringValue" => named.unwrap_or(name),
                    name => name,
                };
                tokens(member, &below(name), depth + 1, found);
            }
        }
        Value::Array(items) => {
            let inner = format!("{path}[]");
            items
                .iter()
                .for_each(|it| tokens(it, &inner, depth + 1, found));
        }
        Value::String(text) => {
            let nested = text.starts_with(['{', '[']);
            match nested.then(|| serde_json::from_str::<Value>(text)) {
                Some(Ok(inner)) => tokens(&inner, path, depth + 1, found),
                _ if is_token(path, text) => _ = found.insert(format!("{TOKEN}{path}")),
                _ => {}
            }
        }
        _ => {}
    }
}

/// One long word of letters and digits, as Step Functions writes its tokens; shorter where it is called one.
fn is_token(path: &str, text: &str) -> bool {
    let leaf = path.rsplit('.').next().unwrap_or(path).to_lowercase();
    let least = if leaf.contains("token") { 20 } else { LONG };
    let of_token = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    let begins = text.starts_with("AQ") || text.starts_with("AA") || leaf.contains("token");
    text.len() >= least && begins && text.chars().all(of_token)
}

/// The message of a try went out with its token at another place than in all healthy runs, or without it: whoever takes it
/// cannot answer.
pub(super) fn misplaced(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Option<Clue> {
    let visit = failure.visit?;
    let places = |all: &BTreeSet<String>| -> BTreeSet<String> {
        let all = all.iter().filter_map(|it| it.strip_prefix(TOKEN));
        all.map(str::to_owned).collect()
    };
    attempt.input.as_ref()?;
    let own = places(&of(attempt));
    let usual = scene.healthy.iter();
    let usual: Vec<BTreeSet<String>> = usual
        .filter_map(|it| it.states.get(&visit.state))
        .map(|it| places(&it.handed))
        .collect();
    let first = usual.first().filter(|_| usual.len() >= FEWEST)?;
    let elsewhere = !first.is_empty() && usual.iter().all(|it| it.is_disjoint(&own));
    if !elsewhere || !usual.iter().all(|it| it == first) {
        return None;
    }
    let told = |all: &BTreeSet<String>| all.iter().cloned().collect::<Vec<_>>().join(", ");
    let (before, now) = (told(first), told(&own));
    let how = match own.is_empty() {
        true => "without its token".to_owned(),
        false => format!("with its token at {now}"),
    };
    let release = since::of_workflow(scene, visit).filter(|it| it.new.is_empty());
    let (suspect, changed, shown) = match release {
        Some(it) => (it.suspect, Some(it.changed), it.shown),
        None => (clue::state(scene, visit), None, None),
    };
    let mechanism = format!(
        "{} sent its message {how}, where {} healthy runs have it at {before}: nobody could answer it",
        visit.state,
        usual.len()
    );
    let sent = scene.event(attempt.scheduled_event_id);
    let reference = sent.map(|it| clue::event_ref(&it.execution_arn, it.event_id));
    let reference = reference.unwrap_or_default();
    let worker = clues::worker(scene, attempt);
    let line = worker.as_ref().and_then(|it| {
        let wrote = it.wrong.or_else(|| it.last());
        Some(clue::log(wrote?, super::text::brief(&wrote?.body, 160)))
    });
    let mut others: BTreeSet<String> = worker.into_iter().map(|it| it.name).collect();
    others.extend(clues::callee(attempt).map(|it| it.1));
    others.extend(failure.function().map(str::to_owned));
    let explained = others
        .into_iter()
        .filter(|it| *it != suspect.name)
        .map(|name| Explained {
            kind: String::new(),
            reason: format!("{name} was not given the token where it looks for it"),
            name,
            reference: reference.clone(),
        });
    let explained: Vec<Explained> = explained.collect();
    Some(
        Clue::new(suspect, Category::BadDeploy, 0.96, mechanism)
            .with(sent.map(|it| clue::event(it, format!("{} sent it {how}", visit.state))))
            .with(line)
            .with(shown)
            .with(failure.exhibit())
            .changed(changed)
            .explaining(explained),
    )
}

/// The release of the workflow since which a state asks for another version of its function, where the function itself was
/// not released: an older version, another alias, a version that nobody told to have been made just now.
pub(super) fn repinned<'a>(scene: &Scene<'a>, visit: &State) -> Option<(Since<'a>, String)> {
    let attempt = scene.tries(visit).into_iter().next_back()?;
    let name = attempt.function_name.as_deref()?;
    let asked = attempt.function_qualifier.as_deref().unwrap_or_default();
    let since = since::of_workflow(scene, visit)?;
    let key = format!("{VERSION}{asked}");
    let handed = |it: &&Profile| Some(it.states.get(&visit.state)?.handed.clone());
    let old: Vec<BTreeSet<String>> = since.old.iter().filter_map(&handed).collect();
    let new = since.new.iter().filter_map(&handed);
    let asks = |it: &BTreeSet<String>| it.contains(&key);
    if old.len() < FEWEST || old.iter().any(asks) || !new.clone().all(|it| asks(&it)) {
        return None;
    }
    let last = super::altered::last_before(scene, since.old.iter().copied())?;
    let last = handed(&last)?;
    let before = last.iter().find_map(|it| it.strip_prefix(VERSION))?;
    if before == asked {
        return None;
    }
    let number = |it: &str| it.parse::<u64>().ok();
    let newer = number(asked).is_some_and(|now| number(before).is_none_or(|it| now > it));
    if newer && !released_alone(scene, name) {
        return None;
    }
    let called = |it: &str| match it {
        "" => name.to_owned(),
        it => format!("{name}:{it}"),
    };
    let told = format!(
        "{} asks for {} instead of {}",
        visit.state,
        called(asked),
        called(before)
    );
    Some((since, told))
}

/// Changes are held that tell of the workflow's release, and none of the function's.
fn released_alone(scene: &Scene, function: &str) -> bool {
    let start = scene.case.execution.start_time;
    let of = |name: &str| {
        let lower = name.to_lowercase();
        let mut all = scene.world.changes.iter();
        all.any(|it| {
            let resource = it.resource.to_lowercase();
            let mut parts = resource.split([':', '/', ' ']);
            it.source != "derived" && it.time <= start && parts.any(|part| part == lower)
        })
    };
    of(&scene.case.execution.state_machine) && !of(function)
}

/// Charges the workflow's release with what speaks against a function that only ran in the version which it was asked for.
pub(super) fn charge_release(scene: &Scene, found: &mut [Clue]) {
    for clue in found.iter_mut() {
        let of_version = clue.changed.is_some() && clue.suspect.kind == "function";
        let of_code = matches!(
            clue.category,
            Category::BadDeploy | Category::SilentData | Category::Error
        );
        if !of_version || !of_code {
            continue;
        }
        let name = clue.suspect.name.clone();
        let calls = |it: &&State| {
            let tries = scene.tries(it);
            let mut tries = tries.iter();
            tries.any(|it| it.function_name.as_deref() == Some(&name))
        };
        let visit = scene.case.states.iter().find(calls);
        let Some((visit, (since, told))) = visit.and_then(|it| Some((it, repinned(scene, it)?)))
        else {
            continue;
        };
        clue.mechanism = format!("{told} since {}: {}", since.changed, clue.mechanism);
        clue.suspect = since.suspect;
        clue.category = since.category;
        let sent = scene.tries(visit).into_iter().next_back();
        let sent = sent.and_then(|it| scene.event(it.scheduled_event_id));
        clue.exhibits.extend(sent.map(|it| clue::event(it, told)));
        clue.exhibits.extend(since.shown);
        clue.changed = Some(since.changed);
        clue.explains.push(Explained {
            kind: "function".to_owned(),
            reason: format!("{name} was not released: it was asked for in that version"),
            name,
            reference: sent
                .map(|it| clue::event_ref(&it.execution_arn, it.event_id))
                .unwrap_or_default(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{TOKEN, tokens};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    #[test]
    fn tokens_are_found_where_they_stand() {
        let token = "AQCkAAAAKgAAAAMAAAAAAAAAAfLsV0m8kQzxP1aTnd";
        let check = |sent: Value, expect: &[&str]| {
            let mut found = BTreeSet::new();
            tokens(&sent, "", 0, &mut found);
            let expect: BTreeSet<String> = expect.iter().map(|it| format!("{TOKEN}{it}")).collect();
            assert_eq!(found, expect, "{sent}");
        };
        check(json!({"Body": {"cb": token, "a": 1}}), &["Body.cb"]);
        check(
            json!({"Message": format!("{{\"token\": \"{token}\"}}")}),
            &["Message.token"],
        );
        let variables = json!({"Environment": [{"Name": "TASK", "Value": token}]});
        check(variables, &["Environment[].TASK"]);
        check(json!({"Url": "https://a.example/AQ"}), &[]);
    }
}
