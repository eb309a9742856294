//! Introduces facts to judgement: what arrives is put beside what is held, `analysis` says what it means, and
//! the rows of every unit that changed take the place of the old ones.
//!
//! A *unit* is an execution or one Lambda invocation. Whatever the order of arrival, and however late,
//! the rows end up the same: each is computed from all facts of its unit, never from the difference.
//!
//! | Module | What it rebuilds |
//! |---|---|
//! | [`workflows`] | executions, from events and documents |
//! | [`adopt`] | executions that came without their ARN first, or once more |
//! | [`lambdas`] | invocations, from the lines of the log streams that got new ones |
//! | [`hops`] | what proxies did, from their spans and access logs; spans of X-Ray |
//! | [`joins`] | joins and cold starts of the executions that may be concerned |
//! | [`containers`] | ECS tasks and Batch jobs, from their descriptions |
//! | [`coverage`] | what must exist of an execution and has not arrived |
//! | [`accounts`] | where time and money of these executions went |
//! | [`changes`] | deployments that were told, and versions that were not there before |
//! | [`described`] | whether a description and a nameless history are of one execution |
//! | [`held`] | what is held already |

mod accounts;
mod adopt;
mod changes;
mod containers;
mod coverage;
mod described;
pub(crate) mod held;
mod hops;
mod joins;
mod lambdas;
mod workflows;

use crate::live::Live;
use analysis::cost::PriceBook;
use anyhow::{Result, anyhow};
use held::Held;
use ingest::Submitted;
use model::{Batch, TraceId};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use store::{Store, Table, rows};
use tokio::sync::mpsc;

/// Records after which a group of batches is full.
const GROUP_RECORDS: usize = 50_000;

/// How much was new: what an import reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Executions that were not held before, or changed.
    pub executions: u64,
    /// History events that were not held before, or are known better now.
    pub events: u64,
    /// Invocations that were not held before, or changed.
    pub invocations: u64,
    /// Log records that were not held before.
    pub logs: u64,
    /// Spans that were not held before, besides those of executions and invocations.
    pub spans: u64,
    /// Descriptions that were not held before.
    pub documents: u64,
    /// Deployments and other changes that were not held before.
    #[serde(default)]
    pub changes: u64,
}

impl Counts {
    /// True when nothing was new.
    pub fn is_zero(self) -> bool {
        self == Counts::default()
    }

    fn each(self, other: Counts, of: impl Fn(u64, u64) -> u64) -> Counts {
        Counts {
            executions: of(self.executions, other.executions),
            events: of(self.events, other.events),
            invocations: of(self.invocations, other.invocations),
            logs: of(self.logs, other.logs),
            spans: of(self.spans, other.spans),
            documents: of(self.documents, other.documents),
            changes: of(self.changes, other.changes),
        }
    }

    /// Both together.
    pub fn plus(self, other: Counts) -> Counts {
        self.each(other, u64::saturating_add)
    }

    /// What came after `earlier`.
    pub fn since(self, earlier: Counts) -> Counts {
        self.each(earlier, u64::saturating_sub)
    }
}

/// The units that a group of batches changed.
#[derive(Debug, Default)]
struct Touched {
    /// Executions whose rows changed.
    executions: BTreeSet<TraceId>,
    /// Executions whose accounts may have changed: these, and those whose invocations did.
    concerned: BTreeSet<TraceId>,
    /// Executions whose joins may have changed for another reason.
    rejoined: BTreeSet<TraceId>,
    /// Invocations that changed, as they were and as they are.
    invocations: Vec<model::Invocation>,
    /// Request ids that application spans name.
    request_ids: BTreeSet<String>,
}

/// Applies batches, one group at a time. Clones are the same assembler.
#[derive(Clone)]
pub struct Assembler {
    held: Held,
    prices: Arc<PriceBook>,
    live: Live,
    counts: Arc<Mutex<Counts>>,
    changed: Arc<Mutex<BTreeSet<TraceId>>>,
    /// Traces whose context attempts sent, and their executions.
    watched: ingest::Watched,
    /// Whether spans are held that share a unit with those of an execution or an invocation; `None` before anybody looked.
    guests: Arc<Mutex<Option<bool>>>,
    /// Whether executions are held under ids that the import made up; `None` before anybody looked.
    made_up: Arc<Mutex<Option<bool>>>,
    /// When versions were used first.
    first_uses: Arc<Mutex<changes::FirstUses>>,
}

impl Assembler {
    /// An assembler of what `store` holds, which bills by `prices`. It tells `live` which executions changed.
    pub fn new(store: Store, engine: query::Engine, prices: Arc<PriceBook>, live: Live) -> Self {
        Assembler {
            held: Held::new(store, engine),
            prices,
            live,
            counts: Arc::default(),
            changed: Arc::default(),
            watched: ingest::Watched::default(),
            guests: Arc::default(),
            first_uses: Arc::default(),
            made_up: Arc::default(),
        }
    }

    /// Traces that executions wait for spans of.
    pub fn watched(&self) -> ingest::Watched {
        self.watched.clone()
    }

    /// What was new since the start.
    pub fn counts(&self) -> Counts {
        *self.lock()
    }

    /// The executions that changed since it was last asked.
    pub fn take_changed(&self) -> BTreeSet<TraceId> {
        let mut changed = self
            .changed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::take(&mut changed)
    }

    /// What is held, for those who judge it.
    pub fn held(&self) -> &Held {
        &self.held
    }

    fn made_up(&self) -> std::sync::MutexGuard<'_, Option<bool>> {
        self.made_up
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Adds what was new behind the door without passing through here.
    pub fn count(&self, new: Counts) {
        let mut counts = self.lock();
        *counts = counts.plus(new);
    }

    /// Applies what arrives until every sender is gone.
    pub async fn run(self, mut inbox: mpsc::Receiver<Submitted>) {
        while let Some(first) = inbox.recv().await {
            let mut records = first.batch.len();
            let mut group = vec![first];
            while records < GROUP_RECORDS {
                let Ok(next) = inbox.try_recv() else { break };
                records += next.batch.len();
                group.push(next);
            }
            self.apply_group(group).await;
        }
    }

    /// A batch that fails does not take the others of its group with it.
    async fn apply_group(&self, group: Vec<Submitted>) {
        let mut together = Batch::default();
        let single = group.len() == 1;
        for submitted in &group {
            together.append(submitted.batch.clone());
        }
        let outcome = self.apply_isolated(together).await;
        for submitted in group {
            let outcome = match &outcome {
                Err(_) if !single => self.apply_isolated(submitted.batch).await,
                Err(error) => Err(anyhow!("{error:#}")),
                Ok(()) => Ok(()),
            };
            if let Err(error) = &outcome {
                tracing::error!(error = format!("{error:#}"), "a batch could not be applied");
            } else if let Some(position) = submitted.position {
                self.held.store.applied(position);
            }
            // Nobody may be waiting any more: then nobody needs to know.
            let _ = submitted
                .done
                .send(outcome.map_err(|error| format!("{error:#}")));
        }
    }

    /// In a task of its own, so that a defect in judgement ends a batch and not the server.
    async fn apply_isolated(&self, batch: Batch) -> Result<()> {
        let assembler = self.clone();
        let task = tokio::spawn(async move { assembler.apply(batch).await });
        task.await.map_err(|error| anyhow!("a defect: {error}"))?
    }

    #[tracing::instrument(skip_all, fields(records = batch.len()))]
    async fn apply(&self, batch: Batch) -> Result<()> {
        let mut touched = Touched::default();
        self.append_spans(&batch, &mut touched).await?;
        self.rebuild_segments(&batch.spans).await?;
        if !batch.logs.is_empty() {
            let appended = self
                .held
                .store
                .append(Table::Logs, rows::logs(&batch.logs)?)
                .await?;
            self.count(Counts {
                logs: appended.rows as u64,
                ..Counts::default()
            });
        }
        self.rebuild_hops(&batch).await?;
        let streams = lambdas::streams(&batch.logs);
        let (containers, documents): (Vec<_>, Vec<_>) = batch
            .documents
            .into_iter()
            .partition(containers::is_of_container);
        self.rebuild_jobs(containers, &mut touched).await?;
        self.rebuild_executions(batch.events, documents, &mut touched)
            .await?;
        self.rebuild_invocations(streams, &mut touched).await?;
        self.rejoin(&mut touched).await?;
        self.append_changes(&batch.changes).await?;
        // A hint must not hold up facts.
        if let Err(error) = self.derive_changes(&touched).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "versions could not be compared"
            );
        }
        self.account(&mut touched).await?;
        self.changed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .extend(touched.executions.iter().copied());
        self.live.changed(touched.executions);
        Ok(())
    }

    async fn append_spans(&self, batch: &Batch, touched: &mut Touched) -> Result<()> {
        let ids = batch.spans.iter().filter_map(joins::request_id);
        touched.request_ids.extend(ids.map(str::to_owned));
        let waiting = batch.spans.iter();
        let waiting = waiting.filter_map(|span| self.watched.who(span.trace_id));
        touched.rejoined.extend(waiting);
        let appended = |span: &&model::Span| span.source.is_appended();
        let spans: Vec<_> = batch.spans.iter().filter(appended).cloned().collect();
        if spans.is_empty() {
            return Ok(());
        }
        let appended = self
            .held
            .store
            .append(Table::Spans, rows::spans(&spans)?)
            .await?;
        self.count(Counts {
            spans: appended.rows as u64,
            ..Counts::default()
        });
        Ok(())
    }
}

/// Groups rows by a key, in the order of the keys.
fn group_by<T, K: Ord>(
    rows: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> BTreeMap<K, Vec<T>> {
    let mut groups: BTreeMap<K, Vec<T>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
}
