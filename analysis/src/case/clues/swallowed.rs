//! A failed call that an earlier state took for an answer. *What it looks for*: a try that went well although a call below
//! it failed as in no healthy run, before a state that fails of what it was given. *Why it matters*: the function went on
//! with a default, and only who works with it notices. *How to confirm*: the call's span, and what the state left.

use crate::case::{
    charges::{self, Forest},
    clue::{self, Clue, Explained},
    failures::Failure,
    onset,
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, Span, State};

/// Healthy runs that know of the callee, or at least of the caller.
const FEWEST: usize = 3;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(visit) = failure.visit else {
        return Vec::new();
    };
    if !matches!(failure.topic(), None | Some(Topic::Data | Topic::Path)) {
        return Vec::new();
    }
    let well = scene.case.attempts.iter().filter(|it| {
        let above = scene.visit_of(it);
        let before = above.is_some_and(|it| {
            it.parent_span_id == visit.parent_span_id
                && it.entered_event_id < visit.entered_event_id
                && it.end_time.is_some_and(|end| end <= visit.start_time)
                && !it.caught
        });
        before && !it.status.is_failure()
    });
    let mut well: Vec<&Attempt> = well.collect();
    well.sort_by_key(|it| it.scheduled_event_id);
    let found = well.into_iter().find_map(|it| below(scene, failure, it));
    found.into_iter().collect()
}

fn below(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Option<Clue> {
    let forest = scene.forest(scene.spans_below(attempt));
    let own = attempt.function_name.as_deref().unwrap_or_default();
    let n = ill_call(scene, &forest, own)?;
    let (span, name) = (forest.spans[n], forest.charged(n));
    let category = category(span);
    let fatal = failure.function().unwrap_or(failure.state());
    let by = match own {
        "" => attempt.state.as_str(),
        own => own,
    };
    let mechanism = format!(
        "the call of {by} to {name} failed in {}{}, which {by} took for an answer; {fatal} failed of what was left",
        attempt.state,
        told(span)
    );
    let explained = Explained {
        kind: String::new(),
        name: fatal.to_owned(),
        reason: format!("it worked with what {by} gave it without {name}"),
        reference: clue::span_ref(span),
    };
    let words: &[&str] = match category {
        Category::NetworkConfig => &[
            "dns",
            "route",
            "network",
            "config",
            "mesh",
            "security",
            "certificate",
        ],
        Category::Permission => &["role", "policy", "iam", "permission", "secret", "key"],
        _ => &[],
    };
    let changed = super::deploy::change_of(scene, failure, words);
    Some(
        Clue::new(
            clue::entity(scene, "service", &name, &[&attempt.path, by]),
            category,
            0.92,
            mechanism,
        )
        .with([clue::span(span, format!("the call to {name} failed"))])
        .with(failure.exhibit())
        .explaining([explained])
        .changed(changed),
    )
}

/// The innermost call that failed as in no healthy run, and that was not made again with more luck.
fn ill_call(scene: &Scene, forest: &Forest, own: &str) -> Option<usize> {
    let failed = |n: usize| {
        let span = forest.spans[n];
        charges::failed(span) && !charges::cancelled(span)
    };
    // A call that was made again and answered did no harm.
    let again = |n: usize| {
        let name = forest.charged(n);
        let later =
            (0..forest.spans.len()).filter(|it| !failed(*it) && forest.charged(*it) == name);
        let ended = forest.spans[n].end_time;
        later
            .into_iter()
            .any(|it| charges::calls_out(forest.spans[it]) && forest.spans[it].start_time >= ended)
    };
    (0..forest.spans.len()).find(|n| {
        let name = forest.charged(*n);
        failed(*n)
            && name != own
            && !forest.children[*n].iter().any(|it| failed(*it))
            && !again(*n)
            && unheard(scene, &name, own)
    })
}

/// A failed call that a state took for an answer in a green run, which gave something else than ever.
pub(in crate::case) fn taken_for_answer(scene: &Scene, visit: &State, gave: &str) -> Option<Clue> {
    let attempt = scene.tries(visit).into_iter().next_back()?;
    let forest = scene.forest(scene.spans_below(attempt));
    let own = attempt.function_name.as_deref().unwrap_or_default();
    let n = ill_call(scene, &forest, own)?;
    let (span, name) = (forest.spans[n], forest.charged(n));
    let by = match own {
        "" => attempt.state.as_str(),
        own => own,
    };
    let mechanism = format!(
        "the call of {by} to {name} failed in {}{}, which {by} took for an answer: it {gave}, and the execution succeeded with it",
        attempt.state,
        told(span)
    );
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    let mut clue = Clue::new(
        clue::entity(scene, "service", &name, &[&attempt.path, by]),
        category(span),
        0.93,
        mechanism,
    )
    .with([clue::span(span, format!("the call to {name} failed"))])
    .with(left.map(|it| clue::event(it, format!("{} {gave}", visit.state))));
    clue.fate = model::Fatality::Masked;
    Some(clue)
}

/// Healthy runs whose caller is seen never had such a failure.
fn unheard(scene: &Scene, name: &str, caller: &str) -> bool {
    let seen = |it: &&&crate::case::Profile| {
        it.charges.contains_key(name) || it.charges.contains_key(caller)
    };
    let seen: Vec<_> = scene.healthy.iter().filter(seen).collect();
    let errors = |it: &crate::case::Profile| it.charges.get(name).map_or(0, |it| it.errors);
    // Green runs of the same incident are not what is usual.
    let seen: Vec<&crate::case::Profile> = seen.into_iter().copied().collect();
    let start = scene.case.execution.start_time;
    let fit = onset::fit(&seen, start, |it| errors(it) > 0);
    fit.len() >= FEWEST && fit.iter().all(|it| errors(it) == 0)
}

/// What kind of failure a call tells of.
fn category(span: &Span) -> Category {
    let flags = charges::flags(span).unwrap_or_default();
    let has = |all: &[&str]| flags.split([',', ' ']).any(|it| all.contains(&it.trim()));
    let words = super::dependency::words(span);
    if has(&["NR", "DF", "UF", "LR", "NC"]) {
        return Category::NetworkConfig;
    }
    if has(&["UO", "RL"]) {
        return Category::Capacity;
    }
    match (charges::status(span), text::topic(&words)) {
        (Some(401 | 403), _) => Category::Permission,
        (Some(429), _) => Category::Capacity,
        (Some(504), _) => Category::Latency,
        (_, None | Some(Topic::Data | Topic::Unavailable | Topic::Path)) => Category::Error,
        (_, topic) => text::category(topic),
    }
}

fn told(span: &Span) -> String {
    match (charges::flags(span), charges::status(span)) {
        (Some(flags), Some(status)) => format!(" ({flags}, status {status})"),
        (None, Some(status)) => format!(" (status {status})"),
        (Some(flags), None) => format!(" ({flags})"),
        (None, None) => String::new(),
    }
}
