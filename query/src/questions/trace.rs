//! The tree of a trace, and everything about one of its spans.

use super::detail::{add_hop, describe_attempt, received, set_failure};
use super::execution::find_execution;
use super::span_cells::{SPAN_COLUMNS, SpanCells, row_kind};
use super::tree::{Adoption, Key, Node, assemble};
use crate::{Engine, Error, cells::Cells, scan::align};
use arrow::array::RecordBatch;
use datafusion::logical_expr::{Expr, lit};
use model::api::SpanDetail;
use model::trace_file::{
    FLAG_ABORTED, FLAG_CAUGHT, FLAG_COLD, FLAG_ERROR, FLAG_RETRY, FLAG_RUNNING, RowKind, TraceFile,
};
use model::{
    Attempt, ColdStart, Execution, Invocation, Join, JoinMethod, Span, SpanId, State, Status,
    TraceId, Value,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use store::{Snapshot, Table, rows};

/// Below this a join is a guess.
const CERTAIN: f64 = 0.9;
/// Children of map runs that are shown in the tree of their parent; the others open by themselves.
const SHOWN_CHILDREN: usize = 5_000;

/// Everything held about a trace.
pub(super) struct Held {
    trace_id: TraceId,
    execution: Option<Execution>,
    /// Executions of its map runs.
    children: Vec<Execution>,
    states: Vec<State>,
    attempts: Vec<Attempt>,
    pub invocations: Vec<Invocation>,
    joins: Vec<Join>,
    spans: Vec<RecordBatch>,
    /// Spans of proxies at which a request failed: their own status often does not say so.
    failed_hops: HashSet<Key>,
}

impl Engine {
    /// The tree of an execution or of an OTLP trace, with what is joined to it.
    pub async fn trace(&self, snapshot: &Snapshot, trace_id: TraceId) -> Result<TraceFile, Error> {
        let held = Held::find(snapshot, trace_id).await?;
        let file = held.tree()?;
        if file.rows.is_empty() {
            return Err(Error::no_trace(trace_id));
        }
        Ok(file)
    }

    /// Everything about one span.
    pub async fn span(
        &self,
        snapshot: &Snapshot,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> Result<SpanDetail, Error> {
        let mut spans = Vec::new();
        for batch in snapshot.find(Table::Spans, &[trace_id]).await? {
            let batch = only_span(&batch, span_id)?;
            spans.extend(rows::read_spans(&batch)?);
        }
        let Some(span) = spans.into_iter().next() else {
            return Err(Error::NotFound(format!(
                "no span '{span_id}' of trace '{trace_id}' is held"
            )));
        };
        let mut detail = received(&span);
        self.add_workflow(snapshot, &span, &mut detail).await?;
        detail.joins = self.joins_of(snapshot, span_id).await?;
        add_hop(snapshot, &span, &mut detail).await?;
        Ok(detail)
    }

    /// Joins at one of whose ends the span is.
    async fn joins_of(&self, snapshot: &Snapshot, span_id: SpanId) -> Result<Vec<Join>, Error> {
        let id = || lit(span_id.to_string());
        let column = super::parameter::name;
        let of_span = column("parent_span_id")
            .eq(id())
            .or(column("child_span_id").eq(id()));
        let traces: Vec<TraceId> = self.joined(snapshot, of_span).await?.into_iter().collect();
        let mut joins = Vec::new();
        for batch in snapshot.find(Table::Joins, &traces).await? {
            joins.extend(rows::read_joins(&batch)?);
        }
        joins.retain(|join| join.parent.span_id == span_id || join.child.span_id == span_id);
        Ok(joins)
    }

    /// The traces of the executions to which a trace is joined.
    pub(super) async fn owners(
        &self,
        snapshot: &Snapshot,
        trace: TraceId,
    ) -> Result<BTreeSet<TraceId>, Error> {
        let child = super::parameter::name("child_trace_id").eq(lit(trace.to_string()));
        self.joined(snapshot, child).await
    }

    /// The traces in whose joins something is true.
    async fn joined(&self, snapshot: &Snapshot, what: Expr) -> Result<BTreeSet<TraceId>, Error> {
        let frame = self
            .table(snapshot, Table::Joins)
            .await?
            .filter(what)?
            .select(vec![super::parameter::name("trace_id")])?
            .distinct()?;
        let mut traces = BTreeSet::new();
        for batch in self.collect(frame).await? {
            let cells = Cells(&batch);
            traces.extend(
                (0..batch.num_rows())
                    .filter_map(|row| cells.text("trace_id", row)?.parse::<TraceId>().ok()),
            );
        }
        Ok(traces)
    }

    /// What the tables of executions, states, attempts and invocations know beyond the span.
    async fn add_workflow(
        &self,
        snapshot: &Snapshot,
        span: &Span,
        detail: &mut SpanDetail,
    ) -> Result<(), Error> {
        let ids = [span.trace_id];
        match kind(span) {
            RowKind::Execution => {
                if let Some(execution) = find_execution(snapshot, span.trace_id).await? {
                    detail.status = execution.status.as_str().to_owned();
                    detail.duration_ns = execution.duration_ns;
                    set_failure(detail, execution.error, execution.cause);
                    detail.input = execution.input;
                    detail.output = execution.output;
                }
            }
            RowKind::State => {
                for batch in snapshot.find(Table::States, &ids).await? {
                    let batch = only_span(&batch, span.span_id)?;
                    for state in rows::read_states(&batch)? {
                        detail.status = state.status.as_str().to_owned();
                        detail.duration_ns = state.duration_ns;
                        set_failure(detail, state.error, state.cause);
                        detail.input = state.input;
                        detail.output = state.output;
                    }
                }
            }
            RowKind::Attempt => {
                for batch in snapshot.find(Table::Attempts, &ids).await? {
                    let batch = only_span(&batch, span.span_id)?;
                    for attempt in rows::read_attempts(&batch)? {
                        describe_attempt(snapshot, detail, attempt).await?;
                    }
                }
            }
            RowKind::Invocation => {
                for batch in snapshot.find(Table::Invocations, &ids).await? {
                    for invocation in rows::read_invocations(&batch)? {
                        detail.status = invocation.status.as_str().to_owned();
                        detail.service = invocation.function_name;
                        set_failure(detail, invocation.error_type, invocation.error_message);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Held {
    /// Fetches it all, without inputs and outputs.
    pub async fn find(snapshot: &Snapshot, trace_id: TraceId) -> Result<Self, Error> {
        let ids = [trace_id];
        let mut held = Held {
            trace_id,
            execution: find_execution(snapshot, trace_id).await?,
            children: Vec::new(),
            states: Vec::new(),
            attempts: Vec::new(),
            invocations: Vec::new(),
            joins: Vec::new(),
            spans: snapshot.find(Table::Spans, &ids).await?,
            failed_hops: HashSet::new(),
        };
        held.add_steps(snapshot, &ids).await?;
        // Children of map runs lie below their Map, with all that is below them.
        let children: Vec<TraceId> = held
            .joins
            .iter()
            .filter(|join| join.method == JoinMethod::MapRun)
            .map(|join| join.child.trace_id)
            .take(SHOWN_CHILDREN)
            .collect();
        if !children.is_empty() {
            held.add_steps(snapshot, &children).await?;
            for batch in snapshot.find(Table::Executions, &children).await? {
                let batch = without_payloads(&batch)?;
                held.children.extend(rows::read_executions(&batch)?);
            }
        }
        let shown =
            |join: &Join| join.child.kind != "execution" || join.method == JoinMethod::MapRun;
        held.joins.retain(shown);
        let joined: BTreeSet<TraceId> = held.joins.iter().map(|join| join.child.trace_id).collect();
        let joined: Vec<TraceId> = joined.into_iter().filter(|id| *id != trace_id).collect();
        if !joined.is_empty() {
            held.spans
                .extend(snapshot.find(Table::Spans, &joined).await?);
        }
        let all: Vec<TraceId> = joined.into_iter().chain(ids).collect();
        for batch in snapshot.find(Table::Invocations, &all).await? {
            held.invocations.extend(rows::read_invocations(&batch)?);
        }
        for batch in snapshot.find(Table::Hops, &all).await? {
            let hops = rows::read_hops(&batch)?;
            let failed = hops.iter().filter(|hop| hop.outcome.is_failure());
            held.failed_hops
                .extend(failed.map(|hop| (hop.trace_id, hop.span_id)));
        }
        Ok(held)
    }

    /// Adds states, attempts and joins of these executions.
    async fn add_steps(&mut self, snapshot: &Snapshot, ids: &[TraceId]) -> Result<(), Error> {
        for batch in snapshot.find(Table::States, ids).await? {
            self.states
                .extend(rows::read_states(&without_payloads(&batch)?)?);
        }
        for batch in snapshot.find(Table::Attempts, ids).await? {
            self.attempts
                .extend(rows::read_attempts(&without_payloads(&batch)?)?);
        }
        for batch in snapshot.find(Table::Joins, ids).await? {
            self.joins.extend(rows::read_joins(&batch)?);
        }
        Ok(())
    }

    /// The trace and those that are joined to it.
    pub async fn traces(snapshot: &Snapshot, trace_id: TraceId) -> Result<Vec<TraceId>, Error> {
        let mut traces = BTreeSet::from([trace_id]);
        for batch in snapshot.find(Table::Joins, &[trace_id]).await? {
            let joins = rows::read_joins(&batch)?;
            let inside = joins.iter().filter(|join| join.child.kind != "execution");
            traces.extend(inside.map(|join| join.child.trace_id));
        }
        Ok(traces.into_iter().collect())
    }

    /// As one tree; without rows if nothing is held.
    pub fn tree(&self) -> Result<TraceFile, Error> {
        let mut nodes = self.nodes()?;
        nodes.extend(self.attempts.iter().filter_map(backoff));
        let adoptions: Vec<Adoption> = self.joins.iter().map(adoption).collect();
        Ok(assemble(self.trace_id, nodes, &adoptions, self.culprit()))
    }

    fn nodes(&self) -> Result<Vec<Node>, Error> {
        let workflow = Workflow::new(self);
        let mut nodes = Vec::new();
        for batch in &self.spans {
            let batch = align(batch, &SPAN_COLUMNS)?;
            let spans = SpanCells::new(&batch);
            for row in 0..batch.num_rows() {
                if let Some(mut node) = spans.node(row) {
                    workflow.describe(&mut node);
                    if self.failed_hops.contains(&node.key) {
                        node.flags |= FLAG_ERROR;
                    }
                    nodes.push(node);
                }
            }
        }
        Ok(nodes)
    }

    /// The span of the failure that explains the end.
    fn culprit(&self) -> Option<Key> {
        let execution = self.execution.as_ref()?;
        let event = execution.root_event_id?;
        let attempt = self.attempts.iter().find(|a| a.end_event_id == Some(event));
        if let Some(attempt) = attempt {
            return Some((attempt.trace_id, attempt.span_id));
        }
        let root_state = execution.root_state.as_deref()?;
        let failed = |state: &&State| {
            state.state == root_state
                && state.status.is_failure()
                && state.entered_event_id <= event
        };
        let entered = |state: &&State| state.state == root_state && state.entered_event_id <= event;
        let latest = |states: Vec<&State>| {
            let state = states.into_iter().max_by_key(|s| s.entered_event_id)?;
            Some((state.trace_id, state.span_id))
        };
        latest(self.states.iter().filter(failed).collect())
            .or_else(|| latest(self.states.iter().filter(entered).collect()))
    }
}

fn adoption(join: &Join) -> Adoption {
    Adoption {
        child: (join.child.trace_id, join.child.span_id),
        parent: (join.parent.trace_id, join.parent.span_id),
        confidence: join.confidence,
        uncertain: join.confidence < CERTAIN || join.ambiguous(),
    }
}

/// The wait before a retry, as a row of its own below the state.
fn backoff(attempt: &Attempt) -> Option<Node> {
    let wait = attempt.backoff_ns.filter(|wait| *wait > 0)?;
    Some(Node {
        key: (attempt.trace_id, SpanId::default()),
        parent: attempt.parent_span_id,
        name: "wait before retry".to_owned(),
        service: attempt.state.clone(),
        start: attempt.start_time.0.saturating_sub(wait),
        end: Some(attempt.start_time.0),
        kind: RowKind::Backoff,
        flags: 0,
    })
}

/// Function or service that an attempt calls.
pub(super) fn service_of(attempt: &Attempt) -> String {
    attempt
        .function_name
        .clone()
        .unwrap_or_else(|| attempt.resource_type.clone())
}

/// What the tables know about spans, by span.
struct Workflow<'a> {
    executions: HashMap<SpanId, &'a Execution>,
    states: HashMap<SpanId, &'a State>,
    attempts: HashMap<SpanId, &'a Attempt>,
    invocations: HashMap<Key, &'a Invocation>,
}

impl<'a> Workflow<'a> {
    fn new(held: &'a Held) -> Self {
        Workflow {
            executions: held
                .execution
                .iter()
                .chain(&held.children)
                .map(|e| (e.span_id, e))
                .collect(),
            states: held.states.iter().map(|s| (s.span_id, s)).collect(),
            attempts: held.attempts.iter().map(|a| (a.span_id, a)).collect(),
            invocations: held
                .invocations
                .iter()
                .map(|i| ((i.trace_id, i.span_id), i))
                .collect(),
        }
    }

    /// Adds kind, flags and names that the tables know better than the span.
    fn describe(&self, node: &mut Node) {
        match node.kind {
            RowKind::Execution | RowKind::State | RowKind::Attempt => self.describe_step(node),
            RowKind::Invocation => {
                if let Some(invocation) = self.invocations.get(&node.key) {
                    node.service.clone_from(&invocation.function_name);
                    node.flags |= cold_flag(invocation.cold_start);
                }
            }
            _ => {}
        }
        if node.flags & FLAG_RUNNING != 0 {
            node.end = None;
        }
    }

    fn describe_step(&self, node: &mut Node) {
        if let Some(state) = self.states.get(&node.key.1) {
            node.flags = status_flags(state.status);
            if state.caught {
                node.flags |= FLAG_CAUGHT;
            }
        } else if let Some(attempt) = self.attempts.get(&node.key.1) {
            node.flags = status_flags(attempt.status);
            if attempt.retry {
                node.flags |= FLAG_RETRY;
            }
            node.service = service_of(attempt);
        } else if let Some(execution) = self.executions.get(&node.key.1) {
            use model::ExecutionStatus::{Aborted, Failed, PendingRedrive, Running, TimedOut};
            node.flags = match execution.status {
                Failed | TimedOut => FLAG_ERROR,
                Aborted => FLAG_ABORTED,
                Running | PendingRedrive => FLAG_RUNNING,
                model::ExecutionStatus::Succeeded => 0,
            };
        }
    }
}

fn status_flags(status: Status) -> u8 {
    match status {
        Status::Failed | Status::TimedOut => FLAG_ERROR,
        Status::Aborted => FLAG_ABORTED,
        Status::Running => FLAG_RUNNING,
        Status::Succeeded | Status::Unknown => 0,
    }
}

fn cold_flag(cold_start: ColdStart) -> u8 {
    match cold_start.is_cold() {
        Some(true) => FLAG_COLD,
        _ => 0,
    }
}

pub(super) fn kind(span: &Span) -> RowKind {
    match span.attributes.get("inquest.kind") {
        Some(Value::String(word)) if !span.source.is_received() => row_kind(word),
        _ => RowKind::Span,
    }
}

pub(super) fn kind_word(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Execution => "execution",
        RowKind::State => "state",
        RowKind::Attempt => "attempt",
        RowKind::Iteration => "iteration",
        RowKind::Branch => "branch",
        RowKind::Invocation => "invocation",
        RowKind::Init => "init",
        RowKind::Span => "span",
        RowKind::Backoff => "backoff",
    }
}

pub(super) fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The rows of one span.
pub(super) fn only_span(batch: &RecordBatch, span_id: SpanId) -> Result<RecordBatch, Error> {
    use arrow::array::{Array, BinaryArray, BooleanArray};
    let ids = batch.column_by_name("span_id");
    let ids = ids.and_then(|ids| ids.as_any().downcast_ref::<BinaryArray>());
    let Some(ids) = ids else {
        return Ok(batch.clone());
    };
    let wanted: BooleanArray = ids
        .iter()
        .map(|id| Some(id == Some(&span_id.0[..])))
        .collect();
    arrow::compute::filter_record_batch(batch, &wanted)
        .map_err(|error| Error::Engine(error.to_string()))
}

/// The batch with its inputs and outputs emptied, which may be large and which the tree does not show.
fn without_payloads(batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, array)| match field.name().as_str() {
        "input" | "output" => arrow::array::new_null_array(field.data_type(), batch.num_rows()),
        _ => array.clone(),
    });
    RecordBatch::try_new(schema.clone(), columns.collect())
        .map_err(|error| Error::Engine(error.to_string()))
}
