//! Joins by time: the invocation began while the attempt was under way, and is of the right function, or
//! carries the same X-Ray root as well. Each attempt gets one invocation at most, and the other way round. One that found
//! no sandbox ready began when its sandbox did: its own first line may come when nobody waits for it any more.

use super::{CLOCK_SLACK_NS, Match};
use crate::lambda::time_is_unknown;
use model::{Attempt, ColdStart, Invocation, InvocationStatus, JoinMethod, Status};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Of so many candidates each is looked at; beyond, only their number counts.
const LOOKED_AT: usize = 64;

/// Same X-Ray root on both sides. With tracing of the state machine off, each invocation has a root of its own;
/// with tracing on, all of the execution share one, and time has to decide.
pub(super) fn by_trace_context(
    attempts: &[Attempt],
    invocations: &[Invocation],
    joined: &[Match],
) -> Vec<Match> {
    let found = |attempt: &Attempt| {
        let root = attempt
            .xray_trace_id
            .as_deref()
            .filter(|root| !root.is_empty())?;
        Some(root.to_owned())
    };
    let root = |invocation: &Invocation| invocation.xray_trace_id.clone();
    let words = |key: &str| format!("X-Ray trace {key}");
    let rule = Rule {
        method: JoinMethod::TraceContext,
        sure: 0.95,
        shared: 0.85,
        words: &words,
        any_version: false,
    };
    sweep(attempts, invocations, joined, &rule, &found, &root)
}

/// Same function, right time: a guess, and marked as one.
pub(super) fn by_time(
    attempts: &[Attempt],
    invocations: &[Invocation],
    joined: &[Match],
) -> Vec<Match> {
    let function = |attempt: &Attempt| {
        attempt
            .function_name
            .clone()
            .filter(|name| !name.is_empty())
    };
    let name = |invocation: &Invocation| Some(invocation.function_name.clone());
    let words = |key: &str| format!("function {key}");
    let rule = Rule {
        method: JoinMethod::FunctionAndTime,
        sure: 0.8,
        shared: 0.8,
        words: &words,
        any_version: false,
    };
    sweep(attempts, invocations, joined, &rule, &function, &name)
}

/// Same function, right time, another version than the history asked for: what is left when nothing fits better, as
/// where a history was written with the name of what an alias stood for before.
pub(super) fn by_time_whatever_version(
    attempts: &[Attempt],
    invocations: &[Invocation],
    joined: &[Match],
) -> Vec<Match> {
    let function = |attempt: &Attempt| {
        let ended = attempt.end_time.is_some();
        let name = attempt.function_name.clone();
        name.filter(|name| ended && !name.is_empty())
    };
    let name = |invocation: &Invocation| Some(invocation.function_name.clone());
    let words = |key: &str| format!("function {key} in another version than asked for");
    let rule = Rule {
        method: JoinMethod::FunctionAndTime,
        sure: 0.4,
        shared: 0.4,
        words: &words,
        any_version: true,
    };
    sweep(attempts, invocations, joined, &rule, &function, &name)
}

struct Rule<'a> {
    method: JoinMethod,
    /// Confidence when nothing else fits.
    sure: f64,
    /// Divided by the number of candidates when something does.
    shared: f64,
    words: &'a dyn Fn(&str) -> String,
    /// It may be another version than the one asked for, if nothing of it lies outside of the attempt.
    any_version: bool,
}

impl Rule<'_> {
    fn fits(&self, attempt: &Attempt, invocation: &Invocation) -> bool {
        if !self.any_version {
            return same_version(attempt, invocation) && compatible(attempt, invocation);
        }
        let inside = match (attempt.end_time, invocation.end_time) {
            (Some(end), Some(ended)) => invocation.start_time >= attempt.start_time && ended <= end,
            _ => false,
        };
        inside && compatible(attempt, invocation)
    }
}

type Key<'a, T> = &'a dyn Fn(&T) -> Option<String>;

fn sweep(
    attempts: &[Attempt],
    invocations: &[Invocation],
    joined: &[Match],
    rule: &Rule<'_>,
    attempt_key: Key<'_, Attempt>,
    invocation_key: Key<'_, Invocation>,
) -> Vec<Match> {
    let done: HashSet<usize> = joined.iter().map(|found| found.attempt).collect();
    let taken: HashSet<usize> = joined.iter().map(|found| found.invocation).collect();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (n, attempt) in attempts.iter().enumerate() {
        if !done.contains(&n)
            && may_be_guessed(attempt)
            && let Some(key) = attempt_key(attempt)
        {
            groups.entry(key).or_default().attempts.push(n);
        }
    }
    for (n, invocation) in invocations.iter().enumerate() {
        if !taken.contains(&n)
            && !time_is_unknown(invocation)
            && let Some(group) = invocation_key(invocation).and_then(|key| groups.get_mut(&key))
        {
            group.invocations.push(n);
        }
    }
    groups
        .iter_mut()
        .flat_map(|(key, group)| group.matches(key, attempts, invocations, rule))
        .collect()
}

/// An attempt that carries a request id made that request and no other; one that was throttled made none.
fn may_be_guessed(attempt: &Attempt) -> bool {
    let throttled = attempt
        .error
        .as_deref()
        .is_some_and(|error| error.contains("TooManyRequests"));
    attempt.request_id.is_none() && !throttled
}

/// Attempts and invocations with the same key.
#[derive(Default)]
struct Group {
    attempts: Vec<usize>,
    invocations: Vec<usize>,
}

impl Group {
    fn matches(
        &mut self,
        key: &str,
        attempts: &[Attempt],
        invocations: &[Invocation],
        rule: &Rule<'_>,
    ) -> Vec<Match> {
        self.attempts.sort_by_key(|n| {
            (
                attempts[*n].start_time,
                attempts[*n].scheduled_event_id,
                attempts[*n].span_id,
            )
        });
        self.invocations
            .sort_by_key(|n| (asked(&invocations[*n]), invocations[*n].span_id));
        let windows: Vec<Window> = self
            .attempts
            .iter()
            .map(|n| Window::of(&attempts[*n]))
            .collect();
        let pairs = self.pairs(&windows, attempts, invocations, rule);
        let rivals = Rivals::of(&windows);
        let found = |(at, invocation): (usize, usize)| {
            let attempt = &attempts[self.attempts[at]];
            let start = asked(&invocations[invocation]);
            let fitting = self.fitting(&windows[at], attempt, invocations, rule);
            let candidates = fitting.max(rivals.at(start)).max(1);
            let after = (start - attempt.start_time.0) / 1_000_000;
            let (words, fit) = (
                (rule.words)(key),
                if candidates > 1 {
                    format!("; {candidates} fit")
                } else {
                    String::new()
                },
            );
            let confidence = if candidates > 1 {
                rule.shared / candidates as f64
            } else {
                rule.sure
            };
            Match {
                attempt: self.attempts[at],
                invocation,
                method: rule.method,
                confidence,
                candidates: u32::try_from(candidates).unwrap_or(u32::MAX),
                evidence: format!("{words}, began {after} ms after the attempt was scheduled{fit}"),
            }
        };
        pairs.into_iter().map(found).collect()
    }

    /// Goes through the invocations in time and gives each to the open attempt that ends first: no other
    /// choice joins more of them.
    fn pairs(
        &self,
        windows: &[Window],
        attempts: &[Attempt],
        invocations: &[Invocation],
        rule: &Rule<'_>,
    ) -> Vec<(usize, usize)> {
        let mut open: BTreeSet<(i64, usize)> = BTreeSet::new();
        let mut next = 0;
        let mut pairs = Vec::new();
        for n in &self.invocations {
            let invocation = &invocations[*n];
            let start = asked(invocation);
            while next < windows.len() && windows[next].from <= start {
                open.insert((windows[next].to, next));
                next += 1;
            }
            open = open.split_off(&(start, 0));
            let fits =
                |(_, at): &&(i64, usize)| rule.fits(&attempts[self.attempts[*at]], invocation);
            if let Some((to, at)) = open.iter().take(LOOKED_AT).find(fits).copied() {
                open.remove(&(to, at));
                pairs.push((at, *n));
            }
        }
        pairs
    }

    /// How many invocations could be the attempt's.
    fn fitting(
        &self,
        window: &Window,
        attempt: &Attempt,
        invocations: &[Invocation],
        rule: &Rule<'_>,
    ) -> usize {
        let start = |n: &usize| asked(&invocations[*n]);
        let from = self.invocations.partition_point(|n| start(n) < window.from);
        let to = self.invocations.partition_point(|n| start(n) <= window.to);
        let range = &self.invocations[from..to.max(from)];
        if range.len() > LOOKED_AT {
            return range.len();
        }
        range
            .iter()
            .filter(|n| rule.fits(attempt, &invocations[**n]))
            .count()
    }
}

/// When an invocation was asked for at the latest: before its sandbox was made, if that was made for it.
fn asked(invocation: &Invocation) -> i64 {
    let made = matches!(
        invocation.cold_start,
        ColdStart::Init | ColdStart::SnapstartRestore
    );
    let took = invocation
        .init_duration_ms
        .or(invocation.restore_duration_ms)
        .filter(|ms| made && ms.is_finite() && *ms > 0.0);
    let took = took.map_or(0, |ms| (ms * 1e6) as i64);
    invocation.start_time.0.saturating_sub(took)
}

/// When an attempt's invocation can have begun.
struct Window {
    from: i64,
    to: i64,
}

impl Window {
    fn of(attempt: &Attempt) -> Window {
        let end = attempt.end_time.map_or(i64::MAX, |end| end.0);
        Window {
            from: attempt.start_time.0.saturating_sub(CLOCK_SLACK_NS),
            to: end.saturating_add(CLOCK_SLACK_NS),
        }
    }
}

/// How many windows contain a point in time.
struct Rivals {
    from: Vec<i64>,
    to: Vec<i64>,
}

impl Rivals {
    fn of(windows: &[Window]) -> Rivals {
        let mut rivals = Rivals {
            from: windows.iter().map(|window| window.from).collect(),
            to: windows.iter().map(|window| window.to).collect(),
        };
        rivals.from.sort_unstable();
        rivals.to.sort_unstable();
        rivals
    }

    fn at(&self, time: i64) -> usize {
        // An attempt that ended before it began, in damaged data, counts in neither.
        let begun = self.from.partition_point(|from| *from <= time);
        begun.saturating_sub(self.to.partition_point(|to| *to < time))
    }
}

/// False for another version than asked for.
fn same_version(attempt: &Attempt, invocation: &Invocation) -> bool {
    match (&attempt.function_qualifier, &invocation.function_version) {
        (Some(asked), Some(ran)) if is_version(asked) && is_version(ran) => asked == ran,
        _ => true,
    }
}

/// False for what cannot be: an answer before the end, a success made of a failure.
fn compatible(attempt: &Attempt, invocation: &Invocation) -> bool {
    let failed = matches!(
        invocation.status,
        InvocationStatus::Error | InvocationStatus::Timeout
    );
    let answered = attempt.status == Status::Succeeded;
    let late = match (attempt.end_time, invocation.end_time) {
        (Some(attempt), Some(invocation)) => invocation.since(attempt) > CLOCK_SLACK_NS,
        _ => false,
    };
    !(answered && (failed || late))
}

fn is_version(name: &str) -> bool {
    name == "$LATEST" || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()))
}
