//! What an experiment has spent, and whether what it claimed held.

use super::{
    Experiments, Objective,
    scope::{self, time},
};
use anyhow::Result;
use experiments::{
    Experiment,
    charge::charge,
    hypothesis::{self, Measured},
};
use model::{UnixNanos, api::experiments::Steady};
use query::Options;
use serde_json::{Value, json};
use slo::measure::Over;
use std::time::Duration;

/// Objectives that one experiment is charged to.
const MOST_OBJECTIVES: usize = 500;
/// Time before it that a hypothesis is first held against, nanoseconds.
const BEFORE: i64 = 3_600 * 1_000_000_000;
/// Longest time in which the question of a hypothesis is answered.
const QUESTION_TIME: Duration = Duration::from_secs(60);
/// States that a comparison of paths looks at.
const MOST_PATHS: usize = 500;

/// A window, and what is in scope in it.
#[derive(Clone, Copy)]
struct Window {
    from: UnixNanos,
    to: UnixNanos,
}

impl Experiments {
    /// Charges an experiment and judges its hypothesis, by what is held now.
    pub(super) async fn judge(
        &self,
        experiment: &mut Experiment,
        others: &[Experiment],
        objectives: &[Objective],
        now: UnixNanos,
    ) -> Result<()> {
        let Some((from, to)) = experiment.span(now) else {
            return Ok(());
        };
        let mut charges = Vec::new();
        let touches = self.touches_something(experiment, now).await?;
        let spendable = objectives
            .iter()
            .filter(|it| touches && experiment.may_spend(&it.name));
        for objective in spendable.take(MOST_OBJECTIVES) {
            let counted = self.counted(experiment, others, objective, now).await?;
            let Some(counted) = counted.filter(|it| it.total > 0.0) else {
                continue;
            };
            charges.push(charge(&objective.name, counted, objective.allowed));
        }
        charges.sort_by(|a, b| b.net_charge.total_cmp(&a.net_charge));
        // Before the first evaluation nothing is known of budgets: what was charged stays.
        if !objectives.is_empty() {
            experiment.charges = charges;
        }
        let during = Window { from, to };
        let before = Window {
            from: UnixNanos(from.0.saturating_sub(BEFORE)),
            to: from,
        };
        let over = experiment.phase.is_over() && now > to;
        let after = over.then(|| Window {
            from: to,
            to: UnixNanos(to.0.saturating_add(to.since(from))).min(now),
        });
        let mut parts = experiment.hypothesis.clone();
        for steady in &mut parts {
            let first = self.measure(experiment, steady, objectives, before).await;
            let then = self.measure(experiment, steady, objectives, during).await;
            let last = match after {
                Some(window) => Some(self.measure(experiment, steady, objectives, window).await),
                None => None,
            };
            if steady.tolerance.is_null() && !steady.slo.is_empty() {
                let target = objectives.iter().find(|it| it.name == steady.slo);
                steady.tolerance = target.map_or(Value::Null, |it| json!([it.target, 1.0]));
            }
            if steady.tolerance.is_null() && steady.measure == "state_paths" {
                steady.tolerance = first.value.clone();
            }
            hypothesis::judge(steady, &first, &then, last.as_ref());
        }
        experiment.verdict = hypothesis::overall(&parts);
        experiment.hypothesis = parts;
        Ok(())
    }

    async fn measure(
        &self,
        experiment: &Experiment,
        steady: &Steady,
        objectives: &[Objective],
        window: Window,
    ) -> Measured {
        let measured = match (steady.sql.is_empty(), steady.slo.is_empty()) {
            (false, _) => self.by_sql(&steady.sql, window).await,
            (_, false) => {
                self.by_objective(experiment, &steady.slo, objectives, window)
                    .await
            }
            _ => self.by_name(experiment, &steady.measure, window).await,
        };
        measured.unwrap_or_else(|error| Measured {
            problem: Some(format!("{error:#}")),
            ..Measured::default()
        })
    }

    /// The one value of a question; `$from` and `$to` stand for the window.
    async fn by_sql(&self, sql: &str, window: Window) -> Result<Measured> {
        let question = super::declare::question(sql, window.from, window.to);
        // Somebody's question must not hold up the others: one row is enough, and it comes soon.
        let options = Options {
            limit: Some(2),
            time: Some(QUESTION_TIME),
        };
        let rows = self.rows_within(&question, &options).await?;
        let value = match rows.as_slice() {
            [row] if row.len() == 1 => row.values().next().cloned().unwrap_or_default(),
            _ => anyhow::bail!(
                "the question of a hypothesis has one row with one column as its answer"
            ),
        };
        Ok(Measured {
            value,
            ..Measured::default()
        })
    }

    /// The share of good events of an objective, in scope.
    async fn by_objective(
        &self,
        experiment: &Experiment,
        name: &str,
        objectives: &[Objective],
        window: Window,
    ) -> Result<Measured> {
        let objective = objectives.iter().find(|it| it.name == name);
        let Some(measure) = objective.and_then(|it| it.measure.as_ref()) else {
            anyhow::bail!("the objective '{name}' of the hypothesis is not there, or not measured");
        };
        let rows = scope::rows(&experiment.scope, measure.over, window.from, window.to);
        let counts = self.sum(measure, &rows, window.from, window.to).await?;
        Ok(Measured {
            value: match counts.total {
                0 => Value::Null,
                total => json!(1.0 - counts.bad as f64 / total as f64),
            },
            sample: Some(counts.total),
            problem: None,
        })
    }

    /// A measure over the executions in scope.
    async fn by_name(
        &self,
        experiment: &Experiment,
        measure: &str,
        window: Window,
    ) -> Result<Measured> {
        let value = match measure {
            "success_ratio" => "avg(CASE WHEN status = 'SUCCEEDED' THEN 1.0 ELSE 0.0 END)",
            "p50_ms" => "approx_percentile_cont(duration_ns, 0.5) / 1000000.0",
            "p95_ms" => "approx_percentile_cont(duration_ns, 0.95) / 1000000.0",
            "p99_ms" => "approx_percentile_cont(duration_ns, 0.99) / 1000000.0",
            "retry_ratio" => "CAST(sum(retries) AS DOUBLE) / nullif(sum(attempts), 0)",
            "caught_ratio" => "avg(CASE WHEN caught_failures > 0 THEN 1.0 ELSE 0.0 END)",
            "executions" => "count(*)",
            "state_paths" => return self.paths(experiment, window).await,
            other => anyhow::bail!(
                "the measure '{other}' is not known: success_ratio, p50_ms, p95_ms, p99_ms, retry_ratio, \
                 caught_ratio, executions, state_paths; or give sql or slo"
            ),
        };
        let rows = scope::rows(&experiment.scope, Over::Executions, window.from, window.to);
        let question = format!(
            "SELECT {value} AS value, count(*) AS sample FROM executions WHERE end_time >= {} AND end_time < {} AND {}",
            time(window.from),
            time(window.to),
            rows.as_filter()
        );
        let answer = self.rows(&question).await?;
        let row = answer.first().cloned().unwrap_or_default();
        let sample = row
            .get("sample")
            .and_then(super::count::number)
            .unwrap_or_default()
            .unsigned_abs();
        Ok(Measured {
            value: row.get("value").cloned().unwrap_or_default(),
            sample: (measure != "executions").then_some(sample),
            problem: None,
        })
    }

    /// The states that executions in scope went through, as a sorted list.
    async fn paths(&self, experiment: &Experiment, window: Window) -> Result<Measured> {
        let rows = scope::rows(&experiment.scope, Over::States, window.from, window.to);
        let question = format!(
            "SELECT DISTINCT state_machine || '/' || state AS path FROM states \
             WHERE end_time >= {} AND end_time < {} AND {} ORDER BY path LIMIT {MOST_PATHS}",
            time(window.from),
            time(window.to),
            rows.as_filter()
        );
        let answer = self.rows(&question).await?;
        let paths: Vec<&str> = answer
            .iter()
            .filter_map(|row| row.get("path")?.as_str())
            .collect();
        Ok(Measured {
            value: match paths.is_empty() {
                true => Value::Null,
                false => json!(paths.join(" ")),
            },
            ..Measured::default()
        })
    }
}
