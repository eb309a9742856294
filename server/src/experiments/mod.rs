//! Experiments that spend error budget: declared over the API or detected, charged, judged, reported.
//!
//! | Module | What it does |
//! |---|---|
//! | [`scope`] | which rows an experiment touches, in SQL |
//! | [`count`] | events in scope, shared among experiments that overlap |
//! | [`judge`] | charges and hypotheses |
//! | [`declare`] | what is declared, looked at before it is taken |
//! | [`detect`] | experiments that spans tell of |
//! | [`report`] | everything about one of them |
//! | [`objectives`](mod@objectives) | how the objectives stand, as far as experiments need it |
//! | [`keeper`] | what happens by itself: lost ends, charges, messages |
//! | [`views`], [`table`] | the same for the API and for SQL |

mod count;
pub mod declare;
mod detect;
mod judge;
mod keeper;
mod objectives;
mod report;
mod scope;
mod table;
mod views;

pub use count::Apart;
pub use objectives::{look, objectives};
pub use table::show;
pub use views::view;

use crate::{alerts::Alerts, clock};
use anyhow::{Result, bail};
use experiments::{
    Experiment, Phase, Update,
    experiment::identify,
    gate::{Standing, gate},
    ledger::{Period, Spender, ledger},
};
use model::{
    UnixNanos,
    api::experiments::{BudgetLedger, ExperimentReport, GateAnswer},
};
use query::{Engine, Format, Options};
use serde_json::{Map, Value};
use state::State;
use std::sync::{Arc, OnceLock, atomic::AtomicI64};
use store::Store;

/// Where they are kept.
const COLLECTION: &str = "experiments";
/// Where the ledger is kept, as last computed.
const LEDGER: &str = "budget_ledger";
/// Most that are kept.
const MOST: usize = 5_000;

/// An objective, as far as experiments need to know it.
#[derive(Debug, Clone)]
pub struct Objective {
    /// Its name.
    pub name: String,
    /// What is counted, where rows of a table are.
    pub measure: Option<slo::Measure>,
    /// Share of good events that is promised.
    pub target: f64,
    /// Bad events that are allowed in the window.
    pub allowed: f64,
    /// Bad events in the window.
    pub spent: f64,
    /// Share of the budget that is left.
    pub remaining: Option<f64>,
    /// Why that is not known.
    pub unknown: Option<String>,
    /// Severities that fire.
    pub firing: Vec<String>,
    /// The window of the budget.
    pub window: (UnixNanos, UnixNanos),
    /// Its incidents.
    pub incidents: Vec<Happened>,
}

/// An incident of an objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// Its key.
    pub key: String,
    /// `page` or `ticket`.
    pub severity: String,
    /// When it began.
    pub from: UnixNanos,
    /// When it ended.
    pub until: Option<UnixNanos>,
}

/// Says how the objectives stand.
pub type Objectives = Arc<dyn Fn() -> Vec<Objective> + Send + Sync>;

/// The experiments of this server. Clones are the same.
#[derive(Clone)]
pub struct Experiments {
    state: State,
    store: Store,
    engine: Engine,
    alerts: Alerts,
    objectives: Arc<OnceLock<Objectives>>,
    wake: Arc<tokio::sync::Notify>,
    apart: Arc<count::Cache>,
    ledger_at: Arc<AtomicI64>,
}

impl Experiments {
    /// The experiments of a data folder.
    pub fn new(state: State, store: Store, engine: Engine, alerts: Alerts) -> Self {
        Experiments {
            state,
            store,
            engine,
            alerts,
            objectives: Arc::default(),
            wake: Arc::default(),
            apart: Arc::default(),
            ledger_at: Arc::default(),
        }
    }

    /// Something about experiments may have been stored: look soon.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Who knows the objectives; the first call holds.
    pub fn ask(&self, objectives: Objectives) {
        let _ = self.objectives.set(objectives);
    }

    /// How the objectives stand.
    pub fn objectives(&self) -> Vec<Objective> {
        self.objectives.get().map(|ask| ask()).unwrap_or_default()
    }

    /// All experiments, newest first.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn list(&self) -> Result<Vec<Experiment>> {
        list(&self.state)
    }

    /// The one of this id.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn get(&self, id: &str) -> Result<Option<Experiment>> {
        Ok(self.state.get(COLLECTION, id)?)
    }

    /// Those that may have touched an objective between two seconds, for its time axis.
    pub fn annotations(&self, slo: &str, from: i64, to: i64) -> Vec<model::api::slo::Annotation> {
        let nanos = |second: i64| UnixNanos(second.saturating_mul(1_000_000_000));
        let all = self.list().unwrap_or_default();
        let of = |it: Experiment| {
            let (start, end) = it.span(nanos(to))?;
            let meets = it.may_spend(slo) && end > nanos(from);
            let charge = it.charges.iter().find(|charge| charge.slo == slo);
            let spent =
                charge.map(|it| format!(", spent {:.2} % of the budget", it.net_charge * 100.0));
            meets.then(|| model::api::slo::Annotation {
                kind: "experiment".to_owned(),
                from: start.0.to_string(),
                to: Some(end.0.to_string()),
                text: format!(
                    "{} ({}){}",
                    it.name,
                    it.phase.as_str(),
                    spent.unwrap_or_default()
                ),
            })
        };
        all.into_iter().filter_map(of).take(100).collect()
    }

    /// Ends one now.
    ///
    /// # Errors
    /// When there is no such experiment, or it is over.
    pub fn end(&self, id: &str, now: UnixNanos) -> Result<Experiment> {
        let ended = end(&self.state, id, now)?;
        self.wake.notify_one();
        Ok(ended)
    }

    /// Whether so much of a budget may be spent.
    pub fn gate(&self, slo: &str, spend: f64, reserve: f64) -> Option<GateAnswer> {
        let objectives = self.objectives();
        let objective = objectives.iter().find(|it| it.name == slo)?;
        let standing = Standing {
            remaining: objective.remaining,
            page_firing: objective.firing.iter().any(|it| it == "page"),
            unknown: objective.unknown.clone(),
        };
        Some(gate(slo, &standing, spend, reserve))
    }

    /// Experiments with their charges: those that may still change are charged anew.
    async fn charged(&self, objectives: &[Objective], now: UnixNanos) -> Result<Vec<Experiment>> {
        const MOST_ANEW: usize = 50;
        let mut all = self.list()?;
        let held = all.clone();
        let open = |it: &&mut Experiment| !it.told && it.span(now).is_some();
        for experiment in all.iter_mut().filter(open).take(MOST_ANEW) {
            self.judge(experiment, &held, objectives, now).await?;
        }
        Ok(all)
    }

    /// Who spent what of the budgets.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn ledger(&self, slo: Option<&str>) -> Result<BudgetLedger> {
        let objectives = self.objectives();
        let experiments = self.charged(&objectives, clock::now()).await?;
        let mut rows = Vec::new();
        for objective in objectives {
            if slo.is_some_and(|slo| slo != objective.name) {
                continue;
            }
            let (from, to) = objective.window;
            let period = Period {
                slo: objective.name.clone(),
                start: from.0.to_string(),
                end: to.0.to_string(),
                spent: objective.spent,
                allowed: objective.allowed,
            };
            let mut spenders: Vec<Spender> = Vec::new();
            for experiment in &experiments {
                let inside = experiment
                    .span(to)
                    .is_some_and(|(start, end)| start < to && end > from);
                let charge = experiment
                    .charges
                    .iter()
                    .find(|it| it.slo == objective.name);
                if let Some(charge) = charge.filter(|_| inside) {
                    spenders.push(Spender {
                        kind: "experiment",
                        spender: experiment.id.clone(),
                        name: experiment.name.clone(),
                        bad: charge.net_bad,
                    });
                }
            }
            spenders.extend(self.incidents_of(&objective).await?);
            rows.extend(ledger(&period, &spenders));
        }
        Ok(BudgetLedger { rows })
    }

    /// Everything about one, judged anew.
    ///
    /// # Errors
    /// When the data or the state cannot be read.
    pub async fn report(&self, id: &str, now: UnixNanos) -> Result<Option<ExperimentReport>> {
        match self.get(id)? {
            Some(experiment) => Ok(Some(self.report_of(experiment, now).await?)),
            None => Ok(None),
        }
    }

    /// Rows of a question, as JSON objects.
    async fn rows(&self, question: &str) -> Result<Vec<Map<String, Value>>> {
        self.rows_within(question, &Options::default()).await
    }

    async fn rows_within(
        &self,
        question: &str,
        options: &Options,
    ) -> Result<Vec<Map<String, Value>>> {
        let snapshot = self.store.snapshot();
        let answer = self.engine.sql(&snapshot, question, options).await?;
        let bytes = query::format::write_all(answer, Format::Json).await?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// All experiments of a state, newest first.
///
/// # Errors
/// When the state cannot be read.
pub fn list(state: &State) -> Result<Vec<Experiment>> {
    let held: Vec<(String, Experiment)> = state.list(COLLECTION)?;
    let mut all: Vec<Experiment> = held.into_iter().map(|(_, it)| it).collect();
    all.sort_by(|a, b| b.start.cmp(&a.start).then_with(|| a.id.cmp(&b.id)));
    Ok(all)
}

/// Experiments that touch an objective now, for messages about it.
///
/// # Errors
/// When the state cannot be read.
pub fn near(
    changes: &state::Changes<'_>,
    slo: &str,
    now: UnixNanos,
) -> Result<Vec<notify::notification::ExperimentRef>> {
    const RECENT: i64 = 3_600 * 1_000_000_000;
    let held: Vec<(String, Experiment)> = changes.list(COLLECTION)?;
    let touches = |it: &Experiment| {
        let near = it.span(now).is_some_and(|(_, end)| now.since(end) < RECENT);
        near && it.may_spend(slo)
    };
    let told = held.into_iter().map(|(_, it)| it).filter(touches).take(8);
    Ok(told
        .map(|it| notify::notification::ExperimentRef {
            charge: it
                .charges
                .iter()
                .find(|charge| charge.slo == slo)
                .map(|it| it.net_charge),
            id: it.id,
            name: it.name,
            owner: it.owner,
        })
        .collect())
}

/// Takes updates, all or none.
///
/// # Errors
/// When there are too many experiments, or the state refuses.
pub fn take(state: &State, updates: Vec<Update>) -> Result<Vec<Experiment>> {
    state.write(|changes| {
        let mut taken = Vec::new();
        for mut update in updates {
            if update.tool.as_deref() == Some("chaos-toolkit") {
                let held: Vec<(String, Experiment)> = changes.list(COLLECTION)?;
                identify(&mut update, held.iter().map(|(_, it)| it));
            }
            let id = update.id.clone();
            let experiment = match changes.get::<Experiment>(COLLECTION, &id)? {
                Some(mut held) => {
                    held.take(update);
                    held
                }
                None => {
                    forget_old(changes)?;
                    Experiment::new(update)
                }
            };
            changes.put(COLLECTION, &id, &experiment)?;
            taken.push(experiment);
        }
        Ok(taken)
    })
}

fn forget_old(changes: &state::Changes<'_>) -> Result<()> {
    if changes.count(COLLECTION)? < MOST as u64 {
        return Ok(());
    }
    let mut held: Vec<(String, Experiment)> = changes.list(COLLECTION)?;
    held.retain(|(_, it)| it.phase.is_over());
    held.sort_by_key(|(_, it)| it.start);
    let oldest = held.first();
    let Some((key, _)) = oldest else {
        bail!("there are {MOST} experiments that are not over: end some");
    };
    changes.remove(COLLECTION, key)?;
    Ok(())
}

/// Ends one now.
///
/// # Errors
/// When there is no such experiment, or it is over.
pub fn end(state: &State, id: &str, now: UnixNanos) -> Result<Experiment> {
    state.write(|changes| {
        let Some(mut held) = changes.get::<Experiment>(COLLECTION, id)? else {
            bail!("there is no experiment '{id}'");
        };
        if held.phase.is_over() {
            bail!("experiment '{id}' is {} already", held.phase.as_str());
        }
        held.take(Update {
            id: id.to_owned(),
            phase: Some(Phase::Stopped),
            end: Some(now),
            at: now,
            ..Update::default()
        });
        changes.put(COLLECTION, id, &held)?;
        Ok(held)
    })
}
