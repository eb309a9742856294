//! What happens inside a handler.

use super::call::Caller;
use super::function::Answer;
use super::invoke::Invoke;
use super::{Function, Language, Version, World};
use crate::chance;
use serde_json::{Map, Value, json};

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It answered.
    Answer(Value),
    /// Its code raised.
    Raised {
        /// Error type.
        kind: String,
        /// Message.
        message: String,
    },
    /// The runtime did not come up.
    NoInit {
        /// Error type.
        kind: String,
        /// Message.
        message: String,
    },
    /// The time limit ended it.
    TimedOut,
    /// It needed more memory than it had.
    Killed,
}

impl Outcome {
    /// True when it takes the runtime down.
    pub fn is_crash(&self) -> bool {
        matches!(
            self,
            Outcome::TimedOut | Outcome::Killed | Outcome::NoInit { .. }
        )
    }
}

/// A line that was printed: (milliseconds since the start, level, text).
pub type Printed = (f64, &'static str, String);

/// What a handler did.
#[derive(Debug, Clone)]
pub struct Work {
    /// Milliseconds, at most the time limit.
    pub took_ms: f64,
    /// Memory at its peak.
    pub used_mb: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it printed.
    pub lines: Vec<Printed>,
    /// Trace of its spans.
    pub trace_id: String,
    /// The handler's span.
    pub span_id: String,
}

impl World {
    pub(super) fn work(
        &mut self,
        function: &Function,
        version: &Version,
        call: &Invoke<'_>,
        start_ms: f64,
        xray_root: &str,
    ) -> Work {
        let mut dice = self.chance.of(&format!("{}/work", call.key));
        let size_kb = call.payload.to_string().len() as f64 / 1024.0;
        let items = longest_list(call.payload) as f64;
        let own = chance::millis(
            &mut dice,
            version.work_ms + version.work_ms_per_item * items,
            0.2,
        );
        let flaky = dice.unit();
        let used_mb = version.base_mb
            + version.mb_per_kb * size_kb
            + dice.between(0, 9) as f64
            + version.leak_mb * self.uses(function, version);
        let mut work = Work {
            took_ms: own * 0.4,
            used_mb,
            outcome: Outcome::Answer(Value::Null),
            lines: own_lines(function, own, call.at),
            // The propagator of X-Ray makes the trace id from the trace header.
            trace_id: xray_root[2..].replace('-', ""),
            span_id: dice.hex(16),
        };
        if let Some((kind, message)) = &version.broken_init {
            work.outcome = Outcome::NoInit {
                kind: kind.clone(),
                message: message.clone(),
            };
            work.took_ms = 1.5;
            work.lines.clear();
            work.used_mb = 40.0;
            return work;
        }
        if used_mb > version.memory_mb {
            return killed(function, version, work, own, &mut dice);
        }
        if let Some((kind, message)) = need(function, call.payload) {
            work.outcome = Outcome::Raised { kind, message };
            return work;
        }
        if let Some(raised) = self.calls(function, call, start_ms, &mut work) {
            work.outcome = raised;
        } else {
            work.took_ms += own * 0.6;
            work.outcome = self.answer(function, version, call, flaky);
        }
        if work.took_ms >= version.timeout_ms {
            work.took_ms = version.timeout_ms;
            work.outcome = Outcome::TimedOut;
            work.lines.retain(|(at, ..)| *at < version.timeout_ms);
            // What it had not exported dies with the sandbox.
            let facts = &mut self.facts;
            facts
                .spans
                .retain(|it| it.service != function.name || it.span.trace_id != work.trace_id);
        }
        work
    }

    /// Calls what it calls; the outcome if one of the calls ends it.
    fn calls(
        &mut self,
        function: &Function,
        call: &Invoke<'_>,
        start_ms: f64,
        work: &mut Work,
    ) -> Option<Outcome> {
        for (index, to) in function.calls.iter().enumerate() {
            let caller = Caller {
                actor: function.name.clone(),
                language: function.language.word(),
                traced: function.traced,
                trace_id: work.trace_id.clone(),
                span_id: work.span_id.clone(),
                host: None,
                key: format!("{}/call{index}", call.key),
            };
            let called = self.request(&caller, to, start_ms + work.took_ms);
            work.took_ms += called.took_ms;
            let Some(failed) = called.failed else {
                continue;
            };
            let (kind, message) = function.language.call_failed(&failed);
            let level = if to.optional { "WARN" } else { "ERROR" };
            work.lines.push((
                work.took_ms,
                level,
                format!("call of {} failed: {message}", to.service),
            ));
            if !to.optional {
                return Some(Outcome::Raised { kind, message });
            }
        }
        None
    }

    fn answer(
        &mut self,
        function: &Function,
        version: &Version,
        call: &Invoke<'_>,
        flaky: f64,
    ) -> Outcome {
        if let Some((_, kind, message)) = version.bug.as_ref().filter(|bug| bug.0 <= call.at) {
            return Outcome::Raised {
                kind: kind.clone(),
                message: message.clone(),
            };
        }
        if flaky < version.flaky {
            let (kind, message) = transient(function.language);
            return Outcome::Raised { kind, message };
        }
        let mut answer = Map::new();
        for (field, how) in &version.answer {
            let mut dice = self
                .chance
                .of(&format!("{}/{}/{field}", call.caller, function.name));
            let value = match how {
                Answer::Fixed(value) => value.clone(),
                Answer::Number(low, high) => json!(dice.between(*low, *high)),
                Answer::Id(prefix) => json!(format!("{prefix}-{}", dice.hex(10))),
                Answer::Copy(path) => lookup(call.payload, path).cloned().unwrap_or(Value::Null),
                Answer::Each(path) => each(lookup(call.payload, path)),
                Answer::Bulk(bytes) => {
                    json!("lorem ipsum dolor sit amet ".repeat(bytes / 27 + 1)[..*bytes])
                }
                Answer::Missing => continue,
            };
            answer.insert(field.clone(), value);
        }
        Outcome::Answer(Value::Object(answer))
    }

    fn uses(&self, function: &Function, version: &Version) -> f64 {
        let fleet = self.fleets.get(&function.name);
        let held = fleet
            .into_iter()
            .flat_map(|fleet| &fleet.sandboxes)
            .filter(|sandbox| sandbox.version == version.number);
        held.map(|sandbox| sandbox.busy.len()).max().unwrap_or(0) as f64
    }
}

fn killed(
    function: &Function,
    version: &Version,
    mut work: Work,
    own: f64,
    dice: &mut demo::dice::Dice,
) -> Work {
    // Collecting garbage costs time before it stops helping.
    work.took_ms = own * (1.4 + dice.unit());
    work.used_mb = version.memory_mb;
    work.outcome = match function.language {
        Language::Java => Outcome::Raised {
            kind: "java.lang.OutOfMemoryError".into(),
            message: "Java heap space".into(),
        },
        _ => Outcome::Killed,
    };
    if function.language == Language::Node {
        work.lines.push((
            work.took_ms,
            "PLAIN",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
                .into(),
        ));
    }
    if work.took_ms >= version.timeout_ms {
        work.took_ms = version.timeout_ms * 0.9;
    }
    work
}

fn own_lines(function: &Function, own: f64, at: i64) -> Vec<Printed> {
    let usual = function
        .lines
        .iter()
        .map(|(share, level, text)| (own * 0.4 * share, *level, text.clone()));
    let noise = function
        .noise
        .iter()
        .filter(|(window, ..)| window.holds(at));
    usual
        .chain(
            noise
                .enumerate()
                .map(|(n, (_, level, text))| (own * 0.02 * n as f64, *level, text.clone())),
        )
        .collect()
}

fn need(function: &Function, payload: &Value) -> Option<(String, String)> {
    for need in &function.needs {
        let held = lookup(payload, &need.field);
        let good = match (held, need.number) {
            (None | Some(Value::Null), _) => false,
            (Some(value), true) => value.is_number(),
            (Some(_), false) => true,
        };
        if !good {
            return Some(
                function
                    .language
                    .missing(&need.field, need.number && held.is_some()),
            );
        }
    }
    None
}

fn transient(language: Language) -> (String, String) {
    let (kind, message) = match language {
        Language::Python => (
            "ConnectionResetError",
            "[Errno 104] Connection reset by peer",
        ),
        Language::Node => ("Error", "read ECONNRESET"),
        Language::Java => ("java.net.SocketException", "Connection reset"),
        Language::Go => ("*net.OpError", "read tcp: connection reset by peer"),
    };
    (kind.to_owned(), message.to_owned())
}

/// The value at `a.b`.
pub fn lookup<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .filter(|part| !part.is_empty())
        .try_fold(value, |value, part| value.get(part))
}

fn each(list: Option<&Value>) -> Value {
    let list = list.and_then(Value::as_array).cloned().unwrap_or_default();
    list.into_iter()
        .map(|item| match item {
            Value::Object(mut members) => {
                members.insert("checked".into(), json!(true));
                Value::Object(members)
            }
            other => other,
        })
        .collect()
}

/// The number of elements of the longest list among the members.
fn longest_list(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.values().map(longest_list).max().unwrap_or(0),
        _ => 0,
    }
}
