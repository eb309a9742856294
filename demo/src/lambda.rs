//! Functions, their sandboxes and what happens in them.

use crate::dice::Dice;
use crate::when;

/// What a function calls while it works.
#[derive(Debug, Clone, Copy)]
pub struct Dependency {
    /// Span name.
    pub name: &'static str,
    /// `http`, `dynamodb`, `redis`, `postgresql`, `s3`.
    pub system: &'static str,
    /// Host.
    pub host: &'static str,
    /// Share of the function's work that it takes.
    pub share: f64,
}

/// A function as it is deployed.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Name.
    pub name: &'static str,
    /// `INIT_START`'s word, such as `python:3.12.v45`.
    pub runtime: &'static str,
    /// Published version.
    pub version: &'static str,
    /// Configured memory.
    pub memory_mb: i64,
    /// Configured time limit.
    pub timeout_ms: i64,
    /// Median duration of an init.
    pub init_ms: f64,
    /// Median duration of the handler.
    pub work_ms: f64,
    /// True for the JSON log format.
    pub json_logs: bool,
    /// What it calls; its spans are exported when there is anything.
    pub calls: &'static [Dependency],
}

/// What a call is to come to.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It answers.
    Answer,
    /// It raises: (class, message).
    Raise(&'static str, String),
    /// It hangs until the time limit.
    Hang,
    /// It needs more memory than it has.
    OutOfMemory,
}

/// One invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Request id.
    pub request_id: String,
    /// X-Ray root, `1-8hex-24hex`.
    pub xray_root: String,
    /// START.
    pub start_ms: i64,
    /// END, as the caller sees it.
    pub end_ms: i64,
    /// `Duration`.
    pub duration_ms: f64,
    /// `Init Duration`, if it is reported.
    pub init_ms: Option<f64>,
    /// True when the sandbox was made new after a crash.
    pub reinit: bool,
    /// `Max Memory Used`.
    pub memory_used_mb: i64,
    /// How it ended.
    pub fate: Fate,
    /// What it printed: (share of the duration, level, text).
    pub lines: Vec<(f64, &'static str, String)>,
}

impl Invocation {
    /// True when it takes the sandbox down with it.
    pub fn crashed(&self) -> bool {
        matches!(self.fate, Fate::Hang | Fate::OutOfMemory)
    }
}

/// One sandbox: one log stream.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// Name of the log stream.
    pub stream: String,
    /// INIT_START.
    pub created_ms: i64,
    /// What ran in it.
    pub invocations: Vec<Invocation>,
}

impl Sandbox {
    fn free_during(&self, from: i64, to: i64) -> bool {
        let idle = 45 * 60_000;
        let apart = |call: &Invocation| call.end_ms + 2 < from || to + 2 < call.start_ms;
        let near = |call: &Invocation| call.end_ms < from && from - call.end_ms < idle;
        self.created_ms < from
            && self.invocations.iter().all(apart)
            && self.invocations.iter().any(near)
    }

    /// True when the invocation before that moment took the sandbox down.
    fn down_at(&self, at: i64) -> bool {
        let before = self.invocations.iter().filter(|call| call.end_ms < at);
        before
            .max_by_key(|call| call.end_ms)
            .is_some_and(Invocation::crashed)
    }
}

/// All sandboxes of a function.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The function.
    pub function: Function,
    /// Its sandboxes.
    pub sandboxes: Vec<Sandbox>,
}

impl Fleet {
    /// No sandbox yet.
    pub fn new(function: Function) -> Self {
        Fleet {
            function,
            sandboxes: Vec::new(),
        }
    }

    /// Runs the function at a moment, in an idle sandbox or a new one.
    pub fn invoke(
        &mut self,
        dice: &mut Dice,
        at: i64,
        fate: Fate,
        lines: Vec<(f64, &'static str, String)>,
    ) -> Invocation {
        let work_ms = self.work(dice, &fate);
        let from = at + dice.between(6, 18);
        let to = from + (work_ms * 1.5 + self.function.init_ms) as i64;
        let warm = self
            .sandboxes
            .iter()
            .position(|sandbox| sandbox.free_during(from, to));
        let index = warm.unwrap_or_else(|| self.create(dice, at + dice_placement(at)));
        let sandbox = &mut self.sandboxes[index];
        let init = self.function.init_ms * (0.85 + 0.3 * dice.unit());
        let reinit = warm.is_some() && sandbox.down_at(from);
        let (start_ms, init_ms, duration_ms) = match warm {
            None => (sandbox.created_ms + init as i64, Some(init), work_ms),
            Some(_) if reinit && !matches!(fate, Fate::Hang) => (from, None, work_ms + init),
            Some(_) => (from, None, work_ms),
        };
        let invocation = Invocation {
            request_id: dice.uuid(),
            xray_root: format!("1-{:08x}-{}", start_ms / 1000, dice.hex(24)),
            start_ms,
            end_ms: start_ms + duration_ms.ceil() as i64,
            duration_ms,
            init_ms,
            reinit,
            memory_used_mb: memory_used(dice, &self.function, &fate),
            fate,
            lines,
        };
        sandbox.invocations.push(invocation.clone());
        invocation
    }

    fn work(&self, dice: &mut Dice, fate: &Fate) -> f64 {
        let limit = self.function.timeout_ms as f64;
        match fate {
            Fate::Hang => limit,
            _ => dice.duration(self.function.work_ms).min(limit * 0.9),
        }
    }

    fn create(&mut self, dice: &mut Dice, created_ms: i64) -> usize {
        let day = when::day(created_ms);
        let stream = format!("{day}/[{}]{}", self.function.version, dice.hex(32));
        self.sandboxes.push(Sandbox {
            stream,
            created_ms,
            invocations: Vec::new(),
        });
        self.sandboxes.len() - 1
    }
}

/// Time to find a place for a new sandbox: nobody logs or bills it.
fn dice_placement(at: i64) -> i64 {
    110 + at % 70
}

fn memory_used(dice: &mut Dice, function: &Function, fate: &Fate) -> i64 {
    match fate {
        Fate::OutOfMemory => function.memory_mb,
        _ => function.memory_mb * dice.between(30, 62) / 100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: Function = Function {
        name: "f",
        runtime: "python:3.12.v45",
        version: "1",
        memory_mb: 256,
        timeout_ms: 3000,
        init_ms: 300.0,
        work_ms: 50.0,
        json_logs: false,
        calls: &[],
    };

    #[test]
    fn the_second_call_is_warm_and_a_burst_is_cold() {
        let (mut fleet, mut dice) = (Fleet::new(FUNCTION), Dice::new(1, "fleet"));
        let mut call = |at| {
            fleet
                .invoke(&mut dice, at, Fate::Answer, Vec::new())
                .init_ms
        };
        assert!(call(1_000_000).is_some());
        assert!(call(1_010_000).is_none());
        let burst: Vec<_> = (0..4).map(|n| call(1_020_000 + n).is_some()).collect();
        assert_eq!(burst, [false, true, true, true]);
    }

    #[test]
    fn after_a_crash_the_init_is_not_reported() {
        let (mut fleet, mut dice) = (Fleet::new(FUNCTION), Dice::new(1, "crash"));
        fleet.invoke(&mut dice, 1_000_000, Fate::Hang, Vec::new());
        let next = fleet.invoke(&mut dice, 1_010_000, Fate::Answer, Vec::new());
        assert!(next.reinit && next.init_ms.is_none() && next.duration_ms > 200.0);
    }
}
