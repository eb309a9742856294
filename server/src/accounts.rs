//! Facts about executions, loaded for the accounts of their time and money.

use analysis::{cost::PriceBook, ledger};
use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use model::{
    Attempt, CostItem, Execution, HistoryEvent, Invocation, Join, Ledger, Span, State, TraceId,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};
use store::{Snapshot, Table, rows};

/// Spans of applications that are looked at together, to bound memory.
const MOST_SPANS: usize = 200_000;

/// Everything that the accounts of one execution are made from.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The execution.
    pub execution: Execution,
    /// Its state visits.
    pub states: Vec<State>,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
    /// The invocations that its attempts made.
    pub invocations: Vec<Invocation>,
    /// Its joins.
    pub joins: Vec<Join>,
    /// Its workflow spans, and those of applications in it.
    pub spans: Vec<Span>,
    /// Its events.
    pub events: Vec<HistoryEvent>,
}

/// Time and money of one execution.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    /// Where its time went.
    pub ledger: Ledger,
    /// Its bill.
    pub items: Vec<CostItem>,
}

/// The price book in this file, or the built-in one.
///
/// # Errors
/// When the file cannot be read or is no price book.
pub fn price_book(path: Option<&Path>) -> Result<PriceBook> {
    let Some(path) = path else {
        return Ok(PriceBook::built_in());
    };
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the price book {name}"))?;
    PriceBook::read(&text).with_context(|| format!("cannot use the price book {name}"))
}

impl Facts {
    /// As analysis takes them.
    pub fn view(&self) -> ledger::Facts<'_> {
        ledger::Facts {
            execution: &self.execution,
            states: &self.states,
            attempts: &self.attempts,
            invocations: &self.invocations,
            joins: &self.joins,
            spans: &self.spans,
            events: &self.events,
        }
    }

    /// As baselines and comparisons take them.
    pub fn run(&self) -> analysis::baseline::Run<'_> {
        analysis::baseline::Run {
            execution: &self.execution,
            states: &self.states,
            attempts: &self.attempts,
            invocations: &self.invocations,
            joins: &self.joins,
            spans: &self.spans,
            logs: &[],
        }
    }

    /// Judges them.
    pub fn accounts(&self, book: &PriceBook) -> Accounts {
        Accounts {
            ledger: ledger::account(&self.view()),
            items: analysis::cost::bill(&self.view(), book),
        }
    }
}

/// Loads what is held of these executions, in the order of their trace ids.
///
/// # Errors
/// When the store cannot be read.
pub async fn load(snapshot: &Snapshot, ids: &[TraceId]) -> Result<Vec<Facts>> {
    let of = |table| snapshot.find(table, ids);
    let executions = read(of(Table::Executions).await?, rows::read_executions)?;
    let mut states = grouped(read(of(Table::States).await?, rows::read_states)?, |it| {
        it.trace_id
    });
    let attempts = read(of(Table::Attempts).await?, rows::read_attempts)?;
    let mut attempts = grouped(attempts, |it| it.trace_id);
    let events = read(of(Table::Events).await?, rows::read_events)?;
    let mut events = grouped(events, |it| TraceId::of_execution(&it.execution_arn));
    let joins = read(of(Table::Joins).await?, rows::read_joins)?;
    let inside = Inside::load(snapshot, ids, &joins).await?;
    let mut joins = grouped(joins, |it| TraceId::of_execution(&it.execution_arn));
    let mut loaded = BTreeMap::new();
    for execution in executions {
        let id = execution.trace_id;
        let joins = joins.remove(&id).unwrap_or_default();
        let mut facts = Facts {
            states: states.remove(&id).unwrap_or_default(),
            attempts: attempts.remove(&id).unwrap_or_default(),
            events: events.remove(&id).unwrap_or_default(),
            invocations: inside.invocations(&joins),
            spans: inside.spans(id, &joins),
            joins,
            execution,
        };
        let states = &mut facts.states;
        states.sort_by_key(|it| (it.redrive_count, it.entered_event_id));
        let attempts = &mut facts.attempts;
        attempts.sort_by_key(|it| (it.redrive_count, it.scheduled_event_id));
        let events = &mut facts.events;
        events.sort_by_key(|it| (it.redrive_count, it.event_id));
        loaded.insert(id, facts);
    }
    Ok(loaded.into_values().collect())
}

/// What joins lead to: invocations, and spans of applications with their traces.
struct Inside {
    invocations: HashMap<TraceId, Vec<Invocation>>,
    spans: HashMap<TraceId, Vec<Span>>,
}

impl Inside {
    async fn load(snapshot: &Snapshot, ids: &[TraceId], joins: &[Join]) -> Result<Inside> {
        let children = |kind: &str| -> Vec<TraceId> {
            let of = joins.iter().filter(|join| join.child.kind == kind);
            let ids: BTreeSet<TraceId> = of.map(|join| join.child.trace_id).collect();
            ids.into_iter().collect()
        };
        let invocations = snapshot
            .find(Table::Invocations, &children("invocation"))
            .await?;
        let invocations = read(invocations, rows::read_invocations)?;
        let mut traces: BTreeSet<TraceId> = ids.iter().copied().collect();
        traces.extend(children("span"));
        traces.extend(children("invocation"));
        traces.extend(children("job"));
        let traces: Vec<TraceId> = traces.into_iter().collect();
        let mut spans = Vec::new();
        for batch in snapshot.find(Table::Spans, &traces).await? {
            if spans.len() >= MOST_SPANS {
                tracing::warn!("more than {MOST_SPANS} spans: the rest is not looked at");
                break;
            }
            spans.extend(rows::read_spans(&batch)?);
        }
        Ok(Inside {
            invocations: grouped(invocations, |it| it.trace_id),
            spans: grouped(spans, |it| it.trace_id),
        })
    }

    fn invocations(&self, joins: &[Join]) -> Vec<Invocation> {
        let own = joins.iter().filter(|join| join.child.kind == "invocation");
        let ids: BTreeSet<TraceId> = own.map(|join| join.child.trace_id).collect();
        let held = ids.iter().filter_map(|id| self.invocations.get(id));
        held.flatten().cloned().collect()
    }

    fn spans(&self, id: TraceId, joins: &[Join]) -> Vec<Span> {
        let own = joins
            .iter()
            .filter(|join| matches!(join.child.kind.as_str(), "span" | "invocation" | "job"));
        let mut ids: BTreeSet<TraceId> = own.map(|join| join.child.trace_id).collect();
        ids.insert(id);
        let held = ids.iter().filter_map(|id| self.spans.get(id));
        let mut spans: Vec<Span> = held.flatten().cloned().collect();
        spans.sort_by_key(|span| (span.start_time, span.trace_id, span.span_id));
        spans
    }
}

fn read<T>(
    batches: Vec<RecordBatch>,
    read: impl Fn(&RecordBatch) -> Result<Vec<T>, store::Error>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for batch in &batches {
        all.extend(read(batch)?);
    }
    Ok(all)
}

fn grouped<T>(rows: Vec<T>, key: impl Fn(&T) -> TraceId) -> HashMap<TraceId, Vec<T>> {
    let mut groups: HashMap<TraceId, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
}
