use super::*;
use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span},
};
use proptest::prelude::*;
use prost::Message as _;

fn wrap(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}
fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(wrap(value)),
        ..Default::default()
    }
}
fn text(text: &str) -> Value {
    Value::StringValue(text.into())
}

fn plain_span(n: u8) -> Span {
    Span {
        trace_id: vec![n; 16],
        span_id: vec![n; 8],
        name: format!("span {n}"),
        kind: 2,
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 1_500,
        ..Default::default()
    }
}

fn of_spans(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let list = Value::ArrayValue(ArrayValue {
        values: vec![wrap(text("one")), wrap(text("two"))],
    });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![
                    pair("service.name", text("shop")),
                    pair("host.name", text("h1")),
                    pair("tags", list),
                ],
                ..Default::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "lib".into(),
                    version: "1.2".into(),
                    ..Default::default()
                }),
                spans,
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

/// A request with everything in it.
pub(crate) fn request() -> ExportTraceServiceRequest {
    let mut full = plain_span(1);
    full.parent_span_id = vec![9; 8];
    full.trace_state = "a=b".into();
    full.flags = 257;
    full.status = Some(Status {
        code: 2,
        message: "broke".into(),
    });
    full.attributes = vec![
        pair("http.route", text("/cart")),
        pair("http.status", Value::IntValue(500)),
        pair("ratio", Value::DoubleValue(0.5)),
        pair("cached", Value::BoolValue(true)),
        pair("raw", Value::BytesValue(vec![1, 2])),
    ];
    full.events = vec![span::Event {
        time_unix_nano: 1_200,
        name: "exception".into(),
        attributes: vec![pair("exception.type", text("E\"1\""))],
        ..Default::default()
    }];
    full.links = vec![span::Link {
        trace_id: vec![7; 16],
        span_id: vec![8; 8],
        trace_state: "x=y".into(),
        attributes: vec![pair("why", text("batch"))],
        ..Default::default()
    }];
    let mut other = plain_span(2);
    other.attributes = vec![
        pair("http.status", text("not a number")),
        pair("ratio", Value::IntValue(2)),
        pair("http.route", text("")),
    ];
    of_spans(vec![full, other, plain_span(3)])
}

/// Log records with everything in them, two of them equal.
pub(crate) fn log_request() -> ExportLogsServiceRequest {
    let record = LogRecord {
        time_unix_nano: 5,
        observed_time_unix_nano: 6,
        severity_number: 17,
        severity_text: "ERROR".into(),
        body: Some(wrap(text("it broke"))),
        attributes: vec![
            pair("faas.invocation_id", text("req-1")),
            pair("n", Value::IntValue(1)),
        ],
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        event_name: "e".into(),
        ..Default::default()
    };
    let structured = LogRecord {
        observed_time_unix_nano: 7,
        body: Some(wrap(Value::ArrayValue(ArrayValue {
            values: vec![wrap(Value::IntValue(1)), wrap(text("a"))],
        }))),
        ..Default::default()
    };
    let groups = Value::ArrayValue(ArrayValue {
        values: vec![wrap(text("/aws/lambda/f"))],
    });
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource {
                attributes: vec![
                    pair("faas.name", text("f")),
                    pair("aws.log.group.names", groups),
                ],
                ..Default::default()
            }),
            scope_logs: vec![ScopeLogs {
                log_records: vec![record.clone(), structured, record],
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

fn decode_spans(request: &ExportTraceServiceRequest) -> Decoded {
    traces(&request.encode_to_vec(), &Promotion::default()).unwrap()
}

fn column<'a>(decoded: &'a Decoded, name: &str) -> Vec<Option<&'a str>> {
    let column = decoded.batch.column_by_name(name);
    let column = column.unwrap_or_else(|| panic!("no column {name}"));
    match column.as_dictionary_opt::<Int32Type>() {
        None => column.as_string::<i32>().iter().collect(),
        Some(shared) => {
            let values = shared.values().as_string::<i32>();
            let value = |number: Option<i32>| number.map(|it| values.value(it as usize));
            shared.keys().iter().map(value).collect()
        }
    }
}

#[test]
fn spans_become_the_rows_that_the_model_has() {
    let decoded = decode_spans(&request());
    assert_eq!((decoded.rejected, decoded.message.as_str()), (0, ""));
    let check = |name, expect: [Option<&str>; 3]| assert_eq!(column(&decoded, name), expect);
    check("service_name", [Some("shop"); 3]);
    check(
        "resource",
        [Some(r#"{"host.name":"h1","tags":["one","two"]}"#); 3],
    );
    check("scope_version", [Some("1.2"); 3]);
    check("kind", [Some("server"); 3]);
    check("status_code", [Some("error"), Some("unset"), Some("unset")]);
    check("status_message", [Some("broke"), None, None]);
    check("trace_state", [Some("a=b"), None, None]);
    check("attributes.http.route", [Some("/cart"), Some(""), None]);
    let other_type = Some(r#"{"http.status":"not a number"}"#);
    check("attributes", [Some(r#"{"raw":"AQI="}"#), other_type, None]);
    let batch = &decoded.batch;
    let ratio = batch["attributes.ratio"].as_primitive::<Float64Type>();
    assert_eq!(
        ratio.iter().collect::<Vec<_>>(),
        [Some(0.5), Some(2.0), None]
    );
    let duration = batch["duration_ns"].as_primitive::<Int64Type>();
    assert_eq!(duration.values(), &[500; 3]);
    let parents = batch["parent_span_id"].as_binary::<i32>();
    let expect = [Some([9; 8].as_slice()), None, None];
    assert_eq!(parents.iter().collect::<Vec<_>>(), expect);

    let events = column(&decoded, "events")[0].unwrap();
    let events: Vec<model::SpanEvent> = serde_json::from_str(events).unwrap();
    assert_eq!(events[0].attributes["exception.type"], "E\"1\"".into());
    assert_eq!(
        (events[0].name.as_str(), events[0].time.0),
        ("exception", 1_200)
    );
    let links = column(&decoded, "links")[0].unwrap();
    let links: Vec<model::Link> = serde_json::from_str(links).unwrap();
    assert_eq!(links[0].trace_id, model::TraceId([7; 16]));
    assert_eq!(links[0].attributes["why"], "batch".into());
}

#[test]
fn log_records_get_an_identity_of_their_own() {
    let bytes = log_request().encode_to_vec();
    let decoded = logs(&bytes, &Promotion::default()).unwrap();
    let check = |name, expect: [Option<&str>; 3]| assert_eq!(column(&decoded, name), expect);
    check(
        "body",
        [Some("it broke"), Some(r#"[1,"a"]"#), Some("it broke")],
    );
    check("service_name", [Some("f"); 3]);
    check("log_group", [Some("/aws/lambda/f"); 3]);
    check("request_id", [Some("req-1"), None, Some("req-1")]);
    let time = decoded.batch["time"].as_primitive::<Int64Type>();
    assert_eq!(time.values(), &[5, 7, 5]);

    let ids = |decoded: &Decoded| -> Vec<Vec<u8>> {
        let ids = decoded.batch["log_id"].as_binary::<i32>();
        ids.iter().flatten().map(<[u8]>::to_vec).collect()
    };
    let first = ids(&decoded);
    assert_ne!(first[0], first[2], "equal records in one request are two");
    // Other promotions do not make other records.
    let again = logs(&bytes, &Promotion::new(0)).unwrap();
    assert_eq!(first, ids(&again));
}

#[test]
fn bad_spans_are_left_out_with_a_reason_and_the_others_kept() {
    let mut no_trace = plain_span(1);
    no_trace.trace_id = vec![0; 16];
    let mut short = plain_span(1);
    short.span_id = vec![1; 7];
    let mut late = plain_span(1);
    late.start_time_unix_nano = u64::MAX;
    let decoded = decode_spans(&of_spans(vec![no_trace, plain_span(4), short, late]));
    assert_eq!((decoded.batch.num_rows(), decoded.rejected), (1, 3));
    assert!(
        decoded.message.starts_with("1 span rejected: "),
        "{}",
        decoded.message
    );
    for reason in [
        "trace id is not 16",
        "span id is not 8",
        "after the year 2262",
    ] {
        assert!(decoded.message.contains(reason), "{}", decoded.message);
    }
}

#[test]
fn a_span_that_ends_before_it_starts_has_no_duration() {
    let mut backwards = plain_span(1);
    backwards.end_time_unix_nano = 10;
    let decoded = decode_spans(&of_spans(vec![backwards]));
    let duration = decoded.batch["duration_ns"].as_primitive::<Int64Type>();
    assert_eq!(duration.values(), &[0]);
    assert_eq!(
        column(&decoded, "attributes"),
        [Some(r#"{"inquest.end_time":10}"#)]
    );
    assert_eq!(decoded.rejected, 0);
}

#[test]
fn fields_in_any_order_give_the_same_rows() {
    // The resource after the scopes, which protobuf allows.
    let request = request();
    let spans = &request.resource_spans[0];
    let mut inner = Vec::new();
    prost::encoding::message::encode(2, &spans.scope_spans[0], &mut inner);
    prost::encoding::message::encode(1, spans.resource.as_ref().unwrap(), &mut inner);
    let mut bytes = vec![0x0a];
    crate::json::write_varint(inner.len() as u64, &mut bytes);
    bytes.extend(inner);
    let decoded = traces(&bytes, &Promotion::default()).unwrap();
    assert_eq!(decoded.batch, decode_spans(&request).batch);
}

/// A request whose resource, or scope, has this many bytes of text, with this many spans.
fn repeating(resource: usize, scope: usize, spans: usize) -> ExportTraceServiceRequest {
    let mut request = of_spans((0..spans).map(|_| plain_span(1)).collect());
    let outer = &mut request.resource_spans[0];
    let of = |size: usize| pair("big", text(&"x".repeat(size)));
    let held = outer.resource.as_mut().unwrap();
    held.attributes.push(of(resource));
    let held = outer.scope_spans[0].scope.as_mut().unwrap();
    held.attributes.push(of(scope));
    request
}

#[test]
fn a_resource_that_memory_holds_once_is_counted_once() {
    // Rows with together more of the resource than a request may take of memory.
    let decoded = decode_spans(&repeating(MAX_OVERHEAD / 32, 0, 200));
    assert_eq!((decoded.rejected, decoded.batch.num_rows()), (0, 200));
    let values = decoded.batch["resource"]
        .as_dictionary::<Int32Type>()
        .values();
    assert_eq!(values.len(), 1);
    let size = decoded.batch.get_array_memory_size();
    assert!(size < MAX_OVERHEAD / 8, "{size}");
}

#[test]
fn rows_do_not_grow_far_beyond_what_was_sent() {
    let check = |resource: usize, scope: usize, spans: usize, kept: std::ops::Range<usize>| {
        let decoded = decode_spans(&repeating(resource, scope, spans));
        let rows = decoded.batch.num_rows();
        assert!(kept.contains(&rows), "{rows}");
        assert_eq!(rows as u64 + decoded.rejected, spans as u64);
        assert!(
            decoded.message.contains("smaller batches"),
            "{}",
            decoded.message
        );
    };
    // Attributes of a scope are written into every row.
    check(0, MAX_OVERHEAD / 32, 40, 24..33);
    // Files and readers have the resource in every row, too.
    check(MAX_REPEATED / 64, 0, 80, 60..65);

    // Two bytes each: `log_records: {}`.
    let mut records = [0x12, 0].repeat(2_000_000);
    for _ in 0..2 {
        let mut outer = vec![if records[1] == 0 { 0x12 } else { 0x0a }];
        crate::json::write_varint(records.len() as u64, &mut outer);
        outer.extend(records);
        records = outer;
    }
    let decoded = logs(&records, &Promotion::default()).unwrap();
    let rows = decoded.batch.num_rows();
    assert!((100_000..=MAX_OVERHEAD / ROW).contains(&rows), "{rows}");
    assert_eq!(rows as u64 + decoded.rejected, 2_000_000);
}

#[test]
fn the_second_attribute_of_a_name_is_kept_beside_the_first() {
    let mut twice = plain_span(1);
    twice.attributes = vec![pair("a", text("1")), pair("a", text("2"))];
    let decoded = decode_spans(&of_spans(vec![twice]));
    assert_eq!(column(&decoded, "attributes.a"), [Some("1")]);
    assert_eq!(column(&decoded, "attributes"), [Some(r#"{"a":"2"}"#)]);
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = traces(&bytes, &Promotion::default());
        let _ = logs(&bytes, &Promotion::default());
    }

    #[test]
    fn changed_requests_are_decoded_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let change = |mut bytes: Vec<u8>| {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            bytes
        };
        let small = Promotion::new(3);
        for batch in [
            traces(&change(request().encode_to_vec()), &small),
            logs(&change(log_request().encode_to_vec()), &small),
        ].into_iter().flatten() {
            prop_assert!(batch.batch.num_rows() as u64 + batch.rejected <= 64);
            let plain = store::plain(&batch.batch).unwrap();
            for name in ["attributes", "resource", "events"] {
                let Some(json) = plain.column_by_name(name) else { continue };
                for text in json.as_string::<i32>().iter().flatten() {
                    prop_assert!(serde_json::from_str::<model::Value>(text).is_ok(), "{text}");
                }
            }
        }
    }
}
