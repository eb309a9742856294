//! The questions of the pages over a real store, before and after its rows have become blocks.

mod held;

use held::*;
use inquest_query::questions::{ExecutionFilter, LogFilter, TraceFilter};
use inquest_query::{Engine, Kind, Limits};
use model::trace_file::{FLAG_CAUGHT, FLAG_COLD, FLAG_ERROR, FLAG_RETRY, FLAG_ROOT_CAUSE, RowKind};
use model::{Category, Outcome, TraceId};
use std::sync::Arc;
use store::{Snapshot, Store, StoreConfig};

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
            .execution_rows(&snapshot, &[trace_id], 10)
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
