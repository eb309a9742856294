//! What is new, as server-sent events.

use super::{App, params::NoParams};
use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::Stream;
use model::{TraceId, api::LiveUpdate};
use std::{collections::BTreeSet, convert::Infallible, time::Duration};
use store::Table;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, timeout_at},
};

/// Changes of so long are told together.
const TOGETHER: Duration = Duration::from_millis(400);
/// How often the number of spans is looked at when no execution changes.
const QUIET: Duration = Duration::from_secs(2);
/// Rows of one update.
const ROWS: usize = 100;

struct Watch {
    app: App,
    changes: Receiver<BTreeSet<TraceId>>,
    told_spans: Option<u64>,
}

/// `GET /api/v1/live`: an event `executions` with a [`LiveUpdate`] at once, then whenever something
/// changes.
pub async fn live(
    _: NoParams,
    State(app): State<App>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ending = app.ending.clone();
    let watch = Watch {
        changes: app.live.subscribe(),
        app,
        told_spans: None,
    };
    let updates = futures::stream::unfold(watch, |mut watch| async move {
        let update = watch.next().await?;
        let event = Event::default()
            .event("executions")
            .json_data(update)
            .ok()?;
        Some((Ok(event), watch))
    });
    let updates = futures::StreamExt::take_until(updates, async move { ending.cancelled().await });
    Sse::new(updates).keep_alive(KeepAlive::default())
}

impl Watch {
    /// The next update; `None` when the server ends.
    async fn next(&mut self) -> Option<LiveUpdate> {
        loop {
            let changed = match self.told_spans {
                None => BTreeSet::new(),
                Some(_) => self.changed().await?,
            };
            let spans = self.app.store.snapshot().rows(Table::Spans);
            if !changed.is_empty() || self.told_spans != Some(spans) {
                self.told_spans = Some(spans);
                return Some(self.update(changed, spans).await);
            }
        }
    }

    /// What changed until now, together with what changes right after; empty after a quiet while.
    async fn changed(&mut self) -> Option<BTreeSet<TraceId>> {
        let mut all = BTreeSet::new();
        let mut until = Instant::now() + QUIET;
        loop {
            match timeout_at(until, self.changes.recv()).await {
                Err(_) => return Some(all),
                Ok(Err(RecvError::Closed)) => return None,
                // What was missed is on the page when it is loaded again; the totals are right.
                Ok(Err(RecvError::Lagged(_))) => {}
                Ok(Ok(changed)) => {
                    if all.is_empty() {
                        until = Instant::now() + TOGETHER;
                    }
                    all.extend(changed);
                }
            }
        }
    }

    async fn update(&self, changed: BTreeSet<TraceId>, spans: u64) -> LiveUpdate {
        let snapshot = self.app.store.snapshot();
        let ids: Vec<TraceId> = changed.into_iter().collect();
        let engine = &self.app.engine;
        let rows = match engine.execution_rows(&snapshot, &ids, ROWS).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "changed executions cannot be read");
                Vec::new()
            }
        };
        LiveUpdate {
            rows,
            total: snapshot.rows(Table::Executions),
            spans,
        }
    }
}
