//! Why a runtime had to be started.

use model::{ColdStart, Invocation};
use std::collections::BTreeMap;

/// Lambda keeps unused sandboxes for some minutes; a pause longer than this explains a cold start by itself.
/// AWS tells no figure; measurements published for years find 5 to 7 minutes at least.
const IDLE_NS: i64 = 300_000_000_000;

/// Why a runtime had to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// All runtimes there were had work.
    ScaleOut,
    /// The version had not run before.
    NewVersion,
    /// The runtime before it crashed, ran out of time or memory.
    RuntimeKilled,
    /// Nobody had called for minutes.
    Idle,
    /// The log does not tell.
    Unknown,
}

impl Cause {
    /// The word as shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::ScaleOut => "scale_out",
            Cause::NewVersion => "new_version",
            Cause::RuntimeKilled => "runtime_killed",
            Cause::Idle => "idle",
            Cause::Unknown => "unknown",
        }
    }
}

/// A cause with the fact behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Why.
    pub cause: Cause,
    /// The fact, in words.
    pub reason: String,
}

/// For each invocation, in the same order: why it started cold; `None` for one that did not.
pub fn causes(invocations: &[Invocation]) -> Vec<Option<Judged>> {
    let mut order: Vec<usize> = (0..invocations.len()).collect();
    order.sort_by_key(|n| (invocations[*n].start_time, invocations[*n].span_id));
    let mut judged = vec![None; invocations.len()];
    let mut functions: BTreeMap<&str, Function<'_>> = BTreeMap::new();
    for n in order {
        let invocation = &invocations[n];
        let function = functions.entry(&invocation.function_name).or_default();
        if invocation.cold_start.is_cold() == Some(true) {
            judged[n] = Some(function.judge(invocation));
        }
        function.ran(invocation);
    }
    judged
}

/// What is known of a function so far.
#[derive(Default)]
struct Function<'a> {
    /// Per version and sandbox: until when it is busy, as far as seen.
    sandboxes: BTreeMap<&'a str, BTreeMap<&'a str, i64>>,
    last_version: Option<&'a str>,
}

fn version(of: &Invocation) -> &str {
    of.function_version.as_deref().unwrap_or_default()
}

fn end(of: &Invocation) -> i64 {
    let length = of.duration_ns.unwrap_or(0).max(0);
    let end = of.end_time.map(|it| it.0);
    end.unwrap_or(of.start_time.0.saturating_add(length))
}

impl<'a> Function<'a> {
    fn ran(&mut self, invocation: &'a Invocation) {
        let sandboxes = self.sandboxes.entry(version(invocation)).or_default();
        let busy = sandboxes.entry(&invocation.log_stream).or_insert(i64::MIN);
        *busy = (*busy).max(end(invocation));
        self.last_version = Some(version(invocation));
        // A sandbox lives for hours: what ended long ago tells nothing any more, and memory stays bounded.
        if sandboxes.len() > 4_096 {
            let now = invocation.start_time.0;
            sandboxes.retain(|_, busy| *busy > now.saturating_sub(IDLE_NS));
        }
    }

    fn judge(&self, cold: &Invocation) -> Judged {
        let judged = |cause, reason: String| Judged { cause, reason };
        if matches!(cold.cold_start, ColdStart::SuppressedInit) {
            return judged(Cause::RuntimeKilled, cold.cold_start_reason.clone());
        }
        // The runtime was asked for when the caller came, which is before its init.
        let wait = cold
            .init_duration_ms
            .or(cold.restore_duration_ms)
            .unwrap_or(0.0);
        let asked = cold
            .start_time
            .0
            .saturating_sub((wait.clamp(0.0, 1e9) * 1e6) as i64);
        let Some(own) = self.sandboxes.get(version(cold)) else {
            return match self.last_version {
                Some(before) => judged(
                    Cause::NewVersion,
                    format!(
                        "the first invocation of version {}, after {before}",
                        version(cold)
                    ),
                ),
                None => judged(
                    Cause::Unknown,
                    "no earlier invocation of the function is held".to_owned(),
                ),
            };
        };
        let busy = own.values().filter(|until| **until > asked).count();
        let last = own.values().copied().max().unwrap_or(i64::MIN);
        let pause = asked.saturating_sub(last);
        let free = own
            .values()
            .any(|until| *until <= asked && asked - *until < IDLE_NS);
        if busy > 0 && !free {
            let sandboxes = if busy == 1 {
                "sandbox was"
            } else {
                "sandboxes were"
            };
            return judged(
                Cause::ScaleOut,
                format!("{busy} other {sandboxes} busy at that time"),
            );
        }
        if pause >= IDLE_NS {
            let pause = model::time::human_duration(pause);
            return judged(Cause::Idle, format!("nobody had called for {pause}"));
        }
        if busy > 0 {
            return judged(
                Cause::ScaleOut,
                format!("{busy} of {} sandboxes were busy at that time", own.len()),
            );
        }
        judged(
            Cause::Unknown,
            "another sandbox seems to have been free".to_owned(),
        )
    }
}
