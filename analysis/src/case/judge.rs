//! The inquest: what is wrong with an execution, whom the clues speak against, how sure that is.

use super::{
    Case, World, alibis, altered, but_for,
    clue::{self, Clue},
    clues, confidence, dark,
    failures::{self, Failure},
    habits::usual,
    handed, lacks, profile,
    ranking::{self, Charge},
    redriven,
    running::{self, Now},
    scene::Scene,
    silent, sizes, slots, slow, telling,
    text::Topic,
    tolerated,
};
use model::{
    Attempt, Category, ExecutionStatus, Fatality, ITS_END, Outcome, Verdict, time::human_duration,
};
use std::collections::BTreeSet;

/// A lead that weighs less accuses nobody.
const LEAST: f64 = 0.3;
/// Executions below each other that are followed down.
const DEEPEST: usize = 4;
/// Runs of a workflow that make a habit.
const HABIT: usize = 3;

/// What remains of the weight of a cold start beside a wrong answer, and of a wrong answer behind a caught failure.
const LATE: f64 = 0.8;
const AFTERMATH: f64 = 0.6;

/// What is told of executions of whose history too little is held.
const UNTOLD: &str = "the part of the history that tells how it failed is not held";
const TORN: &str = "a part of the history is not held";
const NOWHERE: &str = "it failed, and nothing tells where";

/// Whether a verdict may become another when other runs of the workflow are held. Not one that says that nothing is
/// wrong, if enough healthy runs were known by then; nor one that says that the execution's own history is not held.
pub fn hangs_on_siblings(verdict: &Verdict) -> bool {
    match verdict.outcome {
        Outcome::Verdict => true,
        Outcome::NoCrime => false,
        Outcome::ColdCase => ![UNTOLD, TORN, NOWHERE].contains(&verdict.mechanism.as_str()),
    }
}

/// Judges an execution. The same facts give the same verdict, whatever their order; `version` is 1, and whoever
/// keeps verdicts counts it up.
pub fn judge(case: &Case, world: &World) -> Verdict {
    let scene = Scene::new(case, world);
    let execution = &case.execution;
    let verdict = Verdict {
        execution: execution.execution_arn.clone(),
        version: 1,
        ..Verdict::default()
    };
    let mut verdict = match execution.status {
        ExecutionStatus::Failed | ExecutionStatus::TimedOut => failed(&scene, verdict),
        ExecutionStatus::Succeeded => succeeded(&scene, verdict),
        ExecutionStatus::Aborted => stopped(&scene, verdict),
        ExecutionStatus::Running | ExecutionStatus::PendingRedrive => unended(&scene, verdict),
    };
    redriven::tell(&scene, &mut verdict);
    verdict
}

fn innocent(mut verdict: Verdict, mechanism: String) -> Verdict {
    verdict.outcome = Outcome::NoCrime;
    verdict.mechanism = mechanism;
    verdict.confidence = confidence::NO_CRIME;
    verdict
}

/// Somebody stopped it. Why he had to is a question where it was stuck: it waited far longer than healthy runs do, or
/// tried the same again and again.
fn stopped(scene: &Scene, verdict: Verdict) -> Verdict {
    let execution = &scene.case.execution;
    let why = execution.cause.as_deref().or(execution.error.as_deref());
    let why = why.map(|it| format!(": {it}")).unwrap_or_default();
    let clues = Now::when_stopped(scene).suspicions(scene);
    let mut verdict = if clues.is_empty() || torn(scene) {
        innocent(verdict, format!("it was stopped from outside{why}"))
    } else {
        let mut verdict = conclude(scene, verdict, clues, None);
        verdict.fatality = Fatality::Fatal;
        verdict.mechanism = format!("{}, until it was stopped from outside", verdict.mechanism);
        verdict
    };
    let mut events = scene.case.events.iter();
    if let Some(end) = events.rfind(|it| it.event_type == "ExecutionAborted") {
        let shown = clue::event(end, format!("it was stopped from outside{why}"));
        telling::show(&mut verdict, shown, model::Sentence::Mechanism);
    }
    verdict
}

/// It still runs: there is nothing to decide yet, at most a suspicion why it may be stuck.
fn unended(scene: &Scene, verdict: Verdict) -> Verdict {
    let now = Now::of(scene);
    let clues = now.suspicions(scene);
    // What is missing in the middle may be what it waits for.
    if clues.is_empty() || torn(scene) {
        let gaps = scene.case.execution.incomplete_reason.clone();
        let gaps = gaps.filter(|_| torn(scene));
        let missing = [ITS_END.to_owned()].into_iter().chain(gaps);
        return cold(verdict, now.told(), missing.collect());
    }
    let mut verdict = conclude(scene, verdict, clues, None);
    verdict.mechanism = format!("it still runs; {}", verdict.mechanism);
    verdict.confidence = verdict.confidence.min(running::MOST_SURE);
    verdict.missing.insert(0, ITS_END.to_owned());
    verdict
}

fn cold(mut verdict: Verdict, mechanism: String, missing: Vec<String>) -> Verdict {
    verdict.outcome = Outcome::ColdCase;
    verdict.mechanism = mechanism;
    verdict.missing = missing;
    verdict
}

/// True when a history that should be whole is not.
fn has_gaps(scene: &Scene) -> bool {
    let execution = &scene.case.execution;
    execution.incomplete_reason.is_some() && !execution.complete && execution.source != "logs"
}

/// True when events are missing before one that is held.
fn torn(scene: &Scene) -> bool {
    let ids = scene.case.events.iter().map(|it| it.event_id);
    let (mut last, mut count) = (0, 0);
    for id in ids {
        last = last.max(id);
        count += 1;
    }
    last > count
}

fn failed(scene: &Scene, mut verdict: Verdict) -> Verdict {
    let fatal = failures::fatal(scene);
    let ended = fatal
        .as_ref()
        .and_then(|it| it.attempt)
        .is_some_and(|it| it.end_event_id.is_some());
    // A hole in the middle may hold the beginning of it all; a tail that is not there yet does not.
    if has_gaps(scene) && (!ended || torn(scene)) {
        let mechanism = UNTOLD.to_owned();
        return cold(verdict, mechanism, lacks::of(scene, None));
    }
    let Some(fatal) = fatal else {
        let mut missing = lacks::of(scene, None);
        if missing.is_empty() {
            missing.push("the history of the execution".to_owned());
        }
        return cold(verdict, NOWHERE.to_owned(), missing);
    };
    verdict.fatality = Fatality::Fatal;
    let clues = fatal_clues(scene, &fatal);
    if let Some(mut dark) = dark::of(scene, &fatal, &clues) {
        verdict.suspects = ranking::suspects(&ranking::rank(clues));
        let known = dark.about.take();
        let others = lacks::of(scene, None).into_iter();
        let others = others.filter(|it| known.as_ref().is_none_or(|about| !it.contains(about)));
        dark.missing.extend(others);
        dark.missing.truncate(6);
        return cold(verdict, dark.mechanism, dark.missing);
    }
    conclude(scene, verdict, clues, Some(&fatal))
}

/// Errors of Lambda itself that Step Functions' documentation tells everybody to retry.
const PLATFORM: [&str; 4] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
];

/// True for a hiccup of the platform, which is what retries are for: what ended the run was something else. When most
/// tries failed of it, it was no hiccup.
fn hiccup(first: &Attempt, earlier: &[&Attempt]) -> bool {
    let of_platform = first
        .error
        .as_deref()
        .is_some_and(|it| PLATFORM.contains(&it));
    let same = earlier.iter().filter(|it| it.error == first.error).count();
    of_platform && same * 2 <= earlier.len() + 1
}

fn fatal_clues<'a>(scene: &Scene<'a>, fatal: &Failure<'a>) -> Vec<Clue> {
    let mut all = marked(scene, fatal, clues::of(scene, fatal), Fatality::Fatal);
    // The first try may have failed of something else than the last: it began there.
    let earlier_tries = failures::earlier(scene, fatal);
    if let Some(first) = earlier_tries.first().copied()
        && first.error != fatal.attempt.and_then(|it| it.error.clone())
    {
        let failure = failures::of_try(scene, first, Fatality::Fatal);
        let mut earlier = marked(scene, &failure, clues::of(scene, &failure), Fatality::Fatal);
        let hiccup = hiccup(first, &earlier_tries);
        for clue in &mut earlier {
            clue.weight = (clue.weight * if hiccup { 0.5 } else { 1.02 }).min(0.98);
        }
        all.extend(earlier);
    }
    if let Some(visit) = fatal.visit {
        all.extend(marked(
            scene,
            fatal,
            silent::decided(scene, visit),
            Fatality::Fatal,
        ));
    }
    all.extend(swallowed_before(scene, fatal));
    if scene.case.execution.status == ExecutionStatus::TimedOut
        && let Some(slow) = slow::of(scene)
    {
        all.extend(marked(
            scene,
            fatal,
            slow::clues(scene, &slow),
            Fatality::Fatal,
        ));
    }
    all
}

/// Failures that a Catch swallowed before the fatal one: what came after worked with what the fallback gave.
fn swallowed_before<'a>(scene: &Scene<'a>, fatal: &Failure<'a>) -> Vec<Clue> {
    // With healthy runs to compare with, an unusual Catch before an unclear error is telling; without them only
    // an error about data is.
    let known = scene.healthy.len() >= HABIT;
    let vague = match fatal.topic() {
        Some(Topic::Data | Topic::Path) => true,
        None | Some(Topic::Unavailable) => known,
        _ => false,
    };
    let mut all = Vec::new();
    for failure in failures::masked(scene) {
        let vague = vague || known && left_without(scene, &failure, fatal);
        let same = failure.visit.map(|it| it.span_id) == fatal.visit.map(|it| it.span_id);
        if same || failure.at > fatal.at || usual(scene, &failure) {
            continue;
        }
        let mut found = marked(
            scene,
            &failure,
            clues::of(scene, &failure),
            Fatality::Masked,
        );
        let reference = fatal.exhibit().map(|it| it.reference).unwrap_or_default();
        for clue in &mut found {
            clue.weight = if vague {
                // The more sure it is what was swallowed, the better; that it was the beginning is sure.
                0.85 + clue.weight * 0.12
            } else {
                clue.weight * 0.6
            };
            clue.weight = clue.weight.min(0.98);
            // The Catch hid it only until the run ended of it.
            if vague {
                clue.fate = Fatality::Fatal;
            }
            let names = [fatal.function(), Some(fatal.state())];
            let explained =
                names
                    .into_iter()
                    .flatten()
                    .filter(|_| vague)
                    .map(|name| clue::Explained {
                        kind: String::new(),
                        name: name.to_owned(),
                        reason: format!(
                            "it worked with what the fallback of {} gave it",
                            failure.state()
                        ),
                        reference: reference.clone(),
                    });
            clue.explains.extend(explained);
            clue.exhibits.extend(fatal.exhibit().filter(|_| vague));
        }
        all.extend(found);
    }
    all
}

/// True when the state that failed last was given the error of a caught failure instead of what healthy runs are given:
/// whatever it failed of, it had nothing to work with.
fn left_without(scene: &Scene, caught: &Failure, fatal: &Failure) -> bool {
    let (Some(first), Some(last)) = (caught.visit, fatal.visit) else {
        return false;
    };
    let have = profile::keys(last.input.as_deref());
    let told = have
        .iter()
        .any(|it| it == "Cause" || it.ends_with(".Cause"));
    let lacking = clues::producer(scene, last).is_some_and(|it| it.visit.span_id == first.span_id);
    // Without a way from the one to the other it tells nothing.
    let usual: Vec<_> = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&last.state))
        .collect();
    let lacks = usual.len() >= HABIT
        && usual[0]
            .input_keys
            .iter()
            .any(|key| !have.contains(key) && usual.iter().all(|it| it.input_keys.contains(key)));
    lacking || told && lacks
}

fn marked(scene: &Scene, failure: &Failure, mut clues: Vec<Clue>, fate: Fatality) -> Vec<Clue> {
    let but_for = but_for::of_failure(scene, failure);
    for clue in &mut clues {
        clue.fate = fate;
        clue.but_for.clone_from(&but_for);
    }
    clues
}

fn succeeded(scene: &Scene, verdict: Verdict) -> Verdict {
    if has_gaps(scene) {
        let mechanism = TORN.to_owned();
        return cold(verdict, mechanism, lacks::of(scene, None));
    }
    let masked: Vec<Failure> = failures::masked(scene)
        .into_iter()
        .filter(|it| !usual(scene, it))
        .collect();
    let mut all = Vec::new();
    if let Some(failure) = redriven::failure(scene) {
        let mut found = marked(
            scene,
            &failure,
            clues::of(scene, &failure),
            Fatality::Survived,
        );
        let but_for = redriven::but_for(scene, &failure);
        for clue in &mut found {
            clue.but_for.clone_from(&but_for);
        }
        all.extend(found);
    }
    let known = scene.healthy.len() >= HABIT;
    for failure in &masked {
        let mut found = marked(scene, failure, clues::of(scene, failure), Fatality::Masked);
        // That no healthy run is left through this Catch speaks for itself.
        for clue in found.iter_mut().filter(|_| known) {
            clue.weight = 1.0 - (1.0 - clue.weight) * 0.6;
        }
        all.extend(found);
    }
    let mut why = String::new();
    match slow::of(scene) {
        Some(slow) if slow.by_size.is_some() => {
            all.extend(narrowed(scene, &slow));
            let (times, what) = slow.by_size.unwrap_or_default();
            let number = sizes::grown_number(scene).map_or("a number".to_owned(), |it| it.1);
            let what = what.replace("a number", &number);
            why = format!(
                "it took {} instead of {} because {}",
                human_duration(slow.took_ns),
                human_duration(slow.usual_ns),
                what.replace("{}", &format!("{times:.1}"))
            );
        }
        Some(slow) => {
            let mut found = slow::clues(scene, &slow);
            let retried = scene.case.execution.retries > 0;
            for clue in &mut found {
                let failed = clue
                    .exhibits
                    .iter()
                    .any(|it| it.text.contains("Failed") || it.text.contains("TimedOut"));
                if retried && failed {
                    clue.fate = Fatality::Survived;
                }
                clue.but_for = but_for::of_time(scene, clue, &slow);
                // What a fallback left is worse than what a retry cost.
                if retried && known && !masked.is_empty() {
                    clue.weight *= AFTERMATH;
                }
            }
            all.extend(found);
        }
        None => {
            all.extend(slots::narrowed(scene));
            all.extend(slow::redone(scene));
        }
    }
    // What was left out goes before what it makes of sums and counts.
    let tolerated = tolerated::clues(scene);
    let wrong = wrong(scene, !masked.is_empty() || !tolerated.is_empty());
    if !wrong.is_empty() {
        // A wrong answer is worse than a late one.
        let late = all
            .iter_mut()
            .filter(|it| it.category == Category::ColdStart);
        late.for_each(|it| it.weight *= LATE);
    }
    all.extend(wrong);
    all.extend(tolerated);
    if all.is_empty() {
        all = below(scene, 0);
    }
    if all.is_empty() {
        all = survived(scene);
    }
    if all.is_empty() {
        let mut verdict = innocent(verdict, telling::no_crime(scene, why));
        if scene.healthy.is_empty() {
            verdict.confidence = confidence::ALONE;
        }
        return verdict;
    }
    conclude(scene, verdict, all, masked.first())
}

/// What is wrong in the executions that a green one started: failures that their Catches swallowed, and wrong answers.
fn below(scene: &Scene, depth: usize) -> Vec<Clue> {
    if depth >= DEEPEST {
        return Vec::new();
    }
    let mut all = Vec::new();
    for attempt in &scene.case.attempts {
        let Some(child) = scene.child(attempt) else {
            continue;
        };
        if child.execution.status != ExecutionStatus::Succeeded || !child.execution.complete {
            continue;
        }
        let world = scene.world.of_child(child);
        let inner = Scene::new(child, &world);
        let masked = failures::masked(&inner).into_iter();
        let masked: Vec<Failure> = masked.filter(|it| !usual(&inner, it)).collect();
        let known = inner.healthy.len() >= HABIT;
        let mut found: Vec<Clue> = Vec::new();
        for failure in masked.iter().filter(|_| known) {
            found.extend(marked(
                &inner,
                failure,
                clues::of(&inner, failure),
                Fatality::Masked,
            ));
        }
        found.extend(wrong(&inner, !masked.is_empty()));
        if found.is_empty() {
            found = below(&inner, depth + 1);
        }
        for clue in &mut found {
            let mut path = vec![
                scene.case.execution.state_machine.clone(),
                attempt.path.clone(),
            ];
            path.append(&mut clue.suspect.path);
            clue.suspect.path = path;
            clue.mechanism = format!("in {}: {}", child.execution.name, clue.mechanism);
        }
        all.extend(found);
    }
    all
}

/// What is wrong without an error. Where a Catch took one, what came after worked with what the fallback gave.
fn wrong(scene: &Scene, masked: bool) -> Vec<Clue> {
    let mut found = silent::clues(scene);
    for clue in found.iter_mut().filter(|_| masked) {
        clue.weight *= AFTERMATH;
    }
    found
}

/// A larger input explains more time, but not that fewer items run at once.
fn narrowed(scene: &Scene, slow: &slow::Slow) -> Vec<Clue> {
    let mut found = slots::narrowed(scene);
    for clue in &mut found {
        clue.but_for = Some(but_for::of_slowness(slow));
    }
    found
}

/// Without healthy runs to compare with, a retry is a crime when it took most of the time.
fn survived(scene: &Scene) -> Vec<Clue> {
    if scene.healthy.len() >= HABIT {
        return Vec::new();
    }
    let took = scene.case.execution.duration_ns.unwrap_or_default();
    let mut all = Vec::new();
    for failure in failures::survived(scene) {
        let Some(visit) = failure.visit else {
            continue;
        };
        let tries = scene.tries(visit);
        let lost: i64 = tries
            .iter()
            .map(|it| {
                it.backoff_ns.unwrap_or(0)
                    + if it.status.is_failure() {
                        it.duration_ns.unwrap_or(0)
                    } else {
                        0
                    }
            })
            .sum();
        if lost * 2 > took {
            all.extend(marked(
                scene,
                &failure,
                clues::of(scene, &failure),
                Fatality::Survived,
            ));
        }
    }
    all
}

fn conclude(
    scene: &Scene,
    mut verdict: Verdict,
    mut clues: Vec<Clue>,
    failure: Option<&Failure>,
) -> Verdict {
    handed::charge_release(scene, &mut clues);
    let charges = ranking::rank(clues);
    verdict.suspects = ranking::suspects(&charges);
    let Some(first) = charges.first().filter(|it| it.score >= LEAST) else {
        let missing = missing(scene, charges.first(), failure);
        return cold(
            verdict,
            "nothing that is held speaks against anybody in particular".to_owned(),
            missing,
        );
    };
    let lead = &first.clues[0];
    if let Some(dark) = dark::of_time(scene, lead) {
        return cold(verdict, dark.mechanism, dark.missing);
    }
    verdict.outcome = Outcome::Verdict;
    verdict.culprit = Some(lead.suspect.clone());
    verdict.category = Some(lead.category);
    verdict.mechanism = telling::smooth(&lead.mechanism, &lead.suspect.name);
    verdict.fatality = lead.fate;
    verdict.confidence = confidence::of(first.score, ranking::margin(&charges));
    verdict.changed = first.clues.iter().find_map(|it| it.changed.clone());
    let altered = altered::of(scene, &lead.suspect, lead.category, failure);
    let altered = altered.filter(|_| verdict.changed.is_none());
    verdict.changed = verdict
        .changed
        .or_else(|| Some(altered.as_ref()?.told.clone()));
    verdict.but_for.clone_from(&lead.but_for);
    verdict.exhibits = telling::exhibits(scene, first, lead.fate, verdict.changed.as_deref());
    telling::prove(&mut verdict, lead);
    let shown = altered.and_then(|it| it.shown);
    if let Some(shown) = shown.or_else(|| telling::ran_with(scene, &verdict)) {
        telling::show(&mut verdict, shown, model::Sentence::Changed);
    }
    if let Some(failure) = failure.filter(|_| lead.fate != Fatality::None) {
        telling::count(scene, &mut verdict, failure);
    }
    verdict.cleared = alibis::of(scene, &lead.suspect, &charges, failure);
    // What proves it is not cleared beside.
    let shown: BTreeSet<&str> = telling::changes_shown(&verdict);
    let cleared = verdict
        .cleared
        .iter()
        .filter(|it| !shown.contains(it.reference.as_str()));
    verdict.cleared = cleared.cloned().collect();
    if verdict.confidence < 0.6 {
        verdict.missing = missing(scene, Some(first), failure);
    }
    verdict
}

fn missing(scene: &Scene, charge: Option<&Charge>, failure: Option<&Failure>) -> Vec<String> {
    let mut all: Vec<String> = charge
        .into_iter()
        .flat_map(|it| &it.clues)
        .flat_map(|it| it.missing.clone())
        .collect();
    if let Some(failure) = failure
        && let Some(function) = failure.function()
        && failure.invocation.is_none()
    {
        all.push(format!("the log of {function} for this invocation"));
    }
    let place = failure.and_then(|it| it.visit).map(|it| it.path.as_str());
    all.extend(lacks::of(scene, place));
    let asked = |it: &String| it.ends_with("to compare with");
    if scene.healthy.len() < HABIT && !all.iter().any(asked) {
        all.push("healthy runs of the same workflow to compare with".to_owned());
    }
    let mut seen = BTreeSet::new();
    all.retain(|it| seen.insert(it.clone()));
    all.truncate(6);
    all
}
