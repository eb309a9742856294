//! A run of a Glue job, as `glue:startJobRun.sync` answers it (GetJobRun).
//!
//! Billed are data processing units by the second (AWS Glue pricing page): `MaxCapacity`, or workers times what one of
//! their type is, times `ExecutionTime`, the seconds that the run consumed resources; a minute at least, ten with Glue 0.9
//! and 1.0. `DPUSeconds`, which runs with auto scaling or of class FLEX tell, is the product itself.

use super::answer::{action, time, told};
use model::{Attempt, UnixNanos};
use serde_json::Value;

/// Parts of a unit that are counted: a Python shell has 0.0625.
const FINE: i128 = 10_000;

/// What is told of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GlueRun {
    /// Name of the job.
    pub name: String,
    /// When it was taken up, and when it had ended.
    pub times: Option<(UnixNanos, UnixNanos)>,
    /// Seconds in which it consumed resources.
    pub seconds: i64,
    /// Unit-seconds, in ten-thousandths; `None` if the size is not told.
    pub unit_seconds: Option<i128>,
    /// The price that holds for its units.
    pub price: &'static str,
    /// Something that is assumed; empty if nothing is.
    pub note: &'static str,
}

impl GlueRun {
    /// Parts of a unit-second.
    pub(crate) const FINE: i128 = FINE;

    pub(crate) fn of(attempt: &Attempt) -> Option<GlueRun> {
        if action(attempt) != ("glue", "startJobRun") {
            return None;
        }
        let answer = told(attempt)?;
        let number = |key: &str| {
            let told = answer.get(key).and_then(Value::as_f64);
            told.filter(|it| it.is_finite() && (0.0..1e9).contains(it))
        };
        let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
        let seconds = number("executionTime")? as i64;
        let started = time(&answer, "startedOn");
        let ended = time(&answer, "completedOn");
        let worker = text("workerType");
        let units = number("maxCapacity")
            .or_else(|| Some(number("numberOfWorkers")? * of_worker(worker)?))
            .or_else(|| number("allocatedCapacity"))
            .filter(|units| *units > 0.0);
        let fine = |number: f64| (number * FINE as f64).round() as i128;
        let shortest = match text("glueVersion") {
            "0.9" | "1.0" => 600,
            _ => 60,
        };
        let unit_seconds = number("DPUSeconds").map(fine).or_else(|| {
            let billed = if seconds == 0 {
                0
            } else {
                seconds.max(shortest)
            };
            Some(fine(units?) * i128::from(billed))
        });
        let flex = text("executionClass") == "FLEX";
        Some(GlueRun {
            name: text("jobName").to_owned(),
            times: started.zip(ended).filter(|(from, to)| from <= to),
            seconds,
            unit_seconds,
            price: if flex {
                "glue_flex_dpu_hour"
            } else {
                "glue_dpu_hour"
            },
            note: match text("glueVersion") {
                "" if seconds < 600 => "version of Glue is not told: a minute at least is billed",
                _ => "",
            },
        })
    }
}

/// Units of a worker (AWS Glue developer guide, worker types).
fn of_worker(kind: &str) -> Option<f64> {
    match kind {
        "G.025X" => Some(0.25),
        "Standard" | "G.1X" => Some(1.0),
        "G.2X" => Some(2.0),
        "G.4X" => Some(4.0),
        "G.8X" => Some(8.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_run_is_billed_by_its_units_and_seconds() {
        let check = |answer: &str, expect: Option<i128>| {
            let attempt = Attempt {
                resource_type: "glue".into(),
                resource: "startJobRun.sync".into(),
                cause: Some(answer.into()),
                ..Attempt::default()
            };
            let run = GlueRun::of(&attempt).unwrap();
            assert_eq!(run.unit_seconds, expect, "{answer}");
        };
        check(
            r#"{"ExecutionTime": 585, "MaxCapacity": 10.0}"#,
            Some(58_500_000),
        );
        check(
            r#"{"ExecutionTime": 7, "MaxCapacity": 0.0625}"#,
            Some(37_500),
        );
        check(
            r#"{"ExecutionTime": 7, "NumberOfWorkers": 3, "WorkerType": "G.2X", "GlueVersion": "1.0"}"#,
            Some(36_000_000),
        );
        check(r#"{"ExecutionTime": 7, "DPUSeconds": 12.5}"#, Some(125_000));
        check(
            r#"{"ExecutionTime": 7, "WorkerType": "Z.2X", "NumberOfWorkers": 3}"#,
            None,
        );
        check(r#"{"ExecutionTime": 0, "MaxCapacity": 2}"#, Some(0));
    }
}
