//! Timeouts. *What it looks for*: a function or a state that ran out of its own time. *Why it matters*: the same
//! text means that the limit is too short, or that something it waits for has grown. *How to confirm*: healthy runs
//! that took longer than the limit speak against the limit; a span that fills the time against its service.

use crate::case::{
    clue::{self, Clue},
    failures::Failure,
    origin,
    scene::Scene,
    settings,
    text::{self, Topic},
};
use model::{
    Attempt, Category, Entity, ExecutionStatus, InvocationStatus, State, time::human_duration,
};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    if let Some(clue) = of_execution(scene, failure) {
        return vec![clue];
    }
    if let Some(clue) = super::patience::cut(scene, failure) {
        return vec![clue];
    }
    let Some(attempt) = failure.attempt else {
        return Vec::new();
    };
    let by_function = failure
        .invocation
        .is_some_and(|it| it.status == InvocationStatus::Timeout)
        || text::is(&failure.words(), Topic::FunctionTimeout)
            // What an execution that was started tells of its functions is not this state's own limit.
            && attempt.child_execution_arn.is_none();
    let by_state = failure.error == "States.Timeout" && !by_function;
    let waits =
        attempt.resource.contains("waitForTaskToken") || attempt.resource_type == "activity";
    if text::is(&failure.words(), Topic::OutOfMemory) || waits || !(by_function || by_state) {
        return Vec::new();
    }
    let limit = limit(failure, attempt, by_function);
    match failure.function() {
        Some(name) => of_function(scene, failure, attempt, name, limit, by_function),
        None => of_other(scene, failure, attempt, limit),
    }
}

/// The limit of the whole execution, where its definition was given a shorter one than healthy runs needed.
fn of_execution(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let execution = &scene.case.execution;
    let overdue = execution.status == ExecutionStatus::TimedOut
        && matches!(failure.error.as_str(), "" | "States.Timeout");
    let took = execution.duration_ns.filter(|_| overdue)?;
    let mut usual: Vec<i64> = scene.healthy.iter().map(|it| it.duration_ns).collect();
    usual.sort_unstable();
    let (median, longest) = (*usual.get(usual.len() / 2)?, *usual.last()?);
    let changed = settings::changed_field(scene, "", "TimeoutSeconds").filter(|_| longest > took);
    // Often only the definition of today is held; that no healthy run is done by then tells as much.
    let told = changed.or_else(|| {
        let cut = usual.len() >= 3 && median > took && !by_task(scene);
        cut.then(|| match super::deploy::released_since(scene, "") {
            Some((_, changed)) => changed,
            None => format!("it may take {}", human_duration(took)),
        })
    });
    let changed = told?;
    let name = &execution.state_machine;
    let mechanism = format!(
        "{name} was ended after {}, healthy runs took up to {}: {changed}",
        human_duration(took),
        human_duration(longest)
    );
    let started = super::deploy::started(scene, format!("the execution ran with {changed}"));
    let suspect = clue::entity(scene, "state_machine", name, &[]);
    Some(
        Clue::new(suspect, Category::TimeoutConfig, 0.96, mechanism)
            .with(started)
            .with(failure.exhibit())
            .changed(Some(changed)),
    )
}

/// Whether a task's own limit ended the execution, not the limit of the whole.
fn by_task(scene: &Scene) -> bool {
    let mut events: Vec<_> = scene.case.events.iter().collect();
    events.sort_by_key(|it| std::cmp::Reverse(it.event_id));
    let mut last = events.iter().take(4);
    let task = |kind: &str| kind.ends_with("TimedOut") && kind != "ExecutionTimedOut";
    last.any(|it| task(&it.event_type))
}

/// The time limit of a wait for a token or a worker, where those of healthy runs took longer than it allows, or its
/// heartbeat was made shorter: nobody was silent, the window was cut.
pub(super) fn window_cut(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Option<Clue> {
    let visit = failure.visit?;
    let beating = text::is(&failure.error, Topic::Heartbeat) || missed_beat(failure, attempt);
    let field = if beating {
        "HeartbeatSeconds"
    } else {
        "TimeoutSeconds"
    };
    let set = settings::lowered(scene, &visit.state, field);
    let seconds = if beating {
        attempt.heartbeat_seconds
    } else {
        attempt.timeout_seconds
    };
    let set = set.or_else(|| allowed_less(scene, &visit.state, beating, seconds?));
    let limit = seconds?.saturating_mul(1_000_000_000);
    let usual = scene.healthy.iter();
    let usual = usual.filter_map(|it| it.states.get(&visit.state));
    let mut usual: Vec<i64> = usual.map(|it| it.tried_ns).filter(|it| *it > 0).collect();
    usual.sort_unstable();
    let over = usual.iter().filter(|it| **it > limit + limit / 50).count();
    let (median, longest) = (usual.get(usual.len() / 2)?, usual.last()?);
    // A heartbeat may come often while the work takes long.
    let cut = match (beating, set.is_some()) {
        (false, true) => over > 0,
        (false, false) => over * 2 >= usual.len(),
        (true, told) => told,
    };
    if !cut {
        return None;
    }
    let change = super::deploy::timeout_change(scene, failure, &visit.state);
    let mechanism = format!(
        "the {} of state {} is {}, too short: healthy runs were answered after {} and up to {}",
        if beating { "heartbeat" } else { "timeout" },
        visit.state,
        human_duration(limit),
        human_duration(*median),
        human_duration(*longest)
    );
    let scheduled = scene.event(attempt.scheduled_event_id);
    let allowed = format!("{} may take {}", visit.state, human_duration(limit));
    Some(
        Clue::new(
            clue::state(scene, visit),
            Category::TimeoutConfig,
            0.95,
            mechanism,
        )
        .with(scheduled.map(|it| clue::event(it, allowed)))
        .with(change.map(|it| clue::change(it, super::deploy::told(it))))
        .with(failure.exhibit())
        .changed(set.or_else(|| change.map(super::deploy::told))),
    )
}

/// Whether it ended long before its own time was over, at a heartbeat that did not come: the error is often the same.
fn missed_beat(failure: &Failure, attempt: &Attempt) -> bool {
    let from = attempt.submitted_time.or(attempt.started_time);
    let waited = failure.at.since(from.unwrap_or(attempt.start_time));
    let reaches =
        |seconds: i64| waited.saturating_add(500_000_000) >= seconds.saturating_mul(1_000_000_000);
    attempt.heartbeat_seconds.is_some_and(reaches) && !attempt.timeout_seconds.is_some_and(reaches)
}

/// That the tries of healthy runs were allowed more seconds than this one, as their own histories tell: a definition is
/// often held as it is today only.
fn allowed_less(scene: &Scene, state: &str, beating: bool, now: i64) -> Option<String> {
    let told = |it: &crate::case::StateProfile| if beating { it.beats_s } else { it.allowed_s };
    let usual = scene.healthy.iter().filter_map(|it| it.states.get(state));
    let mut usual: Vec<i64> = usual.filter_map(told).collect();
    usual.sort_unstable();
    let before = *usual.get(usual.len() / 2).filter(|_| usual.len() >= 3)?;
    let field = if beating {
        "HeartbeatSeconds"
    } else {
        "TimeoutSeconds"
    };
    (now < before).then(|| format!("{state} {field} {before} → {now}"))
}

/// The limit that was hit, nanoseconds.
fn limit(failure: &Failure, attempt: &Attempt, by_function: bool) -> i64 {
    let words = failure.words();
    let in_text = by_function
        .then(|| {
            let rest = words.to_lowercase();
            let rest = rest.split_once("timed out after ")?.1.to_owned();
            let number: f64 = rest.split(' ').next()?.parse().ok()?;
            number.is_finite().then_some((number * 1e9) as i64)
        })
        .flatten();
    let written = attempt.timeout_seconds.filter(|_| !by_function);
    in_text
        .or_else(|| written.map(|it| it.saturating_mul(1_000_000_000)))
        .or_else(|| failure.invocation.and_then(|it| it.duration_ns))
        .or(attempt.duration_ns)
        .unwrap_or_default()
}

fn of_function(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    name: &str,
    limit: i64,
    by_function: bool,
) -> Vec<Clue> {
    let text = human_duration(limit);
    // The state's own limit is the state's to answer for.
    let guard: Entity = match (by_function, failure.visit) {
        (false, Some(visit)) => clue::state(scene, visit),
        _ => clue::function(scene, attempt, name, failure.version()),
    };
    let mut healthy: Vec<i64> = scene
        .healthy
        .iter()
        .filter_map(|it| it.functions.get(name))
        .map(|it| it.longest_ns)
        .filter(|it| *it > 0)
        .collect();
    healthy.sort_unstable();
    let median = healthy.get(healthy.len() / 2).copied();
    let mut proof: Vec<_> = failure.exhibit().into_iter().collect();
    if let Some(invocation) = failure.invocation {
        // Who waited may have given up while it went on to its end.
        let told = match invocation.status {
            InvocationStatus::Success => format!("{name} ran on and ended well, too late"),
            _ => format!("{name} was cut off after {text}"),
        };
        proof.push(clue::invocation(invocation, told));
    }
    let line = failure
        .lines
        .iter()
        .find(|it| text::is(&it.body, Topic::FunctionTimeout));
    proof.extend(line.map(|it| clue::log(it, text::brief(&it.body, 160))));
    let mut clues: Vec<_> = unconnected(scene, failure, attempt, name)
        .into_iter()
        .map(|it| it.with(proof.clone()))
        .collect();
    let usual = median.map(human_duration).unwrap_or_default();
    // Healthy runs that took longer than the limit: the limit was lowered under them.
    let lowered = healthy
        .last()
        .is_some_and(|most| *most > limit + limit / 50);
    let near = median.is_some_and(|median| median * 10 >= limit * 7);
    // A limit of which healthy runs need the smallest part is not what they ran into, whoever set it.
    let ample = !lowered && median.is_some_and(|it| it.saturating_mul(20) < limit);
    let changed = super::deploy::timeout_change(scene, failure, name).filter(|_| !ample);
    if let Some(grown) = grown(scene, failure, limit).filter(|_| !lowered && clues.is_empty()) {
        let span = failure.spans.spans[grown.span];
        let suspect = clue::entity(scene, "service", &grown.name, &[&attempt.path, name]);
        let before = grown
            .usual_ns
            .map(|it| format!(", {} in healthy runs", human_duration(it)))
            .unwrap_or_default();
        let mechanism = format!(
            "{} took {} of the {text} that {name} had in {}{before}",
            grown.name,
            human_duration(grown.ns),
            failure.state()
        );
        clues.push(
            Clue::new(suspect, Category::Latency, 0.93, mechanism)
                .with([clue::span(
                    span,
                    format!(
                        "{name} waited {} for {}",
                        human_duration(grown.ns),
                        grown.name
                    ),
                )])
                .with(proof.clone())
                .explaining([super::function::carried(name, &grown.name, span)]),
        );
    }
    if clues.is_empty() && !lowered && changed.is_none() {
        let hung = hanging(scene, failure, attempt, name, median);
        let whom = hung.iter().map(|it| it.suspect.name.clone());
        let held = whom.filter_map(|it| crate::case::overheard::held(scene, attempt, &it));
        let held: Vec<Clue> = held.collect();
        clues.extend(
            hung.into_iter()
                .chain(held)
                .map(|it| it.with(proof.clone())),
        );
    }
    if clues.is_empty() && !lowered && changed.is_none() {
        clues.extend(
            super::unsent::find(scene, failure, attempt, name, limit)
                .map(|it| it.with(proof.clone())),
        );
    }
    let limit_set = failure
        .visit
        .filter(|_| !by_function && !ample)
        .and_then(|it| settings::changed_field(scene, &it.state, "TimeoutSeconds"));
    let config = lowered || changed.is_some() || limit_set.is_some() || near && clues.is_empty();
    if config {
        let weight = match (lowered, changed.is_some() || limit_set.is_some()) {
            (true, true) => 0.96,
            (true, false) => 0.93,
            (false, true) if clues.is_empty() => 0.88,
            _ => 0.75,
        };
        let how = match (lowered, median) {
            (true, _) => format!(
                "healthy runs took up to {}",
                human_duration(*healthy.last().unwrap_or(&0))
            ),
            (false, Some(_)) => format!("healthy runs take {usual}"),
            _ => "the limit was changed".to_owned(),
        };
        let mechanism = format!("the timeout of {} is {text}, too short: {how}", guard.name);
        clues.push(
            Clue::new(guard.clone(), Category::TimeoutConfig, weight, mechanism)
                .with(proof.clone())
                .with(changed.map(|it| clue::change(it, super::deploy::told(it))))
                .changed(limit_set.or_else(|| changed.map(super::deploy::told))),
        );
    }
    let less = failure
        .invocation
        .and_then(|it| crate::case::starved::less_memory(scene, it));
    if let Some(less) = less.filter(|_| clues.is_empty()) {
        let mechanism = format!(
            "{name} was too slow for its {text} in {} since {less}",
            failure.state()
        );
        let suspect = clue::function(scene, attempt, name, failure.version());
        clues.push(
            Clue::new(suspect, Category::Memory, 0.92, mechanism)
                .with(proof.clone())
                .changed(Some(less)),
        );
    }
    if clues.is_empty() {
        clues.extend(
            super::nearby::slow(scene, failure, attempt, name).map(|it| it.with(proof.clone())),
        );
    }
    if clues.is_empty() {
        let mechanism = match median {
            Some(_) => format!(
                "{name} took longer than {text} in {}; healthy runs take {usual}",
                failure.state()
            ),
            None => format!("{name} took longer than {text} in {}", failure.state()),
        };
        let grown_input = input_growth(scene, failure.visit);
        let grown_input = grown_input.map(|it| it.max(crate::case::sizes::numeric_growth(scene)));
        let (category, weight, who) = match (median, grown_input) {
            (_, Some(times)) if times >= 3.0 => (
                Category::DataSize,
                // The more work explains the time that was lacking.
                if median.is_some_and(|it| it as f64 * times >= limit as f64) {
                    0.84
                } else {
                    0.7
                },
                clue::function(scene, attempt, name, failure.version()),
            ),
            (Some(_), _) => (
                Category::Latency,
                0.7,
                clue::function(scene, attempt, name, failure.version()),
            ),
            (None, _) => (Category::TimeoutConfig, 0.6, guard),
        };
        clues.push(
            Clue::new(who, category, weight, mechanism)
                .with(proof)
                .changed(super::deploy::changed(scene, failure))
                .missing(&format!(
                    "spans of what {name} waited for, or runs of it that went well"
                )),
        );
    }
    clues
}

/// Somebody to whom no connection came about in time, as the function's own lines tell: not its answer is late.
pub(in crate::case) fn unconnected(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    name: &str,
) -> Option<Clue> {
    let said = |it: &&&model::LogRecord| text::is_connect_timeout(&it.body);
    let lines: Vec<_> = failure.lines.iter().filter(said).copied().collect();
    let usual = |it: &&model::LogRecord| {
        let template = text::template(&it.body);
        let of = (it.service_name.clone(), template);
        scene
            .healthy
            .iter()
            .any(|peer| peer.templates.contains(&of))
    };
    if lines.is_empty() || lines.iter().all(usual) {
        return None;
    }
    let whom = lines
        .iter()
        .find_map(|it| super::network::service_in(scene, &it.body))
        .filter(|it| it != name);
    let closed = whom
        .as_ref()
        .and_then(|it| super::way_out::way_out(scene, failure, it));
    if let Some(clue) = closed {
        let shown = lines.iter().take(3);
        return Some(clue.with(shown.map(|it| clue::log(it, text::brief(&it.body, 160)))));
    }
    let suspect = match whom
        .as_ref()
        .filter(|it| !super::network::is_shared_api(it))
    {
        Some(whom) => clue::entity(scene, "service", whom, &[&attempt.path, name]),
        None => clue::function(scene, attempt, name, failure.version()),
    };
    let whom = whom.unwrap_or("whom it calls".to_owned());
    let mechanism = format!(
        "{name} lost its time in {} because no connection to {whom} came about",
        failure.state()
    );
    let reference = format!("log:{}", lines[0].log_id);
    Some(
        Clue::new(suspect, Category::NetworkConfig, 0.94, mechanism)
            .with(
                lines.iter().take(3).map(|it| {
                    clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))
                }),
            )
            .changed(super::deploy::change_of(
                scene,
                failure,
                &[
                    "route", "network", "vpc", "subnet", "security", "nat", "acl",
                ],
            ))
            .explaining([clue::Explained {
                kind: String::new(),
                name: name.to_owned(),
                reason: format!("{name} waited for a connection that never came about"),
                reference,
            }]),
    )
}

/// Somebody whom only the function's last line before its end names.
fn hanging(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    name: &str,
    median: Option<i64>,
) -> Option<Clue> {
    let invocation = failure.invocation?;
    let limit = failure.at.since(attempt.start_time);
    if let Some(clue) = crate::case::timed::waited(scene, attempt, invocation, limit) {
        return Some(clue);
    }
    // Half of its time is enough where it tells several times for whom it waits.
    let again = || crate::case::timed::hidden(scene, attempt, invocation, limit);
    let Some(silence) = super::hang::longest(scene, invocation) else {
        return again();
    };
    // Healthy runs come past that line soon; without them nobody knows.
    let quick = median.is_some_and(|it| it < silence.ns / 2);
    let who = &silence.name;
    if let Some(clue) =
        super::way_out::closed(scene, failure, who, &[]).filter(|_| silence.connecting && quick)
    {
        let said = text::brief(&silence.line.body, 160);
        return Some(clue.with([clue::log(silence.line, format!("{name} wrote: {said}"))]));
    }
    let (category, how) = match silence.connecting {
        true => (Category::NetworkConfig, "no connection came about"),
        false => (Category::Latency, "no answer came"),
    };
    let waited = human_duration(silence.ns);
    let mechanism = format!(
        "{name} was silent for {waited} in {} after it wrote of {who}: {how}",
        failure.state()
    );
    let weight = if quick { 0.84 } else { 0.66 };
    let line = clue::log(
        silence.line,
        format!("{name} wrote: {}", text::brief(&silence.line.body, 160)),
    );
    let suspect = match silence.connecting && super::network::is_shared_api(who) {
        true => clue::function(scene, attempt, name, failure.version()),
        false => clue::entity(scene, "service", who, &[&attempt.path, name]),
    };
    Some(
        Clue::new(suspect, category, weight, mechanism)
            .explaining([clue::Explained {
                kind: String::new(),
                name: name.to_owned(),
                reason: format!("{name} wrote nothing more after it had turned to {who}"),
                reference: line.reference.clone(),
            }])
            .with([line])
            .missing(&format!("spans of the calls of {name}")),
    )
}

/// Somebody below the function who filled its time, and more than in healthy runs.
fn grown(scene: &Scene, failure: &Failure, limit: i64) -> Option<origin::Excess> {
    let excess = origin::of_time(scene, &failure.spans, false)?;
    let own = failure.function().unwrap_or_default();
    let more = excess
        .usual_ns
        .is_none_or(|usual| excess.ns > usual.saturating_mul(2));
    (excess.name != own && excess.ns * 2 > limit && more).then_some(excess)
}

/// How many times larger the state's input is than in the median healthy run.
pub(in crate::case) fn input_growth(scene: &Scene, visit: Option<&State>) -> Option<f64> {
    let visit = visit?;
    let own = visit.input.as_ref().map_or(0, String::len);
    let mut usual: Vec<usize> = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&visit.state))
        .map(|it| it.input_bytes)
        .filter(|it| *it > 0)
        .collect();
    usual.sort_unstable();
    let median = *usual.get(usual.len() / 2)?;
    Some(own as f64 / median.max(1) as f64)
}

fn of_other(scene: &Scene, failure: &Failure, attempt: &Attempt, limit: i64) -> Vec<Clue> {
    let text = human_duration(limit);
    let mut healthy: Vec<i64> = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(failure.state()))
        .map(|it| it.longest_ns)
        .collect();
    healthy.sort_unstable();
    let longest = healthy.last().copied();
    let (kind, name) = super::function::callee(attempt).unwrap_or(("state", attempt.state.clone()));
    let lowered = longest.is_some_and(|longest| longest > limit);
    let changed = super::deploy::timeout_change(scene, failure, failure.state());
    let limit_set = settings::changed_field(scene, failure.state(), "TimeoutSeconds");
    let config = lowered || changed.is_some() || limit_set.is_some();
    if let Some(visit) = failure.visit.filter(|_| config) {
        let mechanism = format!("the timeout of state {} is {text}, too short", visit.state);
        return vec![
            Clue::new(
                clue::state(scene, visit),
                Category::TimeoutConfig,
                0.9,
                mechanism,
            )
            .with(failure.exhibit())
            .with(changed.map(|it| clue::change(it, super::deploy::told(it))))
            .changed(limit_set.or_else(|| changed.map(super::deploy::told))),
        ];
    }
    let usual = longest
        .map(|it| format!("; healthy runs took {} at most", human_duration(it)))
        .unwrap_or_default();
    let mechanism = format!(
        "{name} did not answer {} within {text}{usual}",
        failure.state()
    );
    let grown = input_growth(scene, failure.visit).unwrap_or(1.0);
    let grown = grown.max(crate::case::sizes::numeric_growth(scene));
    let median = healthy.get(healthy.len() / 2).copied();
    let sized = grown >= 3.0 && median.is_some_and(|it| it as f64 * grown >= limit as f64);
    let category = if sized {
        Category::DataSize
    } else if longest.is_some() {
        Category::Latency
    } else {
        Category::TimeoutConfig
    };
    let (kind, name) = if category == Category::TimeoutConfig {
        ("state", attempt.state.clone())
    } else {
        (kind, name)
    };
    let weight = if longest.is_some() { 0.75 } else { 0.55 };
    vec![
        Clue::new(
            clue::entity(scene, kind, &name, &[&attempt.path]),
            category,
            weight,
            mechanism,
        )
        .with(failure.exhibit()),
    ]
}
