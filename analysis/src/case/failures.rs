//! The failures of an execution: the one that ended it, those that a Catch took, those that a retry got over.

use super::{
    charges::Forest,
    clue,
    scene::Scene,
    text::{self, Topic},
};
use model::{
    Attempt, ColdStart, ExecutionStatus, Exhibit, Fatality, HistoryEvent, Invocation, LogRecord,
    State, Status, UnixNanos,
};

use std::sync::LazyLock;

/// Failures of each kind that are looked at, the first ones.
const MOST: usize = 40;

/// The try of which nothing is told.
static UNTOLD: LazyLock<Attempt> = LazyLock::new(Attempt::default);

/// A failure with what lies below it.
pub(crate) struct Failure<'a> {
    /// The visit in which it happened.
    pub visit: Option<&'a State>,
    /// The try that failed; the last one of the visit.
    pub attempt: Option<&'a Attempt>,
    /// Error name.
    pub error: String,
    /// Cause text.
    pub cause: String,
    /// The event that says so.
    pub event: Option<&'a HistoryEvent>,
    /// When.
    pub at: UnixNanos,
    /// What it did to the execution.
    pub fate: Fatality,
    /// The invocation that the try made, or the one below it that failed.
    pub invocation: Option<&'a Invocation>,
    /// The invocation is of a function that a function called.
    pub below: bool,
    /// Spans below the try.
    pub spans: Forest<'a>,
    /// Lines of the invocation and records of the spans.
    pub lines: Vec<&'a LogRecord>,
}

impl<'a> Failure<'a> {
    fn of(
        scene: &Scene<'a>,
        visit: Option<&'a State>,
        attempt: Option<&'a Attempt>,
        fate: Fatality,
    ) -> Self {
        let invocation = attempt.and_then(|it| scene.invocation(it));
        let invocation = invocation.map(|(it, _)| it);
        let spans = attempt.map(|it| scene.spans_below(it)).unwrap_or_default();
        let mut lines: Vec<&LogRecord> = spans.iter().flat_map(|span| scene.said(span)).collect();
        if let Some(invocation) = invocation {
            lines.extend(scene.lines(invocation));
        }
        lines.extend(attempt.map(|it| scene.job_lines(it)).unwrap_or_default());
        lines.sort_by_key(|log| (log.time, log.log_id));
        let said = |of: fn(&Attempt) -> &Option<String>, or: fn(&State) -> &Option<String>| {
            let own = attempt.and_then(|it| of(it).clone());
            own.or_else(|| visit.and_then(|it| or(it).clone()))
                .unwrap_or_default()
        };
        let event = attempt
            .and_then(|it| it.end_event_id)
            .and_then(|id| scene.event(id));
        let ended = attempt
            .and_then(|it| it.end_time)
            .or(visit.and_then(|it| it.end_time));
        Failure {
            visit,
            attempt,
            error: said(|it| &it.error, |it| &it.error),
            cause: said(|it| &it.cause, |it| &it.cause),
            event,
            at: event.map(|it| it.time).or(ended).unwrap_or_default(),
            fate,
            invocation,
            below: false,
            spans: scene.forest(spans),
            lines,
        }
    }

    /// What a function that the try's function called failed of, as the failure of the try.
    pub fn of_callee(&self, scene: &Scene<'a>, callee: &'a Invocation) -> Failure<'a> {
        let spans = scene.spans_of(callee);
        let mut lines: Vec<&LogRecord> = spans.iter().flat_map(|span| scene.said(span)).collect();
        lines.extend(scene.lines(callee));
        lines.sort_by_key(|log| (log.time, log.log_id));
        // One that handles its errors tells of them in its lines only.
        let told = || {
            let line = lines.iter().rfind(|it| it.severity_number >= 17);
            // Of a failure without a word any warning tells more.
            let wordless = self.error.is_empty() && self.cause.is_empty();
            let warned = || {
                lines
                    .iter()
                    .rfind(|it| it.severity_number >= 13 && text::topic(&it.body).is_some())
            };
            let line = line.or_else(|| warned().filter(|_| wordless));
            line.map(|it| it.body.clone()).unwrap_or_default()
        };
        Failure {
            visit: self.visit,
            attempt: self.attempt.or(Some(&UNTOLD)),
            error: callee.error_type.clone().unwrap_or_default(),
            cause: callee.error_message.clone().unwrap_or_else(told),
            event: self.event,
            at: self.at,
            fate: self.fate,
            invocation: Some(callee),
            below: true,
            spans: scene.forest(spans),
            lines,
        }
    }

    /// The error that the try ended with.
    pub fn thrown(&self) -> String {
        let own = self.attempt.and_then(|it| it.error.clone());
        own.filter(|_| self.below)
            .unwrap_or_else(|| self.error.clone())
    }

    /// What the history says.
    pub fn said(&self) -> String {
        format!("{} {}", self.error, self.cause)
    }

    /// What the function's platform says, besides the history.
    pub fn reported(&self) -> String {
        let Some(invocation) = self.invocation else {
            return String::new();
        };
        let failed_init = match invocation.cold_start {
            ColdStart::FailedInit => " InitError",
            _ => "",
        };
        format!(
            "{} {}{failed_init}",
            invocation.error_type.as_deref().unwrap_or_default(),
            invocation.error_message.as_deref().unwrap_or_default()
        )
    }

    /// What all of them say together: history, platform.
    pub fn words(&self) -> String {
        format!("{} {}", self.said(), self.reported())
    }

    /// What its error lines say.
    pub fn lines_said(&self) -> String {
        let errors = self.lines.iter().filter(|log| log.severity_number >= 17);
        let said: Vec<&str> = errors.take(8).map(|it| it.body.as_str()).collect();
        said.join(" ")
    }

    /// What the failure is about, by the words of history and platform, then by the telling lines.
    pub fn topic(&self) -> Option<Topic> {
        let words = self.words();
        let own = text::topic(&words);
        // A timeout or an exit says little: a line of the function may say more.
        let vague = matches!(own, None | Some(Topic::Unavailable | Topic::Data));
        if !vague {
            return own;
        }
        let errors = self.lines.iter().filter(|log| log.severity_number >= 17);
        let said = errors.rev().find_map(|log| text::topic(&log.body));
        match (own, said) {
            (None, said) => said,
            (Some(Topic::Data), _) => own,
            (own, said) => said.or(own),
        }
    }

    /// The function that was called.
    pub fn function(&self) -> Option<&'a str> {
        let invoked = self.invocation.map(|it| it.function_name.as_str());
        if self.below {
            return invoked;
        }
        self.attempt
            .and_then(|it| it.function_name.as_deref())
            .or(invoked)
            .filter(|name| !name.is_empty())
    }

    /// The version of the function that ran, or was asked for.
    pub fn version(&self) -> Option<&'a str> {
        let ran = self
            .invocation
            .and_then(|it| it.function_version.as_deref());
        let asked = self.attempt.filter(|_| !self.below);
        ran.or_else(|| asked?.function_qualifier.as_deref())
    }

    pub fn state(&self) -> &'a str {
        let attempt = self.attempt.map(|it| it.state.as_str());
        self.visit
            .map(|it| it.state.as_str())
            .or(attempt)
            .unwrap_or_default()
    }

    /// The event of the failure as an exhibit.
    pub fn exhibit(&self) -> Option<Exhibit> {
        let event = self.event?;
        let attempt = self.attempt.filter(|_| self.below);
        let cause = attempt.and_then(|it| it.cause.clone());
        // What somebody else wrote of it does not stand in an event that tells its own error.
        let own = serde_json::from_str::<serde_json::Value>(&event.details).ok();
        let own = own.filter(|it| it["error"].is_string() && cause.is_none());
        let own = own.map(|it| it["cause"].as_str().unwrap_or_default().to_owned());
        let cause = own.or(cause).unwrap_or_else(|| self.cause.clone());
        let cause = match cause.as_str() {
            "" => String::new(),
            cause => format!(": {}", text::brief(&message(cause), 160)),
        };
        let thrown = self.thrown();
        let error = match thrown.as_str() {
            "" => "no error name",
            error => error,
        };
        let words = format!("{} in {}: {error}{cause}", event.event_type, self.state());
        Some(clue::event(event, words))
    }

    /// The line that tells most: the last error line, preferably one of that topic.
    pub fn telling_line(&self, topic: Option<Topic>) -> Option<&'a LogRecord> {
        let of_topic = topic.and_then(|topic| {
            let mut lines = self.lines.iter();
            lines.find(|log| text::is(&log.body, topic))
        });
        of_topic
            .or_else(|| {
                self.lines
                    .iter()
                    .rev()
                    .find(|log| log.severity_number >= 17)
            })
            .copied()
    }
}

/// The message in a cause: of a JSON object its `errorMessage`, else the text.
pub(crate) fn message(cause: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(cause).ok();
    let member = |name: &str| Some(value.as_ref()?.get(name)?.as_str()?.to_owned());
    [
        "errorMessage",
        "Cause",
        "StatusReason",
        "StoppedReason",
        "FailureReason",
        "ErrorMessage",
        "StateChangeReason",
        "message",
    ]
    .iter()
    .find_map(|name| member(name))
    .unwrap_or_else(|| cause.to_owned())
}

/// The failure that ended the execution.
pub(crate) fn fatal<'a>(scene: &Scene<'a>) -> Option<Failure<'a>> {
    let execution = &scene.case.execution;
    let root = execution.root_event_id;
    let attempts = &scene.case.attempts;
    let by_event = root.and_then(|id| {
        let mut fitting = attempts.iter().filter(|it| it.end_event_id == Some(id));
        fitting.next()
    });
    let name = execution
        .root_state
        .as_deref()
        .or(execution.failing_state.as_deref());
    let visit = by_event
        .and_then(|it| scene.visit_of(it))
        .or_else(|| failed_visit(scene, name?));
    let attempt = by_event.or_else(|| {
        let mut tries = scene.tries(visit?);
        tries.retain(|it| it.status.is_failure() || it.status == Status::Aborted);
        tries.last().copied()
    });
    let mut failure = Failure::of(scene, visit, attempt, Fatality::Fatal);
    let root_event = root.and_then(|id| scene.event(id));
    failure.event = failure.event.or(root_event);
    let own = failure.error.clone();
    if failure.error.is_empty() {
        failure.error = execution
            .root_error
            .clone()
            .or(execution.error.clone())
            .unwrap_or_default();
    }
    // The event of an execution that ran out of time need not name the error.
    let ended = failure.event.map(|it| it.event_type.as_str());
    if failure.error.is_empty()
        && execution.status == ExecutionStatus::TimedOut
        && matches!(ended, None | Some("ExecutionTimedOut"))
    {
        failure.error = "States.Timeout".to_owned();
    }
    // A cause belongs to its error: a Fail state's words say nothing about the timeout before it.
    if failure.cause.is_empty() {
        let ours = |error: &Option<String>| own.is_empty() || error.as_deref() == Some(&own);
        let root = execution.root_cause.clone();
        let last = execution.cause.clone();
        failure.cause = root
            .filter(|_| ours(&execution.root_error))
            .or(last.filter(|_| ours(&execution.error)))
            .unwrap_or_default();
    }
    if failure.at.0 == 0 {
        failure.at = failure
            .event
            .map(|it| it.time)
            .or(execution.end_time)
            .unwrap_or_default();
    }
    let known = failure.visit.is_some() || failure.event.is_some() || !failure.error.is_empty();
    known.then_some(failure)
}

/// The visit of a state that failed: preferably of its own, else the last one.
fn failed_visit<'a>(scene: &Scene<'a>, name: &str) -> Option<&'a State> {
    let visits = || scene.case.states.iter().filter(|it| it.state == name);
    visits()
        .find(|it| it.status.is_failure() && !it.caught)
        .or_else(|| visits().rfind(|it| it.status != Status::Succeeded))
        .or_else(|| visits().next_back())
}

/// Failures that a Catch took, in order.
pub(crate) fn masked<'a>(scene: &Scene<'a>) -> Vec<Failure<'a>> {
    let caught = scene.case.states.iter().filter(|it| it.caught).take(MOST);
    caught
        .map(|visit| {
            let own = scene
                .tries(visit)
                .into_iter()
                .rfind(|it| it.status.is_failure());
            let attempt = own.or_else(|| inner_failure(scene, visit));
            let inner = attempt
                .and_then(|it| scene.visit_of(it))
                .or_else(|| inner_visit(scene, visit))
                .unwrap_or(visit);
            let mut failure = Failure::of(scene, Some(inner), attempt, Fatality::Masked);
            // A Fail state, for one, leaves it to what is around it to tell the error.
            if failure.error.is_empty() && failure.cause.is_empty() {
                failure.error = visit.error.clone().unwrap_or_default();
                failure.cause = visit.cause.clone().unwrap_or_default();
            }
            if failure.event.is_none() {
                let exited = visit.exited_event_id.and_then(|id| scene.event(id));
                failure.event = exited
                    .and_then(|it| scene.event(it.previous_event_id))
                    .filter(|it| {
                        it.event_type.ends_with("Failed") || it.event_type.ends_with("TimedOut")
                    })
                    .or(exited);
                failure.at = failure.event.map_or(failure.at, |it| it.time);
            }
            failure
        })
        .collect()
}

/// Whether something at this path began inside a Map or Parallel, during this visit of it.
fn inside(block: &State, path: &str, began: UnixNanos) -> bool {
    let below = path
        .strip_prefix(block.path.as_str())
        .is_some_and(|rest| rest.starts_with(['[', '{']));
    below && began >= block.start_time && block.end_time.is_none_or(|end| began <= end)
}

/// The first failed try inside a Map or Parallel.
fn inner_failure<'a>(scene: &Scene<'a>, block: &State) -> Option<&'a Attempt> {
    let attempts = scene.case.attempts.iter();
    attempts
        .filter(|it| it.status.is_failure() && inside(block, &it.path, it.start_time))
        .min_by_key(|it| (it.end_time, it.scheduled_event_id))
}

/// The first state inside a Map or Parallel that failed without trying anything, the innermost of several.
fn inner_visit<'a>(scene: &Scene<'a>, block: &State) -> Option<&'a State> {
    let states = scene.case.states.iter();
    states
        .filter(|it| it.status.is_failure() && !it.caught)
        .filter(|it| inside(block, &it.path, it.start_time))
        .min_by_key(|it| (it.end_time, std::cmp::Reverse(it.path.len()), it.span_id))
}

/// Failed tries of visits that ended well, in order.
pub(crate) fn survived<'a>(scene: &Scene<'a>) -> Vec<Failure<'a>> {
    let mut found = Vec::new();
    for visit in scene
        .case
        .states
        .iter()
        .filter(|it| it.retries > 0 && !it.caught)
    {
        if visit.status != Status::Succeeded {
            continue;
        }
        let failed = scene
            .tries(visit)
            .into_iter()
            .find(|it| it.status.is_failure());
        if let Some(attempt) = failed {
            found.push(Failure::of(
                scene,
                Some(visit),
                Some(attempt),
                Fatality::Survived,
            ));
        }
        if found.len() >= MOST {
            break;
        }
    }
    found
}

/// The earlier failed tries of the same visit.
pub(crate) fn earlier<'a>(scene: &Scene<'a>, failure: &Failure<'a>) -> Vec<&'a Attempt> {
    let (Some(visit), Some(attempt)) = (failure.visit, failure.attempt) else {
        return Vec::new();
    };
    let mut tries = scene.tries(visit);
    tries.retain(|it| it.status.is_failure() && it.attempt < attempt.attempt);
    tries
}

/// What went wrong below a visit that ended well all the same.
pub(crate) fn below<'a>(scene: &Scene<'a>, visit: &'a State) -> Failure<'a> {
    let mut failure = Failure::of(scene, Some(visit), None, Fatality::Masked);
    failure.event = visit.exited_event_id.and_then(|id| scene.event(id));
    failure.at = failure.event.map_or(failure.at, |it| it.time);
    failure
}

/// One failure for a try, such as the first of several.
pub(crate) fn of_try<'a>(scene: &Scene<'a>, attempt: &'a Attempt, fate: Fatality) -> Failure<'a> {
    Failure::of(scene, scene.visit_of(attempt), Some(attempt), fate)
}
