//! The loop around a collector.

use super::{Asker, Sources, table};
use crate::{clock, importer::Way};
use collectors::{
    collect::{Advice, Collector, Failure, Order, Outlet},
    import::Chunk,
};
use model::{Batch, UnixNanos};
use serde_json::Value;
use state::State;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Collection of what collectors keep, in the operational state.
const KEPT: &str = "collectors";
/// First wait after a failure, doubled with each further one…
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// …up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Failures after which a single pass is given up.
const PATIENCE: u32 = 8;
/// Orders of one collector that may wait.
const WAITING: usize = 16;

/// What a loop works with.
#[derive(Clone)]
pub struct Surroundings {
    /// Where facts go.
    pub way: Arc<Way>,
    /// Where cursors are kept.
    pub state: Arc<State>,
    /// Who knows what is wanted.
    pub asker: Asker,
    /// Who is told how it goes.
    pub sources: Sources,
    /// Cancelled at the end.
    pub ending: CancellationToken,
}

/// Runs a collector until the end, or with `once` until it has caught up.
///
/// # Errors
/// With `once`: the failure that stood in the way.
pub async fn run(
    mut collector: Box<dyn Collector>,
    around: Surroundings,
    once: bool,
) -> Result<(), Failure> {
    let name = collector.about().name;
    around
        .sources
        .add(collector.about(), collector.meter().clone());
    if let Some(kept) = kept(&around.state, &name).await {
        collector.remember(kept);
    }
    let (orders, inbox) = mpsc::channel(WAITING);
    let outlet = Outlet::new(orders, clock::now);
    let serving = tokio::spawn(serve(inbox, around.clone(), name.clone()));
    let outcome = rounds(&mut *collector, &outlet, &around, &name, once).await;
    drop(outlet);
    // What was handed over before the end is still taken.
    let _ = serving.await;
    outcome
}

async fn rounds(
    collector: &mut dyn Collector,
    outlet: &Outlet,
    around: &Surroundings,
    name: &str,
    once: bool,
) -> Result<(), Failure> {
    let mut failures = 0;
    loop {
        let outcome = tokio::select! {
            outcome = collector.round(outlet) => outcome,
            () = around.ending.cancelled() => return Ok(()),
        };
        let wait = match outcome {
            Ok(round) => {
                failures = 0;
                tracing::debug!(source = name, detail = round.detail, "a round has ended");
                around.sources.ended(name, &round);
                stands(around, name).await;
                if once && round.caught_up {
                    return Ok(());
                }
                round.wait
            }
            Err(failure) if failure.advice == Advice::End => return Ok(()),
            Err(failure) => {
                failures += 1;
                let wait = backoff(failures);
                tracing::warn!(source = name, %failure, wait_s = wait.as_secs(), "collecting failed");
                around.sources.failed(name, &failure, Some(wait));
                stands(around, name).await;
                let hopeless = matches!(failure.advice, Advice::Change | Advice::Unreachable);
                if once && (failures >= PATIENCE || hopeless) {
                    return Err(failure);
                }
                wait
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = around.ending.cancelled() => return Ok(()),
        }
    }
}

/// Keeps how the source stands.
async fn stands(around: &Surroundings, name: &str) {
    let (sources, state) = (around.sources.clone(), around.state.clone());
    let name = name.to_owned();
    let kept = tokio::task::spawn_blocking(move || table::keep(&sources, &state, &name));
    // It is told again after the next round.
    let _ = kept.await;
}

/// Doubled with each failure, and a random half of it, so that many do not come back together.
fn backoff(failures: u32) -> Duration {
    let full = FIRST_WAIT.saturating_mul(1 << failures.min(16).saturating_sub(1));
    full.min(LONGEST_WAIT).mul_f64(0.5 + fastrand::f64() / 2.0)
}

async fn kept(state: &Arc<State>, name: &str) -> Option<Value> {
    let (state, key) = (state.clone(), name.to_owned());
    let read = tokio::task::spawn_blocking(move || state.get::<Value>(KEPT, &key)).await;
    match read {
        Ok(Ok(kept)) => kept,
        Ok(Err(error)) => {
            tracing::warn!(source = name, %error, "what was kept cannot be read; collecting begins anew");
            None
        }
        Err(_) => None,
    }
}

/// Answers the orders of a collector, one after another: what is kept is never ahead of what is durable.
async fn serve(mut inbox: mpsc::Receiver<Order>, around: Surroundings, name: String) {
    while let Some(order) = inbox.recv().await {
        match order {
            Order::Take(chunk, answer) => {
                let (records, newest) = size(&chunk);
                let outcome = around.way.send(chunk).await;
                if outcome.is_ok() {
                    around.sources.took(&name, records, newest);
                }
                // A collector that was ended waits no more.
                let _ = answer.send(outcome);
            }
            Order::Keep(kept, answer) => {
                let (state, key) = (around.state.clone(), name.clone());
                let written = tokio::task::spawn_blocking(move || state.put(KEPT, &key, &kept));
                let outcome = match written.await {
                    Ok(outcome) => outcome.map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                let _ = answer.send(outcome);
            }
            Order::Want(answer) => {
                let _ = answer.send(around.asker.wanted().await);
            }
            Order::Whole(arns, answer) => {
                let _ = answer.send(around.asker.whole(&arns).await);
            }
        }
    }
}

/// How many records, and the time of the newest.
pub fn size(chunk: &Chunk) -> (u64, Option<UnixNanos>) {
    match chunk {
        Chunk::Batch(batch) => (batch.len() as u64, newest(batch)),
        _ => (1, None),
    }
}

fn newest(batch: &Batch) -> Option<UnixNanos> {
    let events = batch.events.iter().map(|event| event.time);
    let logs = batch.logs.iter().map(|log| log.time);
    let spans = batch.spans.iter().map(|span| span.end_time);
    events.chain(logs).chain(spans).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_growing() {
        for failures in 1..40 {
            let wait = backoff(failures);
            assert!(wait >= FIRST_WAIT / 2 && wait <= LONGEST_WAIT, "{wait:?}");
        }
        assert!(backoff(20) >= LONGEST_WAIT / 2);
    }
}
