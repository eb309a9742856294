//! Coverage: what must exist of the executions concerned, against what has arrived; and upwards, because what
//! a child lacks, its parent lacks.

use super::{Assembler, Touched, group_by};
use analysis::coverage::{self, Child, Known, MapRun, Orphan};
use anyhow::Result;
use model::{
    Attempt, Document, DocumentKind, Execution, Invocation, Join, JoinMethod, Span, State, TraceId,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use store::{Table, Units, rows};

/// Executions judged together, to bound memory.
const AT_ONCE: usize = 1_000;
/// How far up parents are judged again.
const GENERATIONS: usize = 10;

impl Assembler {
    /// Judges the coverage of these executions anew, then of those that started them.
    pub(super) async fn cover(&self, ids: BTreeSet<TraceId>, touched: &mut Touched) -> Result<()> {
        let mut ids = ids;
        for _ in 0..GENERATIONS {
            let mut changed = BTreeSet::new();
            let list: Vec<TraceId> = ids.iter().copied().collect();
            for part in list.chunks(AT_ONCE) {
                changed.extend(self.cover_part(part).await?);
            }
            touched.executions.extend(&changed);
            ids = self.parents_of(&changed).await?;
            if ids.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Executions that started one of these, or of whose map runs these are children.
    pub(super) async fn parents_of(&self, ids: &BTreeSet<TraceId>) -> Result<BTreeSet<TraceId>> {
        let ids: Vec<TraceId> = ids.iter().copied().collect();
        let mut parents = BTreeSet::new();
        for part in ids.chunks(AT_ONCE) {
            let executions = self.held.executions(part).await?;
            let runs: BTreeSet<String> = executions
                .iter()
                .filter_map(|it| it.map_run_arn.clone())
                .collect();
            let arns: BTreeSet<String> =
                executions.into_iter().map(|it| it.execution_arn).collect();
            if !runs.is_empty() {
                let states = self.held.states_where("map_run_arn", &runs).await?;
                parents.extend(states.into_iter().map(|it| it.trace_id));
            }
            if !arns.is_empty() {
                let attempts = self
                    .held
                    .attempts_where("child_execution_arn", &arns, None)
                    .await?;
                parents.extend(attempts.into_iter().map(|it| it.trace_id));
            }
        }
        Ok(parents)
    }

    /// Executions that are held and that these attempts started, or that are children of these map runs.
    pub(super) async fn children_of(
        &self,
        states: &[State],
        attempts: &[Attempt],
    ) -> Result<Vec<Child>> {
        let runs: BTreeSet<String> = states
            .iter()
            .filter_map(|it| it.map_run_arn.clone())
            .collect();
        let mut children = Vec::new();
        if !runs.is_empty() {
            let found = self.held.executions_where("map_run_arn", &runs).await?;
            children.extend(found.into_iter().map(|execution| Child {
                map_run_arn: execution.map_run_arn.clone(),
                execution,
            }));
        }
        let ids: BTreeSet<TraceId> = attempts
            .iter()
            .filter_map(|it| it.child_execution_arn.as_deref())
            .map(TraceId::of_execution)
            .collect();
        let ids: Vec<TraceId> = ids.into_iter().collect();
        for execution in self.held.executions(&ids).await? {
            children.push(Child {
                map_run_arn: None,
                execution,
            });
        }
        Ok(children)
    }

    /// Returns those whose row has changed.
    async fn cover_part(&self, ids: &[TraceId]) -> Result<Vec<TraceId>> {
        let executions = self.held.executions(ids).await?;
        let with_runs: Vec<TraceId> = executions
            .iter()
            .filter(|it| it.map_runs > 0)
            .map(|it| it.trace_id)
            .collect();
        let states = self.held.states(&with_runs).await?;
        let attempts = self.held.attempts(ids).await?;
        let joins = self.held.joins(ids).await?;
        let children = self.children_of(&states, &attempts).await?;
        let facts = Facts {
            invocations: self.joined_invocations(&joins).await?,
            jobs: self
                .jobs_of(&attempts)
                .await?
                .into_iter()
                .filter(|job| job.end_time.is_some())
                .map(|job| job.job_id)
                .collect(),
            spans: self.joined_spans(&joins).await?,
            children,
            documents: group_by(self.held.documents(&with_runs).await?, |it| {
                it.execution_arn.clone()
            }),
            states: group_by(states, |it| it.trace_id),
            attempts: group_by(attempts, |it| it.trace_id),
            joins: group_by(joins, |it| it.execution_arn.clone()),
        };
        let judge = move || facts.judge(executions);
        let changed = tokio::task::spawn_blocking(judge).await?;
        let ids: Vec<TraceId> = changed.iter().map(|it| it.trace_id).collect();
        if !ids.is_empty() {
            let tables = vec![(Table::Executions, rows::executions(&changed)?)];
            self.held
                .store
                .replace_all(Units {
                    ids: ids.clone(),
                    tables,
                })
                .await?;
        }
        Ok(ids)
    }

    async fn joined_invocations(&self, joins: &[Join]) -> Result<Vec<Invocation>> {
        let ids: BTreeSet<TraceId> = joins
            .iter()
            .filter(|it| it.child.kind == "invocation")
            .map(|it| it.child.trace_id)
            .collect();
        let ids: Vec<TraceId> = ids.into_iter().collect();
        self.held.invocations(&ids).await
    }

    /// Spans of applications in the traces that are joined.
    async fn joined_spans(&self, joins: &[Join]) -> Result<BTreeMap<TraceId, Vec<Span>>> {
        let ids: BTreeSet<TraceId> = joins
            .iter()
            .filter(|it| it.child.kind == "span")
            .map(|it| it.child.trace_id)
            .collect();
        let ids: Vec<TraceId> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(group_by(self.held.spans(&ids).await?, |it| it.trace_id))
    }
}

/// What is held of a group of executions.
struct Facts {
    states: BTreeMap<TraceId, Vec<State>>,
    attempts: BTreeMap<TraceId, Vec<Attempt>>,
    joins: BTreeMap<String, Vec<Join>>,
    invocations: Vec<Invocation>,
    documents: BTreeMap<String, Vec<Document>>,
    children: Vec<Child>,
    jobs: BTreeSet<String>,
    spans: BTreeMap<TraceId, Vec<Span>>,
}

impl Facts {
    /// The rows that differ from those held.
    fn judge(mut self, executions: Vec<Execution>) -> Vec<Execution> {
        let mut changed = Vec::new();
        for before in executions {
            let mut after = before.clone();
            let coverage = self.coverage(&before);
            coverage::note(&mut after, &coverage);
            if after != before {
                changed.push(after);
            }
        }
        changed
    }

    fn coverage(&mut self, execution: &Execution) -> model::Coverage {
        let id = execution.trace_id;
        let states = self.states.remove(&id).unwrap_or_default();
        let attempts = self.attempts.remove(&id).unwrap_or_default();
        let joins = self
            .joins
            .remove(&execution.execution_arn)
            .unwrap_or_default();
        let documents = self
            .documents
            .remove(&execution.execution_arn)
            .unwrap_or_default();
        let map_runs: Vec<MapRun> = documents
            .iter()
            .filter(|it| it.kind == DocumentKind::MapRun)
            .filter_map(|it| MapRun::read(&it.body))
            .collect();
        let children = self.own_children(&states, &attempts);
        let joined: HashSet<_> = joins.iter().map(|it| it.child.span_id).collect();
        let invocations: Vec<Invocation> = self
            .invocations
            .iter()
            .filter(|it| joined.contains(&it.span_id))
            .cloned()
            .collect();
        let (orphans, with_parent) = self.orphans(&joins);
        let known = Known {
            states: &states,
            attempts: &attempts,
            joins: &joins,
            invocations: &invocations,
            map_runs: &map_runs,
            children: &children,
            jobs: Some(&self.jobs),
            orphans: &orphans,
            with_parent,
        };
        coverage::coverage(execution, &known)
    }

    fn own_children(&self, states: &[State], attempts: &[Attempt]) -> Vec<Child> {
        let runs: HashSet<&str> = states
            .iter()
            .filter_map(|it| it.map_run_arn.as_deref())
            .collect();
        let arns: HashSet<&str> = attempts
            .iter()
            .filter_map(|it| it.child_execution_arn.as_deref())
            .collect();
        let own = |child: &&Child| {
            let of_run = child
                .map_run_arn
                .as_deref()
                .is_some_and(|arn| runs.contains(arn));
            of_run
                || (child.map_run_arn.is_none()
                    && arns.contains(child.execution.execution_arn.as_str()))
        };
        self.children.iter().filter(own).cloned().collect()
    }

    /// Spans below the joined ones whose parent is not here, and how many name a parent.
    fn orphans(&self, joins: &[Join]) -> (Vec<Orphan>, u64) {
        let tops: HashSet<_> = joins
            .iter()
            .map(|it| (it.child.trace_id, it.child.span_id))
            .collect();
        let traces: BTreeSet<TraceId> = joins
            .iter()
            .filter(|it| it.child.kind == "span" && it.method != JoinMethod::FunctionAndTime)
            .map(|it| it.child.trace_id)
            .collect();
        let (mut orphans, mut with_parent) = (Vec::new(), 0);
        for trace in traces {
            let spans = self
                .spans
                .get(&trace)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let held: HashSet<_> = spans.iter().map(|it| it.span_id).collect();
            for span in spans {
                if span.parent_span_id.is_zero() || tops.contains(&(trace, span.span_id)) {
                    continue;
                }
                with_parent += 1;
                if !held.contains(&span.parent_span_id) {
                    orphans.push(Orphan {
                        parent: span.parent_span_id.to_string(),
                        service: span.service_name.clone(),
                        name: span.name.clone(),
                    });
                }
            }
        }
        (orphans, with_parent)
    }
}
