//! A function that a function called failed, or was what was waited for. *What it looks for*: invocations below the one
//! that the state made, which ended badly or wrote of an error that no healthy run has. *Why it matters*: the history knows
//! the outermost function only, and that one wraps what it was told. *How to confirm*: the callee's own log.

use crate::case::{
    called,
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, Invocation, InvocationStatus, LogOrigin};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    if failure.below {
        return Vec::new();
    }
    let Some(attempt) = failure.attempt else {
        let of = scene.last_called().filter(|_| failure.visit.is_none());
        let told = of.map(|it| super::of_callee(scene, &failure.of_callee(scene, it)));
        return told.unwrap_or_default();
    };
    let Some(callee) = innermost_ill(scene, failure, &scene.callees(attempt)) else {
        let let_down = let_down(scene, failure, attempt);
        return match let_down.is_empty() {
            true => waited_for(scene, failure),
            false => let_down,
        };
    };
    let waits =
        attempt.resource.contains("waitForTaskToken") || attempt.resource_type == "activity";
    let all = scene.callees(attempt);
    let taken = waits && !all.iter().any(|it| called::encloses(it, callee));
    let own = failure.of_callee(scene, callee);
    let name = &callee.function_name;
    let shown = clue::invocation(callee, ended(callee, &own));
    let mut found = super::of_callee(scene, &own);
    // That a worker did not answer is told of itself; here it is who it failed of, or that it had no memory left.
    found.retain(|it| {
        let other = it.suspect.name != *name && it.suspect.kind != "state";
        let of_itself = matches!(it.category, Category::Memory | Category::Permission);
        !taken || other || of_itself && it.suspect.name == *name
    });
    if found.is_empty() && taken && !scene.is_named(callee) {
        found.push(broke_off(scene, attempt, callee, &own));
    }
    let queue = super::function::callee(attempt)
        .map(|it| it.1)
        .filter(|_| waits);
    let worker = queue
        .is_some()
        .then(|| all.iter().map(|it| it.function_name.clone()));
    let passed: Vec<String> = queue
        .into_iter()
        .chain(worker.into_iter().flatten())
        .collect();
    // Of an execution whose history is not held, the function that failed is all that is known.
    let unseen = attempt.child_execution_arn.as_deref();
    let machine = unseen
        .and_then(|it| it.split(':').nth(6))
        .map(str::to_owned);
    let passed: Vec<String> = passed
        .into_iter()
        .chain(
            machine
                .into_iter()
                .flat_map(|it| [it, attempt.state.clone()]),
        )
        .collect();
    for clue in &mut found {
        if unseen.is_some() && clue.suspect.kind == "function" {
            clue.weight = clue.weight.max(0.75);
        }
        clue.weight = 1.0 - (1.0 - clue.weight) * 0.8;
        clue.exhibits.insert(0, shown.clone());
        let callers = callers(scene, failure, callee);
        let callers = callers.into_iter().chain(passed.clone());
        let carried = callers.filter(|it| *it != clue.suspect.name);
        let carried = carried.map(|caller| Explained {
            kind: String::new(),
            reason: format!("{caller} passed on what {name} failed of"),
            name: caller,
            reference: shown.reference.clone(),
        });
        let carried: Vec<Explained> = carried.collect();
        clue.explains.extend(carried);
    }
    found
}

/// A callee that ended well although somebody whom it called failed as in no healthy run, before a failure that tells of
/// no other trouble: it went on with a hole, and its caller stumbled over it.
fn let_down(scene: &Scene, failure: &Failure, attempt: &model::Attempt) -> Vec<Clue> {
    if !matches!(failure.topic(), None | Some(Topic::Data | Topic::Path)) {
        return Vec::new();
    }
    let known = |name: &str| {
        let charges = scene.healthy.iter().filter_map(|it| it.charges.get(name));
        let all: Vec<_> = charges.collect();
        all.len() >= 3 && all.iter().all(|it| it.errors == 0)
    };
    let callees = scene.callees(attempt).into_iter();
    let mut callees: Vec<&Invocation> = callees.filter(|it| it.start_time <= failure.at).collect();
    callees.sort_by_key(|it| (std::cmp::Reverse(it.start_time), it.span_id));
    for callee in callees {
        let own = failure.of_callee(scene, callee);
        let origin = crate::case::origin::of_error(scene, &own.spans);
        let Some(origin) = origin.filter(|it| known(&it.name) && it.name != callee.function_name)
        else {
            continue;
        };
        let span = own.spans.spans[origin.span];
        let words = super::dependency::words(span);
        let name = &callee.function_name;
        let category = match text::topic(&words) {
            Some(Topic::Init | Topic::FunctionTimeout) => model::Category::Error,
            topic => text::category(topic),
        };
        let mechanism = format!(
            "{} failed when {name} called it, which went on without its answer; {} failed of that: {}",
            origin.name,
            failure.function().unwrap_or(failure.state()),
            text::brief(&words, 140)
        );
        let shown = clue::span(
            span,
            format!("{} failed: {}", origin.name, text::brief(&words, 140)),
        );
        let carried = [Some(name.clone()), failure.function().map(str::to_owned)];
        let carried = carried.into_iter().flatten().map(|caller| Explained {
            kind: String::new(),
            reason: format!("{caller} had to do without the answer of {}", origin.name),
            name: caller,
            reference: shown.reference.clone(),
        });
        let carried: Vec<Explained> = carried.collect();
        let suspect = clue::entity(scene, "service", &origin.name, &[&attempt.path, name]);
        return vec![
            Clue::new(suspect, category, 0.88, mechanism)
                .with([shown])
                .with(failure.exhibit())
                .explaining(carried),
        ];
    }
    Vec::new()
}

/// A worker of which no line names the message: it broke off while the answer was waited for that it gives in healthy runs.
fn broke_off(scene: &Scene, attempt: &Attempt, worker: &Invocation, own: &Failure) -> Clue {
    let name = &worker.function_name;
    let mechanism = format!(
        "{name}, which answers {} in healthy runs, {}, and never did",
        attempt.state,
        ended(worker, own).trim_start_matches(&format!("{name}, which was called, ")),
    );
    let suspect = clue::entity(scene, "function", name, &[&attempt.path]);
    Clue::new(suspect, Category::LostMessage, 0.93, mechanism).with(own.exhibit())
}

/// The functions above a callee: that of the try, and those that were at work around it.
fn callers(scene: &Scene, failure: &Failure, callee: &Invocation) -> Vec<String> {
    let mut all: Vec<String> = failure.function().map(str::to_owned).into_iter().collect();
    let attempt = failure.attempt.map(|it| scene.callees(it));
    let around = attempt.into_iter().flatten();
    let around = around.filter(|it| called::encloses(it, callee));
    all.extend(around.map(|it| it.function_name.clone()));
    all.retain(|it| *it != callee.function_name);
    all
}

fn ended(callee: &Invocation, own: &Failure) -> String {
    let name = &callee.function_name;
    let said = match own.error.as_str() {
        "" => own.cause.clone(),
        error => format!("{error}: {}", own.cause),
    };
    // What went well by its own account may still have told what went wrong.
    let how = match callee.status {
        InvocationStatus::Success => "wrote",
        _ => "ended with",
    };
    format!(
        "{name}, which was called, {how} {}",
        text::brief(&said, 140)
    )
}

/// The callee that failed as in no healthy run, below which none did, and that was not called again with more luck.
fn innermost_ill<'a>(
    scene: &Scene<'a>,
    failure: &Failure,
    all: &[&'a Invocation],
) -> Option<&'a Invocation> {
    // What failed without a word is told by warnings at most.
    let wordless = failure.error.is_empty() && failure.cause.is_empty();
    let ill: Vec<&Invocation> = all
        .iter()
        .copied()
        .filter(|it| it.start_time <= failure.at && is_ill(scene, it, wordless))
        .collect();
    let recovered = |it: &Invocation| {
        all.iter().any(|other| {
            other.function_name == it.function_name
                && other.start_time > it.start_time
                && !ill.iter().any(|ill| ill.span_id == other.span_id)
        })
    };
    let fitting = ill
        .iter()
        .copied()
        .filter(|it| !recovered(it) && !ill.iter().any(|other| called::encloses(it, other)));
    fitting.max_by_key(|it| (it.start_time, it.span_id))
}

/// Whether a callee of an attempt tells what it failed of.
pub(super) fn told(scene: &Scene, failure: &Failure, attempt: &Attempt) -> bool {
    innermost_ill(scene, failure, &scene.callees(attempt)).is_some()
}

/// Whether an invocation failed, or wrote of an error, as hardly any healthy run of it does.
fn is_ill(scene: &Scene, of: &Invocation, wordless: bool) -> bool {
    let healthy = scene.healthy.iter();
    let ran: Vec<_> = healthy
        .filter_map(|it| it.functions.get(&of.function_name))
        .collect();
    let ill = ran.iter().filter(|it| it.errors > 0).count();
    let failed = crate::case::callees::broke_off(of) || of.error_type.is_some();
    if failed {
        return ill * 4 <= ran.len();
    }
    let least = if wordless { 13 } else { 17 };
    let mut lines = scene.lines(of).into_iter();
    lines.any(|it| {
        let key = (it.service_name.clone(), text::template(&it.body));
        let mut known = scene.healthy.iter();
        let denied = || it.severity_number >= 13 && text::is(&it.body, Topic::Permission);
        (it.severity_number >= least || denied())
            && super::worker::answers_late(it).is_none()
            && it.origin != LogOrigin::LambdaPlatform
            && !known.any(|peer| peer.templates.contains(&key))
    })
}

/// A try that ran out of time while a callee started, or worked longer than ever.
fn waited_for(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let out_of_time = matches!(
        failure.topic(),
        Some(Topic::Timeout | Topic::FunctionTimeout)
    ) || failure.error == "States.Timeout";
    let (Some(attempt), true) = (failure.attempt, out_of_time) else {
        return Vec::new();
    };
    let took = attempt.duration_ns.unwrap_or_default();
    let usual = crate::case::slow::median(scene, failure.state(), |it| it.tried_ns);
    let excess = took - usual;
    if scene.healthy.len() < 3 || excess <= 0 {
        return Vec::new();
    }
    let found = called::cold(scene, &[attempt], excess, true)
        .or_else(|| called::work(scene, attempt, excess));
    found
        .into_iter()
        .map(|it| it.with(failure.exhibit()))
        .collect()
}
