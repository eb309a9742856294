use super::*;
use model::*;

fn execution() -> Execution {
    Execution {
        execution_arn: "arn:x".into(),
        trace_id: TraceId([7; 16]),
        span_id: SpanId([9; 8]),
        status: ExecutionStatus::TimedOut,
        start_time: UnixNanos(1_700_000_000_123_456_789),
        end_time: Some(UnixNanos(-1)),
        root_event_id: Some(12),
        retries: u32::MAX,
        complete: true,
        input: Some("{\"a\": \"\\u0000 ü\"}".into()),
        ..Execution::default()
    }
}

#[test]
fn executions_states_and_attempts_round_trip() {
    let all = [execution(), Execution::default()];
    let batch = executions(&all).unwrap();
    assert_eq!(batch.schema(), Table::Executions.schema());
    assert_eq!(read_executions(&batch).unwrap(), all);
    let all = [State {
        caught: true,
        iteration_index: Some(3),
        status: Status::Aborted,
        ..State::default()
    }];
    assert_eq!(read_states(&states(&all).unwrap()).unwrap(), all);
    let all = [Attempt {
        backoff_ns: Some(-3),
        request_id_in_cause: true,
        ..Attempt::default()
    }];
    assert_eq!(read_attempts(&attempts(&all).unwrap()).unwrap(), all);
    assert_eq!(executions(&[]).unwrap().num_rows(), 0);
}

#[test]
fn invocations_keep_kind_and_truth_of_cold_starts() {
    let all = [
        ColdStart::Warm,
        ColdStart::SuppressedInit,
        ColdStart::Unknown,
    ]
    .map(|cold_start| Invocation {
        cold_start,
        billed_duration_ms: Some(0.1),
        ..Invocation::default()
    });
    let batch = invocations(&all).unwrap();
    assert_eq!(read_invocations(&batch).unwrap(), all);
    let truth = batch.column_by_name("cold_start").unwrap();
    let truth = arrow::array::AsArray::as_boolean(truth);
    let truth: Vec<_> = truth.iter().collect();
    assert_eq!(truth, [Some(false), Some(true), None]);
}

#[test]
fn events_documents_and_joins_round_trip() {
    let event = HistoryEvent {
        engine: Engine::step_functions(),
        execution_arn: "arn:x".into(),
        redrive_count: 1,
        event_id: 5,
        previous_event_id: 4,
        event_type: "TaskScheduled".into(),
        time: UnixNanos(5),
        details: "{\"a\":1}".into(),
        source: EventSource::Logs,
    };
    let batch = events(std::slice::from_ref(&event), &[(5, "Charge".into())]).unwrap();
    assert_eq!(read_events(&batch).unwrap(), [event]);
    let state = batch.column_by_name("state").unwrap();
    assert_eq!(
        arrow::array::AsArray::as_string::<i32>(state).value(0),
        "Charge"
    );
    let document = Document {
        engine: Engine::step_functions(),
        execution_arn: "arn:x".into(),
        kind: DocumentKind::MapRun,
        body: "{}".into(),
    };
    let batch = documents(std::slice::from_ref(&document)).unwrap();
    assert_eq!(read_documents(&batch).unwrap(), [document]);
    let end = |n: u8| JoinEnd {
        kind: "span".into(),
        trace_id: TraceId([n; 16]),
        span_id: SpanId([n; 8]),
    };
    let join = Join {
        execution_arn: String::new(),
        parent: end(1),
        child: end(2),
        method: JoinMethod::FunctionAndTime,
        confidence: 0.5,
        candidates: 2,
        evidence: "window".into(),
    };
    let batch = joins(std::slice::from_ref(&join)).unwrap();
    assert_eq!(read_joins(&batch).unwrap(), [join]);
}

#[test]
fn attributes_of_spans_and_logs_come_back_from_columns_and_text() {
    let attributes = |text: &str| Attributes::from([("mixed".to_owned(), Value::from(text))]);
    let mut first = Span {
        span_id: SpanId([1; 8]),
        flags: 256,
        kind: SpanKind::Server,
        end_time: UnixNanos(50),
        attributes: attributes("x"),
        resource: attributes("y"),
        ..Span::default()
    };
    first
        .attributes
        .insert("list".into(), Value::Array(vec![Value::Int(1)]));
    first
        .attributes
        .insert("odd name".into(), Value::Bool(true));
    first.events.push(SpanEvent::default());
    first.links.push(Link::default());
    let mut second = first.clone();
    second
        .attributes
        .insert("mixed".into(), Value::Double(0.25));
    let all = [first, second];
    let batch = spans(&all).unwrap();
    assert!(batch.column_by_name("attributes.mixed").is_some());
    assert!(batch.column_by_name("attributes.odd name").is_none());
    assert_eq!(read_spans(&batch).unwrap(), all);
    let all = [
        LogRecord {
            origin: LogOrigin::LambdaFunction,
            attributes: attributes("x"),
            ..LogRecord::default()
        },
        LogRecord {
            time: UnixNanos(4),
            trace_id: TraceId([3; 16]),
            ..LogRecord::default()
        },
    ];
    assert_eq!(read_logs(&logs(&all).unwrap()).unwrap(), all);
}
