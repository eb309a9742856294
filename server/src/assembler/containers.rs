//! Tasks and jobs: descriptions held and new, merged and built again.

use super::{Assembler, Counts, Touched, group_by, workflows::merge_documents};
use analysis::containers;
use anyhow::Result;
use model::{Attempt, Document, DocumentKind, Job, TraceId};
use std::collections::BTreeSet;
use store::{Table, Unit, rows};

/// True for the description of a task or job: its subject is no execution.
pub(super) fn is_of_container(document: &Document) -> bool {
    matches!(document.kind, DocumentKind::Task | DocumentKind::Job)
}

impl Assembler {
    pub(super) async fn rebuild_jobs(
        &self,
        documents: Vec<Document>,
        touched: &mut Touched,
    ) -> Result<()> {
        if documents.is_empty() {
            return Ok(());
        }
        let new = group_by(documents, |it| it.execution_arn.clone());
        let ids: Vec<TraceId> = new.keys().map(|id| TraceId::of_execution(id)).collect();
        let mut held = group_by(self.held.documents(&ids).await?, |it| {
            it.execution_arn.clone()
        });
        let mut changed = BTreeSet::new();
        for (id, new) in new {
            let (documents, count) = merge_documents(held.remove(&id).unwrap_or_default(), new);
            let Some(built) = containers::build(&documents).filter(|_| count > 0) else {
                continue;
            };
            self.count(Counts {
                documents: count,
                ..Counts::default()
            });
            changed.insert(id.clone());
            changed.extend(built.job.parent_job_id.clone());
            let tables = vec![
                (Table::Documents, rows::documents(&documents)?),
                (Table::Jobs, rows::jobs(std::slice::from_ref(&built.job))?),
                (Table::Spans, rows::spans(&built.spans)?),
            ];
            let id = TraceId::of_execution(&id);
            self.held.store.replace(Unit { id, tables }).await?;
        }
        if !changed.is_empty() {
            let waiting = self.held.attempts_where("job_id", &changed, None).await?;
            touched
                .rejoined
                .extend(waiting.into_iter().map(|it| it.trace_id));
        }
        Ok(())
    }

    /// The tasks and jobs that these attempts waited for, with the children of arrays.
    pub(super) async fn jobs_of(&self, attempts: &[Attempt]) -> Result<Vec<Job>> {
        let ids: BTreeSet<String> = attempts.iter().filter_map(|it| it.job_id.clone()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut jobs = self.held.jobs_where("job_id", &ids).await?;
        let arrays: BTreeSet<String> = jobs
            .iter()
            .filter(|it| it.array_size.is_some())
            .map(|it| it.job_id.clone())
            .collect();
        if !arrays.is_empty() {
            jobs.extend(self.held.jobs_where("parent_job_id", &arrays).await?);
        }
        Ok(jobs)
    }
}
