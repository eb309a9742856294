//! Functions that a function called by itself, through an SDK or a function URL: no event of the history tells of them,
//! only their own logs. They are found by the request id that somebody names, by the trace that both were in, by their
//! name in what the caller wrote, and, where nothing names them, by their time alone: then only what is a habit of healthy
//! runs counts.

use super::{Case, letters};
use crate::lambda::xray_trace;
use model::{
    Attempt, Invocation, InvocationStatus, LogRecord, Span, SpanId, Status, TraceId, UnixNanos,
    Value,
};
use std::collections::{HashMap, HashSet};

/// How far clocks of two sandboxes may be apart, nanoseconds.
const SLACK_NS: i64 = 250_000_000;
/// Callees of one caller, and of one caller that nothing names.
const MOST: usize = 24;
const MOST_UNNAMED: usize = 4;
/// How long before its end an execution of which nothing else is told may have called somebody, and how shortly before it
/// that one must have failed, nanoseconds.
const UNTOLD_NS: i64 = 900_000_000_000;
const JUST_NS: i64 = 2_500_000_000;
/// How far the end of a worker and the answer that it sent lie apart, nanoseconds.
const ANSWERS_NS: i64 = 2_500_000_000;
/// How long an answer may be waited for where nothing but time tells who gave it, nanoseconds.
const MOST_WAIT_NS: i64 = 1_800_000_000_000;
/// How long a callee may start before it writes that it does, nanoseconds.
const STARTS_NS: i64 = 20_000_000_000;
/// How deep functions call functions.
pub const DEEPEST: usize = 4;

/// Attributes in which instrumentations write Lambda's request id.
const REQUEST_ID: [&str; 4] = [
    "faas.invocation_id",
    "faas.execution",
    "aws.request_id",
    "aws.lambda.request_id",
];

/// An invocation that a function of the execution made by itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Callee {
    /// What it made.
    pub invocation: Invocation,
    /// The attempt below which it was made, however deep.
    pub attempt: SpanId,
    /// Somebody names it; otherwise it is known by its time alone.
    pub named: bool,
}

/// Somebody who may have called functions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Caller {
    /// Request id, empty for an attempt.
    pub id: String,
    /// Function, if it is one.
    pub function: String,
    attempt: SpanId,
    from: UnixNanos,
    to: UnixNanos,
    trace: Option<TraceId>,
    /// What an execution ended with, of which nothing else is told.
    said: Option<String>,
    /// A message that was answered: whoever worked on it was done when the answer came.
    answered: Option<UnixNanos>,
    /// It handed its work to somebody by a message.
    message: bool,
}

impl Caller {
    /// A function that ran below an attempt.
    pub fn of(invocation: &Invocation, attempt: SpanId) -> Caller {
        let init = invocation.init_duration_ms.unwrap_or(0.0) * 1e6;
        let from = invocation.start_time.0.saturating_sub(init as i64);
        let took = invocation.duration_ns.unwrap_or(0);
        let end = invocation.start_time.0.saturating_add(took);
        Caller {
            id: invocation.request_id.clone(),
            function: invocation.function_name.clone(),
            attempt,
            from: UnixNanos(from.saturating_sub(SLACK_NS)),
            to: UnixNanos(
                invocation
                    .end_time
                    .map_or(end, |it| it.0)
                    .saturating_add(SLACK_NS),
            ),
            trace: trace(invocation),
            said: None,
            answered: None,
            message: false,
        }
    }

    /// A try of whose invocation no line is held.
    pub fn of_attempt(attempt: &Attempt) -> Option<Caller> {
        let waits = attempt.resource.contains("waitForTaskToken")
            || attempt.resource.contains(".sync")
                && !attempt.resource.starts_with("startExecution")
            || attempt.resource_type == "activity";
        let end = attempt.end_time.filter(|_| !waits)?;
        Some(Caller {
            id: String::new(),
            function: attempt.function_name.clone().unwrap_or_default(),
            attempt: attempt.span_id,
            from: UnixNanos(attempt.start_time.0.saturating_sub(SLACK_NS)),
            to: UnixNanos(end.0.saturating_add(SLACK_NS)),
            trace: None,
            said: None,
            answered: None,
            message: false,
        })
    }

    /// A try that handed its work to somebody by a queue, a topic or an activity: whoever ran meanwhile may have taken it.
    pub fn of_message(attempt: &Attempt) -> Option<Caller> {
        let token = attempt.resource.contains("waitForTaskToken");
        let activity = attempt.resource_type == "activity";
        let sent = match (token, activity) {
            (true, _) => attempt.submitted_time,
            (_, true) => attempt.started_time,
            _ => None,
        };
        let (from, end) = (sent?, attempt.end_time?);
        // Of what ran in hours nobody knows who took it.
        let long = end.since(from) > MOST_WAIT_NS;
        if long || token && attempt.function_name.is_some() {
            return None;
        }
        Some(Caller {
            attempt: attempt.span_id,
            from: UnixNanos(from.0.saturating_sub(SLACK_NS)),
            to: UnixNanos(end.0.saturating_add(ANSWERS_NS)),
            answered: (attempt.status == Status::Succeeded).then_some(end),
            message: true,
            ..Caller::default()
        })
    }

    fn began(&self, of: &Invocation) -> bool {
        // START is written when the sandbox is ready, which its caller may not live to see.
        let init = of
            .init_duration_ms
            .or(of.restore_duration_ms)
            .unwrap_or(0.0)
            * 1e6;
        let asked = UnixNanos(of.start_time.0.saturating_sub(init as i64));
        (self.from..=self.to).contains(&asked)
    }

    fn encloses(&self, of: &Invocation) -> bool {
        // What ended long before the answer, or goes on long after it, did not give it.
        let in_time = |end: UnixNanos| {
            let apart = |at: UnixNanos| at.0.abs_diff(end.0) <= ANSWERS_NS as u64;
            self.answered.is_none_or(apart)
        };
        self.began(of)
            && of
                .end_time
                .is_some_and(|end| end <= self.to && in_time(end))
    }
}

fn trace(invocation: &Invocation) -> Option<TraceId> {
    xray_trace(invocation.xray_trace_id.as_deref()?)
}

/// Everybody of a case who may have called functions: its invocations, and tries of which no line is held.
pub fn callers(case: &Case) -> Vec<Caller> {
    let joins = case.joins.iter();
    let made: HashMap<SpanId, SpanId> = joins
        .filter(|it| it.child.kind == "invocation")
        .map(|it| (it.child.span_id, it.parent.span_id))
        .collect();
    let logged: HashSet<&SpanId> = made.values().collect();
    let dark = case.attempts.iter();
    let dark = dark.filter(|it| !logged.contains(&it.span_id));
    let ran = case.invocations.iter();
    let ran = ran.filter_map(|it| Some(Caller::of(it, *made.get(&it.span_id)?)));
    let mut all: Vec<Caller> = ran.chain(dark.filter_map(Caller::of_attempt)).collect();
    let sent = case.attempts.iter();
    all.extend(sent.filter_map(Caller::of_message).take(MOST));
    all.extend(untold(case));
    all
}

/// The execution itself, where its log tells of nothing but its end: whoever failed with those very words shortly before
/// was called by it.
fn untold(case: &Case) -> Option<Caller> {
    let execution = &case.execution;
    let end = execution.end_time.filter(|_| case.attempts.is_empty())?;
    let said = execution.root_cause.clone().or(execution.cause.clone())?;
    Some(Caller {
        said: Some(said),
        from: UnixNanos(end.0.saturating_sub(UNTOLD_NS)),
        to: UnixNanos(end.0.saturating_add(SLACK_NS)),
        ..Caller::default()
    })
}

/// The callees themselves, as those who may have called others.
pub fn deeper(found: &[Callee]) -> Vec<Caller> {
    let of = |it: &Callee| Caller::of(&it.invocation, it.attempt);
    found.iter().map(of).collect()
}

/// Functions that took messages of a case, as far as their lines name them: what failed below them failed below the try.
pub fn workers(case: &Case, all: &[Invocation]) -> Vec<Callee> {
    let own: HashSet<&str> = case
        .invocations
        .iter()
        .map(|it| it.request_id.as_str())
        .collect();
    let by_id: HashMap<&str, &Invocation> =
        all.iter().map(|it| (it.request_id.as_str(), it)).collect();
    let mut found: Vec<Callee> = Vec::new();
    for letter in letters::letters(case) {
        let sent = case.attempts.iter();
        let mut sent = sent.filter(|it| it.scheduled_event_id == letter.scheduled_event_id);
        let Some(attempt) = sent.next() else {
            continue;
        };
        let named = case.heard.iter().filter(|it| letter.is_named(it));
        let ids: HashSet<&str> = named.map(|it| it.request_id.as_str()).collect();
        let ran = ids
            .into_iter()
            .filter(|id| !id.is_empty() && !own.contains(id));
        found.extend(ran.filter_map(|id| by_id.get(id)).map(|it| Callee {
            invocation: (*it).clone(),
            attempt: attempt.span_id,
            named: true,
        }));
    }
    found.sort_by_key(|it| (it.invocation.start_time, it.invocation.span_id));
    found.dedup_by_key(|it| it.invocation.span_id);
    found.truncate(MOST);
    found
}

/// The requests of what functions called, by which their spans are found.
pub fn requests(case: &Case) -> HashSet<String> {
    case.called
        .iter()
        .map(|it| it.invocation.request_id.clone())
        .collect()
}

/// The time in which callees of a case can have begun.
pub fn window(callers: &[Caller]) -> Option<(UnixNanos, UnixNanos)> {
    let from = callers.iter().map(|it| it.from).min()?;
    let to = callers.iter().map(|it| it.to).max()?;
    Some((from, UnixNanos(to.0.saturating_add(STARTS_NS))))
}

/// The callees of these callers among all invocations that are held of that time; `lines` are the callers' own.
pub fn callees(
    case: &Case,
    callers: &[Caller],
    lines: &[LogRecord],
    all: &[Invocation],
) -> Vec<Callee> {
    let own: HashSet<&str> = case
        .invocations
        .iter()
        .chain(case.called.iter().map(|it| &it.invocation))
        .map(|it| it.request_id.as_str())
        .collect();
    let asked: HashSet<&str> = case
        .attempts
        .iter()
        .filter_map(|it| it.request_id.as_deref())
        .collect();
    let mut found: Vec<Callee> = Vec::new();
    for caller in callers {
        let own_line = |it: &&LogRecord| !caller.id.is_empty() && it.request_id == caller.id;
        let said: Vec<&LogRecord> = lines.iter().filter(own_line).collect();
        let mut mine: Vec<Callee> = all
            .iter()
            .filter(|it| {
                !own.contains(it.request_id.as_str())
                    && !asked.contains(it.request_id.as_str())
                    && it.function_name != caller.function
                    && caller.began(it)
            })
            .filter_map(|it| callee(case, caller, &said, it, all))
            .collect();
        // Of what nothing names, a function that ran several times meanwhile was somebody else's as well.
        let names: Vec<String> = mine
            .iter()
            .map(|it| it.invocation.function_name.clone())
            .collect();
        let times = |name: &String| names.iter().filter(|it| *it == name).count();
        // A message that nobody answered comes again, when the one before has done with it.
        let again = |it: &Callee| {
            let same =
                |other: &&Callee| other.invocation.function_name == it.invocation.function_name;
            let apart = |other: &Callee| {
                let (a, b) = (&it.invocation, &other.invocation);
                a.span_id == b.span_id
                    || a.end_time.is_some_and(|end| end <= b.start_time)
                    || b.end_time.is_some_and(|end| end <= a.start_time)
            };
            let failed = || mine.iter().filter(same).all(|it| broke_off(&it.invocation));
            let apart = || mine.iter().filter(same).all(apart);
            caller.message && caller.answered.is_none() && (failed() || apart())
        };
        let again: HashSet<SpanId> = mine
            .iter()
            .filter(|it| again(it))
            .map(|it| it.invocation.span_id)
            .collect();
        mine.retain(|it| {
            let once = || times(&it.invocation.function_name) == 1;
            it.named || once() || again.contains(&it.invocation.span_id)
        });
        let unnamed = mine.iter().filter(|it| !it.named).count();
        mine.retain(|it| it.named || unnamed <= MOST_UNNAMED);
        mine.sort_by_key(|it| (it.invocation.start_time, it.invocation.span_id));
        mine.truncate(MOST);
        found.extend(mine);
    }
    // Whom several may have called belongs to the one that is sure.
    found.sort_by_key(|it| (it.invocation.span_id, !it.named, it.attempt));
    found.dedup_by_key(|it| it.invocation.span_id);
    found.sort_by_key(|it| (it.invocation.start_time, it.invocation.span_id));
    found
}

fn callee(
    case: &Case,
    caller: &Caller,
    said: &[&LogRecord],
    of: &Invocation,
    all: &[Invocation],
) -> Option<Callee> {
    let found = |named| {
        Some(Callee {
            invocation: of.clone(),
            attempt: caller.attempt,
            named,
        })
    };
    // Of a message nothing but its time is known here: lines that name it are looked for by themselves.
    if caller.message {
        return caller.encloses(of).then(|| found(false)).flatten();
    }
    if let Some(words) = &caller.said {
        let quoted = words.contains(&of.request_id);
        let ended = of
            .end_time
            .is_some_and(|end| end <= caller.to && end.0 >= caller.to.0.saturating_sub(JUST_NS));
        let message = of.error_message.as_deref().filter(|it| it.len() >= 4);
        let alike = ended && message.is_some_and(|it| words.contains(it));
        return (quoted || alike).then(|| found(true)).flatten();
    }
    let traced = caller.trace.is_some() && caller.trace == trace(of);
    let quoted = || said.iter().any(|it| it.body.contains(&of.request_id));
    // Its span lies in the trace of the caller, where one is held.
    let own: Vec<TraceId> = case
        .spans
        .iter()
        .filter(|it| !caller.id.is_empty() && names_request(it, &caller.id))
        .map(|it| it.trace_id)
        .collect();
    let in_span = || {
        let mut spans = case.spans.iter().filter(|it| runs_in(it, of));
        spans.any(|it| own.is_empty() || own.contains(&it.trace_id))
    };
    if traced || quoted() || in_span() {
        return found(true);
    }
    // Another run of the caller may have called it just as well.
    let others = all.iter().filter(|it| {
        it.function_name == caller.function
            && it.request_id != caller.id
            && !caller.function.is_empty()
    });
    if others
        .map(|it| Caller::of(it, SpanId::default()))
        .any(|it| it.began(of))
    {
        return None;
    }
    let by_line = said.iter().any(|it| names(&it.body, &of.function_name));
    let by_span = || {
        let mut spans = case.spans.iter().filter(|it| caller.began_span(it));
        spans.any(|it| calls(it, &caller.function, &of.function_name))
    };
    if by_line || by_span() {
        return found(true);
    }
    caller.encloses(of).then(|| found(false)).flatten()
}

/// Whether an invocation did not come to its end.
pub(super) fn broke_off(of: &Invocation) -> bool {
    matches!(
        of.status,
        InvocationStatus::Error | InvocationStatus::Timeout
    )
}

impl Caller {
    fn began_span(&self, span: &Span) -> bool {
        (self.from..=self.to).contains(&span.start_time)
    }
}

/// Whether a span ran inside of an invocation, by its request id.
pub(super) fn runs_in(span: &Span, of: &Invocation) -> bool {
    names_request(span, &of.request_id)
}

fn names_request(span: &Span, id: &str) -> bool {
    REQUEST_ID
        .iter()
        .any(|name| matches!(span.attributes.get(*name), Some(Value::String(it)) if it == id))
}

/// Whether a span of the caller names the function that it calls.
fn calls(span: &Span, caller: &str, callee: &str) -> bool {
    let own = span.service_name == caller || caller.is_empty();
    own && span.attributes.values().any(|value| match value {
        Value::String(text) => names(text, callee),
        _ => false,
    })
}

/// A name as a word of its own, also in an address or an ARN.
pub(super) fn names(text: &str, name: &str) -> bool {
    name.len() >= 4 && word(text, name)
}

/// The same, however short.
pub(super) fn word(text: &str, name: &str) -> bool {
    let of_word = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(of_word) && !after.is_some_and(of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn ran(name: &str, id: &str, from: i64, to: i64) -> Invocation {
        Invocation {
            trace_id: TraceId::of_parts(&[id]),
            span_id: model::SpanId::of_parts(&[id]),
            request_id: id.into(),
            function_name: name.into(),
            start_time: UnixNanos(from * SECOND),
            end_time: Some(UnixNanos(to * SECOND)),
            duration_ns: Some((to - from) * SECOND),
            ..Invocation::default()
        }
    }

    fn check(line: &str, all: &[Invocation], expect: &[&str]) {
        let own = ran("quote", "q-1", 10, 20);
        let end = |kind: &str, span_id| model::JoinEnd {
            kind: kind.into(),
            trace_id: TraceId::default(),
            span_id,
        };
        let join = model::Join {
            execution_arn: String::new(),
            parent: end("attempt", SpanId([1; 8])),
            child: end("invocation", own.span_id),
            method: model::JoinMethod::RequestId,
            confidence: 1.0,
            candidates: 1,
            evidence: String::new(),
        };
        let case = Case {
            invocations: vec![own],
            joins: vec![join],
            ..Case::default()
        };
        let lines = [LogRecord {
            request_id: "q-1".into(),
            body: line.into(),
            ..LogRecord::default()
        }];
        let found = callees(&case, &callers(&case), &lines, all);
        let told: Vec<String> = found
            .iter()
            .map(|it| format!("{} {}", it.invocation.request_id, it.named))
            .collect();
        assert_eq!(told, expect, "{line}");
    }

    #[test]
    fn callees_are_named_or_known_by_their_time() {
        let rate = || ran("rate-risk", "r-1", 12, 15);
        check("invoking rate-risk", &[rate()], &["r-1 true"]);
        check("working", &[rate()], &["r-1 false"]);
        check(
            "answer of r-1",
            &[ran("x-rate", "r-1", 12, 40)],
            &["r-1 true"],
        );
        // It outlives the caller, and nobody names it.
        check("working", &[ran("rate-risk", "r-1", 12, 40)], &[]);
        check("working", &[ran("rate-risk", "r-1", 30, 40)], &[]);
        // Another run of the caller went on meanwhile.
        check(
            "invoking rate-risk",
            &[rate(), ran("quote", "q-2", 11, 19)],
            &[],
        );
        // Others had it run as well.
        check("working", &[rate(), ran("rate-risk", "r-2", 13, 14)], &[]);
    }
}
