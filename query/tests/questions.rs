//! The questions of the pages over a real store, before and after its rows have become blocks.

use arrow::array::RecordBatch;
use inquest_query::questions::{ExecutionFilter, LogFilter, TraceFilter};
use inquest_query::{Engine, Kind, Limits};
use model::trace_file::{FLAG_CAUGHT, FLAG_COLD, FLAG_ERROR, FLAG_RETRY, FLAG_ROOT_CAUSE, RowKind};
use model::{
    Attempt, Attributes, Category, ColdStart, Engine as Workflow, Entity, EventSource, Execution,
    ExecutionStatus, HistoryEvent, Invocation, Join, JoinEnd, JoinMethod, LogRecord, Outcome, Span,
    SpanId, SpanSource, State, Status, StatusCode, TraceId, UnixNanos, Verdict,
};
use std::sync::Arc;
use store::rows::Judged;
use store::{Snapshot, Store, StoreConfig, Table, Unit, rows};

const START: i64 = 1_795_305_600_000_000_000;
const SECOND: i64 = 1_000_000_000;
const ARN: &str = "arn:aws:states:eu-west-1:1:execution:orders:run-0";

fn arn(n: i64) -> String {
    format!("arn:aws:states:eu-west-1:1:execution:orders:run-{n}")
}

fn id(n: u64) -> SpanId {
    SpanId(n.to_be_bytes())
}

fn execution(n: i64) -> Execution {
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
fn judged(n: i64) -> Judged {
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

fn step(n: u64, parent: u64, kind: &str, from: i64, to: i64) -> Span {
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

fn workflow_spans() -> Vec<Span> {
    vec![
        step(1, 0, "execution", 0, 10 * SECOND),
        step(2, 1, "state", 0, 9 * SECOND),
        step(3, 2, "attempt", 0, SECOND),
        step(4, 2, "attempt", 4 * SECOND, 8 * SECOND),
    ]
}

fn attempt(n: u64, number: u32, from: i64, to: i64) -> Attempt {
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

fn state() -> State {
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

fn invocation_id() -> TraceId {
    TraceId([9; 16])
}

fn invocation_spans() -> Vec<Span> {
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

fn invocation() -> Invocation {
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

fn join() -> Join {
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

fn events() -> Vec<HistoryEvent> {
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

fn received(trace: u8, n: u64, parent: u64, start: i64) -> Span {
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

fn log(n: i64) -> LogRecord {
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

async fn fill(store: &Store) {
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

/// Asks over rows in memory, over blocks, and over blocks whose rows memory has replaced.
async fn check(ask: impl AsyncFn(Engine, Arc<Snapshot>)) {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(StoreConfig::at(folder.path()))
        .await
        .expect("a store");
    let engine = Engine::new(Limits::default()).expect("an engine");
    fill(&store).await;
    ask(engine.clone(), store.snapshot()).await;
    store.flush().await.expect("flushed");
    ask(engine.clone(), store.snapshot()).await;
    fill(&store).await;
    ask(engine, store.snapshot()).await;
    store.close().await.expect("closed");
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn executions_are_paged_filtered_and_counted() {
    check(async |engine, snapshot| {
        let names = async |filter: ExecutionFilter| {
            let page = engine.executions(&snapshot, &filter).await.expect("a page");
            let names: Vec<String> = page.rows.iter().map(|row| row.name.clone()).collect();
            (names.join(" "), page.total, page.next_cursor)
        };
        let filter = ExecutionFilter {
            limit: Some(3),
            ..Default::default()
        };
        let (first, total, cursor) = names(filter.clone()).await;
        assert_eq!((first.as_str(), total), ("run-4 run-3 run-2", 5));
        let next = ExecutionFilter { cursor, ..filter };
        let (second, _, end) = names(next).await;
        assert_eq!((second.as_str(), end), ("run-1 run-0", None));

        let with = |change: fn(&mut ExecutionFilter)| {
            let mut filter = ExecutionFilter::default();
            change(&mut filter);
            filter
        };
        for (filter, expect) in [
            (
                with(|f| f.status = text("FAILED,ABORTED")),
                "run-4 run-2 run-0",
            ),
            (with(|f| f.state_machine = text("billing")), "run-3 run-1"),
            (with(|f| f.error = text("card%d")), "run-4 run-2 run-0"),
            (with(|f| f.error = text("card_d")), ""),
            (with(|f| f.q = text("\"O-3")), "run-3"),
            (
                with(|f| f.from = text("2026-11-22T00:00:03Z")),
                "run-4 run-3",
            ),
            (with(|f| f.to = text("1795305601000000000")), "run-0"),
            (with(|f| f.min_duration = text("10000000001")), ""),
            (
                with(|f| f.max_duration = text("10000000000")),
                "run-4 run-3 run-2 run-1 run-0",
            ),
        ] {
            assert_eq!(names(filter.clone()).await.0, expect, "{filter:?}");
        }
        let wrong = with(|f| f.from = text("soon"));
        let error = engine
            .executions(&snapshot, &wrong)
            .await
            .expect_err("refused");
        assert_eq!(error.kind(), Kind::Invalid);

        let facets = engine
            .facets(&snapshot, &with(|f| f.status = text("FAILED")))
            .await;
        let facets = facets.expect("facets");
        assert_eq!(facets.state_machines, [("orders".to_owned(), 3)]);
        assert_eq!(
            facets.statuses,
            [("FAILED".to_owned(), 3), ("SUCCEEDED".to_owned(), 2)]
        );
        assert_eq!(facets.errors, [("Card%Declined".to_owned(), 3)]);
        let histogram = engine
            .histogram(&snapshot, &ExecutionFilter::default())
            .await;
        let counts = histogram.expect("a histogram").counts;
        assert_eq!(counts.iter().flatten().sum::<u64>(), 5);
    })
    .await;
}

#[tokio::test]
async fn executions_tell_whose_fault_it_was() {
    check(async |engine, snapshot| {
        let any = ExecutionFilter::default();
        let all = engine.executions(&snapshot, &any).await;
        let all = all.expect("a page").rows;
        let told = |name: &str| {
            let row = all.iter().find(|row| row.name == name).expect("listed");
            let verdict = row.verdict.as_ref()?;
            Some((verdict.outcome, verdict.culprit.clone(), verdict.category))
        };
        let item = Some("Charge[2]".to_owned());
        let bad_input = Some(Category::BadInput);
        assert_eq!(told("run-2"), Some((Outcome::Verdict, item, bad_input)));
        assert_eq!(told("run-1"), Some((Outcome::NoCrime, None, None)));
        assert_eq!(told("run-4"), None);

        let names = async |culprit: &str| {
            let filter = ExecutionFilter {
                culprit: Some(culprit.to_owned()),
                ..ExecutionFilter::default()
            };
            let page = engine.executions(&snapshot, &filter).await.expect("a page");
            let names: Vec<String> = page.rows.into_iter().map(|row| row.name).collect();
            (names, page.total)
        };
        let both = vec!["run-2".to_owned(), "run-0".to_owned()];
        assert_eq!(names("Charge").await, (both, 2));
        assert_eq!(names("Charge[2]").await, (vec!["run-2".to_owned()], 1));
        assert_eq!(names("Char").await, (Vec::new(), 0));
        let facets = engine.facets(&snapshot, &any).await.expect("facets");
        assert_eq!(facets.culprits, [("Charge".to_owned(), 2)]);
    })
    .await;
}

#[tokio::test]
async fn an_execution_is_found_by_arn_and_by_trace() {
    check(async |engine, snapshot| {
        let trace_id = TraceId::of_execution(ARN);
        for id in [ARN.to_owned(), trace_id.to_string()] {
            let detail = engine.execution(&snapshot, &id).await.expect("held");
            assert_eq!(detail.execution, execution(0));
            assert_eq!((detail.invocations, detail.logs), (1, 3));
            assert_eq!(detail.children.len(), 1);
            assert_eq!(detail.children[0].status.as_deref(), Some("SUCCEEDED"));
            assert_eq!(
                detail.children[0].trace_id,
                execution(1).trace_id.to_string()
            );
        }
        let missing = engine.execution(&snapshot, "nobody").await;
        assert_eq!(missing.expect_err("missing").kind(), Kind::NotFound);

        let events = engine.events(&snapshot, ARN, Some(2), Some(3)).await;
        let events = events.expect("events");
        let ids: Vec<u64> = events.rows.iter().map(|event| event.event_id).collect();
        assert_eq!((ids, events.total), (vec![3, 4, 5], 9));
        assert_eq!(events.rows[0].state.as_deref(), Some("Charge"));
        let rows = engine
            .execution_rows(&snapshot, &[trace_id])
            .await
            .expect("rows");
        assert_eq!(rows[0].name, "run-0");
    })
    .await;
}

#[tokio::test]
async fn the_tree_of_an_execution_holds_what_is_joined_to_it() {
    check(async |engine, snapshot| {
        let trace_id = TraceId::of_execution(ARN);
        let file = engine.trace(&snapshot, trace_id).await.expect("a tree");
        let rows: Vec<(u16, RowKind, u8)> = file
            .rows
            .iter()
            .map(|row| (row.depth, row.kind, row.flags))
            .collect();
        assert_eq!(
            rows,
            [
                (0, RowKind::Execution, FLAG_ERROR | FLAG_ROOT_CAUSE),
                (
                    1,
                    RowKind::State,
                    FLAG_ERROR | FLAG_CAUGHT | FLAG_ROOT_CAUSE
                ),
                (2, RowKind::Attempt, FLAG_ERROR),
                (2, RowKind::Backoff, 0),
                (
                    2,
                    RowKind::Attempt,
                    FLAG_ERROR | FLAG_RETRY | FLAG_ROOT_CAUSE
                ),
                (
                    3,
                    RowKind::Invocation,
                    FLAG_ERROR | FLAG_COLD | FLAG_ROOT_CAUSE
                ),
                (4, RowKind::Init, 0),
            ]
        );
        assert_eq!(file.header.traces.len(), 2);
        assert_eq!(file.header.strings[file.rows[4].service as usize], "charge");

        let attempt = engine.span(&snapshot, trace_id, id(4)).await.expect("held");
        assert_eq!(
            (attempt.kind.as_str(), attempt.status.as_str()),
            ("attempt", "FAILED")
        );
        assert_eq!(attempt.error.as_deref(), Some("Card%Declined"));
        assert_eq!(attempt.joins, [join()]);
        assert_eq!(
            attempt.child_execution.and_then(|c| c.status).as_deref(),
            Some("SUCCEEDED")
        );
        let state = engine.span(&snapshot, trace_id, id(2)).await.expect("held");
        assert_eq!(state.input.as_deref(), Some(r#"{"a":1}"#));
        let missing = engine.span(&snapshot, trace_id, id(77)).await;
        assert_eq!(missing.expect_err("missing").kind(), Kind::NotFound);
    })
    .await;
}

#[tokio::test]
async fn logs_belong_to_invocations_and_spans() {
    check(async |engine, snapshot| {
        let bodies = async |trace_id: TraceId, filter: LogFilter| {
            let page = engine
                .logs(&snapshot, trace_id, &filter)
                .await
                .expect("a page");
            let bodies: Vec<String> = page.rows.iter().map(|row| row.body.clone()).collect();
            (bodies.join(", "), page)
        };
        let trace_id = TraceId::of_execution(ARN);
        let (all, page) = bodies(trace_id, LogFilter::default()).await;
        assert_eq!((all.as_str(), page.total), ("line 0, line 3, line 6", 3));
        assert_eq!(page.rows[0].span_id, id(7).to_string());
        let of = |span: u64| LogFilter {
            span_id: Some(id(span).to_string()),
            ..Default::default()
        };
        assert_eq!(bodies(trace_id, of(4)).await.0, "line 0, line 3, line 6");
        assert_eq!(bodies(trace_id, of(3)).await.0, "");
        let next = LogFilter {
            after: Some(page.rows[0].log_id.clone()),
            limit: Some(1),
            ..Default::default()
        };
        assert_eq!(bodies(trace_id, next).await.0, "line 3");
        let searched = LogFilter {
            q: text("LINE 6"),
            ..Default::default()
        };
        assert_eq!(bodies(trace_id, searched).await.0, "line 6");
    })
    .await;
}

#[tokio::test]
async fn traces_without_an_execution_are_listed() {
    check(async |engine, snapshot| {
        let ids = async |filter: TraceFilter| {
            let page = engine.traces(&snapshot, &filter).await.expect("a page");
            let ids: Vec<String> = page
                .rows
                .iter()
                .map(|row| row.trace_id[..2].into())
                .collect();
            (ids.join(" "), page)
        };
        let (all, page) = ids(TraceFilter::default()).await;
        assert_eq!(all, "67 66 65 64");
        let row = &page.rows[2];
        assert_eq!(
            (row.root_name.as_str(), row.root_service.as_str()),
            ("GET /1", "service-1")
        );
        assert_eq!((row.spans, row.errors, row.duration_ns), (2, 1, SECOND + 1));
        assert_eq!(row.services, ["service-0", "service-1"]);
        let two = TraceFilter {
            limit: Some(2),
            ..Default::default()
        };
        let (first, page) = ids(two.clone()).await;
        assert_eq!(first, "67 66");
        let next = TraceFilter {
            cursor: page.next_cursor,
            ..two
        };
        let (second, page) = ids(next).await;
        assert_eq!((second.as_str(), page.next_cursor), ("65 64", None));
        let with = |change: fn(&mut TraceFilter)| {
            let mut filter = TraceFilter::default();
            change(&mut filter);
            filter
        };
        for (filter, expect) in [
            (with(|f| f.status = text("error")), "65"),
            (with(|f| f.status = text("ok")), "67 66 64"),
            (with(|f| f.service = text("service-0")), "67 66 65 64"),
            (with(|f| f.service = text("service")), ""),
            (with(|f| f.name = text("get /2")), "67 66 65 64"),
            (with(|f| f.min_duration = text("1000000002")), ""),
            (
                with(|f| f.from = Some((START + 102 * SECOND).to_string())),
                "67 66",
            ),
            (
                with(|f| f.to = Some((START + 102 * SECOND).to_string())),
                "65 64",
            ),
        ] {
            assert_eq!(ids(filter.clone()).await.0, expect, "{filter:?}");
        }
        let file = engine
            .trace(&snapshot, TraceId([101; 16]))
            .await
            .expect("a tree");
        assert_eq!(file.rows.len(), 2);
        assert_eq!(file.rows[1].flags, FLAG_ERROR);
        let schema = engine.schema(&snapshot);
        let spans = schema.tables.iter().find(|table| table.name == "spans");
        let columns = &spans.expect("a table").columns;
        assert!(
            columns
                .iter()
                .any(|column| column.name == "attributes.http.route")
        );
    })
    .await;
}
