//! Executions: events and documents held and new, merged and built again.

use super::{Assembler, Counts, Touched, group_by};
use analysis::workflow::{self, Merged};
use anyhow::Result;
use model::{Document, HistoryEvent, TraceId, UnixNanos, WorkflowTrace};
use std::collections::{BTreeMap, BTreeSet};
use store::{Table, Unit, rows};

/// New events after which the executions so far are built, to bound memory.
const EVENTS_AT_ONCE: usize = 100_000;

/// New facts of one execution.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) events: Vec<HistoryEvent>,
    pub(super) documents: Vec<Document>,
}

/// One execution, built.
struct Built {
    id: TraceId,
    trace: WorkflowTrace,
    events: Vec<HistoryEvent>,
    documents: Vec<Document>,
    new: Counts,
}

impl Assembler {
    pub(super) async fn rebuild_executions(
        &self,
        events: Vec<HistoryEvent>,
        documents: Vec<Document>,
        touched: &mut Touched,
    ) -> Result<()> {
        let mut news: BTreeMap<String, News> = BTreeMap::new();
        for event in events {
            let arn = event.execution_arn.clone();
            news.entry(arn).or_default().events.push(event);
        }
        for document in documents {
            let arn = document.execution_arn.clone();
            news.entry(arn).or_default().documents.push(document);
        }
        let mut part = BTreeMap::new();
        let mut size = 0;
        for (arn, news) in news {
            size += news.events.len() + 1;
            part.insert(arn, news);
            if size >= EVENTS_AT_ONCE {
                self.rebuild_part(std::mem::take(&mut part), touched)
                    .await?;
                size = 0;
            }
        }
        self.rebuild_part(part, touched).await
    }

    async fn rebuild_part(
        &self,
        news: BTreeMap<String, News>,
        touched: &mut Touched,
    ) -> Result<()> {
        if news.is_empty() {
            return Ok(());
        }
        let (news, emptied) = self.adopt(news).await?;
        let ids: Vec<TraceId> = news.keys().map(|arn| TraceId::of_execution(arn)).collect();
        let mut events = group_by(self.held.events(&ids).await?, |it| it.execution_arn.clone());
        let mut documents = group_by(self.held.documents(&ids).await?, |it| {
            it.execution_arn.clone()
        });
        let held = self.held.executions(&ids).await?;
        let cold_starts: BTreeMap<TraceId, u32> = held
            .iter()
            .map(|it| (it.trace_id, it.cold_starts))
            .collect();
        let ends: BTreeMap<TraceId, (UnixNanos, UnixNanos)> = held
            .iter()
            .filter_map(|it| Some((it.trace_id, (it.start_time, it.end_time?))))
            .collect();
        for (arn, news) in news {
            let held_events = events.remove(&arn).unwrap_or_default();
            let held_documents = documents.remove(&arn).unwrap_or_default();
            let known = cold_starts.get(&TraceId::of_execution(&arn)).copied();
            let build = move || build(&arn, held_events, held_documents, news, known);
            if let Some(mut built) = tokio::task::spawn_blocking(build).await? {
                built.trace.spans.extend(self.guests_of(built.id).await?);
                touched.executions.insert(built.id);
                self.count(built.new);
                let id = built.id;
                self.held.store.replace(unit(built)?).await?;
                if let Some((start, end)) = ends.get(&id) {
                    self.outdate(*start, *end);
                }
            }
        }
        for execution in &emptied {
            self.forget(execution).await?;
        }
        Ok(())
    }
}

impl Assembler {
    /// An execution that had ended was built anew: a redrive may have moved its end and those of its
    /// states.
    pub(super) fn outdate(&self, start: UnixNanos, end: UnixNanos) {
        const MINUTE: i64 = 60_000_000_000;
        const MOST_MINUTES: i64 = 1_440;
        self.held.store.outdated(Table::Executions, end);
        let first = start.0.max(end.0.saturating_sub(MOST_MINUTES * MINUTE));
        let mut at = first;
        while at < end.0.saturating_add(MINUTE) {
            self.held.store.outdated(Table::States, UnixNanos(at));
            self.held.store.outdated(Table::Attempts, UnixNanos(at));
            at = at.saturating_add(MINUTE);
        }
    }
}

/// `None` when nothing is new.
fn build(
    arn: &str,
    held_events: Vec<HistoryEvent>,
    held_documents: Vec<Document>,
    news: News,
    known_cold_starts: Option<u32>,
) -> Option<Built> {
    let before = held_events.len();
    let (documents, new_documents) = merge_documents(held_documents, news.documents);
    // A redrive may be counted differently in a copy, which is then dropped: look again what changed.
    let redriven = news.events.iter().any(|event| event.redrive_count > 0);
    let before_events = redriven.then(|| held_events.clone());
    let Merged { events, changed } = workflow::merge_events(held_events, news.events);
    let changed = changed && before_events.is_none_or(|before| before != events);
    if known_cold_starts.is_some() && !changed && new_documents == 0 {
        return None;
    }
    let mut trace = workflow::build(&events, &documents);
    trace.execution.cold_starts = known_cold_starts.unwrap_or_default();
    let new = Counts {
        executions: 1,
        // Events that became richer are news, too, even if their number stays.
        events: (events.len().saturating_sub(before) as u64).max(u64::from(changed)),
        documents: new_documents,
        ..Counts::default()
    };
    Some(Built {
        id: TraceId::of_execution(arn),
        trace,
        events,
        documents,
        new,
    })
}

/// Both without doubles, in an order that does not depend on arrival; and how many are new.
pub(super) fn merge_documents(held: Vec<Document>, new: Vec<Document>) -> (Vec<Document>, u64) {
    let before = held.len();
    let mut seen = BTreeSet::new();
    let mut all: Vec<Document> = held
        .into_iter()
        .chain(new)
        .filter(|document| seen.insert((document.kind, document.body.clone())))
        .collect();
    all.sort_by(|a, b| (a.kind, &a.body).cmp(&(b.kind, &b.body)));
    let new = all.len().saturating_sub(before) as u64;
    (all, new)
}

fn unit(built: Built) -> Result<Unit> {
    let trace = built.trace;
    Ok(Unit {
        id: built.id,
        tables: vec![
            (
                Table::Events,
                rows::events(&built.events, &trace.event_states)?,
            ),
            (Table::Documents, rows::documents(&built.documents)?),
            (Table::States, rows::states(&trace.states)?),
            (Table::Attempts, rows::attempts(&trace.attempts)?),
            (Table::Spans, rows::spans(&trace.spans)?),
            (Table::Executions, rows::executions(&[trace.execution])?),
        ],
    })
}
