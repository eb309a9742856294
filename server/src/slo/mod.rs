//! Objectives: their definitions, what is counted for them, and how they stand.
//!
//! | Module | What it does |
//! |---|---|
//! | [`definitions`] | files: read, watched, written |
//! | [`check`](mod@check) | SQL in definitions, planned before it is used |
//! | [`count`] | events by minute, from the tables |
//! | [`series`] | counts by indicator, kept up to date minute by minute |
//! | [`board`] | how every objective stands at a moment |
//! | [`keeper`] | evaluates when a minute is over or data came late; writes what was decided |
//! | [`names`] | names that nothing held has |
//! | [`receivers`] | names of receivers that nobody has |
//! | [`rest`] | events without those of experiments, for alerts |
//! | [`incidents`] | alerts, as they are kept |
//! | [`generations`] | definitions that change while they alert |
//! | [`culprits`] | who burns a budget |
//! | [`notices`] | budgets that go, data that stops, incidents that are explained later |
//! | [`pages`], [`tables`], [`metrics`] | the same for the browser, for SQL, for Prometheus |
//!
//! Evaluation is in event time. A minute whose rows changed is counted again as a whole, so that what is
//! late, delivered twice or redriven needs no rule of its own.

mod board;
pub mod check;
mod count;
mod culprits;
pub mod definitions;
mod generations;
mod incidents;
mod keeper;
mod metrics;
pub mod names;
mod notices;
mod pages;
pub mod receivers;
pub mod replay;
mod rest;
mod series;
mod tables;

pub use board::{Board, Unit};
pub use culprits::path;
pub use incidents::{Incident, all as all_incidents};
pub use rest::measure;
pub use tables::show;

use crate::{alerts::Alerts, config::Config, experiments::Experiments};
use definitions::Places;
use query::Engine;
use state::State;
use std::sync::{Arc, OnceLock, RwLock};
use store::Store;

/// The objectives of this server. Clones are the same.
#[derive(Clone)]
pub struct Slos(Arc<Inner>);

struct Inner {
    places: Places,
    store: Store,
    /// For counting: a query of somebody else that uses the budget must not stop alerts.
    engine: Engine,
    state: State,
    board: RwLock<Arc<Board>>,
    /// Told when the board was written.
    published: tokio::sync::Notify,
    /// Why the last evaluation failed.
    trouble: RwLock<Option<String>>,
    keeper: tokio::sync::Mutex<keeper::Keeper>,
    rows: metrics::Rows,
    alerts: Alerts,
    experiments: OnceLock<Experiments>,
}

impl Slos {
    /// The objectives of a data folder. Nothing is evaluated yet.
    pub fn new(config: &Config, store: Store, engine: Engine, alerts: Alerts) -> Self {
        Slos(Arc::new(Inner {
            places: Places {
                folder: config.data.join("slo"),
                more: config.slo_files.clone(),
            },
            store,
            engine,
            state: alerts.state.clone(),
            board: RwLock::default(),
            published: tokio::sync::Notify::new(),
            trouble: RwLock::default(),
            keeper: tokio::sync::Mutex::default(),
            rows: metrics::Rows::default(),
            alerts,
            experiments: OnceLock::new(),
        }))
    }

    /// Whose events alerts leave out; the first call holds.
    pub fn leave_out(&self, experiments: Experiments) {
        let _ = self.0.experiments.set(experiments);
    }

    /// How things stood at the last evaluation.
    pub fn board(&self) -> Arc<Board> {
        let board = self.0.board.read();
        board
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    fn publish(&self, board: Board) {
        let held = self.0.board.write();
        *held.unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(board);
        self.0.published.notify_waiters();
    }

    /// The text that a Prometheus scrapes.
    pub async fn metrics(&self) -> String {
        let mut text = metrics::metrics(&self.board());
        let snapshot = self.0.store.snapshot();
        text += &self.0.rows.text(&self.0.engine, &snapshot).await;
        text
    }

    /// Mistakes in the SQL of a text that defines objectives.
    pub async fn mistakes(&self, text: &str, slos: &[slo::Slo]) -> Vec<slo::Finding> {
        let snapshot = self.0.store.snapshot();
        check::check(&self.0.engine, &snapshot, slos, |_| Some(text.to_owned())).await
    }

    /// Names in objectives that nothing held has, and that are probably misspelt.
    pub async fn misspelt(&self, slos: impl IntoIterator<Item = &slo::Slo>) -> Vec<slo::Finding> {
        let snapshot = self.0.store.snapshot();
        names::misspelt(&self.0.engine, &snapshot, slos).await
    }

    /// Receivers that an objective asks for and nobody has.
    pub fn unknown_receivers(&self, slo: &slo::Slo) -> Vec<slo::Finding> {
        receivers::unknown(slo, &self.0.alerts.receivers(), "receivers.toml")
    }

    /// Where definitions are.
    pub fn places(&self) -> &Places {
        &self.0.places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Core;
    use model::api::slo::SloStatus;
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_overview_does_not_wait_for_the_first_evaluation() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = folder.path().join("slo");
        std::fs::create_dir_all(&places).expect("made");
        let text = "slo: orders\ntarget: 99%\nindicator: {workflow: orders}\n";
        std::fs::write(places.join("orders.yaml"), text).expect("written");
        let config = Config {
            data: folder.path().to_owned(),
            ..Config::default()
        };
        let core = Core::open(&config).await.expect("opens");
        let slos = core.slos.clone();
        // What a round does first; the rest of it may take long.
        slos.publish(Board {
            definitions: Arc::new(slos.places().load()),
            ..Board::default()
        });
        let page = slos.page().expect("a page");
        assert_eq!(page.evaluated_at, None);
        assert_eq!(
            (page.rows[0].name.as_str(), page.rows[0].status),
            ("orders", SloStatus::Evaluating)
        );
        assert!(
            page.rows[0]
                .reason
                .as_deref()
                .is_some_and(|it| it.contains("just started"))
        );
        assert!(!slos.evaluated(Duration::from_millis(20)).await);
        // Whoever waits is told.
        let waiting = tokio::spawn({
            let slos = slos.clone();
            async move { slos.evaluated(Duration::from_secs(60)).await }
        });
        slos.evaluate_now().await.expect("evaluates");
        assert!(waiting.await.expect("it ends"));
        let page = slos.page().expect("a page");
        assert_eq!(page.rows[0].status, SloStatus::Unknown);
        assert!(page.evaluated_at.is_some());
        core.close().await.expect("closes");
    }
}
