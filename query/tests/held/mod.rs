//! What the store of the questions holds: five executions, their spans and logs, and traces without one.

use arrow::array::RecordBatch;
use model::{
    Attempt, Attributes, Category, ColdStart, Engine as Workflow, Entity, EventSource, Execution,
    ExecutionStatus, HistoryEvent, Invocation, Join, JoinEnd, JoinMethod, LogRecord, Outcome, Span,
    SpanId, SpanSource, State, Status, StatusCode, TraceId, UnixNanos, Verdict,
};
use store::rows::Judged;
use store::{Store, Table, Unit, rows};

pub const START: i64 = 1_795_305_600_000_000_000;
pub const SECOND: i64 = 1_000_000_000;
pub const ARN: &str = "arn:aws:states:eu-west-1:1:execution:orders:run-0";

pub fn arn(n: i64) -> String {
    format!("arn:aws:states:eu-west-1:1:execution:orders:run-{n}")
}

pub fn id(n: u64) -> SpanId {
    SpanId(n.to_be_bytes())
}

pub fn execution(n: i64) -> Execution {
    let failed = n % 2 == 0;
    Execution {
        trace_id: TraceId::of_execution(&arn(n)),
        execution_arn: arn(n),
        span_id: id(1),
        engine: "aws.step_functions".into(),
        state_machine: ["orders", "billing"][n as usize % 2].into(),
        name: format!("run-{n}"),
        status: match failed {
            true => ExecutionStatus::Failed,
            false => ExecutionStatus::Succeeded,
        },
        start_time: UnixNanos(START + n * SECOND),
        end_time: Some(UnixNanos(START + n * SECOND + 10 * SECOND)),
        duration_ns: Some(10 * SECOND),
        root_error: failed.then(|| "Card%Declined".into()),
        root_state: failed.then(|| "Charge".into()),
        root_event_id: failed.then_some(9),
        input: Some(format!(r#"{{"order":"o-{n}"}}"#)),
        ..Execution::default()
    }
}

/// Two were killed by an item of `Charge`, the one between them by nobody.
pub fn judged(n: i64) -> Judged {
    let culprit = (n % 2 == 0).then(|| Entity {
        kind: "item".into(),
        name: format!("Charge[{n}]"),
        path: Vec::new(),
    });
    let verdict = Verdict {
        execution: arn(n),
        outcome: match culprit {
            Some(_) => Outcome::Verdict,
            None => Outcome::NoCrime,
        },
        category: culprit.is_some().then_some(Category::BadInput),
        culprit,
        confidence: 0.75,
        ..Verdict::default()
    };
    Judged::new(&execution(n), verdict)
}

pub fn step(n: u64, parent: u64, kind: &str, from: i64, to: i64) -> Span {
    let attributes = Attributes::from([("inquest.kind".to_owned(), kind.into())]);
    Span {
        trace_id: TraceId::of_execution(ARN),
        span_id: id(n),
        parent_span_id: id(parent),
        name: format!("{kind} {n}"),
        service_name: "orders".into(),
        start_time: UnixNanos(START + from),
        end_time: UnixNanos(START + to),
        attributes,
        source: SpanSource::Workflow,
        ..Span::default()
    }
}

pub fn workflow_spans() -> Vec<Span> {
    vec![
        step(1, 0, "execution", 0, 10 * SECOND),
        step(2, 1, "state", 0, 9 * SECOND),
        step(3, 2, "attempt", 0, SECOND),
        step(4, 2, "attempt", 4 * SECOND, 8 * SECOND),
    ]
}

pub fn attempt(n: u64, number: u32, from: i64, to: i64) -> Attempt {
    Attempt {
        execution_arn: ARN.into(),
        trace_id: TraceId::of_execution(ARN),
        span_id: id(n),
        parent_span_id: id(2),
        state: "Charge".into(),
        attempt: number,
        retry: number > 1,
        backoff_ns: (number > 1).then_some(3 * SECOND),
        resource_type: "lambda".into(),
        function_name: Some("charge".into()),
        request_id: Some("r-1".into()),
        status: Status::Failed,
        error: Some("Card%Declined".into()),
        start_time: UnixNanos(START + from),
        end_time: Some(UnixNanos(START + to)),
        end_event_id: Some(if number == 2 { 9 } else { 5 }),
        child_execution_arn: (number == 2).then(|| arn(1)),
        output: Some("{}".into()),
        ..Attempt::default()
    }
}

pub fn state() -> State {
    State {
        execution_arn: ARN.into(),
        trace_id: TraceId::of_execution(ARN),
        span_id: id(2),
        parent_span_id: id(1),
        state: "Charge".into(),
        status: Status::Failed,
        caught: true,
        start_time: UnixNanos(START),
        input: Some(r#"{"a":1}"#.into()),
        ..State::default()
    }
}

pub fn invocation_id() -> TraceId {
    TraceId([9; 16])
}

pub fn invocation_spans() -> Vec<Span> {
    let mut invocation = step(7, 0, "invocation", 5 * SECOND, 7 * SECOND);
    invocation.trace_id = invocation_id();
    invocation.source = SpanSource::Lambda;
    invocation.status_code = StatusCode::Error;
    let mut init = invocation.clone();
    init.span_id = id(8);
    init.attributes = Attributes::from([("inquest.kind".to_owned(), "init".into())]);
    init.start_time = UnixNanos(START + 4 * SECOND + 1);
    init.status_code = StatusCode::Unset;
    vec![invocation, init]
}

pub fn invocation() -> Invocation {
    Invocation {
        trace_id: invocation_id(),
        span_id: id(7),
        request_id: "r-1".into(),
        function_name: "charge".into(),
        log_group: "/aws/lambda/charge".into(),
        log_stream: "stream".into(),
        start_time: UnixNanos(START + 5 * SECOND),
        cold_start: ColdStart::Init,
        ..Invocation::default()
    }
}

pub fn join() -> Join {
    let end = |kind: &str, trace_id, span_id| JoinEnd {
        kind: kind.into(),
        trace_id,
        span_id,
    };
    Join {
        execution_arn: ARN.into(),
        parent: end("attempt", TraceId::of_execution(ARN), id(4)),
        child: end("invocation", invocation_id(), id(7)),
        method: JoinMethod::RequestId,
        confidence: 1.0,
        candidates: 1,
        evidence: "r-1".into(),
    }
}

pub fn events() -> Vec<HistoryEvent> {
    let event = |n: u64| HistoryEvent {
        engine: Workflow::step_functions(),
        execution_arn: ARN.into(),
        redrive_count: 0,
        event_id: n,
        previous_event_id: n - 1,
        event_type: format!("Event{n}"),
        time: UnixNanos(START + n as i64),
        details: "{}".into(),
        source: EventSource::History,
    };
    (1..=9).rev().map(event).collect()
}

pub fn received(trace: u8, n: u64, parent: u64, start: i64) -> Span {
    Span {
        trace_id: TraceId([trace; 16]),
        span_id: id(n),
        parent_span_id: id(parent),
        name: format!("GET /{n}"),
        service_name: format!("service-{}", n % 2),
        start_time: UnixNanos(START + start),
        end_time: UnixNanos(START + start + SECOND),
        status_code: match (trace, n) {
            (101, 2) => StatusCode::Error,
            _ => StatusCode::Unset,
        },
        attributes: Attributes::from([("http.route".to_owned(), "/x".into())]),
        ..Span::default()
    }
}

pub fn log(n: i64) -> LogRecord {
    let line = LogRecord {
        log_id: TraceId::of_parts(&["line", &n.to_string()]),
        time: UnixNanos(START + 5 * SECOND + n),
        body: format!("line {n}"),
        ..LogRecord::default()
    };
    match n % 3 {
        0 => LogRecord {
            request_id: "r-1".into(),
            log_stream: "stream".into(),
            ..line
        },
        1 => LogRecord {
            request_id: "r-1".into(),
            log_stream: "another stream".into(),
            ..line
        },
        _ => LogRecord {
            trace_id: TraceId([101; 16]),
            span_id: id(2),
            attributes: Attributes::from([("n".to_owned(), n.into())]),
            ..line
        },
    }
}

pub async fn fill(store: &Store) {
    let replace = async |id: TraceId, tables: Vec<(Table, RecordBatch)>| {
        let unit = Unit { id, tables };
        store.replace(unit).await.expect("replaced");
    };
    for n in 1..5 {
        let executions = rows::executions(&[execution(n)]).expect("rows");
        let id = TraceId::of_execution(&arn(n));
        let mut tables = vec![(Table::Executions, executions)];
        if n < 3 {
            let judged = rows::verdicts(&[judged(n)]).expect("rows");
            tables.push((Table::Verdicts, judged));
        }
        replace(id, tables).await;
    }
    let tables = vec![
        (Table::Executions, rows::executions(&[execution(0)])),
        (Table::Verdicts, rows::verdicts(&[judged(0)])),
        (Table::States, rows::states(&[state()])),
        (
            Table::Attempts,
            rows::attempts(&[
                attempt(3, 1, 0, SECOND),
                attempt(4, 2, 4 * SECOND, 8 * SECOND),
            ]),
        ),
        (
            Table::Events,
            rows::events(&events(), &[(3, "Charge".into())]),
        ),
        (Table::Spans, rows::spans(&workflow_spans())),
        (Table::Joins, rows::joins(&[join()])),
    ];
    let tables = tables.into_iter().map(|(t, rows)| (t, rows.expect("rows")));
    replace(TraceId::of_execution(ARN), tables.collect()).await;
    let tables = vec![
        (
            Table::Invocations,
            rows::invocations(&[invocation()]).expect("rows"),
        ),
        (
            Table::Spans,
            rows::spans(&invocation_spans()).expect("rows"),
        ),
    ];
    replace(invocation_id(), tables).await;
    let traces = (100..104).flat_map(|trace| {
        let start = i64::from(trace) * SECOND;
        [
            received(trace, 1, 0, start),
            received(trace, 2, 1, start + 1),
        ]
    });
    let spans = rows::spans(&traces.collect::<Vec<_>>()).expect("rows");
    store.append(Table::Spans, spans).await.expect("appended");
    let logs = rows::logs(&(0..9).map(log).collect::<Vec<_>>()).expect("rows");
    store.append(Table::Logs, logs).await.expect("appended");
}
