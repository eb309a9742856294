//! What is not held, in the words of a case file: the same things that the execution's coverage counts.

use super::{
    clue::Clue,
    failures::{Failure, message},
    scene::Scene,
};
use crate::coverage;
use model::{Missing, Status, text::counted};
use std::collections::{BTreeMap, BTreeSet};

/// Things of one kind that are told.
const MOST_OF_A_KIND: usize = 2;

/// What must exist of an execution and is not held; what belongs near `place` (the path of a state) first.
pub(super) fn of(scene: &Scene, place: Option<&str>) -> Vec<String> {
    let mut told: Vec<String> = events(scene).into_iter().collect();
    let mut all = coverage::carried(&scene.case.execution);
    all.retain(|it| it.kind != "event" && !(it.kind == "job" && has_ended(scene, &it.place)));
    all.sort_by_key(|it| !place.is_some_and(|place| it.place.starts_with(place)));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for missing in &all {
        let count = counts.entry(missing.kind.clone()).or_default();
        *count += 1;
        if *count <= MOST_OF_A_KIND {
            told.push(sentence(missing));
        }
    }
    told
}

/// The job of an attempt that went well: its answer tells its end.
fn has_ended(scene: &Scene, place: &str) -> bool {
    let mut attempts = scene.case.attempts.iter();
    attempts.any(|it| {
        let own = format!("{} attempt {}", it.path, it.attempt);
        own == place && it.status == Status::Succeeded
    })
}

/// The events that are not held, and how they are to be had.
fn events(scene: &Scene) -> Option<String> {
    let execution = &scene.case.execution;
    let reason = execution.incomplete_reason.as_deref()?;
    if execution.complete || !execution.status.is_terminal() {
        return None;
    }
    Some(match reason.contains("log level seems") {
        true => {
            format!("the other events of its history, which log level ALL would show ({reason})")
        }
        false => reason.to_owned(),
    })
}

fn sentence(missing: &Missing) -> String {
    let Missing {
        id, place, count, ..
    } = missing;
    match missing.kind.as_str() {
        "invocation" => format!("the log of {} for this invocation", function(place)),
        "report" => format!("the REPORT line of {} for request {id}", function(place)),
        "execution" => format!("the history of {id}"),
        "child_execution" => format!(
            "the histories of {} of {place}",
            counted(*count, "execution", "executions")
        ),
        "map_run" => format!("the description of the map run {id}"),
        "job" => format!("the end of the job {id} of {place}"),
        "span" => format!("span {id}, {place}"),
        kind => format!("{kind} {id} of {place}"),
    }
}

/// `pay` of `Fan[3]/Pay attempt 1 (pay)`.
fn function(place: &str) -> &str {
    let inner = place.rsplit_once('(').map(|it| it.1);
    inner.and_then(|it| it.strip_suffix(')')).unwrap_or(place)
}

/// A function of whose failure Lambda itself cannot tell the cause, that left neither a line nor a span, while others of
/// the same run did: anything may have happened. Where no function is logged at all, its name is all there ever will be.
pub(super) fn everything(scene: &Scene, fatal: &Failure, clues: &[Clue]) -> Option<String> {
    let name = fatal.function()?;
    // Whose time is over was cut off, whoever watched the clock.
    let cut = crate::case::text::is(&fatal.said(), crate::case::text::Topic::FunctionTimeout)
        || fatal.error == "States.Timeout" && fatal.cause.is_empty();
    let nameless = fatal.error == "Lambda.Unknown"
        || exited(fatal)
        || is_nameless(fatal) && lets_guess(scene, fatal)
        || somebody_behind(scene, fatal);
    let mute = (nameless || cut)
        && fatal.invocation.is_none()
        && fatal.lines.is_empty()
        && fatal.spans.spans.is_empty();
    let others = !scene.case.invocations.is_empty() || !scene.case.spans.is_empty();
    let nobody = clues.iter().all(|it| it.weight <= NOBODY_ELSE);
    (mute && others && nobody).then(|| name.to_owned())
}

/// Who was to answer a token or an activity that was answered with a failure without a name and without words, where
/// neither a line nor a span of whoever had it is held.
pub(super) fn wordless(scene: &Scene, fatal: &Failure, clues: &[Clue]) -> Option<String> {
    let attempt = fatal.attempt?;
    let waits =
        attempt.resource.contains("waitForTaskToken") || attempt.resource_type == "activity";
    let bare = fatal.error.is_empty() && fatal.cause.is_empty() && attempt.status.is_failure();
    let mute = fatal.lines.is_empty()
        && fatal.spans.spans.is_empty()
        && fatal.function().is_none()
        && scene.callees(attempt).is_empty()
        && super::clues::worker(scene, attempt).is_none();
    let nobody = clues.iter().all(|it| it.weight <= NOBODY_ELSE);
    let name = super::clues::callee(attempt).map_or(attempt.state.clone(), |it| it.1);
    (waits && bare && mute && nobody).then_some(name)
}

/// The runtime ended, and only its own last lines would tell of what.
fn exited(fatal: &Failure) -> bool {
    let said = fatal.said();
    said.contains("Runtime exited without providing a reason")
        || said.contains("Runtime exited with error: exit status 1")
}

/// An error that has no name of its own, and words that tell of no kind of trouble.
fn is_nameless(fatal: &Failure) -> bool {
    const NAMES: [&str; 8] = [
        "",
        "Error",
        "Exception",
        "RuntimeError",
        "java.lang.RuntimeException",
        "errorString",
        "Function<Error>",
        "States.TaskFailed",
    ];
    let said = message(&fatal.cause);
    let short = said.split_whitespace().count() <= FEW_WORDS;
    NAMES.contains(&fatal.error.as_str()) && fatal.topic().is_none() && short && !told(&said)
}

/// Words that only tell that somebody behind the function failed, not who and of what, where no run tells whom it calls.
fn somebody_behind(scene: &Scene, fatal: &Failure) -> bool {
    let name = fatal.function().unwrap_or_default();
    let known = |it: &&&super::Profile| {
        let logged = it.functions.get(name).is_some_and(|it| it.size_mb > 0);
        logged || it.charges.contains_key(name)
    };
    let seen = scene.healthy.iter().any(|it| known(&it));
    let since = super::clues::changed_lately(scene, fatal).is_some();
    !seen && !since && unnamed_other(&message(&fatal.cause))
}

/// `upstream request failed`, `a downstream dependency returned an error`: somebody failed who has no name.
fn unnamed_other(said: &str) -> bool {
    const WHO: [&str; 9] = [
        "upstream",
        "downstream",
        "dependency",
        "backend",
        "remote",
        "third party",
        "third-party",
        "external",
        "provider",
    ];
    const HOW: [&str; 8] = [
        "fail",
        "error",
        "unavailable",
        "bad response",
        "not respond",
        "unexpected",
        "bad gateway",
        "call",
    ];
    let lower = said.to_lowercase();
    let short = said.split_whitespace().count() <= FEW_WORDS + 2;
    // A status alone is no name: whoever gave it may be anybody.
    let bare = |it: &str| it.parse::<u16>().is_ok_and(|it| (500..600).contains(&it));
    let words = said.split(|c: char| c.is_whitespace() || "():,;".contains(c));
    let mut words = words.filter(|it| !it.is_empty());
    let named = words.any(|it| {
        let numbered = it.contains(char::is_numeric) && !bare(it);
        numbered || it.contains(['.', '/', '=', '\'', '"', '`', '_']) || is_own_name(it)
    });
    let of = |all: &[&str]| all.iter().any(|it| lower.contains(it));
    short && !named && of(&WHO) && of(&HOW)
}

/// `rates-api`, `LedgerClient`: not a word of a language.
fn is_own_name(word: &str) -> bool {
    let hyphened = word.contains('-') && word != "third-party" && word != "non-200";
    hyphened || word.chars().skip(1).any(char::is_uppercase)
}

/// Words of code that tell what it stumbled over, or of a number or a name: whoever reads them knows where to look.
fn told(said: &str) -> bool {
    let named = said.contains(['\'', '"', '`', '/', '=']) || said.contains(char::is_numeric);
    named || super::text::stumbles(said) || super::text::refuses_text(said)
}

/// Healthy runs tell that the function calls two others at least, each of which may have been it, and of none of them
/// anything is held for this one.
fn lets_guess(scene: &Scene, fatal: &Failure) -> bool {
    let own: BTreeSet<String> = scene
        .forest(scene.case.spans.iter().collect())
        .charges()
        .into_keys()
        .collect();
    let mut absent: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in scene.healthy.iter().flat_map(|it| &it.charges) {
        let function = fatal.function() == Some(name.as_str());
        if !own.contains(name) && !function {
            *absent.entry(name).or_default() += 1;
        }
    }
    let usual = absent.values().filter(|it| **it * 2 > scene.healthy.len());
    usual.count() >= 2
}

/// Words of an error that hardly tell anything.
const FEW_WORDS: usize = 6;

/// What weighs less is said of whoever failed last, because nothing else is known.
const NOBODY_ELSE: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_without_a_name_is_told_from_others() {
        let check = |said: &str, expect: bool| assert_eq!(unnamed_other(said), expect, "{said}");
        check("upstream request failed", true);
        check("downstream dependency returned an error", true);
        check("backend unavailable (503)", true);
        check("upstream rates-api failed", false);
        check("remote call to ledger.internal failed", false);
        check("LedgerClient: backend error", false);
        check("row 17: bad price", false);
    }

    #[test]
    fn what_is_missing_is_said_so_that_it_can_be_looked_for() {
        let check = |kind: &str, id: &str, place: &str, expect: &str| {
            let missing = Missing {
                kind: kind.into(),
                id: id.into(),
                place: place.into(),
                count: 3,
                reason: String::new(),
            };
            assert_eq!(sentence(&missing), expect);
        };
        check(
            "invocation",
            "",
            "Pay attempt 1 (pay)",
            "the log of pay for this invocation",
        );
        check(
            "report",
            "8-1",
            "Fan[3]/Pay attempt 2 (pay)",
            "the REPORT line of pay for request 8-1",
        );
        check(
            "execution",
            "arn:x",
            "Start attempt 1",
            "the history of arn:x",
        );
        check(
            "child_execution",
            "",
            "Rows (arn:r)",
            "the histories of 3 executions of Rows (arn:r)",
        );
        check("new_kind", "7", "Pay", "new_kind 7 of Pay");
    }
}
