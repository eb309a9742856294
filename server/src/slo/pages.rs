//! Objectives as the pages show them.

use super::{
    Slos,
    board::{self, Board, Unit},
    culprits, incidents,
};
use anyhow::Result;
use model::api::slo::{
    AlertPage, AlertRow, Annotation, BudgetPoint, Burn, BurnSeries, EventBar, RuleState, SloDetail,
    SloPage, SloRow, SloStatus,
};
use slo::{Level, definition::Test, duration, evaluate::Moment};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Points of a line, at most.
const MOST_POINTS: i64 = 1_000;
/// Alerts of one page, at most.
const MOST_ALERTS: usize = 1_000;

fn nanos(second: i64) -> String {
    second.saturating_mul(1_000_000_000).to_string()
}

impl Slos {
    /// Waits for the first evaluation, if there was none yet, but not longer than `patience`; says whether there was one.
    /// It does not evaluate itself: whoever asked may go away in the middle.
    pub async fn evaluated(&self, patience: Duration) -> bool {
        let waiting = async {
            loop {
                let published = self.0.published.notified();
                if self.board().now.is_some() {
                    return;
                }
                published.await;
            }
        };
        tokio::time::timeout(patience, waiting).await.is_ok()
    }

    /// Evaluates, to its end even if nobody waits for it any more.
    ///
    /// # Errors
    /// When it fails.
    pub async fn evaluate_now(&self) -> Result<()> {
        let slos = self.clone();
        tokio::spawn(async move { slos.round(true).await }).await?
    }

    /// What is said of a name that no objective, and no group of one, has.
    pub fn unknown(&self, wanted: Option<&str>) -> Option<String> {
        let board = self.board();
        let slos = board.definitions.slos.iter().map(|it| it.name.as_str());
        let units = board.units.iter().map(|it| it.slo.name.as_str());
        let names: Vec<&str> = slos.chain(units).collect();
        crate::api::hint("objective", wanted, &names)
    }

    /// What is said of a silence that no objective, or no rule, fits.
    pub fn unfit(&self, slo: &str, severity: &str) -> Option<String> {
        let board = self.board();
        // Before the first evaluation nobody knows what there is.
        board.now?;
        let names = || {
            let slos = board.definitions.slos.iter().map(|it| it.name.as_str());
            slos.chain(board.units.iter().map(|it| it.slo.name.as_str()))
        };
        if !slo.is_empty() && !names().any(|name| notify::silence::fits(slo, name)) {
            return match slo.contains('*') {
                true => Some(format!(
                    "no objective is called '{slo}': it holds nothing back"
                )),
                false => self.unknown(Some(slo)),
            };
        }
        let rules = board.definitions.slos.iter().flat_map(|it| &it.rules);
        let words = rules.map(|it| it.severity.as_str());
        let words: Vec<&str> = words.chain(["page", "ticket", "info"]).collect();
        crate::api::hint("severity", Some(severity), &words)
    }

    /// The overview. Before the first evaluation: what is promised, and which alerts were firing at the last one.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn page(&self) -> Result<SloPage> {
        let board = self.board();
        let mut rows = match board.now {
            Some(_) => board.units.iter().map(|unit| unit.row.clone()).collect(),
            None => self.evaluating(&board)?,
        };
        let rank = |status: SloStatus| match status {
            SloStatus::Breached => 0,
            SloStatus::AtRisk => 1,
            SloStatus::Unknown => 2,
            SloStatus::NotMeasured => 3,
            SloStatus::Evaluating => 4,
            SloStatus::Ok => 5,
        };
        rows.sort_by(|a, b| {
            let firing = b
                .firing
                .contains(&"page".to_owned())
                .cmp(&a.firing.contains(&"page".to_owned()));
            let left = |row: &model::api::slo::SloRow| row.budget_remaining.unwrap_or(1.0);
            firing
                .then(rank(a.status).cmp(&rank(b.status)))
                .then(left(a).total_cmp(&left(b)))
                .then(a.name.cmp(&b.name))
        });
        let problems = board
            .definitions
            .findings
            .iter()
            .filter(|it| it.level == Level::Error);
        Ok(SloPage {
            rows,
            problems: problems.map(slo::Finding::to_api).collect(),
            evaluated_at: board.now.map(nanos),
        })
    }

    fn evaluating(&self, board: &Board) -> Result<Vec<SloRow>> {
        let mut firing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for it in incidents::all(&self.0.state)? {
            if it.resolved_at.is_none() {
                firing.entry(it.slo).or_default().insert(it.severity);
            }
        }
        let trouble = self.0.trouble.read();
        let trouble = trouble.unwrap_or_else(std::sync::PoisonError::into_inner);
        let reason = match trouble.as_deref() {
            None => "the server has just started: the first evaluation is under way".to_owned(),
            Some(error) => format!("the first evaluation failed and is tried again: {error}"),
        };
        let row = |slo: &Arc<slo::Slo>| {
            let firing = firing.remove(&slo.name).unwrap_or_default();
            board::promise(slo, firing.into_iter().collect(), &reason)
        };
        Ok(board.definitions.slos.iter().map(row).collect())
    }

    /// One objective; `None` if there is none of this name. Without a time range, that of its window.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn detail(
        &self,
        name: &str,
        from: Option<i64>,
        to: Option<i64>,
        points: Option<i64>,
    ) -> Result<Option<SloDetail>> {
        let board = self.board();
        let Some(unit) = board.unit(name).cloned() else {
            return Ok(None);
        };
        let moment = board.moment();
        let span = unit.slo.window.at(moment.now);
        let (begin, end) = (
            from.unwrap_or(span.from),
            to.unwrap_or(span.to.min(moment.now)),
        );
        let (begin, end) = (begin.min(end), end.max(begin + 60));
        let points = points.unwrap_or(300).clamp(2, MOST_POINTS);
        // Whole minutes, so that every point is an evaluation; the last one is the end.
        let step = ((end - begin) / points).div_euclid(60).max(0) * 60 + 60;
        let end = end.div_euclid(60) * 60;
        let begin = end - (end - begin) / step * step;
        let times: Vec<i64> = (0..=(end - begin) / step)
            .map(|it| begin + it * step)
            .collect();
        let culprits = match unit.not_measured {
            None => culprits::of(&self.0.engine, &self.0.store.snapshot(), &unit, begin, end).await,
            Some(_) => culprits::Culprits::default(),
        };
        let all = incidents::all(&self.0.state)?;
        let mut alerts: Vec<AlertRow> = all
            .iter()
            .filter(|it| it.slo == name)
            .map(|it| it.to_api())
            .collect();
        alerts.truncate(100);
        Ok(Some(SloDetail {
            description: unit.slo.description.clone(),
            burns: burns(&unit, moment),
            budget: times.iter().map(|at| point(&unit, *at)).collect(),
            forecast_remaining: board::forecast(&unit, moment),
            window_start: nanos(span.from),
            window_end: nanos(span.to),
            burn_series: burn_series(&unit, &times),
            rules: rules(&unit),
            events: bars(&unit, begin, end, step),
            bar_s: step,
            contributors: culprits.contributors,
            alerts,
            annotations: self.annotations(&unit, begin, end).await,
            findings: self.findings(&board, &unit).await,
            explain: explain(&unit, moment),
            editable: std::path::Path::new(&unit.slo.source.file)
                .starts_with(&self.places().folder),
            with_excluded: with_excluded(&unit, moment),
            row: unit.row.clone(),
        }))
    }

    async fn findings(&self, board: &Board, unit: &Unit) -> Vec<model::api::slo::SloFinding> {
        let name = unit.slo.name.split(':').next().unwrap_or_default();
        let of = board.definitions.findings.iter().filter(|it| {
            it.slo.as_deref().is_some_and(|slo| slo == name)
                || it.slo.is_none() && it.file == unit.slo.source.file
        });
        let traffic =
            slo::lint::traffic(&unit.slo, unit.row.total).filter(|_| unit.not_measured.is_none());
        // What counts events is bound to something, unless it names several.
        let misspelt = match unit.row.total == 0 || super::names::names_several(&unit.slo) {
            true => self.misspelt([&*unit.slo]).await,
            false => Vec::new(),
        };
        of.cloned()
            .chain(traffic)
            .chain(misspelt)
            .chain(self.unknown_receivers(&unit.slo))
            .map(|it| it.to_api())
            .collect()
    }

    /// Incidents, the newest first.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn alerts(
        &self,
        slo: Option<&str>,
        state: Option<&str>,
        limit: usize,
    ) -> Result<AlertPage> {
        let all = incidents::all(&self.0.state)?
            .into_iter()
            .map(|it| it.to_api());
        let wanted = |row: &AlertRow| {
            slo.is_none_or(|name| row.slo == name || row.slo.starts_with(&format!("{name}:")))
                && state.is_none_or(|state| row.state == state)
        };
        Ok(AlertPage {
            hint: None,
            rows: all.filter(wanted).take(limit.min(MOST_ALERTS)).collect(),
        })
    }

    /// What happened meanwhile: time that does not count, deploys and other changes, experiments.
    async fn annotations(&self, unit: &Unit, from: i64, to: i64) -> Vec<Annotation> {
        const MOST_STRETCHES: usize = 100;
        let mut all: Vec<Annotation> = Vec::new();
        for exclusion in &unit.slo.exclusions {
            let stretches = exclusion.stretches(from, to).into_iter();
            all.extend(
                stretches
                    .take(MOST_STRETCHES)
                    .map(|(begin, end)| Annotation {
                        kind: "exclusion".to_owned(),
                        from: nanos(begin),
                        to: Some(nanos(end)),
                        text: exclusion.reason.clone(),
                    }),
            );
        }
        if let Some(experiments) = self.0.experiments.get() {
            all.extend(experiments.annotations(&unit.slo.name, from, to));
        }
        let told = self.changes(unit, from, to).await;
        all.extend(
            told.inspect_err(|error| tracing::debug!(%error, "no changes"))
                .unwrap_or_default(),
        );
        all.sort_by(|a, b| a.from.cmp(&b.from));
        all
    }

    /// Deployments and other changes of what it is about, of the table `changes`.
    async fn changes(&self, unit: &Unit, from: i64, to: i64) -> Result<Vec<Annotation>> {
        const MOST_CHANGES: usize = 100;
        let slo::Indicator::Measured(measure) = &unit.slo.indicator else {
            return Ok(Vec::new());
        };
        let time = |second: i64| {
            format!(
                "to_timestamp_nanos({})",
                second.saturating_mul(1_000_000_000)
            )
        };
        // What its events touch: their workflows, and the functions that these called.
        let rows = format!(
            "{} WHERE end_time >= {} AND end_time < {} AND ({})",
            measure.over.table(),
            time(from),
            time(to),
            measure.valid_sql()
        );
        let touched = match measure.over {
            slo::measure::Over::Executions
            | slo::measure::Over::States
            | slo::measure::Over::Attempts => format!(
                "SELECT state_machine AS name FROM {rows} UNION SELECT function_name AS name FROM attempts \
                 WHERE function_name IS NOT NULL AND trace_id IN (SELECT trace_id FROM {rows})"
            ),
            slo::measure::Over::Invocations => format!("SELECT function_name AS name FROM {rows}"),
            slo::measure::Over::Spans => format!("SELECT service_name AS name FROM {rows}"),
        };
        // A resource is a name or an ARN, perhaps with a version behind it.
        let question = format!(
            "WITH touched AS ({touched}) SELECT DISTINCT kind, resource, change, CAST(time AS BIGINT) AS at FROM changes \
             WHERE time >= {} AND time < {} AND kind <> 'experiment' AND EXISTS (SELECT 1 FROM touched WHERE name <> '' \
             AND (resource = name OR resource LIKE '%:' || name OR resource LIKE '%:' || name || ':%')) \
             ORDER BY at DESC LIMIT {MOST_CHANGES}",
            time(from),
            time(to)
        );
        let rows = self.rows_of(&question).await?;
        let text = |row: &serde_json::Value, key: &str| match &row[key] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let one = |row: &serde_json::Value| Annotation {
            kind: "deploy".to_owned(),
            from: text(row, "at"),
            to: None,
            text: format!(
                "{} {}: {}",
                text(row, "kind"),
                text(row, "resource"),
                text(row, "change")
            ),
        };
        Ok(rows.iter().map(one).collect())
    }

    async fn rows_of(&self, question: &str) -> Result<Vec<serde_json::Value>> {
        let options = query::Options {
            time: Some(std::time::Duration::from_secs(10)),
            ..query::Options::default()
        };
        let answer = self
            .0
            .engine
            .sql(&self.0.store.snapshot(), question, &options)
            .await?;
        let bytes = query::format::write_all(answer, query::Format::Json).await?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

fn point(unit: &Unit, at: i64) -> BudgetPoint {
    let budget = unit.evaluation().budget(Moment::complete(at));
    let scale = unit.by.unit().max(1);
    BudgetPoint {
        t: nanos(at),
        remaining: budget.remaining,
        sli: budget.sli,
        total: budget.counts.total / scale,
        bad: budget.counts.bad / scale,
    }
}

fn burns(unit: &Unit, moment: Moment) -> Vec<Burn> {
    let evaluation = unit.evaluation();
    let scale = unit.by.unit().max(1);
    let mut windows = unit.slo.windows();
    if windows.is_empty() {
        windows = vec![300, 3_600, 21_600, 86_400];
    }
    windows
        .into_iter()
        .map(|seconds| {
            let counts = evaluation.over(moment, seconds);
            Burn {
                window: duration::words(seconds),
                seconds,
                bad: counts.bad / scale,
                total: counts.total / scale,
                burn: evaluation.known_burn(moment, seconds),
            }
        })
        .collect()
}

fn burn_series(unit: &Unit, times: &[i64]) -> Vec<BurnSeries> {
    let evaluation = unit.evaluation();
    unit.slo
        .windows()
        .into_iter()
        .map(|seconds| BurnSeries {
            window: duration::words(seconds),
            seconds,
            burn: times
                .iter()
                .map(|at| evaluation.burn(Moment::complete(*at), seconds))
                .collect(),
        })
        .collect()
}

fn rules(unit: &Unit) -> Vec<RuleState> {
    let of = |rule: &slo::definition::Rule| {
        let memory = unit.memory.rules.get(&rule.id).cloned().unwrap_or_default();
        let (state, since) = match (memory.firing_since, memory.unknown_since, memory.true_since) {
            (_, Some(since), _) => ("unknown", Some(since)),
            (Some(since), ..) => ("firing", Some(since)),
            (None, None, Some(since)) => ("pending", Some(since)),
            _ => ("ok", None),
        };
        let burn = rule.tests.iter().find_map(|test| match test {
            Test::Burn {
                windows, factor, ..
            } => Some((windows, factor)),
            _ => None,
        });
        RuleState {
            id: rule.id.clone(),
            severity: rule.severity.clone(),
            text: rule.words(),
            long_s: burn.and_then(|(windows, _)| windows.first().copied()),
            short_s: burn.and_then(|(windows, _)| windows.get(1).copied()),
            threshold: burn.map(|(_, factor)| factor.to_f64()),
            state: state.to_owned(),
            since: since.map(nanos),
        }
    };
    unit.slo.rules.iter().map(of).collect()
}

fn bars(unit: &Unit, from: i64, to: i64, step: i64) -> Vec<EventBar> {
    let begins = (0..(to - from).div_euclid(step)).map(|it| from + it * step);
    begins
        .map(|begin| {
            let counts = unit.base.sum(begin, begin + step);
            EventBar {
                t: nanos(begin),
                good: counts.total - counts.bad,
                bad: counts.bad,
            }
        })
        .collect()
}

/// How the numbers come about.
fn explain(unit: &Unit, moment: Moment) -> Vec<String> {
    if let Some(reason) = &unit.not_measured {
        return vec![format!("not measured: {reason}")];
    }
    let evaluation = unit.evaluation();
    let budget = evaluation.budget(moment);
    let row = &unit.row;
    let mut all = vec![format!("counted: {}", row.indicator)];
    if let (Some(left), Some(sli)) = (budget.remaining, budget.sli) {
        all.push(format!(
            "good: 1 - {} / {} = {:.6}",
            row.bad, row.total, sli
        ));
        all.push(format!(
            "budget left: 1 - {} / ((1 - {}) × {}) = {:.2} %",
            row.bad,
            unit.slo.target,
            row.total,
            left * 100.0
        ));
    }
    all.extend(
        unit.slo
            .rules
            .iter()
            .map(|rule| format!("{}: {}", rule.id, evaluation.explain(rule, moment))),
    );
    all
}

/// The budget with excluded time counted as well.
fn with_excluded(unit: &Unit, moment: Moment) -> Option<BudgetPoint> {
    if unit.slo.exclusions.is_empty() {
        return None;
    }
    let mut whole = unit.clone();
    whole.by = std::sync::Arc::new(unit.base.by(&unit.slo.method));
    Some(point(&whole, moment.now))
}
