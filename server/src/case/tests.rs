//! A court over a small store: what is judged together, later or again comes to the same.

use super::{Court, job::Bench};
use crate::{config::Config, core::Core};
use collectors::import::Chunk;
use model::{Batch, Engine, EventSource, HistoryEvent, Outcome, TraceId, UnixNanos};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const BEGIN: i64 = 1_700_006_400 * SECOND;

/// A run of the workflow `orders`.
#[derive(Clone, Copy)]
struct Run {
    n: u32,
    start: i64,
    seconds: i64,
    error: Option<&'static str>,
}

impl Run {
    fn well(n: u32, start: i64) -> Self {
        Run {
            n,
            start,
            // No two runs take the same.
            seconds: 10 + i64::from(n % 3),
            error: None,
        }
    }

    fn arn(self) -> String {
        format!(
            "arn:aws:states:eu-west-1:123456789012:execution:orders:run-{}",
            self.n
        )
    }

    fn id(self) -> TraceId {
        TraceId::of_execution(&self.arn())
    }

    fn events(self) -> Vec<HistoryEvent> {
        let end = self.start + self.seconds * SECOND;
        let task = json!({"resourceType": "lambda", "resource": "invoke", "region": "eu-west-1",
            "parameters": "{\"FunctionName\":\"charge\"}"});
        let mut all = vec![
            ("ExecutionStarted", json!({"input": "{}"}), self.start),
            (
                "TaskStateEntered",
                json!({"name": "Charge", "input": "{}"}),
                self.start,
            ),
            ("TaskScheduled", task, self.start),
            (
                "TaskStarted",
                json!({"resourceType": "lambda", "resource": "invoke"}),
                self.start,
            ),
        ];
        match self.error {
            None => all.extend([
                (
                    "TaskSucceeded",
                    json!({"resourceType": "lambda", "resource": "invoke", "output": "{}"}),
                    end,
                ),
                (
                    "TaskStateExited",
                    json!({"name": "Charge", "output": "{}"}),
                    end,
                ),
                ("ExecutionSucceeded", json!({"output": "{}"}), end),
            ]),
            Some(error) => {
                let why = json!({"error": error, "cause": "amount must be >= 1", "resourceType": "lambda", "resource": "invoke"});
                all.extend([
                    ("TaskFailed", why.clone(), end),
                    ("ExecutionFailed", why, end),
                ]);
            }
        }
        let event = |(n, (kind, details, at)): (usize, (&str, Value, i64))| HistoryEvent {
            engine: Engine::step_functions(),
            execution_arn: self.arn(),
            redrive_count: 0,
            event_id: n as u64 + 1,
            previous_event_id: n as u64,
            event_type: kind.to_owned(),
            time: UnixNanos(at),
            details: details.to_string(),
            source: EventSource::History,
        };
        all.into_iter().enumerate().map(event).collect()
    }
}

struct Held {
    core: Core,
    bench: Bench,
    _folder: tempfile::TempDir,
}

impl Held {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data: folder.path().to_owned(),
            ..Config::default()
        };
        Held {
            core: Core::open(&config).await.expect("opens"),
            bench: Bench::default(),
            _folder: folder,
        }
    }

    async fn take(&self, runs: &[Run]) {
        let batch = Batch {
            events: runs.iter().flat_map(|it| it.events()).collect(),
            ..Batch::default()
        };
        let taken = self.core.entrance().take(Chunk::Batch(batch)).await;
        assert!(taken.is_ok(), "taken");
    }

    /// Takes runs and judges as a server would, with all second looks.
    async fn judge(&mut self, runs: &[Run]) {
        self.take(runs).await;
        let fresh = self.core.assembler.take_changed();
        self.judge_fresh(fresh).await;
    }

    async fn judge_fresh(&mut self, fresh: BTreeSet<TraceId>) {
        self.bench.fresh = fresh;
        let court = &self.core.court;
        court.round(&mut self.bench).await.expect("judged");
        while !self.bench.is_idle() {
            court.second_look(&mut self.bench).await.expect("judged");
        }
    }

    async fn kept(&self, run: Run) -> model::Verdict {
        let kept = self.core.court.verdict(run.id()).await;
        kept.expect("a verdict").1
    }

    /// What a court says that remembers nothing and judges this one alone.
    async fn anew(&self, run: Run) -> model::Verdict {
        let court = Court::new(self.core.assembler.held().clone());
        let found = court.find(&[run.id()].into()).await.expect("judged");
        let version = self.kept(run).await.version;
        let mut verdict = found[0].verdict.clone();
        verdict.version = version;
        verdict
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn together_and_alone_is_the_same() {
    let mut held = Held::new().await;
    // Runs of four months, so that windows of every length are needed; of every kind.
    let run = |n: u32| {
        let spacing = if n < 30 { 90 * HOUR } else { HOUR / 4 };
        let start =
            BEGIN + i64::from(n.min(30)) * 90 * HOUR + i64::from(n.saturating_sub(30)) * spacing;
        let well = Run::well(n, start);
        match n % 11 {
            4 => Run {
                seconds: 90,
                ..well
            },
            7 => Run {
                error: Some("ValidationError"),
                ..well
            },
            _ => well,
        }
    };
    let runs: Vec<Run> = (0..120).map(run).collect();
    held.judge(&runs).await;
    let mut outcomes = BTreeSet::new();
    for run in &runs {
        let kept = held.kept(*run).await;
        assert_eq!(kept, held.anew(*run).await, "run {}", run.n);
        outcomes.insert(kept.outcome.as_str());
    }
    assert!(outcomes.len() > 1, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_slow_run_is_judged_again_once_it_is_known_what_is_usual() {
    let mut held = Held::new().await;
    let slow = Run {
        seconds: 120,
        ..Run::well(0, BEGIN)
    };
    held.judge(&[slow]).await;
    assert_eq!(held.kept(slow).await.outcome, Outcome::NoCrime);
    for n in 1..=12 {
        held.judge(&[Run::well(n, BEGIN + i64::from(n) * HOUR)])
            .await;
    }
    let later = held.kept(slow).await;
    assert_eq!(later.outcome, Outcome::Verdict, "{}", later.mechanism);
    assert_eq!(later, held.anew(slow).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_later_what_is_kept_is_what_would_be_found_now() {
    let mut held = Held::new().await;
    let mut runs = Vec::new();
    for n in 0..70 {
        let well = Run::well(n, BEGIN + i64::from(n) * HOUR);
        let error = [12, 60, 61, 62, 63]
            .contains(&n)
            .then_some("ValidationError");
        let seconds = if n == 5 { 100 } else { well.seconds };
        runs.push(Run {
            error,
            seconds,
            ..well
        });
        held.judge(&runs[runs.len() - 1..]).await;
    }
    for run in &runs {
        let (kept, anew) = (held.kept(*run).await, held.anew(*run).await);
        // What ran as others do is not told again how many those are by now.
        if anew.outcome != Outcome::NoCrime {
            assert_eq!(kept, anew, "run {}", run.n);
        }
        assert_eq!(kept.outcome, anew.outcome, "run {}", run.n);
    }
    let failed: Vec<&Run> = runs.iter().filter(|it| it.error.is_some()).collect();
    assert!(
        held.kept(*failed[0]).await.version > 1,
        "its siblings failed after it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_gone_is_nobodys_sibling() {
    let mut held = Held::new().await;
    let runs: Vec<Run> = (0..8)
        .map(|n| Run::well(n, BEGIN + i64::from(n) * HOUR))
        .collect();
    held.judge(&runs).await;
    let told = held.kept(runs[7]).await.mechanism;
    assert!(told.contains("7 healthy"), "{told}");
    let gone = runs[3].id();
    let empty = |table: store::Table| (table, arrow::array::RecordBatch::new_empty(table.schema()));
    let tables = vec![
        empty(store::Table::Executions),
        empty(store::Table::Verdicts),
    ];
    let unit = store::Unit { id: gone, tables };
    held.core.store.replace(unit).await.expect("replaced");
    held.judge_fresh([gone, runs[7].id()].into()).await;
    let told = held.kept(runs[7]).await.mechanism;
    assert!(told.contains("6 healthy"), "{told}");
}
