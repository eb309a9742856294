//! Somebody whom the function called failed or was slow. *What it looks for*: the errored span without an
//! errored cause, the call that was given up while its server still worked. *Why it matters*: every caller logs
//! the error, one service made it. *How to confirm*: the server's own span, longer than the caller's.

use crate::case::{
    Profile, charges,
    clue::{self, Clue, Explained},
    failures::Failure,
    origin, releases,
    scene::Scene,
    signs,
    text::{self, Topic},
};
use model::{Category, Span, Value, time::human_duration};

/// Executions that the callee has to have served before its refusal is blamed on what it was sent.
const WELL: usize = 3;
/// One of so many may be refused as this one was: inputs are bad now and then.
const FEW: usize = 4;

/// What a failed span says, in its status, its events and its attributes.
pub(in crate::case) fn words(span: &Span) -> String {
    let mut words = vec![span.status_message.clone()];
    let of = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    for event in &span.events {
        words.extend(
            event
                .attributes
                .iter()
                .filter(|(key, _)| !key.contains("stacktrace"))
                .filter_map(|(_, value)| of(value)),
        );
    }
    const KEYS: [&str; 6] = [
        "error.type",
        "exception.type",
        "exception.message",
        "response_code_details",
        "error.message",
        "aws.error.code",
    ];
    words.extend(crate::case::scene::attribute(&span.attributes, &KEYS));
    if let Some(code) = charges::status(span) {
        words.push(format!("status code {code}"));
    }
    if charges::failed(span) {
        words.extend(connecting(&span.name).map(str::to_owned));
    }
    // The status often repeats the exception: everything is said once.
    let mut said: Vec<String> = Vec::new();
    for word in words {
        if !word.is_empty() && !said.iter().any(|it| it.contains(&word)) {
            said.push(word);
        }
    }
    said.join(" ")
}

/// What a span that only connects says by its name when it failed.
fn connecting(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let last = lower.rsplit(['.', ':', '/', ' ']).next().unwrap_or(&lower);
    match last {
        "connect" => Some("failed to connect"),
        "lookup" if lower.contains("dns") => Some("dns lookup"),
        _ => None,
    }
}

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure.attempt else {
        return Vec::new();
    };
    let caller = failure.function().unwrap_or(failure.state());
    let forest = &failure.spans;
    if let Some(call) = origin::given_up(forest) {
        return slow(scene, failure, call, caller);
    }
    if let Some(clue) = crate::case::hosts::broken(scene, failure) {
        return vec![clue];
    }
    if let Some(clue) = crate::case::hosts::unreachable(scene, failure) {
        return vec![clue];
    }
    let Some(origin) = origin::of_error(scene, forest) else {
        return Vec::new();
    };
    let span = forest.spans[origin.span];
    if origin.name == caller || origin.name.is_empty() {
        return Vec::new();
    }
    let said = words(span);
    let told = scene.said(span);
    let loud = told.iter().rfind(|log| log.severity_number >= 17);
    // What it only warns of may be why it failed, if its words are of a kind and no healthy run has them.
    let warned = || {
        told.iter().rfind(|it| {
            it.severity_number >= 13 && text::topic(&it.body).is_some() && is_new(scene, it)
        })
    };
    let line = loud.or_else(warned).copied();
    let topic = text::topic(&format!(
        "{said} {}",
        line.map_or("", |it| it.body.as_str())
    ));
    // A span that the caller wrote may say less than the caller's own error.
    let topic = match failure.topic() {
        Some(Topic::Data | Topic::Path | Topic::Init | Topic::Unavailable) | None => topic,
        Some(own) if span.service_name == caller => topic.or(Some(own)),
        _ => topic,
    };
    // Who is refused by a service of AWS lacks a permission; the service is as it should be.
    if topic == Some(Topic::Permission) && span.service_name == caller {
        return Vec::new();
    }
    let weight = 0.9 * believed(scene, failure, origin.span, topic);
    let category = match topic {
        Some(Topic::Init | Topic::FunctionTimeout) => Category::Error,
        _ if said.to_lowercase().contains("no healthy") => Category::Infrastructure,
        // No code of anybody stumbled: the disk or the hardware did.
        None | Some(Topic::Unavailable)
            if signs::of_machine(&format!(
                "{said} {}",
                line.map_or("", |it| it.body.as_str())
            )) =>
        {
            Category::Infrastructure
        }
        // Why a service's own house is not in order, such as a full disk, is an error to who calls it.
        Some(Topic::Space) if charges::status(span).is_some_and(|it| it >= 500) => Category::Error,
        topic => text::category(topic),
    };
    // What its code does is its release's, if all that went well ran in another.
    let release = releases::bad(scene, span).filter(|_| category == Category::Error);
    let category = match release {
        Some(_) => Category::BadDeploy,
        None => category,
    };
    // AWS only says no: who was denied is the one that lacks the permission.
    let denied = topic == Some(Topic::Permission) && of_aws(span) && !span.service_name.is_empty();
    let who = match denied {
        true => span.service_name.clone(),
        false => origin.name.clone(),
    };
    let suspect = clue::entity(scene, "service", &who, &[&attempt.path, caller]);
    let what = if said.trim().is_empty() {
        "an error".to_owned()
    } else {
        text::brief(&said, 160)
    };
    if let Some(clue) = refused(scene, failure, span, &origin.name, &what) {
        return vec![clue];
    }
    let since = release
        .as_ref()
        .map_or(String::new(), |it| format!(" since {it}"));
    let mechanism = match denied {
        true => format!(
            "{who} was denied access to {} when {caller} called it in {}: {what}",
            origin.name,
            failure.state()
        ),
        false => format!(
            "{} failed{since} when {caller} called it in {}: {what}",
            origin.name,
            failure.state()
        ),
    };
    let carriers = origin.carriers.iter().map(|n| {
        let carrier = forest.spans[*n];
        super::function::carried(&carrier.service_name, &origin.name, span)
    });
    let carriers: Vec<Explained> = carriers
        .filter(|it| it.name != origin.name && it.name != who)
        .collect();
    let chain = origin.carriers.iter().rev().take(1).map(|n| {
        let carrier = forest.spans[*n];
        clue::span(
            carrier,
            format!("{} carried the error on", carrier.service_name),
        )
    });
    vec![
        Clue::new(suspect, category, weight, mechanism)
            .with([clue::span(span, format!("{} failed: {what}", origin.name))])
            .with(line.map(|it| {
                clue::log(
                    it,
                    format!("{} wrote: {}", it.service_name, text::brief(&it.body, 160)),
                )
            }))
            .with(chain.filter(|_| !origin.carriers.is_empty()))
            .with(failure.exhibit())
            .changed(super::deploy::change_of(scene, failure, &[&origin.name]).or(release))
            .explaining([super::function::carried(caller, &origin.name, span)])
            .explaining(carriers),
    ]
}

/// A line that no healthy run has.
fn is_new(scene: &Scene, line: &model::LogRecord) -> bool {
    let key = (line.service_name.clone(), text::template(&line.body));
    let mut known = scene.healthy.iter();
    !known.any(|it| it.templates.contains(&key))
}

/// True for a call of an API of AWS itself.
fn of_aws(span: &Span) -> bool {
    let system =
        crate::case::scene::attribute(&span.attributes, &["rpc.system", "rpc.system.name"]);
    system.as_deref() == Some("aws-api")
        || span.status_message.contains("is not authorized to perform")
        || words(span).contains("is not authorized to perform")
}

/// A callee that refused what this execution sent (400, 413, 415, 422), and served all the others that sent theirs to the
/// same state: the callee did its work, the input is what differs. Without others to compare with, nothing is said.
fn refused(
    scene: &Scene,
    failure: &Failure,
    span: &Span,
    callee: &str,
    what: &str,
) -> Option<Clue> {
    if !matches!(charges::status(span)?, 400 | 413 | 415 | 422) {
        return None;
    }
    // AWS answers 400 to whom it denies or throttles, too: that is not about what was sent.
    if matches!(
        text::topic(&words(span)),
        Some(Topic::Permission | Topic::Throttled)
    ) {
        return None;
    }
    let visit = failure.visit?;
    let served = |it: &&&Profile| it.states.contains_key(&visit.state);
    let well = scene.healthy.iter().filter(served).count();
    let key = (visit.state.clone(), failure.thrown());
    let alike = scene.world.peers.iter();
    let alike = alike.filter(|it| it.errors.contains(&key)).count();
    if well < WELL || alike * FEW > well {
        return None;
    }
    if super::deploy::change_of(scene, failure, &[callee]).is_some() {
        return None;
    }
    let suspect = clue::state(scene, visit);
    let mechanism = format!(
        "{callee} refused what {} sent it, and served {well} other executions: {what}",
        visit.state
    );
    let spans = [clue::span(span, format!("{callee} refused: {what}"))];
    let served = Explained {
        kind: "service".into(),
        name: callee.to_owned(),
        reason: format!("{callee} answered the same call in {well} other executions"),
        reference: clue::span(span, String::new()).reference,
    };
    let carried = failure
        .function()
        .map(|it| super::function::carried(it, callee, span));
    Some(
        Clue::new(suspect, Category::BadInput, 0.86, mechanism)
            .with(spans)
            .with(failure.exhibit())
            .explaining([served])
            .explaining(carried),
    )
}

/// How far a failed call explains the failure: 1 when it is the last thing the caller did, less when the caller
/// fails of something else, or went on after it and called others.
fn believed(scene: &Scene, failure: &Failure, span: usize, topic: Option<Topic>) -> f64 {
    let said = failure.words();
    let name = failure.spans.charged(span);
    let own = text::topic(&said);
    let telling = matches!(
        own,
        Some(
            Topic::Permission
                | Topic::OutOfMemory
                | Topic::Init
                | Topic::TooLarge
                | Topic::Name
                | Topic::Connection
        )
    );
    if telling && topic.is_some() && own != topic && !said.contains(&name) {
        return 0.6;
    }
    if said.contains(&name) || !went_on(failure, span) {
        return 1.0;
    }
    // Its words are the caller's: it was reported after all.
    let status = charges::status(failure.spans.spans[span]).map(|code| code.to_string());
    let quoted = status.is_some_and(|code| said.contains(&code));
    let named = named_other(scene, failure, &name);
    if quoted && !named { 1.0 } else { 0.6 }
}

/// The failure names another service than this one.
fn named_other(scene: &Scene, failure: &Failure, name: &str) -> bool {
    let said = failure.words();
    super::network::service_in(scene, &said).is_some_and(|other| other != name)
}

/// The caller called somebody else after a call had failed: it did not mind.
fn went_on(failure: &Failure, span: usize) -> bool {
    let forest = &failure.spans;
    let mut top = span;
    for _ in 0..100 {
        match forest.parent[top] {
            Some(above) if forest.parent[above].is_some() => top = above,
            _ => break,
        }
    }
    let failed = forest.spans[top];
    let name = forest.charged(top);
    let siblings = forest.parent[top].map(|above| &forest.children[above]);
    siblings.into_iter().flatten().any(|n| {
        let other = forest.spans[*n];
        other.start_time >= failed.end_time && forest.charged(*n) != name
    })
}

/// A call that was given up sooner than it is usually answered, while who answers took no longer than ever: the patience
/// of the caller was cut.
fn impatient(scene: &Scene, failure: &Failure, call: usize, slowest: usize) -> Option<Clue> {
    let forest = &failure.spans;
    let waiting = forest.spans[call];
    let callee = forest.charged(call);
    let took = |it: &Span| it.end_time.since(it.start_time);
    let answered = |name: &str| {
        let calls = scene.healthy.iter();
        let calls: Vec<i64> = calls.filter_map(|it| it.calls.get(name).copied()).collect();
        (calls.len() >= WELL).then_some(calls)
    };
    // A proxy's flags name its cluster, an answer the service that gave it.
    let answering = forest.children[call].iter().map(|n| forest.spans[*n]);
    let mut answering = answering.filter(|it| it.service_name != waiting.service_name);
    let behind = answering.next().map_or("", |it| it.service_name.as_str());
    let mut usual = answered(&callee).or_else(|| answered(behind))?;
    usual.sort_unstable();
    let (median, longest) = (*usual.get(usual.len() / 2)?, *usual.last()?);
    let waited = took(waiting);
    let as_ever = took(forest.spans[slowest]) <= longest.saturating_add(longest / 4);
    if usual.len() < WELL || waited.saturating_add(waited / 20) >= median || !as_ever {
        return None;
    }
    let caller = match waiting.service_name.as_str() {
        "" => failure.function().unwrap_or(failure.state()),
        name => name,
    };
    let own = failure.function().filter(|it| *it == caller);
    // How long a proxy waits is set for the cluster that it asks.
    let routed = charges::proxied(waiting);
    let suspect = match (own, failure.attempt) {
        _ if routed => {
            let path = failure.attempt.map_or("", |it| it.path.as_str());
            clue::entity(scene, "service", &callee, &[path, caller])
        }
        (Some(name), Some(attempt)) => clue::function(scene, attempt, name, failure.version()),
        _ => {
            let path = failure.attempt.map_or("", |it| it.path.as_str());
            clue::entity(scene, "service", caller, &[path])
        }
    };
    let set_for: &[&str] = match routed {
        true => &[caller, &callee, behind],
        false => &[caller],
    };
    let mut set_for = set_for.iter().filter(|it| !it.is_empty());
    let change = set_for.find_map(|it| super::deploy::timeout_change(scene, failure, it));
    let mechanism = format!(
        "{caller} waits {} for {callee} and no longer, too short: healthy runs waited {} and were answered",
        human_duration(waited),
        human_duration(median)
    );
    let proof = clue::span(
        waiting,
        format!("{caller} gave up after {}", human_duration(waited)),
    );
    let explained = |name: &str, reason: String| Explained {
        kind: String::new(),
        name: name.to_owned(),
        reason,
        reference: proof.reference.clone(),
    };
    let why = format!("{callee} is usually slower than {caller} waits now");
    let cleared = match routed {
        true => explained(caller, why),
        false => explained(&callee, why),
    };
    let weight = if change.is_some() { 0.96 } else { 0.93 };
    Some(
        Clue::new(suspect, Category::TimeoutConfig, weight, mechanism)
            .with(change.map(|it| clue::change(it, super::deploy::told(it))))
            .explaining([cleared])
            .with([proof])
            .with(failure.exhibit())
            .changed(change.map(super::deploy::told)),
    )
}

/// A call that was given up: whoever took the time below it is to blame.
fn slow(scene: &Scene, failure: &Failure, call: usize, caller: &str) -> Vec<Clue> {
    let forest = &failure.spans;
    let waiting = forest.spans[call];
    let slowest = origin::slowest_below(forest, call);
    let name = match slowest == call {
        true => forest.charged(call),
        false => forest.charged(slowest),
    };
    if name.is_empty() || name == caller {
        return Vec::new();
    }
    if let Some(clue) = impatient(scene, failure, call, slowest) {
        return vec![clue];
    }
    let waited = human_duration(waiting.end_time.since(waiting.start_time));
    let at = forest.spans[slowest];
    let took = human_duration(at.end_time.since(at.start_time));
    let path = failure.attempt.map_or("", |it| it.path.as_str());
    let suspect = clue::entity(scene, "service", &name, &[path, caller]);
    let how = match slowest == call {
        true => format!("{name} did not answer within {waited}"),
        false => format!(
            "{name} took {took}; {} gave up after {waited}",
            waiting.service_name
        ),
    };
    let mechanism = format!("{how}, so {caller} failed in {}", failure.state());
    let mut clue = Clue::new(suspect, Category::Latency, 0.93, mechanism);
    if slowest != call {
        clue = clue.with([clue::span(at, format!("{name} was at work for {took}"))]);
    }
    let other = &waiting.service_name;
    vec![
        clue.with([clue::span(
            waiting,
            format!("{other} waited {waited} and gave up"),
        )])
        .with(failure.exhibit())
        .changed(super::deploy::change_of(scene, failure, &[&name]))
        .explaining(
            [
                super::function::carried(caller, &name, waiting),
                super::function::carried(other, &name, waiting),
            ]
            .into_iter()
            .filter(|it| it.name != name),
        ),
    ]
}
