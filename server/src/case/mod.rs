//! Introduces cases to judgement: loads everything that is held about an execution, and what its siblings tell,
//! hands it to `analysis::case::judge`, and keeps the verdict.
//!
//! | Module | What it does |
//! |---|---|
//! | [`letters`] | who received messages that were never answered, and jobs |
//! | [`load`] | one case, or many, in few look-ups |
//! | [`world`] | siblings, changes, load around an execution |
//! | [`job`] | judges what changed, at the end of an import and while serving |
//! | [`mysteries`] | verdicts grouped by culprit |
//! | [`services`] | suspects in plain traces and logs, without a workflow |

mod job;
mod letters;
mod load;
pub mod mysteries;
pub mod services;
mod world;

use crate::assembler::held::Held;
use analysis::case::{self, Profile};
use anyhow::{Result, bail};
use model::{Change, Execution, TraceId, Verdict};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

/// Judges executions. Clones are the same.
#[derive(Clone)]
pub struct Court {
    held: Held,
    profiles: Arc<Mutex<HashMap<TraceId, Arc<Profile>>>>,
    news: Arc<Mutex<Option<Arc<Vec<Change>>>>>,
    rosters: Arc<Mutex<HashMap<String, Arc<Vec<world::Sibling>>>>>,
}

impl Court {
    /// A court over what is held.
    pub fn new(held: Held) -> Self {
        Court {
            held,
            profiles: Arc::default(),
            news: Arc::default(),
            rosters: Arc::default(),
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
        self.forget(&only);
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
        let mut all = Vec::new();
        for case in cases {
            let world = self.world(&case).await?;
            let judged = tokio::task::spawn_blocking(move || {
                let verdict = case::judge(&case, &world);
                store::rows::Judged::new(&case.execution, verdict)
            });
            all.push(judged.await?);
        }
        Ok(all)
    }
}
