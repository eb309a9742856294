//! Events in the scope of experiments.

use super::{
    Experiments, Objective,
    scope::{self, Rows, time},
};
use anyhow::Result;
use experiments::{
    Experiment,
    charge::{Counted, Touched, split},
};
use model::UnixNanos;
use serde_json::{Map, Value};
use slo::{Counts, Measure};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Time before an experiment that its baseline is taken from, nanoseconds.
const BASELINE: i64 = 3_600 * 1_000_000_000;
/// Experiments that share events with one; more are not looked at.
const MOST_SHARING: usize = 6;
/// What ended so long ago is not counted again for alerts, nanoseconds.
const SETTLED: i64 = 3_600 * 1_000_000_000;

/// Counts by minute of the events that belong to experiments, by objective.
pub type Apart = BTreeMap<String, BTreeMap<i64, Counts>>;

/// Counts of experiments that have settled, by objective and experiment.
#[derive(Default)]
pub struct Cache(Mutex<BTreeMap<(String, String), BTreeMap<i64, Counts>>>);

/// The rows and the time of an experiment.
struct Of {
    rows: Rows,
    from: UnixNanos,
    to: UnixNanos,
}

impl Experiments {
    /// Whether spans carry its mark.
    async fn is_marked(
        &self,
        experiment: &Experiment,
        from: UnixNanos,
        to: UnixNanos,
    ) -> Result<bool> {
        let question = format!(
            "SELECT 1 AS one FROM spans WHERE {} = {} AND start_time >= {} AND start_time < {} LIMIT 1",
            scope::attribute(scope::MARK),
            slo::measure::quote(&experiment.id),
            time(from),
            time(to)
        );
        Ok(!self.rows(&question).await?.is_empty())
    }

    /// The rows of an experiment: those that carry its mark if any do, else those in its scope. `None` when
    /// nothing says what it touches.
    async fn rows_of(
        &self,
        experiment: &Experiment,
        measure: &Measure,
        from: UnixNanos,
        to: UnixNanos,
    ) -> Result<Option<Rows>> {
        if self.is_marked(experiment, from, to).await? {
            return Ok(Some(scope::marked(&experiment.id, measure.over, from, to)));
        }
        if scope::is_empty(&experiment.scope) && experiment.slos.is_empty() {
            return Ok(None);
        }
        Ok(Some(scope::rows(&experiment.scope, measure.over, from, to)))
    }

    /// What an experiment is to be charged for, of one objective; `None` when nothing says what it touches.
    pub(super) async fn counted(
        &self,
        experiment: &Experiment,
        others: &[Experiment],
        objective: &Objective,
        now: UnixNanos,
    ) -> Result<Option<Counted>> {
        let (Some(measure), Some((from, to))) = (&objective.measure, experiment.span(now)) else {
            return Ok(None);
        };
        let Some(rows) = self.rows_of(experiment, measure, from, to).await? else {
            return Ok(None);
        };
        let mut sharing = vec![Of { rows, from, to }];
        for other in others {
            let Some((start, end)) = other.span(now) else {
                continue;
            };
            let meets = other.id != experiment.id
                && start < to
                && end > from
                && other.may_spend(&objective.name);
            if !meets || sharing.len() > MOST_SHARING {
                continue;
            }
            if let Some(rows) = self.rows_of(other, measure, start, end).await? {
                sharing.push(Of {
                    rows,
                    from: start,
                    to: end,
                });
            }
        }
        let touched = self.touched(measure, &sharing, from, to).await?;
        let (bad, total) = split(&touched, sharing.len())
            .first()
            .copied()
            .unwrap_or_default();
        let before = UnixNanos(from.0.saturating_sub(BASELINE));
        let baseline_rows = scope::rows(&experiment.scope, measure.over, before, from);
        let baseline = self.sum(measure, &baseline_rows, before, from).await?;
        Ok(Some(Counted {
            bad,
            total,
            baseline_bad: baseline.bad,
            baseline_total: baseline.total,
        }))
    }

    /// Events of a measure in some rows and a time.
    pub(super) async fn sum(
        &self,
        measure: &Measure,
        rows: &Rows,
        from: UnixNanos,
        to: UnixNanos,
    ) -> Result<Counts> {
        let question = format!(
            "SELECT count(*) AS total, count(*) FILTER (WHERE NOT ({})) AS bad FROM {} \
             WHERE end_time >= {} AND end_time < {} AND ({}) AND {}",
            measure.good_sql(),
            measure.over.table(),
            time(from),
            time(to),
            measure.valid_sql(),
            rows.as_filter()
        );
        let answer = self.rows(&question).await?;
        Ok(answer.first().map(counts).unwrap_or_default())
    }

    /// How many events belong to which of some experiments.
    async fn touched(
        &self,
        measure: &Measure,
        sharing: &[Of],
        from: UnixNanos,
        to: UnixNanos,
    ) -> Result<Vec<Touched>> {
        let mut joins = String::new();
        let mut columns = Vec::new();
        for (index, of) in sharing.iter().enumerate() {
            let mut member = format!(
                "(end_time >= {} AND end_time < {} AND {})",
                time(of.from),
                time(of.to),
                of.rows.condition_sql()
            );
            if let Some(traces) = of.rows.traces_sql() {
                let name = format!("held{index}");
                joins += &format!(
                    " LEFT JOIN (SELECT held_trace AS {name} FROM ({traces})) ON trace_id = {name}"
                );
                member = format!("({member} AND {name} IS NOT NULL)");
            }
            columns.push(format!("coalesce({member}, false) AS member{index}"));
        }
        let names: Vec<String> = (0..sharing.len())
            .map(|index| format!("member{index}"))
            .collect();
        let question = format!(
            "SELECT {names}, count(*) AS total, count(*) FILTER (WHERE bad) AS bad FROM \
             (SELECT {columns}, NOT ({good}) AS bad FROM {table}{joins} \
             WHERE end_time >= {from} AND end_time < {to} AND ({valid})) GROUP BY {names}",
            names = names.join(", "),
            columns = columns.join(", "),
            good = measure.good_sql(),
            table = measure.over.table(),
            from = time(from),
            to = time(to),
            valid = measure.valid_sql(),
        );
        let answer = self.rows(&question).await?;
        let touched = answer.iter().map(|row| {
            let counts = counts(row);
            let by = names
                .iter()
                .map(|name| row.get(name) == Some(&Value::Bool(true)));
            Touched {
                by: by.collect(),
                total: counts.total,
                bad: counts.bad,
            }
        });
        Ok(touched.collect())
    }

    /// Events by minute that belong to experiments, since `from`: what alerts look at is the rest.
    ///
    /// # Errors
    /// When the data or the state cannot be read.
    pub async fn apart<I: Iterator<Item = (String, Measure)>>(
        &self,
        measured: impl Fn() -> I,
        from: UnixNanos,
        now: UnixNanos,
    ) -> Result<Apart> {
        let mut apart = Apart::new();
        let all = self.list()?;
        let recent: Vec<&Experiment> = all
            .iter()
            .filter(|it| it.span(now).is_some_and(|(_, end)| end > from))
            .collect();
        let mut recent_with_scope = Vec::new();
        for experiment in recent {
            if self.touches_something(experiment, now).await? {
                recent_with_scope.push(experiment);
            }
        }
        let recent = recent_with_scope;
        if recent.is_empty() {
            return Ok(apart);
        }
        for (name, measure) in measured() {
            let mut minutes: BTreeMap<i64, Counts> = BTreeMap::new();
            // Of what two experiments touch, each minute has the larger count: a little may be left over, and
            // nothing is taken away twice.
            let spends =
                |it: &&&Experiment| it.may_spend(&name) && scope::may_meet(&it.scope, &measure);
            for experiment in recent.iter().filter(spends) {
                for (minute, counts) in self.minutes(experiment, &name, &measure, now).await? {
                    let held = minutes.entry(minute).or_default();
                    held.total = held.total.max(counts.total);
                    held.bad = held.bad.max(counts.bad);
                }
            }
            if !minutes.is_empty() {
                apart.insert(name, minutes);
            }
        }
        Ok(apart)
    }

    /// Whether anything says what an experiment touches: asked once for all objectives.
    pub(super) async fn touches_something(
        &self,
        experiment: &Experiment,
        now: UnixNanos,
    ) -> Result<bool> {
        if !scope::is_empty(&experiment.scope) || !experiment.slos.is_empty() {
            return Ok(true);
        }
        let Some((from, to)) = experiment.span(now) else {
            return Ok(false);
        };
        let key = (String::new(), experiment.id.clone());
        let settled = experiment.phase.is_over() && now.since(to) > SETTLED;
        let known = |held: &Cache| {
            let held = held.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.contains_key(&key)
        };
        if settled && known(&self.apart) {
            return Ok(false);
        }
        let is_marked = self.is_marked(experiment, from, to).await?;
        if settled && !is_marked {
            let mut held = self.apart.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.insert(key, BTreeMap::new());
        }
        Ok(is_marked)
    }

    async fn minutes(
        &self,
        experiment: &Experiment,
        objective: &str,
        measure: &Measure,
        now: UnixNanos,
    ) -> Result<BTreeMap<i64, Counts>> {
        let key = (objective.to_owned(), experiment.id.clone());
        let settled = experiment.end.is_some_and(|end| now.since(end) > SETTLED);
        if settled {
            let held = self.apart.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(held) = held.get(&key) {
                return Ok(held.clone());
            }
        }
        let Some((from, to)) = experiment.span(now) else {
            return Ok(BTreeMap::new());
        };
        let Some(rows) = self.rows_of(experiment, measure, from, to).await? else {
            return Ok(BTreeMap::new());
        };
        let question = format!(
            "SELECT CAST(date_trunc('minute', end_time) AS BIGINT) AS minute, count(*) AS total, \
             count(*) FILTER (WHERE NOT ({})) AS bad FROM {} \
             WHERE end_time >= {} AND end_time < {} AND ({}) AND {} GROUP BY 1",
            measure.good_sql(),
            measure.over.table(),
            time(from),
            time(to),
            measure.valid_sql(),
            rows.as_filter()
        );
        let mut minutes = BTreeMap::new();
        for row in self.rows(&question).await? {
            let nanos = row.get("minute").and_then(number).unwrap_or_default();
            minutes.insert(nanos.div_euclid(1_000_000_000), counts(&row));
        }
        if settled {
            let mut held = self.apart.0.lock().unwrap_or_else(PoisonError::into_inner);
            if held.len() > 50_000 {
                held.clear();
            }
            held.insert(key, minutes.clone());
        }
        Ok(minutes)
    }
}

fn counts(row: &Map<String, Value>) -> Counts {
    let count = |key: &str| {
        row.get(key)
            .and_then(number)
            .unwrap_or_default()
            .unsigned_abs()
    };
    Counts {
        total: count("total"),
        bad: count("bad"),
    }
}

/// A whole number, which JSON may hold as text where it is long.
pub(super) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
