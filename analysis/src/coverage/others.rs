//! Executions that were started, children of map runs, jobs that were waited for, parents of spans.

use super::Known;
use model::{Attempt, Coverage, CoverageStatus, Execution, Missing};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// A map run, as described.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapRun {
    /// ARN.
    pub arn: String,
    /// Children that it had, `executionCounts.total`.
    pub children: u64,
    /// True when it has ended.
    pub ended: bool,
}

impl MapRun {
    /// Reads DescribeMapRun's answer; `None` without counts, as in a list of runs.
    pub fn read(body: &str) -> Option<MapRun> {
        let value: Value = serde_json::from_str(body).ok()?;
        Some(MapRun {
            arn: value.get("mapRunArn")?.as_str()?.to_owned(),
            children: value.pointer("/executionCounts/total")?.as_u64()?,
            ended: value.get("status").and_then(Value::as_str) != Some("RUNNING"),
        })
    }
}

/// An execution that another one started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Child {
    /// Its row.
    pub execution: Execution,
    /// The map run it is of.
    pub map_run_arn: Option<String>,
}

/// A span whose parent is not held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orphan {
    /// The parent's id.
    pub parent: String,
    /// Which service recorded the span.
    pub service: String,
    /// Its name.
    pub name: String,
}

/// Counts what is expected, and names what is missing.
pub(super) fn judge(
    execution: &Execution,
    known: &Known,
    out: &mut Coverage,
    missing: &mut Vec<Missing>,
) {
    nested(known, out, missing);
    map_runs(execution, known, out, missing);
    jobs(known, out, missing);
    spans(known, out, missing);
}

fn nested(known: &Known, out: &mut Coverage, missing: &mut Vec<Missing>) {
    let held: HashMap<&str, &Child> = known
        .children
        .iter()
        .map(|child| (child.execution.execution_arn.as_str(), child))
        .collect();
    let mut seen = BTreeSet::new();
    let started = |attempt: &'_ Attempt| attempt.child_execution_arn.clone();
    for attempt in known.attempts {
        let Some(arn) = started(attempt).filter(|arn| !arn.is_empty()) else {
            continue;
        };
        if !seen.insert(arn.clone()) {
            continue;
        }
        out.executions.expected += 1;
        match held.get(arn.as_str()) {
            Some(child) => {
                out.executions.received += 1;
                // One that was not waited for may go on; then nothing can be missing of it yet.
                inherit(child, out, missing);
            }
            None => missing.push(Missing {
                kind: "execution".to_owned(),
                id: arn,
                place: format!("{} attempt {}", attempt.path, attempt.attempt),
                count: 1,
                reason: "the attempt started this execution, and nothing of it is here".to_owned(),
            }),
        }
    }
}

/// What is missing of a child is missing of its parent.
fn inherit(child: &Child, out: &mut Coverage, missing: &mut Vec<Missing>) {
    let row = &child.execution;
    out.invocations.expected += u64::from(row.expected_invocations);
    out.invocations.received += u64::from(row.received_invocations);
    out.jobs.expected += u64::from(row.expected_jobs);
    out.jobs.received += u64::from(row.received_jobs);
    if row.coverage != CoverageStatus::Partial {
        return;
    }
    for mut lacks in super::carried(row) {
        lacks.place = format!("{}: {}", row.name, lacks.place);
        missing.push(lacks);
    }
}

fn map_runs(execution: &Execution, known: &Known, out: &mut Coverage, missing: &mut Vec<Missing>) {
    let mut runs: Vec<(&str, &str)> = known
        .states
        .iter()
        .filter_map(|state| Some((state.map_run_arn.as_deref()?, state.path.as_str())))
        .collect();
    runs.sort_unstable();
    runs.dedup_by_key(|(arn, _)| *arn);
    for (arn, path) in runs {
        let held: Vec<&Child> = known
            .children
            .iter()
            .filter(|child| child.map_run_arn.as_deref() == Some(arn))
            .collect();
        for child in &held {
            inherit(child, out, missing);
        }
        let described = known.map_runs.iter().find(|run| run.arn == arn);
        let count = held.len() as u64;
        let Some(run) = described else {
            out.executions.expected += count;
            out.executions.received += count;
            if execution.status.is_terminal() {
                missing.push(Missing {
                    kind: "map_run".to_owned(),
                    id: arn.to_owned(),
                    place: path.to_owned(),
                    count: 1,
                    reason: "without DescribeMapRun's answer nobody knows how many children it had"
                        .to_owned(),
                });
            }
            continue;
        };
        let total = run.children.max(count);
        out.executions.expected += total;
        out.executions.received += count;
        if total > count {
            missing.push(Missing {
                kind: "child_execution".to_owned(),
                id: String::new(),
                place: format!("{path} ({arn})"),
                count: total - count,
                reason: format!("the map run had {total} children, and {count} are here"),
            });
        }
    }
}

fn jobs(known: &Known, out: &mut Coverage, missing: &mut Vec<Missing>) {
    let mut seen = BTreeSet::new();
    for attempt in known.attempts {
        if !matches!(attempt.resource_type.as_str(), "ecs" | "batch") {
            continue;
        }
        let Some(id) = attempt
            .job_id
            .as_ref()
            .filter(|id| seen.insert((*id).clone()))
        else {
            continue;
        };
        out.jobs.expected += 1;
        if known.jobs.is_some_and(|jobs| jobs.contains(id)) {
            out.jobs.received += 1;
            continue;
        }
        missing.push(Missing {
            kind: "job".to_owned(),
            id: id.clone(),
            place: format!("{} attempt {}", attempt.path, attempt.attempt),
            count: 1,
            reason: "the attempt started it, and its end is not here; ECS forgets stopped tasks after an hour, \
                     Batch after days: have EventBridge push state changes"
                .to_owned(),
        });
    }
}

fn spans(known: &Known, out: &mut Coverage, missing: &mut Vec<Missing>) {
    out.spans.expected = known.with_parent;
    out.spans.received = known.with_parent.saturating_sub(known.orphans.len() as u64);
    let mut by_parent: HashMap<&str, Vec<&super::Orphan>> = HashMap::new();
    for orphan in known.orphans {
        by_parent.entry(&orphan.parent).or_default().push(orphan);
    }
    for (parent, orphans) in by_parent {
        missing.push(Missing {
            kind: "span".to_owned(),
            id: parent.to_owned(),
            place: format!("parent of '{}' of {}", orphans[0].name, orphans[0].service),
            count: orphans.len() as u64,
            reason:
                "a span names it as its parent, and it is not here; it was not sampled, or not sent"
                    .to_owned(),
        });
    }
}
