//! Somebody else who uses up what a store has to give, by his own lines. *What it looks for*: a store that refuses, and many
//! lines of another function or service at the same time that tell of connections to it, or one that tells of nearly all of
//! its capacity. *Why it matters*: who is refused does what it always does, and so does the store. *How to confirm*: the
//! store's own list of sessions, its consumed capacity.

use crate::case::{
    callees,
    clue::{self, Clue, Explained},
    failures::Failure,
    overheard,
    scene::Scene,
    text::{self, Topic},
};
use model::{Category, LogOrigin, LogRecord};
use std::collections::{BTreeMap, BTreeSet};

/// So many at once are a crowd.
const MANY: usize = 20;
/// Nearly all that there is, per cent.
const MOST: f64 = 80.0;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let full = matches!(failure.topic(), Some(Topic::Pool | Topic::Throttled))
        || text::is(&failure.words(), Topic::Pool);
    let Some(attempt) = failure
        .attempt
        .filter(|_| full && !scene.case.overheard.is_empty())
    else {
        return Vec::new();
    };
    let forest = &failure.spans;
    let bad = (0..forest.spans.len()).filter(|n| crate::case::charges::failed(forest.spans[*n]));
    let words = failure.words();
    let named = super::network::service_in(scene, &words);
    let stores: BTreeSet<String> = bad.map(|n| forest.charged(n)).chain(named).collect();
    let keys: BTreeSet<String> = stores
        .iter()
        .filter_map(|it| overheard::searched(it))
        .chain(overheard::capacity_word(&words))
        .collect();
    let functions = scene.case.attempts.iter();
    let functions: BTreeSet<&str> = functions
        .filter_map(|it| it.function_name.as_deref())
        .collect();
    let fits = |it: &&LogRecord| {
        let name = it.service_name.as_str();
        let own = functions.contains(name) || stores.contains(name) || keys.contains(name);
        !own && !name.is_empty()
            && it.origin != LogOrigin::LambdaPlatform
            && it.time <= failure.at
            && keys.iter().any(|key| callees::names(&it.body, key))
            && !overheard::usual(scene, it)
    };
    let mut by_name: BTreeMap<&str, Vec<&LogRecord>> = BTreeMap::new();
    for line in scene.case.overheard.iter().filter(fits) {
        by_name.entry(&line.service_name).or_default().push(line);
    }
    let found = by_name.into_iter().filter_map(|(name, lines)| {
        let last = *lines.last()?;
        let (count, how) = taken(&lines)?;
        Some((count, name, last, how))
    });
    let Some((_, name, line, how)) = found.max_by_key(|it| (it.0, it.1)) else {
        return Vec::new();
    };
    let caller = failure.function().unwrap_or(failure.state());
    let store = stores.iter().next().cloned();
    let of = store.as_deref().unwrap_or("what both of them use");
    let mechanism = format!(
        "{name} {how} of {of}; nothing was left for {caller} in {}",
        failure.state()
    );
    let kind = match line.request_id.is_empty() {
        true => "service",
        false => "function",
    };
    let said = text::brief(&line.body, 160);
    let shown = clue::log(line, format!("{name} wrote: {said}"));
    let victims = stores.iter().cloned().chain([caller.to_owned()]);
    let victims: Vec<Explained> = victims
        .filter(|it| it != name)
        .map(|victim| Explained {
            kind: String::new(),
            reason: format!("{victim} did as ever; {name} took what there was"),
            name: victim,
            reference: shown.reference.clone(),
        })
        .collect();
    let suspect = clue::entity(scene, kind, name, &[&attempt.path]);
    vec![
        Clue::new(suspect, Category::Capacity, 0.965, mechanism)
            .with([shown])
            .with(failure.exhibit())
            .changed(super::deploy::change_of(scene, failure, &[name]))
            .explaining(victims),
    ]
}

/// How much the lines of somebody tell that he took.
fn taken(lines: &[&LogRecord]) -> Option<(usize, String)> {
    let share = lines.iter().filter_map(|it| overheard::share(&it.body));
    if let Some(most) = share.max_by(f64::total_cmp).filter(|it| *it >= MOST) {
        return Some((
            MANY.max(lines.len()),
            format!("used {most:.0} % of the capacity"),
        ));
    }
    let connected = lines.iter().filter(|it| overheard::connects(&it.body));
    let each: BTreeSet<(&str, &str)> = connected
        .clone()
        .map(|it| match it.request_id.is_empty() {
            true => (it.log_stream.as_str(), it.body.as_str()),
            false => ("", it.request_id.as_str()),
        })
        .collect();
    let count = each.len();
    (count >= MANY).then(|| (count, format!("took {count} connections")))
}
