//! An experiment, and what may be said about it later.

use model::UnixNanos;
use model::api::experiments::{Charge, ExperimentScope, Steady};
use serde::{Deserialize, Serialize};

/// Seconds after its end in which failures still count as an experiment's own: the faults of AWS FIS in
/// Lambda functions outlive the stop by up to a minute.
pub const TAIL_S: u64 = 60;
/// Seconds after the planned end at which an end that never arrived is taken as lost.
pub const GRACE_S: u64 = 300;
/// Seconds after which an experiment that never said when it would end is taken as lost.
pub const LONGEST_S: u64 = 86_400;

pub use model::api::experiments::ExperimentScope as Scope;

/// How far it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Announced.
    Planned,
    /// Under way.
    #[default]
    Running,
    /// It ended by itself.
    Completed,
    /// Somebody or something stopped it.
    Stopped,
    /// It could not be done.
    Failed,
    /// It never began.
    Cancelled,
    /// Its end never arrived.
    Lost,
}

impl Phase {
    /// All of them.
    pub const ALL: [Phase; 7] = [
        Phase::Planned,
        Phase::Running,
        Phase::Completed,
        Phase::Stopped,
        Phase::Failed,
        Phase::Cancelled,
        Phase::Lost,
    ];

    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Planned => "planned",
            Phase::Running => "running",
            Phase::Completed => "completed",
            Phase::Stopped => "stopped",
            Phase::Failed => "failed",
            Phase::Cancelled => "cancelled",
            Phase::Lost => "lost",
        }
    }

    /// Whether it is over.
    pub fn is_over(self) -> bool {
        !matches!(self, Phase::Planned | Phase::Running)
    }
}

/// An experiment, as it is kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Experiment {
    /// Unique.
    pub id: String,
    /// For people.
    pub name: String,
    /// Who told us of it.
    pub tool: String,
    /// What it is an instance of.
    pub template: String,
    /// Who runs it.
    pub owner: String,
    /// How far it is.
    pub phase: Phase,
    /// When it began, or will.
    pub start: UnixNanos,
    /// Whether that was said; else it is when it was first heard of.
    pub start_said: bool,
    /// When it ended.
    pub end: Option<UnixNanos>,
    /// When it should end.
    pub planned_end: Option<UnixNanos>,
    /// Seconds after its end that still count.
    pub tail_s: u64,
    /// What it touches.
    pub scope: ExperimentScope,
    /// Objectives that it may spend from; empty means all that its scope touches.
    pub slos: Vec<String>,
    /// Share of a budget that it may spend.
    pub max_spend: Option<f64>,
    /// What should hold.
    pub hypothesis: Vec<Steady>,
    /// What its tool said.
    pub note: String,
    /// What it has spent, as last judged.
    pub charges: Vec<Charge>,
    /// What came of the hypothesis.
    pub verdict: String,
    /// Why it should be stopped.
    pub abort_advised: Option<String>,
    /// Whether its owner has been told of what it spent.
    pub told: bool,
}

/// Something that was said about an experiment; what is not said stays as it was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Update {
    /// Which experiment.
    pub id: String,
    /// For people.
    pub name: Option<String>,
    /// Who says it.
    pub tool: Option<String>,
    /// What it is an instance of.
    pub template: Option<String>,
    /// Who runs it.
    pub owner: Option<String>,
    /// How far it is.
    pub phase: Option<Phase>,
    /// When it began.
    pub start: Option<UnixNanos>,
    /// When it ended.
    pub end: Option<UnixNanos>,
    /// When it should end.
    pub planned_end: Option<UnixNanos>,
    /// Seconds after its end that still count.
    pub tail_s: Option<u64>,
    /// What it touches.
    pub scope: Option<ExperimentScope>,
    /// Objectives that it may spend from.
    pub slos: Option<Vec<String>>,
    /// Share of a budget that it may spend.
    pub max_spend: Option<f64>,
    /// What should hold.
    pub hypothesis: Option<Vec<Steady>>,
    /// What its tool says.
    pub note: Option<String>,
    /// When it was said.
    pub at: UnixNanos,
}

impl Experiment {
    /// The first thing that is heard of an experiment.
    pub fn new(update: Update) -> Self {
        let mut experiment = Experiment {
            id: update.id.clone(),
            name: update.id.clone(),
            tail_s: TAIL_S,
            start: update.at,
            ..Experiment::default()
        };
        experiment.take(update);
        experiment
    }

    /// What is said later. Events may arrive twice and in any order: an end is not undone by a late
    /// "running", and the earliest beginning holds.
    pub fn take(&mut self, update: Update) {
        fn set<T>(held: &mut T, said: Option<T>) {
            if let Some(said) = said {
                *held = said;
            }
        }
        set(&mut self.name, update.name);
        set(&mut self.tool, update.tool);
        set(&mut self.template, update.template);
        set(&mut self.owner, update.owner);
        set(&mut self.scope, update.scope);
        set(&mut self.slos, update.slos);
        set(&mut self.hypothesis, update.hypothesis);
        set(&mut self.note, update.note);
        set(&mut self.tail_s, update.tail_s);
        self.max_spend = update.max_spend.or(self.max_spend);
        self.planned_end = update.planned_end.or(self.planned_end);
        if let Some(start) = update.start {
            self.start = match self.start_said {
                true => self.start.min(start),
                false => start,
            };
            self.start_said = true;
        }
        if let Some(phase) = update.phase {
            let undoes = self.phase.is_over() && self.phase != Phase::Lost && !phase.is_over();
            if !undoes {
                self.phase = phase;
            }
        }
        if self.phase.is_over() {
            let end = update.end.or(self.end);
            let said = update
                .phase
                .is_some_and(Phase::is_over)
                .then_some(update.at);
            self.end = end.or(said).map(|end| end.max(self.start));
        }
    }

    /// Takes an end that never arrived as lost; says whether that is news.
    pub fn lose(&mut self, now: UnixNanos) -> bool {
        let after =
            |from: UnixNanos, seconds: u64| UnixNanos(from.0.saturating_add(nanos(seconds)));
        let (end, latest) = match self.planned_end {
            Some(planned) => (planned, after(planned, GRACE_S)),
            None => {
                let end = after(self.start, LONGEST_S);
                (end, end)
            }
        };
        if self.phase != Phase::Running || now < latest {
            return false;
        }
        self.phase = Phase::Lost;
        self.end = Some(end);
        self.note = "its end never arrived; the planned one is taken".into();
        true
    }

    /// From when to when failures are its own, as far as `now`; with its tail.
    pub fn span(&self, now: UnixNanos) -> Option<(UnixNanos, UnixNanos)> {
        if matches!(self.phase, Phase::Planned | Phase::Cancelled) {
            return None;
        }
        let end = match self.end {
            Some(end) => UnixNanos(end.0.saturating_add(nanos(self.tail_s))).min(now),
            None => now,
        };
        (self.start < end).then_some((self.start, end))
    }

    /// Whether it may spend of this objective.
    pub fn may_spend(&self, slo: &str) -> bool {
        self.slos.is_empty() || self.slos.iter().any(|it| it == slo)
    }
}

/// Gives an update the id of the run that it is about, for tools whose runs have none of their own: the run
/// that began at the same time, or the one that is open; else it is a new run.
pub fn identify<'a>(update: &mut Update, held: impl Iterator<Item = &'a Experiment>) {
    const SAME: i64 = 5_000_000_000;
    if update.tool.as_deref() != Some("chaos-toolkit") {
        return;
    }
    let base = update.id.clone();
    let runs: Vec<&Experiment> = held
        .filter(|it| {
            it.id == base
                || it
                    .id
                    .strip_prefix(&base)
                    .is_some_and(|it| it.starts_with('@'))
        })
        .collect();
    let began = |it: &&&Experiment| {
        let start = update.start;
        start.is_some_and(|start| start.since(it.start).abs() <= SAME)
    };
    let open = |it: &&&Experiment| {
        !it.phase.is_over() && update.start.is_none_or(|start| start < it.start)
    };
    let same = runs.iter().find(began).or_else(|| runs.iter().find(open));
    update.id = match same {
        Some(run) => run.id.clone(),
        None if runs.is_empty() => base,
        None => format!(
            "{base}@{}",
            update.start.unwrap_or(update.at).0 / 1_000_000_000
        ),
    };
}

fn nanos(seconds: u64) -> i64 {
    i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(phase: Phase, second: i64) -> Update {
        Update {
            id: "e".into(),
            tool: Some("aws-fis".into()),
            phase: Some(phase),
            at: UnixNanos(second * 1_000_000_000),
            start: (phase == Phase::Running).then_some(UnixNanos(second * 1_000_000_000)),
            ..Update::default()
        }
    }

    #[test]
    fn events_may_come_twice_and_in_any_order() {
        let orders: [&[(Phase, i64)]; 3] = [
            &[(Phase::Running, 10), (Phase::Completed, 40)],
            &[
                (Phase::Running, 10),
                (Phase::Completed, 40),
                (Phase::Running, 10),
            ],
            &[(Phase::Completed, 40), (Phase::Running, 10)],
        ];
        for order in orders {
            let mut updates = order.iter().map(|(phase, at)| said(*phase, *at));
            let mut held = Experiment::new(updates.next().expect("one"));
            for update in updates {
                held.take(update);
            }
            assert_eq!(held.phase, Phase::Completed, "{order:?}");
            assert_eq!(held.start, UnixNanos(10_000_000_000), "{order:?}");
            assert_eq!(held.end, Some(UnixNanos(40_000_000_000)), "{order:?}");
        }
    }

    #[test]
    fn an_end_that_never_arrives_is_taken_from_the_plan() {
        let mut held = Experiment::new(Update {
            planned_end: Some(UnixNanos(100_000_000_000)),
            ..said(Phase::Running, 10)
        });
        assert!(!held.lose(UnixNanos(399_000_000_000)));
        assert!(held.lose(UnixNanos(400_000_000_000)));
        assert_eq!(
            (held.phase, held.end),
            (Phase::Lost, Some(UnixNanos(100_000_000_000)))
        );
        // It arrives after all.
        held.take(said(Phase::Completed, 90));
        assert_eq!(held.phase, Phase::Completed);
        let tail = held.span(UnixNanos(i64::MAX)).expect("a span");
        assert_eq!(
            tail.1,
            held.end
                .map(|end| UnixNanos(end.0 + 60_000_000_000))
                .expect("an end")
        );
    }

    #[test]
    fn runs_of_one_title_are_told_apart() {
        let run = |start: Option<i64>, phase| Update {
            id: "chaos-toolkit:t".into(),
            tool: Some("chaos-toolkit".into()),
            phase: Some(phase),
            start: start.map(|it| UnixNanos(it * 1_000_000_000)),
            at: UnixNanos(start.unwrap_or(99) * 1_000_000_000),
            ..Update::default()
        };
        let mut held: Vec<Experiment> = Vec::new();
        let mut say = |mut update: Update| {
            identify(&mut update, held.iter());
            let id = update.id.clone();
            match held.iter_mut().find(|it| it.id == id) {
                Some(it) => it.take(update),
                None => held.push(Experiment::new(update)),
            }
            id
        };
        assert_eq!(say(run(Some(100), Phase::Running)), "chaos-toolkit:t");
        assert_eq!(say(run(None, Phase::Completed)), "chaos-toolkit:t");
        assert_eq!(say(run(Some(101), Phase::Completed)), "chaos-toolkit:t");
        assert_eq!(say(run(Some(900), Phase::Running)), "chaos-toolkit:t@900");
        assert_eq!(say(run(Some(900), Phase::Completed)), "chaos-toolkit:t@900");
    }

    #[test]
    fn what_never_began_has_no_span() {
        let held = Experiment::new(said(Phase::Cancelled, 10));
        assert_eq!(held.span(UnixNanos(i64::MAX)), None);
    }
}
