//! Introduces cases to judgement: loads everything that is held about an execution, and what its siblings tell,
//! hands it to `analysis::case::judge`, and keeps the verdict.
//!
//! | Module | What it does |
//! |---|---|
//! | [`letters`] | who received messages that were never answered, and jobs |
//! | [`follow`] | what functions called by themselves, and who took messages |
//! | [`load`] | one case, or many, in few look-ups |
//! | [`world`] | siblings, changes, load around an execution |
//! | [`job`] | judges what changed, at the end of an import and while serving |
//! | [`again`] | which others are looked at again then, and in how much of the time |
//! | [`roster`], [`enrol`] | who ran when, read for all workflows of a round together and kept up to date |
//! | [`recent`] | memory of what was used lately |
//! | [`mysteries`] | verdicts grouped by culprit |
//! | [`services`] | suspects in plain traces and logs, without a workflow |

mod again;
mod enrol;
mod follow;
mod job;
mod letters;
mod load;
pub mod mysteries;
mod numbers;
mod recent;
mod roster;
pub mod services;
mod spoken;
#[cfg(test)]
mod tests;
mod world;

use crate::assembler::held::Held;
use analysis::case::{self, Profile};
use anyhow::{Result, bail};
use model::{Change, Execution, TraceId, Verdict};
use recent::Recent;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What profiles in memory weigh at most in each of two generations, in things of some 200 bytes.
const MOST_REMEMBERED: usize = 300_000;
/// Executions of which it is known whether their verdict hangs on others, in each of two generations.
const MOST_KNOWN: usize = 200_000;

/// Judges executions. Clones are the same.
#[derive(Clone)]
pub struct Court {
    held: Held,
    profiles: Arc<Mutex<Recent<Arc<Profile>>>>,
    news: Arc<Mutex<Option<Arc<Vec<Change>>>>>,
    kept: Arc<Mutex<enrol::Kept>>,
    /// Nobody enlists while another reads what is enlisted.
    enrolling: Arc<tokio::sync::Mutex<()>>,
    /// Whether the verdict of an execution may change with its siblings.
    hanging: Arc<Mutex<Recent<bool>>>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Court {
    /// A court over what is held.
    pub fn new(held: Held) -> Self {
        Court {
            held,
            profiles: Arc::new(Mutex::new(Recent::new(MOST_REMEMBERED))),
            news: Arc::default(),
            kept: Arc::default(),
            enrolling: Arc::default(),
            hanging: Arc::new(Mutex::new(Recent::new(MOST_KNOWN))),
        }
    }

    /// The verdict on an execution: the one that is kept, else one that is found now.
    ///
    /// # Errors
    /// When no such execution is held, or it cannot be read.
    pub async fn verdict(&self, id: TraceId) -> Result<(Execution, Verdict)> {
        let Some(execution) = self.held.executions(&[id]).await?.into_iter().next() else {
            bail!("no execution with the trace {id} is held");
        };
        if let Some(kept) = self.held.verdicts(&[id]).await?.into_iter().next() {
            return Ok((execution, kept.verdict));
        }
        let only = BTreeSet::from([id]);
        self.enlist(&only).await?;
        let found = self.find(&only).await?;
        match found.into_iter().next() {
            Some(judged) => Ok((execution, judged.verdict)),
            None => bail!("the execution with the trace {id} cannot be judged"),
        }
    }

    /// Judges executions without keeping anything.
    async fn find(&self, ids: &BTreeSet<TraceId>) -> Result<Vec<store::rows::Judged>> {
        let ids: Vec<TraceId> = ids.iter().copied().collect();
        let cases = self.cases(&ids).await?;
        self.prepare(&cases).await?;
        let mut all = Vec::new();
        for case in cases {
            let world = self.world(&case).await?;
            let judged = tokio::task::spawn_blocking(move || {
                let verdict = case::judge(&case, &world);
                (store::rows::Judged::new(&case.execution, verdict), case)
            });
            let (judged, case) = judged.await?;
            self.remember(case).await?;
            all.push(judged);
        }
        Ok(all)
    }
}
